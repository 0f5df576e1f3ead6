"""Extracting some runs: all that they need, what they lack without their arrays, and filling that in again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, NotFoundError
from tests.jobs import bell


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulations that share their circuit and save a state of 128 KiB, and a sampler with a run beneath it."""
    path = tmp_path_factory.mktemp("extract") / "source.h5"
    circuit = QuantumCircuit(13)
    circuit.h(range(13))
    circuit.save_statevector(label="psi")
    circuit.measure_all()
    simulator = AerSimulator(project=str(path), method="statevector", seed_simulator=5)
    for name in ("first", "second"):
        simulator.run(circuit, shots=20, name=name, tags=["paper"], params={"x": 0.5}).result()
    SamplerV2(seed=3, project=str(path)).run([bell()], shots=10).result()
    project = aerchive.open(path)
    project["first"].attach("fit", np.arange(5))
    project["first"].attach("large", np.arange(20_000.0))
    project.attach("plan", "not for others")
    return path


def test_a_run_beneath_that_of_a_primitive_comes_with_it_so_that_it_is_listed(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    (child,) = [run for run in project.find() if run.record.config.parent]
    part = project.extract(tmp_path / "child.h5", job_id=child.job_id)
    assert {run.job_id for run in part.find()} == {child.job_id, child.record.config.parent}
    assert [job.job_id() for job in part.jobs()] == [child.record.config.parent]


def test_one_run_with_all_that_it_needs(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    one = project.extract(tmp_path / "one.h5", "name == first")
    (run,) = one
    before = project["first"]
    assert (run.run_uuid, run.core_sha256, run.tags) == (before.run_uuid, before.core_sha256, ("paper",))
    assert run.circuits() == before.circuits()
    np.testing.assert_array_equal(run.array("psi")[...], before.array("psi")[...])
    assert sorted(run.attachments) == ["fit", "large"]
    assert not list(one.attachments)
    assert one.verify().ok
    assert aerchive.validate(one.path).ok
    assert one.file.peek_uuid() != project.file.peek_uuid()
    with pytest.raises(AlreadyExistsError):
        project.extract(tmp_path / "one.h5")


def test_runs_beneath_a_primitive_come_along(source: Path, tmp_path: Path) -> None:
    one = aerchive.open(source, "r").extract(tmp_path / "sampler.h5", program="sampler")
    assert sorted(run.program for run in one) == ["run", "sampler"]
    assert one.jobs()[0].result()[0].data.meas.num_shots == 10


def test_without_payloads_a_run_says_what_it_lacks_and_keeps_its_seal(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    light = project.extract(tmp_path / "light.h5", payloads=False, tags="paper")
    run, before = light["first"], project["first"]
    assert run.missing == {"statevector": ((2**13,), "<c16")}
    assert run.core_sha256 == before.core_sha256
    assert run.results_sha256 == before.results_sha256
    assert run.counts() == before.counts()
    assert sorted(run.attachments) == ["fit"]
    assert [(one.label, one.shape) for one in run.saved] == [(one.label, one.shape) for one in before.saved]
    for read in (lambda: run.array("psi")[0], lambda: run.state("psi").probabilities([0])):
        with pytest.raises(NotFoundError, match=r"source\.h5"):
            read()
    assert light.verify().ok
    assert aerchive.validate(light.path).ok
    light.compact(force=True)
    light.rebuild_catalogue()
    assert light.verify().ok
    assert light["first"].missing == run.missing


def test_merging_the_whole_run_fills_in_what_was_missing(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    light = project.extract(tmp_path / "light.h5", payloads=False, tags="paper")
    light["first"].add_tags("seen")
    one = project.extract(tmp_path / "one.h5", "name == first")
    assert light.merge(one).filled == 1
    assert light.merge(project.path).filled == 1
    for name in ("first", "second"):
        run, before = light[name], project[name]
        assert not run.missing
        np.testing.assert_array_equal(run.array("psi")[...], before.array("psi")[...])
        assert run.nbytes == before.nbytes
    assert sorted(light["first"].attachments) == ["fit", "large"]
    assert light["first"].tags == ("paper", "seen")
    assert light.verify().ok
    assert aerchive.validate(light.path).ok
    assert light.merge(project.path).unchanged == 4


def test_an_anonymous_extract_has_no_personal_facts(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    for payloads in (True, False):
        path = tmp_path / f"anonymous-{payloads}.h5"
        one = project.extract(path, anonymous=True, payloads=payloads)
        assert one.verify().ok
        assert one["first"].record.provenance.host == "anonymous"
        assert one["first"].counts() == project["first"].counts()
        assert b"source.h5" not in path.read_bytes()
        assert not one["first"].attachments


def test_nothing_that_meets_the_conditions_leaves_no_file(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="first, second"):
        aerchive.open(source, "r").extract(tmp_path / "none.h5", "name == third")
    assert not list(tmp_path.iterdir())


def test_deleted_runs_and_notes_of_them_are_not_extracted(source: Path, tmp_path: Path) -> None:
    copied = aerchive.open(source, "r").copy(tmp_path / "copy.h5")
    copied.delete_job(copied["second"].job_id)
    one = copied.extract(tmp_path / "part.h5")
    assert len(one) == len(copied)
    with one.file.read() as session:
        assert "deletions" not in session.root
        assert "deleted" not in session.root


def test_the_same_seeded_study_has_the_same_digest_of_results(source: Path, tmp_path: Path) -> None:
    project = aerchive.open(source, "r")
    assert project["first"].results_sha256 == project["second"].results_sha256
    assert project["first"].core_sha256 != project["second"].core_sha256
    other = AerSimulator(project=str(tmp_path / "other.h5"), method="statevector", seed_simulator=6)
    job = other.run(project["first"].circuits(), shots=20)
    job.result()
    assert job.run.results_sha256 != project["first"].results_sha256


def test_the_commands(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    assert main(["extract", str(source), "first", str(first)]) == 0
    assert main(["extract", str(source), "--where", "name == second", "--no-payloads", str(second)]) == 0
    assert main(["diff", str(first), str(second)]) == 1
    assert "the same results under another id" in capsys.readouterr().out
    assert main(["merge", str(first), str(second), "--dry-run"]) == 0
    assert main(["merge", str(first), str(second)]) == 0
    assert "1 run added" in capsys.readouterr().out
    assert main(["diff", str(first), str(source), "--json"]) == 1
    assert '"payload_in_one": [\n' in capsys.readouterr().out
    assert main(["merge", str(first), str(source)]) == 0
    assert main(["diff", "--projects", str(first), str(source)]) == 0
    assert main(["diff", "-p", str(source), "first", "second"]) == 0
    assert main(["merge", str(first)]) == 2
