"""Shapes that promise more than the file has, or nothing that can be read; and one large state that is honest."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from aerchive import layout
from aerchive.storage.chunks.checksums import table_of
from aerchive.storage.hdf5.types import stored_type
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, change_row, chunked, create, owner_of, raw_attributes, run_path, sums_of

Space = Callable[[], h5s.SpaceID]
SPACES: dict[str, Space] = {
    "1 TiB without bytes": lambda: h5s.create_simple((2**36,)),
    "2**60 elements": lambda: h5s.create_simple((2**59,)),
    "null": lambda: h5s.create(h5s.NULL),
    "rank 32": lambda: h5s.create_simple((1,) * 32),
    "rank 32, many": lambda: h5s.create_simple((2,) * 32),
    "no elements": lambda: h5s.create_simple((0,)),
    "no elements of many": lambda: h5s.create_simple((0, 2**60)),
    "one value": lambda: h5s.create(h5s.SCALAR),
}
WELL_FORMED = ("rank 32", "no elements", "one value")
"""Shapes that a dataset may have, if not these; what reads it must say so, and `verify` need not."""
NAMES = {"result": ("values",), "counts": ("values",), "statevector": ("values",), "zz": ()}


def _late(name: str, space: Space) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            run = file[run_path("bell")]
            tid = run[name].id.get_type() if name in run else h5t.NATIVE_DOUBLE
            properties = h5p.create(h5p.DATASET_CREATE)
            properties.set_alloc_time(h5d.ALLOC_TIME_LATE)
            create(run, name, tid, space(), properties)

    return act


for _name, _space in SPACES.items():
    for _dataset, _refuses in NAMES.items():
        if (_dataset == "zz" and _name in WELL_FORMED) or (_dataset, _name) == ("result", "2**60 elements"):
            continue
        _expect = "limited" if _name in WELL_FORMED else "refused"
        _node = "" if _name in WELL_FORMED else f"/{_dataset}"
        _needed = () if (_dataset, _name) == ("statevector", "no elements") else _refuses
        add("shapes", f"{_name}, {_dataset}", _late(_dataset, _space), _expect, _node, refuses=_needed)


def _table(name: str, rows: int, rank: int = 1) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            tid = file[name].id.get_type()
            properties = h5p.create(h5p.DATASET_CREATE)
            properties.set_chunk((32,) * rank)
            space = h5s.create_simple((rows,) * rank, (h5s.UNLIMITED,) * rank)
            create(file["/"], name, tid, space, properties)

    return act


for _rows in (2**63 - 1, 2**40, 100_000):
    add("shapes", f"catalogue of {_rows} rows", _table("catalogue", _rows), "refused", "/catalogue")
    add("shapes", f"list of {_rows} changes", _table("catalogue.changes", _rows), "refused", "/catalogue.changes")
add("shapes", "catalogue of rank 2", _table("catalogue", 4, 2), "refused", "/catalogue", refuses=("ls",))
add("shapes", "list of changes of rank 2", _table("catalogue.changes", 4, 2), "refused", "/catalogue.changes")


def _large_chunk(elements: int, chunk: int, name: str = "statevector") -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            run = file[run_path("chunks")]
            create(run, name, h5t.NATIVE_DOUBLE, h5s.create_simple((elements,)), chunked((chunk,)))

    return act


add(
    "shapes",
    "chunks of 2 GiB",
    _large_chunk(2**30, 2**28),
    "refused",
    "/statevector",
    jobs=("chunks",),
    refuses=("values",),
)
add("shapes", "chunks of 2 GiB, of no use", _large_chunk(2**30, 2**28, "zz"), "refused", "/zz", jobs=("chunks",))
add(
    "shapes",
    "2**40 chunks",
    _large_chunk(2**50, 2**10),
    "refused",
    "/statevector",
    jobs=("chunks",),
    refuses=("values",),
)
add("shapes", "2**40 chunks, of no use", _large_chunk(2**50, 2**10, "zz"), "refused", "/zz", jobs=("chunks",))


def _sparse_state(one: Hostile) -> None:
    """A state of 30 qubits with two amplitudes: 16 GiB, of which the file has two chunks. That is legal."""
    elements, chunk = 2**30, 2**16
    with one.edit() as file:
        run = file[run_path("chunks")]
        attributes = {**dict(raw_attributes(run["statevector"].id)), layout.PIECE_SHAPE: np.array(str(chunk), "S")}
        tid = stored_type(np.dtype("c16"))
        dsid = create(run, "statevector", tid, h5s.create_simple((elements,)), chunked((chunk,)), attributes)
        for offset in (0, elements - 1):
            space = dsid.get_space()
            space.select_hyperslab((offset,), (1,))
            dsid.write(h5s.create_simple((1,)), space, np.array([0.5**0.5 + 0j]), tid)
        sums = []
        for number in range(elements // chunk):
            stored = b""
            if number in (0, elements // chunk - 1):
                _, stored = dsid.read_direct_chunk((number * chunk,))
            sums.append(sums_of(h5py.Dataset(dsid), stored, owner_of(run), (number * chunk,), number, 0))
        table = table_of(sums)
        key, kind = "statevector" + layout.CHECKSUMS_SUFFIX, stored_type(table.dtype)
        create(run, key, kind, h5s.create_simple(table.shape), attributes={}).write(h5s.ALL, h5s.ALL, table, kind)
        change_row(file, "chunks", nbytes=elements * 16)


add("shapes", "a sparse state of 30 qubits", _sparse_state, "limited", jobs=("chunks",))
