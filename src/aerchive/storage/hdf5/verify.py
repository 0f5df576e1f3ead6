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
from aerchive.lazy import cached_property
from aerchive.storage.chunks.missing import read_missing
from aerchive.storage.chunks.read_plan import ChunkLocation, ReadPlan, value_dtype, value_nbytes
from aerchive.storage.hdf5.attributes import decode_attributes, read_raw_attributes
from aerchive.storage.hdf5.cached_group import CachedGroup, VisitedNodes, check_attachments, check_run_nodes
from aerchive.storage.hdf5.chunk_table import plan_read, sums_of
from aerchive.storage.hdf5.objects import LinkedObjects, content_digest, is_attachment_name, owner_within
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.hdf5.writer import NodeDigest, core_digest, link_digest
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

    def problem(self, fd: int, *, is_copy: bool = False) -> str | None:
        """Reads and verifies the chunk; returns a description of the damage, or ``None``.

        Args:
            fd: File descriptor of the project file.
            is_copy: Whether the chunk was just copied as it is, so that its CRC-32 is enough.
        """
        problems: list[str] = []
        with noted(problems, self.plan.where):
            if is_copy:
                self.plan.stored_bytes(fd, self.location)
            elif self.plan.digest(fd, self.location) != self.digest:  # the CRC was right
                return f"{self.plan.where}: chunk {self.location.number} is damaged (its values have another digest)"
        return problems[0] if problems else None


_TOGETHER_BYTES = 512 * 1024
"""Stored bytes of the chunks that one thread takes at a time: to hand over small chunks one by one takes longer."""


def chunk_problems(
    checks: Sequence[ChunkCheck], fd: int, pool: ThreadPoolExecutor, *, are_copies: bool = False
) -> Iterator[str | None]:
    """Verifies many chunks, in several threads if there are many.

    Args:
        checks: The chunks.
        fd: File descriptor of the project file.
        pool: The threads to be used.
        are_copies: Whether the chunks were just copied, as for `ChunkCheck.problem`.

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
        return (check.problem(fd, is_copy=are_copies) for check in checks)
    done = pool.map(lambda batch: [check.problem(fd, is_copy=are_copies) for check in batch], batches)
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
        core: The digest of the whole as computed by `problems`; empty before.
        sealed: The digest of each mutable group as computed by `problems`, by path.
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
        self.core = ""
        self.sealed: dict[str, str] = {}
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
            more_mutable, more_linked = self._of_newer()
            self._visit(self._group, "", nodes, mutable | more_mutable, linked | more_linked)
        self.nodes |= nodes
        with self._noted(self._group.where()):
            seal = self._group.group(layout.SEAL) if layout.SEAL in self._group else None
            stored = None if seal is None else seal.attribute("core_sha256")
            missing = read_missing(self._group, self._owner)
            if missing is not None:
                nodes = {**missing.digests, **nodes}
            self.core = core_digest(nodes)
            if stored is not None and stored != self.core:
                self._problems.append(
                    f"{self._group.where()}: the digest of the run does not match: something in it was changed"
                )
        return self._problems

    def _of_newer(self) -> tuple[set[str], set[str]]:
        """The groups with a digest of their own, and the linked objects, if a later version may have added some."""
        group = self._group
        seal = group.group(layout.SEAL) if layout.SEAL in group else None
        if seal is None or not layout.unknown_features(seal.attribute("uses")):
            return set(), set()
        names = [name for name in group.names() if name != layout.ATTACHMENTS and group.is_group(name)]
        mutable, linked = (
            {name for name in names if group.group(name).attribute(of) is not None} for of in ("sha256", "object")
        )
        return mutable, linked

    @cached_property
    def _linkable(self) -> dict[int, str]:
        """Names of the datasets of the run, to which its plots may link, by address."""
        group = self._group
        return {group.address(name): name for name in group.names() if not group.is_group(name)}

    def cover_problems(self) -> list[str]:
        """Verifies everything but the chunks, as `problems` does; the group is the cover of the project."""
        self._problems = []
        with self._noted(self._group.where()):
            self._visited.begin(self._group)
            self._visit_sealed(self._group, layout.COVER)
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
            if path.startswith(f"{layout.VIEW}/") and (target := self._linkable.get(group.address(name))) is not None:
                nodes[inside] = link_digest(target)
                return
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
        self.sealed[path] = core_digest(inner)
        if group.attribute("sha256") != self.sealed[path]:
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
            if key not in layout.STORAGE_ATTRIBUTES:
                digest.attribute(key, value)
        attributes = decode_attributes(raw, where)
        digest.content(value_dtype(what.dtype, attributes.get("dtype")), what.shape)
        if path == name and not name.startswith(layout.LONG_PREFIX):
            self.nbytes += value_nbytes(what, attributes.get("dtype"))
        plan = plan_read(group.gid, name, owner_within(group, self._owner), where, opened=opened, attributes=attributes)
        if plan.values is not None:
            digest.data(plan.values.tobytes())
            return digest.hexdigest()
        pieces = " ".join(map(str, plan.chunk)) if len(plan.locations) > 1 else None
        if attributes.get(layout.PIECE_SHAPE) != pieces:
            self._problems.append(f"{where}: the recorded shape of its pieces is not that of its chunks")
        expected = sums_of(group.gid, name, where, opened, plan.chunk, attributes).digests()
        for location in plan.locations:
            check_interrupt()
            self.chunks.append(ChunkCheck(plan, location, expected[location.number]))
            digest.data(expected[location.number])
        return digest.hexdigest()


def _own_digest(group: CachedGroup, path: str) -> str:
    """The digest of the attributes of a group, without its members."""
    digest = NodeDigest(path)
    for name, value in group.raw_attributes().items():
        if name not in _OWN_DIGESTS and (path or name not in layout.SHOWN):
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
        links = [name for name in group.names() if name != layout.VIEW and group.is_group(name)]
        verifier = GroupVerifier(group, group.path, root)
        problems += verifier.problems(frozenset({layout.VIEW}), frozenset(links))
        problems += filter(None, (check.problem(group.fd) for check in _interruptible(verifier.chunks)))
        if not problems and content_digest(group, links, root) != group.path.rpartition("/")[2]:
            problems.append(f"{group.where()}: its content does not match its name, which is a digest of it")
    return problems


def _interruptible(checks: list[ChunkCheck]) -> Iterator[ChunkCheck]:
    for check in checks:
        check_interrupt()
        yield check
