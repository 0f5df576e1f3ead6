"""A finished run in a spool file: written as records, and read from there like a run in the project.

Small datasets lie in one record with the run's tree of groups. Large ones are compressed as for the project, each chunk
in a record of its own, and the tree has the table of their chunks: moving the run into the project then copies stored
bytes. Shared objects are written once in each file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError, ReadError, UnsafeContentError
from aerchive.filters.deflate import Buffer
from aerchive.filters.profiles import Codec
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft
from aerchive.storage.chunks.grid import chunk_number, pieces, select
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ChunkLocation, DatasetShape, ReadPlan, value_dtype
from aerchive.storage.chunks.write_plan import packed_chunks, plan_write
from aerchive.storage.medium.beside import open_beside
from aerchive.storage.medium.disk import disk
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.spools import records
from aerchive.storage.spools.checks import check_chunk, check_dataset, check_head, check_tree

_KINDS = frozenset("biufcSV")
_HEAD_TYPES: dict[str, type] = {"nbytes": int, "is_bare": bool, "is_part": bool}
"""Types of the fields of `RunHead` that are not text, by name."""
_MEMBERS = ("datasets", "groups", "objects", "links")
Append = Callable[[bytes, Mapping[str, Any], Sequence[Buffer]], int]
"""A function that appends a record and returns its offset, as `aerchive.storage.spools.records.SpoolFile.append`."""


class RunHead(NamedTuple):
    """Facts about a spooled run that are known without opening the run.

    Attributes:
        job_id: Job id of the run.
        run_uuid: UUID of the run.
        created: Time of submission, UTC.
        nbytes: Size of the payload before compression, in bytes.
        is_bare: Whether the run was saved from a Result without its job; the Result may differ from that of the job.
        is_part: Whether the run is one of several of a transaction, which count as saved only when all are durable.
        when: Time at which the run was saved, UTC.
        who: User and host that saved the run.
        project: UUID of the project that the run belongs to, or empty if it did not exist yet or could not be read.
    """

    job_id: str
    run_uuid: str
    created: str
    nbytes: int
    is_bare: bool
    is_part: bool
    when: str
    who: str
    project: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What the group of the run says as well: job id, UUID and time of submission."""
        return self.job_id, self.run_uuid, self.created


@dataclass(frozen=True)
class SpooledRun:
    """A finished run in a spool file.

    Attributes:
        path: The spool file.
        offset: Offset of the record of the run in the file, in bytes.
        head: Facts that are known without opening the run.
        project: The project file that the spool lies beside.
        is_held: Whether the run is durable in the file and may be moved into the project by any process; else its own
            process moves it soon.
    """

    path: str
    offset: int
    head: RunHead
    project: Path
    is_held: bool = False

    @property
    def counts(self) -> bool:
        """Whether the run counts as saved; False as long as other runs of its transaction are not durable."""
        return self.is_held or not self.head.is_part

    @contextlib.contextmanager
    def open(self) -> Iterator[tuple[SpoolSession, SpoolGroup]]:
        """Opens the run for reading; no lock is needed, for records never change.

        Raises:
            NotFoundError: The run is not in the file any more: it was moved into the project.
            IntegrityError: The run is damaged.
        """
        with SpoolSession.of(self.path, self.project) as session:
            yield session, session.group(self)


