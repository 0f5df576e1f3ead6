"""What a process and its children open, start, change and connect to, as strace sees it.

Python's audit does not see what libhdf5, libraries and child processes do. Here the calls for the honest project say
what every project needs: a hostile file may make the process open no other file than these, besides the project, what
lies beside it, the folder of the settings, and the programs that are installed.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

OPENINGS = ("open", "openat", "openat2", "creat")
CHANGES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat")
CHANGES += ("truncate", "chmod", "fchmodat", "chown", "lchown", "fchownat", "mknod", "mknodat", "symlink", "symlinkat")
CALLS = (*OPENINGS, *CHANGES, "execve", "execveat", "socket")
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_UNFINISHED = "<unfinished ...>"
_PATH = re.compile(r'(?:\b(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_RESULT = re.compile(r"\) += +(?:\d+<(.*)>|-?\d+|\?)[^<>]*$")
_WRITING = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
_PROGRAMS = tuple(
    {
        f"{Path(folder).resolve()}/"
        for folder in (sys.prefix, sys.base_prefix, Path(__file__).parents[2], "/usr/lib", "/usr/share", "/lib")
    }
)


class Call(NamedTuple):
    """A system call.

    Attributes:
        name: Its name.
        paths: The absolute paths that it names; of a file that was opened, the path that the kernel found.
        text: The whole call.
    """

    name: str
    paths: tuple[str, ...]
    text: str


@functools.cache
def can_trace() -> bool:
    """Whether strace is installed, and the system lets it trace."""
    command = ["strace", "--seccomp-bpf", "-f", "-qq", "-o", os.devnull, "true"]
    return (
        shutil.which("strace") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


class Trace:
    """A log of strace, read piece by piece.

    Args:
        log: The file that it is written to.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._honest: set[str] = set()
        self.calls = 0
        """Number of calls that were looked at."""
        self.command = ("strace", "-f", "-y", "-qq", "--seccomp-bpf", "-A", "-s", "4096", "-e", "signal=none")
        self.command += ("-e", f"trace={','.join(CALLS)}", "-o", str(log))

    def learn(self) -> None:
        """Takes the calls so far as those that every project needs."""
        self._honest = {path for call in self._take() for path in call.paths}
        assert self._honest, "strace saw nothing"

    def problems(self, own: Sequence[Path]) -> list[str]:
        """The calls since the last time that a project has no business with.

        Args:
            own: Folders in which files may be opened and changed.
        """
        folders = tuple(f"{folder}/" for folder in own)
        found = [f"strace: {call.text:.300}" for call in self._take() if self._is_wrong(call, folders)]
        return list(dict.fromkeys(found))

    def _is_wrong(self, call: Call, own: tuple[str, ...]) -> bool:
        if call.name == "socket":
            return "AF_INET" in call.text
        if call.name in ("execve", "execveat"):
            return not all(os.path.basename(path) == "git" or path in self._honest for path in call.paths)
        others = [path for path in call.paths if not f"{path}/".startswith(own)]
        if call.name in CHANGES or _WRITING.search(call.text):
            return any(path != os.devnull for path in others)
        known = (*_PROGRAMS, "/proc/", "/sys/", "/dev/null/")
        return any(path not in self._honest and not path.startswith(known) for path in others)

    def _take(self) -> list[Call]:
        text = self._log.read_text(errors="replace")
        os.truncate(self._log, 0)
        found = list(_calls(text))
        self.calls += len(found)
        return found


def _calls(text: str) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        process, resumed, name, rest = match.groups()
        if rest.endswith(_UNFINISHED):
            begun[process] = rest.removesuffix(_UNFINISHED)
            continue
        if resumed:
            name, rest = resumed, begun.pop(process, "") + rest
        yield Call(name, _paths(name, rest), f"{name}({rest}")


def _paths(name: str, rest: str) -> tuple[str, ...]:
    result = _RESULT.search(rest)
    if name in OPENINGS and result and result[1]:
        return (result[1],)
    found = _PATH.findall(rest)
    if name.startswith("symlink"):
        del found[0]
    if name.startswith("exec"):
        del found[1:]  # what follows are its arguments
    return tuple(os.path.normpath(os.path.join(folder, path)) for folder, path in found)
