"""What the child of `aerchive.storage.vetting` does: it lets HDF5 parse the whole structure of a project file.

It opens every node, also those that aerchive refuses later, but never what a soft or external link or a virtual dataset
refers to. Each node is visited once, opened from its parent, so that the time grows with the number of nodes only.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5s

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.row_checksums import wrong_rows
from aerchive.storage.commits.journal import find_journal
from aerchive.storage.commits.read_file import ReadFile
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.hdf5.attributes import read_attribute
from aerchive.storage.hdf5.nodes import is_rewritten, read_attribute_value, root_group
from aerchive.storage.hdf5.opening import open_hdf5
from aerchive.storage.hdf5.table import ROW_SUM_BYTES
from aerchive.storage.hdf5.types import memory_dtype, stored_type
from aerchive.text import fit_text, json_text

_MOST_FINDINGS = 50
_PAGE = 4096
_CACHE_BYTES = 2 * 1024 * 1024
_PIECE_BYTES = 8 * 1024 * 1024
_TRIAL = b"aerchive-vetting"
"""Name of the groups that are made in the overlay, which is thrown away."""
_SHARED_DEPTHS = {layout.RUNS: 2, layout.OBJECTS: 3, layout.DELETED: 2, layout.ATTACHMENTS: 1, layout.COLUMNS: 1}
"""Depths down to which the groups below a member of the root are folders, and no run or object."""
_BEHIND_THE_END = "addr overflow"
"""What HDF5 says of an address behind the end of the file."""
_COLUMNS = frozenset({"path", "name", "tags", "deleted", "crc32"})
"""The columns of the catalogue that are compared with the runs."""
HDF5_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)


def vet(fd: int, path: str) -> dict[str, Any]:
    """Lets HDF5 parse a project file, and change it in memory.

    Args:
        fd: File descriptor of the file, open for reading.
        path: Path of the file, for messages.

    Returns:
        ``nodes`` and ``runs``: numbers of nodes and runs; ``uuid`` of the project; ``findings``: texts on what aerchive
        never writes, or that is damaged; ``mixture``: the first of them that shows a mixture of two states, or an empty
        text.
    """
    gc.disable()  # the walk makes no cycles, and millions of objects
    superblock = read_superblock(fd, path)
    journal = find_journal(fd, superblock, path)
    end = superblock.end if journal is None else journal.new.end
    source = ReadFile(fd, journal)
    walk = Walk(path, end)
    try:
        rewritten = superblock.is_rewritten(fd)
        with open_hdf5(source, h5f.ACC_RDONLY, path, is_rewritten=rewritten) as file:
            keep_little(file)
            walk.run(root_group(file, path))
        if not rewritten:  # such a file is never written
            with open_hdf5(_Scratch(fd, journal), h5f.ACC_RDWR, path) as file:
                walk.change(root_group(file, path))
    except (AerchiveError, *HDF5_ERRORS) as error:
        walk.note_damage("/", error)
    return walk.found()


def keep_little(file: h5f.FileID) -> None:
    """Bounds the metadata that HDF5 keeps, because each node is visited once."""
    config = file.get_mdc_config()
    config.set_initial_size, config.initial_size = True, _CACHE_BYTES
    config.min_size = config.max_size = _CACHE_BYTES
    file.set_mdc_config(config)


class _Scratch(ReadFile):
    """A file object for h5py whose changes stay in memory."""

    def __init__(self, fd: int, journal: Any) -> None:
        super().__init__(fd, journal)
        self._pages: dict[int, bytearray] = {}

    def readinto(self, buffer: Any) -> int:
        """See `ReadFile.readinto`."""
        view, start = memoryview(buffer).cast("B"), self._position
        super().readinto(view)
        for number in range(start // _PAGE, -(-(start + len(view)) // _PAGE)):
            page = self._pages.get(number)
            if page is not None:
                low, high = max(start, number * _PAGE), min(start + len(view), (number + 1) * _PAGE)
                view[low - start : high - start] = page[low - number * _PAGE : high - number * _PAGE]
        return len(view)

    def write(self, data: Any) -> int:
        """Holds the data in memory."""
        view, start = memoryview(data).cast("B"), self._position
        for number in range(start // _PAGE, -(-(start + len(view)) // _PAGE)):
            if number not in self._pages:
                page = bytearray(_PAGE)
                self._position = number * _PAGE
                super().readinto(page)
                self._pages[number] = page
            low, high = max(start, number * _PAGE), min(start + len(view), (number + 1) * _PAGE)
            self._pages[number][low - number * _PAGE : high - number * _PAGE] = view[low - start : high - start]
        self._position = start + len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Sets the size."""
        self._end = self._position if size is None else size
        return self._end

    def flush(self) -> None:
        """Does nothing."""


