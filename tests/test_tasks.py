"""The tasks of the checkout: what they install, and what a user sees while pip works."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tasks as a module."""
    spec = importlib.util.spec_from_file_location("tasks_of_the_checkout", ROOT / "tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installed(tasks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is installed for tasks, of which none gets further than that."""
    found: list[object] = []

    def prepare(what: object) -> int:
        found.append(what)
        return 1

    monkeypatch.setattr(tasks, "prepare", prepare)
    return found


def test_only_the_demo_installs_no_development_tools(
    tasks: ModuleType, installed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "is_prepared", lambda *_: False)
    assert {tasks.main([name]) for name in tasks.TASKS} == {1}
    light = [name for name, what in zip(tasks.TASKS, installed, strict=True) if what == tasks.PACKAGE]
    assert light == ["demo"]


def test_the_demo_installs_nothing_beside_the_development_tools(
    tasks: ModuleType, installed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "is_prepared", lambda _venv, _python, what: what == tasks.DEVELOPMENT)
    assert tasks.main(["demo"]) == 1
    assert installed == [tasks.DEVELOPMENT]


def test_an_environment_of_the_demo_is_not_one_with_development_tools(tasks: ModuleType, tmp_path: Path) -> None:
    python = Path(sys.executable)
    assert tasks.fingerprint(python, tasks.PACKAGE) != tasks.fingerprint(python, tasks.DEVELOPMENT)
    (tmp_path / "installed-from").write_text(tasks.fingerprint(python, tasks.PACKAGE))
    assert tasks.is_prepared(tmp_path, python, tasks.PACKAGE)
    assert not tasks.is_prepared(tmp_path, python, tasks.DEVELOPMENT)


def test_while_pip_works_lines_say_on_what(
    tasks: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "LINES_S", 0.05)
    program = "import time; print('Collecting qiskit', flush=True); time.sleep(0.5); print('WARNING: x'); exit(3)"
    code, output = tasks.run_showing(sys.executable, "-c", program)
    assert (code, output) == (3, "Collecting qiskit\nWARNING: x")
    assert "s: Collecting qiskit\n" in capsys.readouterr().err
