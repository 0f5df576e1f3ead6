"""Whatever name the system takes, a project may have, in every way of saving."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import InvalidInputError
from tests.holding import held
from tests.jobs import make_result

NAMES = [
    *(b"n" * (length - 3) + b".h5" for length in (96, 97, 200, 230, 233, 234, 245, 255)),
    "ä".encode() * 126 + b".h5",
    b"two\nlines.h5",
    b"caf\xe9.h5",
    b".hidden.h5",
    b"...h5",
    b"-p.h5",
    b"--help",
    b"trailing ",
    b" [a]*?.h5",
    b"no suffix",
    b"%s {0} \\x1b.h5",
]


@pytest.fixture(params=NAMES, ids=lambda name: f"{name[:12].decode('latin-1')!r}-{len(name)}")
def named(request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    caplog.set_level(logging.CRITICAL, logger="aerchive")  # pytest-xdist sends no log with names that are not UTF-8
    return tmp_path / os.fsdecode(request.param)


def test_every_way_of_saving(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = aerchive.open(named)
    project.save(make_result("each"))
    with project.transaction():
        project.save(make_result("transaction"))
    for durability in ("batch", "exit"):
        later = aerchive.open(named, durability=durability)
        later.save(make_result(durability))
        later.flush()
    with held(named):
        aerchive.open(named, lock_timeout=0.01).save(make_result("pending"))
    project["each"].add_tags("x")
    project.recover()
    assert {run.job_id for run in project.find()} == {"each", "transaction", "batch", "exit", "pending"}

    project.delete_job("exit")
    project.restore("exit")
    project.delete_job("batch")
    assert project.compact().runs == 4
    copied = project.copy(named.parent / "copies.h5")
    assert len(copied.find()) == 4
    assert project.verify().ok
    assert main(["-p", str(named), "ls"]) == 0
    assert main(["verify", "--json", str(named)]) == 0
    assert "each" in capsys.readouterr().out
    assert sorted(os.listdir(named.parent)) == sorted([named.name, "copies.h5"])


@pytest.mark.parametrize("durability", ["each", "batch", "exit"])
def test_a_name_too_long_is_refused_before_anything_is_done(durability: str, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 256)
    with pytest.raises(InvalidInputError, match=r"has 256 bytes, and .* takes names of at most 255; choose a shorter"):
        aerchive.open(path, durability=durability)

    project = aerchive.open(tmp_path / "p.h5")
    project.save(make_result())
    with pytest.raises(InvalidInputError, match="has 256 bytes"):
        project.copy(path, progress=lambda *_: pytest.fail("it was copied"))
    assert os.listdir(tmp_path) == ["p.h5"]


def test_a_long_name_in_the_way_of_creation_alone(tmp_path: Path) -> None:
    """The batch is refused or kept: never taken, and impossible to commit."""
    path = tmp_path / ("m" * 255)
    project = aerchive.open(path, durability="batch")
    project.save(make_result("a"))
    project.flush()
    assert [run.job_id for run in aerchive.open(path, "r").find()] == ["a"]
