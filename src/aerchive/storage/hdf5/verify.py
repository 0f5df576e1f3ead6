"""Verification of every byte of a group that a read can return.

The structure is verified while the file is open in HDF5; the chunks, which take longer, can be verified afterwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import ContentDigest
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan
from aerchive.storage.hdf5.attributes import decode_attributes, read_raw_attributes
from aerchive.storage.hdf5.cached_group import CachedGroup, VisitedGroups
from aerchive.storage.hdf5.chunk_table import ChunkSumsReader, plan_read
from aerchive.storage.hdf5.nodes import read_values
from aerchive.storage.hdf5.objects import LinkedObjects, linked_digest
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.writer import NodeDigest, core_digest

_OWN_DIGESTS = frozenset({"core_sha256", "sha256", "object"})
"""Attributes of groups that hold the digest of the rest of the group, or a path with it, and are left out of it."""


class ChunkCheck(NamedTuple):
    """One chunk to be verified, without HDF5 and without a lock.

    Attributes:
        plan: Plan for reading the dataset of the chunk.
        location: The chunk in the file.
        digest: The expected digest, 64 hexadecimal digits.
    """

    plan: ReadPlan
    location: ChunkLocation
    digest: str

    def problem(self, fd: int, *, expand: bool = True) -> str | None:
        """Reads and verifies the chunk; returns a description of the damage, or ``None``.

        Args:
            fd: File descriptor of the project file.
            expand: Whether to check also that the stored bytes can be expanded to a chunk.
        """
        plan, location = self.plan, self.location
        try:
            stored = plan.stored_bytes(fd, location)
            if expand:
                plan.values_of(stored, location)
        except AerchiveError as error:
            return str(error)
        identity = plan.owner, plan.name, location.number, location.mask
        if checksums.chunk_digest(stored, *identity, plan.digest) != self.digest:  # the CRC was right
            return f"{plan.where}: chunk {location.number} is damaged (its {plan.digest} does not match)"
        return None


_TOGETHER_BYTES = 512 * 1024
"""Stored bytes of the chunks that one thread takes at a time: to hand over small chunks one by one takes longer."""


def chunk_problems(
    checks: Sequence[ChunkCheck], fd: int, pool: ThreadPoolExecutor, *, expand: bool = True
) -> Iterator[str | None]:
    """Verifies many chunks, in several threads if there are many.

    Args:
        checks: The chunks.
        fd: File descriptor of the project file.
        pool: The threads to be used.
        expand: Whether to check also that the stored bytes can be expanded, as for `ChunkCheck.problem`.

    Returns:
        A description of the damage of each chunk, or ``None``, in the order of ``checks``.
    """
    batches: list[list[ChunkCheck]] = []
    left = 0
    for check in checks:
        if left <= 0:
            batches.append([])
            left = _TOGETHER_BYTES
        batches[-1].append(check)
        left -= max(check.location.nbytes, 1)
    if len(batches) < 2:
        return (check.problem(fd, expand=expand) for check in checks)
    done = pool.map(lambda batch: [check.problem(fd, expand=expand) for check in batch], batches)
    return itertools.chain.from_iterable(done)


class GroupVerifier:
    """Verifies one run or object: each chunk against its digest, each node against the digest of the whole.

    Args:
        group: Group of the run or object.
        owner: UUID of the run, or path of the shared object; a part of every checksum.
        root: Root group of the file: linked objects must be stored there.
        objects: Digests of linked objects that were looked up before.

    Attributes:
        chunks: The chunks of all datasets visited by `problems`, which are still to be verified.
        nodes: Digest of each node visited by `problems`, by path.
    """

    def __init__(self, group: HDF5Group, owner: str, root: HDF5Group, objects: LinkedObjects | None = None) -> None:
        self._group = group if isinstance(group, CachedGroup) else CachedGroup.of(group)
        self._owner = owner
        self._root = root
        self._objects = objects or LinkedObjects()
        self.chunks: list[ChunkCheck] = []
        self.nodes: dict[str, str] = {}
        self._visited = VisitedGroups()

    def problems(self, mutable: frozenset[str], linked: frozenset[str]) -> Iterator[str]:
        """Verifies everything but the chunks; yields a description of each problem, with file and node.

        Args:
            mutable: Names of groups with a digest of their own.
            linked: Names of links to shared objects, which are verified on their own.
        """
        nodes: dict[str, str] = {}
        yield from self._visit(self._group, "", nodes, mutable, linked)
        self.nodes |= nodes
        stored = self._group.attribute("core_sha256")
        if stored is not None and stored != core_digest(nodes):
            yield f"{self._group.where()}: the digest of the run does not match: something in it was changed"

    def _visit(
        self, group: CachedGroup, path: str, nodes: dict[str, str], mutable: frozenset[str], linked: frozenset[str]
    ) -> Iterator[str]:
        prefix = f"{path}/" if path else ""
        try:
            self._visited.add(group)
            names = group.names()
        except AerchiveError as error:
            yield str(error)
            return
        try:
            nodes[path] = _own_digest(group, path)
        except AerchiveError as error:
            yield str(error)
        for name in names:
            if name.endswith(layout.CHECKSUMS_SUFFIX):
                continue
            try:
                if name in linked and not path:
                    nodes[name] = self._objects.digest(group, name, self._root)
                elif not group.is_group(name):
                    nodes[prefix + name] = self._dataset(group, name, prefix + name)
                elif name in mutable and not path:
                    inner: dict[str, str] = {}
                    yield from self._visit(group.group(name), name, inner, frozenset(), frozenset())
                    self.nodes |= inner
                    if group.group(name).attribute("sha256") != core_digest(inner):
                        yield f"{group.where(name)}: its digest does not match: something in it was changed"
                else:
                    yield from self._visit(group.group(name), prefix + name, nodes, frozenset(), frozenset())
            except AerchiveError as error:
                yield str(error)

    def _dataset(self, group: CachedGroup, name: str, path: str) -> str:
        opened, where = group.open_array(name), group.where(name)
        dsid, what = opened
        raw = read_raw_attributes(dsid, where)
        digest = NodeDigest(path)
        for key, value in raw.items():
            digest.attribute(key, value)
        digest.content(what.dtype, what.shape)
        if what.chunk is None:
            digest.data(read_values(opened, where).tobytes())
            return digest.hexdigest()
        attributes = decode_attributes(raw, where)
        plan = plan_read(group.gid, name, self._owner, where, opened=opened, attributes=attributes)
        expected = ChunkSumsReader(group.gid, dsid, name, len(plan.locations), where, attributes).digests()
        for location in plan.locations:
            self.chunks.append(ChunkCheck(plan, location, expected[location.number]))
            digest.data(expected[location.number])
        return digest.hexdigest()


def _own_digest(group: CachedGroup, path: str) -> str:
    """The digest of the attributes of a group, without its members."""
    digest = NodeDigest(path)
    for name, value in group.raw_attributes().items():
        if name not in _OWN_DIGESTS:
            digest.attribute(name, value)
    return digest.hexdigest()


def object_problems(group: HDF5Group, kind: str, root: HDF5Group) -> Iterator[str]:
    """Verifies a shared object, whose content must have the digest that is its name; yields each problem.

    Args:
        group: The object's group.
        kind: Kind of the object, such as ``circuits``.
        root: Root group of the file. Objects that this one links to must be stored at the paths that they state, and
            are verified on their own.
    """
    group = CachedGroup.of(group)
    path = group.attribute("object")
    digest = group.path.rpartition("/")[2]
    if path != group.path:
        yield f"{group.where()}: says that it is {path!r}"
        return
    try:
        links = [name for name in group.names() if group.is_group(name)]
        verifier = GroupVerifier(group, str(path), root)
        yield from verifier.problems(frozenset(), frozenset(links))
        yield from (problem for check in verifier.chunks if (problem := check.problem(group.fd)))
        content = ContentDigest(kind)
        for name, value in group.raw_attributes().items():
            if name != "object":
                content.attribute(name, value)
        for name in group.names():
            if name not in links and not name.endswith(layout.CHECKSUMS_SUFFIX):
                values = group.read(name, str(path))
                content.dataset(name, values.dtype, values.shape)
                content.data(values)
        for name in links:
            content.link(name, linked_digest(group, name, root))
    except AerchiveError as error:
        yield str(error)
        return
    if content.hexdigest() != digest:
        yield f"{group.where()}: its content does not match its name, which is a digest of it"
