"""A program that runs an archived run again gives the same in a process of its own."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer.primitives
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Gate, Instruction, Parameter, ParameterVector
from qiskit.circuit.library import XGate, real_amplitudes
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp, random_unitary
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2
from aerchive.aer.again.circuit_source import MAX_CALLS, calls_of, literal
from aerchive.cli import main
from aerchive.codecs.circuits.losses import differences
from aerchive.errors import InvalidInputError, NotFoundError
from tests.aer.conftest import bell

NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["h", "rx", "sx"])
THETA, VECTOR = Parameter("θ"), ParameterVector("v", 2)


def wide() -> QuantumCircuit:
    """Every kind of line."""
    circuit = QuantumCircuit(
        QuantumRegister(2, "left"),
        QuantumRegister(2, "right"),
        ClassicalRegister(3, "c"),
        ClassicalRegister(1, "flag"),
        name='odd "name"\n#',
        global_phase=0.1 + 0.2,
        metadata={"deep": [1, (2.5, None)], "nan": "'"},
    )
    circuit.h(range(4))
    circuit.rx(1 / 3, 0)
    circuit.append(XGate(label="the x"), [1])
    circuit.u(0.1, -0.2, 1e-300, 2)
    circuit.cp(np.pi / 7, 0, 3)
    circuit.ccx(0, 1, 2)
    circuit.cswap(3, 0, 1)
    circuit.rzz(0.7, 1, 2)
    circuit.initialize([0.6, 0.8j], 1)
    circuit.unitary(random_unitary(2, seed=1), 2, label="U")
    circuit.delay(100, 0, "ns")
    circuit.barrier(0, 2)
    circuit.barrier()
    circuit.save_statevector()
    circuit.save_statevector("again", pershot=True, conditional=True)
    circuit.save_density_matrix([1, 0], label="rho")
    circuit.save_density_matrix([2], label="rho average", conditional=True)
    circuit.save_probabilities([0, 3], unnormalized=True)
    circuit.save_probabilities_dict(label="dict")
    circuit.save_amplitudes([0, 5], label="amp")
    circuit.save_amplitudes_squared([1])
    circuit.save_state(label="state")
    circuit.reset(1)
    circuit.measure([3, 2, 1, 0], [0, 1, 2, 3])
    return circuit


def swept() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="swept")
    circuit.h(0)
    circuit.rx(THETA, 0)
    circuit.ry(VECTOR[1], 1)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="dynamic")
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, True)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def long() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, name="long")
    for number in range(MAX_CALLS):
        circuit.rx(0.01 * number, 0)
    circuit.measure(0, 0)
    return circuit


BINDS = [{THETA: [0.1, 0.2], VECTOR[1]: np.array([1.0, 2.0])}]
MANY = [{THETA: list(np.linspace(0, 1, 100)), VECTOR[1]: list(np.linspace(1, 2, 100))}]
TWO_BINDS = [{THETA: [0.5], VECTOR[1]: [0.25]}, {THETA: (1.5,), VECTOR[1]: [1.25]}]


def simulate(circuits: Any, binds: Any = None, *, on: dict[str, Any] | None = None, **options: Any) -> Any:
    def run(path: Path) -> Any:
        simulator = AerSimulator(project=path, **(on or {}))
        return simulator.run(circuits, parameter_binds=binds, **{"shots": 200, **options})

    return run


def from_device(path: Path) -> Any:
    device = GenericBackendV2(2, seed=3)
    simulator = AerSimulator.from_backend(device, project=path)
    return simulator.run(transpile(bell(save=False), simulator), shots=300)


RUNS: dict[str, tuple[Callable[[Path], Any], bool]] = {
    # what is run, and whether the program needs nothing of the project
    "bell": (simulate(bell()), True),
    "one circuit": (simulate(bell(), seed_simulator=7), True),
    "every kind of line": (simulate(wide(), on={"method": "statevector"}), True),
    "options everywhere": (
        simulate(bell(), on={"method": "matrix_product_state", "seed_simulator": 3}, memory=True, fusion_enable=False),
        True,
    ),
    "configuration": (simulate(bell(), on={"basis_gates": ["h", "cx"], "n_qubits": 5, "description": "mine"}), True),
    "noise": (simulate(bell(), noise_model=NOISE), False),
    "noise of the backend": (simulate(bell(), on={"noise_model": NOISE}), False),
    "several circuits": (simulate([bell("a"), bell("b", save=False)]), True),
    "parameter binds": (simulate(swept(), BINDS), True),
    "two circuits with binds": (simulate([swept(), swept()], TWO_BINDS), True),
    "many binds": (simulate(swept(), MANY, shots=20), False),
    "control flow": (simulate(dynamic()), False),
    "control flow and another": (simulate([dynamic(), bell()]), False),
    "long": (simulate(long()), False),
    "a device's simulator": (from_device, False),
}


def script(path: Path, tmp_path: Path, number: int = 0) -> tuple[aerchive.Run, str, Path]:
    run = aerchive.open(path, "r").latest()
    text = run.script()
    file = tmp_path / f"script_{number}.py"
    file.write_text(text, "utf-8")
    return run, text, file


PLAIN_RESULT = """
import contextlib, hashlib, io, json, runpy, sys
import numpy as np

