"""Text files, and a collection of poems."""

import gzip
import os
import zlib
from typing import NamedTuple


def read_text(path):
    """A text file, plain or gzipped, as one string.

    UTF-8, a byte order mark at its start left out; every end of line becomes a line feed.
    Raises OSError when the file cannot be read; ValueError, naming file and place, when it is
    empty or no UTF-8.
    """
    name = os.fsdecode(path)
    with open(name, "rb") as file:
        data = file.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{name}: damaged gzip file: {error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}: expected a text file in UTF-8, and byte {error.start} "
            f"(0x{data[error.start]:02x}) is none"
        ) from None
    if not text:
        raise ValueError(f"{name}: the file is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_text(text, validation=0.1):
    """(training part, validation part): a string's, array's or list's last share validates.

    Text is not shuffled: what lies next to each other belongs together. Raises ValueError unless
    0 < validation < 1.
    """
    if not 0 < validation < 1:
        raise ValueError(f"split_text: validation must lie between 0 and 1, got {validation}")
    border = len(text) - round(len(text) * validation)
    return text[:border], text[border:]


class Poem(NamedTuple):
    author: str
    title: str
    text: str


def read_poems(path=None):
    """The poems of a file with a line "author TAB title TAB text" for each, a list of `Poem`.

    path  plain or gzipped; None: tang-poems/tang.tsv.gz in the folder $FASTNN_DATA, the 57,607
          poems of the Tang in https://github.com/chinese-poetry/chinese-poetry (MIT licence)

    Tabs in between belong to the title (some of these have a preface). Raises FileNotFoundError
    when the file is not there, ValueError naming the line that has fewer than three fields.
    """
    if path is None:
        path = os.path.join(os.environ.get("FASTNN_DATA", ""), "tang-poems", "tang.tsv.gz")
    poems = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        author, *title, text = line.split("\t") if "\t" in line else (line, "")
        if not title:
            raise ValueError(
                f"{os.fsdecode(path)}: line {number}: expected author, title and text with tabs "
                f"in between, got {line[:60]!r}"
            )
        poems.append(Poem(author, "\t".join(title), text))
    return poems
