"""The one module that opens nodes of a project file: groups, datasets, attributes, and the links that lead to them.

A project may come from a stranger, so each node is checked before any of its content is read. A node is opened only if
it is reached by a hard link of this file. Of a dataset, the storage, the filters, the type and the size must be those
of an array or of a table of this format; so HDF5 never opens another file and never loads a filter. Attributes are
single texts and numbers, no larger than those that aerchive writes. A test forbids h5py's functions that open nodes in
all other modules (decision 0022).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5i, h5l, h5o, h5p, h5s, h5t, h5z
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.filters.profiles import Codec
from aerchive.limits import limits, over_limit
from aerchive.storage.chunks.read_plan import DatasetShape
from aerchive.storage.chunks.rewritten import FILTERS
from aerchive.storage.hdf5.errors import Where, hdf5_errors
from aerchive.storage.hdf5.types import has_addresses, memory_dtype, stored_type
from aerchive.storage.medium.interrupts import check_interrupt

_BUILT_IN_FILTERS = frozenset(range(1, 7))
"""Numbers of the filters that are a part of HDF5; it never loads a library for them."""
_ANY_RATIO_BYTES = 1024 * 1024
"""Size up to which a compressed table may expand by any ratio."""
_KINDS = {h5g.GroupID: "group", h5d.DatasetID: "dataset"}
_MAX_TEXTS = 8
"""The greatest number of texts in one attribute: the names of the axes of a plot."""
_LINK = "soft and external links have no place in a project"


class Member(NamedTuple):
    """A link in a group.

    Attributes:
        kind: The kind of link, such as ``h5l.TYPE_HARD``.
        address: Address of the node in the file; -1 for a soft or external link.
    """

    kind: int
    address: int

    @classmethod
    def of(cls, link: Any) -> Member:
        """The link that HDF5's information about it describes."""
        return cls(link.type, int(link.u) if link.type == h5l.TYPE_HARD else -1)

    @property
    def is_hard(self) -> bool:
        """Whether the link is a hard link to a node of this file."""
        return bool(self.kind == h5l.TYPE_HARD)


class Dataset(NamedTuple):
    """An open dataset that passed all checks.

    Attributes:
        dsid: The open dataset.
        what: Shape, dtype, chunk shape and codec of the dataset.
    """

    dsid: h5d.DatasetID
    what: DatasetShape


_rewritten: set[int] = set()
"""Numbers that HDF5 has given to the open files that another program has rewritten."""


@contextlib.contextmanager
def rewritten_file(file: h5f.FileID) -> Iterator[None]:
    """Notes while the block runs that another program has rewritten an open file."""
    number = h5o.get_info(file).fileno
    _rewritten.add(number)
    try:
        yield
    finally:
        _rewritten.discard(number)


Guard = Callable[[str, bool], None]
"""A function that is called before a node is opened, with its path, and before the members of a group are listed, with
the path of the group and ``True``. The path ``/`` stands for all nodes. It may raise."""
_guards: dict[int, Guard] = {}
"""The functions by the identifiers of the open files."""


@contextlib.contextmanager
def guarded_file(file: h5f.FileID, guard: Guard) -> Iterator[None]:
    """Has a function called while the block runs before nodes of an open file are parsed."""
    _guards[file.id] = guard
    try:
        yield
    finally:
        del _guards[file.id]


def _announce(group: h5g.GroupID, name: str, where: Where, *, lists: bool = False) -> None:
    """Calls the guard of the file, if it has one, before HDF5 looks at a member or at all members of a group."""
    if not _guards:
        return
    with hdf5_errors(where):
        guard = _guards.get(h5i.get_file_id(group).id)  # HDF5 need not read anything for that
        path = h5i.get_name(group) if guard is not None else None
    if guard is None:
        return
    if path is None:
        guard("/", False)  # HDF5 does not know the path, so that it may be any
    else:
        folder = path.decode("utf-8", "surrogateescape").strip("/")
        guard("/".join(part for part in (folder, name) if part), lists)


def is_rewritten(node: Any, where: Where) -> bool:
    """Whether an open node lies in a file that another program has rewritten; see `rewritten_file`."""
    if not _rewritten:
        return False
    with hdf5_errors(where):
        return h5o.get_info(node).fileno in _rewritten


def root_group(file: h5f.FileID, path: str) -> h5g.GroupID:
    """The root group of an open file; its errors name the path."""
    with hdf5_errors(f"{path}: /"):
        return h5g.open(file, b"/")


# -- links