def plain(result):
    if not hasattr(result, "get_counts"):
        return [
            {n: v.get_counts() if hasattr(v, "get_counts") else v.tobytes().hex() for n, v in pub.data.items()}
            for pub in result
        ]
    found = []
    for number, experiment in enumerate(result.results):
        data = experiment.data.to_dict()
        saved = {
            label: hashlib.sha256(np.asarray(value).tobytes()).hexdigest()
            for label, value in data.items()
            if np.asarray(value).dtype.kind in "fc"
        }
        found.append([result.get_counts(number) if "counts" in data else None, saved])
    return found
"""
FRESH = (
    PLAIN_RESULT
    + """
for file in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = runpy.run_path(file)["result"]
    assert printed.getvalue(), "the program prints something"
    print(json.dumps(plain(result)))
"""
)


def fresh(*files: Path) -> list[Any]:
    """What the programs give in a new process."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH, *map(str, files)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def live(result: Any) -> Any:
    """The same of a result of this process."""
    scope: dict[str, Any] = {}
    exec(PLAIN_RESULT, scope)
    return json.loads(json.dumps(scope["plain"](result)))


def test_programs_give_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    files, expected = [], []
    for number, (name, (start, is_alone)) in enumerate(RUNS.items()):
        path = tmp_path / f"{number}.h5"
        result = start(path).result()
        run, text, file = script(path, tmp_path, number)
        assert run.outcome == "ok", name
        assert ("aerchive.open" in text) is not is_alone, f"{name}:\n{text}"
        files.append(file)
        expected.append(live(result))
    for name, then, now, file in zip(RUNS, expected, fresh(*files), files, strict=True):
        assert now == then, f"{name}:\n{file.read_text('utf-8')}"


SUM = SparsePauliOp(["ZZ", "XI"], [0.5, 2.0])
UNMEASURED = real_amplitudes(2, reps=1)
PRIMITIVES: dict[str, tuple[Callable[[Path], Any], str]] = {
    # what is run, and the beginning of a line of the program
    "sampler with a seed": (
        lambda path: SamplerV2(project=path, seed=5, default_shots=70).run([(swept(), [[0.1, 0.2], [0.3, 0.4]])]),
        "primitive = SamplerV2.from_backend(backend, default_shots=70, seed=5)",
    ),
    "sampler without": (
        lambda path: SamplerV2(project=path).run([(bell(save=False), None, 40), (swept(), [0.1, 0.2], 40)]),
        "# Aer had chosen the seed.",
    ),
    "sampler with two seeds": (
        lambda path: SamplerV2(project=path).run([(swept(), [0.1, 0.2], 20), (swept(), [0.3, 0.4], 30)]),
        "result = run.rerun()",
    ),
    "sampler with noise": (
        lambda path: SamplerV2(
            project=path,
            seed=3,
            options={"backend_options": {"method": "density_matrix"}, "run_options": {"noise_model": NOISE}},
        ).run([bell(save=False)]),
        "backend = AerSimulator(method='density_matrix', noise_model=run.noise_model())",
    ),
    "estimator": (
        lambda path: EstimatorV2(project=path).run(
            [(UNMEASURED, [["ZZ"], [SUM]], [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]])]
        ),
        "primitive = EstimatorV2.from_backend(",
    ),
    "estimator with precision": (
        lambda path: EstimatorV2(project=path, options={"run_options": {"seed_simulator": 8}}).run(
            [(UNMEASURED, "ZZ", [0.1, 0.2, 0.3, 0.4], 0.1)]
        ),
        "primitive = EstimatorV2.from_backend(",
    ),
    "qiskit's sampler": (
        lambda path: BackendSamplerV2(
            backend=AerSimulator(project=path), options={"seed_simulator": 3, "default_shots": 20}
        ).run([(swept(), [0.1, 0.2])]),
        "primitive = BackendSamplerV2(",
    ),
    "qiskit's estimator": (
        lambda path: BackendEstimatorV2(backend=AerSimulator(project=path, noise_model=NOISE)).run(
            [(UNMEASURED, "XX", [0.1, 0.2, 0.3, 0.4])], precision=0.1
        ),
        "primitive = BackendEstimatorV2(",
    ),
    "many values": (
        lambda path: SamplerV2(project=path, seed=1).run([(swept(), np.linspace(0, 1, 100).reshape(50, 2), 5)]),
        "pubs = run.pubs()",
    ),
    "a stock sampler": (
        lambda path: qiskit_aer.primitives.SamplerV2.from_backend(AerSimulator(project=path), seed=2).run(
            [bell(save=False)]
        ),
        "pubs = [",
    ),
}


