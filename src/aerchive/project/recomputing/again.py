"""Computing a run again in a child process, and opening what it gave; decision 0047.

What was computed again is used in the place of the archived run only after all its arrays were compared with the
digests of that run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from aerchive.errors import NotFoundError, OtherBitsError
from aerchive.project.catalogue.table import Catalogue, present, run_path
from aerchive.project.recomputing import kept
from aerchive.project.recomputing.comparison import Wanted, are_whole, differing, wanted_of
from aerchive.project.recomputing.environment import changes, changes_text, environment, threads
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.witness import Deviation, deviation_of
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium.opening import Stamp, stamp_at
from aerchive.storage.sessions import ReadSession
from aerchive.stored.opener import RunOpener


class Recomputer(Protocol):
    """Runs an archived run again, on a higher floor, which may import Qiskit."""

    def compute_again(
        self,
        path: Path,
        job_id: str,
        target: Path,
        *,
        max_infidelity: float | None,
        take_resources: bool,
        untrusted: bool,
    ) -> list[str]:
        """Runs a run again in a process of its own, which archives it in a new project.

        Args:
            path: Path of the project of the run.
            job_id: Id of the run.
            target: Path of the new project.
            max_infidelity: The limit of the rounding of its state vectors; ``None``: they are exact.
            take_resources: Whether options that ask for resources are taken from a foreign file, too.
            untrusted: Whether a run of a foreign file is run again all the same, with limits.

        Returns:
            Names of the options that were not taken.

        Raises:
            UnsafeContentError: The file is not trusted, or the child took too much.
            InvalidInputError: The run cannot be run again.
        """


class Place(RunOpener, Protocol):
    """The place of a run in a project; `aerchive.project.location.RunPlace` has it."""

    @property
    def project(self) -> ProjectFile:
        """The project file."""

    @property
    def run_uuid(self) -> str | None:
        """UUID of the run, if only this run may be opened."""


@dataclasses.dataclass(eq=False)
class Again:
    """A run that was computed again, in a project of its own; an opener of a run.

    Attributes:
        job_id: Id of the archived run.
        file: The file of the project.
    """

    job_id: str
    file: ProjectFile

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[ReadSession, GroupReader]]:
        """Opens the file, and the group of the run in it."""
        with self.file.read() as session:
            rows = present(Catalogue(session).rows())
            if not len(rows):
                raise NotFoundError(f"{self.file.path}: has no run; remove the file, and ask again")
            yield session, session.root.group(run_path(rows[0]))

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Has the file opened at most once in the block."""
        return self.file.held()

    def stamp(self) -> Stamp | None:
        """The stamp of the file now."""
        return stamp_at(self.file.path)


_Key = tuple[str, str]
_lock = threading.Lock()
_lately: dict[_Key, tuple[Stamp, Stamp, Again]] = {}
"""What was opened lately, by project and UUID of the run: stamps of both files, so that digests are compared once."""
_refused: dict[tuple[str, ...], OtherBitsError] = {}
"""What this process computed with other bits, by project, key and threads: it would give them again."""
_MOST_KNOWN = 256


def compute(
    place: Place, wanted: Wanted, recomputer: Recomputer, folder: Path, *, take_resources: bool, untrusted: bool
) -> Again:
    """Computes a run again, in a folder; nothing is compared.

    Raises:
        AerchiveError: The run cannot be run again.
    """
    target = folder / kept.FILE
    recomputer.compute_again(
        place.project.path,
        place.job_id,
        target,
        max_infidelity=wanted.max_infidelity,
        take_resources=take_resources,
        untrusted=untrusted,
    )
    return Again(place.job_id, place.project.sibling(target))


def deviations_of(place: Place, wanted: Wanted, again: Again) -> list[Deviation]:
    """Compares a run that was computed again with the archived one; empty if all arrays are the same, bit for bit."""
    with again.open() as (_, new):
        names = differing(wanted, new)
        if not names:
            return []
        with place.open() as (_, group):
            lacking = set(wanted.recomputed)
            return [
                deviation_of(group, new, name, wanted.run_uuid) if name in lacking else Deviation(name)
                for name in sorted(names)
            ]


