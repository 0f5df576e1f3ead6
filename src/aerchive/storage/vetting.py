"""Vetting: HDF5 parses a file in a child process first, because a crafted file can crash HDF5 or exhaust the memory.

A file that this user's aerchive has written, and that no other program has changed since, is not vetted. Decision 0020.
"""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerchive.errors import AerchiveError, IntegrityError, ReadError, UnsafeContentError
from aerchive.settings import load_settings
from aerchive.storage.medium import known_files
from aerchive.storage.medium.known_files import KnownFile
from aerchive.storage.medium.limited_child import ChildError, ChildLimits, ChildStartError, run_limited
from aerchive.storage.medium.opening import Stamp, only_here, open_file, stamp_of
from aerchive.storage.medium.remote_path import RemotePath

_CHILD = "aerchive.storage.vet_child", "vet"
_FIRST_FD = 3
"""The numbers below are those of the child's standard input and output, also if this process has closed its own."""
_MIB = 1024 * 1024
_LEAST_WALL_S = 30
_WALL_RATIO = 5
_VERIFY_RATIOS = 10, 4
"""How much more time and memory verification may take than vetting."""
_MOST_UNSURE_BYTES = 64 * _MIB
"""Size up to which a file may have more bytes than blocks: some file systems count the blocks seconds later."""


@dataclass(frozen=True)
class VetReport:
    """The report of `aerchive.vet` on the structure of a file.

    Attributes:
        path: Path of the file.
        uuid: UUID of the project, as the file says.
        runs: Number of runs.
        nodes: Number of groups and datasets that HDF5 has parsed.
        findings: Descriptions of what aerchive never writes, such as links, and of what is mixtured; at most 50. These
            nodes are refused one by one when they are read.
        mixture: The first finding that shows that this is a mixture of two states of a file, as ``cp`` makes it in the
            middle of a commit; nothing is saved into such a file. Empty if there is none.
    """

    path: str
    uuid: str
    runs: int
    nodes: int
    findings: list[str]
    mixture: str

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings


def vet(fd: int, path: str) -> VetReport:
    """Lets HDF5 parse the whole structure of a file in a child process.

    Args:
        fd: File descriptor of the file, locked.
        path: Path of the file, for messages.

    Raises:
        UnsafeContentError: The child crashed, or took too much memory or time.
        ReadError: A program that ignores locks has changed the file meanwhile.
    """
    before = stamp_of(os.fstat(fd))
    try:
        opened = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)  # the child may only read, and has no lock
    except OSError:
        opened = os.dup(fd)
    own = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD)
    os.close(opened)
    try:
        found = run_limited(*_CHILD, [own, path], _limits(fd)._replace(opens_files=False), [own])
        check_unchanged(fd, before, path)
        return report_of(path, found)
    except ChildError as error:
        raise unsafe(path, "HDF5 read its structure", error) from error
    finally:
        os.close(own)


def check_unchanged(fd: int, before: Stamp, path: str) -> None:
    """Refuses a file that has changed although it is locked, so that nothing is noted of a state that nobody has seen.

    Args:
        fd: File descriptor of the file.
        before: The stamp of the file when the work on it began.
        path: Path of the file, for messages.

    Raises:
        ReadError: The file has another stamp now.
    """
    if stamp_of(os.fstat(fd)) != before:
        raise ReadError(f"{path}: was changed while it was looked at, by a program that ignores locks; try again later")


