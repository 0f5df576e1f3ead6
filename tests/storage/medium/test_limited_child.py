"""A function in a child process with limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aerchive.storage.medium.limited_child import ChildError, ChildLimits, ChildStartError, run_limited

LIMITS = ChildLimits(cpu_s=5, wall_s=20, memory_bytes=512 * 1024 * 1024)
PROGRAMS = """
import os, resource, signal, sys, time

def look(fd):
    return {
        "read": os.read(fd, 9).decode(),
        "stdin": sys.stdin.read(),
        "session": os.getsid(0) == os.getpid(),
        "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("CORE", "FSIZE")},
        "hdf5": {name: value for name, value in os.environ.items() if name.startswith("HDF5")},
        "qiskit": "qiskit" in sys.modules,
    }

def die(number):
    os.kill(os.getpid(), number)

def work():
    while True:
        pass

def eat():
    return {"bytes": len(bytes(1 << 30))}

def nap():
    time.sleep(60)

def chat():
    while True:
        print("x" * 1000)

def text():
    return "no document"

def write(path):
    with open(path, "w") as file:
        file.write("text")
    return {}
"""


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "child_programs.py").write_text(PROGRAMS)
    monkeypatch.syspath_prepend(tmp_path)


def test_what_a_child_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HDF5_PLUGIN_PATH", "HDF5_VOL_CONNECTOR", "HDF5_DRIVER"):
        monkeypatch.setenv(name, "anything")
    with open(tmp_path / "child_programs.py", "rb") as file:
        found = run_limited("child_programs", "look", [file.fileno()], LIMITS, [file.fileno()])
    assert found == {
        "read": "\nimport o",
        "stdin": "",
        "session": True,
        "limits": {"CORE": [0, 0], "FSIZE": [0, 0]},
        "hdf5": {"HDF5_PLUGIN_PRELOAD": "::"},
        "qiskit": False,
    }


@pytest.mark.parametrize(
    ("function", "arguments", "limits", "said"),
    [
        ("die", [11], LIMITS, "crashed .Segmentation fault"),
        ("die", [8], LIMITS, "crashed .Floating point exception"),
        ("work", [], LIMITS._replace(cpu_s=1), "1 s of processor time"),
        ("eat", [], LIMITS, "too much memory"),
        ("nap", [], LIMITS._replace(wall_s=1), "within 1 s"),
        ("chat", [], LIMITS, "endless"),
        ("text", [], LIMITS, "not understandable"),
        ("none", [], LIMITS, "failed"),
    ],
)
def test_a_child_that_does_not_answer(function: str, arguments: list[int], limits: ChildLimits, said: str) -> None:
    with pytest.raises(ChildError, match=said):
        run_limited("child_programs", function, arguments, limits)


def test_a_child_writes_no_file(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with pytest.raises(ChildError):
        run_limited("child_programs", "write", [str(target)], LIMITS)
    assert target.read_bytes() == b""


def test_a_child_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(ChildStartError, match="could not be started"):
        run_limited("child_programs", "text", [], LIMITS)


@pytest.mark.parametrize(
    ("module", "limits", "said"),
    [
        ("not_there", LIMITS, "when it was started"),
        ("child_programs", LIMITS._replace(memory_bytes=1), "too much memory"),
    ],
)
def test_a_child_that_does_not_reach_its_function(module: str, limits: ChildLimits, said: str) -> None:
    with pytest.raises(ChildStartError, match=said):
        run_limited(module, "text", [], limits)


def test_no_child_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aerchive.storage.medium.limited_child.check_interrupt", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_limited("child_programs", "nap", [], LIMITS)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
