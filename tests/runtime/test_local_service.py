"""The local mode of IBM's runtime with jobs in a project: a drop-in whose jobs outlive the process."""

from __future__ import annotations

import copy
import datetime
import functools
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.conftest import NO_RUNTIME

pytest.importorskip("qiskit_ibm_runtime", reason=NO_RUNTIME)

from qiskit import QuantumCircuit
from qiskit.primitives import BasePrimitiveJob
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Batch, EstimatorV2, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

import aerchive
from aerchive.aer import ArchivedJob, ArchivedPrimitiveJob
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.runtime import LocalService
from tests.strict import differences

# IBM's package warns of its own device whenever it lists the devices, and of its own primitives in local mode.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Properties of fake_nighthawk"),
    pytest.mark.filterwarnings("ignore:The (Sampler|Estimator)V2 class is deprecated"),
]
NO_EXECUTOR = "this version of qiskit-ibm-runtime has no executor"
DEVICES = ("fake_manila", "aer_simulator")
OPTIONS = {"simulator": {"seed_simulator": 17}}

RUN = """
import pickle, sys
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import EstimatorV2, SamplerV2, Session
from aerchive.runtime import LocalService
from tests.runtime.test_local_service import OPTIONS, estimated, sampled

service, results = LocalService(sys.argv[1]), {}
for name in sys.argv[3:]:
    backend = service.backend(name)
    with Session(backend=backend) as session:
        for kind, make in (SamplerV2, sampled), (EstimatorV2, estimated):
            job = kind(session, OPTIONS).run([make(backend)])
            results[job.job_id()] = job.result()
with open(sys.argv[2], "wb") as file:
    pickle.dump(results, file)
"""
RUN_PICKLED = """
import pickle, sys
backend = pickle.load(open(sys.argv[1], "rb"))
from qiskit_ibm_runtime import SamplerV2
from tests.runtime.test_local_service import sampled
print(SamplerV2(backend).run([sampled(backend)]).result()[0].data.meas.num_shots)
"""
WITHOUT_THE_PACKAGE = """
import sys
sys.modules["qiskit_ibm_runtime"] = None
import aerchive
try:
    import aerchive.runtime
except aerchive.MissingExtraError as error:
    print(error)
"""


def bell(backend: Any, *, is_measured: bool) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if is_measured:
        circuit.measure_all()
    return generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)


sampled = functools.partial(bell, is_measured=True)


def estimated(backend: Any) -> tuple[QuantumCircuit, SparsePauliOp]:
    circuit = bell(backend, is_measured=False)
    return circuit, SparsePauliOp(["ZZ", "XX"]).apply_layout(circuit.layout)


@pytest.fixture
def service(path: Path) -> LocalService:
    return LocalService(path)


@pytest.mark.parametrize("name", ["job", "jobs", "delete_job"])
def test_the_parameters_are_those_of_the_cloud_service(name: str) -> None:
    theirs, ours = (
        [(one.name, one.kind, one.default) for one in inspect.signature(getattr(kind, name)).parameters.values()]
        for kind in (QiskitRuntimeService, LocalService)
    )
    assert ours[: len(theirs)] == theirs
    assert {one[0] for one in ours[len(theirs) :]} <= {"include_mocks"}  # which older versions do not have


@pytest.mark.parametrize("name", ["backend", "backends", "least_busy"])
def test_other_parameters_are_those_of_the_local_service(name: str) -> None:
    theirs, ours = (
        [(one.name, one.kind, one.default) for one in inspect.signature(getattr(kind, name)).parameters.values()]
        for kind in (QiskitRuntimeLocalService, LocalService)
    )
    assert ours == theirs


