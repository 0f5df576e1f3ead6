"""Nodes of a project file are opened in one module, which checks them first."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src" / "aerchive"
MODULES = [path for path in SOURCES.rglob("*.py") if path.parent != SOURCES / "pages"]
"""All modules; the program among the pages of a project file is for people without aerchive, and is none."""
DOOR = "storage/hdf5/nodes.py"
OPENS = {
    "h5a": {"open", "open_by_idx", "iterate"},
    "h5d": {"open"},
    "h5g": {"open", "iterate"},
    "h5o": {"open", "visit", "get_info"},
    "h5r": {"dereference"},
    "h5py": {"File", "Group", "Dataset", "Datatype"},
}
"""Functions of h5py that open or look up nodes, or give objects that do."""
LINKS = {"get_info", "get_val", "iterate", "visit", "exists"}
"""Methods of ``GroupID.links`` that look up links."""
ELSEWHERE = {
    ("storage/commits/creation.py", "h5g.open"): "opens the root of the file that it has just made",
    **{
        ("storage/hdf5/group_room.py", call): "makes a file in memory, to copy the properties of its group"
        for call in ("h5py.File", "h5g.open", "h5o.get_info")
    },
    ("storage/hdf5/node_copying.py", "links.get_val"): "copies a soft link as a link",
    **{
        (
            "storage/vet_child.py",
            call,
        ): "opens also what is refused, in a child, to see whether HDF5 survives"
        for call in (
            *("h5a.iterate", "h5a.open", "h5d.open", "h5g.open", "h5o.get_info", "h5o.open"),
            *("links.exists", "links.get_info", "links.iterate"),
        )
    },
}


def calls_of(path: Path) -> set[str]:
    """The names of h5py's functions in a module that open nodes or look up links."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if node.attr in OPENS.get(owner, ()) or (owner == "links" and node.attr in LINKS):
            found.add(f"{owner}.{node.attr}")
    return found


def test_no_other_module_opens_nodes() -> None:
    found = {(str(path.relative_to(SOURCES)), call) for path in MODULES for call in calls_of(path)}
    assert {pair for pair in found if pair[0] != DOOR} == ELSEWHERE.keys()
    assert {"h5a.open", "h5g.open", "h5o.open", "links.get_info"} <= {call for file, call in found if file == DOOR}


def test_no_module_iterates_a_group_of_hdf5() -> None:
    """``for name in gid`` and ``name in gid`` of h5py look up links, too."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            iterated = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
                iterated += node.comparators
            for one in iterated:
                assert not (isinstance(one, ast.Attribute) and one.attr == "gid"), f"{path}:{one.lineno}"
