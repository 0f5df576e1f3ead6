"""Mutants of an honest project, as many as are wanted: ``python3 tests/hostile/fuzz.py --mutants 10000 --seed 1``.

A mutant is a project of which something is changed where a parser looks: fields of HDF5's metadata (superblock, object
headers, trees, heaps, indices of chunks), the payload of circuits, JSON documents, a journal, or a spool; all checksums
are made right again. What came of it is one of these:

* ``refused``: something was not read, with an error of aerchive, or `verify` names it;
* ``equal``: all that the honest project has is read as it was;
* ``readable``: other content, which its author sealed (only payloads and documents can be that);
* ``SILENTLY WRONG``: other values are read, and `verify` says nothing;
* ``crash``, ``hang``, ``foreign exception``, ``written or opened`` (what must not be), ``too large``.

Mutants of the last six are kept with a note, in the folder ``--keep``. The exit code is 0 if there were none.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.spools import records
from tests.hostile.attempts import Answer
from tests.hostile.checking import LARGER_BYTES, Bench
from tests.hostile.edits import Hostile, object_path, put_array, put_text, rename_object, run_path
from tests.hostile.honest import JOBS
from tests.hostile.metadata import Block, blocks, mend
from tests.spool_files import DeadFile

STEPS = ("ls", "values", "circuits", "verify")
BAD = ("SILENTLY WRONG", "crash", "hang", "foreign exception", "written or opened", "too large")
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
HEAD_FIELDS = {
    "SUPR": (9, 10, 11, 12, 20, 28, 36),
    "BTHD": (4, 5, 6, 10, 12, 14, 15, 16, 24, 26),
    "FRHP": (5, 7, 9, 10, 14, 22, 30, 38, 46, 54, 62, 70, 78, 86, 94, 102, 110, 112, 120, 128, 130, 132, 140),
    "EAHD": (5, 6, 7, 8, 9, 10, 11, 12, 20, 28, 36, 44, 52, 60),
    "FAHD": (5, 6, 7, 8, 16),
}
"""Offsets of the fields of blocks with a fixed form; of others, any byte may begin a field."""

Mutate = Callable[[Hostile, random.Random], str]
_known: dict[int, list[Block]] = {}


def _metadata(one: Hostile, chance: random.Random) -> str:
    """One to three fields of one or two blocks."""
    data = bytearray(one.path.read_bytes())
    found = _known.setdefault(len(data), blocks(data))
    words = []
    for _ in range(chance.choice((1, 1, 1, 2))):
        kind = chance.choice(sorted({block.kind for block in found}))
        block = chance.choice([block for block in found if block.kind == kind])
        for _ in range(chance.choice((1, 1, 2, 3))):
            limit = block.sum_at if block.kind != "FHDB" else block.end
            at = block.start + chance.choice(HEAD_FIELDS.get(kind, range(4, limit - block.start)))
            width = min(chance.choice((1, 1, 2, 4, 8)), limit - at)
            data[at : at + width] = _value(data, at, width, found, chance)
            words.append(f"{kind} at {block.start} + {at - block.start}, {width} bytes")
        mend(data, block)
    one.path.write_bytes(data)
    return "; ".join(words)


def _value(data: bytearray, at: int, width: int, found: list[Block], chance: random.Random) -> bytes:
    before = int.from_bytes(data[at : at + width], "little")
    value = chance.choice(
        (
            chance.choice(INTERESTING),
            before + chance.choice((-1, 1, 8, -8)),
            before ^ (1 << chance.randrange(8 * width)),
            chance.choice(found).start,
            chance.randrange(1 << (8 * width)),
        )
    )
    return (value % (1 << (8 * width))).to_bytes(width, "little")


def _circuits(one: Hostile, chance: random.Random) -> str:
    """Bytes of a payload."""
    job = chance.choice(("bell", "binds", "flow", "amplitudes"))
    with one.edit() as file:
        path = object_path(file, job, "circuits")
        data = bytearray(file[path]["qpy"][()].tobytes())
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(7, len(data))] = chance.choice(
                (*(v for v in INTERESTING if v < 256), chance.randrange(256))
            )
        put_array(file[path], "qpy", np.frombuffer(bytes(data), np.uint8))
        rename_object(file, path)
    return f"payload of {job}"


def _document(one: Hostile, chance: random.Random) -> str:
    """A value in a JSON document becomes another."""
    with one.edit() as file:
        job, name = chance.choice((("bell", "result"), ("flow", "result"), ("binds", "inputs"), ("amplitudes", "aer")))
        path = object_path(file, job, "circuits") if name == "aer" else ""
        group = file[path] if path else file[run_path(job)]
        tree = json.loads(group[name][0])
        where = _change(tree, chance)
        put_text(group, name, json.dumps(tree).encode())
        if path:
            rename_object(file, path)
    return f"{name} of {job}, {where}"


def _change(tree: object, chance: random.Random) -> str:
    """Walks down to a value, and puts another in its place."""
    node, where = tree, ""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))  # type: ignore[arg-type,call-overload]
        if not keys:
            return f"{where}: nothing"
        key = chance.choice(keys)
        where += f"/{key}"
        below = node[key]  # type: ignore[index]
        if isinstance(below, dict | list) and below and chance.random() < 0.85:
            node = below
            continue
        values = (
            None,
            True,
            -1,
            2**63,
            1e308,
            "",
            "x" * 5000,
            "\x1b[2J",
            [],
            {},
            [[]] * 100,
            {"$": "int", "hex": "0x1"},
        )
        node[key] = chance.choice(values)  # type: ignore[index]
        return where


def _journal(one: Hostile, chance: random.Random) -> str:
    """A journal with right digests that changes some pieces, or one of which bytes are changed."""
    data = one.path.read_bytes()
    old = Superblock(data[:48])
    changes = []
    for _ in range(chance.choice((0, 1, 1, 3))):
        at = chance.randrange(48, old.end - 64)
        changes.append((at, chance.randbytes(chance.choice((1, 8, 64)))))
    new = old.ending_at(old.end + chance.choice((0, 0, 8, 4096)))
    journal = Journal(old, new, tuple(changes))
    raw = bytearray(data[: old.end].ljust(journal.start, b"\0") + journal.to_bytes())
    if chance.random() < 0.5:
        at = chance.randrange(journal.start, len(raw))
        raw[at] ^= 1 << chance.randrange(8)
    one.path.write_bytes(raw)
    return f"journal of {len(changes)} changes"


def _spool(one: Hostile, chance: random.Random) -> str:
    """Records of a process that has ended, with right checksums or with changed bytes."""
    spool = DeadFile(one.path)
    for _ in range(chance.choice((1, 2, 5))):
        document = {"job_id": "mutant", "at": 1.0, "record": {"config": {"shots": 1}}, "runs": [512], "tree": 5}
        _change(document, chance)
        kind = chance.choice((records.SUBMITTED, records.RUN, records.HELD, records.FINISHED, records.OBJECT, b"ODD!"))
        spool.append(kind, document, chance.randbytes(chance.choice((0, 5, 100))))
    data = bytearray(spool.path.read_bytes())
    for _ in range(chance.choice((0, 1, 8))):
        at = chance.randrange(len(data) - 8)
        data[at : at + 8] = struct.pack("<Q", chance.choice(INTERESTING))
    spool.path.write_bytes(data)
    return "spool"


MUTATIONS: dict[str, tuple[Mutate, int]] = {
    "metadata": (_metadata, 12),
    "circuits": (_circuits, 2),
    "documents": (_document, 3),
    "journals": (_journal, 2),
    "spools": (_spool, 1),
}
"""Each with its weight."""
SEALED = ("circuits", "documents")


def classify(kind: str, answer: Answer, base: Answer) -> tuple[str, str]:
    """What came of a mutant, and a word about it."""
    steps = {step["name"]: step for step in answer["steps"]}
    expected = {step["name"]: step["digest"] for step in base["steps"]}
    last = answer["steps"][-1]
    if last["end"] in ("crash", "hang"):
        return last["end"], last["wrong"][0]
    for step in answer["steps"]:
        if step["end"] == "foreign":
            return "foreign exception", f"{step['name']}: {step['text'].strip()}"
    wrong = [word for step in answer["steps"] for word in step["wrong"]]
    if any("opens" in word or "starts" in word or "loads" in word or "changed the file" in word for word in wrong):
        return "written or opened", wrong[0]
    if answer["peak_bytes"] > base["peak_bytes"] + LARGER_BYTES:
        return "too large", f"{answer['peak_bytes'] >> 20} MiB"
    if any(step["end"] == "refused" for step in steps.values()):
        return "refused", ""
    differing = [name for name in ("values", "circuits") if steps[name]["digest"] != expected[name]]
    if not differing:
        return "equal", ""
    return ("readable", "") if kind in SEALED else ("SILENTLY WRONG", ", ".join(differing))


def fuzz(number: int, seed: int, keep: Path) -> tuple[dict[str, collections.Counter[str]], list[str]]:
    """Makes and tries mutants.

    Returns:
        How often each thing came of mutants of each kind, and a line for each mutant that was kept.
    """
    figures: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    kept: list[str] = []
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder)) as bench:
        for index in range(number):
            chance = random.Random(f"{seed} {index}")
            kind = chance.choices(list(MUTATIONS), [weight for _, weight in MUTATIONS.values()])[0]
            place = Path(folder) / f"mutant-{index}"
            place.mkdir()
            one = Hostile(Path(shutil.copyfile(bench.honest, place / "stranger.h5")), bench.outside)
            words = MUTATIONS[kind][0](one, chance)
            content = one.path.read_bytes()
            answer = bench.attempts.attempt(one.path, bench.home, JOBS, STEPS)
            end, why = classify(kind, answer, bench.base)
            figures[kind][end] += 1
            if end in BAD:
                kept.append(f"{end}: mutant {index} of seed {seed}, {kind}: {words}: {why}")
                target = keep / f"{seed}-{index}-{end.replace(' ', '-')}"
                shutil.copytree(place, target, dirs_exist_ok=True)
                (target / "stranger.h5").write_bytes(content)
                (target / "note.txt").write_text(kept[-1] + "\n")
            shutil.rmtree(place)
    return dict(figures), kept


def main() -> int:
    """Runs it, and prints a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("mutants"), help="folder of the mutants that did harm")
    options = parser.parse_args()
    start = time.monotonic()
    figures, kept = fuzz(options.mutants, options.seed, options.keep)
    for kind, counts in sorted(figures.items()):
        print(f"{kind}: {sum(counts.values())} mutants; " + ", ".join(f"{n} {end}" for end, n in counts.most_common()))
    print("\n".join(kept))
    total = sum(figures.values(), collections.Counter())
    report = {"mutants": options.mutants, "seed": options.seed, "seconds": round(time.monotonic() - start), **total}
    print(json.dumps(report))
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
