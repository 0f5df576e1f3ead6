"""Primitives are archived: one run with pubs and result, the simulations beneath as its children."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BasePrimitiveJob,
    DataBin,
    PrimitiveResult,
    PubResult,
    StatevectorSampler,
)
from qiskit.providers import JobStatus
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.aererror import AerError
from qiskit_aer.noise import NoiseModel, depolarizing_error

import aerchive
from aerchive.aer import (
    AerJobError,
    AerSimulator,
    ArchivedPrimitiveJob,
    ArchivingPrimitiveJob,
    EstimatorV2,
    SamplerV2,
    archiving,
)
from aerchive.cli import main
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError, UnsupportedTypeError
from tests import processes
from tests.strict import differences

THETA = Parameter("θ")
NOISE = NoiseModel()
NOISE.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["rx"])
SUM = SparsePauliOp(["ZZ", "XI", "IY"], [0.5, 2.0, -1.0])


def ansatz(*, measured: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(2, name="ansatz", metadata={"depth": 1, "odd": (1, 2)})
    circuit.rx(THETA, 0)
    circuit.cx(0, 1)
    circuit.ry(0.3, 1)
    if measured:
        circuit.measure_all()
    return circuit


SAMPLED: list[Any] = [(ansatz(measured=True), [[0.1], [0.2], [0.3]]), (ansatz(measured=True), [0.4], 77)]
ESTIMATED: list[Any] = [(ansatz(), [["ZZ"], [SUM]], [[0.1], [0.2]]), (ansatz(), "XX", [0.5])]

Make = Callable[[Path | None], Any]
"""Makes a primitive over a simulator that archives in a file, or over a stock one."""


def simulator(path: Path | None, **options: Any) -> Any:
    return qiskit_aer.AerSimulator(**options) if path is None else AerSimulator(project=path, **options)


def own_sampler(path: Path | None, **how: Any) -> Any:
    return qiskit_aer.primitives.SamplerV2(**how) if path is None else SamplerV2(project=path, **how)


def own_estimator(path: Path | None, **options: Any) -> Any:
    kind = qiskit_aer.primitives.EstimatorV2
    return kind(options=options) if path is None else EstimatorV2(project=path, options=options)


PRIMITIVES: dict[str, tuple[Make, Any, int]] = {
    "sampler": (lambda path: own_sampler(path, seed=5), SAMPLED, 2),
    "sampler with options": (
        lambda path: own_sampler(
            path,
            default_shots=50,
            seed=5,
            options={"backend_options": {"noise_model": NOISE}, "run_options": {"fusion_enable": False}},
        ),
        SAMPLED,
        2,
    ),
    "noise for the run": (
        lambda path: own_sampler(path, seed=1, options={"run_options": {"noise_model": NOISE}}),
        SAMPLED[:1],
        1,
    ),
    "estimator": (own_estimator, ESTIMATED, 2),
    "estimator with precision": (
        lambda path: own_estimator(path, default_precision=0.1, run_options={"seed_simulator": 8}),
        ESTIMATED,
        2,
    ),
    "stock sampler over a backend": (
        lambda path: qiskit_aer.primitives.SamplerV2.from_backend(simulator(path), seed=5),
        SAMPLED,
        2,
    ),
    "stock estimator over a backend": (
        lambda path: qiskit_aer.primitives.EstimatorV2.from_backend(simulator(path)),
        ESTIMATED,
        2,
    ),
    "qiskit's sampler": (
        lambda path: BackendSamplerV2(backend=simulator(path), options={"seed_simulator": 3, "default_shots": 20}),
        SAMPLED,
        2,
    ),
    "qiskit's sampler with noise": (
        lambda path: BackendSamplerV2(backend=simulator(path, noise_model=NOISE), options={"seed_simulator": 3}),
        SAMPLED[:1],
        1,
    ),
    "qiskit's estimator": (
        lambda path: BackendEstimatorV2(
            backend=simulator(path), options={"seed_simulator": 3, "default_precision": 0.1}
        ),
        ESTIMATED,
        1,
    ),
    "qiskit's estimator, ungrouped": (
        lambda path: BackendEstimatorV2(
            backend=simulator(path), options={"seed_simulator": 3, "abelian_grouping": False}
        ),
        ESTIMATED[1:],
        1,
    ),
}


def timeless(result: Any) -> Any:
    """Without what differs between two calls."""
    for pub in result:
        pub.metadata.pop("simulator_metadata", None)
    return result


class Case(NamedTuple):
    """A primitive that was archived, and what another process reads."""

    path: Path
    job: Any
    result: Any
    again: tuple[Any, JobStatus, str]


READ = """
    import pickle, sys
    import aerchive
    told = []
    for path, job_id in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        project = aerchive.open(path, "r")
        job = project.job(job_id)
        told.append((job.result(), job.status(), project[job_id].reproduce().verdict))
    print(pickle.dumps(told).hex())
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Each primitive archived in a project of its own, and all read in one other process."""
    folder = tmp_path_factory.mktemp("primitives")
    paths = [folder / f"{number}.h5" for number in range(len(PRIMITIVES))]
    jobs, results = [], []
    for path, (make, pubs, _) in zip(paths, PRIMITIVES.values(), strict=True):
        jobs.append(make(path).run(pubs))
        results.append(jobs[-1].result())
    words = [word for path, job in zip(paths, jobs, strict=True) for word in (path, job.job_id())]
    told = pickle.loads(bytes.fromhex(processes.run(READ, *words)))
    return dict(zip(PRIMITIVES, map(Case, paths, jobs, results, told), strict=True))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_is_one_run_and_comes_back_bit_for_bit(cases: dict[str, Case], name: str) -> None:
    simulations = PRIMITIVES[name][2]
    path, job, result, (again, status, verdict) = cases[name]
    project = aerchive.open(path)
    run = project[job.job_id()]  # there when result() has returned, also for stock classes
    assert run.program in ("sampler", "estimator")
    assert run.outcome == "ok"
    assert run.parent is None
    assert differences(result, run.result()) == []
    assert [one.job_id() for one in project.jobs()] == [job.job_id()]
    children = run.children()
    assert len(children) == simulations
    assert all(child.parent == job.job_id() and child.program == "run" for child in children)
    assert len(project.jobs(nested=True)) == 1 + simulations
    assert differences(result, again) == []
    assert status == JobStatus.DONE
    assert verdict == "identical"
    assert project.verify().ok


@pytest.mark.parametrize("name", PRIMITIVES)
def test_archiving_changes_nothing(cases: dict[str, Case], name: str) -> None:
    make, pubs, _ = PRIMITIVES[name]
    stock, ours = make(None).run(pubs).result(), copy.deepcopy(cases[name].result)
    assert differences(timeless(stock), timeless(ours)) == []


def test_pubs_circuits_options_and_labels(path: Path) -> None:
    primitive = SamplerV2(project=path, default_shots=10, seed=4, options={"run_options": {"fusion_enable": False}})
    job = primitive.run(SAMPLED, tags=["a", "b"], name="sweep", notes="n", params={"d": 0.7})
    job.result()
    run = job.run
    assert (run.tags, run.name, run.notes, run.params) == (("a", "b"), "sweep", "n", {"d": 0.7})
    config = run.record.config
    assert config.primitive_class == "aerchive.aer.primitives.SamplerV2"
    assert config.primitive_options == {"default_shots": 10, "seed": 4, "run.fusion_enable": False}
    first, second = run.pubs()
    assert (first.shots, second.shots) == (10, 77)
    assert first.circuit == SAMPLED[0][0]
    assert first.circuit.metadata == {"depth": 1, "odd": (1, 2)}
    assert first.parameter_values.shape == (3,)
    assert len(run.circuits()) == 2
    assert run.row()["shots"] == 10
    assert run.row()["method"] == b"statevector"
    assert aerchive.open(path).jobs(program_id="sampler")[0].job_id() == job.job_id()


def test_arrays_are_lazy_and_listed(path: Path) -> None:
    job = SamplerV2(project=path, seed=1).run([(ansatz(measured=True), [[0.1], [0.2]])], shots=3000)
    bits = job.result()[0].data.meas
    array = job.run.array("meas")
    assert array.shape == (2, 3000, 1)
    assert np.array_equal(array[1, 5:9], bits.array[1, 5:9])
    (saved,) = job.run.saved
    assert (saved.label, saved.kind, saved.nbytes) == ("meas", "bit_array", 6000)
    estimated = EstimatorV2(project=path).run(ESTIMATED).result()
    run = aerchive.open(path).latest(program="estimator")
    assert np.array_equal(run.array("evs")[...], estimated[0].data.evs)
    assert run.value("evs", 1) == estimated[1].data.evs


def test_an_archived_job_behaves_as_a_job(path: Path) -> None:
    job = SamplerV2(project=path, seed=1).run(SAMPLED)
    job.result()
    archived = aerchive.open(path).job(job.job_id())
    assert isinstance(archived, ArchivedPrimitiveJob)
    assert isinstance(archived, BasePrimitiveJob)
    assert archived.job_id() == job.job_id()
    assert (archived.done(), archived.running(), archived.cancelled(), archived.in_final_state()) == (
        True,
        False,
        False,
        True,
    )
    assert archived.cancel() is False
    assert archived.error_message() is None
    assert [one.result().success for one in archived.jobs()] == [True, True]
    assert archived.backend().name == "aer_simulator"
    assert len(archived.circuits()) == 2
    assert len(archived.inputs["pubs"]) == 2
    assert archived.inputs["options"]["seed"] == 1
    assert differences(pickle.loads(pickle.dumps(archived)).result(), job.result()) == []
    assert repr(archived) == f"<ArchivedPrimitiveJob {job.job_id()} sampler ok>"
    live = pickle.loads(pickle.dumps(job))
    assert isinstance(live, ArchivingPrimitiveJob)
    assert live.run.job_id == job.job_id()


def failing() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.t(0)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("is_stock", [True, False])
def test_what_a_primitive_raised_is_kept(path: Path, is_stock: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    if is_stock:
        primitive: Any = BackendSamplerV2(backend=AerSimulator(project=path, method="stabilizer"))
    else:
        primitive = SamplerV2(project=path, options={"backend_options": {"method": "stabilizer"}})
    job = primitive.run([failing()])
    with pytest.raises((AerError, Exception)) as raised:
        job.result()
    assert not isinstance(raised.value, ArchiveWarning)
    archived = aerchive.open(path).job(job.job_id())
    assert archived.status() == JobStatus.ERROR
    assert archived.run.outcome == "error"
    with pytest.raises(AerJobError) as again:
        archived.result()
    assert again.value.message == getattr(raised.value, "message", str(raised.value))
    assert len(archived.inputs["pubs"]) == 1
    assert [child.outcome for child in archived.run.children()] == ["failed"]
    assert archived.run.reproduce().verdict == "identical"


def test_a_call_may_be_left_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = SamplerV2(project=path, seed=1)
    job = sampler.run(SAMPLED, save_jobs=False)
    assert len(job.result()) == 2
    assert not path.exists()
    with pytest.raises(NotFoundError, match="has not finished yet"):
        _ = job.run
    SamplerV2(project=path, save_jobs=False).run(SAMPLED).result()
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    sampler.run(SAMPLED).result()
    assert not path.exists()
    sampler.run(SAMPLED, save_jobs=True).result()
    assert len(aerchive.open(path).jobs()) == 1


def test_from_backend_archives_what_it_is_given(path: Path) -> None:
    stock = qiskit_aer.AerSimulator(method="density_matrix", noise_model=NOISE)
    sampler = SamplerV2.from_backend(stock, project=path, seed=2)
    assert type(stock) is qiskit_aer.AerSimulator
    job = sampler.run(SAMPLED[:1])
    expected = qiskit_aer.primitives.SamplerV2.from_backend(stock, seed=2).run(SAMPLED[:1]).result()
    assert differences(timeless(job.result()), timeless(expected)) == []
    assert job.run.record.config.options["method"] == "density_matrix"
    assert job.run.noise_model() is not None
    ours = AerSimulator(project=path)
    assert EstimatorV2.from_backend(ours)._backend is ours
    other = EstimatorV2.from_backend(ours, project=path.with_name("other.h5"))
    other.run(ESTIMATED[1:]).result()
    assert len(aerchive.open(path.with_name("other.h5"))) == 2


class Own(qiskit_aer.AerSimulator):
    """Of a user: with a ``run`` of its own, that must go on working."""

    def run(self, circuits: Any, **options: Any) -> Any:
        return super().run(circuits, shots=17, **options)


def test_archiving_leaves_the_other_simulator_as_it_is(path: Path) -> None:
    stock = qiskit_aer.AerSimulator(seed_simulator=4)
    ours = archiving(stock, path)
    stock.set_options(seed_simulator=5)
    assert ours.options.seed_simulator == 4
    ours.run(failing()).result()
    assert len(aerchive.open(path)) == 1
    own = archiving(Own(), path)
    assert isinstance(own, Own)
    own.run(failing()).result()
    run = aerchive.open(path).latest()
    assert sum(run.counts().values()) == 17
    assert run.record.config.backend_class == "tests.aer.running.test_primitives.Own"
    twin = pickle.loads(pickle.dumps(own))
    assert type(twin) is type(own)
    twin.run(failing()).result()
    assert len(aerchive.open(path)) == 3
    with pytest.raises(UnsupportedTypeError, match="cannot be made to archive: give a backend of Aer, or use"):
        archiving(GenericBackendV2(2))


def test_a_primitive_that_ran_elsewhere_can_be_saved(path: Path) -> None:
    project = aerchive.open(path)
    job = qiskit_aer.primitives.SamplerV2(seed=3).run(SAMPLED)
    run = project.save(job, tags="later")
    assert (run.job_id, run.program, run.tags) == (job.job_id(), "sampler", ("later",))
    assert differences(run.result(), job.result()) == []
    assert run.reproduce().verdict == "identical"
    assert project.save(job, tags="again").tags == ("later", "again")
    bare = project.save(job.result(), circuits=[SAMPLED[0][0]])
    assert differences(bare.result(), job.result()) == []
    assert bare.program == "sampler"
    assert bare.reproduce().verdict == "not_rerunnable"
    ideal = StatevectorSampler(seed=1).run(SAMPLED)
    kept = project.save(ideal)
    assert differences(kept.result(), ideal.result()) == []
    report = kept.reproduce()
    assert report.verdict == "not_rerunnable"
    assert "only the primitives of Aer and Qiskit's over a backend can be" in report.reasons[0]
    broken = qiskit_aer.primitives.SamplerV2(options={"backend_options": {"method": "stabilizer"}}).run([failing()])
    assert project.save(broken).outcome == "error"


def test_odd_results_are_kept(path: Path) -> None:
    odd = np.array([np.nan, -0.0, 5e-324, np.inf])
    data = DataBin(evs=np.asfortranarray(odd.reshape(2, 2)), stds=odd.astype("f4").reshape(2, 2), shape=(2, 2))
    result: Any = PrimitiveResult([PubResult(data, {"precision": np.float64(0.1), 1: (2,)}), PubResult(DataBin())])
    run = aerchive.open(path).save(result)
    assert differences(result, run.result()) == []
    assert run.program == "estimator"
    with pytest.raises(NotFoundError, match="has no pubs"):
        run.pubs()


def test_seeds_that_aer_chose_are_found_beneath(path: Path) -> None:
    for primitive, pubs in (
        (SamplerV2(project=path), SAMPLED),
        (EstimatorV2(project=path, options={"run_options": {"shots": 100}}), ESTIMATED),
        (BackendEstimatorV2(backend=AerSimulator(project=path, max_job_size=1)), ESTIMATED),
        (BackendSamplerV2(backend=AerSimulator(project=path)), SAMPLED),
    ):
        job = primitive.run(pubs)
        job.result()
        report = aerchive.open(path)[job.job_id()].reproduce()
        assert report.verdict == "identical", str(report)


def test_values_that_were_drawn_without_a_seed_cannot_be_drawn_again(path: Path) -> None:
    job = EstimatorV2(project=path).run(ESTIMATED, precision=0.1)
    job.result()
    report = job.run.reproduce()
    assert report.verdict == "not_rerunnable"
    assert "with a precision above 0 and without a seed" in report.reasons[0]


def test_run_again_and_saved(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = SamplerV2(project=path).run(SAMPLED, name="first")
    job.result()
    result = job.run.rerun(save=True)
    assert differences(timeless(result), timeless(job.result())) == []
    assert aerchive.open(path).latest().name == "first again"
    assert main(["-p", str(path), "rerun", job.job_id()]) == 0
    assert "3 of" not in capsys.readouterr().out
    assert main(["-p", str(path), "rerun", job.job_id(), "--save", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["success"] is True


def test_ls_shows_the_simulations_beneath_only_when_asked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SamplerV2(project=path).run(SAMPLED).result()
    assert main(["-p", str(path), "ls", "--json"]) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert only["program"] == "sampler"
    assert main(["-p", str(path), "ls", "--nested", "--json"]) == 0
    assert {one["parent"] for one in json.loads(capsys.readouterr().out)} == {None, only["job_id"]}
    assert main(["-p", str(path), "show", only["job_id"]]) == 0
    assert "primitive_class = aerchive.aer.primitives.SamplerV2" in capsys.readouterr().out


def test_diff_of_two_primitives(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [SamplerV2(project=path, seed=seed).run(SAMPLED[:1]) for seed in (1, 1, 2)]
    ids = [job.job_id() for job in jobs if job.result()]
    assert main(["-p", str(path), "diff", ids[0], ids[1]]) == 0
    capsys.readouterr()
    main(["-p", str(path), "diff", ids[0], ids[2], "--json"])
    found = {one["what"]: one["verdict"] for one in json.loads(capsys.readouterr().out)["differences"]}
    assert found["meas 0"] in ("compatible", "inconclusive")
    assert found["primitive option seed"] == "different"


def test_a_deleted_primitive_takes_the_simulations_beneath_along(path: Path) -> None:
    job = SamplerV2(project=path).run(SAMPLED)
    job.result()
    project = aerchive.open(path)
    project.delete_job(job.job_id())
    assert len(project) == 0
    assert project.verify().ok


def test_the_newest_run_is_never_one_beneath(path: Path) -> None:
    job = SamplerV2(project=path).run(SAMPLED)
    job.result()
    project = aerchive.open(path)
    assert project.latest().job_id == job.job_id()
    assert project.latest(parent=job.job_id()).parent == job.job_id()


def test_a_project_that_cannot_be_written_costs_no_result(
    path: Path, gate: Callable[[], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "/dev/null/pending")
    backend = AerSimulator(project=path)
    job = SamplerV2(project=path, seed=1).run(SAMPLED)
    stock = BackendSamplerV2(backend=backend, options={"seed_simulator": 1}).run(SAMPLED)
    processes.wait_until(lambda: len(aerchive.open(path).jobs(nested=True, pending=True)) == 4)
    path.write_bytes(b"not HDF5")
    gate()
    with pytest.warns(ArchiveWarning, match="was not archived") as caught:
        result = job.result()
    assert len(caught) == 1  # the primitive's and those beneath, in one
    assert len(result) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(stock.result()) == 2
    told = [record for record in caplog.records if f"{stock.job_id()} was not archived" in record.message]
    assert [(record.levelname, record.exc_info) for record in told] == [("ERROR", None)]


def test_an_error_setting_raises_from_the_primitives_result(
    path: Path, gate: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "/dev/null/pending")
    monkeypatch.setenv("AERCHIVE_ON_ERROR", "raise")
    job = SamplerV2(project=path, seed=1).run(SAMPLED)
    processes.wait_until(lambda: len(aerchive.open(path).jobs(nested=True, pending=True)) == 2)
    path.write_bytes(b"not HDF5")
    gate()
    with pytest.raises(
        aerchive.WriteError, match=r"is a text file, so not .*; and not in /dev/null/pending: Not a directory$"
    ):
        job.result()
    assert len(job.result()) == 2


KILLED = """
    import os, signal, sys
    from aerchive.aer import AerSimulator, SamplerV2
    from aerchive.aer.running import submit
    submit.draft_finished = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    from qiskit import QuantumCircuit
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    job = SamplerV2(project=sys.argv[1]).run([circuit], name="doomed")
    print(job.job_id(), flush=True)
    job.result()
