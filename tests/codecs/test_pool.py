from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Statevector, random_statevector
from qiskit_aer.backends import compatibility

import aerchive
from aerchive import layout
from aerchive.errors import UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences

BIG = layout.MAX_PACKED_BYTES // 8

HOSTILE = [
    "",
    "a/b",
    ".",
    "..",
    "/abs",
    "x" * 300,
    "x" * 70_000,
    "ψ→φ 😀",
    "line\nbreak",
    " ",
    "to_dict",
    "from_dict",
    "counts ",
    "COUNTS",
    "counts.checksums",
    "result",
    "config",
    "status",
    "inputs",
    "table",
    "parameter_names",
    "encoding",
    "long.x",
    "statevector",
    "array",
    "keys",
    "snapshots",
    "header",
    "kwargs",
    "back\\slash",
    "\\0",
    "$",
    "CON",
    "-rf",
]
"""Labels that somebody may give; none of them may become a path, an attribute or another one's dataset."""


def check_all(run: Any, data: dict[str, Any]) -> None:
    read = vars(run.result().results[0].data)  # not data(0): Qiskit's own Result has none if a label hides a method
    assert list(read) == ["_data_attributes", *data]
    for label, value in data.items():
        assert differences(value, run.value(label), repr(label)[:40]) == []
        assert differences(value, read[label], repr(label)[:40]) == []


@pytest.mark.parametrize(
    "value",
    [np.arange(3.0), Statevector([1, 0]), 1.5, 3, {"a": [1]}, np.arange(20_000.0)],
    ids=["array", "state", "float", "int", "json", "large array"],
)
def test_hostile_label(path: Path, value: Any) -> None:
    project = aerchive.open(path)
    with project.transaction():
        for number, label in enumerate(HOSTILE):
            project.save(make_result({label: value}, job_id=str(number)))

    for number, label in enumerate(HOSTILE):
        run = project[str(number)]
        assert differences(value, run.value(label), repr(label)[:40]) == []
        read = vars(run.result().results[0].data)  # as in check_all
        assert list(read) == ["_data_attributes", label]
        assert differences(value, read[label], repr(label)[:40]) == []
        assert [(row.label, row.experiment) for row in run.saved] == [(label, 0)]
        if isinstance(value, Statevector | np.ndarray):
            assert run.array(label).shape == np.asarray(value).shape


def test_hostile_labels_together(store: Callable[..., Any]) -> None:
    data = {label: np.full(5, float(number)) for number, label in enumerate(HOSTILE)}
    data |= {f"{label}!": Statevector([number, 1]) for number, label in enumerate(HOSTILE)}
    data = {label: data[label] for label in ["snapshots", "statevector", *(data.keys() - {"snapshots", "statevector"})]}

    check_all(store(data), data)


