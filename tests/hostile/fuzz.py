"""Mutants of an honest project, as many as are wanted: ``python3 tests/hostile/fuzz.py --mutants 10000 --seed 1``.

A mutant is a project of which something is changed where a parser looks; all checksums are made right again:

* ``metadata``: fields of HDF5's metadata (superblock, object headers, trees, heaps, indices of chunks), ``wide`` in a
  project of so many runs that trees and heaps have several levels;
* ``circuits``, ``documents``, ``attributes``, ``rows``: payloads of circuits, JSON, attributes, rows of the catalogue;
* ``journals``, ``spools``, ``planted``: a journal, and files beside, also one that has a durable run.

All commands that read are tried on it, then it is saved into and compacted, and read again. What came of it is one of
these:

* ``found``: `verify` names it;
* ``refused``: something was not read, with an error of aerchive;
* ``equal``: all that the honest project has is read and printed as it was;
* ``readable``: other content, which its author sealed;
* ``SILENTLY WRONG``: something else is read or printed, or lost by saving, and `verify` says nothing;
* ``crash``, ``hang``, ``foreign exception``, ``written or opened`` (what must not be), ``too large``, ``too slow``.

Mutants of the last seven are kept with a note, in the folder ``--keep``. The exit code is 0 if there were none. The
children that vet files and read circuits are forks of a process that has imported all, which saves time; those of the
corpus are real ones.
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
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import h5py
import numpy as np

from aerchive import layout
from aerchive.models import catalogue
from aerchive.storage.commits.journal import Journal
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.spools import records
from tests.hostile.attempts import Answer
from tests.hostile.checking import LARGER_BYTES, SLOWER_S, Bench
from tests.hostile.edits import (
    Hostile,
    change_row,
    object_path,
    put_array,
    put_text,
    rename_object,
    run_path,
    set_attribute,
    set_text,
)
from tests.hostile.honest import JOBS, WIDE_JOBS, make_honest
from tests.hostile.kinds.beside import plant
from tests.hostile.metadata import Block, blocks, mend
from tests.spool_files import DeadFile

LISTINGS = ("ls", "find", "export", "after")
STEPS = ("ls", "find", "export", "show", "verify", "values", "circuits", "save", "compact", "after", "kept")
BAD = ("SILENTLY WRONG", "crash", "hang", "foreign exception", "written or opened", "too large", "too slow")
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
    found = _known.get(len(data)) or _known.setdefault(len(data), blocks(data))
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


def _places(file: h5py.File, job: str) -> Iterator[tuple[str, str, str, bytes]]:
    """The texts of a run and of its objects: path of the group, names of dataset and attribute, and the text."""
    run = file[run_path(job)]
    nodes: list[tuple[str, Any]] = [("", run)]
    run.visititems(lambda name, node: nodes.append((name, node)))
    for name, node in nodes:
        first, _, rest = name.partition("/")
        where = f"{run_path(job)}/{name}".rstrip("/")
        if first and "object" in run[first].attrs:
            where = f"{object_path(file, job, first)}/{rest}".rstrip("/")
        for key, value in node.attrs.items():
            if key not in ("object", "sha256", "core_sha256", *layout.STORAGE_ATTRIBUTES):
                yield where, "", key, bytes(value) if isinstance(value, bytes) else b""
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "Su" and node.size and node.size < 10**6:
            parent, _, last = where.rpartition("/")
            data = node[()].tobytes()
            yield parent, last, "", data.replace(b"\0", b"") if node.dtype.kind == "S" else data


def _object_of(path: str) -> str:
    """The path of the object that a node belongs to; empty if it belongs to none."""
    return "/".join(path.split("/")[:4]) if path.startswith("objects/") else ""


def _document(one: Hostile, chance: random.Random) -> str:
    """A value in a JSON document becomes another, or some bytes of its text do."""
    with one.edit() as file:
        job = chance.choice([job for job in JOBS if job != "failed"])
        texts = [place for place in _places(file, job) if place[3][:1] in (b"{", b"[")]
        path, name, key, text = chance.choice([place for place in texts if place[1]] or texts)
        if chance.random() < 0.3:
            path, name, key, text = chance.choice(texts)
        if chance.random() < 0.8:
            tree = json.loads(text)
            where = _change(tree, chance)
            text = json.dumps(tree).encode()
        else:
            data = bytearray(text)
            for _ in range(chance.choice((1, 1, 4))):
                data[chance.randrange(len(data))] = chance.choice(b'"\\[]{},:0-e\x00\xff\x1b')
            where, text = "bytes", bytes(data)
        if key:
            set_text(file[path], key, text[:32_000])
        else:
            put_text(file[path], name, text)
        if _object_of(path):
            rename_object(file, _object_of(path))
    return f"{path} {name}{key}, {where}"


def _attribute(one: Hostile, chance: random.Random) -> str:
    """An attribute gets another value, of its type or of another."""
    with one.edit() as file:
        path, name, key, _ = chance.choice([place for place in _places(file, chance.choice(JOBS)) if place[2]])
        number = chance.choice(INTERESTING) - chance.choice((0, 2**63))
        value = chance.choice(
            (
                np.int64(number % 2**64 - 2**63),
                np.float64(chance.choice((0.0, -1.0, 1e308, float("inf"), float("nan")))),
                np.array(chance.choice((b"x", b"\xff\xfe", b"\x1b[2J", b"[[]]", b"{}", b"../..", b"1" * 300))),
            )
        )
        set_attribute(file[f"{path}/{name}".rstrip("/")], key, value)
        if _object_of(path):
            rename_object(file, _object_of(path))
    return f"{path} {key}: {value!r:.60}"


def _row(one: Hostile, chance: random.Random) -> str:
    """A column of a row of the catalogue gets another value."""
    name = chance.choice([column for column in catalogue.DTYPE.names or () if column != "crc32"])
    dtype = catalogue.DTYPE[name]
    value = np.frombuffer(chance.randbytes(dtype.itemsize), dtype)[0]
    if chance.random() < 0.5:
        with np.errstate(all="ignore"):
            value = np.array(chance.choice((0, 1, 7, 255))).astype(dtype)[()]
    job = chance.choice(JOBS)
    with one.edit() as file:
        change_row(file, job, **{name: value})
    return f"row of {job}: {name} = {value!r:.60}"


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


def _planted(one: Hostile, chance: random.Random) -> str:
    """A durable run in a file beside, of which a document, or bytes with their checksums, are changed."""
    words = []

    def change(document: dict[str, Any]) -> None:
        if chance.random() < 0.4:
            words.append(_change(document, chance))

    path = plant(one, change, change)
    with path.open("r+b") as file:
        found = [one for one in records.scan(file.fileno(), 0, path.stat().st_size) if isinstance(one, records.Record)]
        data = bytearray(path.read_bytes())
        for record in chance.sample(found, k=chance.choice((0, 1, 1, 2))):
            at = chance.randrange(record.offset + records.HEAD_BYTES, record.end)
            data[at] ^= 1 << chance.randrange(8)
            _mend_record(data, record)
            words.append(f"byte {at} of {record.kind!r}")
        path.write_bytes(data)
    return "; ".join(words)


def _mend_record(data: bytearray, record: records.Record) -> None:
    begin = record.offset + records.HEAD_BYTES
    sums = [zlib.crc32(data[begin : record.data_at]), zlib.crc32(data[record.data_at : record.end])]
    struct.pack_into("<II", data, begin - 12, *sums)
    struct.pack_into("<I", data, begin - 4, zlib.crc32(data[record.offset : begin - 4]))


MUTATIONS: dict[str, tuple[Mutate, int]] = {
    "metadata": (_metadata, 10),
    "wide": (_metadata, 4),
    "circuits": (_circuits, 2),
    "documents": (_document, 3),
    "attributes": (_attribute, 2),
    "rows": (_row, 1),
    "journals": (_journal, 2),
    "spools": (_spool, 1),
    "planted": (_planted, 1),
}
"""Each with its weight."""
SEALED = ("circuits", "documents", "attributes")
BESIDE = ("spools", "planted")


def classify(kind: str, answer: Answer, base: Answer) -> tuple[str, str]:
    """What came of a mutant, and a word about it."""
    steps = {step["name"]: step for step in answer["steps"]}
    honest = {step["name"]: step for step in base["steps"]}
    last = answer["steps"][-1]
    if last["end"] in ("crash", "hang"):
        return last["end"], last["wrong"][0]
    for step in answer["steps"]:
        if step["end"] == "foreign":
            return "foreign exception", f"{step['name']}: {step['text'].strip()}"
    wrong = [word for step in answer["steps"] for word in step["wrong"]]
    if wrong:
        return "written or opened", wrong[0]
    if answer["peak_bytes"] > base["peak_bytes"] + LARGER_BYTES:
        return "too large", f"{answer['peak_bytes'] >> 20} MiB"
    for name, step in steps.items():
        if step["seconds"] > honest[name]["seconds"] + SLOWER_S:
            return "too slow", f"{name}: {step['seconds']:.1f} s"
    if steps["verify"]["end"] == "refused":
        return "found", ""
    differing = [
        f"{name} of {job}".removesuffix(" of ")
        for name, step in steps.items()
        for job, digest in step["digests"].items()
        if digest != honest[name]["digests"][job]
        and not (kind in BESIDE and name in LISTINGS)
        and not (name == "after" and steps["save"]["end"] != "ok")
    ]
    if differing:
        return ("readable", "") if kind in SEALED else ("SILENTLY WRONG", ", ".join(differing))
    refused = [name for name, step in steps.items() if step["end"] == "refused"]
    return ("refused", ", ".join(refused)) if refused else ("equal", "")


class _Tried(NamedTuple):
    """A mutant that was tried: what was changed, its files, and the answer."""

    words: str
    files: dict[str, bytes]
    answer: Answer


class Fuzz:
    """The honest projects, and what is read of them.

    Args:
        bench: A bench whose process forks.
        folder: A folder for mutants.
    """

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._folder = folder
        wide = folder / "wide.h5"
        make_honest(wide, more=WIDE_JOBS)
        self._wide = wide, ("bell", "last", WIDE_JOBS[70])
        self._bases = {
            kind: self._attempt(kind, lambda _one, _chance: "nothing", random.Random()).answer
            for kind in ("metadata", "wide")
        }
        assert all(step["end"] == "ok" for base in self._bases.values() for step in base["steps"])

    def _attempt(self, kind: str, mutate: Mutate, chance: random.Random) -> _Tried:
        place = self._folder / "mutant"
        place.mkdir()
        honest, jobs = self._wide if kind == "wide" else (self._bench.honest, JOBS)
        one = Hostile(Path(shutil.copyfile(honest, place / "stranger.h5")), self._bench.outside)
        words = mutate(one, chance)
        files = {path.name: path.read_bytes() for path in place.iterdir()}
        answer = self._bench.attempts.attempt(one.path, self._bench.home, jobs, STEPS)
        shutil.rmtree(place)
        return _Tried(words, files, answer)

    def try_one(self, seed: int, index: int, only: str) -> tuple[str, str, str, _Tried]:
        """Makes and tries a mutant; returns its kind, what came of it, a word about that, and the mutant."""
        for _ in range(2):  # what took too long is tried again, because the machine may have been busy
            chance = random.Random(f"{seed} {index}")
            kinds = {kind: weight for kind, (_, weight) in MUTATIONS.items() if only in kind}
            kind = chance.choices(list(kinds), list(kinds.values()))[0]
            tried = self._attempt(kind, MUTATIONS[kind][0], chance)
            end, why = classify(kind, tried.answer, self._bases["wide" if kind == "wide" else "metadata"])
            if end not in ("hang", "too slow"):
                break
        return kind, end, why, tried


def fuzz(number: int, seed: int, keep: Path, only: str) -> tuple[dict[str, collections.Counter[str]], int]:
    """Makes and tries mutants, and prints a line for each that was kept.

    Returns:
        How often each thing came of mutants of each kind, and how many were kept.
    """
    figures: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    kept = 0
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder), forks=True) as bench:
        mutants = Fuzz(bench, Path(folder))
        for index in range(number):
            kind, end, why, tried = mutants.try_one(seed, index, only)
            figures[kind][end] += 1
            if end in BAD:
                kept += 1
                note = f"{end}: mutant {index} of seed {seed}, {kind}: {tried.words}: {why}"
                target = keep / f"{seed}-{index}-{end.replace(' ', '-')}"
                target.mkdir(parents=True, exist_ok=True)
                for name, data in tried.files.items():
                    (target / name).write_bytes(data)
                (target / "note.txt").write_text(note + "\n")
                print(note, flush=True)
    return dict(figures), kept


def main() -> int:
    """Runs it, and prints a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", default="", help="only mutants whose kind contains this")
    parser.add_argument("--keep", type=Path, default=Path("mutants"), help="folder of the mutants that did harm")
    options = parser.parse_args()
    start = time.monotonic()
    figures, kept = fuzz(options.mutants, options.seed, options.keep, options.match)
    for kind, counts in sorted(figures.items()):
        print(f"{kind}: {sum(counts.values())} mutants; " + ", ".join(f"{n} {end}" for end, n in counts.most_common()))
    total = sum(figures.values(), collections.Counter())
    report = {"mutants": options.mutants, "seed": options.seed, "seconds": round(time.monotonic() - start), **total}
    print(json.dumps(report))
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
