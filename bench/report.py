"""docs/performance.md from the scoreboard's rows, and its summary in README.md."""

from collections.abc import Mapping
from math import exp, log
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

BEGIN, END = "<!-- benchmark:begin -->", "<!-- benchmark:end -->"


class Section(NamedTuple):
    """title: of its table. mean, floor: the bars for the geometric mean and for every row (None:
    no bar); small: the floor for rows marked small; floors: where rows, by their labels, have
    bars of their own."""

    title: str
    mean: float | None = None
    floor: float | None = None
    small: float | None = None
    floors: Mapping[str, float] = MappingProxyType({})
    note: str = ""


SECTIONS = {
    "gemm": Section(
        "Matrix product, m x n x k", mean=1.05, floor=0.85, small=0.5,
        note="Under a million multiply-adds the cost of the call rules: the bar there is 0.5x.",
    ),
    "gemm packed": Section(
        "Matrix product with weights packed once, m <= 128", floor=1.2,
        note="`kernels.pack` is outside the time; the peers have no such object.",
    ),
    "conv forward": Section(
        "Convolution, forward", mean=1.4, floor=0.95,
        note="N x C x H x W, K of R x R. GFLOP/s as usually counted, taps in the padding included.",
    ),
    "conv both": Section(
        "Convolution, forward and backward (data, weight and bias)", mean=1.4, floor=0.95,
        note="fastnn and torch both through their tapes.",
    ),
    "grouped": Section(
        "Grouped and depthwise convolution, forward and backward", floor=1.3,
        note="fastnn and torch both through their tapes.",
    ),
    "batch norm": Section(
        "Batch normalisation and ReLU in training, forward and backward", floor=2,
        note="Two modules in a Sequential, by fastnn and torch; torch's ReLU in place.",
    ),
    "max pool": Section(
        "Max pooling, forward and backward", floor=2,
        note="N x C x H x W, window / stride; fastnn and torch both through their tapes.",
    ),
    "networks": Section(
        "Training step with SGD and momentum",
        floors={
            "ResNet-20, batch 128, 32 x 32": 1.5, "ResNet-18, batch 4, 224 x 224": 1.3,
            "VGG-11, batch 4, 224 x 224": 1.1,
        },
        note="torch's networks are those of bench/torch_networks.py; VGG-11 without its dropout.",
    ),
    "inference": Section(
        "Inference of one picture",
        floors={
            "LeNet-5, batch 1, 28 x 28": 3, "ResNet-20, batch 1, 32 x 32": 2,
            "ResNet-18, batch 1, 224 x 224": 1.3,
        },
        note="In evaluation mode, under `no_grad` and torch's `inference_mode`; torch's models as "
        "they are, and with batch normalisation fused into the convolutions (by torch.fx), which "
        "fastnn does by itself.",
    ),
    "memory": Section(
        "Memory of a training step", floor=1,
        note="Peak resident set above the start, in a fresh process for each implementation "
        "(bench/memory.py). The ratio is torch's peak over fastnn's.",
    ),
    "lenet5": Section("Training step of LeNet-5 with Adam", floor=2.5),
    "mlp": Section("Training step of an MLP with Adam", floor=1.4),
    "lenet5 numpy": Section(
        "Training step of LeNet-5 against plain NumPy (bench/numpy_impl.py)", floor=10
    ),
    "language models": Section(
        "Training step of a character language model with Adam",
        floors={
            "LSTM 1x128, batch 32, T 50": 1.5, "LSTM 2x256, batch 50, T 50": 1.4,
            "LSTM 2x512, batch 64, T 64": 1.15, "GRU 2x256, batch 50, T 50": 2,
            "RNN 2x256, batch 50, T 50": 2, "bidirectional LSTM 1x256, batch 50, T 50": 1.4,
            "LSTM 2x256, batch 50, T 50, lengths 1 to 50": 3,
        },
        note="Embedding, recurrent layers, linear layer and cross-entropy, 65 characters "
        "(bench/language_models.py). With lengths torch has packed sequences, on whose data alone "
        "the linear layer and the loss work. fastnn multiplies each of the 65 embedded characters "
        "by the first layer's weights once.",
    ),
    "taggers": Section(
        "Training step of a tagger, bidirectional LSTM and conditional random field, with Adam",
        floor=3,
        note="Sentences of unequal length, 2,000 words (bench/taggers.py). torch's forward "
        "algorithm is a loop in Python over positions, each step one logsumexp for all sentences.",
    ),
    "translation": Section(
        "Training step of encoder and decoder with additive attention, with Adam", floor=1.5,
        note="One layer each (bench/translation.py). torch's encoder has packed sequences, its "
        "decoder is a loop over LSTMCell and batched attention, the last layers and the loss are "
        "over all steps at once, of the words that there are, whose frequencies are Zipf's.",
    ),
    "peephole": Section(
        "The same with peepholes, against fastnn's without", floor=1 / 1.2,
        note="The bar is at most 1.2 times the time without: a ratio of 0.83x.",
    ),
    "language inference": Section(
        "Inference of a character language model",
        floors={
            "LSTM 1x128, batch 32, T 50": 1.1, "LSTM 2x256, batch 50, T 50": 1.1,
            "LSTM 2x512, batch 64, T 64": 1.1, "LSTM 2x512, batch 1, T 1, one character": 3,
        },
        note="The whole batch at once; and one character, as when a text is sampled.",
    ),
    "captioner": Section(
        "Training step of a captioner with Adam", floor=1.5,
        note="Four convolutions with batch normalisation, an LSTM over captions of 1 to 11 words "
        "of 1,800, linear layer, cross-entropy (bench/captioners.py). torch has packed sequences.",
    ),
    "text cnn": Section(
        "Training step of a text CNN", floor=1.5,
        note="Kim 2014: sentences of 21 words on average, padded to the longest, 21,000 vectors of "
        "300, 3 x 100 filters (bench/text_cnn.py). fastnn multiplies only the words that are "
        "there, and takes the gradients of the winning windows alone. torch has foreach=True for "
        "Adadelta, fused=True for Adam.",
    ),
    "gpt": Section(
        "Training step of a character GPT with Adam", floor=1.3,
        note="Pre-normalisation, GELU, 65 characters (bench/transformers.py). torch has its own "
        "scaled_dot_product_attention.",
    ),
    "ops": Section(
        "One recorded operation on arrays of 3 x 4", floor=1 / 1.5,
        note="The bar is at most 1.5 times torch's time: a ratio of 0.67x.",
    ),
}  # fmt: skip
PEAK_BAR, IMPORT_BAR = 0.9, 0.040
GROWTH_BAR = 1.1  # no growth, but for what timing is uncertain by


