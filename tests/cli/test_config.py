"""``aerchive config``: argument, environment, file, default."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aerchive.cli import main
from aerchive.errors import InvalidInputError
from aerchive.limits import Limits
from aerchive.settings import Settings, default_project, explain_settings, settings_file


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("AERCHIVE_PROJECT")
    path = settings_file()
    path.parent.mkdir(parents=True)
    path.write_text('project = "/far/away.h5"\nlock_timeout = 20.0\non_error = "raise"\n')
    return path


def test_each_setting_and_where_it_came_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "5")
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    found = {one.name: one[1:] for one in explain_settings(project=None, on_error="warn")}
    limits = [f"limits.{name}" for name in Limits.model_fields]
    assert list(found) == [*(name for name in Settings.model_fields if name != "limits"), *limits]
    assert found["limits.members"] == (250_000, "default", "AERCHIVE_LIMITS__MEMBERS")
    assert found["project"] == (Path("/far/away.h5"), "file", str(file))
    assert found["save_jobs"] == (False, "environment", "AERCHIVE_SAVE_JOBS")
    assert found["lock_timeout"] == (5.0, "environment", "AERCHIVE_LOCK_TIMEOUT")
    assert found["on_error"] == ("warn", "argument", "on_error")
    assert found["trust_locks"] == (False, "default", "AERCHIVE_TRUST_LOCKS")


def test_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AERCHIVE_PROJECT")
    monkeypatch.delenv("AERCHIVE_VET")
    assert {one.source for one in explain_settings()} == {"default"}
    assert explain_settings()[0].value == default_project()


def test_the_table(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "0")
    assert main(["-p", "mine.h5", "config"]) == 0
    out = capsys.readouterr().out
    table = {line.split()[0]: " ".join(line.split()[1:]) for line in out.split("\n\n")[0].splitlines()[2:]}
    assert table["project"] == "mine.h5 argument -p"
    assert table["save_jobs"] == "false environment: AERCHIVE_SAVE_JOBS"
    assert table["lock_timeout"] == f"20.0 file: {file}"
    assert table["trust_locks"] == "false default"
    assert out.endswith(f"\nfile: {file}\n")


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--json"]) == 0
    settings = {one.pop("name"): one for one in json.loads(capsys.readouterr().out)}
    assert settings["lock_timeout"] == {"value": 20.0, "source": "file", "where": str(file)}
    assert settings["project"]["value"] == "/far/away.h5"
    assert main(["config", "trust_locks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] is False


def test_one_value(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "project"]) == 0
    assert main(["config", "save_jobs"]) == 0
    assert capsys.readouterr().out == "/far/away.h5\ntrue\n"
    assert main(["config", "nonsense"]) == 2
    assert "no setting 'nonsense'; there are project, save_jobs" in capsys.readouterr().err


def test_the_path_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert not settings_file().exists()
    assert main(["config", "--path"]) == 0
    assert main(["config", "--path", "--json"]) == 0
    text, quoted = capsys.readouterr().out.splitlines()
    assert text == json.loads(quoted) == str(settings_file())
    assert main(["config"]) == 0
    assert f"{settings_file()} (does not exist)" in capsys.readouterr().out


def test_a_file_that_cannot_be_used(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("lock_timeout = 'soon'\n")
    with pytest.raises(InvalidInputError, match="lock_timeout"):
        explain_settings()
    assert main(["config"]) == 2
    assert str(file) in capsys.readouterr().err
    assert main(["config", "--path"]) == 0  # to find what is to be mended


def test_neither_qiskit_nor_hdf5_is_loaded() -> None:
    script = (
        "import sys\nfrom aerchive.cli import main\nmain(['config'])\n"
        "assert not {'qiskit', 'h5py'} & sys.modules.keys(), sys.modules.keys()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, stdout=subprocess.DEVNULL)