"""


def test_a_process_that_dies_leaves_a_lost_primitive(path: Path) -> None:
    with processes.start(KILLED, path) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    run = aerchive.open(path)[out.strip()]
    assert (run.outcome, run.program, run.name) == ("lost", "sampler", "doomed")
    assert [child.outcome for child in aerchive.open(path).find(parent=run.job_id)] == ["lost"]


ENDS_AT_ONCE = """
    import sys
    from aerchive.aer import SamplerV2
    from qiskit import QuantumCircuit
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    print(SamplerV2(project=sys.argv[1]).run([circuit]).job_id())
"""


def test_a_script_that_does_not_wait_leaves_an_archived_run(path: Path) -> None:
    job_id = processes.run(ENDS_AT_ONCE, path).strip()
    run = aerchive.open(path)[job_id]
    assert run.outcome == "ok"
    assert len(run.children()) == 1


def test_circuits_that_are_changed_after_run_are_archived_as_they_ran(path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    job = SamplerV2(project=path).run([circuit])
    result = job.result()
    circuit.x(0)
    assert job.run.circuits()[0].count_ops()["x"] == 1
    assert result[0].data.meas.get_counts() == {"1": 1024}


def test_labels_are_checked_before_anything_runs(path: Path) -> None:
    with pytest.raises(InvalidInputError, match="name"):
        SamplerV2(project=path).run(SAMPLED, name=3)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedTypeError):
        EstimatorV2(project=path).run(ESTIMATED, params={"x": object()})
    assert not os.path.exists(path)
