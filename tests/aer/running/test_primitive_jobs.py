"""The jobs of stock primitives are found under their ids, without looking for them and without waiting."""

from __future__ import annotations

import copy
import pickle
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives import BackendSamplerV2, BaseSamplerV2, PrimitiveJob, StatevectorSampler
from qiskit_ibm_runtime.fake_provider.local_runtime_job import LocalRuntimeJob

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.aer.running import primitive_call
from aerchive.errors import ArchiveWarning
from aerchive.storage.file import ProjectFile
from tests import processes
from tests.strict import differences


def coin() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    return circuit


def test_a_job_that_nobody_keeps_is_found_at_once(path: Path) -> None:
    sampler = BackendSamplerV2(backend=AerSimulator(project=path))
    sampler.run([coin()]).result()
    begun = time.monotonic()
    job_id = sampler.run([coin()]).job_id()  # the job itself is gone
    processes.wait_until(lambda: job_id in aerchive.open(path) and aerchive.open(path)[job_id].outcome == "ok")
    assert time.monotonic() - begun < 4
    assert len(aerchive.open(path).find(program="sampler")) == 2


class Synchronous(BaseSamplerV2):
    """A primitive of a user, whose ``run`` works at once and makes no job."""

    def run(self, pubs: Any, *, shots: int | None = None) -> Any:
        backend = qiskit_aer.AerSimulator(seed_simulator=1)
        return [backend.run(pub, shots=10).result().get_counts() for pub in pubs]


