"""The performance table: every row against the best peer installed, losing rows included.

    python bench/scoreboard.py                      all of it -> docs/performance.md
    python bench/scoreboard.py --only gemm,conv     these sections -> standard output
    python bench/scoreboard.py --quick              a rough look -> standard output
    python bench/scoreboard.py --readme             the summary of docs/performance.md -> README.md

Sections: gemm, conv, step, ops, peak, import. Each number of threads is measured in a process of
its own, whose environment says so before NumPy is loaded. Ratios within one run count; absolute
times depend on the machine and its mood.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import prepare_environment

ROOT = Path(__file__).resolve().parents[1]
PERFORMANCE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
SECTIONS = ("gemm", "conv", "step", "ops", "peak", "import")
ONE_PROCESS = ("ops", "peak", "import")  # one thread by nature: measured with the first number only
SECONDS, QUICK_SECONDS = 3.0, 0.2  # for a row, all its implementations together


def main():
    options = parse()
    if options.worker:
        work(options)
        return 0
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
    text = page(facts, rows)
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
    parser.add_argument("--output", help="file to write (default docs/performance.md for a run of "
                        "everything, else standard output)")  # fmt: skip
    parser.add_argument("--readme", action="store_true", help="only copy the summary to README.md")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.only) - set(SECTIONS):
        parser.error(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if not options.output and not options.quick and set(options.only) == set(SECTIONS):
        options.output = str(PERFORMANCE)
    return options


def measure(threads, sections, options):
    """Run a worker process: -> facts, rows."""
    command = [sys.executable, __file__, "--worker", str(threads), "--only", ",".join(sections)]
    if options.quick:
        command.append("--quick")
    environ = dict(os.environ)
    prepare_environment(environ, threads)
    result = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"scoreboard: the process with {threads} threads failed")
    facts, *rows = map(json.loads, result.stdout.splitlines())
    return facts, rows


# ---- the worker -------------------------------------------------------------------------------


def work(options):
    """Measure with `options.worker` threads; facts, then a row a line, as JSON on stdout."""
    import machine

    threads = options.worker
    prepare_environment(os.environ, threads)
    machine.set_threads(threads)
    emit(machine.describe())
    seconds = QUICK_SECONDS if options.quick else SECONDS
    for section in options.only:
        MEASURES[section](threads, seconds)


def emit(record):
    print(json.dumps(record), flush=True)


def emit_row(section, label, threads, times, **more):
    """times: {implementation: seconds a call}. The first is ours, the others are peers."""
    (_, mine), *peers = times.items()
    best = min(peers, key=lambda peer: peer[1], default=(None, None))
    ratio = best[1] / mine if best[0] else None
    emit({"section": section, "label": label, "threads": threads, "times": times,
          "best": best[0], "ratio": ratio, **more})  # fmt: skip
    shown = "  ".join(f"{name} {seconds * 1e6:.1f}" for name, seconds in times.items())
    against = f"  {ratio:.2f}x" if ratio else ""
    print(f"[{threads}] {section}: {label}: us: {shown}{against}", file=sys.stderr, flush=True)


def time_case(case, names, threads, seconds):
    """{name: seconds a call} of these implementations, after checking what they return."""
    from timing import calls, side_by_side

    for name in names:
        case.check(name)
    return side_by_side(calls({name: case.impls[name] for name in names}), seconds, threads)


def peers(case, without_numpy=False):
    """The implementations to compare with; NumPy's may be left out where torch has one."""
    names = [name for name in case.impls if not name.startswith("fastnn")]
    if without_numpy and len(names) > 1:
        names = [name for name in names if name != "numpy"]
    return names


def measure_gemm(threads, seconds):
    import cases
    import shapes

    for shape in shapes.GEMM:
        case = cases.gemm(shape)
        names = ["fastnn", *peers(case), "fastnn packed"]
        times = time_case(case, names, threads, seconds)
        packed = times.pop("fastnn packed")
        more = {"work": case.work, "unit": case.unit}
        emit_row("gemm", case.label, threads, times, **more,
                 small=shape.multiply_adds < 1_000_000)  # fmt: skip
        if shape.m <= 128:
            del times["fastnn"]
            emit_row("gemm packed", case.label, threads, {"fastnn packed": packed, **times}, **more)


