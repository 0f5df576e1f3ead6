"""`aerchive run` runs an unmodified program as Python does, and archives what it simulates."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main

PROGRAM = """
    import sys
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    print(sys.argv[1:], __name__, __file__)
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    AerSimulator().run(circuit, shots=5)
    if "fail" in sys.argv:
        raise ValueError("of the program")
    if "exit" in sys.argv:
        sys.exit(7)
"""


def aerchive_run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "aerchive", "-p", folder / "p.h5", "run", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM), "utf-8")
    return path


@pytest.mark.parametrize(("word", "status"), [("--flag", 0), ("exit", 7), ("fail", 1)])
def test_a_program_runs_as_it_is(program: Path, tmp_path: Path, word: str, status: int) -> None:
    done = aerchive_run(tmp_path, "--tag", "t", program, word, "-p", "x")
    assert done.returncode == status
    assert done.stdout == f"[{word!r}, '-p', 'x'] __main__ {program}\n"
    (run,) = aerchive.open(tmp_path / "p.h5").find(tags="t")
    assert run.counts() == {"0": 5}
    if word == "fail":
        lines = done.stderr.splitlines()
        assert lines[1] == f'  File "{program}", line 11, in <module>'
        assert lines[-1] == "ValueError: of the program"
    else:
        assert done.stderr == ""


def test_a_module_runs_as_it_is(program: Path, tmp_path: Path) -> None:
    done = aerchive_run(tmp_path, "-m", "program", "a")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"['a'] __main__ {program}\n"
    assert len(aerchive.open(tmp_path / "p.h5")) == 1


def test_a_program_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.py")]) == 1
    assert "none.py: no such program; `aerchive run -m NAME` runs a module" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ("no/p.h5", "there is no folder {folder}/no; make it first"),
        ("program.py", "{folder}/program.py: is a text file, so not an aerchive project; choose another file"),
        ("s3://bucket/p.h5", "s3://bucket/p.h5: is a URL, and projects behind URLs cannot be opened yet"),
    ],
)
def test_a_program_is_not_started_if_its_runs_have_no_place(
    program: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: str, told: str
) -> None:
    monkeypatch.chdir(program.parent)
    assert main(["-p", project, "run", str(program)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told.format(folder=program.parent) in captured.err
    assert captured.err.endswith("; the program has not been started\n")
    assert captured.err.count("\n") == 1
    assert os.listdir(program.parent) == ["program.py"]
