"""A changed bit is never returned; `tests/crash/long.py` changes more of them."""

from __future__ import annotations

from pathlib import Path

from tests.crash.flips import damaged_project


def test_a_changed_bit_is_noticed(folder: Path) -> None:
    figures, problems = damaged_project(folder, 100, seed=1)

    assert not problems
    assert figures["read refused, verify found"] > 20
