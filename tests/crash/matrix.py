"""Is a project in each state that a crash may leave what it was, or what it was to be?"""

from __future__ import annotations

import collections
import hashlib
import random
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py

from aerchive.storage.commits.superblock import SIZE, Superblock, lookup3
from aerchive.testing.disks import CrashState, RecordingDisk, UnsyncedDisk, copy_of, crash_states, using
from tests.crash.workloads import Recording
from tests.drafts import Model, draft_of, model_of, project_at
from tests.views import StockView, project_view, stock_view

NEXT = draft_of(900)
"""Saved in each state, for a project that recovered must also go on."""


def fits(model: Model, models: Iterable[Model]) -> int:
    for number, candidate in enumerate(models):
        if model == candidate:
            return number
    raise AssertionError(f"a mixture: runs {sorted(model)} as none of the models has them")


class Matrix:
    """Checks states of one recording.

    Args:
        recording: The workload.
        folder: For the file under test.
        seed: For the choice of states that get the dearer checks.
        dear: Share of the states that get them.

    Attributes:
        figures: How often what was checked and seen.
    """

    def __init__(self, recording: Recording, folder: Path, *, seed: int = 0, dear: float = 0.1) -> None:
        self._recording = recording
        self._path = folder / "state.h5"
        self._chance = random.Random(seed)
        self._dear = dear
        self._stock_seen: dict[bytes, int | None] = {}
        self._seen: dict[bytes, int] = {}
        self._went_on: set[bytes] = set()
        self.figures: collections.Counter[str] = collections.Counter()

    def check(self, state: CrashState) -> None:
        """All that must hold in a state of the recording.

        Raises:
            AssertionError: Something does not; the message says at which operation.
        """
        try:
            self.figures["states"] += 1
            self.figures[state.how] += 1
            self._check(state.content, self._recording.versions(state.done), self._recording.stock_versions(state.done))
        except Exception as error:
            operation = self._recording.log[state.done - 1] if state.done else None
            what = f"{operation.kind} at {operation.offset}, {len(operation.data)} bytes" if operation else "the start"
            raise AssertionError(
                f"{self._recording.name}: {state.how} at operation {state.done} of {len(self._recording.log)} "
                f"({what}): {type(error).__name__}: {error}"
            ) from error

    def _check(self, content: bytes, versions: range, stock_versions: range) -> None:
        path = copy_of(self._path, content)
        self._stock(path, content, stock_versions)
        readable = None
        if has_journal(content) or self._chance.random() < self._dear:
            readable = self._without_permission(path, content, versions)
        with using(RecordingDisk()) as disk:
            version = self._view(path)
        assert version in versions, f"aerchive sees {version} commits instead of {list(versions)}"
        is_same = readable is None or self._recording.models[readable] == self._recording.models[version]
        assert is_same, "a reader that may not write sees another state"
        recovered = path.read_bytes()
        self.figures[f"aerchive: {'old' if version < versions[-1] else 'new' if version else 'nothing new yet'}"] += 1
        self._stock(path, recovered, range(version, version + 1), may_refuse=False)
        self._go_on(path, recovered, version)
        if recovered != content:
            self.figures["recoveries"] += 1
            if any(operation.kind == "write" for operation in disk.log):
                self._crash_again(content, disk, version)
        if is_flagged(content):
            if self._chance.random() < 2 * self._dear:
                self._clear(content, version)
        elif self._chance.random() < self._dear:
            self._intrude(content, range(stock_versions[0], versions[-1] + 1))

    # -- readers

    def _stock(self, path: Path, content: bytes, versions: range, *, may_refuse: bool = True) -> None:
        key = hashlib.sha256(content).digest()
        if key not in self._stock_seen:
            self._stock_seen[key] = self._stock_version(path, content)
        version = self._stock_seen[key]
        if version is None:
            assert may_refuse, "stock HDF5 refuses the project after its recovery"
        else:
            assert version in versions, f"stock h5py sees {version} commits instead of {list(versions)}"
        seen = (
            "refused"
            if version is None
            else "old"
            if version < versions[-1]
            else "new"
            if version
            else "nothing new yet"
        )
        self.figures[f"stock: {seen}"] += may_refuse

    def _stock_version(self, path: Path, content: bytes) -> int | None:
        try:
            view = stock_view(path)
        except OSError:
            assert is_flagged(content) or is_torn(content), "stock HDF5 refuses for another reason"
            return None
        for number, candidate in enumerate(self._recording.stock):
            if view == candidate:
                return number
        raise AssertionError("stock h5py sees a mixture")

    def _view(self, path: Path) -> int:
        """How many commits aerchive sees; it recovers first."""
        project_at(path).file.recover()
        content = path.read_bytes()
        key = hashlib.sha256(content).digest()
        if key not in self._seen:
            seen = fits(project_view(path), self._recording.models)
            shown = self._stock_version(path, content)  # a commit may change nothing that aerchive shows
            is_other = shown is not None and self._recording.models[shown] == self._recording.models[seen]
            self._seen[key] = shown if shown is not None and is_other else seen
            assert path.read_bytes() == content, "reading a recovered file changes it"
        return self._seen[key]

    def _without_permission(self, path: Path, content: bytes, versions: range) -> int:
        key = b"r" + hashlib.sha256(content).digest()
        if key not in self._seen:
            self._seen[key] = fits(project_view(project_at(path, "r")), self._recording.models)
            assert path.read_bytes() == content, "a reader changed the file"
            self.figures["read without permission to write"] += 1
        version = _among(versions, self._seen[key], self._recording.models)
        assert version in versions
        return version

    # -- what may happen next

    def _go_on(self, path: Path, content: bytes, version: int) -> None:
        """Another run is saved, through the ordinary opening."""
        key = hashlib.sha256(content).digest()
        if key in self._went_on:
            return
        self._went_on.add(key)
        with using(UnsyncedDisk()):
            project_at(path).archive(NEXT)
        assert project_view(path) == self._recording.models[version] | model_of([NEXT])
        check_grown(self._recording.stock[version], stock_view(path))
        self.figures["saved another run"] += 1

    def _crash_again(self, content: bytes, disk: RecordingDisk, version: int) -> None:
        """Recovery itself is stopped."""
        all_states = list(crash_states(content, disk.log, torn=2, power=2, seed=self._chance.randrange(2**32)))
        share = max(2, round(len(all_states) * self._dear))
        for state in self._chance.sample(all_states, min(share, len(all_states))):
            path = copy_of(self._path, state.content)
            self._stock(path, state.content, range(max(0, version - 1), version + 1))
            assert self._without_permission(path, state.content, range(version, version + 1)) == version
            seen = self._view(path)
            assert seen == version, f"crashed in recovery ({state.how} at {state.done}): a commit is gone"
            self._stock(path, path.read_bytes(), range(version, version + 1), may_refuse=False)
            self._go_on(path, path.read_bytes(), version)
            self.figures["states in recovery"] += 1

    def _clear(self, content: bytes, version: int) -> None:
        """Somebody follows the advice of HDF5's refusal."""
        path = copy_of(self._path, content)
        subprocess.run(["h5clear", "-s", path], check=True, capture_output=True)
        assert not is_flagged(path.read_bytes())
        assert self._view(path) == version, "after h5clear a commit is gone"
        self._stock(path, path.read_bytes(), range(version, version + 1), may_refuse=False)
        self._go_on(path, path.read_bytes(), version)
        self.figures["h5clear"] += 1

    def _intrude(self, content: bytes, versions: range) -> None:
        """A foreign program opens the file for writing before aerchive does; it may cut the journal off."""
        path = copy_of(self._path, content)
        try:
            h5py.File(path, "r+").close()
        except OSError:
            assert is_torn(content)
            return
        version = self._view(path)
        assert version in versions, f"after a foreign writer aerchive sees {version} commits, not {list(versions)}"
        self._stock(path, path.read_bytes(), range(version, version + 1), may_refuse=False)
        self._go_on(path, path.read_bytes(), version)
        self.figures["foreign writer"] += 1


def is_torn(content: bytes) -> bool:
    """Whether the superblock is neither the one nor the other."""
    return lookup3(content[: SIZE - 4]).to_bytes(4, "little") != content[SIZE - 4 : SIZE]


def is_flagged(content: bytes) -> bool:
    return not is_torn(content) and Superblock(content[:SIZE]).is_flagged


def has_journal(content: bytes) -> bool:
    """Whether the file ends as one does that ends with a journal, whole or not."""
    return content[-64:-56] == b"AERJEND1"


def check_grown(before: StockView, after: StockView) -> None:
    """A commit of a new run leaves all nodes as they were; the catalogue and its list of changes only grow."""
    missing = {path for path, digest in before.items() if after.get(path) != digest}
    assert not missing, f"saving a run changed {sorted(missing)}"


def _among(versions: range, found: int, all_: Sequence[Any]) -> int:
    """A version that may be seen and looks like the one that is: a commit may change nothing that shows."""
    return next((version for version in versions if all_[version] == all_[found]), found)