@dataclass(frozen=True)
class SpoolSession:
    """An open spool file.

    Attributes:
        fd: File descriptor, open for reading.
    """

    fd: int

    @classmethod
    @contextlib.contextmanager
    def of(cls, path: str, project: Path) -> Iterator[SpoolSession]:
        """Opens a spool file beside a project.

        Raises:
            NotFoundError: The file does not exist any more.
            UnsafeContentError: The file is left alone; see `open_beside`.
            ReadError: The file cannot be opened for another reason, such as too many open files.
        """
        try:
            try:
                fd = open_beside(path, project)
            except FileNotFoundError:
                fd = open_beside(records.pending_path(path), project)  # it was renamed since
        except UnsafeContentError:
            raise
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"{path}: cannot be opened: {error.strerror}") from None
        except OSError as error:
            raise ReadError(f"{path}: cannot be opened: {error.strerror}") from None
        try:
            yield cls(fd)
        finally:
            os.close(fd)

    def group(self, run: SpooledRun) -> SpoolGroup:
        """The group of a run in this file.

        Raises:
            NotFoundError: The run is not in the file any more.
            IntegrityError: The run is damaged.
        """
        document, image = _read_image(self.fd, run.offset, run.path, records.RUN)
        if document.get("run_uuid") != run.head.run_uuid:
            raise NotFoundError(f"{run.path}: run {run.head.job_id} is not there any more")
        group = SpoolGroup(image, image.tree, self.fd, run.head.job_id, run.path)
        if (group.attribute("job_id"), group.run_uuid(), group.attribute("created")) != run.head.identity:
            raise FormatError(f"{run.path}: run {run.head.job_id} is another run than its record says")
        return group

    def detach(self) -> int:
        """A file descriptor for reading after the session; the caller closes it."""
        return os.dup(self.fd)


# -- writing


def write_run(append: Append, objects: dict[str, int], draft: GroupDraft, head: RunHead) -> int:
    """Appends a run, and the shared objects that the file does not have yet.

    Args:
        append: Function that appends a record to the file.
        objects: Offsets of the shared objects in the file, by path; new objects are added to it.
        draft: The run's group.
        head: Facts about the run, stored in the document of its record.

    Returns:
        Offset of the run's record in the file, in bytes.

    Raises:
        OSError: The run could not be written.
    """
    values = _Values()
    tree = _Writer(append, objects).group(draft, head.run_uuid, values)
    return append(records.RUN, {**head._asdict(), "tree": values.finish(tree)}, values.pieces)


class _Values:
    """The data of one record: the tree of groups, then the values of small datasets."""

    def __init__(self) -> None:
        self.pieces: list[Buffer] = []
        self._size = 0

    def add(self, data: Buffer) -> int:
        """Adds the bytes of a dataset; returns their offset, counted from the end of the tree."""
        self.pieces.append(data)
        self._size += len(data)
        return self._size - len(data)

    def finish(self, tree: Mapping[str, Any]) -> int:
        """Puts the tree before the values; returns the length of the tree in bytes."""
        text = json.dumps(tree, separators=(",", ":")).encode("ascii")
        self.pieces.insert(0, text)
        return len(text)


class _Writer:
    def __init__(self, append: Append, objects: dict[str, int]) -> None:
        self._append = append
        self._objects = objects

    def group(self, draft: GroupDraft, owner: str, values: _Values) -> dict[str, Any]:
        return {
            "attributes": dict(draft.attributes),
            "datasets": {name: self._dataset(name, one, owner, values) for name, one in draft.datasets.items()},
            "groups": {name: self.group(one, owner, values) for name, one in draft.groups.items()},
            "objects": {name: [one.path, self._object(one)] for name, one in draft.objects.items()},
            "links": dict(draft.links),
        }

    def _object(self, draft: ObjectDraft) -> int:
        path = draft.path
        if path not in self._objects:
            values = _Values()
            tree = self.group(draft.content(), path, values)
            document = {"object": path, "tree": values.finish(tree)}
            self._objects[path] = self._append(records.OBJECT, document, values.pieces)
        return self._objects[path]

    def _dataset(self, name: str, draft: DatasetDraft, owner: str, values: _Values) -> dict[str, Any]:
        shape, attributes = draft.shape, dict(draft.attributes)
        if draft.packed is None and draft.nbytes < layout.MIN_TREATED_BYTES:
            at = values.add(draft.read_chunk((0,) * len(shape), shape).data)
            return {"attributes": attributes, "dtype": _descr(draft.dtype), "shape": shape, "at": at}
        plan = plan_write(draft)
        table = []
        with contextlib.closing(packed_chunks(plan, shape, owner, name)) as chunks:
            for chunk in chunks:
                address = -1
                if size := len(chunk.stored):
                    address = self._append(records.CHUNK, {}, [chunk.stored]) + records.HEAD_BYTES + len(b"{}")
                table.append([address, size, chunk.mask, *chunk.sums])
        return {
            "attributes": {**attributes, **plan.attributes},
            "dtype": _descr(plan.dtype),
            "shape": shape,
            "chunk": plan.chunk,
            "codec": int(plan.codec),
            "chunks": table,
        }


