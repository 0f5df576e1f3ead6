"""Texts of a file control neither the terminal nor a spreadsheet, whatever command prints them."""

from __future__ import annotations

import csv
import json
import unicodedata
import warnings
from pathlib import Path

import pytest

from aerchive.aer.errors import AerJobError
from aerchive.cli import main
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, ArchiveWarning
from aerchive.models.labels import RunLabels
from aerchive.models.status import RunStatus
from tests.drafts import draft_of, project_at
from tests.html_pages import texts_of

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\x7f\u202eevil\u2066\u200b\r\nforged line"
JOB = f"=HYPERLINK(1){EVIL}"
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evil") / "evil.h5"
    draft = draft_of(0, labels=RunLabels(name=f"@{EVIL}", tags=[f"+{EVIL}"], notes=EVIL, params={"x": f"-{EVIL}"}))
    status = RunStatus(outcome="error", message=EVIL, error_type=EVIL, traceback=EVIL, seconds=-1.5)
    config = draft.config.model_copy(update={"backend_name": EVIL, "program": EVIL})
    provenance = draft.provenance
    assert provenance is not None
    changes = {"platform": EVIL, "host": EVIL, "qiskit": EVIL}
    evil = {"job_id": JOB, "status": status, "config": config, "provenance": provenance.model_copy(update=changes)}
    project_at(path).archive(type(draft)(**{**vars(draft), **evil}))
    return path


COMMANDS = [
    ["ls"],
    ["ls", "--json"],
    ["find", "--ids"],
    ["find", "name == 'nothing'"],
    ["find", "--json"],
    ["show", "=HYPER"],
    ["show", "=HYPER", "--json"],
    ["show", "=HYPER", "--history"],
    ["show", f"no{EVIL}"],
    ["tag", "=HYPER"],
    ["rerun", "=HYPER"],
    ["rerun", "=HYPER", "--json"],
    ["script", "=HYPER"],
    ["diff", "=HYPER", "=HYPER"],
    ["export"],
    ["export", "--format", "json"],
    ["export", "--values"],
    ["verify", "--root", "0" * 64],
    ["verify", "--json", "--root", f"no{EVIL}"],
    ["seal", "-o", "-"],
    ["seal", "--proof", "=HYPER"],
    ["seal", "--proof", f"no{EVIL}"],
    ["du"],
    ["du", "--json"],
    ["clean", "--keep", "0", "--dry-run"],
    ["compact", "--force", "--dry-run"],
    ["rm", f"no{EVIL}"],
    ["ls", "--columns", "job_id,name,tags,params.x,message"],
    ["ls", "--columns", EVIL],
    ["ls", "--columns", "name", "--json"],
    ["show", "=HYPER", "--experiment", EVIL],
    ["plot", "=HYPER"],
    ["ls", EVIL],
    [EVIL],
]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: clean(" ".join(words)))
def test_nothing_that_controls_a_terminal_leaves(
    path: Path, words: list[str], is_terminal: bool, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchiveWarning)
        main(["-p", str(path), *words])
    out, err = capsys.readouterr()
    out = out.replace("\x1b[1m", "").replace("\x1b[0m", "") if is_terminal else out  # bold, and its end
    assert out + err
    for one in out + err:
        assert one in "\n " or unicodedata.category(one) not in ("Cc", "Cf", "Zl", "Zp"), repr(one)
    if "script" not in words:
        assert not any(line.startswith("forged line") for line in (out + err).splitlines())
    if out.startswith(("{", "[")):
        json.loads(out)


def test_cells_that_begin_a_formula(path: Path, tmp_path: Path, capsys: Printed) -> None:
    target = tmp_path / "out.csv"

    assert main(["-p", str(path), "export", "-o", str(target)]) == 0

    capsys.readouterr()
    with target.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["job_id"] == f"'{clean(JOB)}"
    assert row["name"] == f"'{clean(f'@{EVIL}')}"
    assert row["params.x"] == f"'{clean(f'-{EVIL}')}"
    assert row["seconds"] == "-1.5"
    assert json.loads(row["tags"].replace("\\\\", "\\")) == [f"+{EVIL}"]


def test_messages_of_errors_and_warnings() -> None:
    message = "\\x1b[2J\\u202ea\tb\nc"
    assert str(AerchiveError("\x1b[2J\u202ea\tb\nc")) == message
    error = AerJobError("\x1b[2J", None, "Traceback:\n  \x1b[2J\u202ea\tb")
    assert (str(error), error.stored_traceback) == ("\\x1b[2J", "Traceback:\n  \\x1b[2J\\u202ea\tb")
    with pytest.warns(ArchiveWarning) as caught:
        warnings.warn("\x1b[2J\u202ea\tb\nc", ArchiveWarning, stacklevel=1)
    assert str(caught[0].message) == message


def test_what_python_and_notebooks_show(path: Path) -> None:
    project = project_at(path, "r")
    run = project.latest()
    texts = [repr(run), repr(project.jobs()), str(project.space()), str(project.verify())]
    assert all(one in "\n " or one.isprintable() for text in texts for one in text)
    for one in (project, run, run.job(), project.jobs(), project.space(), project.verify()):
        assert texts_of(one._repr_html_())