def has_member(group: h5g.GroupID, name: str, where: Where) -> bool:
    """Whether a group has a link of this name; arguments and errors as for `find_member`."""
    if name in ("", ".") or "/" in name or "\0" in name:
        return False
    key = name.encode("utf-8", "surrogatepass")
    _announce(group, name, where)
    with hdf5_errors(where):
        return bool(group.links.exists(key))


def find_member(group: h5g.GroupID, name: str, where: Where) -> Member | None:
    """The link of a name in a group, or ``None`` if there is none.

    Args:
        group: The open group.
        name: Name of the member. A text that HDF5 would take for a path or for the group itself names no member.
        where: File and path of the member, for messages.

    Raises:
        IntegrityError: The group is damaged.
    """
    if not has_member(group, name, where):
        return None
    key = name.encode("utf-8", "surrogatepass")
    with hdf5_errors(where):
        return Member.of(group.links.get_info(key))


def members_of(group: h5g.GroupID, where: Where) -> dict[str, Member]:
    """The links in a group by name, in order of name.

    Raises:
        UnsafeContentError: There are more members than `aerchive.limits.Limits.members`.
        IntegrityError: The group is damaged.
    """
    found: dict[str, Member] = {}

    def note(name: bytes, info: Any) -> bool | None:
        found[name.decode("utf-8", "backslashreplace")] = Member.of(info)
        return True if len(found) > most else None

    most = limits().members
    _announce(group, "", where, lists=True)
    with hdf5_errors(where):
        group.links.iterate(note, info=True)
    if len(found) > most:
        raise over_limit(where, "members", f"it has more than {most} members")
    return found


def open_node(group: h5g.GroupID, name: str, where: Where, member: Member | None = None, *, what: str = "node") -> Any:
    """Opens a member of a group; a dataset that this function returns is not checked yet (see `array_of`).

    Args:
        group: The open group.
        name: Name of the member.
        where: File and path of the member, for messages.
        member: The link, if it was already looked up.
        what: The kind of node that is wanted, for messages.

    Returns:
        A ``GroupID``, ``DatasetID`` or ``TypeID``.

    Raises:
        NotFoundError: There is no member of this name.
        UnsafeContentError: The member is a soft or external link.
        IntegrityError: The member is damaged.
    """
    member = member or find_member(group, name, where)
    if member is None:
        raise NotFoundError(f"{where}: no such {what}")
    if not member.is_hard:
        raise UnsafeContentError(f"{where}: {_LINK}")
    _announce(group, name, where)
    key = name.encode("utf-8", "surrogatepass")
    with hdf5_errors(where):
        return h5o.open(group, key)


def open_group(group: h5g.GroupID, name: str, where: Where, member: Member | None = None) -> h5g.GroupID:
    """Opens a group in a group; arguments and errors as for `open_node`."""
    node = open_node(group, name, where, member, what="group")
    if not isinstance(node, h5g.GroupID):
        raise IntegrityError(f"{where}: is a {_KINDS.get(type(node), 'named type')}, not a group")
    return node


def open_own(group: h5g.GroupID, path: str) -> Any:
    """Opens a node below a group that this session has just written, so that it needs no check."""
    key = path.encode()
    with hdf5_errors(group, path):
        return h5o.open(group, key)


def replace_own_attribute(node: Any, name: str, value: NDArray[Any], old: NDArray[Any]) -> None:
    """Replaces the value of an attribute that this session has just written.

    Args:
        node: The open node.
        name: Name of the attribute.
        value: The new value.
        old: The value that it has, or another one of the same type.
    """
    key, tid = name.encode(), stored_type(value.dtype)
    with hdf5_errors(node):
        if value.dtype == old.dtype and value.shape == old.shape:
            h5a.open(node, key).write(value, tid)
        else:
            h5a.delete(node, key)
            space = h5s.create_simple(value.shape) if value.ndim else h5s.create(h5s.SCALAR)
            h5a.create(node, key, tid, space).write(value, tid)


