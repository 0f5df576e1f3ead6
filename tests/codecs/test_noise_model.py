from __future__ import annotations

import copy
import json
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Instruction
from qiskit.circuit.library import DiagonalGate, IGate, Initialize, RXGate, UGate, UnitaryGate, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SuperOp, random_unitary
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    kraus_error,
    mixed_unitary_error,
    pauli_error,
    phase_amplitude_damping_error,
    reset_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.errors import PauliError
from qiskit_aer.noise.passes import LocalNoisePass
from qiskit_ibm_runtime.fake_provider import FakeBelemV2, FakeFractionalBackend, FakeManilaV2

import aerchive
from aerchive.codecs.noise_model import decode_noise_model, encode_noise_model
from aerchive.errors import FormatError
from aerchive.models import tagged_json
from tests.strict import differences


def models() -> dict[str, NoiseModel]:
    found = {
        name: NoiseModel()
        for name in ("empty", "depolarizing", "readout", "thermal", "kraus", "pauli", "unitary", "local")
    }
    found["depolarizing"].add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "ry"])
    found["depolarizing"].add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    found["readout"].add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    found["thermal"].add_all_qubit_quantum_error(thermal_relaxation_error(50e-6, 70e-6, 1e-6, 0.1), ["h"])
    found["kraus"].add_all_qubit_quantum_error(thermal_relaxation_error(50e-6, 90e-6, 1e-6), ["h"])
    found["kraus"].add_all_qubit_quantum_error(amplitude_damping_error(0.2), ["ry"])
    found["pauli"].add_all_qubit_quantum_error(pauli_error([("X", 0.1), ("I", 0.9)]), ["measure"])
    found["unitary"].add_all_qubit_quantum_error(coherent_unitary_error(np.array([[1, 0], [0, 1j]])), ["h"])
    found["local"].add_quantum_error(reset_error(0.1), ["h"], [0])
    found["local"].add_readout_error(ReadoutError([[0.8, 0.2], [0.3, 0.7]]), [1])
    found["passes"] = NoiseModel()
    found["passes"]._custom_noise_passes.append(RelaxationNoisePass([1e-4], [1e-4], 1e-9))
    return found


def circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.ry(0.3, 1)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def stored_model(path: Path, run: Any) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        group = file[run.path]["noise_model"]
        assert group.attrs["encoding"] in ("noise_model", b"noise_model")
        data = b"".join(group["model"][...].tolist())
        assert group == file[group.attrs["object"]]
        where = group.attrs["object"]
    document = tagged_json.decode(json.loads(data))
    document["object"] = where.decode() if isinstance(where, bytes) else where
    return dict(document)


def numbered(errors: dict[str, Any]) -> dict[str, Any]:
    """The same with numbers for random ids, in order of appearance."""
    numbers: dict[str, str] = {}
    for error in errors["errors"]:
        if "id" in error:
            error["id"] = numbers.setdefault(error["id"], f"{len(numbers):032x}")
    return errors


@pytest.mark.parametrize("place", ["backend", "run"])
@pytest.mark.parametrize("name", models())
def test_what_the_simulator_got_is_stored(tmp_path: Path, name: str, place: str) -> None:
    path, model = tmp_path / "p.h5", models()[name]
    if place == "backend":
        job = AerSimulator(noise_model=model, seed_simulator=1).run(circuit(), shots=10)
    else:
        job = AerSimulator(seed_simulator=1).run(circuit(), shots=10, noise_model=model)

    run = aerchive.open(path).save(job)

    document = stored_model(path, run)
    assert differences(document["errors"], numbered(json.loads(json.dumps(model.to_dict(serializable=True))))) == []
    assert document["basis_gates"] == model.basis_gates
    assert [item["class"] for item in document["passes"]] == [
        type(item).__name__ for item in model._custom_noise_passes
    ]
    digest = document["object"].rpartition("/")[2]
    assert run.record.config.options["noise_model"] == {"noise_model": digest}
    assert [found.job_id for found in aerchive.open(path).find(noisy=True)] == [run.job_id]


def test_is_stored_once(tmp_path: Path) -> None:
    path, found = tmp_path / "p.h5", models()
    project = aerchive.open(path)
    for model in (found["pauli"], found["pauli"], found["readout"], models()["readout"]):
        project.save(AerSimulator(noise_model=model).run(circuit(), shots=5))

    with h5py.File(path, "r") as file:
        names: list[str] = []
        file["objects/noise_model"].visit(names.append)

    assert sum(name.endswith("/model") for name in names) == 2


