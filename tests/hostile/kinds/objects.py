"""Shared objects that say they are others, or hold what objects of their kind do not."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np

from tests.hostile.corpus import add
from tests.hostile.edits import (
    Hostile,
    object_path,
    put_array,
    put_text,
    rename_object,
    run_path,
    set_attribute,
    set_text,
)


def _changed(change: Callable[[h5py.File, h5py.Group], None], *, rename: bool = True) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            path = object_path(file, "amplitudes", "circuits")
            group = file[path]
            change(file, group)
            if rename:
                rename_object(file, path)

    return act


STATED = {
    "another object": b"objects/circuits/00/" + b"0" * 40,
    "dots": b"objects/../runs/2026-11-22",
    "nothing": b"\0",
    "a run": run_path("bell").encode(),
    "escapes": b"objects/\x1b[2J",
    "no UTF-8": b"\xff",
}
for _name, _path in STATED.items():

    def _state(file: h5py.File, group: h5py.Group, path: bytes = _path) -> None:
        set_text(group, "object", path)

    add("objects", f"states {_name}", _changed(_state, rename=False), "finding", "circuits", jobs=("amplitudes",))


def _states_a_number(file: h5py.File, group: h5py.Group) -> None:
    set_attribute(group, "object", np.int64(1))


def _states_none(file: h5py.File, group: h5py.Group) -> None:
    del group.attrs["object"]


def _other_content(file: h5py.File, group: h5py.Group) -> None:
    set_text(group, "names", '["forged"]')


def _more(file: h5py.File, group: h5py.Group) -> None:
    put_array(group, "more", np.arange(10))


def _many_circuits(file: h5py.File, group: h5py.Group) -> None:
    set_attribute(group, "count", np.int64(10**9))


def _names_of_numbers(file: h5py.File, group: h5py.Group) -> None:
    set_text(group, "names", "[1]")


def _newer(file: h5py.File, group: h5py.Group) -> None:
    set_attribute(group, "encoding_version", np.int64(99))


def _version_text(file: h5py.File, group: h5py.Group) -> None:
    set_text(group, "encoding_version", "2")


def _no_qpy(file: h5py.File, group: h5py.Group) -> None:
    del group["qpy"]


def _no_table(file: h5py.File, group: h5py.Group) -> None:
    del group["aer"]


def _floats(file: h5py.File, group: h5py.Group) -> None:
    put_array(group, "qpy", group["qpy"][()].astype("f8"))


def _links_to_a_run(file: h5py.File, group: h5py.Group) -> None:
    group["array_0"] = file[run_path("bell")]


def _links_to_circuits(file: h5py.File, group: h5py.Group) -> None:
    """Arrays of the circuits are those circuits of another run."""
    group["array_0"] = file[object_path(file, "bell", "circuits")]
    text = group["aer"][...].tobytes().replace(b"\0", b"")
    put_text(group, "aer", text[:-1] + b',"arrays":["' + group["array_0"].attrs["object"] + b'"]}')


def _thousand_links(file: h5py.File, group: h5py.Group) -> None:
    for number in range(1000):
        group[f"array_{number}"] = file[object_path(file, "bell", "circuits")]


READ: dict[str, tuple[Callable[[h5py.File, h5py.Group], None], bool]] = {
    "states a number": (_states_a_number, False),
    "states nothing at all": (_states_none, False),
    "with other content": (_other_content, False),
    "of a newer encoding": (_newer, True),
    "with a version that is text": (_version_text, True),
    "without a payload": (_no_qpy, True),
    "without a side table": (_no_table, True),
    "with a payload of floats": (_floats, True),
    "with a run for an array": (_links_to_a_run, False),
    "with circuits for an array": (_links_to_circuits, True),
    "with a thousand arrays": (_thousand_links, True),
    "with names that are numbers": (_names_of_numbers, True),
    "with a billion circuits": (_many_circuits, True),
    "with a dataset more": (_more, True),
}
FOUND = ("states a number", "states nothing at all", "with other content", "with a run for an array")
REFUSED = ("of a newer encoding", "with a version that is text", "without a payload", "without a side table")
for _name, (_change, _rename) in READ.items():
    _expect = "finding" if _name in FOUND else "limited"
    _refuses = ("circuits",) if _name in REFUSED else ()
    _node = "circuits" if _name in FOUND else ""
    _case = _changed(_change, rename=_rename)
    add("objects", _name, _case, _expect, _node, jobs=("amplitudes", "last"), refuses=_refuses)


def _planted(path: str) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            file.copy(file[object_path(file, "bell", "circuits")], path)

    return act


add("objects", "of an odd name", _planted("objects/circuits/zz/forged"), "limited")  # no object, so it is foreign
add("objects", "of an odd kind", _planted("objects/\x1b[2J/00/" + "0" * 40), "limited")
add("objects", "of a long kind", _planted(f"objects/{'k' * 1000}/00/{'0' * 40}"), "limited")
add("objects", "at the wrong depth", _planted("objects/forged"), "limited")


def _without_table_of(one: Hostile) -> None:
    with one.edit() as file:
        del file[object_path(file, "bell", "circuits")]


add("objects", "taken away, and only linked", _without_table_of, "finding", "circuits")