class Walk:
    """One walk through all nodes of a file.

    Args:
        path: Path of the file, for messages.
        end: The end of the committed content, behind which no node may lie.
    """

    def __init__(self, path: str, end: int) -> None:
        self._path = path
        self._end = end
        self._seen: set[int] = set()
        self._types: set[bytes] = set()
        self._listed: set[str] = set()
        self._runs: dict[str, tuple[str, str] | None] = {}
        """The runs that could be read, by path below ``/runs``: name and tags, or ``None`` if they were not read."""
        self._rows: dict[str, list[bytes]] = {}
        self._widths: list[int] = []
        """Widths of the columns of names and tags; empty without a catalogue that could be read."""
        self.nodes = 0
        self.uuid = self.mixture = ""
        self.findings: list[str] = []
        self.folders: list[str] = []
        """Groups that commits add members to."""
        self.tables: list[str] = []

    def note(self, name: str, what: object) -> None:
        """Adds a finding."""
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(f"{self._path}: /{name.strip('/')}: {what}")

    def note_damage(self, name: str, what: object, *, is_mixture: bool = False) -> None:
        """Adds a finding of something that is not whole.

        Args:
            name: Path of the node.
            what: The error, or a description.
            is_mixture: Whether only a mixture of two states of a file has this, as it alone has what HDF5 finds behind
                the end. Nothing may be saved into one, nor into a file with a damaged folder or table, which a mixture
                may have, too.

        Raises:
            MemoryError: HDF5 could not get the memory that the file asks for.
        """
        if "alloc" in str(what):
            raise MemoryError(str(what))
        self.note(name, what if isinstance(what, str) else f"damaged: {what}")
        if is_mixture or _BEHIND_THE_END in str(what) or _is_folder_or_table(name):
            self.mixture = self.mixture or f"/{name.strip('/')}: {what}"

    def _try(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except AerchiveError as error:
            self.note(name, error)
        except HDF5_ERRORS as error:
            self.note_damage(name, error)
        return None

    def found(self) -> dict[str, Any]:
        """What `vet` returns."""
        return {
            "nodes": self.nodes,
            "runs": self.runs,
            "uuid": self.uuid,
            "findings": self.findings,
            "mixture": self.mixture,
        }

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self._listed)

    def run(self, root: h5g.GroupID) -> None:
        """Visits all nodes, and compares the runs with the catalogue."""
        uuid = read_attribute(root, "project_uuid", self._path)
        self.uuid = uuid if isinstance(uuid, str) else ""
        self._seen.add(int(h5o.get_info(root).addr))
        self.visit(root, "")
        if self._widths:
            self._compare()

    def visit(self, node: Any, name: str) -> None:
        """Visits a node that is open, and all below it that were not visited yet.

        Args:
            node: The node.
            name: Its path, with a slash before each name.
        """
        first = node
        waiting: list[tuple[h5g.GroupID | None, bytes, str]] = [(None, b"", name)]
        while waiting:
            parent, key, name = waiting.pop()
            node = first if parent is None else self._try(name, h5o.open, parent, key)
            if node is None:
                continue
            self.nodes += 1
            self._try(name, self._attributes, node)
            if isinstance(node, h5g.GroupID):
                members = self._try(name, self._members, node, name) or []
                waiting.extend((node, member, _below(name, member)) for member in members)
            elif isinstance(node, h5d.DatasetID):
                self._try(name, self._dataset, node, name)
            else:
                self.note(name, "is neither a group nor a dataset")

    def visit_part(self, root: h5g.GroupID, path: str, *, lists: bool) -> None:
        """Visits one node and what is below it; of a group that many runs share, only the group itself.

        Args:
            root: The root group.
            path: Path of the node, without slashes around it.
            lists: Whether the members of such a group are listed.
        """
        node: Any = root
        for name in path.split("/") if path else ():
            key = name.encode("utf-8", "surrogateescape")
            if not isinstance(node, h5g.GroupID) or not node.links.exists(key):
                return
            if node.links.get_info(key).type != h5l.TYPE_HARD:
                return
            node = h5o.open(node, key)
        if is_shared(path):
            self._attributes(node)
            if lists and isinstance(node, h5g.GroupID):
                h5o.get_info(node)
                node.links.iterate(lambda _key, _info: None, info=True)
        else:
            self.visit(node, f"/{path}")

    def _compare(self) -> None:
        """Compares the runs with the catalogue; runs that cannot be read are damaged, and are not compared."""
        found = dict.fromkeys(self._rows.keys() - self._listed, "is in the catalogue, but not in the file")
        found |= dict.fromkeys(self._runs.keys() - self._rows.keys(), "is in the file, but not in the catalogue")
        for path, labels in self._runs.items():
            if labels is not None and path in self._rows:
                texts = [fit_text(*one)[0].rstrip(b"\0") for one in zip(labels, self._widths, strict=True)]
                if texts != self._rows[path]:
                    found[path] = "has other labels than the catalogue says"
        for path in sorted(found)[:1]:
            self.note_damage(f"/{layout.RUNS}/{path}", found[path], is_mixture=True)

    def _members(self, group: h5g.GroupID, name: str) -> list[bytes]:
        """The members of a group that were not visited yet."""
        found: list[tuple[bytes, int, Any]] = []
        group.links.iterate(lambda key, info: found.append((key, info.type, info.u)), info=True)
        if len(found) != group.get_num_objs():
            self.note_damage(
                name, f"says that it has {group.get_num_objs()} members, and has {len(found)}", is_mixture=True
            )
        first, *rest = name.strip("/").split("/")
        if not first or len(rest) < _SHARED_DEPTHS.get(first, 0):
            self.folders.append(name)
        if first == layout.RUNS and len(rest) == 1:
            self._listed.update(_below(rest[0], key) for key, _, _ in found)
        elif first == layout.RUNS and len(rest) == 2:
            has_labels = any(key == layout.LABELS.encode() for key, _, _ in found)
            self._runs["/".join(rest)] = None if has_labels else ("", "")
        elif first == layout.RUNS and rest[2:] == [layout.LABELS] and not found:
            self._runs["/".join(rest[:2])] = self._labels(group)
        new = []
        for key, kind, address in found:
            if kind != h5l.TYPE_HARD:
                self.note(_below(name, key), "is a soft or external link")
            elif address >= self._end:
                self.note_damage(_below(name, key), "lies behind the end", is_mixture=True)
            elif address not in self._seen:
                self._seen.add(address)
                new.append(key)
        return new

    def _labels(self, group: h5g.GroupID) -> tuple[str, str]:
        """Name and tags of a run, as the catalogue has them."""
        name, tags = (read_attribute(group, key, self._path) for key in ("name", "tags"))
        return str(name or ""), json_text(json.loads(str(tags))) if tags else ""

    def _attributes(self, node: Any) -> None:
        names: list[bytes] = []
        h5a.iterate(node, names.append)
        for name in names:
            attribute = h5a.open(node, name)
            kind = attribute.get_type()
            key = kind.encode()
            if key in self._types:  # how HDF5 converts a value depends on its type only
                continue
            self._types.add(key)
            if is_rewritten(node, self._path):
                read_attribute_value(node, name, self._path)
                continue
            dtype = memory_dtype(kind, self._path)
            if attribute.get_space().get_simple_extent_type() == h5s.SCALAR:
                attribute.read(np.empty((), dtype), kind if dtype.kind == "S" else stored_type(dtype))

    def _dataset(self, dataset: h5d.DatasetID, name: str) -> None:
        properties = dataset.get_create_plist()
        kind = properties.get_layout()
        if kind not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED) or properties.get_external_count():
            self.note(name, "is stored outside of the file, or made of other datasets")
            return
        shape, filters = tuple(dataset.shape), properties.get_nfilters()
        dtype = memory_dtype(dataset.get_type(), self._path)
        if kind == h5d.CHUNKED:
            dataset.chunk_iter(lambda info: self._place(name, info.byte_offset, info.size))
        elif kind == h5d.CONTIGUOUS and dataset.get_offset() is not None:
            self._place(name, dataset.get_offset(), dataset.get_storage_size())
        if filters:
            return
        size = int(np.prod([int(extent) for extent in shape], dtype=object)) * dtype.itemsize
        if size > self._end:
            self.note(name, f"has {size} bytes, more than the file")
        elif kind != h5d.CHUNKED:
            dataset.read(h5s.ALL, h5s.ALL, np.empty(shape, dtype), dataset.get_type())
        elif dtype.names is not None and len(shape) == 1:
            self._table(dataset, name, dtype)

    def _place(self, name: str, start: int, size: int) -> None:
        if start + size > self._end:
            self.note_damage(name, "has data behind the end of the file", is_mixture=True)

    def _table(self, dataset: h5d.DatasetID, name: str, dtype: np.dtype[Any]) -> None:
        length = int(dataset.shape[0])
        step, rows = max(1, _PIECE_BYTES // dtype.itemsize), np.zeros(0, dtype)
        is_catalogue = name == f"/{layout.CATALOGUE}" and set(dtype.names or ()) >= _COLUMNS
        self._widths = [dtype[column].itemsize for column in ("name", "tags")] if is_catalogue else self._widths
        for first in range(0, length, step):
            rows = np.zeros(min(step, length - first), dtype)
            space = dataset.get_space()
            space.select_hyperslab((first,), (len(rows),))
            dataset.read(h5s.create_simple((len(rows),)), space, rows, dataset.get_type())
            if is_catalogue:
                self._note_rows(name, rows, first)
        if name.count("/") == 1 or name.startswith(f"/{layout.COLUMNS}/"):
            self.tables.append(name)
            if len(rows) and not any(rows[-1:].tobytes()):
                self.note_damage(name, "its last row is empty", is_mixture=True)

    def _note_rows(self, name: str, rows: np.ndarray[Any, Any], first: int) -> None:
        if bad := wrong_rows(rows.view(np.uint8).reshape(len(rows), -1)[:, :-ROW_SUM_BYTES], rows["crc32"], first):
            self.note_damage(name, f"row {bad[0]} is damaged", is_mixture=True)
        kept = rows[rows["deleted"] == 0]
        for path, *labels in zip(*(kept[column].tolist() for column in ("path", "name", "tags")), strict=True):
            self._rows[path.decode("utf-8", "backslashreplace")] = labels

    def change(self, root: h5g.GroupID) -> None:
        """Adds members and rows in all places where commits do: HDF5 parses the free space of a group only then."""
        properties = h5p.create(h5p.GROUP_CREATE)
        for name in self.folders:
            self._try(name, self._add_group, root, name, properties)
        for name in self.tables:
            self._try(name, self._add_row, root, name)

    @staticmethod
    def _add_group(root: h5g.GroupID, name: str, properties: Any) -> None:
        h5g.create(h5g.open(root, name.encode()) if name else root, _TRIAL, gcpl=properties)

    @staticmethod
    def _add_row(root: h5g.GroupID, name: str) -> None:
        dataset = h5d.open(root, name.encode())
        dtype = memory_dtype(dataset.get_type(), name)
        first = int(dataset.shape[0])
        dataset.set_extent((first + 1,))
        space = dataset.get_space()
        space.select_hyperslab((first,), (1,))
        dataset.write(h5s.create_simple((1,)), space, np.zeros(1, dtype), dataset.get_type())


def is_shared(path: str) -> bool:
    """Whether a path is that of the root, or of a folder whose members belong to different runs."""
    first, *rest = path.split("/")
    return not first or len(rest) < _SHARED_DEPTHS.get(first, 0)


def part_of(path: str) -> str:
    """The part of a project to which a path belongs: a run, a shared object, a table, or a folder of them."""
    first, *rest = path.split("/")
    return "/".join([first, *rest[: _SHARED_DEPTHS.get(first, 0)]])


def _below(name: str, key: bytes) -> str:
    return f"{name}/{key.decode('utf-8', 'backslashreplace')}"


def _is_folder_or_table(name: str) -> bool:
    """Whether commits add to the node of this path, which so is the root, a member of it, or a folder of runs."""
    first, *rest = name.strip("/").split("/")
    return len(rest) < max(1, _SHARED_DEPTHS.get(first, 0))
