"""The private names that this package reads are those that the installed Qiskit and Aer have."""

from __future__ import annotations

import ast
import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import qiskit
import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.circuit import Measure, ParameterVector
from qiskit.circuit.library import Initialize, Isometry, StatePreparation
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, StatevectorSampler
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator, Statevector
from qiskit.result import ProbDistribution, Result
from qiskit.result.models import ExperimentResultData
from qiskit_aer.library import SaveStatevector
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass, depolarizing_error
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction

import aerchive
from aerchive.errors import UnsupportedTypeError
from aerchive.private_names import OLDER_NAMES, PRIVATE_NAMES, private, set_private
from tests.conftest import NO_RUNTIME

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "aerchive"
THEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(1, metadata={})
    circuit.measure_all()
    return circuit


def span(kind: str) -> Any:
    kinds = pytest.importorskip("qiskit_ibm_runtime.execution_span", reason=NO_RUNTIME)
    return getattr(kinds, kind)(THEN, THEN, {})


MADE: dict[str, Callable[[], Any]] = {
    "qiskit_aer.AerSimulator": lambda: qiskit_aer.AerSimulator.from_backend(GenericBackendV2(2, seed=1)),
    "qiskit_aer.jobs.AerJob": lambda: qiskit_aer.AerSimulator().run(measured(), shots=1),
    "qiskit_aer.noise.NoiseModel": NoiseModel,
    "qiskit_aer.noise.QuantumError": lambda: depolarizing_error(0.1, 1),
    "qiskit_aer.library.save_instructions.save_data.SaveData": lambda: SaveStatevector(1),
    "qiskit_aer.noise.errors.base_quantum_error.QuantumChannelInstruction": lambda: QuantumChannelInstruction(
        depolarizing_error(0.1, 1)
    ),
    "qiskit_aer.noise.RelaxationNoisePass": lambda: RelaxationNoisePass([1.0], [1.0], dt=1.0),
    "qiskit_aer.primitives.SamplerV2": qiskit_aer.primitives.SamplerV2,
    "qiskit_aer.primitives.EstimatorV2": qiskit_aer.primitives.EstimatorV2,
    "qiskit.QuantumCircuit": measured,
    "qiskit.circuit.Instruction": Measure,
    "qiskit.circuit.library.Initialize": lambda: Initialize([1, 0]),
    "qiskit.circuit.library.Isometry": lambda: Isometry(Operator.from_label("X").data, 0, 0),
    "qiskit.circuit.library.StatePreparation": lambda: StatePreparation([1, 0]),
    "qiskit.primitives.BackendSamplerV2": lambda: BackendSamplerV2(backend=GenericBackendV2(2, seed=1)),
    "qiskit.primitives.BackendEstimatorV2": lambda: BackendEstimatorV2(backend=GenericBackendV2(2, seed=1)),
    "qiskit.primitives.PrimitiveJob": lambda: StatevectorSampler().run([measured()]),
    "qiskit.primitives.containers.sampler_pub.SamplerPub": lambda: SamplerPub.coerce(measured()),
    "qiskit.quantum_info.Operator": lambda: Operator.from_label("X"),
    "qiskit.quantum_info.Statevector": lambda: Statevector.from_label("0"),
    "qiskit.result.ProbDistribution": lambda: ProbDistribution({0: 1.0}),
    "qiskit.result.Result": Result,
    "qiskit.result.models.ExperimentResultData": ExperimentResultData,
    "qiskit_experiments.framework.ExperimentData": lambda: pytest.importorskip(
        "qiskit_experiments.framework", reason="pip install 'aerchive[experiments]' installs qiskit-experiments"
    ).ExperimentData(),
    "qiskit_ibm_runtime.fake_provider.fake_backend.FakeBackendV2": lambda: pytest.importorskip(
        "qiskit_ibm_runtime.fake_provider", reason=NO_RUNTIME
    ).FakeManilaV2(),
    "qiskit_ibm_runtime.execution_span.SliceSpan": lambda: span("SliceSpan"),
    "qiskit_ibm_runtime.execution_span.TwirledSliceSpanV2": lambda: span("TwirledSliceSpanV2"),
}


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_the_installed_versions_have_them(name: str) -> None:
    module, _, kind = name.rpartition(".")
    thing = MADE[name]()
    assert isinstance(thing, getattr(import_module(module), kind))
    assert [one for one in PRIVATE_NAMES[name] if not hasattr(thing, one)] == []


def test_names_of_older_versions_stand_for_what_is_public_now() -> None:
    """The constructor takes a UUID since Qiskit 2.5."""
    (name,) = OLDER_NAMES["qiskit.circuit.ParameterVector"]
    has_name = hasattr(ParameterVector("v", 1), name)
    assert has_name == (tuple(map(int, qiskit.__version__.split(".")[:2])) < (2, 5))