def test_it_is_a_local_service_with_its_backends(service: LocalService, path: Path) -> None:
    stock = QiskitRuntimeService(channel="local")
    assert type(stock) is QiskitRuntimeLocalService
    assert isinstance(service, QiskitRuntimeLocalService)
    assert [type(one) for one in service.backends()] == [type(one) for one in stock.backends()]
    chosen = [one.name for one in service.backends(dynamic_circuits=True, filters=lambda one: "a" in one.name)]
    assert chosen == [one.name for one in stock.backends(None, None, True, lambda one: "a" in one.name)]
    assert type(service.least_busy()) is type(stock.least_busy())
    assert [one.name for one in service.backends("fake_manila", 5)] == ["fake_manila"]
    assert isinstance(service.backend("aer_simulator"), AerSimulator)
    for wanted in (("fake_nowhere",), ("fake_manila", 6)):
        with pytest.raises(QiskitBackendNotFoundError):
            service.backends(*wanted)
    assert not path.exists()


def test_the_jobs_of_an_ended_process_come_back(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "results"
    processes.run(RUN, path, kept, *DEVICES, warnings="ignore", timeout_s=300)
    results = pickle.loads(kept.read_bytes())
    service = LocalService(path)

    jobs = service.jobs(descending=False)
    assert [job.job_id() for job in jobs] == list(results)
    assert [job.run.program for job in jobs] == ["sampler", "estimator"] * 2
    assert [job.run.record.config.backend_name for job in jobs] == ["fake_manila"] * 2 + ["aer_simulator"] * 2
    for job_id, result in results.items():
        job = service.job(job_id)
        assert type(job) is ArchivedPrimitiveJob
        assert job.done()
        assert differences(result, job.result()) == []
        assert job.run.reproduce().verdict == "identical"


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("mode", [None, Session, Batch])
def test_results_are_those_of_the_local_service(path: Path, name: str, mode: Any) -> None:
    results, made = [], []
    for service in (QiskitRuntimeService(channel="local"), LocalService(aerchive.open(path))):
        backend = service.backend(name)
        sampler = SamplerV2(backend if mode is None else mode(backend), OPTIONS)
        for _ in range(2):
            made.append(sampler.run([sampled(backend)], shots=200))
            results.append(made[-1].result()[0].data.meas.get_bitstrings())
        estimator = EstimatorV2(backend if mode is None else mode(backend), {**OPTIONS, "default_precision": 0.1})
        made.append(estimator.run([estimated(backend)]))
        results.append(made[-1].result()[0].data.evs.tolist())
    assert results[:3] == results[3:]
    assert [type(job) for job in made[:3]] == [type(job) for job in made[3:]]
    project = aerchive.open(path)
    assert [run.job_id for run in project.runs(parent="", descending=False)] == [job.job_id() for job in made[3:]]
    assert {bool(run.row()["noisy"]) for run in project.runs(parent="")} == {name == "fake_manila"}


def test_only_what_the_service_gives_out_is_archived(service: LocalService, path: Path) -> None:
    archived = service.backend("fake_manila")
    for backend in (FakeManilaV2(), QiskitRuntimeService(channel="local").backend("fake_manila"), AerSimulator()):
        SamplerV2(backend).run([sampled(backend)], shots=10).result()
    assert not path.exists()
    job = archived.run(sampled(archived), shots=10)
    job.result()
    (found,) = service.jobs()
    assert type(found) is ArchivedJob
    assert found.job_id() == job.job_id()


def test_a_job_of_the_executor_is_named_as_not_archived(
    service: LocalService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    executor = pytest.importorskip("qiskit_ibm_runtime.executor_sampler", reason=NO_EXECUTOR)

    def run(name: str) -> list[str]:
        caplog.clear()
        backend = service.backend(name)
        executor.Sampler(backend).run([sampled(backend)], shots=10).result()
        return [record.getMessage() for record in caplog.records if record.name == "aerchive"]

    (message,) = run("fake_manila")
    assert message.startswith("a job of run_quantum_program is not archived")
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    assert run("fake_manila") == []
    monkeypatch.delenv("AERCHIVE_SAVE_JOBS")
    assert not service.project.path.exists()
    with aerchive.autosave(service.project):
        assert run("fake_manila") == []
    assert service.project.count(program="sampler") == 1
    assert run("aer_simulator") == []
    assert service.project.count(program="sampler") == 2  # the executor copies a simulator, which archives


def test_a_job_without_a_look_at_its_result_is_archived(path: Path) -> None:
    script = """
    import sys
    from qiskit_ibm_runtime import SamplerV2
    from aerchive.runtime import LocalService
    from tests.runtime.test_local_service import sampled
    backend = LocalService(sys.argv[1]).backend("fake_manila")
    print(SamplerV2(backend).run([sampled(backend)], shots=10).job_id())
    """
    job_id = processes.run(script, path, warnings="ignore").strip()
    assert LocalService(path).job(job_id).result()[0].data.meas.num_shots == 10


def test_backends_can_be_copied_and_pickled(service: LocalService, tmp_path: Path) -> None:
    backend = copy.deepcopy(service.backend("fake_manila"))
    SamplerV2(backend).run([sampled(backend)]).result()
    assert [run.program for run in service.project.runs(parent="")] == ["sampler"]

    pickled = tmp_path / "backend"
    pickled.write_bytes(pickle.dumps(service.backend("fake_manila")))
    assert processes.run(RUN_PICKLED, pickled, warnings="ignore") == "1024\n"
    assert [run.program for run in service.project.runs(parent="")] == ["sampler"] * 2


def test_jobs_are_chosen_as_in_the_cloud(service: LocalService) -> None:
    before = datetime.datetime.now().astimezone()
    made = []
    for name in DEVICES:
        backend = service.backend(name)
        made.append(SamplerV2(backend).run([sampled(backend)], shots=10))
        made[-1].result()
    between = datetime.datetime.now()  # without a time zone, as the cloud service takes it
    made.append(EstimatorV2(backend).run([estimated(backend)]))
    made[-1].result()
    ids = [job.job_id() for job in made]
    service.project[ids[0]].add_tags("a", "b")

    def listed(*arguments: Any, **named: Any) -> list[int]:
        return [ids.index(job.job_id()) for job in service.jobs(*arguments, **named)]

    assert listed() == [2, 1, 0]
    assert listed(2) == [2, 1]
    assert listed(None, 1) == [1, 0]
    assert listed(10, 0, "fake_manila") == [0]
    assert listed(pending=True) == []
    assert listed(pending=False, program_id="sampler", descending=False) == [0, 1]
    assert listed(job_tags=["a", "b"]) == [0]
    assert listed(job_tags=["a", "c"]) == []
    assert listed(created_after=between) == [2]
    assert listed(created_before=between) == [1, 0]
    assert listed(created_before=before) == []
    assert listed(instance="crn") == listed(session_id="session") == []
    assert listed(include_mocks=True) == [2, 1, 0]
    assert all(isinstance(job, BasePrimitiveJob) for job in service.jobs())
    assert str(service.jobs()).count(ids[2]) == 1


def test_deletion_and_retention(service: LocalService) -> None:
    backend = service.backend("aer_simulator")
    made = [SamplerV2(backend).run([sampled(backend)], shots=10) for _ in range(3)]
    for job in made:
        job.result()
    first, second, third = (job.job_id() for job in made)

    assert service.delete_job(first) is None
    for act in (service.job, service.delete_job):
        with pytest.raises(RuntimeJobNotFound, match=first) as caught:
            act(first)
        assert isinstance(caught.value, NotFoundError)
        assert str(caught.value) == caught.value.message
    assert len(service.project) == 4  # with the simulations beneath
    service.project.clean(keep=1)
    assert [job.job_id() for job in service.jobs()] == [third]
    service.project.restore(second)
    assert service.job(second).result()[0].data.meas.num_shots == 10


def test_the_project_of_the_settings_is_the_default() -> None:
    backend = LocalService().backend("aer_simulator")
    job = SamplerV2(backend).run([sampled(backend)], shots=10)
    job.result()
    assert job.job_id() in aerchive.open()


def test_what_is_no_project_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="project"):
        LocalService(project=7)


def test_without_the_package() -> None:
    assert "pip install 'aerchive[runtime]'" in processes.run(WITHOUT_THE_PACKAGE)
