"""What people see in a terminal: tables that fit, colours, bars, circuits, plots; and how they may type a command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from rich.cells import cell_len

import aerchive
from aerchive.aer import AerSimulator
from aerchive.cli import COMMANDS, COMPLETE, commands, main
from aerchive.cli.bars import bars
from aerchive.cli.points import points
from aerchive.cli.tables import TableColumn, fitted
from aerchive.project.drawing.drawings import folded
from tests.jobs import make_result

Printed = pytest.CaptureFixture[str]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of five energies, counts of a circuit, and a saved state."""
    path = tmp_path_factory.mktemp("terminal") / "study.h5"
    simulator = AerSimulator(project=path, seed_simulator=1)
    for step in range(5):
        circuit = QuantumCircuit(1, name="ansatz", metadata={"kind": "ry"})
        circuit.ry(0.4 * step, 0)
        circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="energy")
        simulator.run(circuit, params={"basis": "sto-3g", "distance": 0.5 * step}, tags=["vqe", "$(touch x)"]).result()
    state = QuantumCircuit(7, name="layers")
    state.h(range(7))
    state.save_statevector()
    simulator.run(state, name="flat").result()
    ghz = QuantumCircuit(2, 2, name="GHZ")
    ghz.h(0)
    ghz.cx(0, 1)
    ghz.measure([0, 1], [0, 1])
    simulator.run(ghz, shots=100, name="noisy pair", tags=["keep"]).result()
    return path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Standard output is a terminal of 80 columns with colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def printed(capsys: Printed, *words: object, status: int = 0) -> str:
    assert main([*map(str, words)]) == status
    said = capsys.readouterr()
    return said.out if status == 0 else said.err


# tables


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_list_fits_the_terminal(study: Path, capsys: Printed, terminal: pytest.MonkeyPatch, width: int) -> None:
    terminal.setenv("COLUMNS", str(width))
    head, _, *rows, last = COLOUR.sub("", printed(capsys, "ls", study)).splitlines()
    assert max(map(len, (head, *rows))) <= width
    assert head.split()[:2] == ["job", "created"]
    ids = [row.split()[0] for row in rows]
    assert [len(one) for one in ids] == [8] * 7
    assert {aerchive.open(study)[one].job_id[:8] for one in ids} == set(ids)
    assert last.startswith("7 of 7 runs")
    shown = re.findall(r"[a-z]+", head.partition(")")[2])
    assert set(shown) | set(last.partition("too narrow for ")[2].split(", ")) - {""} >= {"params", "qubits", "shots"}
    assert ("circuit" in shown) == (width == 120)
    assert "ansatz" in rows[2], "without a column for circuits, they stand in for names"


def test_parameters_that_differ_come_first(study: Path, capsys: Printed) -> None:
    assert "distance=2, basis=sto-3g" in printed(capsys, "ls", study)


def test_columns_that_were_asked_for(study: Path, capsys: Printed, terminal: pytest.MonkeyPatch) -> None:
    names = "job_id,params.distance,saved.energy,metadata.kind,circuit,circuit.depth,nbytes,created"
    found = json.loads(printed(capsys, "find", study, "tags contains vqe", "--columns", names, "--json"))
    assert list(found[0]) == names.split(",")
    assert [one["saved.energy"] for one in found] == pytest.approx(np.cos(0.4 * np.arange(5))[::-1].tolist())
    assert {(one["circuit"], one["metadata.kind"], one["circuit.depth"]) for one in found} == {("ansatz", "ry", 1)}
    newest = aerchive.open(study)[found[0]["job_id"]]
    assert aerchive.open(study).count(f"created == {found[0]['created']}", job_id=newest.job_id) == 1

    head, _, first, *_ = COLOUR.sub("", printed(capsys, "ls", study, "--columns", "params.*,name")).splitlines()
    assert head.split() == ["params.basis", "params.distance", "name"]
    assert first.split() == ["noisy", "pair"]


def test_colours(study: Path, capsys: Printed, terminal: pytest.MonkeyPatch) -> None:
    assert "\x1b[32mok" in printed(capsys, "ls", study)
    terminal.setenv("NO_COLOR", "1")
    assert set(COLOUR.findall(printed(capsys, "ls", study))) <= {"\x1b[1m", "\x1b[0m"}
    terminal.delenv("FORCE_COLOR")
    assert "\x1b" not in printed(capsys, "ls", study)