def test_each_name_of_the_list_is_read() -> None:
    text = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    words = Counter(re.findall(r"\w+", text))
    unused = {name for names in PRIVATE_NAMES.values() for name in names if words[name] < 2}
    assert unused == set()


OURS = frozenset(
    {
        *("_asdict", "_fields", "_replace"),  # public names of a named tuple
        *("_getframe", "_WorkItem", "_args_from_interpreter_flags"),  # CPython
        *("_name_", "_value_"),  # public names of a member of an Enum
        *("_commit", "_home", "_enter_found", "_write_header"),  # of another object of ours
        *("_aerchive_parent", "_archived_run"),  # what we put into an object of Qiskit or Aer
    }
)
"""Private names that may be used of another object than ``self``, besides those that the same module defines."""


def defined(tree: ast.Module) -> Iterator[str]:
    """The private names that the classes of a module define: methods, annotations, and attributes of ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
            yield node.attr


def is_own(receiver: ast.expr) -> bool:
    is_super = isinstance(receiver, ast.Call) and ast.unparse(receiver.func) == "super"
    return is_super or (isinstance(receiver, ast.Name) and receiver.id in ("self", "cls"))


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of each private attribute of an object other than ``self``, also by ``getattr`` and the like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not is_own(node.value):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            owner, name, *_ = node.args
            if isinstance(name, ast.Constant) and not is_own(owner):
                yield node.lineno, str(name.value)


def foreign_accesses(text: str) -> list[tuple[int, str]]:
    tree = ast.parse(text)
    ours = OURS | set(defined(tree))
    return [(line, name) for line, name in uses(tree) if re.match("_[^_]", name) and name not in ours]


def test_private_names_of_others_are_used_only_through_the_list() -> None:
    paths = [path for path in SOURCE.rglob("*.py") if path.name != "private_names.py"]
    found = {str(path.relative_to(SOURCE)): foreign_accesses(path.read_text("utf-8")) for path in paths}
    assert {name: accesses for name, accesses in found.items() if accesses} == {}


@pytest.mark.parametrize(
    "text",
    ["backend._target", "backend._target = 5", "getattr(backend, '_target', None)", "self.backend._target"],
)
def test_such_an_access_is_found(text: str) -> None:
    assert foreign_accesses(f"class A:\n    def f(self, backend):\n        {text}\n") == [(3, "_target")]


def test_only_names_of_the_list_are_read() -> None:
    text = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if path.name != "private_names.py")
    read = {name for _, name in re.findall(r"\bprivate(_if_any)?\([\w.()]+, \"(\w+)\"", text)}
    assert len(read) > 10
    known = (*PRIVATE_NAMES.values(), *OLDER_NAMES.values())
    assert read - {name for names in known for name in names} == set()


def test_a_name_that_is_gone_is_an_error_that_names_it() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"^builtins\.int has no '_target' in the installed version"):
        private(5, "_target")
    with pytest.raises(UnsupportedTypeError, match=r"^builtins\.int has no '_target' in the installed version"):
        private(int, "_target")
    with pytest.raises(UnsupportedTypeError, match="has no '_taget'"):
        set_private(qiskit_aer.AerSimulator(), _taget=None)


def test_a_name_that_is_gone_is_added_to_the_losses() -> None:
    lost: list[str] = []
    assert private(5, "_target", lost) is None
    assert private("text", "strip", lost)() == "text"
    assert [text[:27] for text in lost] == ["builtins.int has no '_targe"]


def test_a_target_that_cannot_be_asked_is_named_as_lost(path: Path) -> None:
    backend = qiskit_aer.AerSimulator.from_backend(GenericBackendV2(2, seed=1))

    class Renamed(type(backend)):  # type: ignore[misc]
        """As if Aer's next release called it otherwise."""

        hidden = False

        def __getattribute__(self, name: str) -> Any:
            if name == "_target" and type(self).hidden:
                raise AttributeError(name)
            return super().__getattribute__(name)

    backend.__class__ = Renamed
    job = backend.run(measured(), shots=5)
    job.result()
    Renamed.hidden = True
    project = aerchive.open(path)
    with pytest.raises(UnsupportedTypeError, match=r"has no '_target'"):
        project.save(job)
    (run,) = project
    assert run.record.config.missing is not None
    assert "has no '_target'" in run.record.config.missing[0]
    assert run.counts()
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert "has no '_target'" in report.reasons[0]


def test_basis_gates_that_a_backend_does_not_say_are_named_as_lost(path: Path) -> None:
    backend = qiskit_aer.AerSimulator.from_backend(GenericBackendV2(2, seed=1))
    job = backend.run(measured(), shots=5)
    job.result()

    def fails() -> Any:
        raise AttributeError("configuration")

    backend.configuration = fails
    with pytest.raises(UnsupportedTypeError, match="target_gates: the backend does not say its basis gates"):
        aerchive.open(path).save(job)
    assert aerchive.open(path).latest().reproduce().verdict == "not_rerunnable"