def _descr(dtype: np.dtype[Any]) -> Any:
    return npy.dtype_to_descr(np.dtype("u1") if dtype.kind == "b" else dtype)


# -- reading


def read_run_head(document: Mapping[str, Any], where: str) -> RunHead:
    """The head of a run, from the document of its record.

    Raises:
        FormatError: The document is not as `write_run` writes it.
    """
    try:
        head = RunHead(**{name: document[name] for name in RunHead._fields})
    except KeyError as error:
        raise FormatError(f"{where}: a run lacks {error}") from error
    for name, value in head._asdict().items():
        kind = _HEAD_TYPES.get(name, str)
        if type(value) is not kind:
            raise FormatError(f"{where}: {name} of a run must be {kind.__name__}, found {value!r}")
    check_head(head._asdict(), where)
    return head


class _Image(NamedTuple):
    """The data of a record of a run or object, read into memory.

    Attributes:
        tree: The tree of groups.
        values: The values of small datasets, one after another.
    """

    tree: dict[str, Any]
    values: memoryview


def _read_image(fd: int, offset: int, path: str, kind: bytes) -> tuple[dict[str, Any], _Image]:
    with disk_errors(path):
        record = records.read_head(fd, offset)
    if record is None or record.kind != kind:
        raise NotFoundError(f"{path}: there is no such record at byte {offset} any more")
    document = records.read_document(fd, record, path)
    data, where = records.read_data(fd, record, path), f"{path}: record at byte {offset}"
    try:
        end = document["tree"]
        if type(end) is not int or not 0 <= end <= len(data):
            raise ValueError("the length of the tree")
        if end > limits().document_bytes:
            raise over_limit(where, "document_bytes", f"the tree has {end} bytes")
        return document, _Image(check_tree(json.loads(data[:end]), where), memoryview(data)[end:])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"{path}: the record at byte {offset} is not one of a run: {error!r}") from error


