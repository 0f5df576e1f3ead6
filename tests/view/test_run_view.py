"""The page of a run, its counts and its memory."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.cli import main
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.view.counts_view import MOST_OUTCOMES, PAGE
from aerchive.view.run_view import MOST_LISTED
from tests.jobs import make_result, run_stock
from tests.view.conftest import Reader
from tests.view.projects import HOSTILE_NAMES


def test_a_run_is_shown_with_its_documents_circuits_and_counts(reader: Reader, capsys: pytest.CaptureFixture) -> None:
    shown = reader.run("Bell pair")
    run = reader.project[shown["job_id"]]
    assert (shown["title"], shown["outcome"], shown["pending"]) == (
        "Bell pair: ok, 2 qubits, 1000 shots, " + shown["title"].rpartition(", ")[2],
        "ok",
        False,
    )
    facts = dict(shown["facts"])
    assert facts["ran"] == "stabilizer, 2 qubits, 1,000 shots"
    assert (facts["params"], facts["tags"]) == ("d = 0.7", "demo, ψ")
    assert main(["show", str(reader.project.path), run.job_id, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    for name in ("labels", "config", "status", "provenance"):
        assert shown[name] == printed[name]
    (circuit,) = shown["circuits"]
    assert "┤ H ├" in circuit["drawing"] or "+ H +" in circuit["drawing"]
    assert circuit["qasm"].startswith("OPENQASM 3.0;")
    (experiment,) = shown["experiments"]
    counts = reader.json(experiment["counts"]["address"])
    assert dict(counts["first"]) == run.counts()
    assert (counts["shots"], counts["rest"], experiment["counts"]["outcomes"]) == (1000, 0, 2)
    assert counts["first"] == sorted(counts["first"], key=lambda pair: -pair[1])


def test_memory_is_read_page_by_page(tmp_path: Path) -> None:
    circuit = QuantumCircuit(12)
    circuit.h(range(12))
    circuit.measure_all()
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(run_stock(circuit, shots=2 * PAGE + 500, memory=True))
    reader = Reader(aerchive.open(project.path, "r"))
    experiment = reader.json(f"runs/{run.job_id}.json")["experiments"][0]
    assert (experiment["memory"]["shots"], experiment["memory"]["page"]) == (2 * PAGE + 500, PAGE)
    pages = [reader.json(experiment["memory"]["address"].replace("{page}", str(page))) for page in range(3)]
    assert [shot for page in pages for shot in page["memory"]] == run.memory()
    assert [page["first"] for page in pages] == [0, PAGE, 2 * PAGE]
    with pytest.raises(NotFoundError, match="there is no page 3"):
        reader.json(f"runs/{run.job_id}/memory/0/3.json")


def test_of_many_outcomes_the_most_frequent_are_answered(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    counts = {hex(number): 1 + number % 7 for number in range(3000)}
    project.save(make_result("many", counts=counts))
    found = Reader(aerchive.open(project.path, "r")).json("runs/many/counts/0.json")
    assert (found["outcomes"], len(found["first"])) == (3000, MOST_OUTCOMES)
    assert found["shots"] == sum(counts.values())
    assert found["rest"] == found["shots"] - sum(sorted(counts.values())[-MOST_OUTCOMES:])


def test_saved_values_are_listed_with_numbers_and_addresses_of_arrays(reader: Reader) -> None:
    sweep = reader.run("Rabi sweep")
    run = reader.project[sweep["job_id"]]
    assert sweep["num_experiments"] == len(sweep["experiments"]) > 2
    assert [one["bind"] for one in sweep["experiments"]] == list(range(sweep["num_experiments"]))
    values = [(one["experiment"], one["label"], one["value"]) for one in sweep["saved"]]
    assert values == [(one.experiment, one.label, run.value(one.label, one.experiment)) for one in run.saved]
    state = reader.run("state of 4 qubits")["saved"][0]
    assert (state["kind"], state["shape"], state["dtype"], state["value"]) == ("statevector", [16], "complex128", None)
    assert reader.json(state["array"])["view"] == "vector"


def test_failed_and_hostile_runs_are_shown(reader: Reader) -> None:
    failed = reader.json(f"runs/{reader.texts('key')[reader.texts('outcome').index('failed')]}.json")
    assert "Duplicate key" in failed["message"]
    assert not failed["saved"]
    for name in HOSTILE_NAMES:
        shown = reader.run(name)
        assert (shown["name"], shown["labels"]["tags"], shown["unreadable"]) == (name, [name], [])
        assert reader.json(shown["experiments"][0]["counts"]["address"])["shots"] == 10
    assert reader.run("../x")["job_id"] == "../hostile"


def test_history_and_attachments_are_shown(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(make_result("job"))
    run.rename("late")
    run.attach("fit", {"slope": 2.0})
    shown = Reader(aerchive.open(project.path, "r")).json("runs/job.json")
    ((when, _, what),) = shown["history"]
    assert when >= shown["created"] > 10**15
    assert "late" in what
    assert [(one["name"], one["kind"]) for one in shown["attachments"]] == [("fit", "json")]


def test_only_so_many_experiments_are_listed(tmp_path: Path) -> None:
    result = make_result("job")
    result.results *= MOST_LISTED + 1
    project = aerchive.open(tmp_path / "project.h5")
    project.save(result)
    shown = Reader(aerchive.open(project.path, "r")).json("runs/job.json")
    assert (shown["num_experiments"], len(shown["experiments"])) == (MOST_LISTED + 1, MOST_LISTED)


def test_a_part_that_cannot_be_read_is_named_and_hides_no_other(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(run_stock(), name="bell")
    with h5py.File(project.path, "r+") as file:
        del file[run.path]["result"]
        file[run.path]["result"] = [1.5]
    reader = Reader(aerchive.open(project.path, "r"))
    shown = reader.json(f"runs/{run.job_id}.json")
    assert (shown["name"], len(shown["circuits"]), shown["saved"]) == ("bell", 1, [])
    assert len(shown["unreadable"]) == 1
    assert "/result" in shown["unreadable"][0]


def test_a_run_without_documents_is_an_error_that_names_the_node(tmp_path: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    run = project.save(make_result("job"))
    with h5py.File(project.path, "r+") as file:
        del file[run.path]["config"]
    reader = Reader(aerchive.open(project.path, "r"))
    with pytest.raises(AerchiveError, match="/config"):
        reader.json("runs/job.json")


@pytest.mark.parametrize(
    "address",
    ["runs/..json", "runs/latest.json", "runs/hostile-.json", "runs/~~0.json", "runs/hostile-1/counts/1.json",
     "runs/hostile-1/counts/-1.json", "runs/hostile-1/counts/00.json", "runs/hostile-1/counts/0", "runs", "", "/",
     "tree", "nothing.json", "runs/hostile-1/memory/0/0.json", "../project.json", "runs/hostile-1/arrays/5/info.json",
     "tree/../node.json", "tree/runs/node.txt", "x" * 9000],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(reader: Reader, address: str) -> None:
    with pytest.raises(NotFoundError):
        reader.interface.answer(address)
