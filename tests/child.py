"""Run Python in a fresh process that sees the same fastnn as this one."""

import os
import subprocess
import sys
from pathlib import Path

import fastnn

_PATH = os.pathsep.join([str(Path(fastnn.__file__).parents[1]), str(Path(__file__).parent)])
_OWN = ("FASTNN_ISA", "FASTNN_NUM_THREADS", "OMP_NUM_THREADS")


def start(code, *arguments, env=None, keep=("FASTNN_ISA",), **options):
    """A process running `code` (text, or the Path of a script).

    Its environment has no settings of fastnn but `keep` and `env`.

    -P: the folder that the tests are run from holds the source tree, perhaps without kernels.
    """
    clean = {k: v for k, v in os.environ.items() if k not in _OWN or k in keep}
    program = [str(code)] if isinstance(code, Path) else ["-c", code]
    return subprocess.Popen(
        [sys.executable, "-P", *program, *map(str, arguments)],
        env=clean | {"PYTHONPATH": _PATH} | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def run(code, *arguments, timeout=60, check=True, **options):
    """`code`'s standard output, stripped; with check=False (returncode, stdout, stderr).

    What still runs after `timeout` seconds is killed, its children with it, and the test fails.
    """
    process = start(code, *arguments, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        raise
    if check:
        assert process.returncode == 0, f"exit status {process.returncode}\n{out}\n{err}"
        return out.strip()
    return process.returncode, out, err


def kill(process):
    """End a started process and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
    process.communicate()
