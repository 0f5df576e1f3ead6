"""Every name that a package gives out on first use is where the package says it is."""

from __future__ import annotations

import pytest

import aerchive
import aerchive.aer


@pytest.mark.parametrize(
    "name",
    [f"aerchive.{name}" for name in aerchive.__all__] + [f"aerchive.aer.{name}" for name in aerchive.aer.__all__],
)
def test_a_public_name_is_there(name: str) -> None:
    package, _, attribute = name.rpartition(".")
    assert getattr({"aerchive": aerchive, "aerchive.aer": aerchive.aer}[package], attribute) is not None
