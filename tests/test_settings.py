"""Settings are read once for each state of their sources, and a change of any is seen at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aerchive import layout
from aerchive.errors import InvalidInputError
from aerchive.settings import default_pending_folder, default_project, load_settings, settings_file


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without settings."""
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("AERCHIVE_PROJECT", "AERCHIVE_SAVE_JOBS", "AERCHIVE_LOCK_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def write(text: str) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text, "utf-8")


def test_nothing_changes_nothing() -> None:
    assert load_settings() is load_settings()
    assert load_settings(lock_timeout=1.0) is load_settings(lock_timeout=1.0, durability=None)
    assert load_settings(lock_timeout=1.0).lock_timeout == 1.0


def test_a_changed_file_is_read() -> None:
    assert load_settings().lock_timeout == 60
    write("lock_timeout = 5")
    assert load_settings().lock_timeout == 5
    write("lock_timeout = 7.25")
    assert load_settings().lock_timeout == 7.25
    write("lock_timeout =")
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            load_settings()
    settings_file().unlink()
    assert load_settings().lock_timeout == 60


def test_a_changed_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().save_jobs is True
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    assert load_settings().save_jobs is False
    assert load_settings(save_jobs=True).save_jobs is True
    monkeypatch.delenv("AERCHIVE_SAVE_JOBS")
    assert load_settings().save_jobs is True
    before = load_settings().project
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert load_settings().project == default_project() != before


@pytest.mark.parametrize("value", [[1], {}, "never", -1, object()])
def test_what_is_no_setting_is_refused_each_time(value: Any) -> None:
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=r"^settings: lock_timeout: "):
            load_settings(lock_timeout=value)


def test_paths_are_those_of_files_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings().pending_folder == default_pending_folder() == tmp_path / "data" / "aerchive" / "pending"
    write('project = "~/mine.h5"\npending_folder = "file:///far/away"')
    assert load_settings().project == tmp_path / "mine.h5"
    assert load_settings().pending_folder == Path("/far/away")
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "~/waiting")
    assert load_settings().pending_folder == tmp_path / "waiting"
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "s3://bucket/waiting")
    with pytest.raises(
        InvalidInputError, match=r"^settings: pending_folder: s3://bucket/waiting: is a URL; projects behind"
    ):
        load_settings()
    assert load_settings(pending_folder="~/x").pending_folder == tmp_path / "x"
    monkeypatch.delenv("AERCHIVE_PENDING_FOLDER")
    write("project = 3")
    with pytest.raises(InvalidInputError, match=r"^settings: project: Input is not a valid path"):
        load_settings()


@pytest.mark.parametrize("profile", layout.COMPRESSIONS)
def test_each_compression_may_be_a_setting(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_COMPRESSION", profile)
    assert load_settings().compression == profile
