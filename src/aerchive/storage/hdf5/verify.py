"""Verification of every byte of a group that a read can return.

The structure is verified while the file is open in HDF5; the chunks, which take longer, can be verified afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.storage.chunks import checksums
from aerchive.storage.chunks.drafts import ContentDigest
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan, value_nbytes
from aerchive.storage.hdf5.attributes import decode_attributes, read_raw_attributes
from aerchive.storage.hdf5.cached_group import CachedGroup, VisitedNodes, check_attachments, check_run_nodes
from aerchive.storage.hdf5.chunk_table import ChunkSumsReader, plan_read
from aerchive.storage.hdf5.nodes import read_values
from aerchive.storage.hdf5.objects import LinkedObjects, is_attachment_name, linked_digest, owner_within
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.writer import NodeDigest, core_digest
from aerchive.storage.medium.interrupts import check_interrupt

_OWN_DIGESTS = frozenset({"core_sha256", "sha256", "object"})
"""Attributes of groups that hold the digest of the rest of the group, or a path with it, and are left out of it."""


@contextlib.contextmanager
def noted(problems: list[str], where: object) -> Iterator[None]:
    """Notes any exception of the block as a problem, so that one bad node does not end a verification.

    Here, and only in verification, exceptions of all classes are caught, also those that may be bugs of this package:
    the report names their class, and the other nodes are looked at all the same.

    Args:
        problems: The descriptions of problems; that of the exception is added.
        where: File and path of the node that is looked at in the block, for exceptions that do not name it.
    """
    try:
        yield
    except AerchiveError as error:
        problems.append(str(error))
    except Exception as error:  # noqa: BLE001  (see above)
        problems.append(f"{where}: cannot be read: {type(error).__name__}: {error}")


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
        problems: list[str] = []
        with noted(problems, plan.where):
            stored = plan.stored_bytes(fd, location)
            if expand:
                plan.values_of(stored, location)
            identity = plan.owner, plan.name, location.number, location.mask
            if checksums.chunk_digest(stored, *identity, plan.digest) != self.digest:  # the CRC was right
                return f"{plan.where}: chunk {location.number} is damaged (its {plan.digest} does not match)"
        return problems[0] if problems else None


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
        visited: Nodes that were visited before, and must not be visited again.

    Attributes:
        chunks: The chunks of all datasets visited by `problems`, which are still to be verified.
        nodes: Digest of each node visited by `problems`, by path.
        nbytes: Size of the values of the datasets in the group before compression, in bytes.
    """

    def __init__(
        self,
        group: HDF5Group,
        owner: str,
        root: HDF5Group,
        objects: LinkedObjects | None = None,
        visited: VisitedNodes | None = None,
    ) -> None:
        self._group = group if isinstance(group, CachedGroup) else CachedGroup.of(group)
        self._owner = owner
        self._root = root
        self._objects = objects or LinkedObjects()
        self.chunks: list[ChunkCheck] = []
        self.nodes: dict[str, str] = {}
        self.nbytes = 0
        self._visited = visited or VisitedNodes()
        self._problems: list[str] = []

    def problems(self, mutable: frozenset[str], linked: frozenset[str]) -> list[str]:
        """Verifies everything but the chunks; returns a description of each problem, with file and node.

        Args:
            mutable: Names of groups with a digest of their own.
            linked: Names of links to shared objects, which are verified on their own.
        """
        self._problems = []
        nodes: dict[str, str] = {}
        with self._noted(self._group.where()):
            self._visited.begin(self._group)
            self._visit(self._group, "", nodes, mutable, linked)
        self.nodes |= nodes
        with self._noted(self._group.where()):
            stored = self._group.attribute("core_sha256")
            if stored is not None and stored != core_digest(nodes):
                self._problems.append(
                    f"{self._group.where()}: the digest of the run does not match: something in it was changed"
                )
        return self._problems

    def attachment_problems(self) -> list[str]:
        """Verifies everything but the chunks, as `problems` does; the group is that of the project's attachments."""
        self._problems = []
        with self._noted(self._group.where()):
            self._visited.begin(self._group)
            self._visit_attachments(self._group)
        return self._problems

    def member_problems(self, names: Iterable[str]) -> list[str]:
        """Verifies some members of the group and all below them, but not the chunks, as `problems` does."""
        self._problems = []
        for name in names:
            with self._noted(self._group.where(name)):
                self._visit_member(self._group, name, "", self.nodes, frozenset(), frozenset())
        return self._problems

    def _noted(self, where: str) -> contextlib.AbstractContextManager[None]:
        return noted(self._problems, where)

    def _visit(
        self, group: CachedGroup, path: str, nodes: dict[str, str], mutable: frozenset[str], linked: frozenset[str]
    ) -> None:
        names: list[str] = []
        with self._noted(group.where()):
            check_run_nodes(len(group.members()), group.where())
            names = group.names()
            nodes[path] = _own_digest(group, path)
        for name in names:
            if not name.endswith(layout.CHECKSUMS_SUFFIX):
                with self._noted(group.where(name)):
                    self._visit_member(group, name, path, nodes, mutable, linked)

    def _visit_member(
        self,
        group: CachedGroup,
        name: str,
        path: str,
        nodes: dict[str, str],
        mutable: frozenset[str],
        linked: frozenset[str],
    ) -> None:
        inside = f"{path}/{name}" if path else name
        if name in linked and not path:
            nodes[name] = self._objects.digest(group, name, self._root)
            return
        if not group.is_group(name):
            self._visited.add_member(group, name)
            nodes[inside] = self._dataset(group, name, inside)
            return
        self._visited.add(group.group(name))
        if name in mutable and not path:
            self._visit_sealed(group.group(name), name)
        elif name == layout.ATTACHMENTS and not path:
            self._visit_attachments(group.group(name))
        else:
            self._visit(group.group(name), inside, nodes, frozenset(), frozenset())

    def _visit_sealed(self, group: CachedGroup, path: str) -> None:
        """Visits a group with a digest of its own, which is no part of the digest of the run."""
        inner: dict[str, str] = {}
        self._visit(group, path, inner, frozenset(), frozenset())
        self.nodes |= inner
        if group.attribute("sha256") != core_digest(inner):
            self._problems.append(f"{group.where()}: its digest does not match: something in it was changed")

    def _visit_attachments(self, group: CachedGroup) -> None:
        check_attachments(len(group.members()), group.where())
        for name in group.names():
            with self._noted(group.where(name)):
                if not is_attachment_name(name):
                    self._problems.append(f"{group.where(name)}: is not the name of an attachment")
                self._visited.add(group.group(name))
                self._visit_sealed(group.group(name), f"{layout.ATTACHMENTS}/{name}")

    def _dataset(self, group: CachedGroup, name: str, path: str) -> str:
        opened, where = group.open_array(name), group.where(name)
        dsid, what = opened
        raw = read_raw_attributes(dsid, where)
        digest = NodeDigest(path)
        for key, value in raw.items():
            digest.attribute(key, value)
        digest.content(what.dtype, what.shape)
        attributes = decode_attributes(raw, where)
        if path == name and not name.startswith(layout.LONG_PREFIX):
            self.nbytes += value_nbytes(what, attributes.get("dtype"))
        if what.chunk is None:
            digest.data(read_values(opened, where).tobytes())
            return digest.hexdigest()
        plan = plan_read(group.gid, name, owner_within(group, self._owner), where, opened=opened, attributes=attributes)
        expected = ChunkSumsReader(group.gid, dsid, name, len(plan.locations), where, attributes).digests()
        for location in plan.locations:
            check_interrupt()
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