class SpoolGroup(GroupReader):
    """A group of a run in a spool file.

    Args:
        image: The data of the record that holds the group.
        tree: The part of the record's tree that describes this group.
        fd: File descriptor of the spool file.
        path: Path of the group, for messages.
        file: Name of the file, for messages.
    """

    def __init__(self, image: _Image, tree: dict[str, Any], fd: int, path: str, file: str) -> None:
        super().__init__(fd, path, file)
        self._image = image
        self._tree = tree

    def _members(self, kind: str) -> dict[str, Any]:
        found = self._tree.get(kind)
        if not isinstance(found, dict):
            raise FormatError(f"{self.where()}: is not a group of a run")
        return found

    def names(self) -> list[str]:
        """See `GroupReader`."""
        return sorted({name for kind in _MEMBERS for name in self._members(kind)})

    def __contains__(self, name: str) -> bool:
        return any(name in self._members(kind) for kind in _MEMBERS)

    def is_group(self, name: str) -> bool:
        """See `GroupReader`."""
        return name in self._members("groups") or name in self._members("objects")

    def attributes(self, owner: str = "") -> dict[str, AttributeValue]:
        """See `GroupReader`."""
        del owner  # the whole record has a checksum
        return dict(self._members("attributes"))

    def attribute(self, name: str) -> AttributeValue | None:
        """See `GroupReader`."""
        return self._members("attributes").get(name)

    def links(self, run: GroupReader) -> dict[str, str]:
        """See `GroupReader`."""
        del run  # `check_tree` has compared them with it
        return dict(self._members("links"))

    def group(self, path: str) -> SpoolGroup:
        """See `GroupReader`."""
        group = self
        for name in path.split("/"):
            group = group._group(name)
        return group

    def _group(self, name: str) -> SpoolGroup:
        path = f"{self.path}/{name}"
        if name in (groups := self._members("groups")):
            return SpoolGroup(self._image, groups[name], self.fd, path, self.file)
        if name not in (objects := self._members("objects")):
            raise NotFoundError(f"{self.where(name)}: no such group")
        try:
            digest, offset = objects[name]
        except (TypeError, ValueError) as error:
            raise FormatError(f"{self.where(name)}: is not a link to an object") from error
        document, image = _read_image(self.fd, offset, self.file, records.OBJECT)
        if document.get("object") != digest:
            raise IntegrityError(f"{self.where(name)}: another object is in the place of {digest}")
        return SpoolGroup(image, image.tree, self.fd, path, self.file)

    def _dataset(self, name: str) -> dict[str, Any]:
        found = self._members("datasets").get(name)
        if not isinstance(found, dict):
            raise NotFoundError(f"{self.where(name)}: no such dataset")
        return found

    def describe(self, name: str) -> DatasetShape:
        """See `GroupReader`."""
        dataset = self._dataset(name)
        try:
            descr = dataset["dtype"]
            dtype = npy.descr_to_dtype([tuple(field) for field in descr] if isinstance(descr, list) else descr)
            if dtype.hasobject or dtype.kind not in _KINDS:
                raise ValueError(f"dtype {dtype} cannot be in a run")
            chunk = tuple(dataset["chunk"]) if "chunk" in dataset else None
            what = DatasetShape(dtype, tuple(dataset["shape"]), chunk, Codec(dataset.get("codec", Codec.DEFLATE)))
            check_dataset(what, dataset.get("chunks"), self.where(name))
            return what
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{self.where(name)}: is not a dataset of a run: {error!r}") from error

    def dataset_attributes(self, name: str, wanted: Collection[str] = ()) -> dict[str, AttributeValue]:
        """See `GroupReader`."""
        found = self._dataset(name)["attributes"]
        return {key: value for key, value in found.items() if not wanted or key in wanted}

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """See `GroupReader`."""
        what, dataset, where = self.describe(name), self._dataset(name), self.where(name)
        selection = select(key, what.shape)
        try:
            if what.chunk is None:
                count = int(np.prod(what.shape, dtype=np.int64))
                values = np.frombuffer(self._image.values, what.dtype, count, dataset["at"]) if count else None
                values = np.empty(0, what.dtype) if values is None else values
                return ReadPlan(
                    where, owner, name, what.dtype, what.dtype, what.shape, selection, values=values.reshape(what.shape)
                )
            locations, size = [], disk().size(self.fd)
            for piece in pieces(selection, what.chunk):
                number = chunk_number(piece.offset, what.shape, what.chunk)
                address, nbytes, mask, crc, _ = check_chunk(dataset["chunks"][number], size, where)
                locations.append(ChunkLocation(piece, number, address, nbytes, mask, crc))
            dtype = value_dtype(what.dtype, dataset["attributes"].get("dtype"))
            places = tuple(locations)
            return ReadPlan(where, owner, name, dtype, what.dtype, what.chunk, selection, places, codec=what.codec)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise FormatError(f"{where}: is not a dataset of a run: {error!r}") from error

    def digests(self, name: str) -> list[str]:
        """See `GroupReader`."""
        self.describe(name)
        size = disk().size(self.fd)
        return [check_chunk(row, size, self.where(name))[4] for row in self._dataset(name)["chunks"]]
