"""The views of stored arrays that the state explorer asks for, of real projects with small chunks."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.quantum_info import Operator, Statevector, SuperOp, random_density_matrix, random_statevector

import aerchive
from aerchive.errors import IntegrityError, InvalidInputError
from aerchive.settings import default_views
from aerchive.states import pyramid
from aerchive.states.matrix_pyramid import MatrixPyramid
from aerchive.states.pyramid import VectorPyramid
from aerchive.stored.array import StoredArray
from aerchive.view import array_view, arrays, pyramid_files, vector_view
from aerchive.view.arrays import ArrayViews
from tests.jobs import make_result
from tests.small_chunks import small_chunks

PSI = random_statevector(2**12, seed=1)
OTHER = random_statevector(2**12, seed=2)
RHO = random_density_matrix(2**4, seed=3)
RHO_F = np.asfortranarray(random_density_matrix(2**5, seed=4).data)
PROBABILITIES = np.abs(PSI.data[: 2**9]) ** 2
SNAPSHOTS = [random_statevector(2**8, seed=seed) for seed in range(3)]
ROWS = np.random.default_rng(5).normal(size=(3, 16)) + 0j
MATRICES = np.random.default_rng(6).normal(size=(2, 8, 8)) + 1j
ODD: dict[str, Any] = {
    "twelve": np.ones(12, complex),
    "integers": np.arange(16),
    "oblong": np.ones((4, 8, 2, 2), complex),
    "truth": np.ones(16, bool),
    "negative": np.array([0.5, -0.5, 0.25, 0.25]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """States and arrays in chunks of 64 amplitudes."""
    project = aerchive.open(tmp_path_factory.mktemp("views") / "views.h5")
    values = {
        "psi": PSI,
        "other": OTHER,
        "rho": RHO,
        "rho F": type(RHO)(RHO_F),
        "U": Operator(np.eye(8)[::-1]),
        "S": SuperOp(np.diag(np.exp(1j * np.arange(16)))),
        "trits": Statevector(np.full(4, 0.5), dims=(4,)),
        "probabilities": PROBABILITIES,
        "rows": ROWS,
        "rows F": np.asfortranarray(ROWS),
        "matrices": MATRICES,
        "matrices F": np.asfortranarray(MATRICES),
        **{f"t{number}": one for number, one in enumerate(SNAPSHOTS)},
        **ODD,
    }
    with small_chunks(1024):
        return project.save(make_result("views", **values))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array gets a pass in the background, in pieces of one chunk, and tiles are not read for themselves."""
    monkeypatch.setattr(array_view, "AT_ONCE", 0)
    monkeypatch.setattr(vector_view, "MOST_READ", 0)
    for one in (VectorPyramid, MatrixPyramid):
        monkeypatch.setitem(one.__init__.__kwdefaults__, "least_piece", 1)


@pytest.fixture
def views(tmp_path: Path) -> Iterator[ArrayViews]:
    found = ArrayViews(tmp_path / "cache")
    yield found
    found.close()
    assert not threads()


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("aerchive-")]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.002)


def complete(views: ArrayViews, array: Any, row: int = 0) -> dict[str, Any]:
    until(lambda: views.info(array, row)["progress"] == 1)
    info = views.info(array, row)
    json.dumps(info, allow_nan=False)
    return info


def numbers(tile: bytes, arrays: int = 4) -> np.ndarray:
    return np.frombuffer(tile, "<f4").reshape(arrays, -1)


def sums(values: Any, level: int) -> np.ndarray:
    return (np.abs(np.asarray(values)) ** 2).reshape(1 << level, -1).sum(axis=1)