def foreign_nodes(
    group: h5g.GroupID, name: str, where: Where, known: set[int], *, are_deleted: bool = False
) -> Iterator[tuple[Any, NodeInfo]]:
    """Walks a member that another program added to the file, with all nodes below it; nothing of them is read.

    Such nodes may have any type, and any filter that copying them does not need. Soft links are passed over: nothing
    here follows them.

    Args:
        group: The open group.
        name: Name of the member.
        where: File and path of the member, for messages.
        known: Addresses of nodes that were walked before and are passed over; those that are walked now are added.
        are_deleted: Whether these are deleted nodes of aerchive, of which there may be any number.

    Yields:
        Each open node once, with its facts.

    Raises:
        UnsafeContentError: There is an external link, or storage outside the file, or there are too many nodes.
        IntegrityError: A node is damaged.
    """
    first = find_member(group, name, where)
    if first is None:
        raise NotFoundError(f"{where}: no such node")
    todo = []
    if first.kind != h5l.TYPE_SOFT and (not first.is_hard or first.address not in known):
        known.add(first.address)
        todo.append((group, name, str(where), first))
    while todo:
        if not are_deleted:
            check_foreign(len(known), where)
        parent, name, path, member = todo.pop()
        check_interrupt()
        node = open_node(parent, name, path, member)
        yield node, info_of(node, path)
        if isinstance(node, h5d.DatasetID):
            _check_foreign(node, path)
        for inner, link in members_of(node, path).items() if isinstance(node, h5g.GroupID) else ():
            if link.kind != h5l.TYPE_SOFT and (not link.is_hard or link.address not in known):
                known.add(link.address)
                todo.append((node, inner, f"{path}/{inner}", link))


def check_foreign(number: int, where: Where) -> None:
    """Refuses too many nodes of other programs.

    Args:
        number: Number of nodes that are known so far.
        where: File and path of the node that is looked at, for the message.

    Raises:
        UnsafeContentError: There are more than `aerchive.limits.Limits.foreign_nodes`.
    """
    most = limits().foreign_nodes
    if number > most:
        raise over_limit(where, "foreign_nodes", f"other programs have added more than {most} nodes")


def _check_foreign(dsid: h5d.DatasetID, where: Where) -> None:
    filters = _check_storage(dsid, where)[1]
    with hdf5_errors(where):
        is_indirect = has_addresses(dsid.get_type())
    if is_indirect and not _BUILT_IN_FILTERS.issuperset(filters):
        raise UnsafeContentError(f"{where}: cannot be read without a filter {filters} that HDF5 would have to load")


# -- datasets


def open_array(group: h5g.GroupID, name: str, where: Where, member: Member | None = None) -> Dataset:
    """Opens a dataset of values: stored in the header or in one piece, or in chunks with the filters of the format.

    Arguments and errors as for `open_node`.

    Raises:
        UnsafeContentError: The storage is virtual or external, or larger than a limit allows.
        FormatError: The dataset has filters, a type or a dataspace that aerchive never writes.
    """
    return array_of(open_node(group, name, where, member, what="dataset"), where)


def array_of(node: Any, where: Where) -> Dataset:
    """Checks a dataset that `open_node` has opened; errors as for `open_array`."""
    found, filters = _described(node, where)
    what = found.what
    if is_rewritten(found.dsid, where):
        return _rewritten_dataset(found, filters, FILTERS, where)
    if what.chunk is None:
        if filters:
            raise FormatError(f"{where}: filters {filters} have no place in a dataset without chunks")
        return found
    for codec in Codec:
        if filters == (h5z.FILTER_SHUFFLE, *codec.filters):
            break
    else:
        raise FormatError(f"{where}: filters {filters} have no place in an aerchive project that this version reads")
    if math.prod(what.chunk) * what.dtype.itemsize > limits().chunk_bytes:
        raise over_limit(where, "chunk_bytes", f"chunks of shape {what.chunk} have more bytes")
    return found._replace(what=DatasetShape(what.dtype, what.shape, what.chunk, codec))


def open_table(group: h5g.GroupID, name: str, where: Where, member: Member | None = None) -> Dataset:
    """Opens a dataset that is a table: one axis, no filters, in one piece or in chunks; errors as for `open_array`."""
    found, filters = _described(open_node(group, name, where, member, what="dataset"), where)
    if filters and len(found.what.shape) == 1 and is_rewritten(found.dsid, where):
        found = _rewritten_dataset(found, filters, FILTERS & _BUILT_IN_FILTERS, where)
        nbytes = math.prod(found.what.shape) * found.what.dtype.itemsize
        with hdf5_errors(where):
            stored_bytes = found.dsid.get_storage_size()
        if nbytes > max(_ANY_RATIO_BYTES, limits().sparse_ratio * stored_bytes):
            raise over_limit(where, "sparse_ratio", f"the table has {nbytes} bytes, of which {stored_bytes} are stored")
        return found
    if len(found.what.shape) != 1 or filters:
        raise FormatError(f"{where}: is not a table; tables have one axis and no filters")
    return found


