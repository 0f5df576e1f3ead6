"""`aerchive run` runs an unmodified program as Python does, and archives what it simulates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


def test_a_test_suite_is_archived(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    test = """
        import pytest
        from qiskit import QuantumCircuit
        from qiskit_aer import AerSimulator

        @pytest.mark.parametrize("shots", [3, 4])
        def test_counts(shots):
            circuit = QuantumCircuit(1)
            circuit.measure_all()
            assert AerSimulator().run(circuit, shots=shots).result().get_counts() == {"0": shots}

        def test_that_fails():
            assert AerSimulator() is None
    """
    (tmp_path / "suite" / "test_it.py").write_text(textwrap.dedent(test), "utf-8")

    done = aerchive_run(tmp_path, "-m", "pytest", "suite", "-q", "-p", "no:cacheprovider")

    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    assert sorted(int(run.row()["shots"]) for run in aerchive.open(tmp_path / "p.h5").find()) == [3, 4]


FACTS = """
    import atexit, json, multiprocessing, os, pickle, sys, warnings

    class Mine:
        pass

    if __name__ == "__main__":
        atexit.register(print, "at exit")
        names = sorted(globals())
        flags = [str(sys.flags), sys.warnoptions, sys._xoptions]
        main = sys.modules["__main__"]
        modules = sorted(name for name in sys.modules if name.startswith(("aerchive", "runpy", "sitecustomize")))
        told = [names, __name__, __file__, str(__spec__).partition(" at ")[0], type(__builtins__).__name__, __package__]
        told += [sys.argv, sys.path, flags, vars(main) is globals(), modules, os.getcwd(), sys.stdin.read()]
        told += [pickle.dumps(Mine()).hex(), sys.executable, [str(one) for one in warnings.filters]]
        for method in ("fork", "spawn") if not __file__.endswith("__main__.py") else ():
            with multiprocessing.get_context(method).Pool(1) as pool:
                told.append(type(pool.apply(Mine)).__name__)
        os.chdir("/")
        told.append(os.path.exists(__file__))
        print(json.dumps(told))
        warnings.warn("of the program", UserWarning)
"""
"""A program that prints what it sees of the interpreter."""


def plain_and_archived(
    folder: Path, *arguments: str, flags: Sequence[str] = (), text: str = ""
) -> list[tuple[int, str, str]]:
    """What a program does when Python runs it, and when the command does: exit code, output and error output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = [
        subprocess.run(
            [sys.executable, *flags, *command, *arguments],
            input=text,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        for command in ([], ["-m", "aerchive", "-p", "p.h5", "run"])
    ]
    return [(one.returncode, one.stdout, one.stderr) for one in done]


@pytest.mark.parametrize(
    "arguments",
    [("facts.py", "-x", "y"), ("-m", "facts", "a"), ("-m", "package"), ("package", "b"), ("{folder}/facts.py",)],
)
@pytest.mark.parametrize("flags", [(), ("-W", "error::ImportWarning", "-X", "dev", "-O")], ids=["plain", "flags"])
def test_the_program_sees_what_it_sees_without_aerchive(tmp_path: Path, arguments: Any, flags: Any) -> None:
    text = textwrap.dedent(FACTS)
    (tmp_path / "facts.py").write_text(text, "utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(text, "utf-8")
    given = [argument.format(folder=tmp_path) for argument in arguments]

    plain, archived = plain_and_archived(tmp_path, *given, flags=flags)

    assert archived == plain
    assert plain[0] == 0
    assert "at exit" in plain[1]
    assert "UserWarning: of the program" in plain[2]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import sys; sys.exit('because')", 1),
        ("import sys; sys.exit(None)", 0),
        ("import sys; sys.exit(300)", 300 % 256),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("def f():\n    1 / 0\nf()", 1),
        ("print(", 1),
        ("import threading; threading.Thread(target=print, args=('in a thread',)).start()", 0),
        ("import os; os._exit(3)", 3),
    ],
)
def test_the_program_ends_as_without_aerchive(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "program.py").write_text(text, "utf-8")

    plain, archived = plain_and_archived(tmp_path, "program.py")

    assert archived == plain
    assert plain[0] == code


def test_a_program_from_the_standard_input(tmp_path: Path) -> None:
    plain, archived = plain_and_archived(tmp_path, "-", "a", text="import sys; print(__name__, sys.argv, sys.path[0])")

    assert archived == plain == (0, "__main__ ['-', 'a'] \n", "")


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_a_program_is_not_started_if_python_ignores_the_environment(tmp_path: Path, flag: str) -> None:
    text = f"import sys; sys.path[:0] = {sys.path!r}; from aerchive.cli import main; main(['run', 'program.py'])"
    (tmp_path / "program.py").write_text("print('started')", "utf-8")
    command = f"{text}; print('not started')"
    done = subprocess.run(
        [sys.executable, flag, "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "not started\n"
    assert "with Python's options -E, -I and -S no run is archived; the program was not started" in done.stderr


def test_a_program_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "none.py")]) == 1
    assert "none.py: no such program; `aerchive run -m NAME` runs a module" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ("no/p.h5", "there is no folder {folder}/no; make it first"),
        ("program.py", "{folder}/program.py: is a text file, so not an aerchive project; choose another file"),
        ("s3://bucket/p.h5", "s3://bucket/p.h5: is a URL; projects behind URLs can only be read"),
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
