"""Reading of groups of an open project file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from h5py import h5g
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import NotFoundError, UnsafeContentError
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.chunks.group_reader import GroupReader, document_of
from aerchive.storage.chunks.missing import MissingPayload, missing_text, read_missing
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.storage.hdf5.attributes import read_attribute, read_attributes
from aerchive.storage.hdf5.chunk_table import plan_read, sums_of
from aerchive.storage.hdf5.nodes import (
    Dataset,
    Member,
    find_member,
    has_member,
    info_of,
    members_of,
    open_array,
    open_group,
    open_node,
    open_table,
)
from aerchive.text import decode_text


class SmallTable(NamedTuple):
    """A table that was read as a whole.

    Attributes:
        rows: The rows, shape ``(rows,)``.
        version: The version of its encoding, as the file says.
    """

    rows: NDArray[Any]
    version: AttributeValue | None


class HDF5Group(GroupReader):
    """A group of an open project file.

    Args:
        gid: The open group.
        fd: File descriptor of the same file, for positioned reads.
        path: Path of the group from the root, without a leading slash.
        file: Name of the file, for messages.
    """

    def __init__(self, gid: h5g.GroupID, fd: int, path: str, file: str) -> None:
        super().__init__(fd, path, file)
        self.gid = gid

    def names(self) -> list[str]:
        """The names of the members of the group, in order of name."""
        return list(self.members())

    def members(self) -> dict[str, Member]:
        """The links in the group by name, in order of name."""
        return members_of(self.gid, self.where())

    def __contains__(self, name: str) -> bool:
        return has_member(self.gid, name, self.where(name))

    def is_group(self, name: str) -> bool:
        """Whether a member is a group; raises as `aerchive.storage.hdf5.nodes.open_node` does."""
        return isinstance(open_node(self.gid, name, self.where(name)), h5g.GroupID)

    def attributes(self, owner: str = "") -> dict[str, AttributeValue]:
        """All attributes, also texts that are too long to be stored as HDF5 attributes.

        Args:
            owner: UUID of the run that the group is a part of; a part of the checksums of long attributes. It need not
                be given for the group of a run or of a shared object, which name the owner.

        Raises:
            FormatError: There is an attribute that aerchive never writes.
            IntegrityError: The header of the group is damaged.
        """
        values = self._short_attributes()
        for name in self.names():
            if name.startswith(layout.LONG_PREFIX) and not name.endswith(layout.CHECKSUMS_SUFFIX):
                owner = owner or str(values.get("object") or self.run_uuid() or "")
                data = plan_read(self.gid, name, owner, self.where(name))
                values[name.removeprefix(layout.LONG_PREFIX)] = decode_text(document_of(data, self.fd))
        return values

    def address(self, name: str) -> int:
        """The address of a member in the file, which no other node of the file has.

        Raises:
            UnsafeContentError: The member is a soft or external link.
        """
        member = find_member(self.gid, name, self.where(name))
        if member is None or not member.is_hard:
            raise UnsafeContentError(f"{self.where(name)}: soft and external links have no place in a project")
        return member.address

    def own_address(self) -> int:
        """The address of the group in the file, which no other node of the file has."""
        return info_of(self.gid, self.where()).address

    def _short_attributes(self) -> dict[str, AttributeValue]:
        return read_attributes(self.gid, self.where())

    def attribute(self, name: str) -> AttributeValue | None:
        """One attribute, or ``None`` if there is none of this name."""
        return read_attribute(self.gid, name, self.where())

    def links(self, run: GroupReader) -> dict[str, str]:
        """See `GroupReader`."""
        if not isinstance(run, HDF5Group):
            return {}
        known = {member.address: name for name, member in run.members().items() if not run.is_group(name)}
        members = self.members().items()
        return {name: known[member.address] for name, member in members if member.address in known}

    def group(self, path: str) -> HDF5Group:
        """The group at a path below this one.

        Raises:
            NotFoundError: There is no such group.
            UnsafeContentError: The path has a soft or external link.
        """
        gid, where = self.gid, self.where(path)
        for name in path.split("/"):
            gid = open_group(gid, name, where)
        return HDF5Group(gid, self.fd, "/".join(part for part in (self.path, path) if part), self.file)

    def groups(self) -> Iterator[HDF5Group]:
        """The groups in this one, in order of name."""
        for name in self.names():
            yield self.group(name)

    def describe(self, name: str) -> DatasetShape:
        """Shape and dtype of a dataset; none of its values are read. A run may lack it, and still describe it."""
        missing = self._missing(name)
        return self.open_array(name).what if missing is None else missing.datasets[name].what

    def dataset_attributes(self, name: str, wanted: Collection[str] = ()) -> dict[str, AttributeValue]:
        """See `GroupReader`."""
        if (missing := self._missing(name)) is not None:
            known = missing.datasets[name].attributes
            return {key: value for key, value in known.items() if not wanted or key in wanted}
        dsid, where = self.open_array(name).dsid, self.where(name)
        if not wanted:
            return read_attributes(dsid, where)
        found = ((key, read_attribute(dsid, key, where)) for key in wanted)
        return {key: value for key, value in found if value is not None}

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """Plans how to read a selection of a dataset, so that it can be read after the session.

        Args:
            name: Name of the dataset.
            owner: UUID of the run, or path of the shared object, that the dataset belongs to; a part of every checksum.
            key: The selection: integers, slices, ``...``, or a tuple of them.
        """
        return plan_read(self.gid, name, owner, self.where(name), key, self.open_array(name))

    def read_small_table(self, name: str, owner: str, most_bytes: int) -> SmallTable | None:
        """Reads a whole table in one opening of the dataset, and verifies its checksums.

        Args:
            name: Name of the dataset.
            owner: As for `plan`.
            most_bytes: The largest table that is read, in bytes.

        Returns:
            The table, or ``None`` if there is no such dataset, or it is larger, or has several axes.

        Raises:
            IntegrityError: The dataset is damaged.
        """
        where = self.where(name)
        try:
            opened = open_array(self.gid, name, where)
        except NotFoundError:
            return None
        what = opened.what
        if len(what.shape) != 1 or what.shape[0] * what.dtype.itemsize > most_bytes:
            return None
        version = read_attribute(opened.dsid, "encoding_version", where)
        return SmallTable(plan_read(self.gid, name, owner, where, ..., opened).read(self.fd), version)

    def digests(self, name: str) -> list[str]:
        """See `GroupReader`."""
        opened = self.open_array(name)
        return sums_of(self.gid, name, self.where(name), opened, opened.what.chunk or opened.what.shape).digests()

    def open_array(self, name: str) -> Dataset:
        """Opens a dataset of values, for use inside the storage layer; raises as `nodes.open_array` does."""
        if (missing := self._missing(name)) is not None:
            raise NotFoundError(missing_text(self.where(), missing, name))
        return open_array(self.gid, name, self.where(name))

    def _missing(self, name: str) -> MissingPayload | None:
        """What the run lacks, if it lacks this dataset."""
        if name in self or layout.MISSING not in self:
            return None
        missing = read_missing(self, str(self.run_uuid()))
        return missing if missing is not None and name in missing.datasets else None

    def open_table(self, name: str) -> Dataset:
        """Opens a table, for use inside the storage layer; raises as `nodes.open_table` does."""
        return open_table(self.gid, name, self.where(name))