def page(facts, rows, picture=None):
    """The whole of docs/performance.md; picture: the name of that of the section "scaling"."""
    parts = [
        "# Performance", "",
        "Written by `bench/scoreboard.py`; every row that was measured is here. A ratio is the",
        "best peer's time over fastnn's, measured in turn in one process: above 1 fastnn is",
        "quicker. **slower** marks rows where a peer is, **below bar** those that miss their bar.",
        "Only ratios travel to another machine, and not far.", "",
        "| | |", "|---|---|",
        *(f"| {name} | {text} |" for name, text in facts.items()), "",
        "Peers run unhandicapped: `OPENBLAS_CORETYPE` and `OPENBLAS_L2_SIZE` unset, torch in both",
        "memory formats and with both forms of its optimisers (the default, and `fused=True`), the",
        "best counted.",
        "All results were compared with float64 before anything was timed. float32 throughout.",
        "", "## Summary", "", BEGIN, *summary(rows), END, "",
    ]  # fmt: skip
    for name in SECTIONS:
        parts += tables(name, [r for r in rows if r["section"] == name])
    parts += scaling_table([r for r in rows if r["section"] == "scaling"], picture)
    parts += peak_table([r for r in rows if r["section"] == "peak"])
    return "\n".join(parts).rstrip() + "\n"


def geometric_mean(ratios):
    return exp(sum(map(log, ratios)) / len(ratios))


def floor_of(row):
    section = SECTIONS[row["section"]]
    floor = section.small if row.get("small") else section.floor
    return section.floors.get(row["label"], floor)


def misses(row):
    """Whether the row has a ratio below its bar."""
    floor = floor_of(row)
    return row["ratio"] is not None and floor is not None and row["ratio"] < floor


# ---- the summary ------------------------------------------------------------------------------


def summary(rows):
    compared = [r for r in rows if r.get("ratio") is not None]
    counts = sorted({r["threads"] for r in rows})
    headings = map(_threads, counts)
    lines = [
        f"| fastnn against the best peer | bar | {' | '.join(headings)} | met |",
        "|---|---|" + "---|" * len(counts) + "---|",
    ]
    for name, section in SECTIONS.items():
        of_section = [r for r in compared if r["section"] == name]
        if of_section:
            lines += _summary_rows(section, of_section, counts)
    lines += _scaling_summary(rows, counts)
    lines += _peak_summary(rows, counts) + _import_summary(rows, counts)
    return [*lines, "", *losing_rows(compared)]


