"""Writes the newest golden folder: `python -m tests.golden.make`, from the root of the checkout.

Run it by hand. While the format is a draft, it replaces the folder. After the release, files are never written again:
give `FOLDER` the next name before. Everything in the files is fixed but the UUIDs and the time of making.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import fractions
import http
import json
import sys
import uuid
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from dateutil import tz
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, quantum_info
from qiskit.circuit import IfElseOp, Measure, Parameter, ParameterVector
from qiskit.circuit.library import C4XGate, CXGate, UCGate, XGate
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, PauliList, SparsePauliOp, random_clifford
from qiskit.result import ProbDistribution, Result
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel, MeasReturnType
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer.backends import compatibility
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans, SliceSpan, TwirledSliceSpanV2

import aerchive
from aerchive import layout
from aerchive.aer.capturing.capture import (
    KnownBackend,
    Primitive,
    Submitted,
    draft_failed,
    draft_finished,
    draft_of_primitive,
)
from aerchive.codecs.pubs import pub_circuits
from aerchive.codecs.target import encode_target
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.project.documents.compressed import compressed
from tests.golden.description import describe, describe_circuit, describe_target

FOLDER = Path(__file__).parent / f"v{layout.FORMAT_VERSION}"
"""Of the newest revision. One that joins it, because an encoding has a new version, is `v1-2`; the next is `v1-3`."""
DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "c8")
ODD = np.array([0x7FF8000000000123, 0x8000000000000000, 0xFFF0000000000000, 1], np.uint64).view(np.float64)


def numbers(*shape: int, order: Any = "C", dtype: str = "c16") -> np.ndarray:
    """Fixed numbers with a NaN that carries a payload, -0.0, an infinity and a denormal among them."""
    size = int(np.prod(shape)) * (2 if dtype == "c16" else 1)
    values = np.sin(np.arange(1.0, size + 1))
    values[: len(ODD)] = ODD[:size]
    return np.asarray(values.view(dtype).reshape(shape), order=order)


def states(module: Any) -> dict[str, Any]:
    """One of each class, and one with dimensions other than qubits."""
    return {
        "vector": module.Statevector(numbers(4)),
        "matrix": module.DensityMatrix(numbers(4, 4, order="F")),
        "operator": module.Operator(numbers(4, 4, order="F")),
        "superop": module.SuperOp(numbers(4, 4, order="F")),
        "qutrit": module.Statevector(numbers(6), dims=(2, 3)),
        "rectangle": module.Operator(numbers(6, 4), input_dims=(4,), output_dims=(2, 3)),
        "stabilizer": module.StabilizerState(random_clifford(3, seed=7)),
    }


def parameters() -> tuple[Parameter, Parameter]:
    """A parameter, and an element of a vector, with UUIDs that are always the same."""
    theta = Parameter("θ", uuid=uuid.UUID(int=5))
    vector = ParameterVector("v", 3, uuid=uuid.UUID(int=100))
    return theta, vector[1]


def values() -> dict[str, dict[str, Any]]:
    """What is saved in each run, by name of the run."""
    theta, element = parameters()
    return {
        "states of Aer": states(compatibility),
        "states of Qiskit": {**states(quantum_info), "clifford": random_clifford(3, seed=8)},
        "arrays": {
            **{f"dtype {dtype}": np.arange(6).reshape(2, 3).astype(dtype) for dtype in DTYPES},
            "doubles": numbers(8, dtype="f8"),
            "fortran": numbers(5, 7, order="F"),
            "chunked": numbers(300, dtype="f8"),
            "zeros": np.zeros(400),
            "empty": np.empty((0, 3)),
            "scalar array": np.array(-0.0),
            "text": np.array(["ψ", ""]),
            "stacked": [numbers(3, dtype="f8"), numbers(3, dtype="f8") + 1],
            "packed": [numbers(3, dtype="f8"), numbers(2, 3, dtype="f8"), numbers(3, 2, dtype="f8", order="F")],
        },
        "matrix product state": {
            "matrix_product_state": (
                [(numbers(1, 2), numbers(1, 2)), (numbers(2, 1), numbers(2, 1))],
                [numbers(2, dtype="f8")],
            )
        },
        "counts and memory": {
            "counts": {"0x5": 3, "0x0": 5, "0x1": 2},
            "memory": ["0x5", "0x0", "0x0", "0x1", "0x5", "0x0", "0x5", "0x0", "0x1", "0x0"],
        },
        "scalars": {"energy": -1.25, "nan": float(ODD[0]), "minus zero": float(ODD[1]), "x" * 80: 2.5},
        "dictionaries": {
            "floats": {hex(key): float(key) / 3 for key in range(9, -1, -1)},
            "complex": {hex(key): complex(key, -0.0) for key in range(10)},
            "short": {"0x1": 0.5},
            "distribution": ProbDistribution({3: 0.25, 0: 0.75}, shots=100),
            "large keys": ProbDistribution({2**80: 1.0}),
        },
        "symbols": {"level": MeasLevel.RAW, "return": MeasReturnType.AVERAGE, "parameter": theta, "element": element},
        "json": {
            "all": {
                "tuple": (1, (2,)),
                "set": {1, 2},
                "frozenset": frozenset({"a"}),
                "dict": {5: "x", ("t",): None},
                "float": [float("nan"), float("inf"), -0.0, 0.1],
                "complex": 1 - 2j,
                "bytes": b"\x00\xff",
                "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.timezone(datetime.timedelta(hours=2))),
                "numpy": [np.float32(0.1), np.complex128(1j), np.bool_(True), np.str_("ψ")],
                "ndarray": np.array(["a", "bc"]),
                "text": ["ψ", "\0", "\\", "\ud800", "a/b\n"],
                "int": [0, -1, 2**63, 10**40, -(10**5000)],
                "$": [True, False, None],
            },
            "pershot": [compatibility.Statevector(numbers(2)), compatibility.Statevector(numbers(2))],
            "conditional": {"0x1": [1.5, 2.5], "0x0": numbers(3, dtype="f8")},
        },
        "Pauli operators": {
            "pauli": Pauli("-iXYZ"),
            "list": PauliList(["XI", "-ZY"]),
            "sparse": SparsePauliOp(["XI", "ZY"], [0.5, -2j]),
            "people": [
                datetime.date(2026, 1, 2), datetime.timedelta(days=-1, microseconds=5), uuid.UUID(int=7),
                decimal.Decimal("-1.50"), fractions.Fraction(1, 3), PurePosixPath("a/ψ"), Path("b"),
                PureWindowsPath("c"),
            ],
        },
        "bound parameters": {"energy": 0.5},
        "member of an Enum": {"status": http.HTTPStatus.OK},
        "refused": {"foreign": object, "kept": 1.5},
        "single precision": {"statevector": compatibility.Statevector(few_floats().astype("c16"))},
        "profile small": {"statevector": compatibility.Statevector(few_floats() / 3), "array": few_floats().real / 7},
        "rounded": {"statevector": compatibility.Statevector(np.exp(1j * np.arange(4096)) / 64)},
        "matrix product": {"statevector": compatibility.Statevector(product_of(14))},
        "structure": {"statevector": compatibility.Statevector(product_of(16))},
    }


def near(state: Any) -> list[list[float]]:
    """Some exact amplitudes of a state that is computed from matrices: its last digits depend on the machine."""
    return [[index, float(state.data[index].real), float(state.data[index].imag)] for index in NEAR]


NEAR = (0, 1, 1234, 2**14 - 1)


def product_of(qubits: int) -> np.ndarray:
    """A state without entanglement, whose amplitudes are complex integers, and exact."""
    state = np.ones(1, complex)
    for qubit in range(qubits):
        state = np.kron([1, (2 + 1j, 3, -1 + 2j, 1j)[qubit % 4]], state)
    return state


TIME = datetime.datetime(2026, 11, 22, 12, 0, 0, 123456, tz.tzutc())
HISTORY = [["2026-11-22T12:30:00.000000Z", "ann@host", "tags +golden"], ["2026-11-23T12:30:00.000000Z", "ψ@host", "…"]]

COMPRESSIONS = {
    "profile small": Compression.checked("small", None),
    "rounded": Compression.checked("portable", 1e-9),
    "matrix product": Compression.checked("portable", 1e-9),
    "structure": Compression.checked("structure"),
}
"""How arrays of a run are stored, if not portably and without loss."""


def few_floats() -> np.ndarray:
    """64 KiB of numbers that single precision holds exactly, of which few are different."""
    return ((np.arange(4096) % 32) / 64 + 0.5j).astype("c8").astype("c16")


def circuits() -> list[QuantumCircuit]:
    """With instructions that QPY carries, and those of Aer that it does not."""
    theta, element = parameters()
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"), name="ψ/1")
    circuit.metadata = {"complex": 1j, "list": [1, (2,)]}
    circuit.h(0)
    circuit.rx(theta, 1)
    circuit.rz(element, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.save_statevector(label="a/b", pershot=True)
    circuit.save_expectation_value(SparsePauliOp.from_list([("ZZ", 0.5), ("XI", -0.25)]), [0, 1], label="energy")
    circuit.save_amplitudes([0, 3], conditional=True)
    circuit.measure([0, 1], [1, 2])
    second = QuantumCircuit(1, name="second", global_phase=0.5)
    second.set_statevector([0, 1])
    second.append(depolarizing_error(0.25, 1).to_instruction(), [0])
    second.set_density_matrix(np.eye(2) / 2)
    second.save_density_matrix()
    third = QuantumCircuit(9, name="large arrays")
    third.set_statevector(np.exp(1j * np.arange(512)) / np.sqrt(512))
    third.initialize([complex(number, -number) / 2**15 for number in range(32)] * 16, range(9), normalize=True)
    fourth = QuantumCircuit(5, name="beside QPY")
    fourth.append(UCGate([np.eye(2), np.array([[0, 1], [1, 0]])]), [0, 1])
    fourth.append(C4XGate(ctrl_state=3), range(5))
    fourth.append(XGate(label=""), [0])
    return [circuit, second, third, fourth]


def target() -> Target:
    """Of a device of two qubits."""
    made = Target(num_qubits=2, dt=1e-9)
    made.add_instruction(XGate(), {(0,): InstructionProperties(duration=1e-8, error=1e-3), (1,): None})
    made.add_instruction(CXGate(), {(0, 1): InstructionProperties(duration=1e-7)})
    made.add_instruction(Measure(), {(0,): None, (1,): None})
    made.add_instruction(IfElseOp, name="if_else")
    return made


def primitives() -> dict[str, tuple[Primitive, list[Any], Any]]:
    """Of each kind: what is known of the primitive, its pubs, its result."""
    theta, element = parameters()
    circuit = QuantumCircuit(2, name="of primitives")
    circuit.rx(theta, 0)
    circuit.rz(element, 1)
    bits = BitArray(np.arange(12, dtype=np.uint8).reshape(2, 3, 2), 11)
    sampled: Any = PrimitiveResult(
        [
            SamplerPubResult(DataBin(c=bits, d=bits, shape=(2,)), {"shots": 3, "circuit_metadata": {1: "x"}}),
            SamplerPubResult(DataBin()),
        ],
        {"version": 2},
    )
    estimated: Any = PrimitiveResult(
        [PubResult(DataBin(evs=numbers(4, dtype="f8"), stds=np.float64(0.5)), {"target_precision": np.float64(0.0)})]
    )
    values = {(theta.name, element.name): numbers(4, dtype="f8").reshape(2, 2)}
    observables = [["ZZ"], [SparsePauliOp(["XI", "IY"], [0.5, -2.0])]]
    spans = ExecutionSpans(
        [
            SliceSpan(TIME, TIME.replace(hour=13), {0: ((2, 3), slice(0, 6)), 1: ((5,), slice(2, 5))}),
            DoubleSliceSpan(TIME, TIME, {1: ((3, 5), slice(0, 3), slice(1, 5))}),
            TwirledSliceSpanV2(TIME, TIME, {0: ((4, 3, 5), True, slice(0, 2), slice(0, 5), 17)}),
        ]
    )
    served: Any = PrimitiveResult(
        [SamplerPubResult(DataBin(c=bits, shape=(2,)))], {"execution": {"execution_spans": spans}, "first": spans[0], "at": TIME}
    )
    return {
        "served": (
            Primitive("sampler", "qiskit_ibm_runtime.sampler.SamplerV2", {}),
            [SamplerPub.coerce((circuit, [0.5, 0.25]))],
            served,
        ),
        "sampler": (
            Primitive("sampler", "aerchive.aer.primitives.SamplerV2", {"default_shots": 3, "run.fusion_enable": False}),
            [SamplerPub.coerce((circuit, values, 3)), SamplerPub.coerce((circuit, [0.5, 0.25]))],
            sampled,
        ),
        "estimator": (
            Primitive("estimator", "qiskit_aer.primitives.estimator_v2.EstimatorV2", {"default_precision": 0.0}),
            [EstimatorPub.coerce((circuit, observables, values), 0.125)],
            estimated,
        ),
    }


def attachments() -> dict[str, Any]:
    """What is attached to one run, and to the project."""
    return {
        "array": numbers(300, dtype="f8"),
        "document": {"covariance": np.eye(2), "text": "ψ", "none": None},
        "file": aerchive.AttachedFile("figure.svg", b"<svg/>"),
        "state": quantum_info.Statevector(numbers(4)),
    }


def noise_model() -> NoiseModel:
    """With a quantum and a readout error."""
    model = NoiseModel(basis_gates=["h", "cx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.125, 1), ["h"])
    model.add_readout_error(ReadoutError([[0.75, 0.25], [0.5, 0.5]]), [1])
    return model


def made_result(job_id: str, data: dict[str, Any]) -> Result:
    """A Result as Aer gives it, with everything in it fixed."""
    header = {"creg_sizes": [["a", 1], ["b", 2]], "memory_slots": 3, "name": "ψ/1", "metadata": {"z": 1, "a": (2,)}}
    metadata = {"metadata": {"method": "statevector", "device": "CPU", "noise": "ideal"}, "seed_simulator": 2**64 - 1}
    experiment = ExperimentResult(
        10, True, ExperimentResultData(**data), status="DONE", header=header, time_taken=0.5, **metadata
    )
    return Result(
        backend_name="aer_simulator",
        backend_version="0.18.2",
        job_id=job_id,
        success=True,
        results=[experiment],
        date="2026-11-22T12:00:00.000000",
        status="COMPLETED",
        time_taken=0.75,
        metadata={"max_memory_mb": 100, "omp_enabled": True},
    )


def main(folder: Path) -> None:
    """Writes the project, and beside it what is in it."""
    folder.mkdir(exist_ok=True)
    path = folder / "project.h5"
    path.unlink(missing_ok=True)
    project = aerchive.open(path)
    provenance = Provenance(
        python="3.11.7 CPython", aerchive="0.1.0", numpy="2.4.6", h5py="3.16.0", hdf5="2.0.0", qiskit="2.6.2",
        qiskit_aer="0.18.2", host="host", platform="Linux", cpu_count=2, cpu_available=2, threads={"OMP_NUM_THREADS": "2"},
        script="golden.py",
    )  # fmt: skip
    expected: dict[str, Any] = {"runs": {}, "target": describe_target(target())}
    backend = {"backend_name": "aer_simulator", "backend_version": "0.18.2", "backend_class": "qiskit_aer.AerSimulator"}
    theta, element = parameters()
    binds: dict[str, Any] = {
        "counts and memory": [{theta: [0.5, 1.5]}, {element: np.array([0.25])}, {}],  # more than the experiments
        "bound parameters": [{theta: [0.5], element: (2,), "n": range(3, 4), "x": np.array([1], "u2"), "big": [2**60 + 1]}],
    }
    options = {"shots": 10, "seed_simulator": -1, "basis_gates": ["h", "cx"], "noise_model": noise_model()}
    for number, (name, data) in enumerate(values().items()):
        job_id = f"golden-{number}" if number else "golden/" + "x" * 60
        notes = "long " * 8_000 if name == "json" else "short"
        params = {"x": 0.5, "list": [1, (2,)], "n": number}
        history = HISTORY if name == "symbols" else None
        labels = RunLabels(name=name, tags=["golden", "ψ"], notes=notes, params=params, history=history)
        submitted = Submitted(
            job_id=job_id,
            created=f"2026-11-22T12:00:{number:02}.000000Z",
            circuits=circuits() if name == "counts and memory" else None,
            parameter_binds=binds.get(name),
            options=options if name == "counts and memory" else {},
            backend=KnownBackend(backend, encode_target(target()) if name == "counts and memory" else None),
            labels=labels,
            started=f"2026-11-22T12:00:{number:02}.500000Z",
        )
        draft = draft_finished(submitted, made_result(job_id, data))
        status = draft.status.model_copy(update={"finished": f"2026-11-22T12:00:{number:02}.900000Z"})
        how = COMPRESSIONS.get(name, PORTABLE)
        run = project.archive(compressed(dataclasses.replace(draft, provenance=provenance, status=status), how))
        if name in ("rounded", "member of an Enum"):
            data = {label: run.value(label) for label in data}  # what was kept of it
        labels_read = [row.label for row in run.saved]
        kept = {label: value for label, value in data.items() if name != "refused" or label == "kept"}
        expected["runs"][name] = {
            "job_id": job_id,
            "labels": labels_read,
            "values": {label: describe(value) for label, value in kept.items() if name != "matrix product"},
            "near": {label: near(value) for label, value in kept.items() if name == "matrix product"},
            "status": describe(status.model_dump()),
            "provenance": provenance.model_dump(),
            "config": describe(draft.config.model_dump()),
            "run_labels": describe(labels.model_dump()),
            "circuits": [describe_circuit(circuit) for circuit in submitted.circuits or []],
            "parameter_binds": describe(binds.get(name)),
        }
    failed = Submitted(job_id="golden-failed", created="2026-11-22T12:01:00.000000Z", backend=KnownBackend(backend, None))
    draft = draft_failed(failed, ValueError("no circuits ψ"))
    status = draft.status.model_copy(update={"finished": "2026-11-22T12:01:01.000000Z", "traceback": "Traceback (fixed)"})
    project.archive(dataclasses.replace(draft, provenance=provenance, status=status))
    expected["primitives"] = {}
    for number, (name, (primitive, pubs, result)) in enumerate(primitives().items()):
        submitted = Submitted(
            job_id=f"golden-{name}",
            created=f"2026-11-22T12:02:{number:02}.000000Z",
            circuits=pub_circuits(pubs),
            backend=KnownBackend(backend, None),
            labels=RunLabels(name=name),
            started=f"2026-11-22T12:02:{number:02}.500000Z",
            primitive=primitive,
            pubs=pubs,
        )
        draft = draft_of_primitive(submitted, result, {"method": "statevector"})
        status = draft.status.model_copy(
            update={"finished": f"2026-11-22T12:02:{number:02}.900000Z", "seconds": 0.25}
        )
        run = project.archive(dataclasses.replace(draft, provenance=provenance, status=status))
        expected["primitives"][name] = {
            "result": describe(result),
            "pubs": describe(pubs),
            "config": describe(draft.config.model_dump()),
        }
    expected["attachments"] = {}
    for name, value in attachments().items():
        project["golden-1"].attach(name, value)
        project.attach(name, value)
        expected["attachments"][name] = describe(value)
    (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n", "ascii")
    print(f"{path}: {path.stat().st_size} bytes, {len(project)} runs")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
