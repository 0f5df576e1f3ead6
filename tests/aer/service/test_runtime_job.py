"""Jobs of IBM's cloud are archived as runs of primitives: real classes of qiskit-ibm-runtime, no network."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import JobStatus
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import EstimatorV2, SamplerV2
from qiskit_ibm_runtime.executor_sampler import Sampler as ExecutorSampler

import aerchive
from aerchive.aer import AerJobError, AerSimulator, ArchivedPrimitiveJob
from aerchive.cli import main
from aerchive.errors import InvalidInputError, NotFoundError, ServiceError, UnsupportedTypeError
from tests import processes
from tests.aer.cloud import BACKEND, CRN, START, Cloud, estimated, sampled, service_of, submit
from tests.strict import differences

ANGLES = ParameterVector("a", 2)


def ansatz(*, measured: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="ansatz")
    circuit.rx(ANGLES[0], 0)
    circuit.cx(0, 1)
    circuit.rz(ANGLES[1], 1)
    if measured:
        circuit.measure_all()
    return circuit


def bound() -> QuantumCircuit:
    circuit = ansatz(measured=True).assign_parameters([1.0, 2.0])
    circuit.name = "ansatz"
    return circuit


SAMPLER_PUBS = [
    SamplerPub.coerce((ansatz(measured=True), [[0.1, 0.2], [0.3, 0.4]], 100)),
    SamplerPub.coerce((bound(),)),
]
SUM = SparsePauliOp(["XI", "IY"], [0.5, 2])
ESTIMATOR_PUBS = [EstimatorPub.coerce((ansatz(), [["ZZ"], [SUM]], [[0.1, 0.2]], 0.01))]
OPTIONS = {"default_shots": 4096, "dynamical_decoupling": {"enable": True, "sequence_type": "XX"}, "seed": None}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def done(cloud: Cloud, program: str = "sampler", **how: Any) -> Any:
    """A job that is over, as the service gives it back."""
    pubs, result = (
        (SAMPLER_PUBS, sampled(["00", "11"], ["01"] * 5))
        if program == "sampler"
        else (ESTIMATOR_PUBS, estimated([[0.25], [-1.5]]))
    )
    job_id = submit(cloud, program, how.pop("pubs", pubs), options=how.pop("options", OPTIONS), **how)
    cloud.end(job_id, "Completed", how.pop("result", result))
    return service_of(cloud).job(job_id)


@pytest.mark.parametrize("program", ["sampler", "estimator"])
def test_the_result_comes_back_bit_for_bit(cloud: Cloud, project: aerchive.Project, path: Path, program: str) -> None:
    job = done(cloud, program)
    run = project.save(job)
    assert (run.job_id, run.outcome, run.program) == (job.job_id(), "ok", program)
    archived = aerchive.open(path, "r").job(job.job_id())
    assert type(archived) is ArchivedPrimitiveJob
    assert archived.status() == JobStatus.DONE
    assert differences(job.result(), archived.result()) == []
    assert aerchive.open(path, "r").verify().ok


@pytest.mark.parametrize("program", ["sampler", "estimator"])
def test_the_pubs_come_back(cloud: Cloud, project: aerchive.Project, program: str) -> None:
    run = project.save(done(cloud, program))
    given = SAMPLER_PUBS if program == "sampler" else ESTIMATOR_PUBS
    for pub, back in zip(given, run.pubs(), strict=True):
        assert type(back) is type(pub)
        assert back.circuit == pub.circuit
        assert (
            differences(
                pub.parameter_values.as_array(pub.circuit.parameters),
                back.parameter_values.as_array(back.circuit.parameters),
            )
            == []
        )
        if program == "sampler":
            assert back.shots == pub.shots
        else:
            assert back.precision == pub.precision
            assert back.observables.tolist() == pub.observables.tolist()
    assert run.record.config.num_qubits == 2
    assert run.record.config.circuit_names == ["ansatz"] * len(given)


def test_what_the_service_knows_of_it(cloud: Cloud, project: aerchive.Project) -> None:
    job = done(cloud, job_tags=["chip", "ψ"], session_id="d4session", private=False)
    run = project.save(job, tags=["mine"], name="on a device", params={"depth": 3})
    config, status = run.record.config, run.record.status
    assert (config.backend_name, config.backend_version) == (BACKEND, "1.2.3")
    assert config.backend_class == "qiskit_ibm_runtime.ibm_backend.IBMBackend"
    assert run.tags == ("chip", "ψ", "mine")
    assert (run.name, run.params) == ("on a device", {"depth": 3})
    assert run.created == "2026-11-20T12:00:00.123456Z"
    assert status.submitted == run.created
    assert (status.started, status.finished) == ("2026-11-20T12:00:05.123456Z", "2026-11-20T12:00:07.373456Z")
    assert status.seconds == 2.25
    assert config.primitive_options == OPTIONS
    assert config.used == {"shots": 2}
    service = dict(config.service)
    assert service.pop("client").startswith("qiskit-ibm-runtime 0.")
    assert service == {
        "instance": CRN,
        "session_id": "d4session",
        "image": "primitives:2.4.1",
        "usage_seconds": 2,
        "metrics": job.metrics(),
        "inputs": {"version": 2, "support_qiskit": True},
    }
    archived = run.job()
    assert archived.service["session_id"] == "d4session"
    assert {key: value for key, value in archived.inputs.items() if key != "pubs"} == {
        "options": OPTIONS,
        "version": 2,
        "support_qiskit": True,
    }
    with pytest.raises(NotFoundError, match=r"ran on ibm_manila of IBM's service; QiskitRuntimeService\(\)\.backend"):
        archived.backend()


def test_it_is_found_by_what_the_service_has(cloud: Cloud, project: aerchive.Project) -> None:
    AerSimulator(project=project).run(bound()).result()
    one = project.save(done(cloud, session_id="s1", job_tags=["a"])).job_id
    other = project.save(done(cloud, "estimator", session_id="s2")).job_id

    def ids(**given: Any) -> list[str]:
        return [job.job_id() for job in project.jobs(**given)]

    assert ids(session_id="s1") == [one]
    assert ids(session_id="s3") == []
    assert ids(instance=CRN) == [other, one]
    assert ids(instance=CRN, session_id="s2") == [other]
    assert ids(instance="another") == []
    assert ids(program_id="estimator") == [other]
    assert ids(backend_name=BACKEND, descending=False) == [one, other]
    assert ids(job_tags=["a"]) == [one]
    assert ids(created_before=START) == [one]
    assert len(ids()) == 3


def test_it_cannot_be_run_again(cloud: Cloud, project: aerchive.Project, path: Path, capsys: Any) -> None:
    run = project.save(done(cloud))
    report = run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert report.reasons == (
        f"run {run.job_id} cannot be run again: it ran on ibm_manila of IBM's service; a simulator draws other shots, "
        "without its noise",
    )
    with pytest.raises(InvalidInputError, match="ran on ibm_manila"):
        run.rerun()
    assert main(["-p", str(path), "rerun", run.job_id]) == 1
    assert "ran on ibm_manila" in capsys.readouterr().out


def test_a_second_time_it_gets_labels(cloud: Cloud, project: aerchive.Project, path: Path) -> None:
    job = done(cloud, job_tags=["a"])
    first = project.save(job)
    size = path.stat().st_size
    again = project.save(job, tags=["b"])
    assert (again.job_id, again.tags) == (first.job_id, ("a", "b"))
    assert len(project) == 1
    assert path.stat().st_size < size + 8192


def test_one_that_is_not_over_is_waited_for(cloud: Cloud, project: aerchive.Project) -> None:
    job_id = submit(cloud, "sampler", SAMPLER_PUBS[:1])
    asked = []

    def progress(_: str) -> None:
        asked.append(cloud.jobs[job_id]["status"])
        if len(asked) == 2:
            cloud.jobs[job_id]["state"] = {"status": "Running"}
        elif len(asked) == 3:
            cloud.end(job_id, "Completed", sampled(["00"]))

    job = service_of(cloud).job(job_id)
    cloud.on_status = progress
    assert project.save(job).outcome == "ok"
    assert asked[0] == "Queued"


def test_a_failed_one(cloud: Cloud, project: aerchive.Project) -> None:
    job_id = submit(cloud, "sampler", SAMPLER_PUBS)
    remote = "noise\nTraceback (most recent call last):\n  File 'x'\nRuntimeError: calibration is off"
    cloud.end(job_id, "Failed", remote, reason="calibration is off", reason_code=8042)
    run = project.save(service_of(cloud).job(job_id))
    status = run.record.status
    assert run.outcome == "error"
    assert status.message == "Unable to retrieve job result. Error code 8042; calibration is off"
    assert status.error_type == "qiskit_ibm_runtime.exceptions.RuntimeJobFailureError"
    assert status.traceback == f"Job {job_id} has failed:\nError code 8042; calibration is off"
    assert status.seconds == 2.25
    assert len(run.pubs()) == 2
    archived = run.job()
    assert archived.status() == JobStatus.ERROR
    with pytest.raises(AerJobError, match="calibration is off") as caught:
        archived.result()
    assert caught.value.error_type == "qiskit_ibm_runtime.exceptions.RuntimeJobFailureError"


def test_one_that_ran_too_long(cloud: Cloud, project: aerchive.Project) -> None:
    job_id = submit(cloud, "sampler", SAMPLER_PUBS)
    cloud.end(job_id, "Cancelled", "", reason="ran too long", reason_code=1305)
    status = project.save(service_of(cloud).job(job_id)).record.status
    assert status.outcome == "error"
    assert status.error_type == "qiskit_ibm_runtime.exceptions.RuntimeJobMaxTimeoutError"
    assert status.message == "Error code 1305; ran too long"


def test_a_cancelled_one(cloud: Cloud, project: aerchive.Project) -> None:
    job_id = submit(cloud, "sampler", SAMPLER_PUBS)
    cloud.end(job_id, "Cancelled")
    run = project.save(service_of(cloud).job(job_id))
    assert run.outcome == "cancelled"
    assert run.record.status.message == f"Unable to retrieve result for job {job_id}. Job was cancelled."
    assert run.job().cancelled()


def test_the_inputs_of_a_private_job_are_missing_by_name(cloud: Cloud, project: aerchive.Project) -> None:
    job = done(cloud, private=True)
    with pytest.raises(UnsupportedTypeError, match=r"inputs: the service does not tell them"):
        project.save(job)
    run = project[job.job_id()]
    assert run.record.config.service["private"] is True
    assert run.record.config.missing == ["inputs: the service does not tell them (it keeps none of a private job)"]
    assert differences(job.result(), run.result()) == []
    with pytest.raises(NotFoundError, match="has no pubs"):
        run.pubs()


def test_pubs_in_another_language(cloud: Cloud, project: aerchive.Project) -> None:
    job = done(cloud, pubs=[["OPENQASM 3.0; bit[2] meas; ...", None, 100]])
    with pytest.raises(UnsupportedTypeError, match="inputs: the pubs are not those of Qiskit"):
        project.save(job)
    assert differences(job.result(), project[job.job_id()].result()) == []


def test_metrics_that_are_gone(cloud: Cloud, project: aerchive.Project) -> None:
    job = done(cloud)
    cloud.without.add(f"/jobs/{job.job_id()}/metrics")
    run = project.save(job)
    assert run.outcome == "ok"
    assert "metrics" not in run.record.config.service
    (missing,) = run.record.config.missing or ()
    assert missing.startswith("metrics: the service did not answer (IBMRuntimeError: Failed to get job metadata")
    assert run.record.status.started is None


def test_a_backend_that_has_retired(cloud: Cloud, project: aerchive.Project) -> None:
    cloud.without.add(f"/backends/{BACKEND}/configuration")
    run = project.save(done(cloud))
    assert run.record.config.backend_name == BACKEND
    assert run.record.config.backend_class == "qiskit_ibm_runtime.ibm_backend.IBMRetiredBackend"


@pytest.mark.parametrize("after", ["submission", "status"])
def test_without_a_network_nothing_is_archived(cloud: Cloud, project: aerchive.Project, path: Path, after: str) -> None:
    job = done(cloud)
    if after == "status":
        assert job.done()
    cloud.is_down = True
    with pytest.raises(ServiceError, match=r"the service did not answer .*the cable is out.*try again"):
        project.save(job)
    assert not path.exists()


def test_a_program_that_is_no_primitive(cloud: Cloud, project: aerchive.Project, path: Path) -> None:
    job_id = submit(cloud, "circuit-runner", [], params={"circuits": []})
    cloud.end(job_id, "Completed", {"results": [], "success": True, "job_id": job_id})
    with pytest.raises(InvalidInputError, match=r"of the program 'circuit-runner': its result is a .*RunnerResult"):
        project.save(service_of(cloud).job(job_id))
    assert not path.exists()


def test_spans_and_classes_are_read_with_the_package_only(cloud: Cloud, project: aerchive.Project, path: Path) -> None:
    sampler, estimator = done(cloud), done(cloud, "estimator")
    project.save(sampler)
    project.save(estimator)
    told = processes.run(
        """
        import sys
        sys.modules["qiskit_ibm_runtime"] = None  # as if it were not installed
        import aerchive
        for job_id in sys.argv[2:]:
            run = aerchive.open(sys.argv[1], "r")[job_id]
            print([array.label for array in run.saved], run.array(run.saved[0].label)[...].tolist())
            print(len(run.pubs()), run.record.config.service["usage_seconds"])
            try:
                run.result()
            except aerchive.FormatError as error:
                print(error)
        """,
        path,
        sampler.job_id(),
        estimator.job_id(),
    ).splitlines()
    assert told == [
        "['meas', 'meas'] [[0], [3]]",
        "2 2",
        "ExecutionSpans is a class of qiskit-ibm-runtime: pip install 'aerchive[runtime]'",
        "['evs', 'stds', 'ensemble_standard_error'] [[0.25], [-1.5]]",
        "1 2",
        "EstimatorPubResult is a class of qiskit-ibm-runtime: pip install 'aerchive[runtime]'",
    ]


def test_it_is_listed_and_shown(cloud: Cloud, project: aerchive.Project, path: Path, capsys: Any) -> None:
    job = done(cloud, job_tags=["chip"])
    project.save(job)
    assert main(["-p", str(path), "ls", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["job_id"], row["program"], row["backend"], row["shots"]) == (job.job_id(), "sampler", BACKEND, 2)
    assert main(["-p", str(path), "show", job.job_id()]) == 0
    assert "service.usage_seconds = 2" in capsys.readouterr().out


# -- local testing mode


def local(kind: Any, mode: Any, pubs: Any, **options: Any) -> Any:
    with pytest.warns(DeprecationWarning, match="class is deprecated"):
        primitive = kind(mode=mode, options=options)
    return primitive.run(pubs)


SEEDED = {"simulator": {"seed_simulator": 5}}


def test_a_sampler_in_local_testing_mode(project: aerchive.Project) -> None:
    job = local(SamplerV2, AerSimulator(save_jobs=False), SAMPLER_PUBS[:1], **SEEDED)
    run = project.save(job)
    assert run.job_id == job.job_id()
    assert run.program == "sampler"
    assert [pub.shots for pub in run.pubs()] == [100]
    assert differences(job.result(), run.result()) == []
    created = datetime.datetime.fromisoformat(run.created)
    assert created == job.creation_date.astimezone(datetime.UTC)
    assert run.record.config.service == {}
    assert run.reproduce().verdict == "identical"


def test_an_estimator_in_local_testing_mode(project: aerchive.Project) -> None:
    pubs = [(ansatz(), "ZZ", [[0.1, 0.2], [0.3, 0.4]]), (ansatz(), "XX", [1, 2])]
    job = local(EstimatorV2, AerSimulator(save_jobs=False), pubs, default_shots=400, **SEEDED)
    run = project.save(job)
    assert [pub.precision for pub in run.pubs()] == [1 / np.sqrt(400)] * 2
    assert differences(job.result(), run.result()) == []
    assert run.reproduce().verdict == "identical"


def test_one_whose_simulator_archives_is_archived_once(path: Path, project: aerchive.Project) -> None:
    job = local(SamplerV2, AerSimulator(project=path), SAMPLER_PUBS[:1], **SEEDED)
    job.result()
    (there,) = project.find(parent="")
    run = project.save(job, tags=["again"])
    assert run == there
    assert run.tags == ("again",)
    assert len(project.find(parent="")) == 1


def test_a_client_side_sampler(project: aerchive.Project) -> None:
    sampler = ExecutorSampler(mode=AerSimulator(save_jobs=False))
    sampler.options.default_shots = 50
    job = sampler.run([bound()])
    with pytest.raises(UnsupportedTypeError, match="archived without these values"):
        project.save(job)
    run = project[job.job_id()]
    assert differences(job.result()[0].data, run.result()[0].data) == []
