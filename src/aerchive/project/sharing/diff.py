"""What differs between two projects: runs, their labels and payloads; decision 0041."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean, cut, format_runs
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.models.base import to_text
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.project.care.verify import Progress
from aerchive.project.catalogue.deletions import Deletions, read_deletions
from aerchive.project.catalogue.table import Catalogue, present, run_path
from aerchive.project.documents.record import read_own_record
from aerchive.project.documents.results_digest import results_digest
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession

_TOGETHER = 512
_MOST_SHOWN = 20
"""Number of runs of one kind that are printed; the report has all of them."""
_LONGEST = 60
"""Length at which the value of a label is cut off."""
_LABELS = ("name", "notes", "tags", "params")


class DifferingRun(NamedTuple):
    """A run that is not the same in two projects.

    Attributes:
        job_id: Its id in the first project that has it.
        name: Its name, or ``None``.
        created: When it was submitted, UTC.
        detail: What differs, in words; of a run that only one project has, whether the other one has deleted it.
    """

    job_id: str
    name: str | None
    created: str
    detail: str = ""


@dataclass(frozen=True)
class ProjectDiffReport(ShownReport):
    """The report of `Project.diff`.

    Attributes:
        first: Path of the first project.
        second: Path of the second project.
        same: Number of runs that both have, with the same labels and payloads.
        only_first: Runs that only the first project has.
        only_second: Runs that only the second project has.
        relabelled: Runs that both have, with other labels or attachments.
        payload_in_one: Runs that both have, one of them without its payload.
        conflicts: Different results of one job, and runs of one UUID with different content.
        same_results: Runs that only one project has, whose results are those of a run with another id in the other.
    """

    first: str
    second: str
    same: int = 0
    only_first: list[DifferingRun] = field(default_factory=list)
    only_second: list[DifferingRun] = field(default_factory=list)
    relabelled: list[DifferingRun] = field(default_factory=list)
    payload_in_one: list[DifferingRun] = field(default_factory=list)
    conflicts: list[DifferingRun] = field(default_factory=list)
    same_results: list[DifferingRun] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Whether both projects have the same runs, with the same labels and payloads."""
        return not (self.only_first or self.only_second or self.relabelled or self.payload_in_one or self.conflicts)

    def to_json(self) -> dict[str, Any]:
        """The report as a dictionary that can be written as JSON."""
        fields = dataclasses.asdict(self)
        fields |= {
            name: [one._asdict() for one in getattr(self, name)]
            for name in ("only_first", "only_second", "relabelled", "payload_in_one", "conflicts", "same_results")
        }
        return {**fields, "is_same": self.is_same}

    def __str__(self) -> str:
        lines = [f"{self.first} and {self.second}: {format_runs(self.same)} the same in both"]
        for title, runs in (
            (f"only in {self.first}", self.only_first),
            (f"only in {self.second}", self.only_second),
            ("with other labels", self.relabelled),
            ("with payload in only one", self.payload_in_one),
            ("in conflict", self.conflicts),
            ("the same results under another id", self.same_results),
        ):
            if runs:
                lines.append(f"{format_runs(len(runs))} {title}:")
                lines += [f"  {_line(one)}" for one in runs[:_MOST_SHOWN]]
                lines += [f"  and {len(runs) - _MOST_SHOWN} more"] if len(runs) > _MOST_SHOWN else []
        return "\n".join(map(clean, lines))


def _line(one: DifferingRun) -> str:
    name = f" {one.name!r}" if one.name else ""
    return f"{one.job_id}{name}, {one.created[:19].replace('T', ' ')}{': ' if one.detail else ''}{one.detail}"


class _Known(NamedTuple):
    """A run of one project, as far as it was read.

    Attributes:
        record: Its documents.
        path: Path of its group.
        core: The digest of its core.
        lacks: Whether it lacks its payload.
        attached: The UUIDs of its attachments.
    """

    record: RunRecord
    path: str
    core: object
    lacks: bool
    attached: frozenset[str]


def diff(one: ProjectFile, other: ProjectFile, progress: Progress | None) -> ProjectDiffReport:
    """Compares two projects; see `aerchive.Project.diff`.

    Args:
        one: The first project.
        other: The second project.
        progress: A function that is called with the number of runs that were read, and of all runs.
    """
    for file in (one, other):
        if not file.exists():
            raise NotFoundError(f"{file.path}: no such project")
    (rows_here, gone_here), (rows_there, gone_there) = _rows(one), _rows(other)
    rows = [rows_here, rows_there]
    total, read = sum(map(len, rows)), 0

    def count(number: int) -> None:
        nonlocal read
        read += number
        if progress is not None:
            progress(read, total)

    first, second = (_runs(file, some, count) for file, some in zip((one, other), rows, strict=True))
    report = ProjectDiffReport(str(one.path), str(other.path))
    names = (one.path.name, other.path.name) if one.path.name != other.path.name else (report.first, report.second)
    same = 0
    for run_uuid in first.keys() & second.keys():
        kind, detail = _compare(first[run_uuid], second[run_uuid], names)
        if kind is None:
            same += 1
        else:
            getattr(report, kind).append(_shown(first[run_uuid], detail))
    left = [first[uuid] for uuid in first.keys() - second.keys()]
    right = [second[uuid] for uuid in second.keys() - first.keys()]
    report.only_first.extend(_only(known, gone_there, names[1]) for known in left)
    report.only_second.extend(_only(known, gone_here, names[0]) for known in right)
    _compare_rivals(report, left, right)
    _compare_results(report, (one, left), (other, right))
    for name in ("only_first", "only_second", "relabelled", "payload_in_one", "conflicts", "same_results"):
        getattr(report, name).sort(key=lambda run: (run.created, run.job_id))
    return dataclasses.replace(report, same=same)


