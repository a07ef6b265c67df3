"""The performance table: every row against the best peer installed, losing rows included.

    python bench/scoreboard.py                      all of it -> docs/performance.md
    python bench/scoreboard.py --only gemm,conv     these sections -> standard output
    python bench/scoreboard.py --quick              a rough look -> standard output
    python bench/scoreboard.py --readme             the summary of docs/performance.md -> README.md

Sections: gemm, conv, layers, step, networks, inference, language, systems, memory, scaling, ops,
peak, import. Each number of threads is measured in a process of its own (measure.py), whose
environment says so before NumPy is loaded. Ratios within one run count; absolute times depend on
the machine and its mood. A run of everything also draws docs/performance-cost.png, where matplotlib
is installed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from machine import prepare_environment

ROOT = Path(__file__).resolve().parents[1]
PERFORMANCE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
MEASURE = ROOT / "bench" / "measure.py"
PICTURE = "performance-cost.png"
SECTIONS = (
    "gemm", "conv", "layers", "step", "networks", "inference", "language", "systems",
    "memory", "scaling", "ops", "peak", "import",
)  # fmt: skip
ONE_PROCESS = ("ops", "peak", "import")  # one thread by nature: measured with the first number only
SECONDS, QUICK_SECONDS = 2.5, 0.2


def main():
    options = parse()
    if options.readme:
        from report import copy_summary

        copy_summary(PERFORMANCE, README)
        return 0
    started = time.time()
    facts, rows = {}, []
    for i, threads in enumerate(options.threads):
        sections = [s for s in options.only if i == 0 or s not in ONE_PROCESS]
        if sections:
            worker_facts, worker_rows = measure(threads, sections, options)
            facts = facts or worker_facts
            rows += worker_rows
    from report import page

    facts["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    facts["command"] = " ".join(["python bench/scoreboard.py", *sys.argv[1:]])
    facts["duration"] = f"{(time.time() - started) / 60:.0f} minutes"
    picture = options.output and draw(rows, Path(options.output).with_name(PICTURE))
    text = page(facts, rows, picture)
    if options.output:
        Path(options.output).write_text(text)
        print(f"wrote {options.output}", file=sys.stderr)
    else:
        print(text)
    return 0


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--threads", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2],
                        help="numbers of threads (default 1,2)")  # fmt: skip
    parser.add_argument("--only", type=listed, default=list(SECTIONS), help="sections to measure")
    parser.add_argument("--quick", action="store_true", help="a few bursts a row")
    parser.add_argument("--seconds", type=float, help="for a row, all its implementations together "
                        f"(default {SECONDS}, with --quick {QUICK_SECONDS})")  # fmt: skip
    parser.add_argument("--output", help="file to write (default docs/performance.md for a run of "
                        "everything, else standard output)")  # fmt: skip
    parser.add_argument("--readme", action="store_true", help="only copy the summary to README.md")
    options = parser.parse_args()
    if options.seconds is None:
        options.seconds = QUICK_SECONDS if options.quick else SECONDS
    if unknown := set(options.only) - set(SECTIONS):
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if not options.output and not options.quick and set(options.only) == set(SECTIONS):
        options.output = str(PERFORMANCE)
    return options


def measure(threads, sections, options):
    """Run measure.py: -> facts, rows."""
    command = [sys.executable, MEASURE, str(threads), str(options.seconds), *sections]
    environ = dict(os.environ)
    prepare_environment(environ, threads)
    result = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"scoreboard: the process with {threads} threads failed")
    facts, *rows = map(json.loads, result.stdout.splitlines())
    return facts, rows


def draw(rows, path):
    """The picture of the section "scaling": -> its name, or None where there is none."""
    import scaling

    try:
        return path.name if scaling.draw(rows, path) else None
    except ImportError:
        print("scoreboard: no picture without matplotlib", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
