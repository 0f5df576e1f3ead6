"""What was written is what is read: each kind of attribute and dataset, every bit."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.errors import AlreadyExistsError, FormatError, IntegrityError, NotFoundError
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft, ObjectDraft
from tests.samples import (
    ATTRIBUTES,
    CREATED,
    DATASETS,
    FOLDER,
    OWNER,
    RUN,
    dataset,
    everything,
    expected,
    noise,
    project_file,
    read_values,
    write_run,
)


def bits(value: Any) -> Any:
    return struct.pack(">d", value) if isinstance(value, float) else value


def test_every_attribute_comes_back(full: Path) -> None:
    with project_file(full).read() as session:
        found = session.root.group(f"{RUN}/attributes").attributes(OWNER)

    assert found.keys() == ATTRIBUTES.keys()
    for name, value in ATTRIBUTES.items():
        assert type(found[name]) is type(value), name
        assert bits(found[name]) == bits(value), name


@pytest.mark.parametrize("name", list(DATASETS))
def test_every_dataset_comes_back(full: Path, name: str) -> None:
    wanted = expected(DATASETS[name])
    found = read_values(full, name)

    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", list(DATASETS))
def test_a_part_of_every_dataset_comes_back(full: Path, name: str) -> None:
    wanted = expected(DATASETS[name])
    keys = (
        [(..., slice(None, None, -2)), (slice(0, 1), ...), (slice(1, -1), ...), (slice(3, 1), ...)]
        if wanted.ndim and wanted.size
        else [...]
    )
    for key in keys:
        found = read_values(full, name, key)

        assert np.shape(found) == np.shape(wanted[key]), key
        assert np.asarray(found).tobytes() == np.asarray(wanted[key]).tobytes(), key


def test_bytes_and_documents_come_back(full: Path) -> None:
    with project_file(full).read() as session:
        run = session.root.group(RUN)
        assert run.read_bytes("result", OWNER) == b'{"fields":{}}'
        assert run.read_bytes("long_result", OWNER) == b"[" + b"1," * 20_000 + b"1]"
        assert run.read_bytes("noise", OWNER) == noise(5000).tobytes()


def test_a_shared_object_comes_back_by_each_way(full: Path) -> None:
    target = everything().objects["circuits"]

    with project_file(full).read() as session:
        for way in (f"{RUN}/circuits", target.path):
            group = session.root.group(way)
            assert group.attributes(target.path) == {
                "encoding": "circuits",
                "encoding_version": 1,
                "names": "z" * 33_000,
                "object": target.path,
            }
            assert group.read_bytes("qpy", target.path) == noise(3000).tobytes()
            assert group.read_bytes("aer", target.path) == b'{"a":1}'


def test_equal_objects_are_stored_once(path: Path) -> None:
    def linked() -> GroupDraft:
        return GroupDraft(objects={"circuits": ObjectDraft("circuits", {"n": 1}, {"qpy": dataset([noise(200_000)])})})

    write_run(path, linked(), "first")
    size = path.stat().st_size
    write_run(path, linked(), "second")

    assert path.stat().st_size - size < 5000
    with h5py.File(path) as file:
        assert file[f"{FOLDER}/first/circuits"] == file[f"{FOLDER}/second/circuits"]
        assert len(file["objects/circuits"]) == 1


def test_groups_are_found_and_named(full: Path) -> None:
    with project_file(full).read() as session:
        run = session.root.group(RUN)
        assert run.where() == f"{full}: /{RUN}"
        assert run.where("x") == f"{full}: /{RUN}/x"
        assert run.group("deep/deeper").path == f"{RUN}/deep/deeper"
        assert [group.path for group in run.group("deep").groups()] == [f"{RUN}/deep/deeper"]
        assert run.group("deep/deeper").names() == ["x"]
        assert "deep" in run
        assert "shallow" not in run
        assert run.dataset_attributes("c8") == {"kind": "sample", "number": 1}


def test_shape_of_a_dataset_costs_none_of_its_values(full: Path) -> None:
    with project_file(full).read() as session:
        run = session.root.group(RUN)
        compact, chunked = run.describe("at_1024"), run.describe("above_1024")

    assert (compact.dtype, compact.shape, compact.chunk) == (np.dtype("f8"), (128,), None)
    assert (chunked.shape, chunked.chunk) == ((129,), (129,))


def test_what_is_not_there(full: Path) -> None:
    with project_file(full).read() as session:
        run = session.root.group(RUN)
        with pytest.raises(NotFoundError) as caught:
            run.read("absent", OWNER)
        assert str(caught.value) == f"{full}: /{RUN}/absent: no such dataset"
        with pytest.raises(NotFoundError) as caught:
            run.group("deep/absent/x")
        assert str(caught.value) == f"{full}: /{RUN}/deep/absent/x: no such group"


def test_a_group_is_no_dataset_and_the_reverse(full: Path) -> None:
    with project_file(full).read() as session:
        run = session.root.group(RUN)
        with pytest.raises(IntegrityError, match=rf"^{full}: /{RUN}/deep: is a group, not a dataset$"):
            run.read("deep", OWNER)
        with pytest.raises(IntegrityError, match=rf"^{full}: /{RUN}/c8: is a dataset, not a group$"):
            run.group("c8")


@given(
    st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\\\ud800"), max_size=50),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
)
@settings(max_examples=40, deadline=None)
def test_any_attribute_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, integer: int, number: float
) -> None:
    path = tmp_path_factory.mktemp("any") / "p.h5"
    write_run(path, GroupDraft({"text": text, "integer": integer, "number": number}))

    with project_file(path).read() as session:
        found = session.root.group(RUN).attributes(OWNER)
    assert (found["text"], found["integer"], bits(found["number"])) == (text, integer, bits(number))


@pytest.mark.parametrize(("dtype", "size"), [(">f8", 5), (">c16", 500)])
def test_the_other_byte_order_is_stored_right_or_refused(path: Path, dtype: str, size: int) -> None:
    value = np.arange(size).astype(dtype)

    try:
        write_run(path, GroupDraft(datasets={"x": DatasetDraft([value])}))
    except FormatError:
        assert not path.exists()
        return
    assert read_values(path, "x").tolist() == value.tolist()


def test_the_other_byte_order_of_a_foreign_program_is_read_right_or_refused(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with h5py.File(path, "r+") as file:
        file[RUN].attrs["big"] = np.array(1, ">i8")
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2,))
        made = h5py.h5d.create(file[RUN].id, b"x", h5py.h5t.IEEE_F64BE, space, dcpl=properties)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1.0, 2.0]))

    with project_file(path).read() as session:
        run = session.root.group(RUN)
        with contextlib.suppress(FormatError):
            assert run.read("x", OWNER).tolist() == [1.0, 2.0]
        with contextlib.suppress(FormatError):
            assert run.attributes(OWNER)["big"] == 1


@pytest.mark.parametrize("dtype", ["U3", "O", "M8[s]", "g", "V3"])
def test_other_dtypes_are_refused(path: Path, dtype: str) -> None:
    with pytest.raises(FormatError) as caught:
        write_run(path, GroupDraft(datasets={"x": DatasetDraft([np.zeros(3, dtype)])}))

    assert str(caught.value) == f"dtype {np.dtype(dtype)} has no place in an aerchive project"
    assert not path.exists()


def test_a_replaced_group_holds_only_what_is_new(path: Path) -> None:
    write_run(path, GroupDraft(groups={"labels": GroupDraft({"name": "old", "notes": "x"}, mutable=True)}))
    for group in (GroupDraft({"name": "new"}, mutable=True), GroupDraft({"name": "z" * 40_000}, mutable=True)):
        with project_file(path).write(CREATED) as session:
            session.replace_group(RUN, "labels", group, OWNER)
        with project_file(path).read() as session:
            found = session.root.group(f"{RUN}/labels").attributes(OWNER)
        assert found.keys() == {"name", "sha256"}
        assert found["name"] == group.attributes["name"]


def test_core_digest_covers_all_but_what_is_mutable(path: Path) -> None:
    def digest(name: str, draft: GroupDraft) -> Any:
        write_run(path, draft, name)
        with project_file(path).read() as session:
            return session.root.group(f"{FOLDER}/{name}").group("seal").attributes()["core_sha256"]

    def run(a: int = 1, x: float = 2, size: int = 400, label: str = "l", inner: str = "i") -> GroupDraft:
        return GroupDraft(
            {"a": a},
            {"x": dataset([np.full(3, x)]), "y": dataset([np.arange(size)])},
            {"config": GroupDraft({"i": inner}), "labels": GroupDraft({"l": label}, mutable=True)},
        )

    base = digest("base", run())

    assert digest("same", run()) == base
    assert digest("label", run(label="other")) == base
    others = [digest("a", run(a=2)), digest("x", run(x=3)), digest("y", run(size=401)), digest("i", run(inner="j"))]
    assert len({base, *others}) == 5


def test_two_runs_of_one_name_are_refused(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}))
    before = path.read_bytes()

    with pytest.raises(AlreadyExistsError, match="exists already"):
        write_run(path, GroupDraft({"a": 2}))
    assert path.read_bytes() == before