def test_columns_go_and_texts_are_cut_by_importance() -> None:
    columns = [
        TableColumn("id", ["abcd"]),
        TableColumn("name", ["a name of some length", "日本語"], least=6),
        TableColumn("size", ["12345"]),
    ]
    assert fitted(columns, 100, ["id", "size", "name"]) == (columns, [4, 21, 5])
    assert fitted(columns, 20, ["id", "size", "name"]) == (columns, [4, 7, 5])
    assert fitted(columns, 18, ["id", "size", "name"])[0] == [columns[0], columns[2]]
    assert fitted(columns, 18, ["id", "name", "size"]) == (columns[:2], [4, 12])
    assert cell_len("日本語") == 6


def test_ids_are_as_long_as_they_must_be(tmp_path: Path, capsys: Printed, terminal: pytest.MonkeyPatch) -> None:
    project = aerchive.open(tmp_path / "p.h5")
    for job_id in ("abcdefghij-1", "abcdefghij-2", "x"):
        project.save(make_result(job_id))
    _, _, *ids, last = COLOUR.sub("", printed(capsys, "ls", project.path, "--columns", "job_id")).splitlines()
    assert sorted(one.strip() for one in ids) == ["abcdefghij-1", "abcdefghij-2", "x"]
    assert last == "3 of 3 runs"


# what is typed


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "{}", "show", "latest"],
        ["show", "-p", "{}", "latest"],
        ["show", "latest", "--project={}"],
        ["show", "{}", "latest"],
        ["show", "latest", "{}"],
        ["show", "{}", "-1"],
        ["show", "-1", "-p", "{}"],
        ["show", "{}", "noisy pair"],
        ["show", "{}", "--", "-1"],
    ],
    ids=" ".join,
)
def test_the_project_and_the_run_may_be_named_anyhow(study: Path, capsys: Printed, words: list[str]) -> None:
    out = printed(capsys, *(word.format(study) for word in words))
    assert out.startswith(f"run {aerchive.open(study).latest().job_id}: ok\n")


def test_a_file_without_the_suffix_is_a_project_by_its_content(
    study: Path, capsys: Printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.symlink(study, tmp_path / "study")
    (tmp_path / "latest").write_text("no project", "utf-8")
    monkeypatch.chdir(tmp_path)  # the name of a run may be that of a file
    assert printed(capsys, "show", "latest", "study", "--history").startswith("run ")
    assert "no such project" in printed(capsys, "show", "studdy.h5", "latest", status=1)
    assert printed(capsys, "find", study, "job_id startswith x.h5", "--count") == "0\n"


def test_positions_stand_for_runs_in_every_command(study: Path, capsys: Printed) -> None:
    runs = list(aerchive.open(study))
    project = aerchive.open(study)
    assert project["-2"] == runs[-2]
    assert project.job("-1").job_id() == runs[-1].job_id
    assert json.loads(printed(capsys, "tag", study, "-2", "--json"))["job_id"] == runs[-2].job_id
    assert json.loads(printed(capsys, "diff", study, "-1", "-1", "--json"))["same"] is True
    assert "has 7 runs; there is no position -8" in printed(capsys, "show", study, "-8", status=1)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: Printed) -> None:
    text = printed(capsys, name, "--help")
    assert f"Usage: aerchive {name}" in text
    assert re.search(rf"Examples?:\n.*aerchive .*\b{name}\b", text)
    assert max(map(len, text.splitlines())) <= 80


def test_wrong_use_is_one_line(capsys: Printed) -> None:
    for line in ("--nope", "nope", "ls --nope", "diff a", "ls --limit x", "export --format x", "rm", "copy"):
        text = printed(capsys, *line.split(), status=2)
        assert text.startswith("aerchive: ")
        assert text.endswith("--help\n")
        assert text.count("\n") == 1


# completion


def completed(study: Path, *words: str) -> list[str]:
    line = " ".join(words).format(study)
    environment = {COMPLETE: "bash_complete", "COMP_WORDS": f"aerchive {line}", "COMP_CWORD": str(len(words))}
    result = CliRunner().invoke(commands, env=environment, prog_name="aerchive", complete_var=COMPLETE)
    return [one.partition(",")[2] for one in result.output.splitlines()]


