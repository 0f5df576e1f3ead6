"""Projects to seal, and keys of OpenSSH to sign with."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.sealing.leaves import Leaf
from aerchive.storage.chunks.drafts import text_dataset
from tests.drafts import draft_of, project_at, project_of

NUMBER = 7
needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen of OpenSSH is not installed")


def drafts(number: int = NUMBER) -> list[RunDraft]:
    return [draft_of(one) for one in range(number)]


def project_with(path: Path, runs: Iterable[RunDraft]) -> Project:
    return project_at(project_of(path, runs))


def with_other_result(draft: RunDraft) -> RunDraft:
    """The run as a forger writes it: other values, and all digests and checksums as they must be for these."""
    return dataclasses.replace(draft, datasets={**draft.datasets, "result": text_dataset(b'{"number":9}')})


def leaves_of(number: int) -> Iterator[Leaf]:
    """Made-up leaves, in order."""
    for one in range(number):
        yield Leaf(f"run-{one:05d}", f"{one:064x}", f"{one + 1:064x}")


class Keys(NamedTuple):
    """A private key of Ann, one of another person, and the file that says which key is Ann's."""

    ann: Path
    other: Path
    signers: Path


def keys_in(folder: Path) -> Keys:
    for name in ("ann", "other"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    signers = folder / "allowed_signers"
    signers.write_text(f"ann@example.org {(folder / 'ann.pub').read_text()}")
    return Keys(folder / "ann", folder / "other", signers)
