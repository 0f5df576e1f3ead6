"""Signatures of files, made and checked by ``ssh-keygen`` of OpenSSH (its PROTOCOL.sshsig); no key is touched here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from aerchive.errors import AlreadyExistsError, IntegrityError, InvalidInputError, MissingExtraError, NotFoundError

NAMESPACE = "aerchive"
"""What signatures are for: one that was made for another purpose, such as a commit of git, does not count."""
_PROGRAM = "ssh-keygen"


class Signers(NamedTuple):
    """Whose signature counts.

    Attributes:
        path: A file of OpenSSH with public keys and the people to whom they belong (``allowed_signers``).
        identity: The person who must have signed.
    """

    path: str
    identity: str


def sign(path: Path, key: str | os.PathLike[str]) -> Path:
    """Signs a file; the signature is in a new file beside it, whose name ends with ``.sig``.

    Args:
        path: The file.
        key: A private key, or the public one of a key that the agent has.

    Returns:
        The path of the signature.

    Raises:
        AlreadyExistsError: There is a signature already; it is not changed.
        InvalidInputError: ``ssh-keygen`` did not sign.
        MissingExtraError: ``ssh-keygen`` is not installed.
    """
    signature = path.with_name(f"{path.name}.sig")
    if os.path.lexists(signature):
        raise AlreadyExistsError(f"{signature}: exists; choose another name for the seal")
    # In a terminal the program asks for a passphrase, or for the touch of a hardware key, by itself.
    told = None if sys.stderr.isatty() else subprocess.PIPE
    command = [_program(), "-q", "-Y", "sign", "-n", NAMESPACE, "-f", os.fspath(key), os.path.abspath(path)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=told, check=False)  # noqa: S603  (no shell)
    if done.returncode != 0 or not signature.exists():
        raise InvalidInputError(f"{os.fspath(key)}: ssh-keygen did not sign with this key{_reason(done.stderr)}")
    return signature


def check_signature(data: bytes, signature: str | os.PathLike[str], signers: Signers) -> None:
    """Checks the signature of the content of a file.

    Args:
        data: The content.
        signature: The file with the signature.
        signers: Whose signature counts.

    Raises:
        IntegrityError: It is not the signature of this person over this content.
        NotFoundError: There is no such signature, or no such file of signers.
        MissingExtraError: ``ssh-keygen`` is not installed.
    """
    for path, what in (signature, "signature"), (signers.path, "file of signers"):
        if not os.path.isfile(path):
            raise NotFoundError(f"{os.fspath(path)}: no such {what}")
    command = [_program(), "-Y", "verify", "-n", NAMESPACE, "-f", signers.path, "-I", signers.identity]
    command += ["-s", os.fspath(signature)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)  # noqa: S603  (no shell)
    if done.returncode != 0:
        raise IntegrityError(
            f"{os.fspath(signature)}: is not a signature of {signers.identity} over this file, made for the namespace "
            f"{NAMESPACE}{_reason(done.stderr)}"
        )


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise MissingExtraError(
            f"{_PROGRAM}, which makes and checks signatures, is not installed; it is a part of OpenSSH "
            "(Debian: apt-get install openssh-client)"
        )
    return found


def _reason(told: bytes | None) -> str:
    text = " ".join((told or b"").decode("utf-8", "replace").split())
    return f": {text}" if text else ""