def test_completion_of_ids_names_and_tags(study: Path) -> None:
    newest = aerchive.open(study).latest().job_id
    assert completed(study, "sho") == ["show"]
    assert completed(study, "-p", "{}", "show", newest[:6]) == [newest]
    assert completed(study, "show", "{}", newest[:6]) == [newest]
    assert completed(study, "-p", "{}", "rm", "x", "noisy") == ["'noisy pair'"]
    assert completed(study, "-p", "{}", "ls", "--tag", '""')[:2] == ["keep", "vqe"], "what a shell runs is left out"
    assert completed(study, "-p", "none.h5", "show", '""') == ["latest"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells(shell: str, capsys: Printed) -> None:
    text = printed(capsys, "completion", shell)
    assert f"{COMPLETE}={shell}_complete" in text


# bars, circuits, plots


def test_bars() -> None:
    assert bars(["0", "1"], [1, 0.5], ["1", "0.5"], 20) == [f"0    1  {'█' * 12}", f"1  0.5  {'█' * 6}"]
    assert bars(["a", "b", "c"], [-1, 1, float("nan")], ["-1", "1", "nan"], 20) == [
        "a   -1  ██████",
        "b    1        ██████",
        "c  nan",
    ]
    assert bars(["a"], [0], ["0"], 20) == ["a  0"]
    assert bars(["a", "b"], [1000, 1], ["1000", "1"], 20)[1].endswith("▏")


def test_bars_of_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.cli.bars.has_blocks", lambda: False)
    assert bars(["a", "b"], [1, -1], ["1", "-1"], 20) == ["a   1        ######", "b  -1  ######"]


def test_show_has_counts_and_the_circuit(study: Path, capsys: Printed) -> None:
    text = printed(capsys, "show", study, "latest")
    counts = aerchive.open(study).latest().counts()
    assert "counts, 100 shots; last bit: classical bit 0\n" in text
    assert re.findall(r"^  (\d\d)  +(\d+) \(.* %\)  █+", text, re.MULTILINE) == [
        (outcome, str(counts[outcome])) for outcome in sorted(counts)
    ]
    assert "q_0: + H +--*--+M+---" in text
    assert "saved:" in text
    assert "counts" not in printed(capsys, "show", study, "flat").partition("labels:")[0]


def test_a_drawing_is_folded() -> None:
    assert folded(["abc" * 10, "x"], 20) == ["abc" * 6 + "ab", "x", "", "c" + "abc" * 3, ""]
    assert folded(["abc"], 20) == ["abc"]


def test_plot_in_the_terminal(study: Path, capsys: Printed) -> None:
    lines = printed(capsys, "plot", study, "latest").splitlines()
    assert lines[0].startswith("noisy pair: ok, 2 qubits, 100 shots")
    assert lines[1] == "  across: shots of GHZ"
    assert [line.split()[0] for line in lines[4:]] == ["00", "11"]
    values = json.loads(printed(capsys, "plot", study, "flat", "--json"))
    assert values["values"] == pytest.approx([1 / 128] * 128)
    lines = printed(capsys, "plot", study, "flat").splitlines()
    assert len(lines) == 4 + 32
    assert lines[1].endswith("; each bar: sum of 4 of 128 values")
    assert {float(line.split()[1]) for line in lines[4:]} == {1 / 32}


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_plot_into_a_file(study: Path, capsys: Printed, tmp_path: Path, suffix: str, begin: bytes) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / f"plot.{suffix}"
    assert printed(capsys, "plot", study, "latest", "-o", target).startswith(f"{target}: ")
    content = target.read_bytes()
    assert content.startswith(begin)
    assert "exists" in printed(capsys, "plot", study, "latest", "-o", target, status=1)
    assert target.read_bytes() == content
    assert "ends with .png, .svg, .pdf" in printed(capsys, "plot", study, "latest", "-o", "x.txt", status=2)


def test_a_run_with_nothing_to_plot(study: Path, capsys: Printed) -> None:
    said = printed(capsys, "plot", study, "job_id", status=1)
    assert "no run with id 'job_id'" in said
    project = aerchive.open(study.with_name("nothing.h5"))
    result = make_result("bare")
    result.success = result.results[0].success = False
    result.results[0].data = type(result.results[0].data)()
    result.status = "it broke"
    project.save(result)
    said = printed(capsys, "plot", project.path, "latest", status=1)
    assert said == "aerchive: run bare has no counts, state, matrix or sweep to plot: it broke\n"


# a value of many runs over another


def test_a_study_is_plotted_in_the_terminal(study: Path, capsys: Printed) -> None:
    *head, blank, top, second = printed(capsys, "plot", study, "--x", "distance", "--y", "energy").splitlines()[:5]
    assert head == ["  across: distance", "  up:     energy; 5 points"]
    assert blank == ""
    assert [part.strip() for part in top.split("|")] == ["1", chr(0x2801)], "the first point is at the top left"
    assert set(second.split("|")[1]) <= {" ", *map(chr, range(0x2800, 0x2900))}
    lines = printed(capsys, "plot", study, "--x", "distance", "--y", "energy").splitlines()
    assert lines[-1].split() == ["0", "2"]
    assert sum(bin(ord(one) - 0x2800).count("1") for line in lines for one in line if ord(one) >= 0x2800) == 5


def test_a_study_is_plotted_into_a_file_and_as_json(study: Path, capsys: Printed, tmp_path: Path) -> None:
    given = ("plot", study, "--x", "distance", "--y", "energy", "--where", "distance < 1.2")
    document = json.loads(printed(capsys, *given, "--json"))
    assert (document["x"], document["y"]) == ("distance", "energy")
    assert np.array(document["points"]) == pytest.approx(np.array([[0.5 * k, np.cos(0.4 * k)] for k in range(3)]))
    printed(capsys, *given, "-o", tmp_path / "energy.svg")
    assert "<svg" in (tmp_path / "energy.svg").read_text()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "which run? Name it (latest, -1, an id), or name two values with --x and --y"),
        (("--x", "distance"), 2, "which run?"),
        (("latest", "--x", "distance"), 2, "latest: --x, --y and --where plot values of many runs; leave the run out"),
        (("--x", "distance", "--y", "nope"), 2, "no run has 'nope'; there are"),
        (("--x", "basis", "--y", "energy"), 2, "basis: numbers are plotted, and it has values of type str"),
        (("--x", "distance", "--y", "shots", "--where", "name = flat"), 2, "no run has 'distance'"),
    ],
)
def test_a_plot_of_values_that_cannot_be(
    study: Path, capsys: Printed, words: tuple[str, ...], status: int, said: str
) -> None:
    assert said in printed(capsys, "plot", study, *words, status=status)