def object_problems(group: HDF5Group, kind: str, root: HDF5Group) -> list[str]:
    """Verifies a shared object, whose content must have the digest that is its name; returns the problems.

    Args:
        group: The object's group.
        kind: Kind of the object, such as ``circuits``.
        root: Root group of the file. Objects that this one links to must be stored at the paths that they state, and
            are verified on their own.
    """
    group = CachedGroup.of(group)
    problems: list[str] = []
    with noted(problems, group.where()):
        path = group.attribute("object")
        if path != group.path:
            return [f"{group.where()}: says that it is {path!r}"]
        links = [name for name in group.names() if group.is_group(name)]
        verifier = GroupVerifier(group, group.path, root)
        problems += verifier.problems(frozenset(), frozenset(links))
        problems += filter(None, (check.problem(group.fd) for check in _interruptible(verifier.chunks)))
        if not problems and _content_digest(group, kind, links, root) != group.path.rpartition("/")[2]:
            problems.append(f"{group.where()}: its content does not match its name, which is a digest of it")
    return problems


def _interruptible(checks: list[ChunkCheck]) -> Iterator[ChunkCheck]:
    for check in checks:
        check_interrupt()
        yield check


def _content_digest(group: CachedGroup, kind: str, links: Sequence[str], root: HDF5Group) -> str:
    """The digest of the content of a shared object, whose datasets are read chunk by chunk."""
    content = ContentDigest(kind)
    for name, value in group.raw_attributes().items():
        if name != "object":
            content.attribute(name, value)
    for name in group.names():
        if name not in links and not name.endswith(layout.CHECKSUMS_SUFFIX):
            plan = group.plan(name, group.path)
            content.dataset(name, plan.dtype, plan.selection.shape)
            for values in plan.parts(group.fd):
                check_interrupt()
                content.data(values)
    for name in links:
        content.link(name, linked_digest(group, name, root))
    return content.hexdigest()
