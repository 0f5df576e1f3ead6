"""Keys of names in addresses."""

from __future__ import annotations

import re

import pytest

from aerchive.errors import NotFoundError
from aerchive.view.keys import find_name, key_of, name_of
from tests.view.projects import HOSTILE_NAMES

NAMES = (*HOSTILE_NAMES, "", ".", "/", "a/b", "theta", "a" * 100, "a" * 101, "\ud800", "é" * 200)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_each_name_has_one_key_that_is_a_safe_file_name(name: str) -> None:
    key = key_of(name)
    assert re.fullmatch(r"[A-Za-z0-9_~-]{1,201}", key)
    assert name_of(key) == (None if key.startswith("~~") else name)
    assert find_name(key, ["another", name]) == name


def test_plain_names_are_their_keys_and_different_names_have_different_keys() -> None:
    assert key_of("job-0_1") == "job-0_1"
    assert key_of("~YQ") != "~YQ"
    assert len({key_of(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("key", ["~YQ", "..", "a.b", "", "~!", "~_w", "~YR", "~~" + "0" * 64, "x" * 101])
def test_what_is_no_key_of_a_name_is_not_found(key: str) -> None:
    with pytest.raises(NotFoundError):
        find_name(key, ["a", "b"])
