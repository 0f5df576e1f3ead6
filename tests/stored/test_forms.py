"""What a file says of a composed array is checked before anything is computed from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import aerchive
from aerchive.errors import FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.storage.chunks.grid import select
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.stored.composing import plan_form
from aerchive.stored.forms import form_of
from tests.jobs import make_result

TENSORS = DatasetShape(np.dtype("<c16"), (2 * 2 + 2 * 2 * 2 + 2 * 2,), None)
RESIDUAL = DatasetShape(np.dtype("<u2"), (2, 65_536), (2, 65_536))


def bonds(text: str) -> dict[str, Any]:
    return {"layout": "matrix_product", "bonds": text}


def members(text: str) -> dict[str, Any]:
    return {"layout": "low_rank", "members": text, "precision": "double"}


def test_what_fits_is_taken() -> None:
    product = form_of(bonds("1 2 2 1"), TENSORS, None)
    predicted = form_of(members("left_real right_real"), RESIDUAL, None)
    assert product is not None
    assert predicted is not None
    assert (product.shape, product.chunk, product.datasets("psi")) == ((8,), (8,), ("psi",))
    assert (predicted.shape, predicted.chunk) == ((65_536,), (65_536,))
    assert predicted.datasets("psi") == ("psi", "psi.left_real", "psi.right_real")
    assert form_of({"layout": "plain"}, TENSORS, None) is None


@pytest.mark.parametrize(
    ("attributes", "what", "row", "message"),
    [
        (bonds(""), TENSORS, None, "are not the bond dimensions"),
        (bonds("1 2 two 1"), TENSORS, None, "invalid literal"),
        (bonds("2 2 2 1"), TENSORS, None, "are not the bond dimensions"),
        (bonds("1 0 2 1"), TENSORS, None, "are not the bond dimensions"),
        (bonds("1 " * 38), TENSORS, None, "are not the bond dimensions"),
        (bonds("1 2 2 1"), TENSORS, 1, "row 1 of 1"),
        (bonds("1 2 2 1;1 2 2 1"), TENSORS, None, "row None of 2"),
        (bonds("1 2 1;1 2 2 1"), TENSORS, 0, "elements of tensors are expected"),
        (bonds("1 99999999 2 1"), TENSORS, None, "elements of tensors are expected"),
        (bonds("1 2 2 1"), DatasetShape(np.dtype("<i8"), TENSORS.shape, None), None, "tensors of dtype int64"),
        (members(""), RESIDUAL, None, "are not the names of arrays"),
        (members("../x"), RESIDUAL, None, "are not the names of arrays"),
        (members("left left"), RESIDUAL, None, "are not the names of arrays"),
        (members("left"), RESIDUAL, 0, "a residual of shape"),
        (members("left"), DatasetShape(np.dtype("<f8"), (2, 64), None), None, "a residual of shape"),
        (members("left"), DatasetShape(np.dtype("<u8"), (3, 64), None), None, "a residual of shape"),
        (members("left"), DatasetShape(np.dtype("<u8"), (2, 63), None), None, "a state of 63 amplitudes"),
    ],
)
def test_what_does_not_fit_is_refused(
    attributes: dict[str, Any], what: DatasetShape, row: int | None, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        form_of(attributes, what, row)


def product_state(qubits: int) -> Statevector:
    random = np.random.default_rng(4)
    state = np.ones(1, complex)
    for _ in range(qubits):
        one = random.normal(size=2) + 1j * random.normal(size=2)
        state = np.kron(state, one / np.linalg.norm(one))
    return Statevector(state)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("forms") / "forms.h5"
    project = aerchive.open(path)
    project.save(make_result("product", psi=product_state(17)), max_infidelity=1e-9)
    project.save(make_result("predicted", psi=product_state(16)), compression="structure")
    project.close()
    return path.read_bytes()


def changed(path: Path, made: bytes, job_id: str, change: Callable[[h5py.Group], None]) -> aerchive.Run:
    path.write_bytes(made)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        rows = {row["job_id"].decode(): row["path"].decode() for row in file["catalogue"]}
        change(file["runs"][rows[job_id]])
    return aerchive.open(path, mode="r")[job_id]


def set_attribute(name: str, value: object) -> Callable[[h5py.Group], None]:
    def change(run: h5py.Group) -> None:
        del run["statevector"].attrs[name]
        run["statevector"].attrs[name] = np.bytes_(value) if isinstance(value, str) else value

    return change


@pytest.mark.parametrize(
    ("job_id", "name", "value"),
    [
        ("product", "bonds", "1 2 1"),
        ("product", "infidelity", 7.0),
        ("predicted", "members", "left_real"),
        ("predicted", "layout", "value_table"),
        ("predicted", "precision", "triple"),
    ],
)
def test_a_changed_attribute_is_an_error_that_names_the_array(
    path: Path, made: bytes, job_id: str, name: str, value: object
) -> None:
    run = changed(path, made, job_id, set_attribute(name, value))
    with pytest.raises((FormatError, IntegrityError), match="statevector"):
        print(np.asarray(run.state()), run.state().infidelity)


def test_a_missing_member_is_named(path: Path, made: bytes) -> None:
    def change(run: h5py.Group) -> None:
        del run["statevector.right_real"]

    run = changed(path, made, "predicted", change)
    with pytest.raises((FormatError, IntegrityError, NotFoundError), match="right_real"):
        np.asarray(run.state())


def test_a_state_beyond_the_limit_is_made_in_slices_only(
    path: Path, made: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(made)
    monkeypatch.setenv("AERCHIVE_LIMITS__READ_BYTES", "1048576")
    state = aerchive.open(path)["product"].state()
    assert state[:8].shape == (8,)
    with pytest.raises(UnsafeContentError, match=r"2097152 bytes would be made at once .*read slices.*'read_bytes'"):
        np.asarray(state)


class InMemory:
    """Datasets in memory, from which arrays are composed."""

    def __init__(self, datasets: dict[str, np.ndarray[Any, Any]]) -> None:
        self.datasets = datasets

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        values = self.datasets[name]
        selection = select(key, values.shape)
        return ReadPlan(name, owner, name, values.dtype, values.dtype, values.shape, selection, values=values)


def composed(attributes: dict[str, Any], datasets: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any] | None:
    stored = datasets["psi"]
    form = form_of(attributes, DatasetShape(stored.dtype, stored.shape, None), None)
    assert form is not None
    return plan_form(form, InMemory(datasets), "psi", "")(-1).read(slice(0, form.size))


def test_values_that_would_differ_from_machine_to_machine_or_take_forever_are_refused() -> None:
    tensors = np.ones(16)
    assert composed(bonds("1 2 2 1"), {"psi": tensors}) is not None
    tensors[3] = np.nan
    with pytest.raises(FormatError, match="psi: the tensors of a state are not finite"):
        composed(bonds("1 2 2 1"), {"psi": tensors})
    residual: np.ndarray[Any, Any] = np.zeros((1, 64), np.uint8)
    for left, message in (np.full((1, 8), np.inf), "not finite"), (np.ones((9, 8)), "9 factors are more than a matrix"):
        parts = {"psi": residual, "psi.left_real": left, "psi.right_real": np.ones((len(left), 8))}
        with pytest.raises(FormatError, match=f"psi: its amplitudes cannot be restored: .*{message}"):
            composed(members("left_real right_real"), parts)
    table: dict[str, np.ndarray[Any, Any]] = {
        "psi": residual,
        "psi.table": np.ones((1, 2)),
        "psi.index": np.zeros(65, np.uint8),
    }
    with pytest.raises(FormatError, match=r"psi.index: has the shape \(65,\) instead of \(64,\)"):
        composed({**members("table index"), "layout": "value_table"}, table)
