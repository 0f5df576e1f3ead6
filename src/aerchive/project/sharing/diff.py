"""What differs between two projects: runs, their labels and payloads; decision 0041."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.display.html import ShownReport
from aerchive.display.text import clean, cut, format_runs
from aerchive.errors import AerchiveError, FormatError, NotFoundError, UnsafeContentError
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
_KINDS = ("only_first", "only_second", "relabelled", "payload_in_one", "conflicts", "same_results")
"""The fields of a report that are lists of runs."""
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
        problems: Runs that were not compared, because they are damaged. Each is a sentence.
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
    problems: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Whether both projects have the same runs, with the same labels and payloads."""
        differing = self.only_first or self.only_second or self.relabelled or self.payload_in_one or self.conflicts
        return not (differing or self.problems)

    def to_json(self) -> dict[str, Any]:
        """The report as a dictionary that can be written as JSON."""
        fields = dataclasses.asdict(self)
        fields |= {name: [one._asdict() for one in getattr(self, name)] for name in _KINDS}
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
        lines += [f"problem: {one}" for one in self.problems]
        return "\n".join(map(clean, lines))


def _line(one: DifferingRun) -> str:
    name = f" {one.name!r}" if one.name else ""
    return f"{one.job_id}{name}, {one.created[:19].replace('T', ' ')}{': ' if one.detail else ''}{one.detail}"


class _Outline(NamedTuple):
    """What tells at once whether a run is the same in both projects, without reading its documents.

    Attributes:
        path: Path of its group.
        core: The digest of its core.
        labels: The digest of its labels.
        lacks: Whether it lacks its payload.
        attached: The UUIDs of its attachments.
    """

    path: str
    core: object
    labels: object
    lacks: bool
    attached: frozenset[str]


class _Known(NamedTuple):
    """A run that is not the same in both projects.

    Attributes:
        outline: What was read of it first.
        run_uuid: Its UUID.
        sealed_id: The job id that is sealed.
        shown: The run as the report has it.
        labels: Its labels.
        is_anonymised: Whether personal facts were left out.
        has_data: Whether it has data.
        like: A digest of what runs with the same results have in common.
    """

    outline: _Outline
    run_uuid: str
    sealed_id: str
    shown: DifferingRun
    labels: RunLabels
    is_anonymised: bool
    has_data: bool
    like: bytes


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

    report = ProjectDiffReport(str(one.path), str(other.path))
    outlines = [_outlines(file, some, count, report) for file, some in zip((one, other), rows, strict=True)]
    first, second = outlines
    same = {
        uuid for uuid in first.keys() & second.keys() if first[uuid]._replace(path="") == second[uuid]._replace(path="")
    }
    numbers = len(same)
    here, there = (_documents(file, some, same, report) for file, some in zip((one, other), outlines, strict=True))
    names = (one.path.name, other.path.name) if one.path.name != other.path.name else (report.first, report.second)
    for run_uuid in here.keys() & there.keys():
        kind, detail = _compare(here[run_uuid], there[run_uuid], names)
        if kind is None:
            numbers += 1
        else:
            getattr(report, kind).append(here[run_uuid].shown._replace(detail=detail))
    left = [known for uuid, known in here.items() if uuid not in second]
    right = [known for uuid, known in there.items() if uuid not in first]
    report.only_first.extend(_only(known, gone_there, names[1]) for known in left)
    report.only_second.extend(_only(known, gone_here, names[0]) for known in right)
    _compare_rivals(report, left, right)
    _compare_results(report, (one, left), (other, right))
    for name in _KINDS:
        getattr(report, name).sort(key=lambda run: (run.created, run.job_id))
    return dataclasses.replace(report, same=numbers)


def _rows(file: ProjectFile) -> tuple[NDArray[np.void], Deletions]:
    with file.read() as session:
        return present(Catalogue(session).rows()), read_deletions(session)


def _outlines(
    file: ProjectFile, rows: NDArray[np.void], count: Callable[[int], None], report: ProjectDiffReport
) -> dict[str, _Outline]:
    """The runs of a project by UUID; writers need not wait until all are read."""
    found: dict[str, _Outline] = {}
    for paths in _batches(list(map(run_path, rows))):
        with file.read() as session:
            for path, group in _groups(session, paths, report):
                with _noted(report):
                    labels = group.group(layout.LABELS).attribute("sha256") if layout.LABELS in group else None
                    core = group.group(layout.SEAL).attribute("core_sha256")
                    lacks = layout.MISSING in group
                    found[str(group.run_uuid())] = _Outline(path, core, labels, lacks, _attached(group))
        count(len(paths))
    return found