def test_a_model_is_described_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = NoiseModel.to_dict
    monkeypatch.setattr(NoiseModel, "to_dict", lambda self, **options: calls.append(1) or original(self, **options))
    model = models()["kraus"]

    first, second = encode_noise_model(model), encode_noise_model(model)

    assert len(calls) == 1
    assert first is second


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["x"]),
        lambda model: model.add_quantum_error(depolarizing_error(0.2, 1), ["h"], [1], warnings=False),
        lambda model: model.add_all_qubit_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]), warnings=False),
        lambda model: model.add_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]), [0], warnings=False),
        lambda model: model.add_basis_gates(["swap"]),
        lambda model: model._custom_noise_passes.append(RelaxationNoisePass([1e-4], [1e-4], 1e-9)),
    ],
)
@pytest.mark.parametrize("name", ["empty", "pauli"])
def test_a_model_that_changed_is_another(name: str, change: Any) -> None:
    model = models()[name]
    before = encode_noise_model(model)

    change(model)

    after = encode_noise_model(model)
    assert after.digest != before.digest


def test_equal_models_are_one_object() -> None:
    """Quantum errors have random ids, which are not part of what they are."""
    first, second = models(), models()
    digests = {name: encode_noise_model(model).digest for name, model in first.items()}
    assert {name: encode_noise_model(model).digest for name, model in second.items()} == digests
    assert len(set(digests.values())) == len(digests)


def test_models_that_were_read_back_are_told_apart() -> None:
    """Their tables are empty, like those of an ideal model with the same basis gates."""
    made = {name: encode_noise_model(model) for name, model in models().items()}
    read = {
        name: decode_noise_model(b"".join(one.datasets["model"].parts[0].tolist()), name) for name, one in made.items()
    }
    for model in read.values():
        model._basis_gates = set(NoiseModel()._basis_gates)
    digests = {name: encode_noise_model(model).digest for name, model in read.items()}
    assert len(set(digests.values())) == len(made)
    assert encode_noise_model(NoiseModel()).digest == digests["empty"]


def test_a_model_of_another_class_is_asked_each_time() -> None:
    class Louder(NoiseModel):
        errors: ClassVar[list[dict[str, Any]]] = []

        def to_dict(self, serializable: bool = False) -> dict[str, Any]:
            return super().to_dict(serializable) | {"errors": list(self.errors)}

    model = Louder()
    before = encode_noise_model(model).digest
    Louder.errors = [{"type": "roerror", "operations": ["measure"], "probabilities": [[0.5, 0.5], [0.5, 0.5]]}]
    assert encode_noise_model(model).digest != before
    assert encode_noise_model(NoiseModel()).digest == before


def test_a_new_model_in_the_place_of_an_old_one() -> None:
    digests = []
    for probability in np.linspace(0.01, 0.2, 20):
        model = NoiseModel()
        model.add_all_qubit_quantum_error(depolarizing_error(probability, 1), ["h"])
        digests.append(encode_noise_model(model).digest)
        del model

    assert len(set(digests)) == 20


def test_model_that_json_cannot_carry_is_named_and_the_run_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = AerSimulator(noise_model=models()["pauli"]).run(circuit(), shots=10)
    expected = job.result().get_counts()
    monkeypatch.setattr(NoiseModel, "to_dict", lambda self, **options: {"errors": [object()]})
    project = aerchive.open(tmp_path / "p.h5")

    with pytest.raises(aerchive.UnsupportedTypeError, match=r"noise_model.*object"):
        project.save(job)

    assert project.latest().counts() == expected
    assert "noise_model" in str(project.latest().record.config.missing)


@pytest.mark.parametrize("name", models())
def test_comes_back_and_does_the_same(tmp_path: Path, name: str) -> None:
    model = models()[name]
    job = AerSimulator(seed_simulator=1).run(circuit(), shots=200, noise_model=model)
    run = aerchive.open(tmp_path / "p.h5").save(job)

    read = aerchive.open(tmp_path / "p.h5", "r").latest().noise_model()

    assert isinstance(read, NoiseModel)
    assert differences(numbered(model.to_dict(serializable=True)), numbered(read.to_dict(serializable=True))) == []
    assert read.basis_gates == model.basis_gates
    assert read.is_ideal() == model.is_ideal()
    again = AerSimulator(seed_simulator=1).run(run.circuits(), shots=200, noise_model=read).result()
    assert differences(dict(job.result().get_counts()), dict(again.get_counts())) == []
    backend = run.job().backend()
    assert differences(dict(again.get_counts()), dict(backend.run(run.circuits()).result().get_counts())) == []


