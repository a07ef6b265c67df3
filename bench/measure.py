"""The worker of scoreboard.py: measures sections with a number of threads.

    python bench/measure.py THREADS SECONDS SECTION...

The facts about the machine, then a row a line, as JSON on standard output; progress on standard
error. SECONDS are for a row, all its implementations together.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

from machine import prepare_environment


def main():
    threads, seconds, *sections = sys.argv[1:]
    threads, seconds = int(threads), float(seconds)
    prepare_environment(os.environ, threads)  # before NumPy is imported
    import machine

    machine.set_threads(threads)
    emit(machine.describe())
    for section in sections:
        MEASURES[section](threads, seconds)


def emit(record):
    print(json.dumps(record), flush=True)


def emit_row(section, label, threads, times, **more):
    """times: {implementation: seconds a call}, or what else a row compares. The first is ours, the
    others are peers."""
    (_, mine), *peers = times.items()
    best = min(peers, key=lambda peer: peer[1], default=(None, None))
    ratio = best[1] / mine if best[0] else None
    emit({"section": section, "label": label, "threads": threads, "times": times,
          "best": best[0], "ratio": ratio, **more})  # fmt: skip
    unit, scale = ("MB", 1) if more.get("unit") == "MB" else ("us", 1e6)
    shown = "  ".join(f"{name} {value * scale:.1f}" for name, value in times.items())
    against = f"  {ratio:.2f}x" if ratio else ""
    tell(threads, f"{section}: {label}: {unit}: {shown}{against}")


def tell(threads, text):
    print(f"[{threads}] {text}", file=sys.stderr, flush=True)


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


def measure_layers(threads, seconds):
    """Forward and backward of what convolutional networks have beside plain convolutions."""
    import cases
    import cases_norm
    import shapes

    for section, build, measured in (
        ("grouped", cases.conv_both, shapes.GROUPED),
        ("batch norm", cases_norm.batch_norm_relu, shapes.NORM[:1]),
        ("max pool", cases.max_pool, shapes.POOL),
    ):
        for shape in measured:
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


def measure_networks(threads, seconds):
    import networks

    for name in networks.TRAINING:
        case = networks.training(name)
        times = time_case(case, case.impls, threads, 2 * seconds)
        emit_row("networks", case.label, threads, times, work=case.work, unit=case.unit)


def measure_inference(threads, seconds):
    import networks

    for name in networks.INFERENCE:
        case = networks.inference(name)
        times = time_case(case, case.impls, threads, seconds)
        emit_row("inference", case.label, threads, times, work=case.work, unit=case.unit)


def measure_language(threads, seconds):
    import language_models as models

    trained = [partial(models.training, model) for model in models.TRAINING]
    answers = [partial(models.inference, model) for model in models.LSTMS]
    for section, builds in (
        ("language models", [*trained, partial(models.ragged, models.RAGGED)]),
        ("peephole", [partial(models.peephole, models.PEEPHOLE)]),
        ("language inference", [*answers, partial(models.sampling, models.SAMPLED)]),
    ):
        for build in builds:
            case = build()
            times = time_case(case, case.impls, threads, 2 * seconds)
            emit_row(section, case.label, threads, times, work=case.work, unit=case.unit)


def measure_systems(threads, seconds):
    import captioners
    import taggers
    import text_cnn
    import transformers
    import translation

    for section, builds in (
        ("text cnn", [partial(text_cnn.training, rule) for rule in ("Adadelta", "Adam")]),
        ("taggers", [partial(taggers.training, tagger) for tagger in taggers.TAGGERS]),
        ("translation", [partial(translation.training, translation.LARGE)]),
        ("captioner", [captioners.training]),
        ("gpt", [transformers.training]),
    ):
        for build in builds:
            case = build()
            times = time_case(case, case.impls, threads, 2 * seconds)
            emit_row(section, case.label, threads, times, work=case.work, unit=case.unit)


def measure_memory(threads, seconds):
    """Fresh processes, one an implementation; see memory.py. Their losses must agree."""
    import memory
    import networks

    label, peaks, losses = None, {}, []
    for impl in ("fastnn", *networks.TORCH_TRAINING):
        result = memory.in_a_process("resnet20", impl, threads)
        if result:
            label, peaks[impl] = result["label"], result["megabytes"]
            losses.append(result["loss"])
            assert abs(losses[-1] / losses[0] - 1) < 1e-4, f"{impl}: another loss, {losses}"
    if peaks:
        emit_row("memory", label, threads, peaks, unit="MB")


def measure_scaling(threads, seconds):
    import scaling

    for label, layer in scaling.LAYERS.items():
        costs, copying = scaling.costs(layer, threads, seconds)
        emit({"section": "scaling", "label": label, "threads": threads, "axis": layer.axis,
              "costs": costs, "copying": copying})  # fmt: skip
        for name, values in (("cost", costs), ("copying", copying or ())):
            shown = " ".join(f"{value:.2f}" for value in scaling.relative(values))
            tell(threads, f"scaling: {label}: {name} {shown}")


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
        tell(1, f"peak: {label}: {rate:.0f} of {top:.0f} GFLOP/s, {rate / top:.1%}")

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
    count = 20 if seconds >= 1 else 3
    # As for a user: an import after the first finds compiled Python.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:  # a folder without a `fastnn` in it
        for _ in range(count + 1):
            for name, seen in times.items():
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", f"import {name}"], check=True, cwd=folder, env=environ
                )
                seen.append(time.perf_counter() - started)
    medians = {name: statistics.median(seen[1:]) for name, seen in times.items()}
    emit({"section": "import", "label": f"median of {count} processes", "threads": threads,
          "times": medians, "over": medians["fastnn"] - medians["numpy"]})  # fmt: skip


MEASURES = {
    "gemm": measure_gemm,
    "conv": measure_conv,
    "layers": measure_layers,
    "step": measure_step,
    "networks": measure_networks,
    "inference": measure_inference,
    "language": measure_language,
    "systems": measure_systems,
    "memory": measure_memory,
    "scaling": measure_scaling,
    "ops": measure_ops,
    "peak": measure_peak,
    "import": measure_import,
}


if __name__ == "__main__":
    main()