def recomputed(
    place: Place, recomputer: Recomputer, *, take_resources: bool = False, untrusted: bool = False
) -> RunOpener:
    """Gives what a run does not store: from the folder where it is kept, or else computed again now.

    Args:
        place: Opens the run.
        recomputer: Runs it again.
        take_resources: Whether options that ask for resources are taken from a foreign file, too.
        untrusted: Whether a run of a foreign file is run again all the same, with limits.

    Returns:
        An opener of the run that was computed again. All its arrays are those of the archived run, bit for bit.

    Raises:
        OtherBitsError: It gives other bits here.
        AerchiveError: The run cannot be run again.
    """
    known = _known(place)
    if known is not None:
        return known
    with place.open() as (_, group):
        wanted = wanted_of(group)
        stamp = stamp_at(place.project.path)
    again = _kept(place, wanted)
    if again is None:
        before = _refused.get(_refusal_key(place, wanted))
        if before is not None:
            raise OtherBitsError(str(before), before.deviations)
        with kept.alone(wanted.key):
            again = _kept(place, wanted) or _made(place, wanted, recomputer, take_resources, untrusted)
    now = again.stamp()
    if stamp is not None and now is not None:
        with _lock:
            while len(_lately) >= _MOST_KNOWN:
                _lately.pop(next(iter(_lately)))
            _lately[str(place.project.path), wanted.run_uuid] = stamp, now, again
    return again


def _made(place: Place, wanted: Wanted, recomputer: Recomputer, take_resources: bool, untrusted: bool) -> Again:
    """Computes a run, compares it, and keeps it."""
    with kept.making() as folder:
        made = compute(place, wanted, recomputer, folder, take_resources=take_resources, untrusted=untrusted)
        found = deviations_of(place, wanted, made)
        if found:
            raise _refusal(place, wanted, found)
        return Again(place.job_id, made.file.sibling(kept.keep(folder, wanted.key)))


def _known(place: Place) -> Again | None:
    """What this process opened lately for a run, if neither file has changed since; its digests were compared then."""
    found = _lately.get((str(place.project.path), str(place.run_uuid)))
    if found is None or found[0] != stamp_at(place.project.path) or found[1] != found[2].stamp():
        return None
    with contextlib.suppress(OSError):
        os.utime(found[2].file.path.parent)
    return found[2]


def _kept(place: Place, wanted: Wanted) -> Again | None:
    """The run as it is kept, whose values are all read and compared once more; one that is damaged is removed."""
    path = kept.find(wanted.key)
    if path is None:
        return None
    again = Again(place.job_id, place.project.sibling(path))
    with contextlib.suppress(Exception), again.open() as (_, group):  # whatever is wrong with it, it is made anew
        if not differing(wanted, group) and are_whole(group, wanted.datasets):
            return again
    kept.forget(wanted.key)
    return None


def _refusal(place: Place, wanted: Wanted, found: list[Deviation]) -> OtherBitsError:
    """The error for other bits, which says how large the deviation is, and what has changed."""
    changed = changes_text(changes(wanted.environment, environment()))
    why = f"changed since then: {changed}" if changed else "software and processor are those that gave the same bits"
    error = OtherBitsError(
        f"{place.project.path}: run {place.job_id} was computed again, and its values are not the archived ones: "
        f"{'; '.join(map(str, found))}; {why}. The archived values are not stored; run.recompute() gives those of now",
        found,
    )
    if len(_refused) < _MOST_KNOWN:
        _refused[_refusal_key(place, wanted)] = error
    return error


def _refusal_key(place: Place, wanted: Wanted) -> tuple[str, ...]:
    return str(place.project.path), wanted.key, *threads().values()
