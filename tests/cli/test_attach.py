"""``aerchive attach``, and what ``aerchive show`` says of attachments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import Statevector

import aerchive
from aerchive.cli import main
from tests.jobs import make_result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    aerchive.open(path).save(make_result(), name="first")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "fit.svg"
    file.write_text("<svg/>")
    return file


def answer(capsys: pytest.CaptureFixture[str], path: Path, *arguments: object, status: int = 0) -> str:
    assert main(["-p", str(path), "attach", *map(str, arguments)]) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


def test_a_file(capsys: pytest.CaptureFixture[str], path: Path, file: Path, tmp_path: Path) -> None:
    assert answer(capsys, path, "made", "figure", file) == "attached 'figure' (file) to run made-by-hand\n"
    assert aerchive.open(path, "r").latest().attachments["figure"] == aerchive.AttachedFile("fit.svg", b"<svg/>")
    assert answer(capsys, path, "made", "figure", file, status=1) == (
        f"aerchive: {path}: /runs/2026-03-01/000000_first_made_by_/attachments: there is an attachment 'figure' "
        "already; replace=True (--replace) replaces it\n"
    )
    file.write_text("<svg>2</svg>")
    answer(capsys, path, "made", "figure", file, "--replace")
    out = tmp_path / "out"
    out.mkdir()
    assert answer(capsys, path, "made", "--get", "figure", "-o", out) == f"{out / 'fit.svg'}: 12 bytes\n"
    assert (out / "fit.svg").read_text() == "<svg>2</svg>"
    assert "fit.svg: exists; choose another folder" in answer(
        capsys, path, "made", "--get", "figure", "-o", out, status=1
    )
    answer(capsys, path, "made", "--get", "figure", "-o", out / "other.svg")
    assert (out / "other.svg").read_text() == "<svg>2</svg>"


def test_without_a_target_it_is_written_here(
    capsys: pytest.CaptureFixture[str], path: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(capsys, path, "/", "figure", file)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert answer(capsys, path, "/", "--get", "figure") == "fit.svg: 6 bytes\n"
    assert (tmp_path / "here" / "fit.svg").exists()


def test_a_file_with_a_hidden_name_gets_the_name_of_the_attachment(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    aerchive.open(path).attach("figure", aerchive.AttachedFile(".profile", b"evil"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert answer(capsys, path, "/", "--get", "figure") == "figure: 4 bytes\n"
    assert [one.name for one in (tmp_path / "here").iterdir()] == ["figure"]


def test_values(capsys: pytest.CaptureFixture[str], path: Path, file: Path, tmp_path: Path) -> None:
    array = tmp_path / "values.npy"
    np.save(array, np.arange(6.0).reshape(2, 3))
    file.write_text('{"tau": 2.5, "names": ["a"]}')
    assert answer(capsys, path, "first", "t", file, "--text") == "attached 't' (text) to run made-by-hand\n"
    assert answer(capsys, path, "first", "d", file, "--document") == "attached 'd' (json) to run made-by-hand\n"
    assert answer(capsys, path, "/", "a", array, "--array") == f"attached 'a' (array) to {path}\n"
    project = aerchive.open(path, "r")
    assert project.latest().attachments["t"] == '{"tau": 2.5, "names": ["a"]}'
    assert project.latest().attachments["d"] == {"tau": 2.5, "names": ["a"]}
    assert project.attachments["a"][...].tolist() == [[0, 1, 2], [3, 4, 5]]
    out = tmp_path / "out"
    out.mkdir()
    for job, name, written in (("first", "t", "t.txt"), ("first", "d", "d.json"), ("/", "a", "a.npy")):
        assert answer(capsys, path, job, "--get", name, "-o", out).startswith(f"{out / written}: ")
    assert (out / "t.txt").read_text() == '{"tau": 2.5, "names": ["a"]}'
    assert json.loads((out / "d.json").read_text()) == {"tau": 2.5, "names": ["a"]}
    assert np.load(out / "a.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert "a.npy: exists; choose another name" in answer(capsys, path, "/", "--get", "a", "-o", out, status=1)
    (out / "a.npy").unlink()
    (out / "a.npy").symlink_to(out / "elsewhere")
    assert "a.npy: exists; choose another name" in answer(capsys, path, "/", "--get", "a", "-o", out, status=1)
    assert not (out / "elsewhere").exists()
    there = out / "no" / "a.npy"
    assert f"{there}: cannot be written: No such" in answer(capsys, path, "/", "--get", "a", "-o", there, status=1)


@pytest.mark.parametrize(
    ("content", "option", "text"),
    [
        (b"\xff", "--text", "fit.svg: 'utf-8' codec can't decode"),
        (b"{", "--document", "fit.svg: Expecting property name"),
        (b"[" * 100_000, "--document", "fit.svg: maximum recursion depth"),
        (b"abc", "--array", "fit.svg: is not an array of numpy in a .npy file"),
        (b"\x80\x04N.", "--array", "fit.svg: is not an array of numpy in a .npy file"),
    ],
)
def test_files_that_are_of_another_kind(
    capsys: pytest.CaptureFixture[str], path: Path, file: Path, content: bytes, option: str, text: str
) -> None:
    file.write_bytes(content)
    assert text in answer(capsys, path, "first", "x", file, option, status=2)
    assert not aerchive.open(path, "r").latest().attachments


def test_a_value_that_is_no_file(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    aerchive.open(path).latest().attach("psi", Statevector([1, 0]))
    out = answer(capsys, path, "first", "--get", "psi", status=2)
    assert "attachment 'psi' is not a file, a text, an array or JSON" in out
    assert "read it in Python: run.attachments['psi']" in out


def test_listing_and_removal(capsys: pytest.CaptureFixture[str], path: Path, file: Path) -> None:
    assert answer(capsys, path, "first") == f"{path}: run made-by-hand: no attachments\n"
    assert json.loads(answer(capsys, path, "first", "--json")) == []
    described = json.loads(answer(capsys, path, "first", "figure", file, "--json"))
    assert {key: value for key, value in described.items() if key != "created"} == {
        **{"name": "figure", "kind": "file", "shape": [], "dtype": "", "nbytes": 6, "filename": "fit.svg"}
    }
    assert json.loads(answer(capsys, path, "first", "--json")) == [described]
    assert answer(capsys, path, "first").splitlines()[2].startswith("figure  file fit.svg")
    assert json.loads(answer(capsys, path, "first", "--remove", "figure", "--json")) == {"removed": "figure"}
    answer(capsys, path, "first", "figure", file)
    assert answer(capsys, path, "first", "--remove", "figure") == "removed 'figure' from run made-by-hand\n"
    assert "attachments/figure: no such attachment" in answer(capsys, path, "first", "--remove", "figure", status=1)
    assert "no attachment 'figure'; there are none" in answer(capsys, path, "first", "--get", "figure", status=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["first", "x"], "say which FILE is attached, after the NAME"),
        (["first", "x", "--get", "y"], "--get and --remove take one NAME; 'x' is one too many"),
        (["first", "x", "--remove", "y"], "--get and --remove take one NAME; 'x' is one too many"),
        (["first", "a/b", "FILE"], "'a/b' cannot be the name of an attachment"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], path: Path, file: Path, arguments: list[str], text: str) -> None:
    assert text in answer(capsys, path, *(str(file) if one == "FILE" else one for one in arguments), status=2)


def shown(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> Any:
    assert main(["-p", str(path), "show", "first", *arguments]) == 0
    return capsys.readouterr().out


def test_show(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert "attachments" not in shown(capsys, path)
    run = aerchive.open(path).latest()
    run.attach("fit", {"tau": 2.5})
    assert "\nattachments:\nname  kind  shape" in shown(capsys, path)
    (row,) = json.loads(shown(capsys, path, "--json"))["attachments"]
    assert (row["name"], row["kind"], row["nbytes"]) == ("fit", "json", 11)