class Gate:
    """Lets only some pieces be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.allowed = threading.Semaphore(0)
        self.is_open = False
        self.begun = threading.Event()
        self.seen: list[int] = []
        fold = VectorPyramid.fold

        def slow(pyramid: VectorPyramid, source: Any, piece: slice) -> Any:
            self.begun.set()
            while not self.is_open and not self.allowed.acquire(timeout=0.01):
                pass
            self.seen.append(id(pyramid))
            return fold(pyramid, source, piece)

        monkeypatch.setattr(VectorPyramid, "fold", slow)
        monkeypatch.setattr(array_view, "_THREADS", 1)  # a second one would hold back what the first has read

    def open(self) -> None:
        self.is_open = True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    found = Gate(monkeypatch)
    yield found
    found.open()


# -- what is answered


def test_a_state(run: aerchive.Run, views: ArrayViews) -> None:
    state = run.state("psi")
    info = complete(views, state)

    weights = np.abs(PSI.data) ** 2
    assert {name: info[name] for name in ("label", "kind", "shape", "dtype", "view", "qubits", "rows", "note")} == {
        "label": "psi", "kind": "statevector", "shape": [4096], "dtype": "complex128", "view": "vector", "qubits": 12,
        "rows": 1, "note": None,
    }  # fmt: skip
    assert (info["levels"], info["tile"], info["trace"], info["purity"]) == (12, 1024, None, None)
    assert info["norm"] == pytest.approx(1)
    assert info["top"][0] == [int(weights.argmax()), *PSI.data[[weights.argmax()]].view(float)]
    assert info["marginals"] == pytest.approx([PSI.probabilities([qubit])[1] for qubit in range(12)])
    for level, index in ((0, 0), (5, 0), (11, 1), (12, 3)):
        found = numbers(views.tile(state, 0, level, (index,)))
        wanted = sums(PSI.data, level)[1024 * index : 1024 * (index + 1)]
        np.testing.assert_allclose(found[0], wanted, rtol=1e-6)


@pytest.mark.parametrize("label", ["rho", "rho F"])
def test_a_density_matrix_in_both_orders(run: aerchive.Run, views: ArrayViews, label: str) -> None:
    rho = run.state(label)
    values = {"rho": RHO.data, "rho F": RHO_F}[label]
    info = complete(views, rho)

    assert (info["view"], info["kind"], info["tile"], info["norm"]) == ("matrix", "density_matrix", 32, None)
    assert info["trace"] == pytest.approx([1, 0])
    assert info["purity"] == pytest.approx(rho.purity())
    level = info["levels"]
    assert 1 << level == len(values)
    greatest, phases = numbers(views.tile(rho, 0, level, (0, 0)), 2).reshape(2, *values.shape)
    np.testing.assert_allclose(greatest * np.exp(1j * phases), values, atol=1e-6)
    assert info["diagonal"] == {"levels": level, "tile": 1024}
    diagonal = numbers(views.diagonal_tile(rho, 0, 2, 0))
    blocks = np.diagonal(values).real.reshape(4, -1)
    np.testing.assert_allclose(diagonal[:2], [blocks.sum(axis=1), blocks.max(axis=1)], rtol=1e-6)
    assert diagonal[2:].tolist() == [[0] * 4, blocks.argmax(axis=1).tolist()]


def test_operators(run: aerchive.Run, views: ArrayViews) -> None:
    unitary, channel = complete(views, run.state("U")), complete(views, run.state("S"))

    assert (unitary["qubits"], unitary["levels"], unitary["trace"], unitary["purity"]) == (3, 3, [0, 0], None)
    assert (channel["qubits"], channel["levels"]) == (2, 4), "16 rows of a superoperator are two qubits"
    assert "diagonal" not in unitary
    phases = numbers(views.tile(run.state("S"), 0, 4, (0, 0)), 2)[1].reshape(16, 16)
    np.testing.assert_allclose(np.exp(1j * np.diagonal(phases)), np.exp(1j * np.arange(16)), atol=1e-6)
    with pytest.raises(InvalidInputError, match="no probabilities on its diagonal"):
        views.diagonal_tile(run.state("U"), 0, 0, 0)
    with pytest.raises(InvalidInputError, match="no diagonal"):
        views.diagonal_tile(run.state("psi"), 0, 0, 0)


def test_probabilities_are_their_own_sums(run: aerchive.Run, views: ArrayViews) -> None:
    info = complete(views, run.array("probabilities"))

    assert (info["kind"], info["qubits"], info["label"]) == ("probabilities", 9, None)
    assert info["norm"] == pytest.approx(np.sqrt(PROBABILITIES.sum()))
    found = numbers(views.tile(run.array("probabilities"), 0, 9, (0,)))
    np.testing.assert_allclose(found[:2], [PROBABILITIES] * 2, rtol=1e-6)
    assert not found[2].any()


def test_several_vectors_and_matrices(run: aerchive.Run, views: ArrayViews) -> None:
    for array, values in (
        (run.stack("t[0-9]"), [one.data for one in SNAPSHOTS]),
        (run.array("rows"), ROWS),
        (run.array("rows F"), ROWS),
    ):
        for row in range(3):
            info = complete(views, array, row)
            assert (info["view"], info["rows"]) == ("vector", 3)
            np.testing.assert_allclose(numbers(views.tile(array, row, 3, (0,)))[0], sums(values[row], 3), rtol=1e-6)
    for label in ("matrices", "matrices F"):
        for row in range(2):
            info = complete(views, run.array(label), row)
            assert (info["view"], info["rows"], info["kind"]) == ("matrix", 2, "array")
            tile = numbers(views.tile(run.array(label), row, 3, (0, 0)), 2)
            np.testing.assert_allclose(tile[0].reshape(8, 8), np.abs(MATRICES[row]), rtol=1e-6)
    with pytest.raises(InvalidInputError, match="rows 0 to 2"):
        views.info(run.array("rows"), 3)
    with pytest.raises(InvalidInputError, match="row 0 alone"):
        views.tile(run.state("psi"), 1, 0, (0,))


@pytest.mark.parametrize("label", ODD)
def test_what_has_no_view_says_why_and_what_to_do(run: aerchive.Run, views: ArrayViews, label: str) -> None:
    info = complete(views, run.array(label))

    assert (info["view"], info["levels"], info["qubits"], info["top"]) == ("none", None, None, None)
    why = {"negative": "-0.5", "twelve": "12", "integers": "integers"}
    assert why.get(label, "views are made of") in info["note"]
    assert "run.array(...)" in info["note"]
    assert "HDFView" in info["note"]
    with pytest.raises(InvalidInputError, match="no view"):
        views.tile(run.array(label), 0, 0, (0,))


@pytest.mark.parametrize("shape", [(2**33,), (2**17, 2**17), (5, 2**60)])
def test_a_file_may_claim_any_shape(run: aerchive.Run, views: ArrayViews, shape: tuple[int, ...]) -> None:
    honest = run.state("psi")
    claimed = StoredArray(honest._run, dataclasses.replace(honest._location, shape=shape))

    info = complete(views, claimed)
    assert info["view"] == "none"
    assert "views are made of up to 2^" in info["note"]


def test_subsystems_that_are_no_qubits_are_noted(run: aerchive.Run, views: ArrayViews) -> None:
    info = complete(views, run.state("trits"))

    assert (info["view"], info["qubits"]) == ("vector", 2)
    assert "not qubits" in info["note"]


@pytest.mark.parametrize(
    ("level", "position", "there"),
    [(13, (0,), "levels 0 to 12"), (11, (2,), "tiles 0 to 1"), (3, (1,), "tile 0 alone"), (3, (0, 0), "one number")],
)
def test_tiles_that_do_not_exist(
    run: aerchive.Run, views: ArrayViews, level: int, position: tuple[int, ...], there: str
) -> None:
    with pytest.raises(InvalidInputError, match=there):
        views.tile(run.state("psi"), 0, level, position)


def test_tiles_of_matrices_that_do_not_exist(run: aerchive.Run, views: ArrayViews) -> None:
    for level, position, there in ((5, (0, 0), "levels 0 to 4"), (4, (0, 1), "0-0"), (2, (0,), "two numbers")):
        with pytest.raises(InvalidInputError, match=there):
            views.tile(run.state("rho"), 0, level, position)
    with pytest.raises(InvalidInputError, match="levels 0 to 4"):
        views.diagonal_tile(run.state("rho"), 0, 5, 0)


def test_values_that_are_no_numbers_are_noted(tmp_path: Path, views: ArrayViews) -> None:
    values = PSI.data.copy()
    values[100] = np.nan
    saved = aerchive.open(tmp_path / "nan.h5").save(make_result("nan", psi=Statevector(values)))
    info = complete(views, saved.state())

    assert info["norm"] is None
    assert info["note"].startswith("1 of its values is not a finite number")
    assert np.isnan(numbers(views.tile(saved.state(), 0, 12, (0,)))[0]).sum() == 1


# -- while a pass is in progress


def test_a_picture_is_refined_while_it_is_read(run: aerchive.Run, views: ArrayViews, gate: Gate) -> None:
    state = run.state("psi")
    profile = sums(PSI.data, 5)
    assert views.info(state, profile=profile)["progress"] == 0
    found = numbers(views.tile(state, 0, 4, (0,)))
    np.testing.assert_allclose(found[0], sums(PSI.data, 4), rtol=1e-6)
    assert np.isnan(found[1:]).all()
    for _ in range(16):
        gate.allowed.release()
    until(lambda: views.info(state)["progress"] == 0.25)

    info, found = views.info(state), numbers(views.tile(state, 0, 6, (0,)))
    is_read = np.arange(64) % 4 == 0
    assert (info["norm"], info["top"], info["marginals"]) == (None, None, None)
    assert np.isnan(found).tolist() == [(~is_read).tolist()] * 4
    np.testing.assert_allclose(found[0, is_read], sums(PSI.data, 6)[is_read], rtol=1e-6)
    gate.open()
    assert complete(views, state)["norm"] == pytest.approx(1)
    assert not np.isnan(numbers(views.tile(state, 0, 6, (0,)))).any()


def test_what_a_user_has_zoomed_into_is_read_at_once(
    run: aerchive.Run, views: ArrayViews, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_view, "MOST_READ", 1024)
    state = run.state("psi")
    views.info(state)

    found = numbers(views.tile(state, 0, 12, (2,)))
    np.testing.assert_allclose(found[0], sums(PSI.data, 12)[2048:3072], rtol=1e-6)
    assert views.tile(state, 0, 12, (2,)) == found.tobytes()
    assert np.isnan(numbers(views.tile(state, 0, 10, (0,)))).all()


def test_levels_above_the_base_are_read(run: aerchive.Run, views: ArrayViews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramid, "BASE_LEVEL", 4)
    monkeypatch.setattr("aerchive.states.matrix_pyramid.BASE_LEVEL", 2)
    state, rho = run.state("psi"), run.state("rho F")
    complete(views, state)
    complete(views, rho)

    for level, index in ((4, 0), (5, 0), (11, 1)):
        wanted = sums(PSI.data, level)[1024 * index : 1024 * (index + 1)]
        np.testing.assert_allclose(numbers(views.tile(state, 0, level, (index,)))[0], wanted, rtol=1e-6)
    found = numbers(views.tile(rho, 0, 5, (0, 0)), 2).reshape(2, 32, 32)
    np.testing.assert_allclose(found[0] * np.exp(1j * found[1]), RHO_F, atol=1e-6)


def test_the_array_asked_for_last_is_read_first(run: aerchive.Run, views: ArrayViews, gate: Gate) -> None:
    first, last = run.state("psi"), run.state("other")
    views.info(first)
    assert gate.begun.wait(30)
    views.info(last)
    gate.open()
    until(lambda: views.info(first)["progress"] == views.info(last)["progress"] == 1)

    begun, then = gate.seen[0], next(one for one in gate.seen if one != gate.seen[0])
    places = [number for number, one in enumerate(gate.seen) if one == then]
    assert len(places) == 64
    assert places[-1] - places[0] < 66, "it is read without a pause"
    assert places[0] == 1, "the other pauses"
    assert gate.seen[-1] == begun, "and continues"


def test_closing_ends_the_pass_and_its_threads(run: aerchive.Run, gate: Gate) -> None:
    views = ArrayViews(None)
    views.info(run.state("psi"))
    gate.allowed.release()
    until(lambda: views.info(run.state("psi"))["progress"] > 0)
    closing = threading.Thread(target=views.close)
    closing.start()
    gate.open()
    closing.join(30)

    assert not closing.is_alive()
    assert not threads()
    assert len(gate.seen) < 16
    with pytest.raises(InvalidInputError, match="closed"):
        views.info(run.state("other"))


def test_small_arrays_are_complete_at_once(run: aerchive.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_view, "AT_ONCE", 2**12)
    views = ArrayViews(None)

    assert views.info(run.state("psi"))["norm"] == pytest.approx(1)
    assert views.info(run.array("negative"))["view"] == "none"
    assert not threads()


def test_damage_is_an_error_for_the_caller(tmp_path: Path, views: ArrayViews) -> None:
    with small_chunks(1024):
        saved = aerchive.open(tmp_path / "damaged.h5").save(make_result("damaged", psi=PSI))
    path = tmp_path / "damaged.h5"
    with h5py.File(path) as file:
        chunk = file[saved.path]["statevector"].id.get_chunk_info(5)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    state = aerchive.open(path, "r").latest().state()

    with pytest.raises(IntegrityError, match="chunk 5"):
        complete(views, state)
    with pytest.raises(IntegrityError, match="chunk 5"):
        until(lambda: not np.isnan(numbers(views.tile(state, 0, 0, (0,)))).all() and False)


def test_only_some_views_are_kept_in_memory(
    run: aerchive.Run, views: ArrayViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_MOST_VIEWS", 2)
    for label in ("psi", "other", "t0", "t1"):
        complete(views, run.state(label))

    assert len(views._views) == 2
    assert views.info(run.state("t1"))["progress"] == 1


# -- files


def no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing is read of arrays."""

    def fold(*_: Any) -> Any:
        raise AssertionError("it is read again")

    monkeypatch.setattr(VectorPyramid, "fold", fold)
    monkeypatch.setattr(MatrixPyramid, "fold", fold)


