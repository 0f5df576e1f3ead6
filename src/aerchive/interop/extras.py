"""Libraries that aerchive works with, and does not need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aerchive.errors import MissingExtraError


def import_extra(module: str, extra: str) -> Any:
    """A library.

    Args:
        module: Its name.
        extra: The extra of aerchive that installs it.

    Raises:
        MissingExtraError: It is not installed; the message says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is needed for this and cannot be imported ({error}); install it with: "
            f"pip install 'aerchive[{extra}]'"
        ) from error
