"""No hostile file of the fixed corpus does anything but be refused, be found, or stay within limits.

Where strace is installed it sees what Python's audit cannot: the files that libhdf5 opens, and the libraries that it
loads.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.attempts import STEPS
from tests.hostile.checking import Bench
from tests.hostile.corpus import KINDS, cases, chosen, make_outside
from tests.hostile.edits import Hostile, run_path
from tests.hostile.honest import JOBS
from tests.hostile.metadata import blocks, mend, patched
from tests.hostile.tracing import Trace, can_trace

OUTSIDE = (
    *("storage: external storage, counts of bell", "storage: empty catalogue outside", "links: external, catalogue"),
    *("storage: virtual, statevector of bell", "links: external, of no use", "storage: external storage beside"),
    *("storage: unknown filter, statevector.checksums of chunks", "links: soft, runs", "beside: link outside, pending"),
    *("files: lengths of no byte", "files: extension beyond the end", "files: end before its content"),
)
"""Cases that libhdf5 itself could take outside."""
WITH_NEW_INTERPRETERS = ("storage: unknown filter, catalogue",)
FOUND = (
    *("groups: loop, root in root", "groups: loop, runs in deleted", "groups: in two places, dataset as a folder"),
    "groups: many members, day",
    *("attributes: many, root", "attributes: large, root", "attributes: large, run"),
    *("beside: spool, runs that are no numbers", "beside: planted run, done twice", "files: chunks behind all offsets"),
    *("shapes: list of 1099511627776 changes", "documents: run_uuid is not ASCII"),
    *("documents: set of integers of one hash, option", "circuits: side table: many instructions"),
)
"""Cases that once did something."""
needs_strace = pytest.mark.skipif(not can_trace(), reason="needs strace")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("hostile"), is_traced=True, forks=True) as made:
        yield made


@pytest.mark.parametrize("key", dict.fromkeys((*chosen(), *OUTSIDE, *FOUND)))
def test_a_hostile_file(bench: Bench, key: str) -> None:
    assert not bench.try_case(cases()[key])


def test_the_corpus_has_every_kind() -> None:
    found = chosen()
    assert len(found) >= len(KINDS)
    assert {case.kind for case in found.values()} == set(KINDS)
    assert len({case.key for case in cases().values()}) >= 700


def test_edits_are_not_found_by_chance(bench: Bench, tmp_path: Path) -> None:
    path = shutil.copyfile(bench.honest, tmp_path / "edited.h5")
    with Hostile(path, bench.outside).edit() as file:
        del file[f"{run_path('bell')}/seal"].attrs["core_sha256"]
    with patched(path) as data:
        found = blocks(data)
        assert {"OHDR", "OCHK", "BTHD", "BTLF", "FRHP", "FHDB", "FAHD", "FADB", "EAHD", "EAIB"} <= {
            b.kind for b in found
        }
        for block in found:
            mend(data, block)
    answer = bench.attempts.attempt(path, bench.home, JOBS, STEPS)
    assert [(step["name"], step["end"], step["wrong"]) for step in answer["steps"]] == [
        (name, "ok", []) for name in STEPS
    ]
    assert bench.trace is None or bench.trace.problems((tmp_path, bench.home)) == []


def test_a_hostile_file_with_children_that_are_new_interpreters(tmp_path: Path) -> None:
    """As the package starts them; in the other tests they are forks, and ``python3 tasks.py hostile`` tries all so."""
    with Bench(tmp_path, is_traced=True) as bench:
        found = {key: bench.try_case(cases()[key]) for key in WITH_NEW_INTERPRETERS}
    assert found == {key: [] for key in WITH_NEW_INTERPRETERS}


@needs_strace
def test_strace_sees_the_attempts(bench: Bench) -> None:
    assert bench.trace is not None
    before = bench.trace.calls
    assert bench.try_case(cases()[OUTSIDE[0]]) == []
    assert bench.trace.calls > before + 50


@needs_strace
@pytest.mark.parametrize(
    "harm",
    [
        "open(outside + '/victim.txt').read()",
        "open(outside + '/new', 'w')",
        "os.chdir(outside); open('victim.txt')",
        "os.symlink(outside, 'link'); open('link/victim.txt')",
        "os.remove(outside + '/victim.txt')",
        "os.system('true')",
        "socket.socket()",
        "open('/etc/hostname')",
    ],
)
def test_strace_sees(tmp_path: Path, harm: str) -> None:
    own, outside, trace = tmp_path / "own", tmp_path / "outside", Trace(tmp_path / "log")
    own.mkdir()
    make_outside(outside)
    for program, number in (
        ("open('own', 'w')", 0),
        ("open('own'); os.rename(os.path.abspath('own'), os.path.abspath('same'))", 0),
        (harm, 1),
    ):
        code = f"import os, socket; outside = {str(outside)!r}; {program}"
        subprocess.run([*trace.command, sys.executable, "-B", "-c", code], cwd=own, check=True)
        if program == "open('own', 'w')":
            trace.learn()
        assert min(1, len(trace.problems((own,)))) == number, program
