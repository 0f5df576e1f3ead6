"""Runs of foreign files are run again on request only, in a child process with limits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.aer.again import untrusted
from aerchive.aer.again.resources import RESOURCES, without_resources
from aerchive.aer.capturing.options import is_known
from aerchive.cli import main
from aerchive.errors import InvalidInputError, UnsafeContentError
from aerchive.project.run import Run
from aerchive.storage.medium.limited_child import ChildError
from tests.aer.conftest import bell

OPTIONS = {"max_memory_mb": 2000, "max_parallel_threads": 1, "seed_simulator": 3}


def own(path: Path, **options: Any) -> Run:
    AerSimulator(project=path, **OPTIONS).run(bell(), shots=50, name="mine", tags=["a"], **options).result()
    return aerchive.open(path).latest()


@pytest.fixture
def foreign(tmp_path: Path) -> Run:
    path = own(tmp_path / "own.h5").project.file.path
    return aerchive.open(shutil.copy(path, tmp_path / "foreign.h5")).latest()


def test_is_not_run_again_without_a_request(foreign: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path = foreign.project.file.path
    assert not foreign.project.is_trusted
    for what in (foreign.reproduce, foreign.rerun, lambda: foreign.rerun(save=True), lambda: foreign.job().rerun()):
        with pytest.raises(UnsafeContentError, match="this file is not yours") as caught:
            what()
        assert all(word in str(caught.value) for word in (f"aerchive trust {path}", "--untrusted", "untrusted=True"))
    assert main(["-p", str(path), "rerun", foreign.job_id]) != 0
    assert "this file is not yours" in capsys.readouterr().err
    assert len(aerchive.open(path)) == 1


def test_the_report_is_the_same_from_a_child(foreign: Run) -> None:
    expected = aerchive.open(foreign.project.file.path.with_name("own.h5")).latest().reproduce()
    report = foreign.reproduce(untrusted=True)
    assert report.values == expected.values
    assert (report.verdict, report.environment) == (expected.verdict, expected.environment) == ("identical", {})
    assert report.job_id == foreign.job_id
    (reason,) = report.reasons
    assert reason.startswith("is from a file that is not yours, so options that ask for resources were not taken: ")
    assert "max_memory_mb, max_parallel_threads;" in reason
    assert foreign.reproduce(untrusted=True, take_resources=True).reasons == ()


def test_a_result_comes_from_a_child(foreign: Run) -> None:
    result = foreign.rerun(untrusted=True, take_resources=True)
    assert result.get_counts() == foreign.counts()
    assert result.get_statevector().data.tobytes() == foreign.result().get_statevector().data.tobytes()
    assert len(aerchive.open(foreign.project.file.path)) == 1


def test_a_new_run_names_what_was_not_taken(foreign: Run) -> None:
    project = aerchive.open(foreign.project.file.path)
    with pytest.warns(aerchive.ArchiveWarning, match="were not taken: max_memory_mb, max_parallel_threads"):
        foreign.rerun(save=True, untrusted=True)
    again = project.latest()
    assert again.notes == f"run again of job {foreign.job_id}; not taken: max_memory_mb, max_parallel_threads"
    assert (again.name, again.tags, again.counts()) == ("mine again", ("a",), foreign.counts())
    assert not set(again.record.config.options) & RESOURCES
    assert project.verify().ok
    assert not again.project.is_trusted


def test_a_primitive(tmp_path: Path) -> None:
    options = {"backend_options": {"max_memory_mb": 3000, "method": "statevector"}}
    SamplerV2(project=tmp_path / "own.h5", seed=5, options=options).run([bell(save=False)], shots=40).result()
    run = aerchive.open(shutil.copy(tmp_path / "own.h5", tmp_path / "foreign.h5")).latest()
    report = run.reproduce(untrusted=True)
    assert report.verdict == "identical"
    assert "max_memory_mb" in report.reasons[0]
    with pytest.warns(aerchive.ArchiveWarning, match="max_memory_mb"):
        result = run.rerun(untrusted=True)
    (name,) = result[0].data
    assert result[0].data[name].get_counts() == run.result()[0].data[name].get_counts()
    with pytest.raises(InvalidInputError, match="trust the file first: aerchive trust"):
        run.rerun(untrusted=True, save=True)


def test_trusting_the_file_is_enough(foreign: Run) -> None:
    aerchive.trust(foreign.project.file.path)
    assert foreign.reproduce().verdict == "identical"
    assert foreign.reproduce().reasons == ()
    assert "max_memory_mb=2000" in foreign.script()


def test_own_files_start_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = own(tmp_path / "own.h5")
    monkeypatch.setattr(untrusted, "run_limited", None)
    assert run.reproduce(untrusted=True).verdict == "identical"
    renamed = tmp_path / "renamed.h5"
    (tmp_path / "own.h5").rename(renamed)
    assert aerchive.open(renamed).latest().reproduce().verdict == "identical"


def test_a_program_takes_no_resources(foreign: Run, capsys: pytest.CaptureFixture[str]) -> None:
    text = foreign.script()
    assert "max_memory_mb=" not in text
    assert "# It is from a file that is not yours, so options that ask for resources were not taken: " in text
    assert "max_memory_mb=2000" in foreign.script(take_resources=True)
    assert main(["-p", str(foreign.project.file.path), "script", foreign.job_id, "--take-resources"]) == 0
    assert "max_memory_mb=2000" in capsys.readouterr().out


def test_the_commands(foreign: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(foreign.project.file.path)
    assert main(["-p", path, "rerun", foreign.job_id, "--untrusted", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], len(document["reasons"])) == ("identical", 1)
    assert main(["-p", path, "rerun", foreign.job_id, "--untrusted", "--take-resources", "--save"]) == 0
    assert "run again and archived as" in capsys.readouterr().out
    assert aerchive.open(path).latest().record.config.options["max_memory_mb"] == 2000


@pytest.mark.parametrize(
    ("what", "said"), [("crash", "it crashed"), ("take_much", "it failed"), ("hang", "it did not end within 2 s")]
)
def test_a_crash_is_an_answer(foreign: Run, monkeypatch: pytest.MonkeyPatch, what: str, said: str) -> None:
    monkeypatch.setattr(untrusted, "_CHILD", ("tests.hostile_child", what))
    monkeypatch.setenv("AERCHIVE_UNTRUSTED_TIME", "1" if what == "hang" else "30")
    report = foreign.reproduce(untrusted=True)
    assert report.verdict == "not_rerunnable"
    assert said in report.reasons[0]
    with pytest.raises(UnsafeContentError, match=f"was run again in a process of its own, and {said}"):
        foreign.rerun(untrusted=True)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"report": []},
        {"report": {"verdict": "nonsense", "values": [], "reasons": [], "environment": {}}},
        {"report": {"verdict": "identical", "values": [{"experiment": "x"}], "reasons": [], "environment": {}}},
        {"report": {"verdict": "identical", "values": [], "reasons": [], "environment": {"a": 1}}},
        {"report": {"verdict": "identical", "values": [], "reasons": 5, "environment": {}}},
    ],
)
def test_an_answer_is_not_believed(foreign: Run, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    monkeypatch.setattr(untrusted, "run_limited", lambda *_arguments: answer)
    report = foreign.reproduce(untrusted=True)
    assert report.verdict == "not_rerunnable"
    assert report.reasons == ("it ran in a process of its own, and its answer is not understandable",)


def test_a_run_that_cannot_be_run_again(foreign: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "run_limited", lambda *_arguments: {"error": "because", "left_out": []})
    with pytest.raises(UnsafeContentError, match="cannot be run again: because"):
        foreign.rerun(untrusted=True)

    def fail(*_arguments: object) -> dict[str, Any]:
        raise ChildError("it was tired")

    monkeypatch.setattr(untrusted, "run_limited", fail)
    with pytest.raises(UnsafeContentError, match="and it was tired"):
        foreign.rerun(untrusted=True)


def test_options_of_resources_are_options_of_aer() -> None:
    assert [name for name in RESOURCES if not is_known(name)] == []


def test_nested_options_are_looked_through() -> None:
    left_out: list[str] = []
    given = {
        "shots": 5,
        "device": "GPU",
        "run.max_memory_mb": 1,
        "configuration": {"memory": True},
        "backend_options": {"target_gpus": [0], "run_options": {"executor": 1, "seed_simulator": 2}},
    }
    assert without_resources(given, left_out) == {
        "shots": 5,
        "configuration": {"memory": True},
        "backend_options": {"run_options": {"seed_simulator": 2}},
    }
    assert left_out == ["device", "run.max_memory_mb", "target_gpus", "executor"]


def test_a_circuit_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that a stranger has archived is ended with its child."""
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.reset(0)
        circuit.x(0)
        circuit.measure(0, 0)
    plain = QuantumCircuit(1, 1)
    plain.measure(0, 0)
    result = qiskit_aer.AerSimulator().run(plain, shots=1).result()
    aerchive.open(tmp_path / "own.h5").save(result, circuits=circuit)
    run = aerchive.open(shutil.copy(tmp_path / "own.h5", tmp_path / "foreign.h5")).latest()
    monkeypatch.setenv("AERCHIVE_UNTRUSTED_TIME", "3")
    report = run.reproduce(untrusted=True)
    assert report.verdict == "not_rerunnable"
    assert "3 s" in report.reasons[0] or "6 s" in report.reasons[0]