def test_names_of_datasets_are_safe(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    run = store({f"{label}": np.arange(2.0 + number) for number, label in enumerate(HOSTILE)})

    names = list(datasets(run))

    assert len(names) == len(HOSTILE) + 1
    assert all(name.replace("_", "a").isalnum() and name.isascii() and name == name.lower() for name in names)
    assert all(len(name) <= 40 for name in names)


def test_label_too_long_for_an_attribute_is_left_out(store: Callable[..., Any], path: Any) -> None:
    label = "x" * 40_000
    run = store({label: np.arange(3.0)})

    with h5py.File(path, "r") as file:
        (node,) = (node for name, node in file[run.path].items() if name.startswith("xxx"))
        assert "label" not in node.attrs
        assert len(node.attrs["dtype"]) == 3
    assert run.value(label).tolist() == [0, 1, 2]


def test_equal_shapes_are_stacked(store: Callable[..., Any], datasets: Callable[..., Any], path: Any) -> None:
    states = [compatibility.Statevector(random_statevector(4, seed=seed)) for seed in range(5)]
    data = {f"step{number}": state for number, state in enumerate(states)}

    run = store(data)

    shape, attributes = datasets(run)["statevector"]
    assert shape == (5, 4)
    assert (attributes["layout"], attributes["number"], attributes["order"]) == ("stacked", 5, "C")
    assert "label" not in attributes
    assert attributes["experiment"] == 0
    with h5py.File(path, "r") as file:
        stored = file[run.path]["statevector"][...]
    assert np.array_equal(stored, np.stack([state.data for state in states]))
    check_all(run, data)


def test_states_of_many_experiments_are_stacked(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    run = store(*({"statevector": Statevector(random_statevector(8, seed=seed))} for seed in range(20)))

    shape, attributes = datasets(run)["statevector"]

    assert shape == (20, 8)
    assert attributes["label"] == "statevector"
    assert "experiment" not in attributes
    for seed in range(20):
        assert differences(Statevector(random_statevector(8, seed=seed)), run.value("statevector", seed)) == []


def test_stacked_matrices_are_stored_transposed(store: Callable[..., Any], path: Any) -> None:
    matrices = [np.asfortranarray(np.random.default_rng(seed).normal(size=(4, 4)) + 0j) for seed in range(3)]
    data = {str(seed): DensityMatrix(matrix) for seed, matrix in enumerate(matrices)}

    run = store(data)

    with h5py.File(path, "r") as file:
        assert np.array_equal(file[run.path]["density_matrix"][...], np.stack([matrix.T for matrix in matrices]))
    check_all(run, data)


def test_large_stack_of_many_chunks(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    data = {str(seed): np.random.default_rng(seed).normal(size=150_000) for seed in range(4)}
    data["list"] = [np.zeros(150_000), np.arange(150_000.0)]
    run = store({"list": [data[str(seed)] for seed in range(4)] + data["list"]})

    assert datasets(run)["list"][0] == (6, 150_000)
    for number, value in enumerate(run.value("list")):
        assert differences((data["0"], data["1"], data["2"], data["3"], *data["list"])[number], value) == []


def test_small_arrays_of_odd_shapes_are_packed(
    store: Callable[..., Any], datasets: Callable[..., Any], path: Any
) -> None:
    values = [np.arange(6.0).reshape(2, 3), np.arange(4.0) + 10, np.asfortranarray(np.arange(6.0).reshape(3, 2) + 20)]

    run = store({"tensors": values})

    shape, attributes = datasets(run)["tensors"]
    assert shape == (16,)
    assert (attributes["layout"], attributes["number"]) == ("packed", 3)
    with h5py.File(path, "r") as file:
        stored = file[run.path]["tensors"][...]
    assert np.array_equal(stored, np.concatenate([value.ravel(order="K") for value in values]))
    check_all(run, {"tensors": values})


def test_large_arrays_are_never_packed(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    small, large, limit = np.arange(5.0), np.arange(BIG + 1.0), np.arange(float(BIG))
    values = [small, large, limit, large + 1, np.arange(7.0), small + 1]

    run = store({"x": values})

    found = {
        name: (shape, attributes["layout"]) for name, (shape, attributes) in datasets(run).items() if name != "result"
    }
    assert sorted(found.values()) == sorted([((17,), "packed"), ((2, BIG + 1), "stacked"), ((BIG,), "plain")])
    check_all(run, {"x": values})


def test_kinds_and_dtypes_do_not_mix(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    data = {
        "x": [np.arange(3), np.arange(3.0), np.arange(3, dtype="f4"), np.arange(3) > 1],
        "s": [Statevector([1, 0]), DensityMatrix(np.eye(2)), np.array([1j, 2])],
    }

    run = store(data)

    found = {
        name: (attributes["kind"], attributes["dtype"])
        for name, (_, attributes) in datasets(run).items()
        if name != "result"
    }
    assert len(found) == 7
    assert len(set(found.values())) == 7
    assert {name for name in found if name.startswith("x")} == {"x", "x_2", "x_3", "x_4"}
    check_all(run, data)


def test_matrix_product_state(store: Callable[..., Any]) -> None:
    random = np.random.default_rng(4)

    def tensor(*shape: int) -> np.ndarray:
        return random.normal(size=shape) + 1j * random.normal(size=shape)

    shapes = [(1, 2), (2, 4), (4, 4), (4, 2), (2, 1)]
    gammas = [(tensor(*shape), tensor(*shape)) for shape in shapes]
    lambdas = [random.normal(size=left) for _, left in shapes[:-1]]
    data = {"matrix_product_state": (gammas, lambdas), "second": (gammas[:1], [])}

    check_all(store(data), data)


def test_value_refused_halfway_leaves_nothing_behind(path: Any, datasets: Callable[..., Any]) -> None:
    with pytest.raises(UnsupportedTypeError, match="object"):
        aerchive.open(path).save(make_result({"half": [np.arange(5.0), object()], "kept": np.arange(4.0)}))

    assert datasets(aerchive.open(path).latest()).keys() == {"result", "kept"}
