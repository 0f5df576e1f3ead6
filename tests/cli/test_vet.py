"""``aerchive vet``, ``aerchive trust`` and ``aerchive verify --untrusted``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import pytest

import aerchive
from aerchive.cli import main
from aerchive.storage.chunks.drafts import GroupDraft
from tests.drafts import draft_of
from tests.hostile_files import harm
from tests.samples import everything, write_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project that was copied from elsewhere."""
    made = tmp_path / "made.h5"
    aerchive.open(made).archive(draft_of(0))
    return Path(shutil.copy(made, tmp_path / "foreign.h5"))


@pytest.fixture
def harmful(tmp_path: Path) -> Path:
    harmful = tmp_path / "harmful.h5"
    write_run(harmful, everything())
    for number in range(9):  # from the ninth member on, a folder has a B-tree
        write_run(harmful, GroupDraft({"encoding": "run"}), f"run{number}")
    harm(harmful, "division by zero")
    return harmful


def test_vet(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vet", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: 1 run, ")
    with h5py.File(path, "r+") as file:
        file["soft"] = h5py.SoftLink("/\x1b[2J")
    assert main(["vet", str(path)]) == 1
    assert capsys.readouterr().out.endswith(f"1 findings\n  {path}: /soft: is a soft or external link\n")
    assert main(["vet", str(path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["runs"] == 1
    assert document["findings"] == [f"{path}: /soft: is a soft or external link"]
    assert not document["ok"]


def test_vet_refuses(harmful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vet", str(harmful)]) == 1
    assert "Floating point exception" in capsys.readouterr().err


def test_trust(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not aerchive.open(path).is_trusted
    assert main(["trust", str(path)]) == 0
    uuid = aerchive.trust(path).uuid
    assert capsys.readouterr().out == f"{path}: project {uuid} with 1 run is trusted, until others change it\n"
    assert aerchive.open(path).is_trusted
    assert main(["trust", "--list", str(path), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["how"], listed["path"], listed["uuid"]) == ("trusted", str(path), uuid)
    assert main(["trust", "--list"]) == 0
    assert f"trusted    {uuid}  {path}\n" in capsys.readouterr().out
    assert main(["trust", "--remove", str(path)]) == 0
    assert not aerchive.open(path).is_trusted
    assert main(["trust", "--remove", str(path), "--json"]) == 1
    assert main(["trust", str(path), "--json"]) == 0
    assert '"runs": 1' in capsys.readouterr().out


def test_trust_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trust"]) == 2
    assert "which file?" in capsys.readouterr().err


def test_verify_untrusted(path: Path, harmful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--untrusted", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 1 run and 2 shared objects verified, no problems\n"
    assert main(["verify", "--untrusted", str(harmful)]) == 1
    assert "it crashed (Floating point exception)" in capsys.readouterr().err
