"""What changes in the file of a project, and what rsync sends of it."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BLOCK = 4096
"""Size of the blocks that are compared, in bytes."""


class Sent(NamedTuple):
    """What rsync has sent to bring a copy up to date, in bytes.

    Attributes:
        literal: Content of the file that the copy did not have.
        matched: Content of the file that the copy had.
    """

    literal: int
    matched: int


def blocks_changed_by(change: Callable[[], object], path: Path, before: Path) -> list[int]:
    """The numbers of the blocks of a file that differ after a change; those that are new count, too.

    Args:
        change: Changes the file.
        path: The file.
        before: Where a copy of the file is written before the change.
    """
    shutil.copyfile(path, before)
    change()
    with before.open("rb") as old, path.open("rb") as new:
        pairs = zip(*(iter(lambda file=file: file.read(BLOCK), None) for file in (old, new)), strict=True)
        both = itertools.takewhile(any, pairs)
        return [number for number, (one, other) in enumerate(both) if one != other]


def sent_by_rsync(path: Path, copy: Path, *options: str) -> Sent:
    """Brings a copy of a file up to date with rsync, as between two machines, and returns what it has sent."""
    command = ["rsync", "--stats", "--no-whole-file", "--ignore-times", *options, str(path), str(copy)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    found = re.findall(r"(?:Literal|Matched) data: ([\d,]+) bytes", said)
    literal, matched = (int(number.replace(",", "")) for number in found)
    return Sent(literal, matched)
