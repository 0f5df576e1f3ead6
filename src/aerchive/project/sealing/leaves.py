"""The leaves of a seal: for each run what may not change in it.

They are read from the runs and not from a column of the catalogue: decision 0042.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self

import numpy as np

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.project.catalogue.table import Catalogue, present, run_path
from aerchive.storage.file import ProjectFile
from aerchive.storage.hdf5.nodes import open_group
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession

_LINE = re.compile(r"([0-9A-Za-z_.-]{1,64}) ([0-9a-f]{64}) ([0-9a-f]{64})")


class Leaf(NamedTuple):
    """The leaf of one run.

    Attributes:
        run_uuid: The identifier of the run.
        core_sha256: The digest of configuration, provenance, circuits, noise model, result and arrays.
        status_sha256: The digest of the status: outcome, times, and the numbers that tables show.
    """

    run_uuid: str
    core_sha256: str
    status_sha256: str

    @classmethod
    def of_line(cls, line: str, where: object) -> Self:
        """Reads a leaf that `line` has written.

        Raises:
            FormatError: The text is none; the message names ``where``.
        """
        match = _LINE.fullmatch(line)
        if match is None:
            raise FormatError(
                f"{where}: {line!r:.200} is not a run of a seal, which is its UUID and two digests, with single spaces"
            )
        return cls(*match.groups())

    @property
    def line(self) -> str:
        """The text that is hashed, and stands in files."""
        return " ".join(self)


def in_order(leaves: Iterable[Leaf], where: object) -> list[Leaf]:
    """Sorts leaves by the UUID of the run.

    Raises:
        IntegrityError: Two runs have the same UUID.
    """
    found = sorted(leaves)  # UUIDs are ASCII, so this is the order of their bytes
    for one, other in itertools.pairwise(found):
        if one.run_uuid == other.run_uuid:
            raise IntegrityError(f"{where}: two runs have the run_uuid {one.run_uuid}; delete the one that is a copy")
    return found


def read_leaves(file: ProjectFile, progress: Callable[[int, int], None] | None = None) -> list[Leaf]:
    """Reads the leaves of all runs that are in the catalogue now, as the digests stand there.

    Writers need not wait until all are read; what they add is not among the leaves.

    Args:
        file: The project file.
        progress: A function that is called with the number of runs that were read, and of all runs.

    Raises:
        NotFoundError: There is no project, or a run was deleted while the others were read.
        IntegrityError: The catalogue or a run is damaged, or two runs have the same UUID.
        FormatError: A run has no digest.
    """
    with file.read() as session:
        rows = present(Catalogue(session).rows())
    return in_order(leaves_of(file, rows, progress), file.path)


def leaves_of(
    file: ProjectFile, rows: Iterable[np.void], progress: Callable[[int, int], None] | None = None
) -> list[Leaf]:
    """Reads the leaves of runs, in the order of their rows; as `read_leaves`.

    Args:
        file: The project file.
        rows: Rows of its catalogue.
        progress: As for `read_leaves`.
    """
    paths = [run_path(row).rpartition("/") for row in rows]
    folders = [(path, [name for _, _, name in some]) for path, some in itertools.groupby(paths, lambda parts: parts[0])]
    found: list[Leaf] = []

    def look(session: ReadSession, folder: tuple[str, list[str]]) -> None:
        found.extend(_leaves_in(session, *folder))
        if progress is not None:
            progress(len(found), len(paths))

    file.visit(folders, look)
    return found


def _leaves_in(session: ReadSession, path: str, names: list[str]) -> Iterator[Leaf]:
    folder = session.root.group(path)
    links = folder.members()
    for name in names:
        check_interrupt()
        if name not in links:
            raise NotFoundError(f"{folder.where(name)}: was deleted while the project was sealed; seal it again")
        gid = open_group(folder.gid, name, folder.where(name), links[name])
        yield _leaf_of(HDF5Group(gid, folder.fd, f"{path}/{name}", folder.file))


def _leaf_of(run: HDF5Group) -> Leaf:
    seal, status = run.group(layout.SEAL), run.group(layout.STATUS)
    texts = seal.attribute("run_uuid"), seal.attribute("core_sha256"), status.attribute("sha256")
    return Leaf.of_line(" ".join(map(str, texts)), run.where())
