"""Primitives run again as they ran, over whatever backend; or it is named why not."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import BackendV2, Options
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime import EstimatorV2 as RuntimeEstimator
from qiskit_ibm_runtime import SamplerV2 as RuntimeSampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

import aerchive
from aerchive.aer import SamplerV2
from aerchive.errors import ArchiveWarning, InvalidInputError
from tests import processes
from tests.shares import share
from tests.strict import differences

pytestmark = [
    pytest.mark.filterwarnings("ignore:The (Sampler|Estimator)V2 class is deprecated"),
    pytest.mark.filterwarnings("ignore:Specifying different .shots. across pubs"),
]
FAKE = FakeManilaV2()
GENERIC = GenericBackendV2(3, seed=3)
NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.2, 1), ["rx", "x", "sx"])
ANGLE = Parameter("angle")


def ansatz(*, measured: bool, delay: int = 0) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="ansatz")
    circuit.rx(ANGLE, 0)
    circuit.x(1)
    circuit.cx(0, 1)
    if delay:
        circuit.delay(delay, 0)
    if measured:
        circuit.measure_all()
    return circuit


def stock(**options: Any) -> Any:
    return qiskit_aer.AerSimulator(**options)


STOCK = stock()


@functools.cache
def compiler(backend: Any) -> Any:
    """Made once for each backend: that takes Qiskit a hundred times as long as one of these circuits."""
    return generate_preset_pass_manager(0, backend=backend, seed_transpiler=1)


def sampled(backend: Any, **how: Any) -> list[Any]:
    """Two pubs with numbers of shots of their own, so that the backend is called twice."""
    circuit = compiler(backend).run(ansatz(measured=True, **how))
    return [(circuit, [[0.1], [0.9]], 40), (circuit, [2.0], 70)]


def estimated(backend: Any) -> list[Any]:
    circuit = compiler(backend).run(ansatz(measured=False))
    sum_ = SparsePauliOp(["ZZ", "XI"], [1, 0.5])
    return [(circuit, sum_ if circuit.layout is None else sum_.apply_layout(circuit.layout), [[0.1], [0.9]])]


def runtime_sampler(backend: Any, **options: Any) -> Any:
    return RuntimeSampler(mode=backend, options=options)


class Noisy(qiskit_aer.AerSimulator):
    """A backend of a user that adds noise."""

    def run(self, circuits: Any, **options: Any) -> Any:
        return super().run(circuits, noise_model=NOISE, **options)


class Device(BackendV2):
    """A backend of a user that transpiles, and takes few circuits at once."""

    def __init__(self, most: int | None) -> None:
        super().__init__(name="device")
        self._most, self._simulator = most, stock(noise_model=NOISE)

    @property
    def target(self) -> Any:
        return GENERIC.target

    @property
    def max_circuits(self) -> int | None:
        return self._most

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, circuits: Any, **options: Any) -> Any:
        return self._simulator.run(transpile(circuits, basis_gates=["rz", "sx", "x", "cx"]), **options)


Case = tuple[Callable[[], Any], Callable[[], list[Any]], bool]
CASES: dict[str, Case] = {
    # what makes the primitive and its pubs, whether there is noise
    "Aer's sampler": (qiskit_aer.primitives.SamplerV2, lambda: sampled(STOCK), False),
    "Aer's sampler of a fake backend": (
        lambda: qiskit_aer.primitives.SamplerV2.from_backend(FAKE, seed=5),
        lambda: sampled(FAKE),
        True,
    ),
    "Aer's estimator of a fake backend": (
        lambda: qiskit_aer.primitives.EstimatorV2.from_backend(FAKE),
        lambda: estimated(FAKE),
        True,
    ),
    "Aer's estimator with precision": (
        lambda: qiskit_aer.primitives.EstimatorV2(
            options={"default_precision": 0.1, "run_options": {"seed_simulator": 4, "noise_model": NOISE}}
        ),
        lambda: estimated(STOCK),
        True,
    ),
    "sampler over a fake backend": (lambda: BackendSamplerV2(backend=FakeManilaV2()), lambda: sampled(FAKE), True),
    "sampler over a fake backend, with delays": (
        lambda: BackendSamplerV2(backend=FakeManilaV2()),
        lambda: sampled(STOCK, delay=8000),
        True,
    ),
    "sampler over a fake backend, with a noise model": (
        lambda: BackendSamplerV2(backend=FAKE, options={"run_options": {"noise_model": NOISE}}),
        lambda: sampled(FAKE),
        True,
    ),
    "sampler over a generic backend": (lambda: BackendSamplerV2(backend=GENERIC), lambda: sampled(GENERIC), True),
    "sampler over a simulator of a device": (
        lambda: BackendSamplerV2(backend=qiskit_aer.AerSimulator.from_backend(GENERIC)),
        lambda: sampled(GENERIC),
        True,
    ),
    "sampler with a noise model for the run": (
        lambda: BackendSamplerV2(backend=stock(), options={"run_options": {"noise_model": NOISE}}),
        lambda: sampled(STOCK),
        True,
    ),
    "estimator over a fake backend": (
        lambda: BackendEstimatorV2(backend=FAKE, options={"default_precision": 0.1}),
        lambda: estimated(FAKE),
        True,
    ),
    "estimator over a generic backend, ungrouped": (
        lambda: BackendEstimatorV2(backend=GENERIC, options={"seed_simulator": 3, "abelian_grouping": False}),
        lambda: estimated(GENERIC),
        True,
    ),
    "estimator over a simulator of a device": (
        lambda: BackendEstimatorV2(backend=qiskit_aer.AerSimulator.from_backend(FAKE)),
        lambda: estimated(FAKE),
        True,
    ),
    "local mode": (lambda: runtime_sampler(FAKE), lambda: sampled(FAKE), True),
    "local mode with a seed": (
        lambda: runtime_sampler(FAKE, default_shots=30, simulator={"seed_simulator": 3}),
        lambda: [pub[:2] for pub in sampled(FAKE)],
        True,
    ),
    "local mode with a noise model": (
        lambda: runtime_sampler(stock(), simulator={"seed_simulator": 3, "noise_model": NOISE}),
        lambda: sampled(STOCK),
        True,
    ),
    "local mode of an estimator": (
        lambda: RuntimeEstimator(mode=FAKE, options={"default_precision": 0.1}),
        lambda: estimated(FAKE),
        True,
    ),
    "a backend that adds noise": (lambda: BackendSamplerV2(backend=Noisy()), lambda: sampled(STOCK), True),
    "a backend that transpiles and splits": (lambda: BackendSamplerV2(backend=Device(1)), lambda: sampled(STOCK), True),
    "an estimator over such a backend": (lambda: BackendEstimatorV2(backend=Device(3)), lambda: estimated(STOCK), True),
}


def timeless(result: Any) -> Any:
    """Without what differs between two calls."""
    kept = copy.deepcopy(result)
    for pub in kept:
        pub.metadata.pop("simulator_metadata", None)
    return kept


def archived(path: Path, primitive: Any, pubs: list[Any]) -> tuple[aerchive.Run, Any]:
    with aerchive.autosave(path):
        job = primitive.run(pubs)
        result = job.result()
    return aerchive.open(path)[job.job_id()], result


@pytest.mark.parametrize("name", share(CASES, 2))
def test_a_primitive_runs_again_as_it_ran(path: Path, name: str) -> None:
    make, pubs, is_noisy = CASES[name]
    run, result = archived(path, make(), pubs())
    report = run.reproduce()
    assert report.verdict == "identical", str(report)
    again = run.rerun(save=True)
    assert differences(timeless(result), timeless(again)) == []
    project = aerchive.open(path)
    saved = project.latest()
    assert (saved.name, saved.parent) == (f"{run.job_id} again", None)
    assert [child.parent for child in saved.children()] == [saved.job_id] * len(run.children())
    report = saved.reproduce()
    assert report.verdict == "identical", str(report)
    for one in (run, saved, *run.children(), *saved.children()):
        assert (one.noise_model() is not None, bool(one.row()["noisy"])) == (is_noisy, is_noisy)
    assert ({one.job_id for one in project.find("noisy")} >= {run.job_id, saved.job_id}) == is_noisy
    assert project.verify().ok


def test_the_noise_of_a_primitives_run_is_that_of_its_simulations(path: Path) -> None:
    run, _ = archived(path, BackendSamplerV2(backend=FakeManilaV2()), sampled(FAKE))
    assert run.object_id("noise_model") == run.children()[0].object_id("noise_model") is not None
    assert run.noise_model().to_dict(True) == run.children()[1].noise_model().to_dict(True)


def test_a_program_of_an_estimator_over_a_device_takes_the_circuits_that_were_made_for_it(
    path: Path,
) -> None:
    """A stock simulator has no target of a device, so that the estimator would measure with other gates."""
    make, pubs, _ = CASES["estimator over a simulator of a device"]
    run, result = archived(path, make(), pubs())
    assert "result = run.rerun()" in run.script()
    assert str(result[0].data.evs) in processes.run(run.script())


# -- what cannot be run again


class Twice(qiskit_aer.AerSimulator):
    """A backend of a user that starts a simulation of its own for each call."""

    def run(self, circuits: Any, **options: Any) -> Any:
        super().run(circuits, **options).result()
        return super().run(circuits, **options)


class Changing(qiskit_aer.AerSimulator):
    """A backend of a user that changes what the simulation gives."""

    def run(self, circuits: Any, **options: Any) -> Any:
        job = super().run(circuits, **options)
        for experiment in job.result().results:
            experiment.data.memory = ["0x0"] * len(experiment.data.memory)
        return job


def refusal(run: aerchive.Run) -> str:
    report = run.reproduce()
    assert report.verdict == "not_rerunnable", str(report)
    with pytest.raises(InvalidInputError) as error:
        run.rerun()
    assert str(error.value) == report.reasons[-1]
    return report.reasons[-1]


def test_a_backend_that_starts_more_simulations(path: Path) -> None:
    pubs = sampled(STOCK)
    run, _ = archived(path, BackendSamplerV2(backend=Twice()), pubs[:1])
    assert "it starts 1 simulations now, and 2 are beneath it" in refusal(run)
    run, _ = archived(path, BackendSamplerV2(backend=Twice()), pubs)
    assert "beneath it had other circuits than it gives to its backend now" in refusal(run)


def test_a_backend_that_changes_results(path: Path) -> None:
    run, result = archived(path, BackendSamplerV2(backend=Changing()), sampled(STOCK))
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert report.reasons[-1].startswith("has other values, which proves nothing: what its backend, tests.aer.again.")
    with pytest.warns(ArchiveWarning, match="has other values now: what its backend, .*Changing, does with"):
        again = run.rerun()
    assert np.any(again[0].data.meas.array != result[0].data.meas.array)


def test_a_simulation_beneath_that_is_gone(path: Path) -> None:
    run, _ = archived(path, BackendSamplerV2(backend=stock()), sampled(STOCK))
    aerchive.open(path).delete_job(run.children()[1].job_id)
    assert "it starts more simulations now than the 1 beneath it" in refusal(run)


class Odd:
    """A value that cannot be stored."""


def test_a_simulation_beneath_that_lost_something(path: Path) -> None:
    with aerchive.autosave(path):
        job = BackendSamplerV2(backend=stock(noise_model=NOISE, fusion_threshold=Odd())).run(sampled(STOCK)[:1])
        with pytest.raises(TypeError):
            job.result()
    assert "these were not archived: option 'fusion_threshold'" in refusal(aerchive.open(path)[job.job_id()])


def test_what_was_saved_without_its_simulations(path: Path) -> None:
    project = aerchive.open(path)

    def saved(primitive: Any, pubs: list[Any]) -> aerchive.Run:
        job = primitive.run(pubs)
        job.result()
        return project.save(job)

    over_fake = saved(BackendSamplerV2(backend=FAKE, options={"seed_simulator": 3}), sampled(FAKE))
    assert "FakeManilaV2, and the simulations beneath it are not archived" in refusal(over_fake)
    assert bool(over_fake.row()["noisy"])
    assert over_fake.noise_model() is not None
    for primitive, pubs in (
        (qiskit_aer.primitives.SamplerV2(), sampled(STOCK)),
        (qiskit_aer.primitives.EstimatorV2.from_backend(GENERIC), estimated(GENERIC)),
    ):
        assert "and so are not the seeds that Aer chose" in refusal(saved(primitive, pubs))
    device = BackendEstimatorV2(backend=qiskit_aer.AerSimulator.from_backend(FAKE), options={"seed_simulator": 3})
    assert "their circuits were made for a device" in refusal(saved(device, estimated(FAKE)))
    exact = saved(qiskit_aer.primitives.EstimatorV2(), estimated(STOCK))
    assert exact.reproduce().verdict == "identical"
    seeded = saved(BackendSamplerV2(backend=stock(), options={"seed_simulator": 3}), sampled(STOCK))
    assert seeded.reproduce().verdict == "identical"


def test_a_failure_before_the_simulation_is_no_difference(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = archived(path, qiskit_aer.primitives.SamplerV2(seed=1), sampled(STOCK))

    def fails(*_: Any, **__: Any) -> Any:
        raise TypeError("cannot be made")

    with monkeypatch.context() as patch:
        patch.setattr(qiskit_aer.primitives.SamplerV2, "run", fails)
        report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert report.reasons[-1] == "raised builtins.TypeError: cannot be made, and had given a result"
    assert run.reproduce().verdict == "identical"


def test_another_failure_before_the_simulation_is_no_difference(path: Path) -> None:
    job = SamplerV2(project=path, options={"run_options": {"circuits": 1}}).run(sampled(STOCK))
    with pytest.raises(TypeError):
        job.result()
    report = job.run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert "Replaying.run() got multiple values for argument 'circuits', and before" in report.reasons[-1]


# -- options that the primitive's class does not have


def test_an_attribute_of_the_options_that_is_no_option(path: Path) -> None:
    sampler = qiskit_aer.primitives.SamplerV2(seed=3)
    sampler.options.seed_simulator = 123
    run, result = archived(path, sampler, sampled(STOCK))
    report = run.reproduce()
    assert report.verdict == "identical"
    assert report.reasons == (
        "had the option 'seed_simulator', which SamplerV2 does not have, so that it has no effect",
    )
    assert differences(timeless(result), timeless(run.rerun())) == []
    assert processes.run(run.script()).count("BitArray") == 2


def test_an_option_that_another_version_may_have_had(path: Path) -> None:
    sampler = qiskit_aer.primitives.SamplerV2(seed=3)
    sampler.options.later = 123
    run, _ = archived(path, sampler, sampled(STOCK))
    record = run.record
    assert record.provenance is not None
    older = record.model_copy(update={"provenance": record.provenance.model_copy(update={"qiskit_aer": "0.17.0"})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run), "record", property(lambda _: older))
        assert "SamplerV2 has no option 'later' in the installed versions" in run.reproduce().reasons[-1]


def test_no_warning_when_the_values_are_the_same(path: Path) -> None:
    run, _ = archived(path, BackendSamplerV2(backend=Noisy()), sampled(STOCK))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.rerun()