def _rewritten_dataset(found: Dataset, filters: tuple[int, ...], allowed: frozenset[int], where: Where) -> Dataset:
    """A dataset that another program has stored anew; errors as for `open_array`."""
    what = found.what
    if len(set(filters)) != len(filters) or not allowed.issuperset(filters):
        raise FormatError(f"{where}: filters {filters} have no place in an aerchive project that this version reads")
    if what.chunk is not None and math.prod(what.chunk) * what.dtype.itemsize > limits().chunk_bytes:
        raise over_limit(where, "chunk_bytes", f"chunks of shape {what.chunk} have more bytes")
    return found._replace(what=dataclasses.replace(what, filters=filters))


def _check_storage(dsid: h5d.DatasetID, where: Where) -> tuple[h5p.PropDCID, tuple[int, ...]]:
    """Refuses storage outside the file; returns the creation properties and the numbers of the filters."""
    with hdf5_errors(where):
        properties = dsid.get_create_plist()
        kind = properties.get_layout()
        is_outside = bool(properties.get_external_count())
        filters = tuple(properties.get_filter(number)[0] for number in range(properties.get_nfilters()))
    if kind not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED) or is_outside:
        raise UnsafeContentError(f"{where}: virtual or external storage has no place in an aerchive project")
    return properties, filters


def _described(node: Any, where: Where) -> tuple[Dataset, tuple[int, ...]]:
    """Checks what is the same for arrays and tables; returns the numbers of the filters, too."""
    dsid: h5d.DatasetID = node
    if not isinstance(dsid, h5d.DatasetID):
        raise IntegrityError(f"{where}: is a {_KINDS.get(type(dsid), 'named type')}, not a dataset")
    properties, filters = _check_storage(dsid, where)
    with hdf5_errors(where):
        kind = properties.get_layout()
        chunk = tuple(properties.get_chunk()) if kind == h5d.CHUNKED else None
        space, stored = dsid.get_space(), dsid.get_type()
        shape = None if space.get_simple_extent_type() == h5s.NULL else tuple(space.get_simple_extent_dims())
    if shape is None:
        raise FormatError(f"{where}: has no values at all (a null dataspace), which has no place in a project")
    dtype = memory_dtype(stored, where)
    if math.prod(max(extent, 1) for extent in shape) * dtype.itemsize >= 2**63:
        raise FormatError(f"{where}: claims the shape {shape}, which is larger than any memory")
    if kind == h5d.CONTIGUOUS and (nbytes := math.prod(shape) * dtype.itemsize):
        with hdf5_errors(where):
            is_stored = dsid.get_offset() is not None
        if not is_stored and not is_rewritten(dsid, where):
            raise UnsafeContentError(f"{where}: has {nbytes} bytes of which none is stored; this is a forged file")
        if nbytes > limits().piece_bytes:
            raise over_limit(where, "piece_bytes", f"the dataset has {nbytes} bytes in one piece")
    return Dataset(dsid, DatasetShape(dtype, shape, chunk)), filters


def read_values(dataset: Dataset, where: Where) -> NDArray[Any]:
    """All values of a dataset without chunks, read by HDF5."""
    dsid, what = dataset
    values = np.empty(what.shape, what.dtype)
    with hdf5_errors(where):
        dsid.read(h5s.ALL, h5s.ALL, values, dsid.get_type())
    return values


# -- attributes


def attribute_names(node: Any, where: Where) -> list[bytes]:
    """The names of the attributes of an open node, sorted.

    Raises:
        UnsafeContentError: There are more attributes than `aerchive.limits.Limits.attributes`.
        IntegrityError: HDF5 found the header damaged.
    """
    names: list[bytes] = []
    with hdf5_errors(where, what="its header is damaged"):
        number = h5a.get_num_attrs(node)
    if number > limits().attributes:
        raise over_limit(where, "attributes", f"it has {number} attributes")
    with hdf5_errors(where, what="its header is damaged"):
        h5a.iterate(node, names.append)
    return sorted(names)


def open_attribute(node: Any, name: bytes, where: Where) -> h5a.AttrID:
    """Opens an attribute of an open node; it may have any type that HDF5 knows.

    Raises:
        UnsafeContentError: It has more bytes than `aerchive.limits.Limits.attribute_bytes`.
        IntegrityError: HDF5 found the attribute damaged.
    """
    with hdf5_errors(where):
        attribute = h5a.open(node, name)
        nbytes = attribute.get_space().get_simple_extent_npoints() * attribute.get_type().get_size()
    if nbytes > limits().attribute_bytes:
        raise over_limit(where, "attribute_bytes", f"the attribute has {nbytes} bytes")
    return attribute


