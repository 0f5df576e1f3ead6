"""The attachments of a run or of a project: a read-only mapping from names to values."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aerchive import layout
from aerchive.display.html import Shown, join, table, text
from aerchive.display.text import clean, format_bytes, format_table, format_time
from aerchive.errors import AerchiveError, FormatError, InvalidInputError, NotFoundError
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.cached_group import check_attachments
from aerchive.storage.hdf5.objects import is_attachment_name
from aerchive.storage.medium.opening import Stamp, stamp_of
from aerchive.stored.attachment import AttachmentInfo, attachment_uuid, describe_attachment, read_attachment
from aerchive.stored.opener import OpenFile, RunOpener
from aerchive.text import listed, near_texts

MAX_NAME = 100
"""The greatest length of a name; a merge may lengthen it, as `aerchive.project.documents.unite` describes."""


def check_name(name: str) -> str:
    """Returns the name of an attachment if it is one.

    Raises:
        InvalidInputError: It is not: a name is a plain text, because it is the name of a group in the file.
    """
    if len(name) > MAX_NAME or not is_attachment_name(name):
        raise InvalidInputError(
            f"{name!r:.160} cannot be the name of an attachment: a name has 1 to {MAX_NAME} characters of ASCII that "
            "can be printed, without slash and backslash; it neither begins with a dot, a space or 'long.', nor ends "
            f"with a space or {layout.CHECKSUMS_SUFFIX!r}"
        )
    return name


@dataclasses.dataclass(eq=False)
class ProjectRoot:
    """The project as the holder of its own attachments.

    Attributes:
        file: The project file.
        job_id: Empty: it is not a run.
    """

    file: ProjectFile
    job_id: str = ""

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[OpenFile, GroupReader]]:
        """Opens the file and its root group."""
        with self.file.read() as session:
            yield session, session.root

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Has the file opened at most once in the block."""
        return self.file.held()

    def stamp(self) -> Stamp | None:
        """The stamp of the file now; ``None`` if it cannot be read."""
        try:
            return stamp_of(self.file.path.stat())
        except OSError:
            return None


@dataclasses.dataclass(eq=False)
class AttachmentPlace:
    """The place of one attachment, also after another one of its name has replaced it.

    Attributes:
        holder: The run or project that has it.
        name: Name of the attachment.
        uuid: UUID of the attachment.
        job_id: Job id of the run; empty for the project.
    """

    holder: RunOpener
    name: str
    uuid: str

    def __post_init__(self) -> None:
        self.job_id = self.holder.job_id
        self.stamp = self.holder.stamp
        self.held = self.holder.held

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[OpenFile, GroupReader]]:
        """Opens the file, and the group of the attachment.

        Raises:
            NotFoundError: The attachment is not there any more, or is another one now.
        """
        with self.holder.open() as (session, group):
            place = group.where(f"{layout.ATTACHMENTS}/{self.name}")
            try:
                found = group.group(layout.ATTACHMENTS).group(self.name)
            except NotFoundError as error:
                raise NotFoundError(f"{place}: the attachment was removed") from error
            if attachment_uuid(found) != self.uuid:
                raise NotFoundError(f"{place}: was replaced; ask for the attachment again")
            yield session, found


class Attachments(Mapping[str, Any], Shown):
    """The attachments of a run or of a project by name, in order of name; it is printed as a table.

    A numpy array is a `StoredArray`, which is read where it is indexed; a file is an `AttachedFile`; any other value is
    read as a whole. Each use reads the file as it is then. `Run.attach` and `Project.attach` add one.

    Args:
        holder: Finds the run or project; ``None`` if it is in no file, and so has no attachments.
        what: Description of the run or project, for messages.
    """

    def __init__(self, holder: Callable[[], RunOpener | None], what: str) -> None:
        self._find_holder = holder
        self._what = what

    @contextlib.contextmanager
    def _folder(self) -> Iterator[tuple[RunOpener, GroupReader] | None]:
        holder = self._find_holder()
        if holder is None:
            yield None
            return
        with holder.open() as (_, group):
            if layout.ATTACHMENTS in group and group.is_group(layout.ATTACHMENTS):
                yield holder, group.group(layout.ATTACHMENTS)
            else:
                yield None

    def __getitem__(self, name: str) -> Any:
        """Reads an attachment.

        Raises:
            NotFoundError: There is no attachment of this name; the message lists similar names.
            FormatError: It does not follow the format, or is newer than this aerchive.
            IntegrityError: Its stored bytes are damaged.
        """
        with self._folder() as found:
            names = [] if found is None else found[1].names()
            if found is None or name not in names:
                raise NotFoundError(f"{self._what}: no attachment {name!r:.120}; {_there_are(name, names)}")
            holder, folder = found
            place = AttachmentPlace(holder, name, attachment_uuid(folder.group(name)))
        return read_attachment(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def _names(self) -> list[str]:
        with self._folder() as found:
            return [] if found is None else _checked_names(found[1])

    def table(self) -> list[AttachmentInfo]:
        """Describes the attachments, in order of name; no value is read. One that is damaged is of kind ``unreadable``.

        Raises:
            FormatError: A name is not that of an attachment.
        """
        with self._folder() as found:
            return [] if found is None else [_described(found[1], name) for name in _checked_names(found[1])]

    def _cards(self) -> Iterator[str]:
        rows = self.table()
        head, cells, right = attachment_cells(rows)
        yield text(f"{self._what}: {len(rows):,} attachments", 400)
        yield table(head, cells, right, len(rows)) if rows else join()

    def __repr__(self) -> str:
        rows = self.table()
        return attachment_table(rows) if rows else clean(f"{self._what}: no attachments")


def attachment_table(rows: list[AttachmentInfo]) -> str:
    """Formats descriptions of attachments as a table."""
    return format_table(*attachment_cells(rows))


def attachment_cells(rows: list[AttachmentInfo]) -> tuple[tuple[str, ...], list[tuple[str, ...]], tuple[int, ...]]:
    """The head of a table of attachments, its rows, and the indices of the columns that are aligned to the right."""
    cells: list[tuple[str, ...]] = [
        (
            row.name,
            row.kind if row.filename is None else f"{row.kind} {row.filename}",
            "×".join(map(str, row.shape)),
            row.dtype,
            format_bytes(row.nbytes),
            format_time(row.created),
        )
        for row in rows
    ]
    return ("name", "kind", "shape", "dtype", "size", "attached"), cells, (4,)


def _described(folder: GroupReader, name: str) -> AttachmentInfo:
    try:
        return describe_attachment(folder.group(name), name)
    except AerchiveError:  # it must not hide the others; reading it tells why
        return AttachmentInfo(name, "unreadable", (), "", 0, "", None)


def _checked_names(folder: GroupReader) -> list[str]:
    names = folder.names()
    check_attachments(len(names), folder.where())
    for name in names:
        if not is_attachment_name(name):
            raise FormatError(f"{folder.where(name)}: is not the name of an attachment")
    return names


def _there_are(name: str, names: list[str]) -> str:
    if not names:
        return "there are none"
    return f"there are {listed([repr(clean(one)) for one in near_texts(name, names) or names])}"