# runs as they come


def test_runs_of_another_process_are_watched(tmp_path: Path, capsys: Printed) -> None:
    path = tmp_path / "watched.h5"
    program = """
import sys, time
from qiskit import QuantumCircuit
from aerchive.aer import AerSimulator
circuit = QuantumCircuit(1, name="coin")
circuit.h(0)
circuit.measure_all()
simulator = AerSimulator(project=sys.argv[1])
simulator.run(circuit, name="before").result()
print("ready", flush=True)
sys.stdin.readline()
for step in range(3):
    simulator.run(circuit, name=f"run {step}", params={"step": step}).result()
"""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        timer = threading.Timer(0.3, lambda: other.communicate("go\n"))
        timer.start()
        said = printed(capsys, "watch", path, "--interval", 0.05, "--until-idle", 3, "--json")
        timer.join()
    found = [json.loads(line) for line in said.splitlines()]
    assert [one["name"] for one in found if one["outcome"] == "ok"] == ["run 0", "run 1", "run 2"]
    assert {one["outcome"] for one in found} <= {"running", "ok"}


def test_a_run_of_an_earlier_day_is_watched_too(tmp_path: Path, capsys: Printed) -> None:
    project = aerchive.open(tmp_path / "watched.h5")
    project.save(make_result("there", counts={"0x0": 1}))
    late = threading.Timer(0.5, lambda: project.save(make_result("late", counts={"0x0": 1})))
    late.start()
    said = printed(capsys, "watch", project.path, "--interval", 0.05, "--until-idle", 1.5, "--json")
    late.join()
    assert [json.loads(line)["job_id"] for line in said.splitlines()] == ["late"]
    assert project["late"].created.startswith("2026-03-01")


def test_values_that_differ_by_rounding_are_one_line(capsys: Printed) -> None:
    plotted = points([0, 1, 2], [1.0, 0.9999999999999999, 1.0], 60)
    assert sum(any(ord(sign) > 0x2800 for sign in line) for line in plotted) == 1


def test_watching_refuses_a_wrong_condition_before_anything_is_printed(study: Path, capsys: Printed) -> None:
    assert printed(capsys, "watch", study, "nope > 3", status=2).startswith(
        "aerchive: condition, character 1: no column"
    )
    assert "--interval 0.0: a number of seconds greater" in printed(capsys, "watch", study, "--interval", 0, status=2)
