"""The way of real calls through the house: ``python -m tests.architecture.walks``.

For each question it prints how many modules of ours take part, how often a call goes from one module to another
(``moves``) and to a module of a higher floor (``climbs``), and how often the project file is opened.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = f"{ROOT / 'src' / 'aerchive'}{os.sep}"


def floors() -> dict[str, int]:
    """The height of each floor, by the name of its module or folder."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return {name.strip(): height for height, names in enumerate(reversed(layers)) for name in names.split("|")}


@dataclass
class Walk:
    """What one question did.

    Attributes:
        modules: Of ours that took part.
        moves: Calls from one module of ours to another.
        climbs: Those of them that went to a higher floor.
        openings: Of the project file.
    """

    modules: set[str] = field(default_factory=set)
    moves: int = 0
    climbs: int = 0
    openings: int = 0


_openings: dict[str, int] = {}


def _note_opening(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes) and (path := os.fsdecode(arguments[0])) in _openings:
        _openings[path] += 1


def count_openings(path: Path) -> Callable[[], int]:
    """How often a file has been opened in this process so far, as a function.

    Args:
        path: Of the file.
    """
    if not _openings:
        sys.addaudithook(_note_opening)  # it cannot be removed, and costs a look-up for each file that is opened
    _openings.setdefault(str(path), 0)
    return lambda: _openings[str(path)]


@contextmanager
def traced(path: Path) -> Iterator[Walk]:
    """Follows the calls of this thread.

    Args:
        path: Of the project.
    """
    walk, height, opened = Walk(), floors(), count_openings(path)
    before = opened()

    def floor(filename: str) -> int:
        return height.get(filename.removeprefix(PACKAGE).partition(os.sep)[0].removesuffix(".py"), -1)

    def follow(frame: FrameType, event: str, _: object) -> None:
        filename = frame.f_code.co_filename
        if event != "call" or not filename.startswith(PACKAGE):
            return
        walk.modules.add(filename.removeprefix(PACKAGE))
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(PACKAGE):
            caller = caller.f_back
        if caller is not None and (origin := caller.f_code.co_filename) != filename:
            walk.moves += 1
            walk.climbs += floor(filename) > floor(origin)

    sys.setprofile(follow)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        walk.openings = opened() - before


def questions(path: Path) -> dict[str, tuple[Callable[[], Any], Callable[[Any], object]]]:
    """What users ask: of each, what makes the object that is asked, and the question.

    Args:
        path: Of a project with one run, of two circuits with counts and a state vector each.
    """
    import aerchive

    def project() -> aerchive.Project:
        return aerchive.open(path)

    def run() -> aerchive.Run:
        return project()[0]

    def job() -> Any:
        return project().job(run().job_id)

    return {
        "run.counts()": (run, lambda one: one.counts(0)),
        "job.result().get_counts()": (job, lambda one: one.result().get_counts(0)),
        "run.state().amplitude(0)": (run, lambda one: one.state(experiment=0).amplitude(0)),
        "project.find(...)": (project, lambda one: list(one.find("shots >= 5 and outcome = 'done'"))),
        "run.add_tags()": (run, lambda one: one.add_tags("seen")),
        "run.saved": (run, lambda one: one.saved),
        "run.circuits()": (run, lambda one: one.circuits()),
        "run.tags": (run, lambda one: one.tags),
        "run.reproduce()": (run, lambda one: one.reproduce()),
        "'nope' in project": (project, lambda one: "nope" in one),
    }


def make_project(path: Path) -> None:
    """Archives one job of two circuits, with counts and a state vector each.

    Args:
        path: Where the project is to be.
    """
    from qiskit import QuantumCircuit

    from aerchive.aer import AerSimulator

    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(1, 4):
        circuit.cx(0, qubit)
    circuit.save_statevector()
    circuit.measure_all()
    AerSimulator(project=path).run([circuit, circuit], shots=10, seed_simulator=1).result()


def main() -> None:
    """Prints one line for each question, and JSON with ``--json``."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.h5"
        make_project(path)
        for name, (make, ask) in questions(path).items():
            ask(make())  # what is imported on the way belongs to no walk
            asked = make()
            with traced(path) as walk:
                ask(asked)
            found[name] = {
                "modules": len(walk.modules),
                "moves": walk.moves,
                "climbs": walk.climbs,
                "openings": walk.openings,
            }
    if "--json" in sys.argv:
        print(json.dumps(found, indent=1))
        return
    for name, row in found.items():
        print(f"{name:28}" + "".join(f"{value:6} {key:9}" for key, value in row.items()))


if __name__ == "__main__":
    main()
