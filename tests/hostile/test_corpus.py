"""No hostile file of the fixed corpus does anything but be refused, be found, or stay within limits."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.attempts import STEPS, Attempts
from tests.hostile.checking import Bench
from tests.hostile.corpus import KINDS, build, cases, chosen
from tests.hostile.edits import Hostile
from tests.hostile.honest import JOBS
from tests.hostile.metadata import blocks, mend, patched

TRACED = (
    *(
        "storage: external storage, catalogue",
        "storage: external storage, counts of bell",
        "storage: empty catalogue outside",
    ),
    *("storage: virtual, statevector of bell", "storage: unknown filter, catalogue", "links: external, counts of bell"),
    *("storage: unknown filter, statevector.checksums of chunks", "links: external, catalogue", "links: soft, runs"),
    *("links: external, of no use", "storage: external storage beside", "beside: link outside, pending"),
)
"""Cases that libhdf5 itself could take outside."""
FOUND = (
    *("groups: loop, root in root", "groups: loop, runs in deleted", "groups: in two places, dataset as a folder"),
    *("attributes: many, root", "attributes: large, root", "attributes: large, run"),
    *("beside: spool, runs that are no numbers", "beside: planted run, done twice", "files: chunks behind all offsets"),
)
"""Cases that once did something."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.parametrize("key", dict.fromkeys((*chosen(), *FOUND)))
def test_a_hostile_file(bench: Bench, key: str) -> None:
    assert not bench.try_case(cases()[key])


def test_the_corpus_has_every_kind() -> None:
    found = chosen()
    assert len(found) >= 150
    assert {case.kind for case in found.values()} == set(KINDS)
    assert len({case.key for case in cases().values()}) >= 700


def test_edits_are_not_found_by_chance(bench: Bench, tmp_path: Path) -> None:
    path = shutil.copyfile(bench.honest, tmp_path / "edited.h5")
    with Hostile(path, bench.outside).edit() as file:
        del file["runs/2026-11-22/213000.000000Z_bell"].attrs["core_sha256"]
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


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_libhdf5_opens_nothing_else(bench: Bench, tmp_path: Path) -> None:
    """What Python's audit cannot see: the files that libhdf5 opens, and the libraries that it loads."""
    log = tmp_path / "strace.txt"
    command = ("strace", "-f", "-qq", "-e", "trace=open,openat,openat2,creat,execve,connect", "-o", str(log))
    environment = {"HDF5_PLUGIN_PATH": str(bench.outside / "plugins"), "HOME": str(bench.home)}
    folders = []
    with Attempts(environment, command) as attempts:
        for number, key in enumerate(TRACED):
            folder = tmp_path / f"case-{number}"
            folder.mkdir()
            folders.append(folder)
            case = cases()[key]
            path = build(case, bench.honest, folder, bench.outside)
            attempts.attempt(path, bench.home, case.jobs, (*STEPS, "again"))
    opened = set(
        re.findall(r'(?:open|openat|openat2|creat|execve)\([^"\n]*"([^"\n]*)"', log.read_text(errors="replace"))
    )
    assert any(name.endswith("stranger.h5") for name in opened), "strace saw nothing"
    assert not {name for name in opened if name.startswith(str(bench.outside))}
    beside = {os.path.basename(name) for name in opened if any(name.startswith(str(folder)) for folder in folders)}
    assert "beside.bin" not in beside
    assert not re.search(r"connect\(\d+, \{sa_family=AF_INET", log.read_text(errors="replace"))