def _documents(
    file: ProjectFile, outlines: Mapping[str, _Outline], same: Set[str], report: ProjectDiffReport
) -> dict[str, _Known]:
    """The runs of a project that differ, by UUID."""
    found: dict[str, _Known] = {}
    wanted = {one.path: one for uuid, one in outlines.items() if uuid not in same}
    for paths in _batches([*wanted]):
        with file.read() as session:
            for path, group in _groups(session, paths, report):
                with _noted(report):
                    record = read_own_record(group)
                    found[record.run_uuid] = _known(wanted[path], record)
    return found


def _batches(paths: list[str]) -> Iterator[list[str]]:
    return (paths[first : first + _TOGETHER] for first in range(0, len(paths), _TOGETHER))


def _groups(session: ReadSession, paths: Iterable[str], report: ProjectDiffReport) -> Iterator[tuple[str, CachedGroup]]:
    folders = Folders(session.root)
    for path in paths:
        check_interrupt()
        with _noted(report):
            yield path, folders.group(path)


@contextlib.contextmanager
def _noted(report: ProjectDiffReport) -> Iterator[None]:
    """Notes the damage of a run, so that the others are compared."""
    try:
        yield
    except NotFoundError:  # deleted just now
        pass
    except (FormatError, UnsafeContentError) as error:
        report.problems.append(f"{error}; not compared")


def _known(outline: _Outline, record: RunRecord) -> _Known:
    config, labels = record.config, record.labels
    like = (
        *(config.program, record.status.outcome, config.num_circuits, config.num_qubits),
        *(config.used.get("seed_simulator"), config.used.get("shots"), config.used.get("method")),
        to_text(config.circuit_facts),
    )
    return _Known(
        outline,
        record.run_uuid,
        record.sealed_id,
        DifferingRun(record.job_id, labels.name, record.created),
        labels,
        bool(config.anonymised),
        record.status.has_data,
        hashlib.sha256(repr(like).encode()).digest(),
    )


def _attached(group: CachedGroup) -> frozenset[str]:
    if layout.ATTACHMENTS not in group:
        return frozenset()
    folder = group.group(layout.ATTACHMENTS)
    return frozenset(str(folder.group(name).attribute(layout.ATTACHMENT_UUID)) for name in folder.names())


def _only(known: _Known, gone: Deletions, name: str) -> DifferingRun:
    """A run that the project with this name does not have."""
    deletion = gone.get(known.run_uuid)
    detail = f"deleted in {name}" if deletion is not None and deletion.is_deleted else ""
    return known.shown._replace(detail=detail)


def _compare(one: _Known, other: _Known, names: tuple[str, str]) -> tuple[str | None, str]:
    """What differs between a run in two projects: a field of the report, and words; ``None`` if nothing."""
    labels = _differing_labels(one.labels, other.labels)
    if one.outline.attached != other.outline.attached:
        labels.append("attachments")
    if one.outline.core != other.outline.core:
        if one.is_anonymised != other.is_anonymised:
            where = names[0 if one.is_anonymised else 1]
            return "relabelled", f"without personal facts in {where}"
        return "conflicts", "the same UUID, and other content"
    if one.outline.lacks != other.outline.lacks:
        also = f"; also other labels: {'; '.join(labels)}" if labels else ""
        return "payload_in_one", f"its arrays are only in {names[1 if one.outline.lacks else 0]}{also}"
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
        there.setdefault(known.sealed_id, []).append(known)
    for known in left:
        for other in there.get(known.sealed_id, ()):
            report.conflicts.append(
                known.shown._replace(detail=f"another result of the same job in {report.second} ({other.run_uuid})")
            )


def _compare_results(
    report: ProjectDiffReport, one: tuple[ProjectFile, list[_Known]], other: tuple[ProjectFile, list[_Known]]
) -> None:
    """Finds runs that only one project has, whose results are those of another run in the other project.

    Only runs that agree in what the catalogue knows of their circuits and options are opened.
    """
    shared = {known.like for known in one[1]} & {known.like for known in other[1]}
    if not shared:
        return
    digests: list[dict[str, list[_Known]]] = []
    for file, runs in (one, other):
        found: dict[str, list[_Known]] = {}
        with file.read() as session:
            folders = Folders(session.root)
            for known in runs:
                check_interrupt()
                if known.like in shared and known.has_data:
                    try:
                        digest = results_digest(folders.group(known.outline.path))
                    except AerchiveError:  # damaged, or deleted just now: `verify` tells
                        continue
                    found.setdefault(digest, []).append(known)
        digests.append(found)
    for digest in digests[0].keys() & digests[1].keys():
        for known in digests[0][digest]:
            ids = ", ".join(twin.shown.job_id for twin in digests[1][digest])
            report.same_results.append(known.shown._replace(detail=f"those of {ids} in {report.second}"))
