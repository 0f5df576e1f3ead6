"""A run in the file as people see it: the name of its group, its attributes and its plots, also after changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive import layout
from aerchive.models.catalogue import TEXT_COLUMNS
from aerchive.models.labels import RunLabels
from aerchive.models.shown import shown_attributes
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.plots import described, plots_of, view_of
from aerchive.storage.chunks.drafts import DatasetDraft
from tests.drafts import draft_of, edit, job_id, project_at, run_of
from tests.views import project_view


def plotted(number: int, **labels: object) -> RunDraft:
    """A run with a matrix and all plots that it can have; one is so large that it is stored in a chunk."""
    draft = draft_of(number, labels=RunLabels(**labels) if labels else None)
    matrix = DatasetDraft([np.eye(4) * (number + 1j)], attributes={"kind": "density_matrix"})
    state = DatasetDraft([np.full(256, 1 / 16 + 0j)], attributes={"kind": "statevector"})
    datasets = described({**draft.datasets, "density_matrix": matrix, "statevector": state})
    nbytes = sum(one.nbytes for one in datasets.values())
    return dataclasses.replace(draft, datasets=datasets, nbytes=nbytes, view=view_of(plots_of(datasets, draft.config)))


@pytest.fixture
def plots(tmp_path: Path) -> Path:
    path = tmp_path / "plots.h5"
    project = project_at(path)
    for number in range(3):
        project.archive(plotted(number, name=f"run {number}"))
    assert project.verify().problems == []
    return path


def attributes(path: Path, number: int) -> dict[str, object]:
    with h5py.File(path) as file:
        found = run_of(file, job_id(number)).attrs
        return {name: found[name].decode() for name in ("title", "name", "tags", "default") if name in found}


def test_names_of_groups(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5")
    for number in range(12):
        draft = dataclasses.replace(draft_of(number), job_id=f"same-beginning-{number}")
        project.archive(dataclasses.replace(draft, created="2026-11-22T21:30:45.123456Z"))
    project.archive(dataclasses.replace(draft_of(20, labels=RunLabels(name="x" * 99)), job_id="ψψ"))
    names = [run.path.rpartition("/")[2] for run in project.runs()]
    assert sorted(names[:12]) == sorted(["213045_run_same_beg", *(f"213045_run_same_beg.{n}" for n in range(2, 13))])
    assert names[12].startswith(f"213045_{'x' * 28}_")
    assert len(names[12].rpartition("_")[2]) == 8
    assert all(len(run.path) - len("runs/") <= TEXT_COLUMNS["path"] for run in project.runs())
    assert project.verify().problems == []


def test_a_link_costs_no_copy_and_plots_have_their_numbers(plots: Path) -> None:
    with h5py.File(plots) as file:
        run = run_of(file, job_id(1))
        assert set(run["view"]) == {"counts", "matrix", "probability"}
        assert run["view/matrix/density_matrix"] == run["density_matrix"]
        assert run["view/probability/probability"].chunks == (256,)
        assert run["view/counts/shots"][:].tolist() == [0, 0, 1, 1, 0, 0, 7, 7, 0, 0]
        assert file.attrs["default"].decode() == run_of(file, job_id(2)).name.strip("/")


def test_changes_of_labels_show_in_the_same_commit(plots: Path) -> None:
    project = project_at(plots)
    project[job_id(1)].rename("another")
    project.tag(job_ids=[job_id(0), job_id(1)], add=["a", "b"])
    assert attributes(plots, 1) == {
        "title": shown_attributes(project[job_id(1)].record)["title"],
        "name": "another",
        "tags": "a, b",
        "default": "view/counts",
    }
    assert str(attributes(plots, 1)["title"]).startswith("another: ok")
    project.archive(plotted(2, tags=["more"]))
    assert attributes(plots, 2)["tags"] == "more"
    assert project.verify().problems == []


def test_the_root_leads_to_the_newest_run_with_a_plot(plots: Path) -> None:
    project = project_at(plots)

    def default() -> str | None:
        with h5py.File(plots) as file:
            found = file.attrs.get("default")
            return None if found is None else found.decode()

    project.archive(draft_of(9))
    assert default() == project[job_id(2)].path
    project.delete_job(job_id(2))
    assert default() == project[job_id(1)].path
    project.delete_jobs([job_id(0), job_id(1)])
    assert default() is None
    project.restore(job_id(0))
    assert default() == project[job_id(0)].path
    assert project.verify().problems == []


def test_plots_are_carried(plots: Path, tmp_path: Path) -> None:
    """Compaction, copies, runs that are written again, and runs that wait in a spool keep them."""
    before, project = project_view(plots), project_at(plots)
    project[job_id(0)].rename("another")
    assert project.compact(force=True).done
    project = project_at(plots)
    copied = project.copy(tmp_path / "copy.h5", anonymous=True)
    waiting = project_at(tmp_path / "spooled.h5")
    waiting.durability = "exit"
    waiting.archive(plotted(1))
    waiting.flush()
    for one, number in ((project, 0), (copied, 1), (waiting, 1)):
        assert one.verify().problems == []
        with h5py.File(one.path) as file:
            run = run_of(file, job_id(number))
            assert run["view/matrix/density_matrix"] == run["density_matrix"]
            assert run["view/counts/shots"][:].tolist() == [0, 0, number, number, 0, 0, 7, 7, 0, 0]
            assert run["view/probability/probability"][:].tolist() == [1 / 256] * 256
            assert run.attrs["default"] == b"view/counts"
    assert project_view(plots).keys() == before.keys()
    assert next(iter(copied.runs())).path.rpartition("/")[2].startswith("213045_run_job_0000")


FORGED: dict[str, tuple[Callable[[h5py.Group], object], str]] = {
    "title": (lambda run: run.attrs.modify("title", np.bytes_(b"forged")), "its attributes title are not what its"),
    "no outcome": (lambda run: run.attrs.pop("outcome"), "its attributes outcome are not what its documents say"),
    "other default": (lambda run: run.attrs.modify("default", np.bytes_(b"view/x")), "its attributes default are not"),
    "numbers": (lambda run: run["view/counts/shots"].write_direct(np.ones(10, "u2")), "view: its digest does not"),
    "other plot": (lambda run: run["view"].move("probability", "more"), "view: its digest does not match"),
    "link": (lambda run: run.move("view/matrix/density_matrix", "view/matrix/other"), "view: its digest does not"),
    "link to a group": (lambda run: run["view/counts"].__setitem__("c", run["config"]), "is linked twice"),
    "link elsewhere": (lambda run: run["config"].__setitem__("c", run["counts"]), "is linked twice"),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_not_so_is_reported(plots: Path, what: str) -> None:
    change, words = FORGED[what]
    with edit(plots) as file:
        change(run_of(file, job_id(1)))
    problems = project_at(plots, "r").verify().problems
    assert any(words in problem for problem in problems), problems


def test_a_default_that_leads_nowhere_is_reported(plots: Path) -> None:
    with edit(plots) as file:
        file.attrs["default"] = np.bytes_(b"runs/elsewhere")
    (problem,) = project_at(plots, "r").verify().problems
    assert problem.endswith("its attribute 'default' leads to no run that has a plot")


def test_a_missing_view_is_no_problem(plots: Path) -> None:
    with edit(plots) as file:
        run = run_of(file, job_id(1))
        del run[layout.VIEW], run.attrs["default"]
    assert project_at(plots, "r").verify().problems == []
