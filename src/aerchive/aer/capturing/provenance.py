"""Provenance of the runs of this process: software, machine and working directory; determined once."""

from __future__ import annotations

import functools
import os
import platform
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from aerchive.models.provenance import Provenance
from aerchive.storage.hdf5.types import HDF5_VERSION
from aerchive.threads import processors

_THREADS = (
    *("OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_PROC_BIND", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("QISKIT_NUM_PROCS", "QISKIT_PARALLEL", "RAYON_NUM_THREADS"),
)
_LIMIT = re.compile(r"[0-9]+(,[0-9]+)*|true|false|close|spread|master|primary", re.IGNORECASE)
"""The values that these variables may have; others are not stored."""
_GIT_TIMEOUT_S = 2.0


def provenance() -> Provenance:
    """Software, machine and working directory; determined again only after a fork or in another working directory."""
    return _provenance(os.getpid(), _working_directory())


def _working_directory() -> str:
    try:
        return os.getcwd()  # `Path.cwd` takes three times as long
    except FileNotFoundError:
        return ""


@functools.lru_cache(maxsize=8)
def _provenance(_pid: int, folder: str) -> Provenance:
    commit, dirty = _git(folder)
    return Provenance(
        python=f"{platform.python_version()} {platform.python_implementation()}",
        **{name: _version(name) or "" for name in ("aerchive", "numpy", "h5py")},
        hdf5=HDF5_VERSION,
        qiskit=_version("qiskit"),
        qiskit_aer=_version("qiskit-aer"),
        host=socket.gethostname(),
        platform=platform.platform(),
        cpu_count=os.cpu_count() or 1,
        cpu_available=processors(),
        threads={name: text for name in _THREADS if _LIMIT.fullmatch(text := os.environ.get(name, ""))},
        script=Path(sys.argv[0]).name or None if sys.argv else None,
        git_commit=commit,
        git_dirty=dirty,
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(folder: str) -> tuple[str | None, bool | None]:
    if not folder:
        return None, None
    commit = _ask_git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit.strip(), None if changes is None else bool(changes.strip())


def _ask_git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  (fixed arguments)
            ["git", "-C", folder, "--no-optional-locks", *arguments],  # noqa: S607  (the user's own git)
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
