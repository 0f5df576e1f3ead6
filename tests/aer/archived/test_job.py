from __future__ import annotations

import concurrent.futures
import pickle
from typing import Any

import pytest
import qiskit_aer
from qiskit.exceptions import QiskitError
from qiskit.providers import JobStatus
from qiskit_aer.jobs import AerJob
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer import AerJobError, AerSimulator, ArchivedJob, ArchivedResult
from aerchive.aer.archived import job as archived_job
from aerchive.aer.archived.result import archived_result
from aerchive.errors import NotFoundError
from aerchive.project.run import Run
from aerchive.storage.medium.trace import record_reads
from tests import processes
from tests.aer.conftest import assert_same, bell, everything
from tests.strict import differences


def archive(simulator: AerSimulator, **options: Any) -> Any:
    job = simulator.run(bell(), **({"shots": 10, "seed_simulator": 4} | options))
    concurrent.futures.wait([job._future])
    return aerchive.open(simulator.project.path, "r").job(job.job_id()), job


def test_is_an_aer_job(simulator: AerSimulator) -> None:
    job, live = archive(simulator)

    assert isinstance(job, AerJob)
    assert type(job) is ArchivedJob
    assert job.job_id() == live.job_id()
    assert job.status() is JobStatus.DONE
    assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (True, False, False, True)
    assert job.cancel() is False
    job.wait_for_final_state(timeout=1)
    assert job.error_message() is None
    assert isinstance(job.result(), ArchivedResult)
    assert_same(live.result(), job.result())
    assert_same(live.result(), job.result(timeout=0.1))
    assert job.run == live.run
    assert job.job_id() in repr(job)
    assert job.array().shape == (4,)


def test_circuits(simulator: AerSimulator) -> None:
    job, live = archive(simulator)

    (circuit,) = job.circuits()

    assert circuit == live.circuits()[0]
    assert circuit is not live.circuits()[0]
    assert circuit.name == "bell"


def test_backend_has_the_options_of_the_day(simulator: AerSimulator) -> None:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    simulator.set_options(method="density_matrix", noise_model=model)
    job, _ = archive(simulator, shots=33, precision="single")

    backend = job.backend()

    assert type(backend) is qiskit_aer.AerSimulator
    assert (backend.options.method, backend.options.shots) == ("density_matrix", 33)
    assert (backend.options.precision, backend.options.seed_simulator) == ("single", 4)
    stored, given = backend.options.noise_model.to_dict(), model.to_dict()
    for error in (*stored["errors"], *given["errors"]):
        del error["id"]  # random; a number takes its place
    assert stored == given


def test_runs_again_to_the_same(simulator: AerSimulator) -> None:
    job, live = archive(simulator, method="density_matrix")

    again = job.backend().run(job.circuits()).result()

    mine, other = everything(live.result(), timing=False), everything(again, timing=False)
    assert differences(mine["experiments"], other["experiments"]) == []


def test_submit_is_refused(simulator: AerSimulator) -> None:
    job, _ = archive(simulator)

    with pytest.raises(AerJobError, match="ran already"):
        job.submit()


def test_pickle(simulator: AerSimulator) -> None:
    job, live = archive(simulator)

    copied = pickle.loads(pickle.dumps(job))

    assert type(copied) is ArchivedJob
    assert copied.job_id() == job.job_id()
    assert_same(live.result(), copied.result())


def test_job_that_raised(simulator: AerSimulator) -> None:
    job, live = archive(simulator, shots="many")
    original = live._future.exception()

    assert job.status() is JobStatus.ERROR
    assert (job.done(), job.cancelled(), job.in_final_state()) == (live.done(), False, True)
    assert job.error_message() in str(original)
    with pytest.raises(AerJobError) as raised:
        job.result()
    assert isinstance(raised.value, QiskitError)
    assert isinstance(raised.value, aerchive.AerchiveError)
    assert str(raised.value) == job.error_message()
    assert raised.value.error_type == f"{type(original).__module__}.{type(original).__qualname__}"
    assert "Traceback" in raised.value.stored_traceback
    copied = pickle.loads(pickle.dumps(raised.value))
    assert (str(copied), copied.error_type) == (str(raised.value), raised.value.error_type)


def test_job_that_failed(simulator: AerSimulator) -> None:
    circuit = bell()
    circuit.save_statevector()  # a label twice
    live = simulator.run(circuit)
    live.result()

    job = simulator.project.job(live.job_id())

    assert job.status() is live.status() is JobStatus.DONE
    assert job.run.outcome == "failed"
    assert "duplicate" in job.error_message().lower() or "statevector" in job.error_message()
    assert job.result().success is False
    assert_same(live.result(), job.result())


def test_result_saved_without_circuits(project: aerchive.Project) -> None:
    result = qiskit_aer.AerSimulator().run(bell()).result()

    job = project.save(result).job()

    assert job.status() is JobStatus.DONE
    assert job.result().get_counts() == result.get_counts()
    with pytest.raises(NotFoundError, match="without its circuits"):
        job.circuits()


def test_nothing_large_is_read_before_it_is_asked_for(simulator: AerSimulator) -> None:
    archive(simulator)
    project = aerchive.open(simulator.project.path, "r")
    job_id = project.latest().job_id

    with record_reads() as log:
        job = project.job(job_id)
        job.status()

    assert log.nbytes < 100_000


def test_the_result_is_one_object_while_somebody_holds_it(simulator: AerSimulator) -> None:
    archived, _ = archive(simulator)

    held = archived.result()

    assert archived.result() is held
    assert_same(held, pickle.loads(pickle.dumps(archived)).result())


@pytest.mark.parametrize("kept_bytes", [None, 0])
def test_a_small_result_is_made_once(
    simulator: AerSimulator, kept_bytes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept_bytes is not None:
        monkeypatch.setattr(archived_job, "_KEPT_BYTES", kept_bytes)
    made: list[Run] = []

    def make(run: Run) -> Any:
        made.append(run)
        return archived_result(run)

    monkeypatch.setattr(archived_job, "archived_result", make)
    archived, live = archive(simulator)

    assert [archived.result().get_counts() for _ in range(3)] == [live.result().get_counts()] * 3

    assert len(made) == (1 if kept_bytes is None else 3)


def test_in_a_fresh_process(simulator: AerSimulator) -> None:
    job, live = archive(simulator, memory=True)
    script = """
        import sys
        import aerchive
        job = aerchive.open(sys.argv[1]).job(sys.argv[2])
        result = job.result()
        print(sorted(result.get_counts().items()))
        print(result.get_memory())
        print(result.get_statevector().data.tobytes().hex())
        print(job.circuits()[0].name, job.status().name)
    """

    printed = processes.run(script, simulator.project.path, job.job_id()).splitlines()

    result = live.result()
    assert printed == [
        str(sorted(result.get_counts().items())),
        str(result.get_memory()),
        result.get_statevector().data.tobytes().hex(),
        "bell DONE",
    ]
