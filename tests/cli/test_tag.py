"""``aerchive tag`` and ``aerchive show --history``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.display.text import format_time
from tests.drafts import draft_of, job_id
from tests.jobs import make_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    aerchive.open(path).save(make_result(), name="first", tags=["draft"])
    return path


def run_of(path: Path) -> aerchive.Run:
    return aerchive.open(path, "r").latest()


def test_all_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--add", "keep", "--add", "paper", "--remove", "draft", "--name", "the last", "--notes", "two\nlines"]
    assert main(["-p", str(path), "tag", "made", *arguments]) == 0
    assert capsys.readouterr().out == ("made-by-hand: keep, paper\n  name: the last\n  notes: two\n         lines\n")
    run = run_of(path)
    assert (run.tags, run.name, run.notes) == (("keep", "paper"), "the last", "two\nlines")
    assert len(run.history) == 1


def test_empty_ones_take_away(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "tag", "made-by-hand", "--name", "", "--remove", "draft"]) == 0
    assert capsys.readouterr().out == "made-by-hand: no tags\n"
    assert run_of(path).name is None


def test_without_a_change_it_shows_the_labels(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert main(["-p", str(path), "tag", "made", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "job_id": "made-by-hand",
        "name": "first",
        "tags": ["draft"],
        "notes": None,
    }
    assert path.read_bytes() == before


def answer(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> str:
    assert main(["-p", str(path), "tag", *arguments]) == 0
    return capsys.readouterr().out


def test_many_runs_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = aerchive.open(path)
    for number in range(3):
        project.save(make_result(f"other-{number}"), tags=["draft"], params={"x": number})
    with project.transaction():  # a primitive and what is beneath it: only the first is meant
        project.archive(draft_of(7))
        beneath = draft_of(8)
        project.archive(dataclasses.replace(beneath, config=beneath.config.model_copy(update={"parent": job_id(7)})))

    out = answer(capsys, path, "--where", "params.x >= 1", "--add", "far", "--remove", "draft")
    assert out == "changed the tags of 2 runs\n"
    assert {run.job_id for run in project.find(tags="far")} == {"other-1", "other-2"}
    assert {run.job_id for run in project.find(tags="draft")} == {"made-by-hand", "other-0"}
    assert json.loads(answer(capsys, path, "--where", "not name == first", "--add", "x", "--json")) == {"changed": 4}
    assert job_id(8) not in {run.job_id for run in project.find(tags="x")}
    assert answer(capsys, path, "--where", f"parent == {job_id(7)}", "--add", "x") == "changed the tags of 1 run\n"


def test_many_runs_of_which_none_is_changed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    out = answer(capsys, path, "--where", "name == first", "--add", "draft")
    assert out == "no tags changed: what meets 'name == first' (1 run) has the wanted tags already\n"
    out = answer(capsys, path, "--where", "name == second", "--add", "draft")
    assert out == "no tags changed: none of 1 run meets 'name == second'\n"
    assert json.loads(answer(capsys, path, "--where", "name == second", "--add", "draft", "--json")) == {"changed": 0}
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "shots > 1"], "say which tags: --add TAG, --remove TAG, or both"),
        (["--where", "shots > 1", "--add", "x", "--remove", "x"], "tag 'x' is to be added and to be removed; choose"),
        (["--where", "colour == red", "--add", "x"], "no column 'colour'"),
        (
            ["--where", "shots > 1", "--add", "x", "--name", "n"],
            "--name and --notes are for one run; give its JOB in the place of --where",
        ),
    ],
)
def test_wrong_use_for_many(arguments: list[str], message: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "tag", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--add", "x"], ["made", "--where", "shots > 1", "--add", "x"]])
def test_one_run_or_many(arguments: list[str], path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "tag", *arguments]) == 2
    message = "name one JOB, or all runs that meet a condition with --where; see aerchive tag --help"
    assert capsys.readouterr().err == f"aerchive: {message}\n"


def test_wrong_use(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "tag", "made", "--add", "x", "--remove", "x"]) == 2
    assert "tag 'x' is to be added and to be removed" in capsys.readouterr().err
    assert main(["-p", str(path), "tag", "nobody", "--add", "x"]) == 1
    assert "no run with id 'nobody'" in capsys.readouterr().err


def test_labels_are_safe_on_a_terminal(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "tag", "made", "--add", "\x1b[31m", "--name", "a\x07b", "--notes", "\x1b]0;"]) == 0
    assert main(["-p", str(path), "show", "made", "--history"]) == 0
    assert main(["-p", str(path), "show", "made"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_the_history(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(path), "show", "made", "--history"]) == 0
    assert capsys.readouterr().out == "run made-by-hand: its labels are those it was archived with\n"
    main(["-p", str(path), "tag", "made", "--add", "keep"])
    main(["-p", str(path), "tag", "made", "--name", "second"])
    capsys.readouterr()
    assert main(["-p", str(path), "show", "made", "--history"]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "when"
    when, who, _ = run_of(path).history[0]
    assert [line.split("  ") for line in lines] == [
        [format_time(when), who, "tags +keep"],
        [format_time(run_of(path).history[1][0]), who, "name 'first' to 'second'"],
    ]
    assert main(["-p", str(path), "show", "made", "--history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {"when": when, "who": who, "what": "tags +keep"}
    assert main(["-p", str(path), "show", "made"]) == 0
    assert "history" not in capsys.readouterr().out
