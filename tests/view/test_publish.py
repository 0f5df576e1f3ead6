"""Publishing a project: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, InvalidInputError, WriteError
from aerchive.view.publish import publish
from tests.jobs import make_result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    path = tmp_path_factory.mktemp("published") / "small.h5"
    aerchive.open(path).save(make_result("one", counts={"0x1": 3}), name="a run")
    return aerchive.open(path, "r")


def test_the_folder_is_whole_and_of_one_moment(project: aerchive.Project, tmp_path: Path) -> None:
    found = publish(project, tmp_path / "site")
    files = [file for file in found.path.rglob("*") if file.is_file()]
    assert (len(files), sum(file.stat().st_size for file in files)) == (found.files, found.nbytes)
    document = json.loads((found.path / "data" / "project.json").read_bytes())
    assert (document["live"], document["runs"]) == (False, 1)
    assert {"index.html", "LICENSES.txt"} <= {file.name for file in files}
    assert [one.name for one in tmp_path.iterdir()] == ["site"], "nothing is left beside it"


def test_only_a_published_folder_is_replaced(project: aerchive.Project, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    first = publish(project, site)
    with pytest.raises(AlreadyExistsError, match="was published before; --replace replaces it"):
        publish(project, site)
    assert publish(project, site, with_tree=False, replace=True).files < first.files
    assert not (site / "data" / "tree").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(AlreadyExistsError, match=r"has other files in it, such as 'thesis\.tex'"):
        publish(project, other, replace=True)
    with pytest.raises(AlreadyExistsError, match="is a file"):
        publish(project, other / "thesis.tex")
    with pytest.raises(InvalidInputError, match="level 19: a whole number from 0 to 18"):
        publish(project, tmp_path / "third", level=19)
    assert not (tmp_path / "third").exists()


def test_the_command(project: aerchive.Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(project.path), str(tmp_path / "site"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == sum(1 for file in (tmp_path / "site").rglob("*") if file.is_file())
    assert main(["publish", str(project.path), str(tmp_path / "site")]) == 1
    assert "--replace replaces it" in capsys.readouterr().err


def test_a_link_to_a_folder_stays_and_the_folder_is_replaced(project: aerchive.Project, tmp_path: Path) -> None:
    publish(project, tmp_path / "site-1", with_tree=False)
    link = tmp_path / "site"
    link.symlink_to("site-1")
    (tmp_path / "site-1" / "old").touch()
    assert publish(project, link, with_tree=False, replace=True).path == tmp_path / "site-1"
    assert link.is_symlink()
    assert not (link / "old").exists()


def test_what_was_published_stays_if_the_new_folder_cannot_take_its_place(
    project: aerchive.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "site"
    publish(project, target, with_tree=False)
    real = Path.rename

    def fails(self: Path, other: Path) -> Path:
        if self.name == "made":
            raise OSError("no room")
        return real(self, other)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(WriteError, match="cannot be written: no room"):
        publish(project, target, with_tree=False, replace=True)
    assert (target / "index.html").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["site"]