def test_what_was_made_once_is_found_by_the_next_process(
    run: aerchive.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep" / "cache"
    made, again = ArrayViews(folder), ArrayViews(folder)
    labels = {"psi": (12, (3,)), "other": (12, (0,)), "rho": (3, (0, 0))}
    wanted = {
        label: (complete(made, run.state(label)), made.tile(run.state(label), 0, *at)) for label, at in labels.items()
    }
    rows = [complete(made, run.array("rows"), row) for row in range(2)]
    made.close()
    no_pass(monkeypatch)

    for label, at in labels.items():
        assert again.info(run.state(label)) == wanted[label][0]
        assert again.tile(run.state(label), 0, *at) == wanted[label][1]
    assert [again.info(run.array("rows"), row) for row in range(2)] == rows
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.iterdir())) == 5
    assert {file.suffix for file in folder.iterdir()} == {".npz"}


def damaged(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[: len(content) // 2]
    yield content.replace(b"sums", b"smus")
    for place in (len(content) // 3, len(content) // 2, 40):
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_damaged_file_is_made_again(run: aerchive.Run, tmp_path: Path) -> None:
    def once() -> dict[str, Any]:
        views = ArrayViews(tmp_path)
        info = complete(views, run.state("psi"))
        views.close()
        return info

    wanted = once()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    for other in damaged(content):
        file.write_bytes(other)
        assert once() == wanted
        with np.load(file, allow_pickle=False) as archive:
            assert archive["sums"].shape == (4096,)


def test_another_file_with_the_same_run_has_other_views(run: aerchive.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(Path(run._home.file.path).read_bytes())
    other = aerchive.open(copy, "r").latest()

    assert run.state("psi").fingerprint() == run.state("psi").fingerprint() != run.state("other").fingerprint()
    assert other.run_uuid == run.run_uuid
    assert other.state("psi").fingerprint() != run.state("psi").fingerprint()


def test_the_files_that_were_not_used_for_longest_make_room(
    run: aerchive.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = ArrayViews(tmp_path)
    left, own = tmp_path / "x.1.partial", tmp_path / "y.2.partial"
    for label in ("psi", "other"):
        complete(views, run.state(label))
    until(lambda: len([*tmp_path.glob("*.npz")]) == 2)
    for number, file in enumerate(sorted(tmp_path.iterdir())):
        os.utime(file, (1000 + number, 1000 + number))
    oldest, newer = sorted(tmp_path.iterdir())
    for file in (left, own):
        file.touch()
    os.utime(left, (0, 0))
    monkeypatch.setattr(pyramid_files, "MOST_BYTES", newer.stat().st_size * 3 // 2)
    complete(views, run.state("t0"))
    views.close()

    assert not oldest.exists()
    assert not left.exists()
    assert newer.exists()
    assert own.exists()


def test_a_folder_that_cannot_be_used_is_no_error(run: aerchive.Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    for name in ("file", "link"):
        views = ArrayViews(tmp_path / name)
        assert complete(views, run.state("psi"))["norm"] == pytest.approx(1)
        views.close()

    assert not list((tmp_path / "open").iterdir()), "a link may lead to a folder of another user"
    views = ArrayViews(tmp_path / "open")
    complete(views, run.state("psi"))
    views.close()
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_the_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert default_views() == tmp_path / "aerchive" / "views"
