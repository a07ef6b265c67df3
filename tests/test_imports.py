"""Imports run downward only (docs/architecture.md), and `import fastnn` loads little."""

import ast
from pathlib import Path

import pytest
from child import run

import fastnn

# A room may import from the rooms below its own floor; rooms on one floor leave each other alone.
FLOORS = [
    {"__main__"},
    {"cli", "interop"},
    {"models", "viz"},
    {"training"},
    {"data", "nn", "optim"},
    {"functional"},
    {"autograd"},
    {"kernels"},
    {"_kernels"},
]
# Usable by all; each with what it may import itself.
LEAVES = {
    "checkpoint": set(), "random": set(), "_version": set(), "config": {"_kernels", "_version"},
}  # fmt: skip
ROOMS = set().union(*FLOORS, LEAVES)
# fastnn/__init__.py: sees every room, and is seen by the command alone.
DOOR = "__init__"

ROOT = Path(fastnn.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def room(path):
    """The room that a file belongs to: its first name below the package."""
    return Path(path.relative_to(ROOT).parts[0]).stem


def imported_rooms(path):
    """(line, room) of each import of the package in the file, those inside functions too."""
    package = ["fastnn", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            targets = (
                [[*module, alias.name] for alias in node.names] if len(module) < 2 else [module]
            )
        else:
            continue
        for names in targets:
            if names[0] == "fastnn":
                yield node.lineno, names[1] if len(names) > 1 and names[1] in ROOMS else DOOR


def allowed(own):
    if own in LEAVES:
        return LEAVES[own] | {own}
    floor = next(i for i, rooms in enumerate(FLOORS) if own in rooms)
    below = set().union(*FLOORS[floor + 1 :], LEAVES, {own})
    return below | {DOOR} if own in ("__main__", "cli") else below


def test_every_file_has_a_floor():
    assert {room(p) for p in FILES} == ROOMS | {DOOR}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_downward_only(path):
    own = room(path)
    if own == DOOR:
        return
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for line, name in imported_rooms(path)
        if name not in allowed(own)
    ]
    assert not upward


def test_kernels_know_nothing_above_them():
    """The Cython sources (absent from an installed package) import each other and C only."""
    for path in (ROOT / "_kernels").glob("*.px[di]*"):
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            if line.startswith(("from ..", "import fastnn", "from fastnn")):
                pytest.fail(f"{path.name}: {line}")


# -- what `import fastnn` loads --------------------------------------------------------------------

# Slow to import, or extras that the user may not have.
UNWANTED = [
    "argparse", "csv", "decimal", "gzip", "json", "logging", "matplotlib", "multiprocessing",
    "numpy.random", "PIL", "pooch", "sklearn", "sqlite3", "tqdm", "torch", "unittest",
]  # fmt: skip
LAZY = ["cli", "data", "functional", "interop", "models", "nn", "optim", "training", "viz"]


def loaded_by(code):
    return set(run(f"import sys\n{code}\nprint(*sys.modules)").split())


def test_import_loads_little():
    numpy_alone = loaded_by("import numpy")
    ours = loaded_by("import fastnn")
    assert not (ours - numpy_alone) & set(UNWANTED)
    assert not ours & {f"fastnn.{name}" for name in LAZY}


def test_extras_are_lazy():
    """All of the package without what only its extras need."""
    code = "import " + ", ".join(f"fastnn.{name}" for name in LAZY)
    assert not loaded_by(code) & {"matplotlib", "PIL", "pooch", "sklearn", "tqdm", "torch"}


def test_lazy_names():
    assert (
        run("import fastnn; print('nn' in dir(fastnn), fastnn.nn.Linear.__name__)") == "True Linear"
    )
    for name in fastnn.__all__:
        assert getattr(fastnn, name) is not None
    with pytest.raises(AttributeError, match="module 'fastnn' has no attribute 'keras'"):
        _ = fastnn.keras
