"""Projects that a later minor version wrote: what it added is passed over and kept, what it needs is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import FormatError, NewerFormatError
from aerchive.project.documents.draft import RunDraft
from tests.drafts import draft_of, edit, job_id, project_at, run_groups

FOLDER = Path(__file__).parent
NEWER, OLD = job_id(1), job_id(0)


@pytest.fixture
def optional(tmp_path: Path) -> Path:
    return Path(shutil.copy(FOLDER / "optional.h5", tmp_path))


@pytest.fixture
def required(tmp_path: Path) -> Path:
    return Path(shutil.copy(FOLDER / "required.h5", tmp_path))


def additions(path: Path, number: int = 1) -> dict[str, Any]:
    """What the later version has added to a run."""
    with h5py.File(path) as file:
        run = run_groups(file)[number]
        return {
            "uses": run["seal"].attrs["uses"],
            "weather": run.attrs["weather"].decode(),
            "labels": int(run["labels"].attrs["stars"]),
            "config": run["config"].attrs["telescope"],
            "brightness": run["brightness"][...].tolist(),
            "sky": (run["sky"].attrs["colour"], run["sky/north/stars"][...].tolist()),
            "view": (run["night_view"].attrs["title"], run["night_view"].attrs["sha256"]),
        }


def test_optional_additions_are_passed_over(optional: Path) -> None:
    project = aerchive.open(optional, "r")
    run = project[NEWER]

    assert (run.name, run.tags, run.record.config.num_circuits) == ("n1", ("a",), 1)
    assert [run.job_id for run in project.find("name = 'n1'")] == [NEWER]
    report = project.verify()
    assert (report.problems, report.notes, report.runs) == ([], [], 3)


def test_damage_in_an_addition_is_found(optional: Path) -> None:
    with edit(optional) as file:
        run_groups(file)[1]["night_view"].attrs.modify("title", np.bytes_(b"a fight"))
        run_groups(file)[1]["sky"].attrs.modify("colour", np.bytes_(b"green"))

    problems = aerchive.open(optional, "r").verify().problems
    assert ["night_view: its digest does not match" in problems[0], "digest of the run" in problems[1]] == [True] * 2


def test_labels_are_changed_and_those_of_the_later_version_stay(optional: Path) -> None:
    before = additions(optional)
    run = aerchive.open(optional)[NEWER]
    run.add_tags("b")
    run.annotate("seen")

    assert additions(optional) == before
    again = aerchive.open(optional, "r")
    assert (again[NEWER].tags, again[NEWER].notes, again.verify().problems) == (("a", "b"), "seen", [])


def compacted(path: Path) -> Path:
    aerchive.open(path).compact(force=True)
    with h5py.File(path) as file:
        assert (file.attrs["uses"], file.attrs["observatory"]) == (b"stars", b"Potsdam")
        assert file["star_map"].attrs["stars"] == 9
    return path


def copied(path: Path) -> Path:
    target = path.with_name("copy.h5")
    project = project_at(path, "r")
    with project.file.read() as session:
        for run in project:
            draft = RunDraft.of_group(session.root.group(str(run.path)), run.nbytes)
            project_at(target).archive(draft)
    return target


@pytest.mark.parametrize("way", [compacted, copied])
def test_additions_are_kept(way: Callable[[Path], Path], optional: Path) -> None:
    before, seals = additions(optional), [run.core_sha256 for run in aerchive.open(optional, "r")]

    path = way(optional)
    assert additions(path) == before
    project = aerchive.open(path, "r")
    assert ([run.core_sha256 for run in project], project.verify().problems) == (seals, [])


def test_an_anonymous_copy_is_refused(optional: Path) -> None:
    with pytest.raises(NewerFormatError, match="has content of a later version, which may be personal: upgrade it"):
        aerchive.open(optional, "r").copy(optional.with_name("copy.h5"), anonymous=True)


def test_without_the_name_of_a_feature_additions_are_refused(optional: Path, capsys: pytest.CaptureFixture) -> None:
    with edit(optional) as file:
        del run_groups(file)[1]["seal"].attrs["uses"]

    project = aerchive.open(optional, "r")
    with pytest.raises(FormatError, match=r"'(telescope|stars)': Extra inputs are not permitted"):
        _ = project[NEWER].record
    assert project[OLD].tags == ("a",)
    assert main(["-p", str(optional), "ls"]) == 0
    assert capsys.readouterr().out.count("job-") == 3
    (problem,) = project.verify().problems
    assert "Extra inputs are not permitted" in problem


def test_a_run_that_needs_a_feature_asks_for_it_alone(required: Path, capsys: pytest.CaptureFixture) -> None:
    project = aerchive.open(required)
    message = "needs sha3, which this aerchive does not know: upgrade it"

    with pytest.raises(NewerFormatError, match=message):
        _ = project[NEWER].record
    with pytest.raises(NewerFormatError, match=message):
        project[NEWER].add_tags("b")
    assert (project[OLD].tags, len(project.find("tags = 'a'"))) == (("a",), 3)
    for command in (["ls"], ["find", "tags = 'a'"]):
        assert main(["-p", str(required), *command]) == 0
        assert capsys.readouterr().out.count("job-") == 3
    report = project.verify()
    assert report.problems == []
    (note,) = report.notes
    assert note.endswith(f"{message}; not verified")
    assert project.compact(force=True).runs == 3
    with h5py.File(required) as file:
        assert run_groups(file)[1]["seal"].attrs["requires"] == b"sha3"


def test_a_file_that_needs_a_feature_is_refused(optional: Path) -> None:
    with edit(optional) as file:
        file.attrs["requires"] = np.bytes_(b"stars moons")

    with pytest.raises(NewerFormatError, match=r"optional.h5: needs moons, stars, which this aerchive does not know"):
        aerchive.open(optional)


@pytest.mark.parametrize(("draft", "named"), [(None, 1), (3, 3)])
def test_a_file_of_another_draft_is_refused_and_left_as_it_is(draft: int | None, named: int, tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    project_at(path).archive(draft_of(0))
    with edit(path) as file:
        del file.attrs["format_draft"]
        if draft is not None:
            file.attrs["format_draft"] = draft
        made_by = file.attrs["created_by"].decode()
    content = path.read_bytes()

    with pytest.raises(FormatError, match=rf"unreleased draft of the format \(draft {named}, by {made_by}\)"):
        project_at(path).archive(draft_of(1))
    assert path.read_bytes() == content