def _summary_rows(section, rows, counts):
    """Of one section: the geometric mean where there are several rows, and the worst row; or every
    row, where each has a bar of its own."""
    if section.floors:
        return [_row_summary(section, label, rows, counts) for label in section.floors]
    by_count = [[r for r in rows if r["threads"] == n] for n in counts]
    lines = []
    if max(map(len, by_count)) > 1:
        means = [geometric_mean([r["ratio"] for r in part]) if part else None for part in by_count]
        bar = f">= {section.mean:g}x" if section.mean else ""
        met = all(m is None or m >= section.mean for m in means) if section.mean else None
        lines.append(_line(f"{section.title}: geometric mean", bar, map(_ratio, means), met))
    worst = [min((r["ratio"] for r in part), default=None) for part in by_count]
    title = f"{section.title}: worst row" if lines else section.title
    bar = f">= {section.floor:.3g}x" + (f", small {section.small:g}x" if section.small else "")
    lines.append(_line(title, bar, map(_ratio, worst), not any(map(misses, rows))))
    return lines


def _row_summary(section, label, rows, counts):
    rows = [r for r in rows if r["label"] == label]
    ratios = {r["threads"]: r["ratio"] for r in rows}
    bar = f">= {section.floors[label]:.3g}x"
    cells = (_ratio(ratios.get(n)) for n in counts)
    return _line(f"{section.title}: {label}", bar, cells, not any(map(misses, rows)))


def growth(row):
    """The most that a picture or a step costs at any size, relative to the smallest, and over what
    copying grows by where memory is the limit."""
    grown = max(row["costs"]) / row["costs"][0]
    return grown / (max(row["copying"]) / row["copying"][0]) if row["copying"] else grown


def _scaling_summary(rows, counts):
    lines = []
    batch = "Cost over arithmetic, batch 1 to 256, relative to batch 1"
    for axis, copying, title in (
        ("batch", False, f"{batch}: worst layer"),
        ("batch", True, f"{batch}: over copying's, worst layer"),
        ("T", True, "Cost of a time step, T 10 to 10,000, over copying's: worst layer"),
    ):
        part = [r for r in rows if r["section"] == "scaling" and r["axis"] == axis]
        part = [r for r in part if bool(r["copying"]) == copying]
        if part:
            worst = [max((growth(r) for r in part if r["threads"] == n), default=None)
                     for n in counts]  # fmt: skip
            met = max(map(growth, part)) <= GROWTH_BAR
            lines.append(_line(title, f"<= {GROWTH_BAR}x", map(_ratio, worst), met))
    return lines


def peak_of(rows):
    """The machine's peak: the best that was seen in the run."""
    return max(r["peak"] for r in rows)


def _peak_summary(rows, counts):
    rows = [r for r in rows if r["section"] == "peak"]
    if not rows:
        return []
    shares = [r["rate"] / peak_of(rows) for r in rows]
    cells = [f"{min(shares):.0%} to {max(shares):.0%}"] + ["-"] * (len(counts) - 1)
    return [_line("Share of the FMA peak: large products, 3 x 3 with 64+ channels",
                  f">= {PEAK_BAR:.0%}", cells, min(shares) >= PEAK_BAR)]  # fmt: skip


def _import_summary(rows, counts):
    lines = []
    for row in rows:
        if row["section"] == "import":
            over = row["over"]
            cells = [f"{over * 1e3:.0f} ms"] + ["-"] * (len(counts) - 1)
            title = f"`import fastnn` over `import numpy` ({row['label']})"
            bar = f"<= {IMPORT_BAR * 1e3:.0f} ms"
            lines.append(_line(title, bar, cells, over <= IMPORT_BAR))
    return lines


def losing_rows(rows):
    """The rows where a peer is quicker, as a list."""
    losing = sorted((r for r in rows if r["ratio"] < 1), key=lambda r: r["ratio"])
    if not losing:
        return ["No row is slower than the best peer."]
    lines = ["Rows where a peer is quicker:", ""]
    for r in losing:
        where = f"{SECTIONS[r['section']].title}, {r['label']}, {_threads(r['threads'])}"
        tail = ", below bar" if misses(r) else ""
        lines.append(f"- {where}: {_ratio(r['ratio'])} ({r['best']}{tail})")
    return lines


def _threads(n):
    return f"{n} thread{'s' * (n > 1)}"


def _line(title, bar, cells, met):
    verdict = {True: "yes", False: "**no**", None: ""}[met]
    return f"| {title} | {bar} | {' | '.join(cells)} | {verdict} |"


