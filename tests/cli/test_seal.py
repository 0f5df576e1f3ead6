"""``aerchive seal`` and ``aerchive verify --root``."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from aerchive import Proof, read_seal
from aerchive.cli import main
from aerchive.project.project import Project
from tests.drafts import draft_of, job_id, project_at
from tests.project.sealed import drafts, keys_in, needs_openssh, project_with

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_with(tmp_path / "vqe.h5", drafts(3))


def test_a_project_is_sealed_and_compared(project: Project, capsys: Printed) -> None:
    path, seal = str(project.path), f"{project.path}.seal"
    assert main(["seal", path]) == 0
    root = project.seal().root
    assert capsys.readouterr().out == f"{seal}: 3 runs, root {root}\n"
    for given in (seal, root, root.upper()):
        assert main(["verify", path, "--root", given]) == 0
        assert capsys.readouterr().out.endswith(f"no problems\nroot: {root}\n")
    assert main(["seal", path]) == 1
    assert "vqe.h5.seal: exists; choose another name" in capsys.readouterr().err

    project.archive(draft_of(20))
    assert main(["verify", path, "--root", seal, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["root"] == project.seal().root
    assert "is not one of the sealed runs" in found["problems"][0]
    assert main(["verify", path, "--root", seal, "--grown"]) == 0
    project.delete_job(job_id(1))
    assert main(["verify", path, "--root", seal, "--grown"]) == 1
    assert main(["verify", path, "--root", seal, "--grown", "--part"]) == 0


def test_a_seal_goes_to_another_file_or_to_standard_output(project: Project, tmp_path: Path, capsys: Printed) -> None:
    path = str(project.path)
    assert main(["seal", path, "-o", "-"]) == 0
    (tmp_path / "a.seal").write_text(capsys.readouterr().out)
    assert read_seal(tmp_path / "a.seal").root == project.seal().root
    assert main(["seal", path, "-o", str(tmp_path / "b.seal"), "--no-leaves", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["root"], told["signature"]) == (3, project.seal().root, None)
    assert read_seal(tmp_path / "b.seal").leaves is None
    assert main(["verify", path, "--root", str(tmp_path / "b.seal")]) == 0


def test_a_run_is_proven_without_the_project(project: Project, tmp_path: Path, capsys: Printed) -> None:
    path, root, run = str(project.path), project.seal().root, project[job_id(2)]
    assert main(["seal", path, "--proof", job_id(2)]) == 0
    assert Proof.from_json(capsys.readouterr().out) == run.proof()
    proof = str(tmp_path / "run.proof")
    assert main(["seal", path, "--proof", job_id(2), "-o", proof]) == 0
    project.path.unlink()
    capsys.readouterr()
    assert main(["verify", "--proof", proof, "--root", root]) == 0
    assert f"run {draft_of(2).run_uuid} is one of the runs with this root" in capsys.readouterr().out
    assert main(["verify", "--proof", proof, "--root", "0" * 64]) == 1
    assert "is NOT PROVEN" in capsys.readouterr().out


def test_the_number_of_runs_is_that_of_the_seal(project: Project, tmp_path: Path, capsys: Printed) -> None:
    seal, proof = f"{project.path}.seal", str(tmp_path / "run.proof")
    assert main(["seal", str(project.path)]) == 0
    first = min((one.run_uuid, one.job_id) for one in project)[1]
    claimed = dataclasses.replace(project[first].proof(), runs=4)  # the way up from the first of 3 and of 4 is the same
    assert claimed.check(project.seal().root)
    claimed.save(proof)
    assert main(["verify", "--proof", proof, "--root", seal]) == 1
    assert "is NOT PROVEN to be one of the 3 runs" in capsys.readouterr().out


@needs_openssh
def test_the_real_ssh_keygen_accepts_the_signature(project: Project, tmp_path: Path, capsys: Printed) -> None:
    keys, path, seal = keys_in(tmp_path), str(project.path), f"{project.path}.seal"
    assert main(["seal", path, "--sign", str(keys.ann)]) == 0
    assert capsys.readouterr().out.endswith(f"{seal}.sig: signed with {keys.ann}\n")
    command = ["ssh-keygen", "-Y", "verify", "-n", "aerchive", "-I", "ann@example.org", "-f", str(keys.signers)]
    with open(seal, "rb") as file:
        subprocess.run([*command, "-s", f"{seal}.sig"], stdin=file, check=True, capture_output=True)

    signers = ["--signers", str(keys.signers), "--identity", "ann@example.org"]
    assert main(["verify", path, "--root", seal, *signers]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"signed by ann@example.org, who claims the time {read_seal(seal).claimed_time}\n"
    assert "no problems" in printed.out

    other = str(tmp_path / "other.seal")
    assert main(["seal", path, "--sign", str(keys.other), "-o", other]) == 0
    assert main(["verify", path, "--root", other, *signers]) == 1
    assert "is not a signature of ann@example.org over this file" in capsys.readouterr().err
    assert main(["verify", path, "--root", seal, *signers, "--signature", f"{other}.sig"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seal", "--proof", "x", "--sign", "y"], "--proof goes with neither"),
        (["seal", "--sign", "none"], "none: no such key"),
        (["seal", "--sign", "pyproject.toml", "-o", "-"], "a signature is of a file"),
        (["verify", "--part"], "name it with --root"),
        (["verify", "--root", "0" * 64, "--signers", "none"], "a signature is of the file of a seal"),
        (["verify", "--root", "0" * 64, "--grown"], "give its file as root"),
    ],
)
def test_wrong_use_is_told(words: list[str], said: str, project: Project, capsys: Printed) -> None:
    assert main(["-p", str(project.path), *words]) == 2
    assert said in capsys.readouterr().err


def test_runs_that_wait_beside_the_project_are_named(project: Project, capsys: Printed) -> None:
    project_at(project.path).spools.hold([draft_of(30)])
    assert main(["seal", str(project.path)]) == 1
    assert f"aerchive recover {project.path}" in capsys.readouterr().err
    assert main(["recover", str(project.path)]) == 0
    assert main(["seal", str(project.path)]) == 0
    assert ": 4 runs, root" in capsys.readouterr().out
