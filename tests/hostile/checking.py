"""What was wrong with the answer to a hostile file, in words."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.hostile.attempts import STEPS, Answer, Attempts
from tests.hostile.corpus import Case, build, make_outside
from tests.hostile.honest import JOBS, make_honest
from tests.hostile.tracing import Trace, can_trace

SLOWER_S = 2.0
"""Processor time that a step may take beyond that of the honest file."""
LARGER_BYTES = 256 * 1024 * 1024
"""Memory that a process may take beyond that for the honest file."""
LISTINGS = ("ls", "find", "after", "again")


class Bench:
    """The honest project, the folder that nothing may touch, and the process that tries hostile files.

    Args:
        folder: An empty folder for all of this.
        is_traced: Whether strace, if it is installed, watches the process as well.
        forks: See `Attempts`.
    """

    def __init__(self, folder: Path, *, is_traced: bool = False, forks: bool = False) -> None:
        self._folder = folder
        self.trace = Trace(folder / "strace.txt") if is_traced and can_trace() else None
        self.outside = folder / "outside"
        self.home = folder / "home"
        self.honest = folder / "honest.h5"
        make_outside(self.outside)
        self.home.mkdir()
        make_honest(self.honest)
        self._number = 0
        environment = {
            "HDF5_PLUGIN_PATH": str(self.outside / "plugins"),
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "AERCHIVE_VET": "always",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment |= {f"XDG_{name}_HOME": str(self.home) for name in ("CONFIG", "DATA", "CACHE", "STATE")}
        self.attempts = Attempts(environment, self.trace.command if self.trace else (), forks=forks)
        copy = folder / "copy" / "stranger.h5"
        copy.parent.mkdir()
        shutil.copyfile(self.honest, copy)
        self.base = self.attempts.attempt(copy, self.home, JOBS, (*STEPS, "rerun", "again"))
        assert not any(step["wrong"] or step["end"] != "ok" for step in self.base["steps"]), self.base["steps"][-1]
        self._times = {step["name"]: step["seconds"] for step in self.base["steps"]}
        if self.trace:
            self.trace.learn()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.attempts.__exit__(kind, error, trace)

    def try_case(self, case: Case) -> list[str]:
        """Makes the file of a case and tries everything on it; returns what was wrong.

        What took too long is tried again, because the machine may have been busy.
        """
        found = self._try(case)
        return self._try(case) if any("took" in word or "did not end" in word for word in found) else found

    def _try(self, case: Case) -> list[str]:
        self._number += 1
        folder = self._folder / f"case-{self._number}"
        folder.mkdir()
        try:
            path = build(case, self.honest, folder, self.outside)
            untouched = _digest(self.outside)  # making a virtual dataset opens its source for writing
            steps = (*STEPS, *(("rerun",) if case.reruns else ()), *(("again",) if case.kind == "beside" else ()))
            answer = self.attempts.attempt(path, self.home, case.jobs, steps)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found = list(self._problems(case, answer))
        if self.trace:
            found += self.trace.problems((folder, self.home))
        if _digest(self.outside) != untouched:
            found.append("a file outside was changed")
            shutil.rmtree(self.outside)
            make_outside(self.outside)
        return found

    def _problems(self, case: Case, answer: Answer) -> Iterator[str]:
        steps = {step["name"]: step for step in answer["steps"]}
        for name, step in steps.items():
            yield from step["wrong"]
            if step["seconds"] > self._times.get(name, 0.0) + SLOWER_S and step["end"] not in ("hang", "crash"):
                yield f"{name}: took {step['seconds']:.1f} s"
            if case.absent and name in LISTINGS and case.absent in step["text"]:
                yield f"{name}: shows {case.absent}"
        if answer["peak_bytes"] > self.base["peak_bytes"] + LARGER_BYTES:
            yield f"took {(answer['peak_bytes'] - self.base['peak_bytes']) >> 20} MiB more than the honest file"
        verified = steps.get("verify")
        if case.expect != "limited" and (verified is None or verified["end"] != "refused"):
            yield "verify: finds nothing"
        elif case.expect != "limited" and verified is not None and case.node not in verified["text"]:
            yield f"verify: does not name {case.node}: {verified['text'].strip()[-2000:]}"
        for name in case.refuses:
            if name in steps and steps[name]["end"] == "ok":
                yield f"{name}: is not refused"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
