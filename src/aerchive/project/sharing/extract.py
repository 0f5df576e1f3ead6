"""Extracting: chosen runs, with all that they need, in a new project file; decision 0041."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import CommittedError, IntegrityError, InvalidInputError, UncertainError, WriteError
from aerchive.filters.profiles import PORTABLE
from aerchive.project.care.changed_copy import names_told, verified_nodes
from aerchive.project.care.verify import Progress
from aerchive.project.catalogue.table import Catalogue, run_path, whole_id
from aerchive.project.documents.anonymise import Anonymiser
from aerchive.project.documents.draft import RunDraft
from aerchive.project.saving.attaching import Attaching, attachment_draft, write_attachings
from aerchive.project.sealing.kept_proofs import ATTACHMENT, check_sealed, proofs_to_keep
from aerchive.project.sealing.leaves import leaves_of
from aerchive.project.sealing.seal import Seal
from aerchive.project.sharing.payload import without_payload
from aerchive.project.spooling.spools import drafts_of
from aerchive.project.writing.runs import RunWriter, stored_draft, write_drafts
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.storage.file import LockedFile, ProjectFile
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders
from aerchive.storage.hdf5.objects import LinkedObjects
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import now

_TOGETHER = 256
"""Number of runs that are read in one session and written in one commit."""
_CHANGED = frozenset(
    {layout.CONFIG, layout.STATUS, layout.LABELS, layout.PROVENANCE, layout.ATTACHMENTS, layout.VIEW, layout.MISSING}
)
"""Nodes of a run that may differ in an extract."""


class Part(NamedTuple):
    """What is extracted.

    Attributes:
        numbers: Numbers of the rows of the chosen runs in the catalogue.
        spooled: Chosen runs that are in spools.
        payloads: Whether large arrays are extracted.
        anonymous: Whether personal facts are left out.
        seal: The seal of which the new file keeps proofs; ``None``: it only hands on those that the project keeps.
    """

    numbers: Sequence[int]
    spooled: Sequence[SpooledRun]
    payloads: bool
    anonymous: bool
    seal: Seal | None


def extract(file: ProjectFile, target: Path, part: Part, progress: Progress | None) -> ProjectFile:
    """Writes a part of a project into a new file; see `aerchive.Project.extract`.

    Args:
        file: The project file.
        target: The new file.
        part: What is extracted.
        progress: A function that is called with the work done and the total work.

    Returns:
        The new file.
    """
    with file.read() as session:
        rows = _with_family(session, part.numbers)
        original = f"{file.path.name} (project {session.root.attribute('project_uuid')})"
    if part.seal is not None:
        _check_can_be_proven(file, part, part.seal, rows)
    if part.anonymous:
        original = original.partition("(")[2].removesuffix(")")
    total = int(rows["nbytes"].sum()) + len(rows) + sum(one.head.nbytes + 1 for one in part.spooled)
    with file.beginning(target, now()) as new:
        names = names_told(file, rows, part.spooled) if part.anonymous else ()
        extraction = _Extraction(file, new, part, original, Anonymiser(names) if part.anonymous else None)
        done = 0
        for first in range(0, len(rows), _TOGETHER):
            some = rows[first : first + _TOGETHER]
            extraction.take(some)
            done += int(some["nbytes"].sum()) + len(some)
            if progress is not None:
                progress(done, total)
        extraction.take_spooled()
        extraction.keep_proofs()
        if progress is not None and part.spooled:
            progress(total, total)
    return file.sibling(target)


def _check_can_be_proven(file: ProjectFile, part: Part, seal: Seal, rows: NDArray[np.void]) -> None:
    """Checks that each run that is extracted is as it was sealed.

    Raises:
        InvalidInputError: One is not, or is not in the project file yet, or none will have its digest.
    """
    if part.anonymous:
        raise InvalidInputError(
            "runs without personal facts have other digests than the sealed ones, so nothing can prove them: extract "
            "them without a seal, and seal the new file"
        )
    if part.spooled:
        raise InvalidInputError(
            f"{file.path}: a run is not in it yet, but in {part.spooled[0].path}, so it is not sealed; move it into "
            f"the project with: aerchive recover {file.path}, and seal the project again"
        )
    with file.read() as session:
        ids = [whole_id(session, row) for row in rows]
    check_sealed(file, seal, zip(ids, leaves_of(file, rows), strict=True))


def _with_family(session: ReadSession, numbers: Sequence[int]) -> NDArray[np.void]:
    """The rows of runs, of those of primitives above them, and of the runs beneath, in the order of the catalogue.

    A run whose parent is not there would not be listed.
    """
    rows = Catalogue(session).rows()
    chosen = set(numbers)
    is_beneath = (rows["parent"] != b"") & (rows["deleted"] == 0)
    if len(chosen) < len(rows) and np.any(is_beneath):
        ids = {Catalogue.key(whole_id(session, rows[number])) for number in numbers}
        ids |= {one.partition(b"~")[0] for one in ids}
        beneath = np.flatnonzero(is_beneath & np.isin(rows["parent"], [*ids]))
        above = np.unique(rows["parent"][[number for number in chosen if is_beneath[number]]])
        if len(above):
            ids_now = {one: one.partition(b"~")[0] for one in rows["job_id"][rows["deleted"] == 0].tolist()}
            named = [one for one, sealed in ids_now.items() if one in above or sealed in above]
            chosen |= set(np.flatnonzero((rows["deleted"] == 0) & np.isin(rows["job_id"], named)).tolist())
        chosen |= set(beneath.tolist())
    found: NDArray[np.void] = rows[sorted(chosen)]
    return found


class _Extraction:
    """Writes runs into the new file.

    Args:
        file: The project file.
        new: The new file.
        part: What is extracted.
        original: The project file in words, for runs without payload.
        anonymiser: Leaves personal facts out; ``None``: they stay.
    """

    def __init__(
        self, file: ProjectFile, new: LockedFile, part: Part, original: str, anonymiser: Anonymiser | None
    ) -> None:
        self._file = file
        self._new = new
        self._part = part
        self._original = original
        self._anonymiser = anonymiser
        self._uuids: list[str] = []

    def take(self, rows: NDArray[np.void]) -> None:
        """Writes runs of the project in one commit, and checks that they are what they were.

        Raises:
            IntegrityError: A run is damaged, or was changed by another program: a new seal would hide that.
        """
        objects: dict[str, ObjectDraft] = {}
        linked, written = LinkedObjects(), list[tuple[str, str, dict[str, str]]]()
        with self._file.read() as session, _wrapped(self._new), self._new.write(now()) as out:
            writer, folders = RunWriter(out, {}, keeps_conflicts=True), Folders(session.root)
            for row in rows:
                check_interrupt()
                group = folders.group(run_path(row))
                draft, nodes = self._draft(session, group, row, objects, linked)
                path = writer.add(draft)
                self._uuids.append(draft.run_uuid)
                if self._anonymiser is None:
                    _check_seal(group, out.root.group(f"{path}/{layout.SEAL}").attribute("core_sha256"))
                else:
                    written.append((path, draft.run_uuid, nodes))
            writer.finish()
        if written:
            self._compare(written)

    def _draft(
        self,
        session: ReadSession,
        group: CachedGroup,
        row: np.void,
        objects: dict[str, ObjectDraft],
        linked: LinkedObjects,
    ) -> tuple[RunDraft, dict[str, str]]:
        """The draft of a run as it is written, and the digests of the nodes that must stay as they are."""
        draft, nodes = stored_draft(group, row, objects), dict[str, str]()
        if not self._part.payloads or self._anonymiser is not None:
            nodes = verified_nodes(group, draft.run_uuid, session.root, linked, set())
        if not self._part.payloads:
            draft = without_payload(draft, nodes, self._original)
        if self._anonymiser is not None:
            draft = self._anonymiser.draft(draft)
        gone = _CHANGED | (draft.missing.datasets.keys() if draft.missing is not None else set())
        return draft, {path: digest for path, digest in nodes.items() if path.partition("/")[0] not in gone}

    def _compare(self, written: Sequence[tuple[str, str, dict[str, str]]]) -> None:
        linked = LinkedObjects()
        with self._new.read() as session:
            folders = Folders(session.root)
            for path, run_uuid, nodes in written:
                group = folders.group(path)
                if verified_nodes(group, run_uuid, session.root, linked, set(_CHANGED)) != nodes:
                    raise IntegrityError(f"{group.where()}: is not what was read; not extracted")

    def take_spooled(self) -> None:
        """Writes chosen runs that are not in the project file yet."""
        runs = self._part.spooled
        for first in range(0, len(runs), _TOGETHER):
            with (
                drafts_of(runs[first : first + _TOGETHER]) as found,
                _wrapped(self._new),
                self._new.write(now()) as out,
            ):
                drafts = found if self._anonymiser is None else map(self._anonymiser.draft, found)
                write_drafts(out, drafts, keeps_conflicts=True)

    def keep_proofs(self) -> None:
        """Attaches the proofs of the runs of the project file; an anonymous extract has none."""
        text = None if self._part.anonymous else proofs_to_keep(self._file, self._part.seal, self._uuids)
        if text is not None:
            attaching = Attaching(None, ATTACHMENT, attachment_draft(text, PORTABLE))
            with _wrapped(self._new), self._new.write(now()) as out:
                write_attachings(out, [attaching])


def _check_seal(group: CachedGroup, now_sealed: object) -> None:
    """Checks that a run has the seal in the new file that it had in the project."""
    if group.group(layout.SEAL).attribute("core_sha256") != now_sealed:
        raise IntegrityError(
            f"{group.where()}: the digest of the run does not match: something in it was changed; not extracted, "
            "because a new seal would hide that: restore the run from a copy, or delete it"
        )


@contextlib.contextmanager
def _wrapped(new: LockedFile) -> Iterator[None]:
    """Says of an error after a commit that there is no new file."""
    try:
        yield
    except (CommittedError, UncertainError) as error:
        raise WriteError(f"{new.path}: {error.__cause__} while it was written; there is no new file") from error
