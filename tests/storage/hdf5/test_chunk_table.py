"""Damage is found before a value is handed out, and named: file, node and chunk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.errors import AerchiveError, FormatError, IntegrityError, UnsafeContentError
from aerchive.storage.chunks.drafts import GroupDraft
from tests.samples import FOLDER, OWNER, RUN, dataset, noise, project_file, read_values, write_run
from tests.shares import share


class Place:
    """The stored bytes of a chunk."""

    def __init__(self, path: Path, node: str, number: int = 0) -> None:
        with h5py.File(path, "r") as file:
            info = file[node].id.get_chunk_info(number)
        self.path, self.offset, self.size, self.mask = path, info.byte_offset, info.size, info.filter_mask

    def read(self) -> bytes:
        return self.path.read_bytes()[self.offset : self.offset + self.size]

    def write(self, data: bytes, at: int = 0) -> None:
        with self.path.open("r+b") as file:
            file.seek(self.offset + at)
            file.write(data)


@pytest.mark.parametrize("value", [np.arange(200.0), noise(1100)], ids=["deflated", "raw"])
def test_any_flipped_byte_of_a_chunk_is_found(path: Path, value: np.ndarray) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([value])}))
    place = Place(path, f"{RUN}/x")
    sound = place.read()
    message = (
        rf"^{re.escape(str(path))}: /{RUN}/x: chunk 0 is damaged \(checksum [0-9a-f]{{8}} instead of [0-9a-f]{{8}}\); "
        r"other runs are not affected, restore this one from a copy$"
    )

    with project_file(path).read() as session:
        plan = session.root.group(RUN).plan("x", OWNER)
        for at, byte in enumerate(sound):
            for flipped in (byte ^ 0xFF, byte ^ 1 << at % 8):
                place.write(bytes([flipped]), at)
                with pytest.raises(IntegrityError, match=message):
                    plan.read(session.fd)
            place.write(bytes([byte]), at)
        assert plan.read(session.fd).tobytes() == value.tobytes()


def test_damage_in_one_chunk_leaves_the_others(path: Path) -> None:
    value = noise(3 * 2**20)
    write_run(path, GroupDraft(datasets={"x": dataset([value])}))
    Place(path, f"{RUN}/x", 1).write(b"damage", 1000)

    for key in (0, 2**20 - 1, 2**21, slice(2**21, None), slice(0, 2**20)):
        assert np.array_equal(read_values(path, "x", key), value[key])
    for key in (2**20, slice(2**20 - 1, 2**20 + 1), slice(None, None, -(2**20)), ...):
        with pytest.raises(IntegrityError, match=rf"/{RUN}/x: chunk 1 is damaged \("):
            read_values(path, "x", key)


def test_a_valid_chunk_in_another_place_is_refused(path: Path) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([noise(2 * 2**20)])}))
    first, second = Place(path, f"{RUN}/x", 0), Place(path, f"{RUN}/x", 1)
    assert first.size == second.size == 2**20

    second.write(first.read())

    assert len(read_values(path, "x", slice(0, 2**20))) == 2**20
    with pytest.raises(IntegrityError, match=rf"/{RUN}/x: chunk 1 is damaged \("):
        read_values(path, "x", slice(2**20, None))


def test_chunks_swapped_with_their_checksums_are_refused(path: Path) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([noise(2 * 2**20)])}))
    places = [Place(path, f"{RUN}/x", i) for i in (0, 1)]
    contents = [place.read() for place in places]
    for place, content in zip(places, reversed(contents), strict=True):
        place.write(content)
    with h5py.File(path, "r+") as file:
        file[f"{RUN}/x.checksums"][:] = file[f"{RUN}/x.checksums"][:][::-1]

    for number in (0, 1):
        with pytest.raises(IntegrityError, match=rf"/{RUN}/x: chunk {number} is damaged \("):
            read_values(path, "x", number * 2**20)


def test_the_same_values_of_another_run_are_refused(path: Path) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([noise(2000, 1)])}), "one", "uuid-1")
    write_run(path, GroupDraft(datasets={"x": dataset([noise(2000, 2)])}), "two", "uuid-2")
    with h5py.File(path, "r+") as file:
        one, two = file[f"{FOLDER}/one/x"], file[f"{FOLDER}/two/x"]
        for name in ("crc32", "blake3"):
            two.attrs.modify(name, one.attrs[name])
    Place(path, f"{FOLDER}/two/x").write(Place(path, f"{FOLDER}/one/x").read())

    with pytest.raises(IntegrityError, match="chunk 0 is damaged"):
        read_values(path, "x", run=f"{FOLDER}/two", owner="uuid-2")


def test_a_chunk_that_disappeared_is_found(path: Path) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([np.arange(500)])}))
    with h5py.File(path, "r+") as file:
        run = file[RUN]
        attributes = dict(run["x"].attrs)
        del run["x"]
        made = run.create_dataset("x", (500,), "<i8", chunks=(500,), shuffle=True, compression=1)
        for name, value in attributes.items():
            made.attrs[name] = value

    with pytest.raises(IntegrityError, match="chunk 0 is damaged"):
        read_values(path, "x")


def test_a_damaged_row_of_the_table_of_checksums_refuses_its_chunk(path: Path) -> None:
    value = noise(2 * 2**20)
    write_run(path, GroupDraft(datasets={"x": dataset([value])}))
    with h5py.File(path, "r+") as file:
        table = file[f"{RUN}/x.checksums"]
        row = table[1]
        row["crc32"] ^= 1
        table[1] = row

    assert np.array_equal(read_values(path, "x", slice(0, 100)), value[:100])
    with pytest.raises(IntegrityError, match="chunk 1 is damaged"):
        read_values(path, "x", 2**20)


@pytest.mark.parametrize("many", [False, True])
def test_missing_checksums_are_found(path: Path, many: bool) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([noise(2 * 2**20 if many else 2000)])}))
    with h5py.File(path, "r+") as file:
        if many:
            del file[f"{RUN}/x.checksums"]
        else:
            del file[f"{RUN}/x"].attrs["crc32"]

    with pytest.raises(IntegrityError) as caught:
        read_values(path, "x", 0)
    reason = "the table of its checksums is missing" if many else "has no checksum"
    assert str(caught.value) == f"{path}: /{RUN}/x: {reason}"


def foreign(file: h5py.File, what: str) -> None:
    run = file[RUN]
    if what == "variable-length text":
        run.create_dataset("y", data=["a"], dtype=h5py.string_dtype())
    elif what == "enumeration":
        run["y"] = np.array([True])
    elif what == "reference":
        run.create_dataset("y", data=[run.ref], dtype=h5py.ref_dtype)
    elif what == "opaque":
        run["y"] = np.zeros(2, "V5")
    elif what == "variable length":
        run.create_dataset("y", (1,), h5py.vlen_dtype(np.int32))
    elif what == "array type":
        run.create_dataset("y", (1,), np.dtype(("i4", (3,))))
    elif what == "external storage":
        run.create_dataset("y", (1,), "i4", external=[("/etc/hostname", 0, 4)])
    elif what == "virtual":
        layout = h5py.VirtualLayout((4,), "i4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
        run.create_virtual_dataset("y", layout)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("variable-length text", "variable-length text has no place in an aerchive project"),
        ("enumeration", "HDF5 type class 8 has no place in an aerchive project"),
        ("reference", "HDF5 type class 7 has no place in an aerchive project"),
        ("opaque", "HDF5 type class 5 has no place in an aerchive project"),
        ("variable length", "HDF5 type class 9 has no place in an aerchive project"),
        ("array type", "HDF5 type class 10 has no place in an aerchive project"),
        ("external storage", "virtual or external storage has no place in an aerchive project"),
        ("virtual", "virtual or external storage has no place in an aerchive project"),
    ],
)
def test_what_the_format_does_not_have_is_refused(path: Path, what: str, reason: str) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with h5py.File(path, "r+") as file:
        foreign(file, what)

    expected = UnsafeContentError if what in ("external storage", "virtual") else FormatError
    with pytest.raises(expected) as caught:
        read_values(path, "y")
    assert str(caught.value) == f"{path}: /{RUN}/y: {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.array([1, 2]), "only single values and some texts have a place as attributes of a project"),
        (np.array([b"x"] * 9), "only single values and some texts have a place as attributes of a project"),
        (np.array([[b"x"]]), "only single values and some texts have a place as attributes of a project"),
        (h5py.Empty("f8"), "only single values and some texts have a place as attributes of a project"),
        (1 + 2j, "attributes are text, integers and floats, not complex128"),
        ("variable", "variable-length text has no place in an aerchive project"),
        (True, "HDF5 type class 8 has no place in an aerchive project"),
        (np.bytes_(b"\xff"), "stored text is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: "),
        (np.bytes_(b'json:"'), "stored text is not the JSON that it claims to be: Unterminated string"),
    ],
    ids=repr,
)
def test_an_attribute_the_format_does_not_have_is_refused(path: Path, value: Any, reason: str) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with h5py.File(path, "r+") as file:
        file[RUN].attrs["mine"] = value

    with project_file(path).read() as session, pytest.raises(FormatError) as caught:
        session.root.group(RUN).attributes(OWNER)
    assert str(caught.value).startswith(f"{path}: /{RUN}@mine: {reason}")


@pytest.mark.parametrize("kind", ["external", "dangling"])
def test_a_link_out_of_the_file_leads_nowhere(path: Path, kind: str) -> None:
    write_run(path, GroupDraft({"a": 1}, {"x": dataset([np.arange(500)])}))
    with h5py.File(path.parent / "other.h5", "w") as other:
        other.create_group("secret").attrs["a"] = 5
    link = {
        "external": h5py.ExternalLink(path.parent / "other.h5", "/secret"),
        "dangling": h5py.SoftLink("/nowhere"),
    }[kind]
    with h5py.File(path, "r+") as file:
        file["link"] = link

    with project_file(path).read() as session, pytest.raises(AerchiveError, match=f"^{path}: /link: "):
        session.root.group("link")


def test_any_flipped_byte_of_a_project_is_found_or_does_not_matter(path: Path) -> None:
    value = np.arange(300)
    write_run(path, GroupDraft({"name": "vqe", "shots": 1024}, {"x": dataset([value])}))
    sound = path.read_bytes()
    with h5py.File(path) as file:
        chunks = [one.id.get_chunk_info(0) for one in (file["README"], *file["format"].values())]
    pages = {at for chunk in chunks for at in range(chunk.byte_offset, chunk.byte_offset + chunk.size)}
    found = 0

    tried = share(sorted(set(range(0, len(sound), 3)) - pages), 5)  # no reader needs the pages
    for at in tried:
        damaged = bytearray(sound)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        try:
            with project_file(path).read() as session:
                run = session.root.group(RUN)
                attributes, back = run.attributes(OWNER), run.read("x", OWNER)
        except AerchiveError as error:
            told = str(error)
            found += 1
        else:
            told = str(path)
            assert (attributes["name"], attributes["shots"]) == ("vqe", 1024), f"byte {at}"
            assert back.tobytes() == value.tobytes(), f"byte {at}"
        assert str(path) in told, f"byte {at}"
    assert found > len(tried) / 4
