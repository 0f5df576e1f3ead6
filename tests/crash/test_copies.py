"""Copies that are made in the middle of commits: mixtures of states are found, and honest files never are mixtures."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from aerchive.storage import vet_child
from aerchive.testing.disks import final_content
from tests.crash.copies import IN_PLACE, KINDS, Work, make_project, modelled, recorded, tried
from tests.drafts import project_at


def findings(path: Path) -> list[str]:
    fd = os.open(path, os.O_RDONLY)
    try:
        found = vet_child.vet(fd, str(path))
    finally:
        os.close(fd)
    assert found["mixture"] == "" or found["findings"]
    return list(found["findings"])


def test_no_mixture_is_missed(folder: Path) -> None:
    figures, problems = tried(modelled(folder, 12, runs=8))
    assert not problems
    assert figures.keys() == {"clean", "mixture", "not opened"}


@pytest.mark.parametrize("kind", IN_PLACE)
def test_a_project_is_no_mixture_whenever_its_writer_stops(folder: Path, kind: str) -> None:
    """Before and after each change of committed bytes and each sync, so also with a journal; and after recovery."""
    initial, log = recorded(folder, kind, runs=3, commits=2)
    path = folder / "stopped.h5"
    for moment in range(len(log) + 1):
        around = log[max(0, moment - 1) : moment + 1]
        if moment % 20 == 0 or any(one.kind != "write" or one.offset < len(initial) for one in around):
            path.write_bytes(final_content(initial, log[:moment]))
            assert findings(path) == [], moment
    project_at(path).file.recover()
    assert findings(path) == []


def test_a_project_is_no_mixture_after_any_commit(folder: Path) -> None:
    path = folder / "project.h5"
    make_project(path, 4)
    work = Work(project_at(path), "all", random.Random(0), 4)
    for step in (*dict.fromkeys(KINDS["all"]), *["label"] * 8, "delete", "rebuild", "label", "compact"):
        work.step(step)
        assert findings(path) == [], step
    assert findings(project_at(path).copy(folder / "copy.h5").path) == []