def measure_conv(threads, seconds):
    import cases
    import shapes

    for section, build in ("conv forward", cases.conv_forward), ("conv both", cases.conv_both):
        for shape in shapes.CONV:
            case = build(shape)
            names = ["fastnn", *peers(case, without_numpy=True)]
            times = time_case(case, names, threads, seconds)
            emit_row(section, case.label, threads, times, work=case.work, unit=case.unit)


def measure_step(threads, seconds):
    import steps

    for section, build in ("lenet5", steps.lenet5), ("mlp", steps.mlp):
        case = build()
        names = ["fastnn", *peers(case, without_numpy=True)]
        times = time_case(case, names, threads, 2 * seconds)
        more = {"work": case.work, "unit": case.unit}
        emit_row(section, case.label, threads, times, **more)
        if "numpy" in case.impls:
            times = time_case(build(), ["fastnn", "numpy"], threads, seconds)
            emit_row(f"{section} numpy", f"{case.label}, plain NumPy", threads, times, **more)


def measure_ops(threads, seconds):
    import steps
    from timing import Timer, side_by_side

    operands = steps.tiny_operands()
    for name, statement in steps.OPS.items():
        timers = {impl: Timer(statement, globals=names) for impl, names in operands.items()}
        times = side_by_side(timers, seconds / 2, threads)
        emit_row("ops", f"{name}: `{statement}`", threads, times)


def measure_peak(threads, seconds):
    """Share of the FMA peak: large products and convolutions on one thread, and in turn with each
    a kernel that does nothing but multiply-adds in registers."""
    import cases
    import shapes
    from timing import calls, side_by_side

    import fastnn
    from fastnn._kernels import peak

    iterations = 1_000_000
    flops = peak.fma(iterations, False)

    def report(label, case, name, work):
        case.check(name)
        functions = {name: case.impls[name], "peak": lambda: peak.fma(iterations, False)}
        times = side_by_side(calls(functions), seconds, 1)
        rate, top = work / times[name] / 1e9, flops / times["peak"] / 1e9
        usual = case.rate(times[name])
        emit({"section": "peak", "label": label, "threads": 1, "rate": rate, "usual": usual,
              "peak": top})  # fmt: skip
        print(f"[1] peak: {label}: {rate:.0f} of {top:.0f} GFLOP/s, {rate / top:.1%}",
              file=sys.stderr, flush=True)  # fmt: skip

    with fastnn.num_threads(1):
        for shape in shapes.LARGE_GEMM:
            case = cases.gemm(shape)
            report(f"GEMM {shape}", case, "fastnn", case.work)
        for shape in shapes.LARGE_CONV:
            inside = shape.multiply_adds_inside
            report(f"conv forward {shape}", cases.conv_forward(shape), "fastnn", 2 * inside)
            report(f"conv forward + backward {shape}", cases.conv_both(shape), "fastnn", 6 * inside)


def measure_import(threads, seconds):
    """`import fastnn` and `import numpy` in fresh processes, in turn: medians of 20."""
    times = {"fastnn": [], "numpy": []}
    count = 20 if seconds >= SECONDS else 3
    with tempfile.TemporaryDirectory() as folder:  # a folder without a `fastnn` in it
        for _ in range(count + 1):
            for name, seen in times.items():
                started = time.perf_counter()
                subprocess.run([sys.executable, "-c", f"import {name}"], check=True, cwd=folder)
                seen.append(time.perf_counter() - started)
    medians = {name: statistics.median(seen[1:]) for name, seen in times.items()}
    emit({"section": "import", "label": f"median of {count} processes", "threads": threads,
          "times": medians, "over": medians["fastnn"] - medians["numpy"]})  # fmt: skip


MEASURES = {
    "gemm": measure_gemm,
    "conv": measure_conv,
    "step": measure_step,
    "ops": measure_ops,
    "peak": measure_peak,
    "import": measure_import,
}


if __name__ == "__main__":
    sys.exit(main())
