"""Pictures of runs and the cover."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive.cli import main
from aerchive.errors import MissingExtraError, ReadOnlyError, TransactionError
from aerchive.project.drawing.sketch import _magnitudes
from aerchive.project.illustrating import illustrate as module
from aerchive.storage.chunks.drafts import DatasetDraft
from tests.drafts import draft_of, job_id, project_at, run_of
from tests.project.documents.test_lab_book import plotted

IMAGE = {
    "CLASS": b"IMAGE",
    "IMAGE_VERSION": b"1.2",
    "IMAGE_SUBCLASS": b"IMAGE_TRUECOLOR",
    "INTERLACE_MODE": b"INTERLACE_PIXEL",
    "interpretation": b"rgba-image",
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "project.h5"
    project = project_at(path)
    for draft in (plotted(0, name="$x_ 量"), plotted(1), draft_of(2)):
        project.archive(draft)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TOGETHER", 2)
        number, problems = project.illustrate()
    assert number == 3
    assert all(problem.endswith("/circuits: is not a list of circuits") for problem in problems)  # those of the drafts
    return path


def check_picture(group: h5py.Group, shape: tuple[int, int, int]) -> None:
    image = group["image"]
    assert (image.shape, image.chunks, image.dtype) == (shape, shape, np.uint8)
    assert IMAGE.items() <= dict(image.attrs).items()
    assert len(image.attrs["long_name"]) > 5
    assert np.unique(image[:]).size > 10
    assert (group.attrs["NX_class"], group.attrs["signal"]) == (b"NXdata", b"image")
    assert group.attrs["axes"].tolist() == [b"y", b"x", b"."]
    assert group["y"][:].tolist() == list(range(shape[0] - 1, -1, -1))
    assert group["x"][:].tolist() == list(range(shape[1]))
    assert "title" not in group.attrs


def test_pictures(drawn: Path) -> None:
    with h5py.File(drawn) as file:
        for number in range(3):
            check_picture(run_of(file, job_id(number))["view/picture"], (320, 640, 3))
            assert run_of(file, job_id(number)).attrs["default"] == b"view/counts"
        check_picture(file["cover"], (480, 720, 3))
        magnitude = run_of(file, job_id(1))["view/magnitude/magnitude"]
        assert magnitude[:].tolist() == (np.abs(1 + 1j) * np.eye(4)).tolist()
        assert magnitude.attrs["IMAGE_SUBCLASS"] == b"IMAGE_GRAYSCALE"
        assert run_of(file, job_id(2))["view/counts/shots"][:].tolist() == [0, 0, 2, 2, 0, 0, 7, 7, 0, 0]
    assert project_at(drawn, "r").verify().problems == []


def test_they_are_replaced_and_carried(drawn: Path, tmp_path: Path) -> None:
    project = project_at(drawn).copy(tmp_path / "copy.h5")
    before = [run.core_sha256 for run in project.runs()]
    assert project_at(project.path).illustrate("job_id == 'job-000001'").runs == 1
    project = project_at(project.path)
    assert project.compact(force=True).done
    project = project_at(project.path)
    assert [run.core_sha256 for run in project.runs()] == before
    assert project.verify().problems == []
    with h5py.File(project.path) as file:
        assert set(file) >= {"cover"}
        assert set(run_of(file, job_id(1))["view"]) == {"counts", "magnitude", "matrix", "picture", "probability"}
    nameless = project.copy(tmp_path / "anonymous.h5", anonymous=True)
    with h5py.File(nameless.path) as file:
        assert "cover" not in file
        assert set(run_of(file, job_id(1))["view"]) == {"counts", "matrix", "probability"}


def test_a_forged_cover_is_reported(drawn: Path, tmp_path: Path) -> None:
    path = project_at(drawn).copy(tmp_path / "copy.h5").path
    with h5py.File(path, "r+") as file:
        file["cover/image"].attrs["long_name"] = np.bytes_(b"forged")
    (problem,) = project_at(path, "r").verify().problems
    assert "/cover: its digest does not match" in problem


@pytest.mark.parametrize(("size", "shape"), [(4, (4, 4)), (1025, (342, 342))])
def test_block_maxima(size: int, shape: tuple[int, int]) -> None:
    values = np.zeros((size, size), complex)
    values[-1, 0] = 3j
    for order, place in (("C", (-1, 0)), ("F", (0, -1))):
        found = _magnitudes(DatasetDraft([values], attributes={"kind": "unitary", "order": order})).values
        assert found.shape == shape
        assert found[place] == 3
        assert np.count_nonzero(found) == 1


def test_what_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_at(tmp_path / "project.h5")
    assert project.illustrate() == (0, [])
    project.archive(draft_of(0))
    with project.transaction(), pytest.raises(TransactionError, match="in a transaction"):
        project.illustrate()
    with pytest.raises(ReadOnlyError):
        project_at(project.path, "r").illustrate()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aerchive\[plot\]'"):
        project.illustrate()


def test_the_command(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project_at(drawn).copy(tmp_path / "copy.h5").path
    assert main(["-p", str(path), "illustrate", "name == nothing"]) == 0
    assert capsys.readouterr().out == "drew pictures of 0 runs\n"
    assert main(["-p", str(path), "illustrate", "job_id == 'job-000001'", "--json"]) == 1  # its circuits are none
    printed = json.loads(capsys.readouterr().out)
    assert printed["runs"] == 1
    assert [problem.rpartition(": ")[2] for problem in printed["problems"]] == ["is not a list of circuits"]
