"""Single bits of a project are changed, wherever they are: no read may show another value, and `verify` must see it."""

from __future__ import annotations

import collections
import random
from pathlib import Path

from aerchive.errors import AerchiveError
from aerchive.testing.disks import UnsyncedDisk, using
from tests.crash.workloads import label
from tests.drafts import Model, draft_of, model_of, project_at
from tests.views import project_view

LARGE = 2 * 1024 * 1024 + 1000
"""Three chunks."""


def damaged_project(folder: Path, flips: int, *, seed: int = 0) -> tuple[collections.Counter[str], list[str]]:
    """Flips bits one at a time.

    Returns:
        How often what was seen, and what was wrong. Half of the bits lie in the commit of a large array, which is
        nearly all of the file, half anywhere else.
    """
    path = folder / "flips.h5"
    with using(UnsyncedDisk()):
        content, model, large = _make(path)
    chance = random.Random(seed)
    figures: collections.Counter[str] = collections.Counter()
    problems = []
    for _ in range(flips):
        at = chance.randrange(*large) if chance.random() < 0.5 else _elsewhere(chance, len(content), large)
        bit = 1 << chance.randrange(8)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[at] ^ bit]))
        seen, told = _read(path, model), _verify(path)
        figures[f"read {seen}, verify {told}"] += 1
        figures["flips"] += 1
        if seen not in ("right", "refused") or (seen == "refused" and told == "ok"):
            problems.append(f"bit {bit} of byte {at}: read {seen}, verify {told}")
        with path.open("r+b") as file:
            file.seek(at)
            file.write(content[at : at + 1])
    assert path.read_bytes() == content, "reading or verifying changed the file"
    return figures, problems


def _make(path: Path) -> tuple[bytes, Model, tuple[int, int]]:
    project = project_at(path)
    project.archive(draft_of(0))
    model = label(0, name="named", tags=["a", "b"], notes="n" * 3000)(project, model_of([draft_of(0)]))
    big = draft_of(1, extra_bytes=LARGE)
    start = path.stat().st_size
    project.archive(big)
    stop = path.stat().st_size
    for number in (2, 3):
        project.archive(draft_of(number))
    model |= model_of([big, draft_of(2), draft_of(3)])
    return path.read_bytes(), model, (start, stop)


def _elsewhere(chance: random.Random, size: int, large: tuple[int, int]) -> int:
    at = chance.randrange(size - (large[1] - large[0]))
    return at if at < large[0] else at + large[1] - large[0]


def _read(path: Path, model: Model) -> str:
    try:
        return "right" if project_view(project_at(path, "r")) == model else "wrong"
    except AerchiveError:
        return "refused"
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        return f"not typed: {error!r}"
    except AssertionError:  # the view's own check of the catalogue against the runs
        return "wrong"


def _verify(path: Path) -> str:
    try:
        return "ok" if project_at(path, "r").verify().ok else "found"
    except AerchiveError:
        return "refused"