def delayed() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.x([0, 1])
    circuit.delay(300, 0, "ns")
    circuit.delay(2000, 1, "dt")
    circuit.measure([0, 1], [0, 1])
    return circuit


def device_model() -> NoiseModel:
    return NoiseModel.from_backend(GenericBackendV2(3, seed=5, noise_info=True))


@pytest.mark.parametrize("with_target", [False, True])
def test_relaxation_while_qubits_wait_comes_back(tmp_path: Path, with_target: bool) -> None:
    model = NoiseModel(basis_gates=["x", "delay"])
    t1s, t2s, p1s = [2e-7, 3e-7], [1e-7, 5e-7], [0.1, 0.0]
    target = GenericBackendV2(2, seed=5).target if with_target else None
    kinds = [Delay, XGate] if with_target else Delay
    model._custom_noise_passes.append(RelaxationNoisePass(t1s, t2s, 1e-10, kinds, p1s, target))
    job = AerSimulator(seed_simulator=1).run(delayed(), shots=3000, noise_model=model)
    run = aerchive.open(tmp_path / "p.h5").save(job)
    counts = dict(job.result().get_counts())
    assert len(counts) == 4

    read = run.noise_model()

    assert read.lost_passes == []
    again = AerSimulator(seed_simulator=1).run(delayed(), shots=3000, noise_model=read).result()
    assert dict(again.get_counts()) == counts
    assert run.reproduce().verdict == "identical"
    assert encode_noise_model(read).digest == encode_noise_model(model).digest


def test_the_noise_of_a_device_comes_back(tmp_path: Path) -> None:
    job = AerSimulator(seed_simulator=1).run(delayed(), shots=500, noise_model=device_model())
    run = aerchive.open(tmp_path / "p.h5").save(job)
    assert run.reproduce().verdict == "identical"
    assert encode_noise_model(device_model()).digest == encode_noise_model(device_model()).digest


class OwnPass(LocalNoisePass):
    """A pass of somebody's own."""


def test_a_pass_of_ones_own_is_named(tmp_path: Path) -> None:
    model = models()["pauli"]
    model._custom_noise_passes.append(OwnPass(lambda op, qubits: None, op_types=Delay))
    project = aerchive.open(tmp_path / "p.h5")
    with pytest.raises(aerchive.UnsupportedTypeError, match=r"archived without these values: option 'noise_model'"):
        project.save(AerSimulator().run(circuit(), shots=5, noise_model=model))

    run = project.latest()
    name = f"{OwnPass.__module__}.OwnPass"
    assert run.noise_model().lost_passes == [name]
    with pytest.warns(aerchive.ArchiveWarning, match=r"OwnPass.*could not be stored"):
        run.job().backend()
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert f"its custom pass {name} is kept by name only" in report.reasons[0]


