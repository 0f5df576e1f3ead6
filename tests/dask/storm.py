"""A sweep while its workers, its scheduler and its client are killed: ``python -m tests.dask.storm --kills 20``.

Each kill is SIGKILL at a random moment: of a worker, or of the process with the scheduler and the nannies of a
``distributed.LocalCluster``, or of the client. Then the sweep is called again, until all points are done. It prints the
figures as JSON; the exit code is 0 if each point has exactly one run, and the project is whole.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aerchive.dask import merge_sweep

ROOT = Path(__file__).resolve().parents[2]
SHARES = (("worker", 0.7), ("scheduler", 0.15), ("client", 0.15))


def started(module: str, *arguments: str, folder: Path) -> subprocess.Popen[str]:
    """A process with a module of the tests, the checkout's package, and settings of its own."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "XDG_STATE_HOME": str(folder / "state"),
        "AERCHIVE_PROJECT": str(folder / "default.h5"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.dask.{module}", *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / f"{module}.log").open("a"),
        text=True,
    )


def workers_of(cluster: int) -> list[int]:
    """The processes of the workers, which are children of the process with their nannies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            words = (path.parent / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if parent == cluster and b"spawn_main" in words:
            found.append(int(path.parent.name))
    return found


def workers_in(folder: Path) -> list[int]:
    """The processes of workers that work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink() == folder and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


class Storm:
    """One sweep and what is killed during it.

    Args:
        folder: For everything.
        points: The points.
        seed: Of the moments and victims.
    """

    def __init__(self, folder: Path, points: list[dict[str, object]], seed: int) -> None:
        self.folder = folder
        self.project = folder / "study.h5"
        self.points = points
        self.chance = random.Random(seed)
        self.killed: collections.Counter[str] = collections.Counter()
        self.calls = 0
        self.cluster: subprocess.Popen[str] | None = None
        self.address = ""
        self.client: subprocess.Popen[str] | None = None

    def run(self, kills: int, pause_s: float) -> None:
        """Goes on until all points are done."""
        try:
            while True:
                self._start_missing()
                assert self.client is not None
                left = kills - self.killed.total()
                try:
                    self.client.wait(self.chance.uniform(0.2, 2) * pause_s if left > 0 else None)
                except subprocess.TimeoutExpired:
                    self._kill()
                    continue
                if self.client.returncode == 0:
                    return
                self.client = None
        finally:
            for process in (self.client, self.cluster):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()

    def _start_missing(self) -> None:
        if self.cluster is None or self.cluster.poll() is not None:
            self.cluster = started("cluster", folder=self.folder)
            assert self.cluster.stdout is not None
            self.address = self.cluster.stdout.readline().strip()
        if self.client is None:
            self.client = started(
                "client", self.address, str(self.project), json.dumps(self.points), folder=self.folder
            )
            self.calls += 1

    def _kill(self) -> None:
        assert self.cluster is not None
        assert self.client is not None
        names, weights = zip(*SHARES, strict=True)
        (who,) = self.chance.choices(names, weights)
        workers = workers_of(self.cluster.pid)
        if who == "worker" and workers:
            os.kill(self.chance.choice(workers), signal.SIGKILL)
        elif who == "scheduler":
            self.cluster.kill()
            self.cluster.wait()
            self.client.wait(120)  # it notices that its cluster is gone
            self.client = None
        elif who == "client":
            self.client.kill()
            self.client.wait()
            self.client = None
        else:
            return
        self.killed[who] += 1
        print(f"  {self.killed.total()} killed, the last was a {who}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.3, help="for which the job of a point waits")
    parser.add_argument("--pause", type=float, default=4, help="seconds between two kills, about")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "calls"
        points = [{"x": number / 100, "log": str(log), "seconds": asked.seconds} for number in range(asked.points)]
        storm = Storm(folder, points, asked.seed)
        begun = time.monotonic()
        storm.run(asked.kills, asked.pause)
        seconds = time.monotonic() - begun
        left = sum(1 for _ in (folder / "study.sweep").glob("*"))
        while workers_in(folder):  # whose scheduler was killed, and which may still hold their files
            time.sleep(1)
        os.environ["AERCHIVE_VET"] = "off"
        project = merge_sweep(storm.project)
        having = collections.Counter(run.params["x"] for run in project.find(outcome="ok"))
        figures = {
            "points": len(points),
            "killed": dict(storm.killed),
            "calls of run_sweep": storm.calls,
            "begun jobs": len(log.read_text().splitlines()),
            "lost": sum(point["x"] not in having for point in points),
            "twice": sum(number > 1 for number in having.values()),
            "other runs": project.count() - having.total(),
            "problems": project.verify().problems,
            "files of workers whose scheduler had died, merged later": left,
            "left files": sorted(path.relative_to(folder).as_posix() for path in folder.glob("study.*/**/*")),
            "seconds": round(seconds, 1),
        }
        print(json.dumps(figures, indent=1))
        return int(any(figures[name] for name in ("lost", "twice", "other runs", "problems", "left files")))


if __name__ == "__main__":
    sys.exit(main())
