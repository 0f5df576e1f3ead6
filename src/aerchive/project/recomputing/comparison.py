"""Comparing the arrays of a run with those that it gave when it was computed again, by the digests of their nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from aerchive import layout
from aerchive.project.documents.results_digest import node_digest
from aerchive.storage.chunks.checksums import value_digest
from aerchive.storage.chunks.drafts import attribute_array
from aerchive.storage.chunks.grid import box_shape, chunk_offsets
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import MissingDataset, read_missing
from aerchive.storage.chunks.read_plan import value_dtype
from aerchive.storage.chunks.witness import NUMBER
from aerchive.storage.hdf5.verify import ChunkCheck, chunk_problems
from aerchive.storage.hdf5.writer import NodeDigest
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.stored.forms import is_composed
from aerchive.threads import processors

_LAYOUTS = ("plain", "stacked", "packed")
_KEY_DIGITS = 40
_LEAST_SHARE = 16


class Wanted(NamedTuple):
    """What a run must give again to count as the same.

    Attributes:
        run_uuid: UUID of the run.
        datasets: All its arrays that are stored element by element, and its table of numbers, by name, whether the
            file has them or not.
        environment: Software and processor with which it gave those that it lacks; empty if it lacks none.
        composed: Names of the datasets with products of matrices, or with the structure of a state. They stay in the
            run, and are not compared.
    """

    run_uuid: str
    datasets: Mapping[str, MissingDataset]
    environment: Mapping[str, str]
    composed: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A digest of the run and of all these values."""
        text = repr((self.run_uuid, sorted((name, one.sha256) for name, one in self.datasets.items())))
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]

    @property
    def recomputed(self) -> list[str]:
        """Names of the datasets that the run does not store, but computes again."""
        return [name for name, one in self.datasets.items() if one.is_recomputed]

    @property
    def max_infidelity(self) -> float | None:
        """The limit of the rounding that the state vectors of the run had; ``None`` if they are exact."""
        limits = {one.attributes.get("max_infidelity") for one in self.datasets.values()}
        return max((one for one in limits if isinstance(one, float)), default=None)


def wanted_of(group: GroupReader) -> Wanted:
    """What a run must give again; only digests are read.

    Args:
        group: The group of the run.

    Raises:
        FormatError: The run does not follow the format.
        IntegrityError: Its digests are damaged.
    """
    owner = str(group.run_uuid())
    missing = read_missing(group, owner)
    datasets = {} if missing is None else dict(missing.datasets)
    names = [name for name in group.names() if not name.endswith(layout.CHECKSUMS_SUFFIX)]
    for name in names:
        if _is_compared(group, name):
            datasets[name] = described(group, name, owner)
    composed = tuple(sorted(name for name in names if _is_composed(group, name)))
    return Wanted(owner, datasets, {} if missing is None else missing.environment, composed)


def witness_number(size: int) -> int:
    """The number of values of the witness of a dataset: at most a sixteenth of its values.

    Args:
        size: Number of values of the dataset.
    """
    return max(1, min(NUMBER, size // _LEAST_SHARE))


def is_array(group: GroupReader, name: str) -> bool:
    """Whether a dataset of a run has the elements of saved arrays, and not what was asked for, counts or texts.

    A dataset of which an array is computed, as a product of matrices or by its structure, has no elements of it.
    """
    if group.is_group(name) or _is_composed(group, name.rpartition(".")[0]):
        return False
    known = group.dataset_attributes(name, ("kind", "layout"))
    return known.get("layout") in _LAYOUTS and known.get("kind") != "parameters"


def _is_composed(group: GroupReader, name: str) -> bool:
    """Whether the elements of the arrays in a dataset of a run, if there is one, are computed from what is stored."""
    is_there = bool(name) and name in group and not group.is_group(name)
    return is_there and is_composed(group.dataset_attributes(name, ("layout",)))


def _is_compared(group: GroupReader, name: str) -> bool:
    return name == layout.TABLE or is_array(group, name)


def described(group: GroupReader, name: str, owner: str) -> MissingDataset:
    """The description of a dataset that is stored, with its digest."""
    what, attributes = group.describe(name), group.dataset_attributes(name)
    dtype = value_dtype(what.dtype, attributes.get("dtype"))
    kept = {key: value for key, value in attributes.items() if key not in layout.STORAGE_ATTRIBUTES}
    text = "" if dtype.names else dtype.str  # a table is only compared
    return MissingDataset(text, what.shape, node_digest(group, name, owner), kept, what.chunk)


def differing(wanted: Wanted, again: GroupReader) -> list[str]:
    """Names of the datasets that are not the same, bit for bit, in a run that was computed again.

    Args:
        wanted: What the run must give.
        again: The group of the run that was computed again.

    Raises:
        IntegrityError: What was computed again is damaged.
    """
    return [name for name, what in wanted.datasets.items() if digest_as(again, name, what) != what.sha256]


def are_whole(group: GroupReader, names: Iterable[str]) -> bool:
    """Whether the values of datasets have the digests that their file states; all of them are read.

    Args:
        group: The group of a run.
        names: Names of the datasets.

    Raises:
        AerchiveError: One cannot be read.
    """
    owner, checks = str(group.run_uuid()), list[ChunkCheck]()
    for name in names:
        plan = group.plan(name, owner)
        if plan.values is None:
            expected = group.digests(name)
            checks += [ChunkCheck(plan, location, expected[location.number]) for location in plan.locations]
    with ThreadPoolExecutor(processors()) as pool:
        return not any(chunk_problems(checks, group.fd, pool))


def digest_as(group: GroupReader, name: str, what: MissingDataset) -> str:
    """The digest that a dataset of a group has if it is stored like another one; empty if it cannot be.

    The values need not be read if they are in pieces of the same shape.

    Args:
        group: The group of a run.
        name: Name of the dataset.
        what: How it is to be stored: attributes, and shape of the pieces.
    """
    if name not in group:
        return ""
    owner = str(group.run_uuid())
    if not what.dtype:
        return node_digest(group, name, owner)
    found, attributes = group.describe(name), group.dataset_attributes(name)
    if (value_dtype(found.dtype, attributes.get("dtype")), found.shape) != (np.dtype(what.dtype), what.shape):
        return ""
    digest = NodeDigest(name)
    for key in sorted(what.attributes):
        digest.attribute(key, attribute_array(what.attributes[key]))
    digest.content(np.dtype(what.dtype), what.shape)
    if what.chunk is None and found.chunk is None:
        digest.data(np.ascontiguousarray(group.read(name, owner)).tobytes())
    elif what.chunk is None or found.chunk == what.chunk:  # what was extracted does not say its pieces
        for one in group.digests(name):
            digest.data(one)
    else:
        for offset in chunk_offsets(what.shape, what.chunk):
            check_interrupt()
            box = box_shape(offset, what.shape, what.chunk)
            key_of_box = tuple(slice(start, start + length) for start, length in zip(offset, box, strict=True))
            values = np.ascontiguousarray(group.read(name, owner, key_of_box))
            digest.data(value_digest(values.reshape(-1).view(np.uint8).data))
    return digest.hexdigest()
