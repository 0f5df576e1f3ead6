"""Groups that hold themselves, each other, too much, or a node that is in two places."""

from __future__ import annotations

from collections.abc import Callable

import h5py
from h5py import h5g

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, object_path, run_path
from tests.hostile.honest import DAY

DEPTH = 5_000
MEMBERS = 100_000


def _link(
    at: Callable[[h5py.File], h5py.Group], name: str, to: Callable[[h5py.File], h5py.Group]
) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit(seal=False) as file:
            parent = at(file)
            if name in parent:
                del parent[name]
            parent[name] = to(file)

    return make


def _run(file: h5py.File, job: str = "bell") -> h5py.Group:
    return file[run_path(job)]


def _circuits(file: h5py.File) -> h5py.Group:
    return file[object_path(file, "bell", "circuits")]


def _root(file: h5py.File) -> h5py.Group:
    return file["/"]


LOOPS: dict[str, tuple[Callable[[h5py.File], h5py.Group], Callable[[h5py.File], h5py.Group]]] = {
    "run in itself": (_run, _run),
    "root in a run": (_run, _root),
    "root in root": (_root, _root),
    "runs in runs": (lambda file: file["runs"], lambda file: file["runs"]),
    "day in itself": (lambda file: file["runs"][DAY], lambda file: file["runs"][DAY]),
    "config in itself": (lambda file: _run(file)["config"], lambda file: _run(file)["config"]),
    "run in its config": (lambda file: _run(file)["config"], _run),
    "object in itself": (_circuits, _circuits),
    "objects in an object": (_circuits, lambda file: file["objects"]),
    "objects in objects": (lambda file: file["objects"], lambda file: file["objects"]),
    "kind in itself": (lambda file: file["objects/circuits"], lambda file: file["objects/circuits"]),
    "deleted in deleted": (lambda file: file["deleted"], lambda file: file["deleted"]),
    "runs in deleted": (lambda file: file["deleted"], lambda file: file["runs"]),
}
for _name, (_at, _to) in LOOPS.items():
    _shown = "objects/circuits" if _at is _circuits else "config" if _name == "config in itself" else "loop"
    add("groups", f"loop, {_name}", _link(_at, "loop", _to), "refused", _shown)
_array = _link(_circuits, "array_0", _circuits)
add("groups", "loop, array of an object", _array, "refused", "objects/circuits", refuses=("circuits",))

TWICE: dict[str, tuple[Callable[[h5py.File], h5py.Group], str, Callable[[h5py.File], h5py.Group]]] = {
    "run under two names": (lambda file: file["runs"][DAY], "213011_twin_2q_twin", _run),
    "run in another folder": (lambda file: file["runs"].require_group("2026-11-23"), "213000_bell_2q_bell", _run),
    "run of objects": (lambda file: file["objects/circuits"].require_group("00"), "0" * 40, _run),
    "object as a run": (lambda file: file["runs"][DAY], "213011_twin_2q_twin", _circuits),
    "status of another run": (_run, "status", lambda file: _run(file, "failed")["status"]),
    "config of another run": (_run, "config", lambda file: _run(file, "noise")["config"]),
    "counts of another run": (_run, "counts", lambda file: _run(file, "binds")["counts"]),
    "catalogue for counts": (_run, "counts", lambda file: file["catalogue"]),
    "group for counts": (_run, "counts", lambda file: file["runs"]),
    "dataset for config": (_run, "config", lambda file: _run(file)["counts"]),
    "dataset for circuits": (_run, "circuits", lambda file: _run(file)["counts"]),
    "run for circuits": (_run, "circuits", lambda file: _run(file, "last")),
    "circuits for provenance": (_run, "provenance", _circuits),
    "provenance for circuits": (_run, "circuits", lambda file: _run(file)["provenance"]),
    "counts of another run, plot": (_run, "view/counts/shots", lambda file: _run(file, "binds")["counts"]),
    "config for a plot": (_run, "view/counts", lambda file: _run(file)["config"]),
    "dataset for a view": (_run, "view", lambda file: _run(file)["counts"]),
    "circuits for a view": (_run, "view", _circuits),
    "dataset for runs": (_root, "runs", lambda file: file["catalogue"]),
    "dataset for objects": (_root, "objects", lambda file: file["catalogue"]),
    "group for the catalogue": (_root, "catalogue", lambda file: file["objects"]),
    "dataset as a folder": (lambda file: file["runs"], "2026-11-23", lambda file: file["catalogue"]),
    "dataset as a run": (lambda file: file["runs"][DAY], "213011_twin_2q_twin", lambda file: file["catalogue"]),
}
for _name, (_parent, _member, _node) in TWICE.items():
    _shown = "bell" if _parent is _run else _member
    add("groups", f"in two places, {_name}", _link(_parent, _member, _node), "refused", _shown)


def _deep(at: Callable[[h5py.File], h5py.Group], depth: int) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit(seal=False) as file:
            gid = at(file).id
            for _ in range(depth):
                gid = h5g.create(gid, b"deep")

    return make


for _name, _at in {"run": _run, "runs": lambda file: file["runs"], "object": _circuits}.items():
    add("groups", f"deep, {_name}", _deep(_at, DEPTH), "refused", "deep")
add("groups", "deep, root", _deep(_root, DEPTH), "limited")  # other programs may add groups of any depth
add("groups", "deep, just too deep", _deep(_run, 20), "refused", "deep")


def _many(at: Callable[[h5py.File], h5py.Group], *, runs: bool = False) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit(seal=False) as file:
            gid, node = at(file).id, (_run(file) if runs else file["deleted"]).id
            for number in range(MEMBERS):
                gid.links.create_hard(b"many%d" % number, node, b".")

    return make


for _name, _at in {
    "run": _run,
    "root": _root,
    "day": lambda file: file["runs"][DAY],
    "object": _circuits,
    "kind": lambda file: file["objects/circuits"],
    "deleted": lambda file: file["deleted"],
    "config": lambda file: _run(file)["config"],
    "view": lambda file: _run(file)["view"],
    "plot": lambda file: _run(file)["view/counts"],
}.items():
    _node = {"day": DAY, "kind": "objects/circuits", "object": "objects/circuits"}.get(_name, _name)
    _node = {"run": "bell", "plot": "view", "root": "foreign_nodes"}.get(_name, _node)
    add("groups", f"many members, {_name}", _many(_at), "refused", _node)
add("groups", "many folders of one run", _many(lambda file: file["runs"], runs=True), "refused", "/runs")


def _names(*names: bytes) -> Callable[[Hostile], None]:
    def make(one: Hostile) -> None:
        with one.edit(seal=False) as file:
            for parent in (file["/"], file["runs"], file["runs"][DAY], _run(file), _run(file)["config"]):
                for name in names:
                    h5g.create(parent.id, name)

    return make


add(
    "groups",
    "names that move the cursor",
    _names(b"\x1b[2J\x1b]0;x\x07", b"\xe2\x80\xaeabc", b"a\nb\r"),
    "refused",
    "bell",
)
add("groups", "names that are no UTF-8", _names(b"\xff\xfe", b"\xc3("), "refused", "bell")
add("groups", "names of 60,000 bytes", _names(b"n" * 60_000), "refused", "nnn")
add("groups", "names that look like paths", _names(b"..", b"...", b"-rf", b"~"), "refused", "bell")
