"""The private names that this package reads are those that the installed Qiskit and Aer have."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.circuit import Measure
from qiskit.primitives import StatevectorSampler
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator
from qiskit_aer.noise import NoiseModel, PauliLindbladError, RelaxationNoisePass, depolarizing_error
from qiskit_aer.noise.errors import PauliError

import aerchive
from aerchive.errors import UnsupportedTypeError
from aerchive.private_names import PRIVATE_NAMES, private

ROOT = Path(__file__).resolve().parents[2]


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(1, metadata={})
    circuit.measure_all()
    return circuit


MADE: dict[str, Callable[[], Any]] = {
    "qiskit_aer.AerSimulator": lambda: qiskit_aer.AerSimulator.from_backend(GenericBackendV2(2, seed=1)),
    "qiskit_aer.jobs.AerJob": lambda: qiskit_aer.AerSimulator().run(measured(), shots=1),
    "qiskit_aer.noise.NoiseModel": NoiseModel,
    "qiskit_aer.noise.QuantumError": lambda: depolarizing_error(0.1, 1),
    "qiskit_aer.noise.PauliLindbladError": lambda: PauliLindbladError(["X"], [0.1]),
    "qiskit_aer.noise.errors.PauliError": lambda: PauliError(["X", "I"], [0.1, 0.9]),
    "qiskit_aer.noise.RelaxationNoisePass": lambda: RelaxationNoisePass([1.0], [1.0], dt=1.0),
    "qiskit_aer.primitives.SamplerV2": qiskit_aer.primitives.SamplerV2,
    "qiskit_aer.primitives.EstimatorV2": qiskit_aer.primitives.EstimatorV2,
    "qiskit.QuantumCircuit": measured,
    "qiskit.circuit.Instruction": Measure,
    "qiskit.primitives.PrimitiveJob": lambda: StatevectorSampler().run([measured()]),
    "qiskit.primitives.containers.sampler_pub.SamplerPub": lambda: SamplerPub.coerce(measured()),
    "qiskit.quantum_info.Operator": lambda: Operator.from_label("X"),
}


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_the_installed_versions_have_them(name: str) -> None:
    module, _, kind = name.rpartition(".")
    thing = MADE[name]()
    assert isinstance(thing, getattr(import_module(module), kind))
    assert [one for one in PRIVATE_NAMES[name] if not hasattr(thing, one)] == []


def test_each_name_of_the_list_is_read() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "aerchive").rglob("*.py"))
    unused = {name for names in PRIVATE_NAMES.values() for name in names if len(re.findall(rf"\b{name}\b", text)) < 2}
    assert unused == set()


def test_a_name_that_is_gone_is_an_error_that_names_it() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"^builtins\.int has no '_target' in the installed version"):
        private(5, "_target")


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
    with pytest.raises(UnsupportedTypeError, match=r"target: .* has no '_target'"):
        project.save(job)
    (run,) = project
    assert run.record.config.missing is not None
    assert "has no '_target'" in run.record.config.missing[0]
    assert run.counts()
