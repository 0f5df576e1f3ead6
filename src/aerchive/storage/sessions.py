"""Sessions of a project file: a read session reads one state of it, and a write session writes the next."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from h5py import h5f

from aerchive import layout
from aerchive.errors import AerchiveError, IntegrityError, NotFoundError
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft
from aerchive.storage.chunks.room import check_room
from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.node_copying import NodeCopier
from aerchive.storage.hdf5.nodes import Dataset, open_node, root_group
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.table import (
    CHANGES,
    TableReader,
    append_rows,
    change_of,
    create_table,
    put_rows,
    replace_row,
)
from aerchive.storage.hdf5.writer import (
    DraftWriter,
    find_group,
    has_member,
    move,
    open_group,
    require_group,
    unlink,
    write_attributes,
)


@dataclass(frozen=True)
class ReadSession:
    """One state of the project, readable while the block of the session runs.

    Attributes:
        root: The root group.
        fd: File descriptor of the project file, for positioned reads of chunks.
        journal: The journal of an interrupted commit, if there is one; the session reads the state after that commit.
        is_rewritten: Whether another program has written the whole file anew, so that it can only be read.
    """

    root: HDF5Group
    fd: int
    journal: Journal | None = None
    is_rewritten: bool = False
    _folders: dict[str, HDF5Group] = field(default_factory=dict)

    def group(self, path: str) -> HDF5Group:
        """The group at a path; the folder that holds it stays open for the next one.

        Raises:
            AerchiveError: As `HDF5Group.group` does.
        """
        folder, _, name = path.rpartition("/")
        if not folder:
            return self.root.group(name)
        if folder not in self._folders:
            self._folders[folder] = self.root.group(folder)
        return self._folders[folder].group(name)

    @property
    def is_plain(self) -> bool:
        """Whether the file itself has the whole state, so that no part of it is only in a journal."""
        return self.journal is None

    @property
    def end(self) -> int:
        """The end of the committed content in the file, in bytes."""
        return read_superblock(self.fd, self.root.file).end if self.journal is None else self.journal.new.end

    def detach(self) -> int:
        """A file descriptor for reading after the session, without a lock; the caller closes it."""
        return os.dup(self.fd)

    def table(self, name: str) -> TableReader:
        """A table in the root group."""
        fd = self.fd if self.is_plain else None
        return TableReader(self.root.open_table(name), self.root.where(name), fd=fd, is_fixed=True)

    def column(self, name: str) -> TableReader:
        """A column beside the catalogue."""
        group = self.root.group(layout.COLUMNS)
        fd = self.fd if self.is_plain else None
        return TableReader(group.open_table(name), group.where(name), fd=fd, is_fixed=True)


class WriteSession:
    """The next state of the project, committed when the block of the session ends without an exception.

    Attributes:
        root: The root group, for reading.
        has_new_rows: Whether this session has changed rows of tables.
        afterwards: Functions to call after the commit, when the file is not locked any more.
    """

    def __init__(self, file: h5f.FileID, fd: int, path: str, min_free_bytes: int) -> None:
        self._root = root_group(file, path)
        self._drafts = DraftWriter(self._root)
        self._fd = fd
        self._path = path
        self._min_free_bytes = min_free_bytes
        self.root = HDF5Group(self._root, fd, "", path)
        self.has_new_rows = False
        self.afterwards: list[Callable[[], None]] = []

    def check_room(self, datasets: Collection[DatasetDraft], what: str) -> None:
        """Refuses datasets that do not fit on the disk; see `aerchive.storage.chunks.room.check_room`.

        Args:
            datasets: The datasets to be written.
            what: A description of the datasets, for the error message.

        Raises:
            WriteError: The datasets do not fit on the disk.
        """
        check_room(self._fd, self._path, what, datasets, self._min_free_bytes)

    def write_run(self, folder: str, name: str, draft: GroupDraft, run_uuid: str) -> str:
        """Writes a run; see `DraftWriter.write_run`."""
        return self._drafts.write_run(folder, name, draft, run_uuid)

    def replace_group(self, parent: str, name: str, draft: GroupDraft, owner: str) -> None:
        """Replaces a mutable group; see `DraftWriter.replace_group`."""
        self._drafts.replace_group(parent, name, draft, owner)

    def fill_run(self, path: str, datasets: Mapping[str, DatasetDraft], run_uuid: str) -> dict[str, str]:
        """Writes datasets that a run lacks; see `DraftWriter.fill_run`."""
        return self._drafts.fill_run(path, datasets, run_uuid)

    def lighten_run(self, path: str, names: Iterable[str]) -> None:
        """Removes datasets of a run; see `DraftWriter.lighten_run`."""
        self._drafts.lighten_run(path, names)

    def remove_group(self, parent: str, name: str) -> None:
        """Removes a mutable group of a run; see `DraftWriter.remove_group`."""
        self._drafts.remove_group(parent, name)

    def write_attachment(self, holder: str, name: str, draft: GroupDraft) -> None:
        """Writes an attachment; see `DraftWriter.write_attachment`."""
        self._drafts.write_attachment(holder, name, draft)

    def put_shown(self, path: str, values: Mapping[str, AttributeValue]) -> None:
        """Replaces the shown attributes of a run; see `DraftWriter.put_shown`."""
        self._drafts.put_shown(path, values)

    def put_default(self, path: str | None) -> None:
        """Changes the run that viewers show first; see `DraftWriter.put_default`."""
        self._drafts.put_default(path)

    def remove(self, path: str, among: str = layout.DELETED) -> None:
        """Moves a node into a group of deleted nodes: its space is not freed, so its address is never used again.

        Args:
            path: Path of the node.
            among: Path of the group of deleted nodes.
        """
        deleted = require_group(self._root, among)
        folder, _, name = path.rpartition("/")
        target, number = path.replace("/", "-"), 1
        while has_member(deleted, target):
            number += 1
            target = f"{path.replace('/', '-')}-{number}"
        move(open_group(self._root, folder) if folder else self._root, name, deleted, target)

    def can_open(self, path: str) -> bool:
        """Whether HDF5 can open a node; HDF5 neither moves nor removes a node whose header is damaged."""
        folder, _, name = path.rpartition("/")
        try:
            group = self.root.group(folder) if folder else self.root
            open_node(group.gid, name, self.root.where(path))
        except AerchiveError:
            return False
        return True

    def bring_back(self, name: str, path: str) -> None:
        """Moves a group back out of the group of deleted nodes.

        Args:
            name: Name of the group among the deleted nodes.
            path: New path of the group; no node may exist there.
        """
        folder, _, member = path.rpartition("/")
        move(open_group(self._root, layout.DELETED), name, require_group(self._root, folder), member)

    def copier(self) -> NodeCopier:
        """A `NodeCopier` that copies nodes of another file into this one."""
        return NodeCopier(self._root)

    def count_members(self, folder: str) -> int | None:
        """The number of members of a group, or ``None`` if there is no such group."""
        group = find_group(self._root, folder)
        if group is None:
            return None
        with hdf5_errors(group):
            return int(group.get_num_objs())

    def has(self, path: str) -> bool:
        """Whether a node exists at a path."""
        folder, _, name = path.rpartition("/")
        group = find_group(self._root, folder) if folder else self._root
        return group is not None and has_member(group, name)

    def table(self, name: str) -> TableReader:
        """A table in the root group, with the rows that this session has written."""
        table, where = self.root.open_table(name), self.root.where(name)
        if self.has_new_rows:  # rows may still be in HDF5's buffers or in the overlay
            return TableReader(table, where)
        return TableReader(table, where, fd=self.root.fd)

    def column(self, name: str) -> TableReader:
        """A column beside the catalogue, with the rows that this session has written."""
        group = self.root.group(layout.COLUMNS)
        return TableReader(group.open_table(name), group.where(name), fd=None if self.has_new_rows else self.root.fd)

    def add_column(self, name: str, dtype: np.dtype[Any], attributes: Mapping[str, AttributeValue]) -> None:
        """Makes an empty column beside the catalogue.

        Args:
            name: Name of its dataset; there must be none of this name.
            dtype: The dtype of its rows.
            attributes: Its attributes.
        """
        rows = max(1, layout.COLUMN_CHUNK_BYTES // dtype.itemsize)
        column = create_table(require_group(self._root, layout.COLUMNS), name, dtype, rows)
        write_attributes(column.dsid, attributes)

    def put_cells(self, name: str, first: int, rows: np.ndarray[Any, Any]) -> None:
        """Writes rows of a column beside the catalogue; rows before them that were never written read as zeros.

        Args:
            name: Name of its dataset.
            first: Number of the first row.
            rows: The rows.
        """
        self.has_new_rows = True
        put_rows(self.root.group(layout.COLUMNS).open_table(name).dsid, first, rows)

    def append_rows(self, name: str, rows: np.ndarray[Any, Any]) -> None:
        """Adds rows to a table in the root group, and adds an entry to the table's list of changes."""
        table = self._with_room(name, len(rows))
        self.has_new_rows = True
        first = table.what.shape[0]
        append_rows(table.dsid, rows)
        self._note_change(name, first, rows)

    def add_to_log(self, name: str, rows: np.ndarray[Any, Any], chunk_rows: int) -> None:
        """Adds rows to a table in the root group whose rows are never replaced; the table is made if it is missing.

        Args:
            name: Name of the table.
            rows: The rows.
            chunk_rows: Number of rows in a chunk of a new table.
        """
        self.has_new_rows = True
        if not self.has(name):
            create_table(self._root, name, rows.dtype, chunk_rows)
        append_rows(self.root.open_table(name).dsid, rows)

    def _with_room(self, name: str, number: int) -> Dataset:
        """A table in the root group, written anew with larger chunks if more rows would take more than two chunks.

        Its list of changes is copied with it, into as large chunks, so that both lie together in the file.
        """
        table = self.root.open_table(name)
        length, chunk = table.what.shape[0], table.what.chunk
        wanted = layout.rows_of_chunk(length + number)
        if chunk is None or wanted <= chunk[0]:
            return table
        rows = self.table(name).rows()
        self._copy_changes(name + layout.CHANGES_SUFFIX, max(wanted, layout.CHANGES_CHUNK_ROWS))
        unlink(self._root, name)
        grown = create_table(self._root, name, table.what.dtype, wanted)
        if length:
            append_rows(grown.dsid, rows)
        return self.root.open_table(name)

    def _copy_changes(self, name: str, chunk_rows: int) -> None:
        """Writes a list of changes anew with larger chunks; one that cannot be read is left as it is."""
        with contextlib.suppress(AerchiveError):
            known = self.table(name)
            if known.dtype == CHANGES:
                rows = known.rows()
                unlink(self._root, name)
                append_rows(create_table(self._root, name, CHANGES, chunk_rows).dsid, rows)

    def replace_row(self, name: str, number: int, row: np.ndarray[Any, Any]) -> None:
        """Replaces one row of a table in the root group, and adds an entry to the table's list of changes."""
        self.has_new_rows = True
        replace_row(self.root.open_table(name).dsid, number, row)
        self._note_change(name, number, row)

    def note_row(self, name: str, number: int) -> None:
        """Adds an entry to a table's list of changes for a row that stays, because something beside its run changes."""
        self._note_change(name, number, np.empty(0, self.root.open_table(name).what.dtype))

    def _note_change(self, name: str, first: int, rows: np.ndarray[Any, Any]) -> None:
        """Adds an entry to a table's list of changes, from which readers that keep rows see which ones to read again.

        The entry also lets readers check that the list continues the one that they have read before. A list that cannot
        be read is left as it is: then no reader keeps rows.
        """
        changes = name + layout.CHANGES_SUFFIX
        with contextlib.suppress(AerchiveError):
            try:
                opened = self.root.open_table(changes)
            except NotFoundError:
                opened = create_table(self._root, changes, CHANGES, layout.CHANGES_CHUNK_ROWS)
            table = TableReader(opened, self.root.where(changes))
            if table.dtype == CHANGES:
                append_rows(opened.dsid, change_of(first, rows, table.last()))

    def replace_table(self, name: str, rows: np.ndarray[Any, Any]) -> None:
        """Replaces a table in the root group; the old table may be missing, or its rows unreadable.

        The list of changes of the table is replaced, too.

        Raises:
            IntegrityError: HDF5 cannot open the old table, and so can neither move nor remove it.
        """
        self.has_new_rows = True
        for old in (name, name + layout.CHANGES_SUFFIX):
            if self.has(old):
                try:
                    self.remove(old, f"{layout.DELETED}/{layout.DELETED_TABLES}")
                except IntegrityError as error:
                    raise IntegrityError(
                        f"{self.root.where(old)}: its header is damaged, so that it cannot be replaced "
                        f"({error.__cause__}); restore the file from a copy"
                    ) from error
        create_table(self._root, name, rows.dtype, layout.CATALOGUE_CHUNK_ROWS)
        self.append_rows(name, rows)
