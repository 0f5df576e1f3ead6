"""Files that others put beside a project."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aerchive.storage.spools import records
from aerchive.storage.spools.records import SpoolFile
from tests.drafts import draft_of, project_at
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, run_path
from tests.spool_files import DeadFile

STRANGER = 4002
"""A user who may not write the project."""
DIGITS = "00000000"


def _waiting(one: Hostile) -> Path:
    return one.folder / f".{one.path.name}.waiting-7-{DIGITS}"


def _pending(one: Hostile) -> Path:
    return one.folder / f"{one.path.name}.pending-7-{DIGITS}"


def _compact(one: Hostile) -> Path:
    return one.folder / f".{one.path.name}.compact-7-{DIGITS}"


PLACES: dict[str, Callable[[Hostile], Path]] = {"waiting": _waiting, "pending": _pending, "compact": _compact}


def _link_outside(one: Hostile, place: Path) -> None:
    place.symlink_to(one.outside / "victim.txt")


def _link_to_the_project(one: Hostile, place: Path) -> None:
    place.symlink_to(one.path)


def _hard_link(one: Hostile, place: Path) -> None:
    os.link(one.outside / "victim.txt", place)


def _pipe(one: Hostile, place: Path) -> None:
    os.mkfifo(place)


def _folder(one: Hostile, place: Path) -> None:
    place.mkdir()


def _socket(one: Hostile, place: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/cwd/{os.path.relpath(place)}" if len(str(place)) > 100 else str(place))


def _sparse(one: Hostile, place: Path) -> None:
    place.touch()
    os.truncate(place, 20 * 2**30)


def _sparse_spool(one: Hostile, place: Path) -> None:
    DeadFile(one.path)
    made = _waiting(one)
    made.rename(place)
    os.truncate(place, 20 * 2**30)


def _random(one: Hostile, place: Path) -> None:
    import random

    place.write_bytes(random.Random(1).randbytes(100_000))


def _heads(one: Hostile, place: Path) -> None:
    """100,000 beginnings of records, none of which is one."""
    place.write_bytes(b"AERSPOOL" * 100_000)


def _empty(one: Hostile, place: Path) -> None:
    place.touch()


WAYS = (
    _link_outside,
    _link_to_the_project,
    _hard_link,
    _pipe,
    _folder,
    _socket,
    _sparse,
    _sparse_spool,
    _random,
    _heads,
    _empty,
)
for _place, _at in PLACES.items():
    for _way in WAYS:

        def _make(
            one: Hostile, at: Callable[[Hostile], Path] = _at, way: Callable[[Hostile, Path], None] = _way
        ) -> None:
            way(one, at(one))

        add("beside", f"{_way.__name__.strip('_').replace('_', ' ')}, {_place}", _make, "limited")


# Spools with right records


def _spool(change: Callable[[DeadFile, Hostile], None]) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        change(DeadFile(one.path), one)

    return act


def _job(one: DeadFile, **fields: Any) -> None:
    one.append(records.SUBMITTED, {"job_id": "planted", "at": 1.0, "record": {}} | fields)


SPOOLS: dict[str, Callable[[DeadFile, Hostile], None]] = {
    "job with escapes": lambda spool, one: _job(spool, job_id="\x1b[2J\u202e\n"),
    "job with a path": lambda spool, one: _job(spool, job_id="../../x"),
    "job of a long id": lambda spool, one: _job(spool, job_id="x" * 1_000_000),
    "job at no time": lambda spool, one: _job(spool, at="now"),
    "job far ahead": lambda spool, one: _job(spool, at=1e300),
    "job with NaN": lambda spool, one: _job(spool, at=float("nan")),
    "job with a wrong record": lambda spool, one: _job(spool, record={"config": [], "labels": 5, "evil": "\x1b[2J"}),
    "deep document": lambda spool, one: spool.append(records.SUBMITTED, {}, b"[" * 100_000) and None,
    "runs that are not": lambda spool, one: spool.append(records.HELD, {"runs": [2**62, -1, "x", None]}) and None,
    "runs that are no numbers": lambda spool, one: spool.append(records.HELD, {"runs": [{}, [], None]}) and None,
    "runs that are no list": lambda spool, one: spool.append(records.FINISHED, {"runs": 7}) and None,
    "unknown kind": lambda spool, one: spool.append(b"EVIL", {"a": 1}) and None,
    "document that is a list": lambda spool, one: spool.append(records.RUN, [1, 2]) and None,  # type: ignore[arg-type]
    "many jobs": lambda spool, one: [_job(spool, job_id=f"planted-{number}") for number in range(3000)] and None,
}
for _name, _change in SPOOLS.items():
    add("beside", f"spool, {_name}", _spool(_change), "limited")


def _record_of_a_run(one: Hostile, project: Path) -> bytes:
    """The bytes of a spool with one run, made by our own writer for another project."""
    other = project_at(project)
    other.archive(draft_of(88), durability="exit")
    (path,) = [path for path in project.parent.iterdir() if ".pending-" in path.name or ".waiting-" in path.name]
    data = path.read_bytes()
    from tests.spool_files import leave

    leave()
    shutil.rmtree(project.parent)
    return data


Change = Callable[[dict[str, Any]], None]


def plant(one: Hostile, change: Change, tree_change: Change) -> Path:
    """Puts a durable run beside the project, in the spool of a process that has ended.

    Args:
        one: The project.
        change: Changes the document of the run.
        tree_change: Changes the tree of its group.

    Returns:
        The path of the spool.
    """
    folder = one.folder / "elsewhere"
    folder.mkdir()
    data = _record_of_a_run(one, folder / "other.h5")
    copy = one.folder / "copied"
    copy.write_bytes(data)
    spool = DeadFile(one.path)
    moved: dict[int, int] = {}
    with copy.open("rb") as file:
        for record in records.scan(file.fileno(), 0, len(data)):
            if not isinstance(record, records.Record) or record.kind == records.HEADER:
                continue
            document = records.read_document(file.fileno(), record, "copy")
            content = records.read_data(file.fileno(), record, "copy")
            if record.kind == records.RUN:
                document["project"] = ""
                length = document["tree"]
                tree = json.loads(content[:length])
                _relocate(tree, moved)
                tree_change(tree)
                text = json.dumps(tree).encode()
                document["tree"], content = len(text), text + content[length:]
                change(document)
            elif record.kind == records.HELD:
                document = {"runs": [moved[at] for at in document["runs"] if at in moved]}
            moved[record.offset] = spool.append(record.kind, document, content)
            if record.kind == records.RUN:
                spool.append(records.HELD, {"runs": [moved[record.offset]]})
    copy.unlink()
    return spool.path.rename(_pending(one))


def _nothing(document: dict[str, Any]) -> None:
    """Leaves it as it is."""


def _planted(change: Change, tree_change: Change = _nothing) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        plant(one, change, tree_change)

    return act


def _relocate(tree: dict[str, Any], moved: dict[int, int]) -> None:
    for name, (path, offset) in list(tree.get("objects", {}).items()):
        tree["objects"][name] = [path, moved.get(offset, offset)]
    for group in tree.get("groups", {}).values():
        _relocate(group, moved)


def _rename_first(key: str, name: str) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        members = tree[key]
        first = next(iter(members))
        tree[key] = {(name if member == first else member): value for member, value in members.items()}

    return change


def _set(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(fields)


def _first_dataset(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: next(iter(tree["datasets"].values())).update(fields)


BELL = run_path("bell")
TREES: dict[str, Callable[[dict[str, Any]], None]] = {
    "dataset in another run": _rename_first("datasets", f"/{BELL}/planted"),
    "dataset above": _rename_first("datasets", "../planted"),
    "group in another run": _rename_first("groups", f"/{BELL}/planted"),
    "group at the root": _rename_first("groups", "/planted"),
    "group of odd name": _rename_first("groups", "\x1b[2J"),
    "object of another path": lambda tree: tree["objects"].update(circuits=["../runs/planted", 0]),
    "dataset of 1 TiB": _first_dataset(shape=[2**40]),
    "dataset of negative shape": _first_dataset(shape=[-1]),
    "dataset of objects": _first_dataset(dtype="|O"),
    "dataset from nowhere": _first_dataset(at=2**62),
    "dataset from before": _first_dataset(at=-100),
    "attributes that are lists": lambda tree: tree["attributes"].update(job_id=["x"]),
    "deep tree": lambda tree: tree["groups"].update(deep=_deep(200)),
}


def _deep(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"attributes": {}, "groups": {}, "objects": {}, "datasets": {}}
    for _ in range(depth):
        tree = {"attributes": {}, "groups": {"deep": tree}, "objects": {}, "datasets": {}}
    return tree


for _name, _tree in TREES.items():
    add("beside", f"planted run, {_name}", _planted(_nothing, _tree), "limited")
HEADS = {
    "of another project": _set(project="11111111-2222-3333-4444-555555555555"),
    "job with escapes": _set(job_id="\x1b[2J\u202e"),
    "negative size": _set(nbytes=-5),
    "uuid with a path": _set(run_uuid="../../x"),
    "created is no time": _set(created="soon"),
    "tree longer than its data": _set(tree=10),
}
for _name, _head in HEADS.items():
    _absent = "job-000088" if _name == "of another project" else ""
    add("beside", f"planted run, {_name}", _planted(_head), "limited", absent=_absent)


def _done_twice(one: Hostile) -> None:
    """Two records say that a run is in the project, and one of them says it twice."""
    path = plant(one, _nothing, _nothing)
    with path.open("rb") as file:
        found = list(records.scan(file.fileno(), 0, path.stat().st_size))
    (run,) = [one.offset for one in found if isinstance(one, records.Record) and one.kind == records.RUN]
    spool = SpoolFile(str(path), os.open(path, os.O_RDWR))
    spool.size = path.stat().st_size
    for runs in ([run, run], [run]):
        spool.append(records.FINISHED, {"runs": runs})
    spool.abandon()


add("beside", "planted run, done twice", _done_twice, "limited", absent="job-000088")


def _owned_by_a_stranger(one: Hostile) -> None:
    """Only root can make this; others make a file that all may write, which is no better."""
    _planted(_nothing)(one)
    one.path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(_pending(one), STRANGER, STRANGER)
    else:
        _pending(one).chmod(0o666)


def _many_spools(one: Hostile) -> None:
    for number in range(500):
        DeadFile(one.path, f"{number:08x}")


def _odd_names(one: Hostile) -> None:
    for name in ("\x1b[2J", "-rf", "a\nb", "..waiting-", "\u202e"):
        (one.folder / f"{one.path.name}.pending-{name}").write_bytes(b"x")


def _old_kinds(one: Hostile) -> None:
    """Names of earlier versions."""
    for name in (f".{one.path.name}.submitted-1-{DIGITS}.jsonl", f"{one.path.name}.pending-1.h5"):
        shutil.copyfile(one.path, one.folder / name)


add("beside", "planted run of another user", _owned_by_a_stranger, "limited", absent="job-000088")
add("beside", "500 spools", _many_spools, "limited")
add("beside", "odd names", _odd_names, "limited")
add("beside", "names of earlier versions", _old_kinds, "limited")