def test_a_primitive_without_a_job_in_a_pool(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    begun = time.monotonic()
    with aerchive.autosave(path), ThreadPoolExecutor(1) as pool:
        (counts,) = pool.map(Synchronous().run, [[coin()]])
    assert time.monotonic() - begun < 4
    (run,) = aerchive.open(path).runs()
    assert (run.program, run.parent, run.counts()) == ("run", None, counts[0])
    assert caplog.records == []


def test_the_job_of_another_library_that_stands_for_a_primitives(path: Path) -> None:
    with aerchive.autosave(path):
        inner = BackendSamplerV2(backend=qiskit_aer.AerSimulator()).run([coin()])
        outer = LocalRuntimeJob(
            function=inner._function,
            future=inner._future,
            backend=qiskit_aer.AerSimulator(),
            primitive="sampler",
            inputs={"pubs": []},
        )
        result = outer.result()
    assert outer.job_id() == inner.job_id() == outer.session_id
    run = aerchive.open(path)[outer.job_id()]
    assert differences(result, run.result()) == []
    assert [child.parent for child in run.children()] == [run.job_id]


def test_a_job_that_does_the_same_once_more_has_an_id_of_its_own(path: Path) -> None:
    with aerchive.autosave(path):
        first = qiskit_aer.primitives.SamplerV2().run([coin()])
        second: Any = PrimitiveJob(first._function, *first._args)
        second._submit()
        results = {job.job_id(): job.result() for job in (first, second)}
    project = aerchive.open(path)
    assert len(project.jobs()) == len(results) == 2
    for job_id, result in results.items():
        assert differences(result, project[job_id].result()) == []


def test_a_job_is_pickled_and_copied_as_without(path: Path) -> None:
    with aerchive.autosave(path):
        job = qiskit_aer.primitives.SamplerV2(seed=2).run([coin()])
        job.result()
        text = pickle.dumps(job)
        twin = copy.deepcopy(job._function)
    assert b"aerchive" not in text
    assert pickle.loads(text).job_id() == job.job_id()
    assert twin.__self__ is not job._function.__self__
    assert twin.__name__ == "_run"
    assert len(twin(job._args[0])) == 1


def test_what_needs_no_simulator_is_left_alone(path: Path) -> None:
    with aerchive.autosave(path):
        assert len(StatevectorSampler().run([coin()]).result()) == 1
    assert not path.exists()


def test_a_primitive_that_calls_another_one(path: Path) -> None:
    class Outer(qiskit_aer.primitives.SamplerV2):
        def _run(self, pubs: Any) -> Any:
            super()._run(pubs)
            return qiskit_aer.primitives.SamplerV2(seed=1).run(pubs).result()

    with aerchive.autosave(path):
        job = Outer(seed=1).run([coin()])
        job.result()
    project = aerchive.open(path)
    assert len(project.find(program="sampler")) == 2
    assert len(project[job.job_id()].children()) == 1
    assert project.verify().ok


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an item for each commit."""
    made: list[int] = []
    real = ProjectFile.commit

    def commit(*arguments: Any, **keywords: Any) -> Any:
        made.append(len(made))
        return real(*arguments, **keywords)

    monkeypatch.setattr(ProjectFile, "commit", commit)
    return made


def test_the_run_of_the_last_simulation_is_committed_with_the_primitives(path: Path, commits: list[int]) -> None:
    sampler = SamplerV2(project=path, seed=1)
    sampler.run([coin()]).result()
    assert len(commits) == 1
    commits.clear()
    sampler.run([(coin(), None, 5), (coin(), None, 6)]).result()
    assert len(commits) == 2
    assert [len(run.children()) for run in aerchive.open(path).find(program="sampler")] == [1, 2]


def test_a_primitive_may_ask_for_the_run_of_its_simulation(path: Path) -> None:
    runs = []

    class Asking(BackendSamplerV2):
        def _run(self, pubs: Any) -> Any:
            result = super()._run(pubs)
            job = self._backend.run(coin(), shots=5)
            job.result()
            runs.append(job.run)
            job.run.add_tags("asked")
            return result

    Asking(backend=AerSimulator(project=path)).run([coin()]).result()
    project = aerchive.open(path)
    assert [run.job_id for run in project.find(tags="asked")] == [run.job_id for run in runs]
    assert project.count_by("program") == {"run": 2, "sampler": 1}


def test_a_primitive_that_fails_after_its_simulation(path: Path, commits: list[int]) -> None:
    sampler = BackendSamplerV2(backend=AerSimulator(project=path), options={"run_options": {"meas_level": 7}})
    job = sampler.run([coin()])
    with pytest.raises(QiskitError, match="Unsupported meas_level: 7"):
        job.result()
    run = aerchive.open(path)[job.job_id()]
    assert (run.outcome, [child.outcome for child in run.children()]) == ("error", ["ok"])
    assert len(commits) == 1
    assert run.reproduce().verdict == "identical"


def test_if_one_run_cannot_be_written_the_other_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = aerchive.Project.archive_together

    def archive(self: Any, drafts: Any, durability: Any = None) -> Any:
        if any(draft.config.program == "sampler" for draft in drafts):
            raise aerchive.WriteError("no room for it")
        return real(self, drafts, durability)

    monkeypatch.setattr(aerchive.Project, "archive_together", archive)
    job = SamplerV2(project=path, seed=1).run([coin()])
    with pytest.warns(ArchiveWarning, match="no room for it"):
        assert len(job.result()) == 1
    (run,) = aerchive.open(path).runs()
    assert (run.program, run.outcome, run.parent) == ("run", "ok", job.job_id())


OFF = """
    import sys
    import aerchive
    from qiskit.primitives import PrimitiveJob
    before = PrimitiveJob.__init__
    with aerchive.autosave(sys.argv[1]):
        assert PrimitiveJob.__init__ is not before
        with aerchive.autosave(sys.argv[1]):
            pass
        assert PrimitiveJob.__init__ is not before
    assert PrimitiveJob.__init__ is before
    from aerchive.aer import AerSimulator
    assert PrimitiveJob.__init__ is before
    AerSimulator(project=sys.argv[1])
    assert PrimitiveJob.__init__ is not before
    aerchive.autosave(False)
    assert PrimitiveJob.__init__ is not before
"""


def test_qiskits_class_is_as_it_was_without_need(path: Path) -> None:
    processes.run(OFF, path)


def test_a_private_name_that_is_gone_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sampler = qiskit_aer.primitives.SamplerV2()
    job = types.SimpleNamespace(job_id=lambda: "an id")
    primitive_call._note_job(job, sampler._run, has_arguments=True)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "a job of SamplerV2 is not archived as a primitive's" in record.message
    assert "has no '_function' in the installed version" in record.message