def test_programs_of_primitives(tmp_path: Path) -> None:
    files, expected = [], []
    for number, (name, (start, line)) in enumerate(PRIMITIVES.items()):
        path = tmp_path / f"{number}.h5"
        result = start(path).result()
        _, text, file = script(path, tmp_path, number)
        assert any(one.startswith(line) for one in text.splitlines()), f"{name}:\n{text}"
        files.append(file)
        expected.append(live(result))
    for name, then, now, file in zip(PRIMITIVES, expected, fresh(*files), files, strict=True):
        assert now == then, f"{name}:\n{file.read_text('utf-8')}"


def test_a_program_on_its_own_needs_no_aerchive(path: Path, tmp_path: Path) -> None:
    job = AerSimulator(project=path).run(swept(), parameter_binds=BINDS, shots=100)
    counts = job.result().get_counts()
    _, text, file = script(path, tmp_path)
    seed = job.run.stored_seed
    path.unlink()
    blocked = "import sys; sys.modules['aerchive'] = None; import runpy; runpy.run_path(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", blocked, str(file)], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == f"{counts}\n"
    assert text.splitlines()[2:] == [
        "from qiskit import QuantumCircuit",
        "from qiskit.circuit import Parameter, ParameterVector",
        "from qiskit_aer import AerSimulator",
        "",
        "θ = Parameter('θ')",
        "v = ParameterVector('v', 2)",
        "",
        "circuit = QuantumCircuit(2, 2, name='swept')",
        "circuit.h(0)",
        "circuit.rx(θ, 0)",
        "circuit.ry(v[1], 1)",
        "circuit.cx(0, 1)",
        "circuit.measure(0, 0)",
        "circuit.measure(1, 1)",
        "",
        "backend = AerSimulator()",
        "# Aer had chosen the seed.",
        "result = backend.run(",
        "    [circuit],",
        "    parameter_binds=[{θ: [0.1, 0.2], v[1]: [1.0, 2.0]}],",
        "    shots=100,",
        f"    seed_simulator={seed},",
        ").result()",
        "print(result.get_counts())",
    ]


def test_options_that_a_simulator_is_not_made_with(path: Path, tmp_path: Path) -> None:
    simulator = AerSimulator(project=path)
    simulator.options.update_options(method="no_such_method")
    with pytest.raises(Exception, match="method"):
        simulator.run(bell()).result().get_counts()
    _, text, _ = script(path, tmp_path)
    assert "# Its options cannot be given to the class of the simulator.\nresult = run.rerun()" in text


@pytest.mark.parametrize("name", ["print", "result", "circuit", "class", "a b", "ﬁ", "AerSimulator", "1", "", "x\n#"])
def test_names_of_parameters_are_not_trusted(path: Path, tmp_path: Path, name: str) -> None:
    parameter = Parameter(name)
    circuit = QuantumCircuit(1, 1)
    circuit.rx(parameter, 0)
    circuit.measure(0, 0)
    result = AerSimulator(project=path).run(circuit, parameter_binds=[{parameter: [1.0]}]).result()
    _, text, file = script(path, tmp_path)
    assert f"Parameter({name!r})" in text
    assert runpy.run_path(str(file))["result"].get_counts() == result.get_counts()


HOSTILE = "x'\nimport os; os.abort()\n'''\\\"\u202e"


def test_nothing_of_the_file_becomes_code(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1, 1, metadata={HOSTILE: HOSTILE}, name=HOSTILE)
    circuit.x(0, label=HOSTILE)
    circuit.measure(0, 0)
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    result = qiskit_aer.AerSimulator().run(circuit, seed_simulator=1).result()
    result.job_id = HOSTILE + "\ud800"
    options = {"seed_simulator": 1, "shots": 10, HOSTILE: HOSTILE}
    text = aerchive.open(folder / "p.h5").save(result, circuits=circuit, options=options).script()
    assert text.encode()
    assert "\u202e" not in text
    compile(text, "script", "exec")
    assert not [line for line in text.splitlines() if line.startswith("import os")]


