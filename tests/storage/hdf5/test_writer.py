"""What is on disk, seen by stock h5py: only what HDF5 1.10 and every viewer can read."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from blake3 import blake3
from h5py import h5d, h5f, h5s, h5t, h5z

from aerchive.errors import InvalidInputError
from aerchive.layout import ABOUT, FORMAT_DRAFT, FORMAT_VERSION
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.text import decode_text
from tests.samples import ATTRIBUTES, CREATED, DATASETS, OWNER, RUN, everything, expected, noise, project_file


@pytest.fixture
def file(full: Path) -> Iterator[h5py.File]:
    with h5py.File(full, "r") as opened:
        yield opened


def all_objects(file: h5py.File) -> list[Any]:
    found: list[Any] = [file]
    file.visititems(lambda name, node: found.append(node))
    return found


def all_types(file: h5py.File) -> Iterator[tuple[str, h5t.TypeID]]:
    def members(name: str, tid: h5t.TypeID) -> Iterator[tuple[str, h5t.TypeID]]:
        yield name, tid
        if tid.get_class() == h5t.COMPOUND:
            for i in range(tid.get_nmembers()):
                yield from members(f"{name}.{tid.get_member_name(i).decode()}", tid.get_member_type(i))

    for node in all_objects(file):
        if isinstance(node, h5py.Dataset):
            yield from members(node.name, node.id.get_type())
        for name in node.attrs:
            yield from members(f"{node.name}@{name}", h5py.h5a.open(node.id, name.encode()).get_type())


def datasets(file: h5py.File) -> list[h5py.Dataset]:
    return [node for node in all_objects(file) if isinstance(node, h5py.Dataset)]


def test_container(full: Path, file: h5py.File) -> None:
    head = full.read_bytes()[:16]
    created = file.id.get_create_plist()

    assert head[:8] == b"\x89HDF\r\n\x1a\n"
    assert head[8] == 3  # superblock version
    assert head[11] == 0  # consistency flags
    assert file.userblock_size == 0
    assert created.get_file_space_strategy()[0] == h5f.FSPACE_STRATEGY_NONE
    assert file.id.get_filesize() == full.stat().st_size


def test_a_stock_reader_that_wants_only_old_hdf5_reads_it(full: Path) -> None:
    with h5py.File(full, "r", libver=("earliest", "v110")) as file:
        assert file[RUN]["f8_0d"][()] == 3.5


def test_root(file: h5py.File) -> None:
    assert set(file.attrs) == {
        "format",
        "format_version",
        "format_draft",
        "project_uuid",
        "generation",
        "created",
        "created_by",
        "about",
        "NX_class",
    }
    assert file.attrs["format"] == b"aerchive project"
    assert file.attrs["format_version"] == FORMAT_VERSION
    assert file.attrs["format_draft"] == FORMAT_DRAFT
    assert file.attrs["generation"] == 1
    assert file.attrs["created"].decode() == CREATED
    assert file.attrs["created_by"] == b"aerchive test"
    assert file.attrs["about"].decode() == ABOUT
    assert set(file) == {"README", "format", "runs", "catalogue", "objects"}


def test_only_the_types_of_the_format(file: h5py.File) -> None:
    allowed = {h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.COMPOUND}
    seen = set()
    for name, tid in all_types(file):
        kind = tid.get_class()
        seen.add(kind)
        assert kind in allowed, name
        if kind == h5t.STRING:
            assert not tid.is_variable_str(), name
            is_free = ("long." in name and ".checksums" not in name) or name.endswith("/text")
            is_utf8 = is_free or "@" in name or name.startswith("/catalogue")
            assert tid.get_cset() == (h5t.CSET_UTF8 if is_utf8 else h5t.CSET_ASCII), name
            assert tid.get_strpad() == h5t.STR_NULLPAD, name
        elif kind != h5t.COMPOUND:
            assert tid.get_order() in (h5t.ORDER_LE, h5t.ORDER_NONE), name
    assert seen == allowed


def test_complex_numbers_are_r_and_i(file: h5py.File) -> None:
    for name, part in (("c8", "<f4"), ("c16", "<f8")):
        tid = file[RUN][name].id.get_type()
        assert [tid.get_member_name(i) for i in range(tid.get_nmembers())] == [b"r", b"i"]
        assert [tid.get_member_type(i).dtype.str for i in range(2)] == [part, part]
        assert [tid.get_member_offset(i) for i in range(2)] == [0, np.dtype(part).itemsize]
        assert tid.get_size() == 2 * np.dtype(part).itemsize


def test_attributes_are_scalars_in_the_object_header(file: h5py.File) -> None:
    for node in all_objects(file):
        assert h5py.h5o.get_info(node.id).num_attrs == len(node.attrs) <= 64
        properties = node.id.get_create_plist()
        if isinstance(node, h5py.Group) and node.name != "/":
            assert properties.get_attr_phase_change() == (64, 32), node.name
        for name in node.attrs:
            space = h5py.h5a.open(node.id, name.encode()).get_space()
            assert space.get_simple_extent_type() == h5s.SCALAR, f"{node.name}@{name}"


def test_links_are_hard(file: h5py.File) -> None:
    for node in all_objects(file):
        for name in node if isinstance(node, h5py.Group) else ():
            assert isinstance(node.get(name, getlink=True), h5py.HardLink), f"{node.name}/{name}"


def test_filters_are_shuffle_then_deflate(file: h5py.File) -> None:
    for node in datasets(file):
        properties = node.id.get_create_plist()
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        chunked = properties.get_layout() == h5d.CHUNKED and node.name != "/catalogue"
        assert filters == ([h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE] if chunked else []), node.name
        assert properties.get_external_count() == 0


def test_small_datasets_are_compact_up_to_1024_bytes(file: h5py.File) -> None:
    run = file[RUN]
    for name, parts in DATASETS.items():
        small = sum(part.nbytes for part in parts) <= 1024
        layout = run[name].id.get_create_plist().get_layout()
        assert layout == (h5d.COMPACT if small else h5d.CHUNKED), name
    assert run["at_1024"].nbytes == 1024
    assert run["above_1024"].nbytes == 1032


def test_tables_of_checksums_are_contiguous(file: h5py.File) -> None:
    for name in ("noise_many_chunks", "stacked_large"):
        table = file[RUN][name + ".checksums"]
        assert table.id.get_create_plist().get_layout() == h5d.CONTIGUOUS
        assert table.shape == (file[RUN][name].id.get_num_chunks(),)


@pytest.mark.parametrize("name", list(DATASETS))
def test_stock_h5py_reads_the_same_bits(file: h5py.File, name: str) -> None:
    wanted, found = expected(DATASETS[name]), file[RUN][name][()]

    assert np.asarray(found).dtype == wanted.dtype
    assert np.shape(found) == wanted.shape
    assert np.asarray(found).tobytes() == wanted.tobytes()


def test_stock_h5py_reads_the_same_attributes(file: h5py.File) -> None:
    group = file[RUN]["attributes"]
    for name, value in ATTRIBUTES.items():
        if "long." + name in group:
            assert name not in group.attrs
            stored: Any = decode_text(b"".join(group["long." + name][()].tolist()))
        else:
            stored = group.attrs[name]
            stored = decode_text(bytes(stored)) if isinstance(value, str) else stored.item()
        if isinstance(value, float):
            assert struct.pack("<d", stored) == struct.pack("<d", value), name
        else:
            assert stored == value, name
    assert set(group) == {"long.long", "long.long_unicode", "long.long_nul"}


def test_zero_chunks_take_no_space(file: h5py.File) -> None:
    run = file[RUN]

    assert run["zeros_chunked"].id.get_storage_size() == 0
    assert run["zeros_many_chunks"].id.get_num_chunks() == 0
    assert run["some_chunks_zero"].id.get_num_chunks() == 1
    assert len(run["some_chunks_zero.checksums"]) == 3


def test_stored_checksums_are_those_of_the_format(full: Path, file: h5py.File) -> None:
    data = full.read_bytes()
    checked = 0
    for name in DATASETS:
        node = file[RUN][name]
        if node.chunks is None:
            continue
        table = file[RUN].get(name + ".checksums")
        grid = [range(0, n, c) for n, c in zip(node.shape, node.chunks, strict=True)]
        for number, corner in enumerate(np.ndindex(*map(len, grid))):
            info = node.id.get_chunk_info_by_coord(tuple(axis[i] for axis, i in zip(grid, corner, strict=True)))
            stored = b"" if info.byte_offset is None else data[info.byte_offset : info.byte_offset + info.size]
            content = f"{OWNER}/{name}/{number}/{info.filter_mask if stored else 0}".encode() + stored
            row = node.attrs if table is None else table[number]
            assert row["crc32"] == binascii.crc32(content), (name, number)
            box = tuple(slice(axis[i], axis[i] + c) for axis, i, c in zip(grid, corner, node.chunks, strict=True))
            assert row["blake3"].decode() == blake3(node[box].tobytes()).hexdigest(), (name, number)
            checked += 1
        pieces = node.attrs.get("piece_shape")
        assert pieces == (" ".join(map(str, node.chunks)).encode() if table is not None else None)
    assert checked > 20


def test_a_chunk_without_gain_is_raw(file: h5py.File) -> None:
    assert file[RUN]["noise"].id.get_chunk_info(0).filter_mask == 3
    assert file[RUN]["noise"].id.get_storage_size() == 5000
    assert file[RUN]["c16"].id.get_chunk_info(0).filter_mask == 0


def test_the_same_draft_gives_the_same_content(tmp_path: Path) -> None:
    digests = set()
    for name in ("one.h5", "two.h5"):
        with project_file(tmp_path / name).write(CREATED) as session:
            session.write_run("runs/2026-11-22", "run", everything(), OWNER)
        with project_file(tmp_path / name).read() as session:
            digests.add(session.root.group(RUN).group("seal").attributes()["core_sha256"])

    assert len(digests) == 1


def test_stock_h5py_may_add_what_it_likes_and_we_still_read_ours(path: Path) -> None:
    with project_file(path).write(CREATED) as session:
        session.write_run("runs/2026-11-22", "run", everything(), OWNER)
    with h5py.File(path, "r+") as file:
        file["mine"] = np.arange(3)

    with project_file(path).read() as session:
        assert session.root.group(RUN).read_bytes("noise", OWNER) == noise(5000).tobytes()
    with project_file(path).write(CREATED) as session:
        session.write_run("runs/2026-11-22", "run2", everything(), OWNER)
    assert path.read_bytes()[8] == 3


def test_an_integer_too_large_leaves_the_project_as_it_was(path: Path) -> None:
    with project_file(path).write(CREATED) as session:
        session.write_run("runs/2026-11-22", "run", everything(), OWNER)
    before = path.read_bytes()

    with (
        pytest.raises(InvalidInputError, match="needs more than the 64 bits"),
        project_file(path).write(CREATED) as session,
    ):
        session.replace_group(RUN, "labels", GroupDraft({"x": 2**64}), OWNER)

    assert path.read_bytes() == before