def _ratio(ratio):
    return "-" if ratio is None else f"{ratio:.2f}x"


# ---- the tables -------------------------------------------------------------------------------


def tables(name, rows):
    """A section: one table for every number of threads."""
    if not rows:
        return []
    section = SECTIONS[name]
    lines = [f"## {section.title}", ""]
    if section.note:
        lines += [section.note, ""]
    for threads in sorted({r["threads"] for r in rows}):
        part = [r for r in rows if r["threads"] == threads]
        impls = list(part[0]["times"])
        unit = part[0].get("unit", "us")
        lines += [
            f"{_threads(threads)}, {unit}:", "",
            f"| | {' | '.join(impls)} | ratio | |", "|---|" + "--:|" * (len(impls) + 1) + "---|",
        ]  # fmt: skip
        for r in part:
            cells = [_speed(r, r["times"][impl]) for impl in impls]
            cells += [_ratio(r["ratio"]), _mark(r)]
            lines.append(f"| {r['label']} | {' | '.join(cells)} |")
        ratios = [r["ratio"] for r in part if r["ratio"] is not None]
        if len(ratios) > 1:
            blanks = " |" * len(impls)
            lines.append(f"| geometric mean |{blanks} {_ratio(geometric_mean(ratios))} | |")
        lines.append("")
    return lines


def _speed(row, seconds):
    """In the row's unit; microseconds where it has none."""
    if row.get("unit") == "MB":
        return f"{seconds:.1f}"
    if "work" not in row:
        return f"{seconds * 1e6:.2f}"
    scale = 1e9 if row["unit"].startswith("G") else 1
    return f"{row['work'] / seconds / scale:,.1f}"


def _mark(row):
    marks = []
    if row["ratio"] is not None and row["ratio"] < 1:
        marks.append("**slower**")
    if misses(row):
        marks.append("**below bar**")
    return ", ".join(marks)


def scaling_table(rows, picture):
    if not rows:
        return []
    from scaling import SIZES, relative

    lines = [
        "## Cost and size", "",
        "Time for a picture, forward and backward, relative to that at batch 1, and for a time",
        "step of a recurrent layer, relative to that at T 10; the arithmetic is always the same.",
        "Where a layer does little of it, the caches decide: beside it is what copying as many",
        "elements costs, by NumPy.", "",
    ]  # fmt: skip
    if picture:
        lines += [f"![cost over arithmetic by batch and by T]({picture})", ""]
    threads = sorted({r["threads"] for r in rows})
    for n, (axis, sizes) in [(n, item) for n in threads for item in SIZES.items()]:
        lines += [
            f"{_threads(n)}, {axis}:", "",
            f"| | {' | '.join(f'{size:,}' for size in sizes)} | |",
            "|---|" + "--:|" * len(sizes) + "---|",
        ]  # fmt: skip
        for r in rows:
            if r["threads"] == n and r["axis"] == axis:
                mark = "" if growth(r) <= GROWTH_BAR else "**grows**"
                for label, costs, end in ((r["label"], r["costs"], mark),
                                          ("- copying", r["copying"], "")):  # fmt: skip
                    if costs:
                        cells = " | ".join(f"{cost:.2f}" for cost in relative(costs))
                        lines.append(f"| {label} | {cells} | {end} |")
        lines.append("")
    return lines


def peak_table(rows):
    if not rows:
        return []
    lines = [
        "## Share of the FMA peak, one thread", "",
        "The peak is that of independent multiply-adds in registers, measured in turn with each",
        f"row; the best of all, {peak_of(rows):.1f} GFLOP/s, is taken. Only arithmetic done",
        "counts: taps on the padding are skipped, so the convolutions' rate is below the usual",
        "count's (last column).", "",
        "| | GFLOP/s | peak beside it | share | | usual count |", "|---|--:|--:|--:|---|--:|",
    ]  # fmt: skip
    for r in rows:
        share = r["rate"] / peak_of(rows)
        mark = "" if share >= PEAK_BAR else "**below bar**"
        lines.append(
            f"| {r['label']} | {r['rate']:.1f} | {r['peak']:.1f} | {share:.1%} | {mark} "
            f"| {r['usual']:.1f} |"
        )
    return [*lines, ""]


# ---- README.md --------------------------------------------------------------------------------


def copy_summary(performance, readme):
    """Put the summary of docs/performance.md between README.md's markers."""
    text, target = (Path(p).read_text() for p in (performance, readme))
    new = text[text.index(BEGIN) : text.index(END)]
    target = target[: target.index(BEGIN)] + new + target[target.index(END) :]
    Path(readme).write_text(target)