def test_the_command(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = AerSimulator(project=path).run(bell(), shots=10)
    job.result()
    assert main(["-p", str(path), "script", job.job_id()[:8]]) == 0
    text = capsys.readouterr().out
    assert text == job.run.script()
    file = tmp_path / "again.py"
    assert main(["-p", str(path), "script", job.job_id(), "-o", str(file)]) == 0
    assert file.read_text("utf-8") == text
    assert capsys.readouterr().out == f"{file}: run it with `python {file}`\n"
    assert main(["-p", str(path), "script", job.job_id(), "-o", str(file)]) == 1
    assert f"{file}: exists; choose another name" in capsys.readouterr().err
    assert main(["-p", str(path), "script", job.job_id(), "-o", str(tmp_path / "no" / "x.py")]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_what_cannot_be_run_again_has_no_program(
    path: Path, project: aerchive.Project, capsys: pytest.CaptureFixture[str], cloud: Any
) -> None:
    service = cloud.Cloud()
    remote = cloud.submit(service, "sampler", [[bell(save=False), None, 10]])
    service.end(remote, "Completed", cloud.sampled(["00"]))
    run = project.save(cloud.service_of(service).job(remote))
    with pytest.raises(InvalidInputError, match="cannot be run again: it ran on ibm_manila of IBM's service"):
        run.script()
    assert main(["-p", str(path), "script", remote]) == 1
    assert "ran on ibm_manila" in capsys.readouterr().err
    bare = project.save(qiskit_aer.AerSimulator().run(bell()).result())
    with pytest.raises(NotFoundError, match="saved without its circuits"):
        bare.script()


# -- circuits and values


def rebuilt(circuit: QuantumCircuit) -> QuantumCircuit | None:
    calls = calls_of(circuit)
    if calls is None:
        return None
    first, *others = calls
    again = QuantumCircuit(*first.arguments, **first.keywords)
    for call in others:
        getattr(again, call.method)(*call.arguments, **call.keywords)
    return again


PLAIN = [bell(), wide(), swept(), QuantumCircuit(3), QuantumCircuit(2, 5), QuantumCircuit(1, global_phase=THETA)]


@pytest.mark.parametrize("circuit", PLAIN, ids=range(len(PLAIN)))
def test_a_circuit_that_can_be_written_down(circuit: QuantumCircuit) -> None:
    again = rebuilt(circuit)
    assert again is not None
    assert list(differences(circuit, again)) == []


def loose() -> QuantumCircuit:
    circuit = QuantumCircuit([QuantumRegister(1, "q")[0]])
    circuit.h(0)
    return circuit


def other(add: Callable[[QuantumCircuit], Any]) -> QuantumCircuit:
    circuit = QuantumCircuit(3, 2)
    add(circuit)
    return circuit


LEFT = [
    loose(),
    long(),
    dynamic(),
    other(lambda c: c.cx(0, 1, ctrl_state=0)),
    other(lambda c: c.rx(2 * THETA, 0)),
    other(lambda c: c.append(bell(save=False).to_instruction(), [0, 1], [0, 1])),
    other(lambda c: c.unitary(random_unitary(8, seed=1), [0, 1, 2])),
    other(lambda c: c.save_expectation_value(SUM, [0, 1])),
    other(lambda c: c.set_statevector([1, 0, 0, 0, 0, 0, 0, 0])),
    other(lambda c: c.append(depolarizing_error(0.1, 1).to_instruction(), [0])),
    other(lambda c: c.append(Instruction("reset", 1, 0, [0.5]), [0])),
    other(lambda c: c.append(Instruction("save_all", 1, 0, []), [0])),
    other(lambda c: c.append(Gate("draw", 1, []), [0])),
    QuantumCircuit(1, metadata={"x": object()}),
]


@pytest.mark.parametrize("circuit", LEFT, ids=range(len(LEFT)))
def test_a_circuit_that_is_left_in_the_project(circuit: QuantumCircuit) -> None:
    assert rebuilt(circuit) is None


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, 2**80, 1.5, -0.0, 5e-324, float("inf"), float("-inf"), 1j, complex(-0.0, -0.0)),
        *("", "a'\n\"\\", [], [1, [2.0]], (), (1,), (1, "a"), {}, {"a": {1: (None,)}}, "\u202e\ud800"),
    ],
    ids=repr,
)
def test_a_value_and_its_text(value: Any) -> None:
    text = literal(value)
    assert text is not None
    assert text.isprintable()
    again = eval(text)
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("value", [np.float64(1), np.zeros(2), {1, 2}, object(), [object()], {"a": b"x"}, THETA])
def test_a_value_without_a_text(value: Any) -> None:
    assert literal(value) is None
