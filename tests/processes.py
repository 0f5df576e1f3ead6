"""Scripts in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

AS_ANYBODY = """
import ctypes

class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

def forgo_root():
    # Permissions apply to root, too, without CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2); threads inherit that.
    libc, header, sets = ctypes.CDLL(None), _Header(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    sets[0] &= ~0b110  # effective
    sets[1] &= ~0b110  # permitted: what access(2) asks of root
    assert libc.capset(ctypes.byref(header), sets) == 0

forgo_root()
"""
"""Put before a script that must be refused what its user has no permission for."""


def start(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Starts a Python script with arguments; warnings are errors, unless the option ``warnings`` says else."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment |= options.pop("environment", {})
    return subprocess.Popen(
        [sys.executable, "-W", options.pop("warnings", "error"), "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def run(script: str, *arguments: object, timeout_s: float = 60, **options: Any) -> str:
    """What a script prints; it must succeed and leave nothing on standard error."""
    with start(script, *arguments, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert not err, err
    return out


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Returns when the condition holds; fails if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
