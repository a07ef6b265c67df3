"""How many threads by default, and what show_config says."""

import io
import os

import pytest
from child import run

import fastnn
from fastnn import _kernels, config

REPORT = """import fastnn
from fastnn.config import _thread_reason
print(fastnn.get_num_threads(), _thread_reason, sep="|")"""
PIN = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="the system has no processor affinity"
)


def threads(code=REPORT, **env):
    n, why = run(code, env=env).split("|")
    return int(n), why


@pytest.fixture
def available():
    n, _ = threads()
    return n


def test_default_is_what_the_process_may_use(available):
    quota = config._cgroup_quota()
    allowed = config._affinity()
    assert available == min(allowed, max(1, int(quota)) if quota else allowed)


def test_omp_num_threads(available):
    assert threads(OMP_NUM_THREADS="1") == (1, "OMP_NUM_THREADS") or available == 1
    assert threads(OMP_NUM_THREADS="1,4")[0] == 1  # nesting levels
    assert threads(OMP_NUM_THREADS="1000")[0] == available  # the least counts
    for text in ("", "many", "0", "-3", "2.5"):
        assert threads(OMP_NUM_THREADS=text)[0] == available


@needs_affinity
def test_affinity():
    assert threads(PIN + REPORT)[0] == 1
    assert threads(PIN + REPORT, OMP_NUM_THREADS="4")[0] == 1


def test_fastnn_num_threads_overrides(available):
    assert threads(FASTNN_NUM_THREADS="7", OMP_NUM_THREADS="1") == (7, "FASTNN_NUM_THREADS")
    assert threads(FASTNN_NUM_THREADS="9999")[0] == 1024
    for text in ("", "many", "0", "-1"):
        assert threads(FASTNN_NUM_THREADS=text)[0] == available


# -- cgroups: files as the kernel writes them ------------------------------------------------------


def quota(tmp_path, lines, files):
    proc, root = tmp_path / "cgroup", tmp_path / "sys"
    proc.write_text(lines)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return config._cgroup_quota(proc=str(proc), root=str(root))


CASES = {
    "v2, own": ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
    "v2, one above": (
        "0::/a/b\n",
        {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"},
        2,
    ),
    "v2, the tightest": (
        "0::/a/b\n",
        {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "50000 100000\n"},
        0.5,
    ),
    "v2, root, as in a container": ("0::/\n", {"cpu.max": "300000 100000\n"}, 3),
    "v2, another group's": ("0::/a\n", {"b/cpu.max": "100000 100000\n"}, None),
    "v2, a name that begins alike": ("0::/ab\n", {"a/cpu.max": "100000 100000\n"}, None),
    "v2, no limit": ("0::/a\n", {"a/cpu.max": "max 100000\n"}, None),
    "v2, a path above the namespace": ("0::/../x\n", {"x/cpu.max": "100000 100000\n"}, 1),
    "v2, a path with a colon": ("0::/a:b\n", {"a:b/cpu.max": "100000 50000\n"}, 2),
    "v1": (
        "5:cpuset:/c\n4:cpu,cpuacct:/job\n1:name=systemd:/s\n",
        {"cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
        2.5,
    ),
    "v1, no limit": (
        "4:cpu:/job\n",
        {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    "v1, one above": (
        "4:cpu:/a/b\n0::/a/b\n",
        {"cpu/a/cpu.cfs_quota_us": "100000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        1,
    ),
    "nothing mounted": ("0::/a\n", {}, None),
    "rubbish": ("0::/a\n", {"a/cpu.max": "half of it\n"}, None),
    "rubbish, a zero": ("0::/a\n", {"a/cpu.max": "100000 0\n"}, None),
    "no lines": ("", {}, None),
    "a line of another kind": ("what is this\n0::/a\n", {"a/cpu.max": "100000 100000\n"}, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_cgroup_quota(tmp_path, name):
    lines, files, expected = CASES[name]
    assert quota(tmp_path, lines, files) == expected


def test_cgroup_quota_without_the_file(tmp_path):
    assert config._cgroup_quota(proc=str(tmp_path / "none"), root=str(tmp_path)) is None


# -- show_config, empty_cache ---------------------------------------------------------------------


def test_show_config(capsys):
    fastnn.show_config()
    text = capsys.readouterr().out
    assert f"fastnn           {fastnn.__version__}\n" in text
    for name in (
        "instruction set",
        "threads",
        "compiler",
        "OpenMP",
        "memory cache",
        "Python",
        "NumPy",
    ):
        assert f"\n{name}" in text
    assert f"\ninstruction set  {_kernels.isa} (" in text
    file = io.StringIO()
    fastnn.show_config(file=file)
    assert file.getvalue() == text
    with fastnn.num_threads(3):
        assert "\nthreads          3 (" in config.config_text()


def test_show_config_says_why():
    code = "import fastnn; fastnn.show_config()"
    assert "6 (FASTNN_NUM_THREADS)" in run(code, env={"FASTNN_NUM_THREADS": "6"})
    text = run(code, env={"FASTNN_ISA": _kernels.isa})
    assert f"{_kernels.isa} (FASTNN_ISA)" in text
