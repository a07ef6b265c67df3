"""What was built, checked without building."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from child import run

import fastnn
from fastnn import _kernels

REPOSITORY = Path(__file__).parents[1]
INSTALLED = Path(_kernels.__file__).parent
SOURCES = REPOSITORY / "fastnn" / "_kernels"

# Compiled for what they export to other kernels only, or run before the choice of ISA.
NOT_OFFERED = {"cpu"}


def compiled(isa):
    return {
        p.name.split(".")[0] for p in (INSTALLED / isa).glob("*.*") if p.suffix in (".so", ".pyd")
    }


def source_names():
    return {p.stem for p in SOURCES.glob("*.pyx")} - NOT_OFFERED


def test_every_source_is_offered_by_name():
    assert set(_kernels.MODULES) == source_names()
    assert list(_kernels.MODULES) == sorted(_kernels.MODULES)
    for name in _kernels.MODULES:
        assert getattr(_kernels, name).__name__ == f"fastnn._kernels.{_kernels.isa}.{name}"


def test_every_isa_has_every_kernel():
    for isa in _kernels.cpu.supported():
        if compiled(isa):
            assert source_names() <= compiled(isa), isa


def test_setup_and_the_machine_know_the_same_instruction_sets():
    text = (REPOSITORY / "setup.py").read_text()
    table = text[text.index("ISAS = {") :]
    names = re.findall(r'^ +"(\w+)": \[', table[: table.index("\n    }")], re.MULTILINE)
    assert set(_kernels.cpu.supported()) <= set(names)


def test_version():
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert pyproject["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "fastnn._version.__version__"
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", fastnn.__version__)
    try:
        assert importlib.metadata.version("fastnn") == fastnn.__version__
    except importlib.metadata.PackageNotFoundError:
        pass  # run from the source tree


def test_numpy_is_the_only_dependency():
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert [re.split(r"\W", d)[0] for d in pyproject["project"]["dependencies"]] == ["numpy"]


def test_generated_files_are_not_committed():
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a checkout")
    files = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert not [f for f in files if f.endswith((".c", ".cpp", ".so", ".o", ".pyd", ".html"))]


def test_importing_leaves_floating_point_as_it_was():
    """-ffast-math would make numbers below 1e-38 vanish in the whole process."""
    code = """
import numpy as np
import fastnn
from fastnn import kernels
tiny = np.full((20, 20), 1e-40, np.float32)
assert (tiny * np.float32(0.5) > 0).all()
assert (kernels.add(tiny, tiny) > 0).all()
assert (kernels.gemm(tiny, np.eye(20, dtype=np.float32)) == tiny).all()
"""
    run(code)


def test_compiler_and_openmp_are_known():
    assert re.match(r"(gcc|clang) \d", _kernels.threads.compiler())
    assert _kernels.threads.openmp_version() == 0 or _kernels.threads.openmp_version() >= 201307
    if sys.platform == "linux":
        assert _kernels.threads.openmp_version()
