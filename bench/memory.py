"""The memory that a training step needs: the peak resident set above the start.

    python bench/memory.py NETWORK IMPLEMENTATION THREADS

The start is a process that has imported the libraries and taken a step with one picture, which
loads their code; then come three steps with the whole batch. Linux only: from /proc.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from machine import prepare_environment, set_threads

STATUS = Path("/proc/self/status")
STEPS = 3  # after the second, whatever is kept from step to step is there


def in_a_process(network, impl, threads):
    """{"label", "megabytes", "loss"} of a fresh process, or None where this cannot be measured."""
    if not STATUS.exists():
        return None
    command = [sys.executable, __file__, network, impl, str(threads)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout)


def main():
    name, impl, threads = sys.argv[1:]
    prepare_environment(os.environ, int(threads))  # before NumPy is imported
    import networks

    set_threads(int(threads))
    if impl not in ("fastnn", *networks.TORCH_TRAINING):
        sys.exit(f"memory: no {impl}; there are fastnn, {', '.join(networks.TORCH_TRAINING)}")
    networks.training(name, [impl], batch=1).impls[impl]()
    start = _resident("VmRSS")
    case = networks.training(name, [impl])
    for _ in range(STEPS):
        loss, _ = case.impls[impl]()
    megabytes = (_resident("VmHWM") - start) / 1e6
    print(json.dumps({"label": case.label, "megabytes": megabytes, "loss": loss.item()}))


def _resident(field):
    """VmRSS, what is resident now, or VmHWM, the most that ever was, in bytes. (The resource
    module's ru_maxrss counts the parent process in.)"""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
