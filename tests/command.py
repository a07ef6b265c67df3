"""The ``fastnn`` command as a process."""

import subprocess
import sys


def command(*arguments):
    return [sys.executable, "-m", "fastnn", *map(str, arguments)]


def fastnn(*arguments, cwd):
    return subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, timeout=300)


def error_line(result, status=2):
    """The one line on standard error of a command that failed."""
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n"), result.stderr
    return result.stderr
