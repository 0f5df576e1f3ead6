"""Imports optional libraries."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from aerchive.errors import MissingExtraError


def import_extra(module: str, extra: str) -> Any:
    """Imports an optional library and returns its module.

    Args:
        module: The name of the module.
        extra: The extra of aerchive that installs the library.

    Raises:
        MissingExtraError: The library cannot be imported. The message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is needed for this and cannot be imported ({error}); install it with: "
            f"pip install 'aerchive[{extra}]'"
        ) from error
