"""The commands of the page on trust are run as they stand, by OpenSSH itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aerchive
from tests.jobs import make_result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "trust.md"

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")


def commands(*wanted: str) -> list[str]:
    """Lines of the page that begin with a dollar; they must be those that the test knows."""
    section = PAGE.read_text("utf-8").partition("## Signatures")[2].partition("\n## ")[0]
    found = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    assert [line.split()[0] for line in found] == list(wanted)
    return found


class Shell:
    """A folder with a project of three runs, and the command ``aerchive``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = aerchive.open(folder / "vqe.h5")
        for number in range(3):
            self.project.save(make_result(f"job {number}", x=1.5 * number))
        programs = folder / "bin"
        programs.mkdir()
        (programs / "aerchive").write_text(f'#!/bin/sh\nexec {sys.executable} -m aerchive "$@"\n')
        (programs / "aerchive").chmod(0o755)
        paths = os.pathsep.join(path for path in sys.path if path)
        self.environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": paths}

    def run(self, command: str, status: int = 0) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@needs_openssh
def test_signatures(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("ssh-keygen -q -t ed25519 -N '' -C '' -f id_ed25519")
    copy, sign, protect, trust, check, verify, seals, sign_seals, check_seals, verify_again, count = commands(
        *("aerchive", "ssh-keygen", "chmod", "echo", "ssh-keygen", "aerchive"),
        *("aerchive", "ssh-keygen", "ssh-keygen", "aerchive", "aerchive"),
    )
    for command in (copy, sign, protect, trust):
        shell.run(command)
    assert 'Good "aerchive" signature for ann@example.org' in shell.run(check)
    assert "no problems" in shell.run(verify)
    for command in (seals, sign_seals):
        shell.run(command)

    # The project goes on; what was signed is still what it was.
    shell.project["job 0"].add_tags("seen")
    shell.project.save(make_result("later"))
    assert "Good" in shell.run(check_seals)
    assert "no problems" in shell.run(verify_again)
    assert shell.run(count) == "3\n"
    assert len((tmp_path / "seals.txt").read_text().splitlines()) == 3

    # A run that is not there any more, or is another one under the same name.
    shell.project.delete_job("job 1")
    assert shell.run(count) == "2\n"
    shell.project.save(make_result("job 1", x=99.0))
    assert shell.run(count) == "2\n"
    assert "no problems" in shell.run(verify_again)

    # One bit of what was signed.
    published = tmp_path / "published.h5"
    published.chmod(0o600)
    content = bytearray(published.read_bytes())
    content[-1] ^= 1
    published.write_bytes(content)
    shell.run(check, status=255)


def test_a_seal_can_be_made_anew(tmp_path: Path) -> None:
    """What the page says of seals: they do not stop who makes them anew; the list that was signed does."""
    shell = Shell(tmp_path)
    shell.run("aerchive verify vqe.h5 --seals > seals.txt")
    stranger = aerchive.open(tmp_path / "forged.h5")
    for number in range(3):
        stranger.save(make_result(f"job {number}", x=1.5 * number + (number == 1)))
    (tmp_path / "forged.h5").replace(tmp_path / "vqe.h5")
    assert "no problems" in shell.run("aerchive verify vqe.h5")
    assert shell.run("aerchive verify vqe.h5 --seals | grep -c -x -F -f seals.txt", status=1) == "0\n"


def test_seals(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    lines = shell.run("aerchive verify vqe.h5 --seals").splitlines()
    assert lines == [f"{run.core_sha256}  {run.job_id}" for run in shell.project]
    assert all(re.fullmatch(r"[0-9a-f]{64}  job \d", line) for line in lines)
    told = json.loads(shell.run("aerchive verify vqe.h5 --seals --json"))
    assert told["seals"] == {run.job_id: run.core_sha256 for run in shell.project}
    assert "seals" not in json.loads(shell.run("aerchive verify vqe.h5 --json"))
