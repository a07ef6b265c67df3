"""Where data sets that nobody may pass on are looked for."""

import os


def find_folder(op, name, folder, files):
    """`folder`, or else $FASTNN_DATA/name, if it holds all `files`; FileNotFoundError if not."""
    if folder is None:
        root = os.environ.get("FASTNN_DATA")
        if not root:
            raise FileNotFoundError(
                f"{op}: give the folder that holds {', '.join(files)}, or set FASTNN_DATA to the "
                f"folder above {name}/"
            )
        folder = os.path.join(root, name)
    folder = os.fsdecode(folder)
    missing = [file for file in files if not os.path.isfile(os.path.join(folder, file))]
    if missing:
        raise FileNotFoundError(f"{op}: {folder} must hold {', '.join(files)}; no {missing[0]}")
    return folder