def _rows(file: ProjectFile) -> tuple[NDArray[np.void], Deletions]:
    with file.read() as session:
        return present(Catalogue(session).rows()), read_deletions(session)


def _runs(file: ProjectFile, rows: NDArray[np.void], count: Callable[[int], None]) -> dict[str, _Known]:
    """The runs of a project by UUID; writers need not wait until all are read."""
    found: dict[str, _Known] = {}
    for first in range(0, len(rows), _TOGETHER):
        some = rows[first : first + _TOGETHER]
        with file.read() as session:
            for known in _read(session, some):
                found[known.record.run_uuid] = known
        count(len(some))
    return found


def _read(session: ReadSession, rows: NDArray[np.void]) -> Iterator[_Known]:
    folders = Folders(session.root)
    for row in rows:
        check_interrupt()
        try:
            group = folders.group(run_path(row))
        except NotFoundError:  # deleted just now
            continue
        record = read_own_record(group)
        core = group.group(layout.SEAL).attribute("core_sha256")
        yield _Known(record, run_path(row), core, layout.MISSING in group, _attached(group))


def _attached(group: CachedGroup) -> frozenset[str]:
    if layout.ATTACHMENTS not in group:
        return frozenset()
    folder = group.group(layout.ATTACHMENTS)
    return frozenset(str(folder.group(name).attribute(layout.ATTACHMENT_UUID)) for name in folder.names())


def _shown(known: _Known, detail: str = "") -> DifferingRun:
    record = known.record
    return DifferingRun(record.job_id, record.labels.name, record.created, detail)


def _only(known: _Known, gone: Deletions, name: str) -> DifferingRun:
    """A run that the project with this name does not have."""
    deletion = gone.get(known.record.run_uuid)
    return _shown(known, f"deleted in {name}" if deletion is not None and deletion.is_deleted else "")


def _compare(one: _Known, other: _Known, names: tuple[str, str]) -> tuple[str | None, str]:
    """What differs between a run in two projects: a field of the report, and words; ``None`` if nothing."""
    labels = _differing_labels(one.record.labels, other.record.labels)
    if one.attached != other.attached:
        labels.append("attachments")
    if one.core != other.core:
        if bool(one.record.config.anonymised) != bool(other.record.config.anonymised):
            where = names[0 if one.record.config.anonymised else 1]
            return "relabelled", f"without personal facts in {where}"
        return "conflicts", "the same UUID, and other content"
    if one.lacks != other.lacks:
        also = f"; also other labels: {'; '.join(labels)}" if labels else ""
        return "payload_in_one", f"its arrays are only in {names[1 if one.lacks else 0]}{also}"
    return ("relabelled", "; ".join(labels)) if labels else (None, "")


def _differing_labels(one: RunLabels, other: RunLabels) -> list[str]:
    """Each label that differs, with the value in the first and in the second project, as JSON in short."""
    pairs = [(label, *(to_text(getattr(labels, label)) for labels in (one, other))) for label in _LABELS]
    return [
        f"{label} {cut(here, _LONGEST)} and {cut(there, _LONGEST)}" for label, here, there in pairs if here != there
    ]


def _compare_rivals(report: ProjectDiffReport, left: list[_Known], right: list[_Known]) -> None:
    there: dict[str, list[_Known]] = {}
    for known in right:
        there.setdefault(known.record.sealed_id, []).append(known)
    for known in left:
        for other in there.get(known.record.sealed_id, ()):
            report.conflicts.append(
                _shown(known, f"another result of the same job in {report.second} ({other.record.run_uuid})")
            )


def _compare_results(
    report: ProjectDiffReport, one: tuple[ProjectFile, list[_Known]], other: tuple[ProjectFile, list[_Known]]
) -> None:
    """Finds runs that only one project has, whose results are those of another run in the other project.

    Only runs that agree in what the catalogue knows of their circuits and options are opened.
    """
    shared = {_outline(known) for known in one[1]} & {_outline(known) for known in other[1]}
    if not shared:
        return
    digests: list[dict[str, list[_Known]]] = []
    for file, runs in (one, other):
        found: dict[str, list[_Known]] = {}
        with file.read() as session:
            folders = Folders(session.root)
            for known in runs:
                check_interrupt()
                if _outline(known) in shared and known.record.status.has_data:
                    try:
                        digest = results_digest(folders.group(known.path))
                    except AerchiveError:  # damaged, or deleted just now: `verify` tells
                        continue
                    found.setdefault(digest, []).append(known)
        digests.append(found)
    for digest in digests[0].keys() & digests[1].keys():
        for known in digests[0][digest]:
            ids = ", ".join(twin.record.job_id for twin in digests[1][digest])
            report.same_results.append(_shown(known, f"those of {ids} in {report.second}"))


def _outline(known: _Known) -> tuple[object, ...]:
    config = known.record.config
    return (
        *(config.program, known.record.status.outcome, config.num_circuits, config.num_qubits),
        *(config.used.get("seed_simulator"), config.used.get("shots"), config.used.get("method")),
        to_text(config.circuit_facts),
    )
