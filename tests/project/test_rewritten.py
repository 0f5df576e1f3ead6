"""Projects that other programs have written anew: they say what they are, and a copy is a project again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import IntegrityError, ReadOnlyError
from tests.drafts import draft_of, job_id, project_at, values_of

NEEDS_TOOLS = pytest.mark.skipif(shutil.which("h5repack") is None, reason="h5repack is not installed")


@pytest.fixture(params=["h5py", pytest.param("h5repack", marks=NEEDS_TOOLS)])
def rewritten(request: pytest.FixtureRequest, path: Path, tmp_path: Path) -> Path:
    """A project of three runs, one of them with a label and an attachment, that another program has rewritten."""
    project = project_at(path)
    project.save(draft_of(1, extra_bytes=3 * 2**20))
    project.save(draft_of(2))
    project.save(draft_of(3)).add_tags("good")
    project[job_id(3)].attach("fit", np.arange(2000.0))
    target = tmp_path / "rewritten.h5"
    if request.param == "h5repack":
        subprocess.run(["h5repack", "-f", "GZIP=9", str(path), str(target)], check=True, capture_output=True)
        return target
    with h5py.File(path) as old, h5py.File(target, "w") as new:
        for name in old:
            old.copy(name, new)
        new.attrs.update(old.attrs)
    return target


def test_it_says_what_it_is(rewritten: Path) -> None:
    project = aerchive.open(rewritten)

    assert project.is_rewritten
    assert project.mode == "r"
    report = project.verify()
    assert report.ok
    assert report.runs == 3
    (note,) = report.notes
    assert note.endswith(f"can only be read; `aerchive copy {rewritten} NEW` makes a project of it again")
    for mode in ("a", "r+"):
        with pytest.raises(ReadOnlyError, match="can only be read; `aerchive copy"):
            aerchive.open(rewritten, mode)


def test_a_copy_is_a_project_with_the_same_seals(path: Path, rewritten: Path, tmp_path: Path) -> None:
    copy = aerchive.open(rewritten).copy(tmp_path / "again.h5")

    again = aerchive.open(copy.path, "r+")
    assert not again.is_rewritten
    assert again.verify().ok
    assert again.verify().notes == []
    assert {run.job_id: run.core_sha256 for run in again} == {run.job_id: run.core_sha256 for run in project_at(path)}
    assert again[job_id(3)].tags == ("good",)
    assert np.array_equal(again[job_id(3)].attachments["fit"], np.arange(2000.0))
    again[job_id(1)].add_tags("new")
    run = again[job_id(1)]
    with again.file.read() as session:
        noise = session.root.group(run.path).read("noise", run.run_uuid)
    assert noise.tobytes() == values_of(draft_of(1, extra_bytes=3 * 2**20))["noise"][2]


def test_what_differs_is_named_and_not_copied(rewritten: Path, tmp_path: Path) -> None:
    with h5py.File(rewritten, "r+") as file:
        run = next(iter(next(iter(file["runs"].values())).values()))
        run["config"].attrs.modify("backend_name", np.bytes_(b"another"))

    with pytest.raises(IntegrityError, match=r"the digest of the run does not match.*; not copied"):
        aerchive.open(rewritten).copy(tmp_path / "again.h5")

    assert not (tmp_path / "again.h5").exists()