def check_attributes(node: Any, where: Where) -> None:
    """Refuses attributes of an open node that are too many or too large, as `open_attribute` does."""
    for name in attribute_names(node, where):
        open_attribute(node, name, f"{where}@{name.decode('utf-8', 'backslashreplace')}")


def read_attribute_value(node: Any, name: bytes, where: Where) -> NDArray[Any]:
    """The value of an attribute as a numpy array of shape ``()``, or of some texts ``(texts,)``.

    Args:
        node: The open node.
        name: Name of the attribute.
        where: File and path of the node and the name of the attribute, for messages.

    Raises:
        FormatError: It is an attribute that aerchive never writes: not a single value, or of another type.
        UnsafeContentError: It has more bytes than `aerchive.limits.Limits.attribute_bytes`.
        IntegrityError: HDF5 found the attribute damaged.
    """
    with hdf5_errors(where):
        attribute = h5a.open(node, name)  # by name, because HDF5 sorts all attributes to open one by its number
        space, stored = attribute.get_space(), attribute.get_type()
        is_null = space.get_simple_extent_type() == h5s.NULL
        shape = () if is_null else space.get_simple_extent_dims()
    if isinstance(stored, h5t.TypeStringID) and stored.is_variable_str() and shape == () and is_rewritten(node, where):
        return _variable_text(attribute, where)
    dtype = memory_dtype(stored, where)
    if is_null or (shape and (dtype.kind != "S" or len(shape) > 1 or not 0 < shape[0] <= _MAX_TEXTS)):
        raise FormatError(f"{where}: only single values and some texts have a place as attributes of a project")
    if dtype.kind not in "Siuf":
        raise FormatError(f"{where}: attributes are text, integers and floats, not {dtype}")
    if (nbytes := math.prod(shape) * dtype.itemsize) > limits().attribute_bytes:
        raise over_limit(where, "attribute_bytes", f"the attribute has {nbytes} bytes")
    value, tid = np.empty(shape, dtype), stored if dtype.kind == "S" else stored_type(dtype)
    with hdf5_errors(where):
        attribute.read(value, tid)
    return value


def _variable_text(attribute: h5a.AttrID, where: Where) -> NDArray[Any]:
    """The value of an attribute of variable length, which other programs make of texts, as one of fixed length."""
    value = np.empty((), attribute.dtype)
    with hdf5_errors(where):
        attribute.read(value)
    data = value.item() or b""
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if len(data) > limits().attribute_bytes:
        raise over_limit(where, "attribute_bytes", f"the attribute has {len(data)} bytes")
    return np.array(data, f"S{max(1, len(data))}")


def has_attribute(node: Any, name: bytes, where: Where) -> bool:
    """Whether an open node has an attribute of this name."""
    with hdf5_errors(where):
        return bool(h5a.exists(node, name))


# -- facts about nodes that HDF5 tells without reading their content


class NodeInfo(NamedTuple):
    """Facts about a node.

    Attributes:
        is_dataset: Whether the node is a dataset.
        address: Address of the node in the file.
        links: Number of hard links to the node.
        header_bytes: Size of the header and the indexes of the node, in bytes.
    """

    is_dataset: bool
    address: int
    links: int
    header_bytes: int

    @classmethod
    def of(cls, info: Any) -> NodeInfo:
        """The facts that HDF5's information about a node holds."""
        indexes = [info.meta_size.obj, info.meta_size.attr]
        size = int(info.hdr.space.total) + sum(int(index.index_size) + int(index.heap_size) for index in indexes)
        return cls(info.type == h5o.TYPE_DATASET, int(info.addr), int(info.rc), size)


def info_of(node: Any, where: Where) -> NodeInfo:
    """The facts about an open node."""
    with hdf5_errors(where):
        return NodeInfo.of(h5o.get_info(node))


def visit(group: h5g.GroupID, note: Callable[[bytes, Any], bool | None], where: Where) -> None:
    """Lets HDF5 visit all nodes below a group, each once, by hard links; see `NodeInfo.of`.

    Args:
        group: The open group.
        note: Function of the path of a node below the group and HDF5's information about it; it ends the visit by
            returning ``True``.
        where: File and path of the group, for messages.
    """
    with hdf5_errors(where):
        h5o.visit(group, note, info=True)


def open_visited(group: h5g.GroupID, path: bytes, where: Where) -> Any:
    """Opens a node that `visit` has found; it is for measuring only, as the node is not checked."""
    with hdf5_errors(where):
        return h5o.open(group, path)
