"""Tests run against the installed package: ``python -m pytest`` puts the source tree, which has
no compiled kernels, first on the path, and pytest-xdist hands that to its workers; take it off
again."""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

if not any(ROOT.glob("fastnn/_kernels/cpu*.so")):  # an editable install has them in the tree
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(ROOT))]

# A background job of a shell without job control is started with SIGINT ignored, and children
# inherit that: then Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