def test_what_came_back_is_archived_again_as_the_same(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    project = aerchive.open(path)
    run = project.save(AerSimulator().run(circuit(), shots=5, noise_model=models()["kraus"]))

    again = project.save(AerSimulator().run(circuit(), shots=5, noise_model=run.noise_model()))

    assert stored_model(path, again) == stored_model(path, run)
    copied = copy.deepcopy(run.noise_model())
    assert copied.to_dict(serializable=True) == run.noise_model().to_dict(serializable=True)
    assert differences(pickle.loads(pickle.dumps(copied)).to_dict(), copied.to_dict()) == []


def document_of(model: NoiseModel) -> bytes:
    return b"".join(encode_noise_model(model).datasets["model"].parts[0].tolist())


def through_the_archive(model: NoiseModel) -> Any:
    return decode_noise_model(document_of(model), "here")


def printed(model: NoiseModel) -> list[list[str]]:
    """The words of the lines that a model prints; the order of sets of names differs between processes."""
    return [sorted(re.findall(r"\w+", line)) for line in (*str(model).splitlines(), repr(model))]


def alike(model: NoiseModel, read: NoiseModel) -> None:
    assert read == model
    assert model == read
    assert printed(read) == printed(model)
    assert (read.noise_instructions, read.noise_qubits) == (model.noise_instructions, model.noise_qubits)
    assert read.is_ideal() == model.is_ideal()
    assert differences(numbered(model.to_dict(serializable=True)), numbered(read.to_dict(serializable=True))) == []
    assert others_than_order_in_memory(model, read) == []


def others_than_order_in_memory(model: NoiseModel, read: NoiseModel) -> list[str]:
    found = differences(numbered(model.to_dict()), numbered(read.to_dict()))
    return [text for text in found if not text.endswith("order in memory is another")]


def two_qubit_circuits() -> list[tuple[QuantumCircuit, float]]:
    """Circuits of two qubits of which none has an instruction on the second one."""
    one, other = QuantumCircuit(2), QuantumCircuit(2)
    one.rx(0.25, 0)
    one.append(UnitaryGate(random_unitary(2, seed=1), label="kick"), [0])
    other.append(Instruction("kraus", 1, 0, [np.eye(2)]), [0])
    other.append(XGate(label="flip"), [0])
    return [(one, 0.25), (other, 0.75)]


ERRORS: dict[str, Callable[[], Any]] = {
    "amplitude damping": lambda: amplitude_damping_error(0.2),
    "coherent": lambda: coherent_unitary_error(random_unitary(2, seed=3)),
    "depolarizing": lambda: depolarizing_error(0.05, 1),
    "diagonal": lambda: QuantumError([(DiagonalGate([1, 1j]), 0.5), (IGate(), 0.5)]),
    "initialize": lambda: QuantumError([(Initialize([0.6, 0.8]), 0.5), (Initialize("1"), 0.25), (IGate(), 0.25)]),
    "Kraus": lambda: kraus_error([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.diag([1, -1])]),
    "mixed unitary": lambda: mixed_unitary_error([(random_unitary(2, seed=1), 0.5), (np.eye(2), 0.5)]),
    "Pauli": lambda: pauli_error([("X", 0.1), ("I", 0.9)]),
    "Pauli error": lambda: PauliError(["X", "Z", "I"], [0.125, 0.125, 0.75]),
    "Pauli-Lindblad": lambda: PauliLindbladError(["X", "Z"], [0.1, 0.3]),
    "phase and amplitude damping": lambda: phase_amplitude_damping_error(0.1, 0.2, 0.3),
    "product": lambda: depolarizing_error(0.05, 1).compose(amplitude_damping_error(0.2)),
    "reset": lambda: reset_error(0.1, 0.2),
    "rotations": lambda: QuantumError([(RXGate(0.25), 0.25), (UGate(0.1, 0.2, 0.3), 0.75)]),
    "super-operator": lambda: QuantumError(SuperOp(amplitude_damping_error(0.25)).to_instruction()),
    "thermal": lambda: thermal_relaxation_error(50e-6, 70e-6, 1e-6, 0.1),
    "thermal, Kraus": lambda: thermal_relaxation_error(50e-6, 90e-6, 1e-6),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_is_the_model_that_was_given(kind: str) -> None:
    error = ERRORS[kind]()
    model = NoiseModel(["x", "swap"])
    model.add_all_qubit_quantum_error(error, ["h", "my own gate"])
    model.add_quantum_error(error, ["x"], [3])
    model.add_quantum_error(ERRORS[kind](), ["sx", "x"], [1])
    model.add_quantum_error(error.tensor(error), "cx", [5, 0])
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    model.add_readout_error(ReadoutError(np.full((4, 4), 0.25)), [2, 7])

    read = through_the_archive(model)

    alike(model, read)
    for one, other in zip(all_errors(model), all_errors(read), strict=True):
        assert (type(other), other.num_qubits) == (type(one), one.num_qubits)
    assert read._default_quantum_errors["h"] is read._local_quantum_errors["x"][3,]
    assert read._default_quantum_errors["h"].id != read._local_quantum_errors["x"][1,].id
    assert encode_noise_model(read).digest == encode_noise_model(model).digest


def all_errors(model: NoiseModel) -> list[Any]:
    local = [error for table in model._local_quantum_errors.values() for error in table.values()]
    return [*model._default_quantum_errors.values(), *local]


def test_errors_wider_than_their_instructions_are_kept() -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(QuantumError(two_qubit_circuits()), "cx")
    model.add_quantum_error(PauliLindbladError(["X" * 40, "I" * 39 + "Z"], [0.1, 0.2]), "layer", range(40))
    model.add_all_qubit_quantum_error(PauliError(["IX"], [1.0]), "cz")

    read = through_the_archive(model)

    assert [error.num_qubits for error in all_errors(read)] == [2, 2, 40]
    assert others_than_order_in_memory(model, read) == []
    assert read._default_quantum_errors["cx"] == model._default_quantum_errors["cx"]
    assert read._local_quantum_errors["layer"][tuple(range(40))].generators.to_labels() == ["X" * 40, "I" * 39 + "Z"]


@pytest.mark.parametrize("thermal_relaxation", [True, False])
@pytest.mark.parametrize("kind", [FakeManilaV2, FakeBelemV2, FakeFractionalBackend, GenericBackendV2])
def test_is_the_model_of_the_device(kind: Any, thermal_relaxation: bool) -> None:
    backend = kind(3, seed=2, noise_info=True) if kind is GenericBackendV2 else kind()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Aer, on qubits without properties
        model = NoiseModel.from_backend(backend, thermal_relaxation=thermal_relaxation)

    read = through_the_archive(model)

    assert len(read._custom_noise_passes) == len(model._custom_noise_passes)
    assert encode_noise_model(read).digest == encode_noise_model(model).digest
    assert printed(read) == printed(model)
    for one in (model, read):  # Aer needs minutes to compare all
        one._local_quantum_errors = {name: table for name, table in one._local_quantum_errors.items() if name == "sx"}
    alike(model, read)


def test_what_was_overwritten_is_still_named() -> None:
    model = models()["local"]
    del model._local_quantum_errors["h"]
    alike(model, through_the_archive(model))


def test_reset_makes_it_a_new_model() -> None:
    read = through_the_archive(models()["local"])
    read.reset()
    alike(NoiseModel(), read)


@pytest.mark.parametrize(
    "kind",
    [
        ["QuantumError", 0],
        ["QuantumError", 10**9],
        ["QuantumError", "1"],
        ["PauliLindbladError", 1],
        ["NoiseModel", 1],
        ["QuantumError"],
        None,
    ],
    ids=repr,
)
def test_an_error_of_another_kind_is_refused(kind: Any) -> None:
    document = json.loads(document_of(models()["thermal"]))
    document["kinds"] = [kind]

    with pytest.raises(aerchive.AerchiveError, match="here"):
        decode_noise_model(json.dumps(document).encode(), "here")


def test_errors_may_be_added_to_what_came_back(tmp_path: Path) -> None:
    run = aerchive.open(tmp_path / "p.h5").save(AerSimulator().run(circuit(), noise_model=models()["readout"]))
    read = run.noise_model()
    before = len(read.to_dict()["errors"])

    read.add_all_qubit_quantum_error(pauli_error([("X", 1.0)]), ["ry"])

    assert len(read.to_dict()["errors"]) == before + 1
    assert encode_noise_model(read).digest != encode_noise_model(run.noise_model()).digest


def test_no_noise_model(tmp_path: Path) -> None:
    assert aerchive.open(tmp_path / "p.h5").save(AerSimulator().run(circuit())).noise_model() is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        5,
        [],
        {},
        {"errors": [], "basis_gates": [], "passes": []},
        {"errors": {"errors": 5}, "basis_gates": [], "passes": []},
        {"errors": {}, "basis_gates": 5, "passes": []},
        {"errors": {}, "basis_gates": [5], "passes": []},
        {"errors": {}, "basis_gates": ["h"], "passes": None},
        {"errors": {"$": "nosuch/1"}, "basis_gates": [], "passes": []},
    ],
    ids=repr,
)
def test_document_that_is_not_a_noise_model(document: Any) -> None:
    whole = (
        {"kinds": [], "noise_instructions": [], "noise_qubits": []} | document
        if isinstance(document, dict) and document
        else document
    )
    with pytest.raises(FormatError, match="here"):
        decode_noise_model(json.dumps(whole).encode(), "here")


@pytest.mark.parametrize("key", ["errors", "basis_gates", "passes", "kinds", "noise_instructions", "noise_qubits"])
def test_document_that_is_not_whole(key: str) -> None:
    document = json.loads(document_of(models()["thermal"]))
    del document[key]

    with pytest.raises(FormatError, match="here"):
        decode_noise_model(json.dumps(document).encode(), "here")
