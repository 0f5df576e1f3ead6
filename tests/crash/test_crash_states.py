"""Whenever process or machine stop: a project is what it was, or what it was to be, and goes on.

Each workload is recorded call by call; each state that a crash could leave of the file is then made, opened, and
compared with the models of before and after. More states, and the figures: ``python3 tests/crash/long.py``.
"""

from __future__ import annotations

import collections
import random
import shutil
from pathlib import Path

import pytest

from aerchive.testing.disks import CrashState, UnsyncedDisk, crash_states, using
from tests.crash.matrix import Matrix, is_flagged
from tests.crash.workloads import Recording, Workload, archive, record, record_creation, workloads
from tests.drafts import draft_of, model_of, project_at
from tests.views import project_view

STATES = 20
"""Of each workload, besides those in recovery."""

TEMPORARY = ".project.h5.new-1-abcdef12"


def chosen(states: list[CrashState], recording: Recording) -> list[CrashState]:
    """A sample, a third of it of states that may be the old or the new one; and the last."""
    last = states[-1]
    random.Random(len(states)).shuffle(states)
    open_ones = [state for state in states if len(recording.versions(state.done)) > 1][: STATES // 3]
    others = [state for state in states if len(recording.versions(state.done)) == 1]
    return [*open_ones, *others[: STATES - len(open_ones)], last]


@pytest.mark.skipif(shutil.which("h5clear") is None, reason="h5clear not found: install hdf5-tools")
@pytest.mark.parametrize("workload", list(workloads()), ids=lambda workload: workload.name)
def test_every_state_is_old_or_new(workload: Workload, folder: Path) -> None:
    recording = record(workload, folder / "recorded")
    matrix = Matrix(recording, folder, dear=2 / len(recording.log))
    states = list(crash_states(recording.initial, recording.log, torn=1, power=1))

    for state in chosen(states, recording):
        matrix.check(state)

    figures = matrix.figures
    print(dict(figures))
    assert figures["states"] + figures["states in recovery"] > STATES
    for seen in ("stock: old", "stock: new", "stock: refused", "aerchive: old", "aerchive: new", "recoveries"):
        assert figures[seen], f"no state was like this: {seen}"


def test_a_project_appears_whole_or_not_at_all(folder: Path) -> None:
    creation = record_creation(folder / "recorded", archive(draft_of(0)))
    recording = creation.recording
    matrix = Matrix(recording, folder)

    for state in crash_states(recording.initial, recording.log):
        matrix.check(state)  # from the renaming on

    for content in creation.before:  # until the renaming: what lies there under another name does no harm
        (folder / TEMPORARY).write_bytes(content)
        project = project_at(folder / "project.h5")
        assert not project.file.exists()
        with using(UnsyncedDisk()):
            project.archive(draft_of(1))
        assert project_view(project) == model_of([draft_of(1)])
        project.path.unlink()


def test_a_stop_between_two_commits_never_takes_the_first_back(folder: Path) -> None:
    """The tail of the first is cut off without a sync, so it may be there again when the second has begun."""
    twice = next(workload for workload in workloads() if workload.name == "append twice")
    recording = record(twice, folder / "recorded")
    seen = collections.Counter[int]()
    matrix = Matrix(recording, folder, dear=0)
    syncs = [number for number, operation in enumerate(recording.log, 1) if operation.kind == "sync"]
    after_first = syncs[3]

    for state in crash_states(recording.initial, recording.log, torn=0, power=6, seed=1):
        if state.how == "power" and after_first < state.done < after_first + 12:
            assert not is_flagged(state.content)
            matrix.check(state)
            seen[len(state.content)] += 1

    assert len(seen) > 2  # the old tail was among the states