def admit(fd: int, path: str, *, for_writing: bool = False) -> KnownFile | None:
    """Vets a file before HDF5 opens it in this process, unless it is known in its present state.

    Args:
        fd: File descriptor of the file, locked.
        path: Path of the file.
        for_writing: Whether the file will be changed.

    Returns:
        The record of the file; ``None`` if it is not known, and vetting is turned off.

    Raises:
        UnsafeContentError: The file is refused, as by `vet`.
        IntegrityError: The file is to be changed, and is a mixture of two states.
    """
    known = known_files.find(fd, path)
    if known is None:
        setting = load_settings().vet
        if setting == "once" and (before := known_files.known_before(fd)) is not None:
            known = known_files.keep(fd, path, "vetted", before.uuid)
        elif setting != "off":
            report = vet(fd, path)
            known = known_files.keep(fd, path, "vetted", report.uuid, report.mixture)
    if for_writing and known is not None and known.mixture:
        raise IntegrityError(
            f"{path}: nothing is saved into it, because it is damaged, or a mixture of two states, as a copy that was "
            f"made in the middle of a commit is ({known.mixture}); copy the project again with 'aerchive copy', which "
            "waits for its end. What can be read can be exported; after 'aerchive trust' the file is written anyway"
        )
    return known


def must_be_vetted(fd: int, path: str) -> bool:
    """Whether `admit` would vet a file; the file need not be locked."""
    return known_files.look_up(fd, path) is None and load_settings().vet != "off"


def limited_child(path: Path, module: str, arguments: Sequence[Any], when: str) -> dict[str, Any]:
    """Calls the function ``answer`` of a module in a child process, with the limits of a verification.

    Args:
        path: The project file that the function reads.
        module: Name of the module.
        arguments: The arguments of the function.
        when: What the child does, for messages: ``it was verified``.

    Raises:
        UnsafeContentError: The child crashed, or took too much memory or time.
        InvalidInputError: The file is on another machine.
    """
    if isinstance(path, RemotePath):
        raise only_here(path, when)
    fd = open_file(path, os.O_RDONLY)
    try:
        return run_limited(module, "answer", arguments, _limits(fd, *_VERIFY_RATIOS))
    except ChildError as error:
        raise unsafe(str(path), when, error) from error
    finally:
        os.close(fd)


def _limits(fd: int, ratio: int = 1, memory_ratio: int = 1) -> ChildLimits:
    status = os.fstat(fd)
    return limits_of_bytes(max(status.st_blocks * 512, min(status.st_size, _MOST_UNSURE_BYTES)), ratio, memory_ratio)


def limits_of_bytes(stored: int, ratio: int = 1, memory_ratio: int = 1) -> ChildLimits:
    """The limits of a child that reads a file.

    Args:
        stored: Bytes of the file that are on the disk, or can be fetched.
        ratio: How much more time it may take than vetting.
        memory_ratio: How much more memory it may take than vetting.
    """
    settings = load_settings()
    cpu_s = math.ceil(settings.vet_time * (1 + stored / _MIB) * ratio)
    return ChildLimits(cpu_s, max(_LEAST_WALL_S, cpu_s * _WALL_RATIO), settings.vet_memory * memory_ratio)


def report_of(path: str, found: dict[str, Any]) -> VetReport:
    """The report from the answer of a child, which the file may have made its own.

    Raises:
        ChildError: The answer is none of ours.
    """
    try:
        report = VetReport(path=path, **found)
        numbers, texts = (report.runs, report.nodes), (report.uuid, report.mixture, *report.findings)
    except TypeError as error:
        raise ChildError("its answer is not understandable") from error
    if not (all(type(one) is int for one in numbers) and all(type(one) is str for one in texts)):
        raise ChildError("its answer is not understandable")
    return report


def unsafe(path: str, when: str, error: ChildError) -> AerchiveError:
    """The error for a file that a child could not read.

    Args:
        path: The file.
        when: What the child did, as ``HDF5 read its structure``.
        error: What became of it.
    """
    if isinstance(error, ChildStartError):
        return ReadError(
            f"{path}: not opened, because a process of its own, in which it is looked at first, {error}. Free memory "
            "and processes for it, or change the settings vet and vet_memory"
        )
    return UnsafeContentError(
        f"{path}: not opened, because it would harm this program: {error}, in a process of its own, while {when}. "
        "If this is a copy that was made while the project was written, copy it again with 'aerchive copy'; else ask "
        "for the file again where it came from. The settings vet, vet_time and vet_memory change what is vetted, and "
        "the limits"
    )
