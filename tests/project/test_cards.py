"""What notebooks show of projects, runs, lists and jobs."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import IntegrityError
from aerchive.project.run import Run
from aerchive.storage.medium.trace import record_reads
from tests.html_pages import texts_of
from tests.jobs import make_result

EVIL = "<script>alert(1)</script>\x1b[31m\u202e\n" + "x" * 10_000


def ghz(name: str = "ghz") -> QuantumCircuit:
    circuit = QuantumCircuit(3, 3, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.save_statevector("psi")
    circuit.measure(range(3), range(3))
    return circuit


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    project = aerchive.open(tmp_path_factory.mktemp("study") / "project.h5")
    simulator = AerSimulator(project=project, method="statevector", seed_simulator=5)
    simulator.run(ghz(), shots=100, params={"theta": 0.3}, tags=["vqe", "first"], name="mine", notes="a\nb").result()
    simulator.run([ghz("one"), ghz("two")], shots=10, params={"phi": 1}, tags="vqe").result()
    project.save(
        make_result("hostile", **{EVIL: [1.0]}), name=EVIL, tags=[EVIL, "</div>"], notes=EVIL, params={EVIL: EVIL}
    )
    return project


def after(texts: list[str], name: str) -> str:
    return texts[texts.index(name) + 1]


def test_a_project(study: aerchive.Project) -> None:
    texts = texts_of(study._repr_html_())
    assert texts[:3] == ["Project ", str(study.path), " mode 'a'"]
    assert after(texts, "runs") == "3 runs: 3 ok"
    assert after(texts, "size on disk").endswith("KiB")
    assert {"theta", "phi", "vqe (2)", "first (1)", "</div> (1)", study.latest(name="mine").job_id} <= set(texts)


def test_a_project_without_runs_or_file(tmp_path: Path) -> None:
    texts = texts_of(aerchive.open(tmp_path / "new.h5")._repr_html_())
    assert (after(texts, "runs"), after(texts, "size on disk")) == ("0 runs", "no such file yet")
    assert not (tmp_path / "new.h5").exists()
    project = aerchive.open(tmp_path / "new.h5")
    project.save(make_result())
    gone = aerchive.open(project.path, "r")
    project.path.unlink()
    assert gone._repr_html_() is None


def test_a_run(study: aerchive.Project) -> None:
    texts = texts_of(study["mine"]._repr_html_())
    assert texts[:4] == ["Run ", study["mine"].job_id, "mine", "ok"]
    assert after(texts, "ran") == "statevector, 3 qubits, 100 shots"
    assert after(texts, "circuit") == "ghz; depth 4, size 6"
    assert after(texts, "notes") == "a\nb"
    assert {"vqe", "first", "theta = 0.3"} <= set(texts)
    counts = study["mine"].counts()
    assert "counts: 2 outcomes, 100 shots" in texts
    assert after(texts, "000") == str(counts["000"])
    assert after(texts, "111") == str(counts["111"])
    assert any("+ H +--*" in one for one in texts)
    first = texts.index("psi")
    assert texts[first : first + 5] == ["psi", "statevector", "8", "complex128", "128 B"]
    assert after(texts, "qiskit aer").startswith("0.")


def test_a_run_of_several_circuits(study: aerchive.Project) -> None:
    texts = texts_of(study.latest(params__phi=1)._repr_html_())
    assert after(texts, "circuits") == "2 circuits; one, two; depth 4, size 6"
    assert any(one.startswith("counts of experiment 0 of 2: ") for one in texts)
    assert "saved values: 2" in texts


def test_no_value_is_read_for_the_card_of_a_run(tmp_path: Path) -> None:
    circuit = QuantumCircuit(15)
    circuit.h(range(15))
    circuit.save_statevector("psi")
    simulator = AerSimulator(project=tmp_path / "large.h5", method="statevector")
    simulator.run(circuit).result()
    run = aerchive.open(tmp_path / "large.h5").latest()
    with record_reads() as log:
        assert "32,768" in texts_of(run._repr_html_())
    assert log.nbytes < 50_000
    assert run.nbytes > 500_000


def test_counts_of_very_many_outcomes_are_not_read(study: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from aerchive.project import run_card

    monkeypatch.setattr(run_card, "_MOST_COUNTED", 1)
    texts = texts_of(study["mine"]._repr_html_())
    assert "counts of 2 outcomes are not read here; run.counts_array() and run.plot() read them" in texts
    assert "saved values: 1" in texts
    monkeypatch.setattr(run_card, "_MOST_EXPERIMENTS", 1)
    texts = texts_of(study.latest(params__phi=1)._repr_html_())
    hint = "values of 2 experiments are not listed here; run.saved and run.counts(3) read them"
    assert hint in texts
    assert "saved values: 2" not in texts


def test_the_most_frequent_outcomes_have_bars(study: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from aerchive.project import run_card

    monkeypatch.setattr(run_card, "_MOST_BARS", 1)
    counts = study["mine"].counts()
    texts = texts_of(study["mine"]._repr_html_())
    most = max(counts, key=lambda one: counts[one])
    assert after(texts, most) == str(counts[most])
    assert min(counts, key=lambda one: counts[one]) not in texts
    assert "... and 1 more" in texts


def test_a_circuit_without_a_drawing(tmp_path: Path) -> None:
    large = QuantumCircuit(30)
    for _ in range(3):
        large.x(range(30))
    large.measure_all()
    AerSimulator(project=tmp_path / "project.h5", method="stabilizer").run(large, shots=1).result()
    texts = texts_of(aerchive.open(tmp_path / "project.h5").latest()._repr_html_())
    assert texts[texts.index("circuit", texts.index("took")) + 1 :][:2] == [
        "30 qubits, 121 instructions",
        "x 90, measure 30, barrier 1",
    ]


def test_a_run_that_waits_for_its_commit(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5", durability="exit")
    job = AerSimulator(project=project, method="statevector").run(ghz(), shots=10)
    job.result()
    assert not project.path.exists()
    texts = texts_of(job.run._repr_html_())
    assert "saved values: 1" in texts
    assert not any("cannot" in one or str(project.path) in one for one in texts)
    project.flush()


def test_saved_numbers(tmp_path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="z")
    AerSimulator(project=tmp_path / "project.h5").run(circuit).result()
    assert "z = -1.0" in texts_of(aerchive.open(tmp_path / "project.h5").latest()._repr_html_())


def test_hostile_names_are_harmless(study: aerchive.Project) -> None:
    run = study.latest(name=EVIL)
    assert run.job_id == "hostile"
    for one in (study, run, run.job(), run.result(), study.jobs(), study.find(), study.find(tags=EVIL + "y")):
        page = one._repr_html_()
        assert texts_of(page)
        assert "&lt;script&gt;" in page


def test_a_failed_and_a_lost_run(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    large = QuantumCircuit(40)
    large.h(range(40))
    large.measure_all()
    AerSimulator(project=project, method="statevector").run(large).result()
    run = project.latest()
    page = run._repr_html_()
    texts = texts_of(page)
    assert 'class="mark bad">failed' in str(page)
    assert any("Insufficient memory" in one for one in texts)
    assert not any(one.startswith("counts") for one in texts)


def test_a_damaged_part_does_not_hide_the_others(study: aerchive.Project, tmp_path: Path) -> None:
    copy = study.copy(tmp_path / "copy.h5")
    run = copy["mine"]
    with h5py.File(copy.path, "r+") as file:
        file[run.path]["result"][...] = 0
    texts = texts_of(copy["mine"]._repr_html_())
    assert after(texts, "ran") == "statevector, 3 qubits, 100 shots"
    with pytest.raises(IntegrityError) as caught:
        copy["mine"].saved  # noqa: B018
    assert str(caught.value)[:100] in " ".join(texts)


def test_lists(study: aerchive.Project) -> None:
    for found, what in ((study.jobs(), "3 jobs"), (study.find(), "3 runs"), (study.find(tags="vqe")[:1], "1 run")):
        texts = texts_of(found._repr_html_())
        assert texts[:3] == [what, "job id", "created"]
    assert study["mine"].job_id in texts_of(study.find()._repr_html_())
    nothing = study.find(tags="vqf")
    assert texts_of(nothing._repr_html_()) == [study.why_nothing(None, {"tags": "vqf"})]


def test_a_long_list_makes_only_the_rows_that_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = aerchive.open(tmp_path / "many.h5")
    with project.transaction():
        for number in range(60):
            project.save(make_result(f"job{number:02}"))
    found, made = project.find(), []
    monkeypatch.setattr(Run, "row", lambda self, row=Run.row: made.append(self.job_id) or row(self))
    assert texts_of(found._repr_html_())[-1] == "... and 10 more"
    assert len(set(made)) == 50


def test_jobs_results_and_reports(study: aerchive.Project) -> None:
    job = study["mine"].job()
    assert texts_of(job._repr_html_())[:2] == ["ArchivedJob ", job.job_id()]
    with record_reads() as log:
        texts = texts_of(job.result()._repr_html_())
    assert log.nbytes < 20_000
    assert texts[0] == "Result "
    assert "<statevector (8,) complex128, 128 B>" in texts
    assert "<counts of 2 outcomes>" in texts
    assert texts_of(study.verify()._repr_html_())[:2] == ["VerifyReport", "ok"]
    for report in (study.space(), study.compact(dry_run=True), study.clean(keep=1, dry_run=True)):
        assert texts_of(report._repr_html_())[0] == type(report).__name__
    assert texts_of(study["mine"].reproduce()._repr_html_())[0] == "ReproduceReport"


def test_attachments(study: aerchive.Project, tmp_path: Path) -> None:
    copy = study.copy(tmp_path / "copy.h5")
    run = copy["mine"]
    assert texts_of(run.attachments._repr_html_())[0].endswith(": 0 attachments")
    run.attach("fit", "text")
    assert "fit" in texts_of(run.attachments._repr_html_())
    assert "attachments: 1" in texts_of(run._repr_html_())
