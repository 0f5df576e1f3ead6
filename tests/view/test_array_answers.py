"""Saved arrays as answers, and all answers as a folder of files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.view.walk import all_answers
from tests.jobs import make_result, run_stock
from tests.view.conftest import Reader

BINS = 1024


def tile(reader: Reader, info: dict[str, Any], level: int, row: int = 0, index: int = 0) -> np.ndarray:
    """The four arrays of a tile of a vector."""
    address = info["tiles"].replace("{row}", str(row)).replace("{level}", str(level)).replace("{index}", str(index))
    return np.frombuffer(reader.bytes(address), "<f4").reshape(4, -1)


def test_tiles_of_a_state_have_its_probabilities(reader: Reader) -> None:
    saved = reader.run("state of 4 qubits")["saved"][0]
    info = reader.json(saved["array"])
    values = np.asarray(reader.project[saved["array"].split("/")[1]].array())
    assert (info["label"], info["view"], info["qubits"], info["levels"]) == (saved["label"], "vector", 4, 4)
    for level in range(5):
        sums, *_ = tile(reader, info, level)
        np.testing.assert_allclose(sums, (np.abs(values) ** 2).reshape(2**level, -1).sum(axis=1), atol=1e-7)
    assert info["norm"] == pytest.approx(1)
    for address in ("0/5/0.f32", "0/4/1.f32", "1/0/0.f32", "1/info.json", "0/1/0-0.f32", "0/diagonal/0/0.f32"):
        with pytest.raises(InvalidInputError):
            reader.interface.answer(saved["array"].replace("info.json", address))
    for address in ("0/x/0.f32", "0/1/0.f64", "0/1", "a/info.json", "0/1/.f32", "0/1/0-.f32"):
        with pytest.raises(NotFoundError):
            reader.interface.answer(saved["array"].replace("info.json", address))


def test_matrices_and_diagonals_have_templates_of_their_tiles(reader: Reader) -> None:
    info = reader.json(reader.run("noisy density matrix")["saved"][0]["array"])
    assert (info["view"], info["trace"][0]) == ("matrix", pytest.approx(1))
    fill = {"{level}": "3", "{row_tile}": "0", "{column_tile}": "0", "{index}": "0"}

    def filled(template: str) -> str:
        return re.sub(r"\{\w+\}", lambda match: fill[match[0]], template)

    assert len(reader.bytes(filled(info["tiles"]))) == 2 * 8 * 8 * 4
    sums = np.frombuffer(reader.bytes(filled(info["diagonal"]["tiles"])), "<f4")[:8]
    assert sums.sum() == pytest.approx(1, abs=1e-6)


def test_several_vectors_have_an_answer_each(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    vectors = np.random.default_rng(3).random((3, 8)) / 8
    project.save(make_result("job", several=vectors))
    reader = Reader(aerchive.open(project.path, "r"))
    info = reader.json("runs/job/arrays/0/info.json")
    assert (info["rows"], info["infos"]) == (3, "runs/job/arrays/0/{row}/info.json")
    for row in range(3):
        assert reader.json(info["infos"].replace("{row}", str(row)))["rows"] == 3
        np.testing.assert_allclose(tile(reader, info, 3, row)[0], vectors[row], rtol=1e-6)
    reader.interface.close()


def test_the_stored_profile_is_the_first_picture_of_a_large_state(tmp_path: Path) -> None:
    circuit = QuantumCircuit(19)
    circuit.h(range(18))
    circuit.save_statevector()
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(run_stock(circuit, shots=1))
    reader = Reader(aerchive.open(project.path, "r"))
    found = reader.interface._arrays._found(run.job_id, 0, is_new=True)
    assert found.profile is not None
    np.testing.assert_allclose(found.profile, (np.abs(np.asarray(found.array)) ** 2).reshape(BINS, -1).sum(axis=1))
    assert reader.json(f"runs/{run.job_id}/arrays/0/info.json")["qubits"] == 19
    reader.interface.close()


def test_the_array_of_a_deleted_run_is_not_found_and_that_of_a_new_one_is(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    project.save(make_result("job", vector=np.array([1.0, 0.0])))
    reader = Reader(aerchive.open(project.path, "r"))
    address = "runs/job/arrays/0/info.json"
    assert tile(reader, reader.json(address), 1)[0].tolist() == [1, 0]
    project.delete_job("job")
    with pytest.raises(NotFoundError):
        reader.json(address)
    project.save(make_result("job", vector=np.array([0.0, 1.0])))
    assert tile(reader, reader.json(address), 1)[0].tolist() == [0, 1]
    reader.interface.close()


def test_values_without_a_view_say_why(reader: Reader) -> None:
    sweep = reader.run("Rabi sweep")
    with pytest.raises(InvalidInputError, match="has no view"):
        reader.interface.answer(f"runs/{sweep['key']}/arrays/0/info.json")


def addresses_in(value: Any) -> set[str]:
    """The addresses that an answer names, without templates."""
    if isinstance(value, dict):
        named = {
            one for key, one in value.items() if key in ("address", "array", "tree", "values") and type(one) is str
        }
        return named.union(*map(addresses_in, value.values()))
    return set().union(*map(addresses_in, value)) if isinstance(value, list) else set()


def test_all_answers_make_a_folder_in_which_every_address_is_a_file(small_path: Path, tmp_path: Path) -> None:
    reader = Reader(aerchive.open(small_path, "r"), is_live=False, most_level=3)
    named = set()
    for address, answer in all_answers(reader.interface):
        file = tmp_path / address
        file.parent.mkdir(parents=True, exist_ok=True)
        assert not file.exists(), f"{address} is answered twice"
        assert file.resolve().is_relative_to(tmp_path)
        file.write_bytes(answer.body)
        if address.endswith(".json"):
            document = json.loads(answer.body)
            assert "error" not in document, address
            if not address.endswith("values.json"):
                named |= addresses_in(document)
        if address.endswith("/info.json"):
            assert document["progress"] == 1
            assert document["levels"] <= 3
    reader.interface.close()
    missing = [address for address in named if "{" not in address and not (tmp_path / address).is_file()]
    assert not missing
    assert len(named) > 500
    assert json.loads((tmp_path / "project.json").read_bytes())["live"] is False
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert kinds == {".json", ".f64", ".f32", ".bin"}
