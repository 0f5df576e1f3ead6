"""What a child process does whose run is hostile."""

from __future__ import annotations

import os
import time
from typing import Any


def crash(*_arguments: object) -> dict[str, Any]:
    """Ends as a process does in which Aer has crashed."""
    os.abort()


def take_much(*_arguments: object) -> dict[str, Any]:
    """Asks for too much memory."""
    return {"report": str(bytearray(10**12))}


def hang(*_arguments: object) -> dict[str, Any]:
    """Does not end."""
    time.sleep(60)
    return {}
