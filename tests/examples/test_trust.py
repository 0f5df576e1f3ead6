"""The commands of the page on trust are run as they stand, by OpenSSH itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import aerchive
from tests.jobs import make_result
from tests.project.sealed import needs_openssh

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "trust.md"


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
    seal, trust, verify, check, prove, check_proof, copy, sign, protect, check_copy = commands(
        *("aerchive", "echo", "aerchive", "ssh-keygen", "aerchive", "aerchive"),
        *("aerchive", "ssh-keygen", "chmod", "ssh-keygen"),
    )
    root = shell.project.seal().root
    assert f"vqe.h5.seal: 3 runs, root {root}" in shell.run(seal)
    shell.run(trust)
    assert "no problems" in shell.run(verify)
    assert 'Good "aerchive" signature for ann@example.org' in shell.run(check)
    shell.run(prove)
    assert "is one of the 3 runs with this root" in shell.run(check_proof)
    for command in (copy, sign, protect):
        shell.run(command)
    assert "Good" in shell.run(check_copy)

    # One bit of what was signed.
    published = tmp_path / "published.h5"
    published.chmod(0o600)
    content = bytearray(published.read_bytes())
    content[-1] ^= 1
    published.write_bytes(content)
    shell.run(check_copy, status=255)
