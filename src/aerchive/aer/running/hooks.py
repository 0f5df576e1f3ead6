"""Putting a method of ours in the place of one of Qiskit's or Aer's, and taking it away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aerchive.private_names import private


def hook(owner: type, name: str, around: Callable[[Any], Any], *, is_wanted: bool) -> None:
    """Puts a method of ours into a class of another package, or the stock method back.

    If other code has put a method over ours meanwhile, that method stays, and ours under it has to pass on.

    Args:
        owner: The class.
        name: Name of the method.
        around: Function of the stock method that makes the method of ours.
        is_wanted: Whether the method of ours is to be in the class.

    Raises:
        UnsupportedTypeError: The class has no such method in the installed version.
    """
    present = private(owner, name)
    is_ours = hasattr(present, "aerchive_hides")
    if is_wanted and not is_ours:
        ours = around(present)
        ours.aerchive_hides = present
        setattr(owner, name, ours)
    elif is_ours and not is_wanted:
        setattr(owner, name, present.aerchive_hides)
