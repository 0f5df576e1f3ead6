"""Attachments: a value beside a run or beside the project is added, replaced or removed in a commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aerchive import layout
from aerchive.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from aerchive.filters.profiles import Compression
from aerchive.limits import limits
from aerchive.project.catalogue.deletions import note_deletions
from aerchive.project.catalogue.table import Catalogue, not_found, run_path
from aerchive.project.documents.draft import new_uuid
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.project.saving.labelling import Labelling
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.sessions import WriteSession
from aerchive.times import now

if TYPE_CHECKING:  # only attachments need this, and what it imports
    from aerchive.project.attachments import Attachments


@dataclass(frozen=True)
class Attaching:
    """A change of the attachments of a run or of the project.

    Attributes:
        run: The run; ``None``: the project.
        name: Name of the attachment.
        draft: The group of the attachment; ``None``: it is removed.
        replace: Whether an attachment of this name is replaced.
    """

    run: Run | None
    name: str
    draft: GroupDraft | None
    replace: bool = False


class Attacher:
    """Changes attachments of runs, and those of the project itself.

    Args:
        parts: The shared state of the project.
        labelling: Knows which runs can be changed.
        compression: Gives the compression of new arrays.
    """

    def __init__(self, parts: ProjectParts, labelling: Labelling, compression: Callable[[], Compression]) -> None:
        self._parts = parts
        self._labelling = labelling
        self._compression = compression

    def of_project(self) -> Attachments:
        """The attachments of the project itself."""
        from aerchive.project.attachments import Attachments, ProjectRoot

        file = self._parts.file
        return Attachments(lambda: ProjectRoot(file) if file.exists() else None, str(self._parts.path))

    def attach(self, run: Run | None, name: str, value: Any, *, replace: bool) -> None:
        """See `aerchive.Run.attach`."""
        from aerchive.project.attachments import check_name

        self._parts.check_writable()
        check_name(name)
        self._change(Attaching(run, name, attachment_draft(value, self._compression()), replace))

    def detach(self, run: Run | None, name: str) -> None:
        """See `aerchive.Run.detach`."""
        self._parts.check_writable()
        self._change(Attaching(run, name, None))

    def _change(self, one: Attaching) -> None:
        waiting = self._parts.waiting
        is_waiting = one.run is not None and waiting is not None and one.run.job_id in waiting
        if one.run is not None and not is_waiting:
            self._labelling.check_is_in_file(one.run)
        if waiting is None:
            self._parts.file.commit(lambda session: write_attachings(session, [one]), now())
            return
        known = self.of_project() if one.run is None else one.run.attachments
        if one.draft is not None:
            if not one.replace and one.name in known:
                raise _exists(str(self._parts.path), one.name)
            datasets = {name: draft.detached() for name, draft in one.draft.datasets.items()}
            one = dataclasses.replace(one, draft=dataclasses.replace(one.draft, datasets=datasets))
        self._parts.transaction.attachings.append(one)


def attachment_draft(value: Any, compression: Compression) -> GroupDraft:
    """The group of a new attachment.

    Args:
        value: What is attached.
        compression: The compression of its datasets.

    Raises:
        UnsupportedTypeError: It cannot be attached.
    """
    from aerchive.codecs.attachment import DOCUMENTS, ENCODING, VALUE, VERSION, encode_attachment
    from aerchive.stored.array import StoredArray
    from aerchive.stored.tree import kind_of

    encoded = encode_attachment(value[...] if type(value) is StoredArray else value)
    kind = str(*(name for name in DOCUMENTS if name in encoded.datasets))
    if kind == VALUE:
        kind = kind_of(encoded.tree)
        kind = "json" if kind.endswith("json") else kind
    attributes = {
        "encoding": ENCODING,
        "encoding_version": VERSION,
        layout.ATTACHMENT_UUID: new_uuid(),
        "kind": kind,
        "created": now(),
        **encoded.attributes,
    }
    datasets = {name: dataclasses.replace(draft, compression=compression) for name, draft in encoded.datasets.items()}
    return GroupDraft(attributes, datasets, mutable=True)


def write_attachings(session: WriteSession, changes: Sequence[Attaching]) -> None:
    """Makes changes of attachments one after another.

    Args:
        session: An open session of the project file; the runs are in its catalogue.
        changes: The changes to make, in order.

    Raises:
        AlreadyExistsError: There is an attachment of this name, which is not to be replaced.
        NotFoundError: The run is not in the project, or there is no such attachment to remove.
        InvalidInputError: There would be too many attachments.
        WriteError: There is no room on the disk.
    """
    file, noted = session.root.file, set[str]()
    for one in changes:
        holder = ""
        if one.run is not None:
            holder = _note(session, one.run.job_id, noted)
        folder = f"{holder}/{layout.ATTACHMENTS}" if holder else layout.ATTACHMENTS
        path = f"{folder}/{one.name}"
        is_there = session.has(path)
        if one.draft is None and not is_there:
            raise NotFoundError(f"{file}: /{path}: no such attachment")
        if is_there:
            if one.draft is not None and not one.replace:
                raise _exists(f"{file}: /{folder}", one.name)
            note_deletions(session, [(str(session.root.group(path).attribute(layout.ATTACHMENT_UUID)), 0)])
            session.remove(path, f"{layout.DELETED}/{layout.ATTACHMENTS}")
        if one.draft is not None:
            most = limits().attachments
            if (session.count_members(folder) or 0) >= most:
                raise InvalidInputError(
                    f"{file}: /{folder}: has {most} attachments, and the limit 'attachments' is {most}; attach a "
                    "dictionary of several values, or raise the limit for all who read the project"
                )
            session.check_room(one.draft.datasets.values(), f"attachment {one.name!r}")
            session.write_attachment(holder, one.name, one.draft)


def _note(session: WriteSession, job_id: str, noted: set[str]) -> str:
    """Notes in the list of changes that a run has changed, for compactions; returns the path of its group."""
    rows = Catalogue(session)
    found = rows.find(job_id)
    if found is None:
        rows.check()
        raise not_found(session.root.file, job_id, [], len(rows))
    number, row = found
    if job_id not in noted:
        noted.add(job_id)
        session.note_row(layout.CATALOGUE, number)
    return run_path(row[0])


def _exists(where: str, name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f"{where}: there is an attachment {name!r} already; replace=True (--replace) replaces it")
