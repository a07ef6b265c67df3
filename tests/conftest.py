"""Tests run against the installed package: ``python -m pytest`` puts the source tree, which has
no compiled kernels, first on the path; take it off again."""

import signal
import sys
from pathlib import Path

if Path(sys.argv[0]).name == "__main__.py":
    for entry in ("", str(Path(__file__).parents[1])):
        if entry in sys.path:
            sys.path.remove(entry)

# A background job of a shell without job control is started with SIGINT ignored, and children
# inherit that: then Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
