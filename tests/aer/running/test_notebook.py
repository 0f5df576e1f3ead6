"""Runs in notebooks: ``%load_ext aerchive``, and the notebook and cell that are noted with a run."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer

import aerchive
from aerchive.aer import AerSimulator
from aerchive.aer.capturing.notebook import Cell, current_cell, notebook_name
from aerchive.settings import load_settings
from tests.html_pages import texts_of
from tests.jobs import bell, make_result


class Shell:
    """What aerchive asks of the shell of a kernel, with the names of ipykernel."""

    kernel = object()

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.displayhook = types.SimpleNamespace(prompt_count=7)
        self.parent: Any = {"metadata": {"cellId": "a1-b2_C3"}}

    def get_parent(self) -> Any:
        return self.parent


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    monkeypatch.setitem(__import__("sys").modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setenv("JPY_SESSION_NAME", "studies/ising.ipynb")
    return shell


@pytest.fixture
def _loaded() -> Iterator[None]:
    aerchive.load_ipython_extension(None)
    yield
    aerchive.unload_ipython_extension(None)


@pytest.mark.usefixtures("_loaded")
def test_the_extension_archives_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    path = load_settings().project
    assert not path.exists()
    assert capsys.readouterr().out == ""
    qiskit_aer.AerSimulator().run(bell()).result()
    project = aerchive.open()
    assert len(project) == 1
    aerchive.unload_ipython_extension(None)
    qiskit_aer.AerSimulator().run(bell()).result()
    assert len(project) == 1


def test_the_extension_says_where_it_archives(capsys: pytest.CaptureFixture[str]) -> None:
    aerchive.load_ipython_extension(None)
    aerchive.unload_ipython_extension(None)
    assert capsys.readouterr().out == f"aerchive: runs of Aer are archived in {load_settings().project}\n"


def test_unloading_leaves_other_switches_on(tmp_path: Path) -> None:
    with aerchive.autosave(tmp_path / "own.h5"):
        aerchive.load_ipython_extension(None)
        aerchive.unload_ipython_extension(None)
        qiskit_aer.AerSimulator().run(bell()).result()
    assert len(aerchive.open(tmp_path / "own.h5")) == 1


def test_the_notebook_and_the_cell_of_a_run(shell: Shell, tmp_path: Path) -> None:
    simulator = AerSimulator(project=tmp_path / "project.h5")
    first = simulator.run(bell())
    first.result()
    shell.displayhook.prompt_count = 8
    second = simulator.run(bell())
    second.result()
    project = aerchive.open(tmp_path / "project.h5")
    records = [project[job.job_id()].record for job in (first, second)]
    assert [(one.config.cell, one.config.cell_id) for one in records] == [(7, "a1-b2_C3"), (8, "a1-b2_C3")]
    assert [one.provenance and one.provenance.notebook for one in records] == ["ising.ipynb"] * 2
    texts = texts_of(project.latest()._repr_html_())
    assert texts[texts.index("notebook") + 1] == "ising.ipynb"
    assert "script" not in texts

    copy = project.copy(tmp_path / "anonymous.h5", anonymous=True)
    provenance = copy.latest().record.provenance
    assert provenance is not None
    assert provenance.notebook is None
    assert "provenance.notebook" in (copy.latest().record.config.anonymised or ())
    assert project.verify().ok
    assert copy.verify().ok


def test_a_result_is_saved_in_two_cells(shell: Shell, tmp_path: Path) -> None:
    project, result = aerchive.open(tmp_path / "project.h5"), make_result()
    run = project.save(result)
    shell.displayhook.prompt_count = 8
    assert project.save(result, tags="again") == run
    assert (len(project), project[0].record.config.cell, project[0].tags) == (1, 7, ("again",))


def test_the_notebook_of_vs_code(shell: Shell) -> None:
    shell.user_ns["__vsc_ipynb_file__"] = r"c:\studies\heisenberg.ipynb"
    assert notebook_name() == "heisenberg.ipynb"
    shell.user_ns["__vsc_ipynb_file__"] = 3
    assert notebook_name() == "ising.ipynb"


def test_what_the_notebook_program_does_not_tell(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for told in ({}, {"metadata": None}, {"metadata": {"cellId": 3}}, {"metadata": {"cellId": "<b>" * 50}}, None):
        shell.parent = told
        assert current_cell() == Cell(7)
    monkeypatch.setenv("JPY_SESSION_NAME", "console-1")
    assert notebook_name() is None
    del shell.displayhook
    assert current_cell() == Cell()


def test_outside_of_notebooks(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shell, "kernel", None)  # IPython on a terminal
    assert (notebook_name(), current_cell()) == (None, Cell())
    monkeypatch.setitem(__import__("sys").modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    assert (notebook_name(), current_cell()) == (None, Cell())
