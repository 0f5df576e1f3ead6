"""Datasets of every sort whose bytes lie elsewhere, or pass through filters that are not ours."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5p, h5s

from aerchive import layout
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, chunked, create, object_path, put_sums, run_path

UNKNOWN_FILTER = 32999


class Place(NamedTuple):
    """A dataset of the honest project.

    Attributes:
        job: The run that it belongs to; empty for those of the root.
        link: The link from the run to the object that has it; empty for those of runs.
        name: Its path below that.
        refuses: Steps that need it.
    """

    job: str
    link: str
    name: str
    refuses: tuple[str, ...]


PLACES = (
    Place("", "", "catalogue", ("ls", "find", "export")),
    Place("", "", "catalogue.changes", ()),
    Place("chunks", "", "statevector", ("values",)),
    Place("chunks", "", "statevector.checksums", ("values",)),
    Place("bell", "", "statevector", ("values",)),
    Place("bell", "", "counts", ("values",)),
    Place("bell", "", "memory", ("values",)),
    Place("bell", "", "result", ("values",)),
    Place("flow", "", "table", ("values",)),
    Place("binds", "", "inputs", ("circuits",)),
    Place("labels", "", "labels/long.notes", ("show",)),
    Place("labels", "", "labels/long.notes.checksums", ("show",)),
    Place("bell", "circuits", "qpy", ("circuits",)),
    Place("bell", "circuits", "aer", ("circuits",)),
    Place("noise", "noise_model", "model", ("circuits",)),
    Place("bell", "", "attachments/reference/array", ("values",)),
    Place("bell", "", "attachments/reference/array.checksums", ("values",)),
    Place("bell", "", "attachments/notes/text", ("values",)),
    Place("", "", "attachments/plan/array", ()),
)


def parent_of(file: h5py.File, place: Place) -> tuple[h5py.Group, str]:
    """The group of a dataset, and its name there."""
    if not place.job:
        return file["/"], place.name
    group = file[object_path(file, place.job, place.link) if place.link else run_path(place.job)]
    folder, _, name = place.name.rpartition("/")
    return (group[folder] if folder else group), name


def _space(dataset: h5py.Dataset) -> h5s.SpaceID:
    return h5s.create_simple(dataset.shape, tuple(h5s.UNLIMITED if n is None else n for n in dataset.maxshape))


def _external(parent: h5py.Group, name: str, target: str) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_external(target.encode(), 0, h5s.UNLIMITED)
    create(parent, name, parent[name].id.get_type(), _space(parent[name]), properties)


def _virtual(parent: h5py.Group, name: str, target: str) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    space = h5s.create_simple(parent[name].shape)
    properties.set_virtual(space, target.encode(), b"/secret", space)
    create(parent, name, parent[name].id.get_type(), space, properties)


def _filtered(parent: h5py.Group, name: str, properties: h5p.PropDCID, pack: Callable[[bytes], bytes]) -> None:
    """One chunk for all that the dataset holds, so packed."""
    values = np.ascontiguousarray(parent[name][()])
    tid, kept = (
        parent[name].id.get_type(),
        {k: v for k, v in parent[name].attrs.items() if k not in layout.STORAGE_ATTRIBUTES},
    )
    space = h5s.create_simple(values.shape, (h5s.UNLIMITED,) if parent.name == "/" else None)
    dsid = create(parent, name, tid, space, properties, {k: np.asarray(v) for k, v in kept.items()})
    dsid.write_direct_chunk((0,) * values.ndim, pack(values.tobytes()), 0)
    if parent.name != "/" and not name.endswith(layout.CHECKSUMS_SUFFIX):
        put_sums(parent, name)


def _whole(parent: h5py.Group, name: str) -> tuple[int, ...]:
    return tuple(parent[name].shape)


def _unknown(parent: h5py.Group, name: str) -> None:
    _filtered(parent, name, chunked(_whole(parent, name), UNKNOWN_FILTER, shuffle=False), lambda data: b"y" * 300)


def _optional_shuffles(parent: h5py.Group, name: str) -> None:
    properties = chunked(_whole(parent, name), UNKNOWN_FILTER)
    _filtered(parent, name, properties, lambda data: data)


def _twice(parent: h5py.Group, name: str) -> None:
    """Deflate in deflate: what expands twice has no bound of a thousand times."""
    properties = chunked(_whole(parent, name), 1, 1, shuffle=False)
    _filtered(parent, name, properties, lambda data: zlib.compress(zlib.compress(data + bytes(2**20))))


def _fletcher(parent: h5py.Group, name: str) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk(_whole(parent, name))
    properties.set_fletcher32()
    _filtered(parent, name, properties, lambda data: data + bytes(4))


WAYS: dict[str, Callable[[Hostile, h5py.Group, str], None]] = {
    "external storage": lambda one, parent, name: _external(parent, name, str(one.outside / "victim.txt")),
    "virtual": lambda one, parent, name: _virtual(parent, name, str(one.outside / "other.h5")),
    "virtual, of itself": lambda one, parent, name: _virtual(parent, name, "."),
    "unknown filter": lambda one, parent, name: _unknown(parent, name),
    "unknown filter after shuffle": lambda one, parent, name: _optional_shuffles(parent, name),
    "deflated twice": lambda one, parent, name: _twice(parent, name),
    "fletcher32": lambda one, parent, name: _fletcher(parent, name),
}
EVERYWHERE = ("external storage", "virtual", "unknown filter", "deflated twice")
SOMEWHERE = ("catalogue", "statevector", "qpy")


def _make(way: str, place: Place) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit() as file:
            parent, name = parent_of(file, place)
            WAYS[way](one, parent, name)

    return make


for _way in WAYS:
    for _place in PLACES:
        if _way in EVERYWHERE or (_place.name in SOMEWHERE and _place.job != "chunks"):
            _where = " of ".join(part for part in (_place.name, _place.job) if part)
            add(
                "storage",
                f"{_way}, {_where}",
                _make(_way, _place),
                "refused",
                f"/{_place.name}",
                jobs=(_place.job or "bell", "last"),
                refuses=_place.refuses,
            )


def _in_a_pipe(one: Hostile) -> None:
    os.mkfifo(one.folder / "pipe")
    with one.edit() as file:
        _external(file["/"], "catalogue", str(one.folder / "pipe"))


def _extra(one: Hostile) -> None:
    """A dataset that no one asks for, in a run."""
    with one.edit() as file:
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_external(str(one.outside / "victim.txt").encode(), 0, 64)
        create(file[run_path("bell")], "zz", h5py.h5t.NATIVE_INT64, h5s.create_simple((8,)), properties)


def _empty_catalogue(one: Hostile) -> None:
    """Nothing is read from it, but a commit would write there."""
    with one.edit() as file:
        tid = file["catalogue"].id.get_type()
        file.move("runs", "elsewhere")
        file.create_group("runs")
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_external(str(one.outside / "victim.txt").encode(), 0, h5s.UNLIMITED)
        create(file["/"], "catalogue", tid, h5s.create_simple((0,), (h5s.UNLIMITED,)), properties)


def _efile(one: Hostile) -> None:
    """A relative name, which HDF5 looks for beside the project."""
    (one.folder / "beside.bin").write_bytes(b"beside" * 1000)
    with one.edit() as file:
        _external(file[run_path("bell")], "counts", "beside.bin")


def _szip_like(number: int) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit() as file:
            run = file[run_path("chunks")]
            properties = h5p.create(h5p.DATASET_CREATE)
            properties.set_chunk((1024,))
            if number == 6:
                properties.set_scaleoffset(h5py.h5z.SO_INT, 0)
            else:
                properties.set_filter(number, 1, (4, 32, 8, 16))
            kind = h5py.h5t.NATIVE_INT64
            dsid = create(run, "zz", kind, h5s.create_simple((1024,)), properties)
            dsid.write_direct_chunk((0,), b"\xff" * 64, 0)

    return make


add("storage", "catalogue in a pipe", _in_a_pipe, "refused", "/catalogue", refuses=("ls",))
add("storage", "empty catalogue outside", _empty_catalogue, "refused", "/catalogue", refuses=("save",))
add("storage", "external storage of a dataset of no use", _extra, "refused", "/zz")
add("storage", "external storage beside", _efile, "refused", "/counts", refuses=("values",))
for _number, _name in ((4, "szip"), (5, "nbit"), (6, "scale offset")):
    add("storage", f"{_name} with wrong parameters", _szip_like(_number), "refused", "/zz", jobs=("chunks",))
