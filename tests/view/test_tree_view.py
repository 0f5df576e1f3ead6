"""The raw tree, compared with what h5py reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError, UnsafeContentError
from aerchive.view.keys import key_of
from tests.hostile_files import harm
from tests.jobs import make_result
from tests.view.conftest import Reader


def walk(reader: Reader, address: str = "tree/node.json") -> Iterator[dict[str, Any]]:
    node = reader.json(address)
    yield node
    for child in node.get("children", ()):
        if child["name"] != "objects":  # runs link to them
            yield from walk(reader, child["address"])


def as_lists(value: Any) -> Any:
    """Values as the interface answers them if they are not numbers alone."""
    if isinstance(value, np.void):
        return [as_lists(one) for one in value]
    if isinstance(value, np.ndarray):
        return [as_lists(one) for one in value] if value.ndim else as_lists(value[()])
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.complexfloating):
        return [as_lists(value.real), as_lists(value.imag)]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else {1.0: "Infinity", -1.0: "-Infinity"}[float(np.sign(value))]
    if isinstance(value, np.integer) and abs(int(value)) > 2**53:
        return str(value)
    return value


def test_every_node_and_every_value_is_what_h5py_reads(reader: Reader, small_path: Path) -> None:
    kinds = set()
    with h5py.File(small_path, "r") as file:
        for node in walk(reader):
            stock = file[node["path"]]
            assert {one["name"] for one in node["attributes"]} == set(stock.attrs)
            kinds.add(node["kind"])
            if node["kind"] == "group":
                assert [one["name"] for one in node["children"]] == sorted(stock)
                continue
            assert tuple(node["shape"]) == stock.shape
            assert node["chunks"] == (None if stock.chunks is None else list(stock.chunks))
            assert ("shuffle" in node["filters"]) == stock.shuffle
            values = np.asarray(stock[()])
            if node["values"].endswith(".bin"):
                named = stock.attrs.get("dtype")
                wanted = values if named is None else values.astype(named)
                assert node["dtype"] == wanted.dtype.name
                assert reader.bytes(node["values"]) == wanted.tobytes()
            else:
                assert reader.json(node["values"]) == as_lists(values), node["path"]
            kinds.add(node["values"].rpartition(".")[2])
    assert kinds == {"group", "dataset", "bin", "json"}


def test_attributes_have_their_values(reader: Reader) -> None:
    root = {one["name"]: one for one in reader.json("tree/node.json")["attributes"]}
    assert (root["format"]["dtype"], root["format"]["value"]) == ("text", "aerchive project")
    assert root["format_version"]["value"] == 1


@pytest.fixture
def strange(tmp_path: Path) -> Reader:
    """A project to which a stranger has added nodes."""
    project = aerchive.open(tmp_path / "project.h5")
    project.save(make_result("job"))
    with h5py.File(project.path, "r+") as file:
        file["soft"] = h5py.SoftLink("/etc/passwd")
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        file["itself"] = file["/runs"]
        file["runs"]["again"] = file["/runs"]
        file.create_dataset("large", (2**20,), "f8", chunks=(2**20,), shuffle=True, compression=1)
        file["a/b"] = 1.0
        file["<script>"] = np.arange(3.0)
        file["two\nlines"] = np.arange(4.0)
        file.create_dataset("vlen", data=["text"], dtype=h5py.string_dtype())
        file["many"] = np.zeros(4)
        file["many"].attrs["list"] = [1, 2]
        file["many"].attrs["good"] = 7
    return Reader(aerchive.open(project.path, "r"))


def test_links_are_named_and_never_followed(strange: Reader) -> None:
    children = {one["name"]: one for one in strange.json("tree/node.json")["children"]}
    for name in ("soft", "outside"):
        assert (children[name]["kind"], children[name]["address"]) == ("unreadable", None)
        assert "links have no place" in children[name]["why"]
        with pytest.raises(UnsafeContentError):
            strange.interface.answer(f"tree/{name}/node.json")


def test_a_group_that_contains_itself_ends(strange: Reader) -> None:
    keys = "/".join(["again"] * 30)
    with pytest.raises(UnsafeContentError, match="deeper"):
        strange.interface.answer(f"tree/itself/{keys}/node.json")


def test_nodes_that_aerchive_never_writes_are_shown_or_refused_with_the_reason(strange: Reader) -> None:
    for name, values in (("<script>", np.arange(3.0)), ("two\nlines", np.arange(4.0))):
        node = strange.json(f"tree/{key_of(name)}/node.json")
        assert node["name"] == name
        assert strange.bytes(node["values"]) == values.tobytes()
    large = strange.json("tree/large/node.json")
    assert (large["values"], large["why"][:22]) == (None, "its values take 8.0 Mi")
    with pytest.raises(InvalidInputError, match="HDFView"):
        strange.interface.answer("tree/large/values.bin")
    with pytest.raises(AerchiveError, match="/vlen"):
        strange.interface.answer("tree/vlen/node.json")
    attributes = {one["name"]: one for one in strange.json("tree/many/node.json")["attributes"]}
    assert attributes["good"]["value"] == 7
    assert (attributes["list"]["value"], "single values" in attributes["list"]["why"]) == (None, True)
    with pytest.raises(InvalidInputError, match="ends with bin"):
        strange.interface.answer("tree/many/values.json")
    with pytest.raises(NotFoundError):
        strange.interface.answer("tree/nothing/node.json")


def test_damage_is_answered_by_a_sentence_that_names_the_node(tmp_path: Path, small_path: Path) -> None:
    path = Path(shutil.copy(small_path, tmp_path / "damaged.h5"))
    reader = Reader(aerchive.open(path, "r"))
    shown = reader.run("64 x 64")
    with h5py.File(path, "r") as file:
        chunk = file[reader.project[shown["job_id"]].path]["density_matrix"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset + chunk.size // 2)
        raw.write(bytes(64))
    with pytest.raises(AerchiveError, match="/density_matrix"):
        reader.interface.answer(shown["tree"].replace("node.json", "density_matrix/values.bin"))


def test_a_file_that_harms_hdf5_is_refused_before_hdf5_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "always")
    path = tmp_path / "harmful.h5"
    project = aerchive.open(path)
    with project.transaction():
        for number in range(12):
            project.save(make_result(f"job-{number}"))
    harm(path, "division by zero")
    os.utime(path)
    with pytest.raises(UnsafeContentError):
        Reader(aerchive.open(path, "r")).json("tree/node.json")


def test_a_node_below_a_dataset_is_not_found(reader: Reader) -> None:
    with pytest.raises(NotFoundError, match="/README: is a dataset, which has no members"):
        reader.json(f"tree/{key_of('README')}/{key_of('x')}/node.json")
