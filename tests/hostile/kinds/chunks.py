"""Chunks that expand to more than a chunk, and tables of chunks that lead to wrong places."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import h5py
import numpy as np

from aerchive import layout
from tests.hostile.corpus import add
from tests.hostile.edits import (
    Hostile,
    object_path,
    owner_of,
    put_array,
    put_sums,
    put_text,
    rename_object,
    run_path,
    seal_run,
    set_attribute,
    set_text,
    sums_of,
)

_BOMB_BYTES = 256 * 2**20
_bombs: list[bytes] = []


def _bomb() -> bytes:
    if not _bombs:
        packer = zlib.compressobj(9)
        zeros = bytes(2**20)
        _bombs.append(b"".join(packer.compress(zeros) for _ in range(_BOMB_BYTES >> 20)) + packer.flush())
    return _bombs[0]


def _group(file: h5py.File, place: str) -> tuple[h5py.Group, str]:
    if place == "qpy":
        group = file[object_path(file, "amplitudes", "circuits")]
        return group, "qpy"
    job, _, name = place.partition("/")
    folder, _, name = name.rpartition("/")
    run = file[run_path(job)]
    return (run[folder] if folder else run), name


PLACES = {
    "chunks/statevector": ("values",),
    "bell/result": ("values",),
    "labels/labels/long.notes": ("show",),
    "qpy": ("circuits",),
}


def _stored(place: str, stored: Callable[[], bytes], mask: int = 0) -> Callable[[Hostile], None]:
    """The first chunk of a dataset has these stored bytes, with right checksums."""

    def act(one: Hostile) -> None:
        with one.edit() as file:
            group, name = _group(file, place)
            if not group[name].chunks:
                put_array(group, name, group[name][()], group[name].shape)
            group[name].id.write_direct_chunk((0,) * len(group[name].shape), stored(), mask)
            put_sums(group, name)

    return act


STORED: dict[str, tuple[Callable[[], bytes], int]] = {
    "expands to 256 MiB": (_bomb, 0),
    "expands to nothing": (lambda: zlib.compress(b""), 0),
    "no zlib": (lambda: b"\xff" * 300, 0),
    "cut off": (lambda: zlib.compress(np.random.default_rng(1).bytes(16384))[:5000], 0),
    "as it is, too short": (lambda: b"x" * 100, 3),
    "as it is, too long": (lambda: b"x" * 2_000_000, 3),
    "unknown mask": (lambda: zlib.compress(bytes(16384)), 0xFFFFFFF0),
    "with more behind": (lambda: zlib.compress(bytes(16384)) + b"more" * 1000, 0),
}
HARMLESS = ("unknown mask", "with more behind")
"""Odd, and read as HDF5 itself reads them."""
for _way, (_bytes, _mask) in STORED.items():
    for _place, _refuses in PLACES.items():
        if _way != "expands to 256 MiB" and _place not in ("chunks/statevector", "qpy"):
            continue
        _job = "amplitudes" if _place == "qpy" else _place.partition("/")[0]
        _dataset = _place.rpartition("/")[2]
        _case = _stored(_place, _bytes, _mask)
        if _way in HARMLESS:
            add("chunks", f"{_way}, {_dataset}", _case, "limited", jobs=(_job,))
        else:
            add("chunks", f"{_way}, {_dataset}", _case, "refused", f"/{_dataset}", jobs=(_job,), refuses=_refuses)


def _moved(to: Callable[[list[int], int], int], entry: int = 1, length: int | None = None) -> Callable[[Hostile], None]:
    """The table of chunks says another address, or length; the checksums are those of what is there."""

    def act(one: Hostile) -> None:
        with h5py.File(one.path) as file:
            dataset = file[run_path("chunks")]["statevector"]
            infos = [dataset.id.get_chunk_info(number) for number in range(4)]
            owner = owner_of(file[run_path("chunks")])
        addresses = [info.byte_offset for info in infos]
        with one.bytes() as data:
            target = to(addresses, len(data))
            wanted = addresses[entry].to_bytes(8, "little")
            at = data.find(wanted, data.find(b"FADB"))
            while at >= 0:
                data[at : at + 8] = target.to_bytes(8, "little")
                width = data.find(infos[entry].size.to_bytes(2, "little"), at + 8, at + 12)
                if length is not None and width == at + 8:
                    data[width : width + 2] = length.to_bytes(2, "little")
                at = data.find(wanted, at + 8)
            size = infos[entry].size if length is None else length
            stored = bytes(data[target : target + size]) if target < len(data) else b""
        with h5py.File(one.path, "r+", libver=layout.LIBVER) as file:
            run = file[run_path("chunks")]
            table = run["statevector" + layout.CHECKSUMS_SUFFIX]
            sums = sums_of(run["statevector"], stored, owner, (entry * run["statevector"].chunks[0],), entry, 0)
            row = table[entry]
            row["crc32"], row["blake3"] = sums.crc32, sums.blake3.encode()
            table[entry] = row
            seal_run(run)

    return act


TARGETS: dict[str, Callable[[list[int], int], int]] = {
    "beyond the end": lambda addresses, size: size + 4096,
    "far beyond the end": lambda addresses, size: 2**62,
    "in the superblock": lambda addresses, size: 0,
    "in the metadata": lambda addresses, size: 96,
    "over another chunk": lambda addresses, size: addresses[0] + 8,
    "in another chunk's place": lambda addresses, size: addresses[2],
    "over the end": lambda addresses, size: size - 16,
}
for _name, _target in TARGETS.items():
    _more = {"jobs": ("chunks",), "refuses": ("values",)}
    add("chunks", f"address {_name}", _moved(_target), "refused", "/statevector", **_more)
add("chunks", "of length 0", _moved(lambda a, _: a[1], length=0), "limited", jobs=("chunks",))
add("chunks", "of length 65535", _moved(lambda a, _: a[1], length=65535), "refused", "/statevector", jobs=("chunks",))


def _sums(change: Callable[[h5py.Group], None]) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            change(file[run_path("chunks")])

    return act


def _of_shape(run: h5py.Group, shape: tuple[int, ...]) -> None:
    dtype = run["statevector.checksums"].dtype
    del run["statevector.checksums"]
    run.create_dataset("statevector.checksums", shape, dtype, chunks=True if 0 not in shape else None)


def _without(run: h5py.Group) -> None:
    del run["statevector.checksums"]


def _older(run: h5py.Group) -> None:
    values = run["statevector.checksums"][()]
    del run["statevector.checksums"]
    run["statevector.checksums"] = values.astype([("crc32", "<u4"), ("md5", "S64")])


def _own_sums(run: h5py.Group) -> None:
    """A table of checksums for a dataset of which the sums are attributes."""
    put_text(run, "result", run["result"][...].tobytes().replace(b"\0", b""))
    run["result.checksums"] = run["statevector.checksums"][()]


SUMS: dict[str, Callable[[h5py.Group], None]] = {
    "missing": _without,
    "of 2**40 rows": lambda run: _of_shape(run, (2**40,)),
    "of no rows": lambda run: _of_shape(run, (0,)),
    "of rank 3": lambda run: _of_shape(run, (4, 1, 1)),
    "of an unknown digest": _older,
}
for _name, _change in SUMS.items():
    add(
        "chunks", f"checksums {_name}", _sums(_change), "refused", "/statevector", jobs=("chunks",), refuses=("values",)
    )
add("chunks", "checksums of no use", _sums(_own_sums), "limited", jobs=("chunks",))


def _wrong_attribute(value: object) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            result = file[run_path("bell")]["result"]
            if isinstance(value, str):
                set_text(result, "crc32", value)
            else:
                set_attribute(result, "crc32", np.asarray(value))

    return act


for _value in ("text", -1, 2**40, 1.5):
    _case = _wrong_attribute(_value)
    add("chunks", f"checksum {_value!r}", _case, "refused", "/result", refuses=("values",))


def _renamed(one: Hostile) -> None:
    """The payload of an object is chunked, masked and whole: that is legal, if odd."""
    with one.edit() as file:
        path = object_path(file, "amplitudes", "circuits")
        group = file[path]
        data = group["qpy"][()]
        put_array(group, "qpy", data, data.shape)
        group["qpy"].id.write_direct_chunk((0,), data.tobytes(), 3)
        put_sums(group, "qpy")
        rename_object(file, path)


add("chunks", "masked, and whole", _renamed, "limited", jobs=("amplitudes",))
