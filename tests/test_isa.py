"""Every instruction set that this build and this machine have: the same numbers, and its choice."""

from pathlib import Path

import numpy as np
import pytest
import reference
from child import run as run_python
from kernel_table import TABLE, arguments, run

from fastnn import _kernels

BUILT = [
    isa
    for isa in _kernels.cpu.supported()
    if any((Path(_kernels.__file__).parent / isa).glob("gemm.*"))
]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}  # of the largest value


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{isa: {(kernel, dtype, i): array}}, each computed by a process that was forced to the ISA."""
    code = """
import sys, numpy as np
from fastnn import _kernels
from kernel_table import TABLE, arguments, run
assert _kernels.isa == sys.argv[2]
arrays = {f"{name}/{dtype}/{i}": y for name in TABLE for dtype in ("float32", "float64")
          for i, y in enumerate(run(name, *arguments(name, dtype)))}
np.savez(sys.argv[1], **arrays)
"""
    found = {}
    for isa in BUILT:
        path = tmp_path_factory.mktemp("isa") / f"{isa}.npz"
        run_python(code, path, isa, env={"FASTNN_ISA": isa})
        with np.load(path) as file:
            found[isa] = dict(file)
    return found


@pytest.mark.parametrize("isa", BUILT)
@pytest.mark.parametrize("name", TABLE)
def test_every_kernel(results, name, isa):
    for dtype, tolerance in TOLERANCE.items():
        args, kwargs = arguments(name, dtype)
        expected = run(name, args, kwargs, reference)
        for i, want in enumerate(expected):
            got = results[isa][f"{name}/{np.dtype(dtype).name}/{i}"]
            if name.startswith(("dropout", "bernoulli")) or kwargs.get("dropout"):
                # the kernel's choice, the same on all
                want = results[BUILT[-1]][f"{name}/{np.dtype(dtype).name}/{i}"]
            assert got.shape == want.shape
            scale = max(1.0, np.abs(want).max())
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("isa", BUILT)
def test_kernels_in_depth(isa):
    """The tests of GEMM and convolution, where the register tiles of each ISA matter most."""
    if isa == _kernels.isa:
        pytest.skip("this is the instruction set that they run on here anyway")
    tests = [Path(__file__).parent / f"test_kernels_{f}.py" for f in ("gemm", "conv")]
    code = """
import sys, pytest
which = "tail or width or random or nan or pixel"
options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-k", which]
sys.exit(pytest.main([*options, *sys.argv[1:]]))
"""
    run_python(code, *tests, env={"FASTNN_ISA": isa}, timeout=300)


def test_best_is_chosen():
    assert run_python("from fastnn import _kernels; print(_kernels.isa)", keep=()) == BUILT[0]


@pytest.mark.parametrize("isa", BUILT)
def test_show_config_names_it(isa):
    text = run_python("import fastnn; fastnn.show_config()", env={"FASTNN_ISA": isa})
    assert f"\ninstruction set  {isa} (FASTNN_ISA)\n" in text


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "../avx2", "neon,avx2"])
def test_unknown_isa(name):
    status, _, error = run_python("import fastnn", env={"FASTNN_ISA": name}, check=False)
    assert status == 1
    runs = ", ".join(_kernels.cpu.supported())
    message = f"FASTNN_ISA={name}: not an instruction set of this machine (it runs {runs})"
    assert error.strip().endswith(f"ImportError: {message}")


def test_an_isa_that_was_not_built():
    missing = [isa for isa in _kernels.cpu.supported() if isa not in BUILT]
    for isa in missing:
        status, _, error = run_python("import fastnn", env={"FASTNN_ISA": isa}, check=False)
        assert status == 1
        assert f"ImportError: fastnn was built without kernels for {isa}" in error
