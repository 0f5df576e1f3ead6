"""Attachments with names, files and documents that no user gave them, and groups of them that no project has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from aerchive import layout
from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, create, put_array, put_text, run_path, set_attribute, set_text
from tests.hostile.kinds.texts import CODE, ESCAPES, FORMULA

MANY = 20_000
DEEP = 5_000
_Change = Callable[[h5py.Group], None]


def _edited(change: _Change, *, seal: bool = True) -> Callable[[Hostile], None]:
    """Changes the group of the attachments of a run."""

    def make(one: Hostile) -> None:
        with one.edit(seal=seal) as file:
            change(file[run_path("bell")][layout.ATTACHMENTS])

    return make


def _renamed(name: str) -> _Change:
    def change(folder: h5py.Group) -> None:
        folder.id.links.move(b"notes", folder.id, name.encode())

    return change


for _what, _name in {
    "escapes": ESCAPES,
    "code": CODE.replace("/", ""),
    "long": "x" * 10_000,
    "hidden": ".notes",
    "checksums": "notes.checksums",
    "a space": " notes",
    "a letter": "größe",
}.items():
    add(
        "attachments", f"name, {_what}", _edited(_renamed(_name)), "refused", "attachments/", refuses=("show", "values")
    )


def _attribute(which: str, name: str, value: Any) -> _Change:
    def change(folder: h5py.Group) -> None:
        if isinstance(value, str):
            set_text(folder[which], name, value)
        else:
            set_attribute(folder[which], name, value)

    return change


for _what, _text in {"escapes": ESCAPES, "code": CODE, "a formula": FORMULA}.items():
    add("attachments", f"kind, {_what}", _edited(_attribute("notes", "kind", _text)), "limited")
    add("attachments", f"time, {_what}", _edited(_attribute("notes", "created", _text)), "limited")
for _what, _text in {
    "escapes": ESCAPES,
    "a path": "../../../victim.txt",
    "an absolute path": "/etc/passwd",
    "of Windows": "..\\victim.txt",
    "the folder above": "..",
    "nothing": "",
    "long": "x" * 300,
}.items():
    _make = _edited(_attribute("figure.svg", "filename", _text))
    add("attachments", f"file name, {_what}", _make, "limited")
for _what, _key, _value in (
    ("newer", "encoding_version", np.int64(99)),
    ("version as text", "encoding_version", "1"),
    ("no attachment", "encoding", "run"),
    ("kind as a number", "kind", np.int64(5)),
    ("no UUID", layout.ATTACHMENT_UUID, "../x"),
):
    add("attachments", f"attribute, {_what}", _edited(_attribute("reference", _key, _value)), "limited")
add(
    "attachments",
    "UUID of another",
    _edited(_attribute("reference", layout.ATTACHMENT_UUID, "0" * 36)),
    "refused",
    "attachments/reference/array",
    refuses=("values",),
)


def _unsealed(folder: h5py.Group) -> None:
    set_attribute(folder["fit"], "sha256", np.array(b"0" * 64, "S64"))


def _swapped(folder: h5py.Group) -> None:
    """Two attachments under each other's name, neither sealed anew."""
    folder.move("notes", "x")
    folder.move("fit", "notes")
    folder.move("x", "fit")


add("attachments", "digest, of another", _edited(_unsealed, seal=False), "refused", "attachments/fit")
add("attachments", "digest, swapped", _edited(_swapped, seal=False), "refused", "attachments/fit")


def _document(tree: Any) -> _Change:
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()

    def change(folder: h5py.Group) -> None:
        put_text(folder["fit"], "value", text)

    return change


def _reference(*to: Any) -> dict[str, Any]:
    return {"$": "array/1", "data": {"$": "reference", "to": list(to)}}


_STATE = {"$": "statevector/1", "class": "qiskit", "data": {"$": "reference", "to": ["array", None]}}


for _what, _tree in {
    "no JSON": b"{",
    "deep": b"[" * DEEP + b"]" * DEEP,
    "a class": {"$": "object", "class": "os.system", "settings": ["id"]},
    "pickle": {"$": "pickle/1", "base64": "gASVIQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=="},
    "a reference to a run": _reference("../../statevector", None),
    "a reference to a document": _reference("value", None),
    "a reference to nothing": _reference("nothing", None),
    "a row that is not there": _reference("array", 2**40),
    "a piece over the end": _reference("array", 3, [2**40], "C"),
    "many pieces": [_reference("array", 0, [5], "C")] * 20_000,
    "an array that claims much": {"$": "ndarray", "dtype": "<f8", "shape": [2**50], "order": "C", "base64": ""},
    "an object of no dimensions": _STATE,
    "20 million lists": b"[" + b"[]," * 20_000_000 + b"[]]",
    "60 million numbers": b"[" + b"1," * 60_000_000 + b"1]",
}.items():
    add("attachments", f"document, {_what}", _edited(_document(_tree)), "limited")


def _large_document(folder: h5py.Group) -> None:
    """A quarter of a gibibyte and more of text, which takes little room in the file."""
    put_array(folder["fit"], "value", np.full(300 * 2**20, ord(" "), np.uint8), (2**20,))


def _claims(folder: h5py.Group) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((2**16,))
    properties.set_shuffle()
    properties.set_deflate(1)
    kind = h5py.h5t.NATIVE_INT64
    create(folder["reference"], "array", kind, h5py.h5s.create_simple((2**50,)), properties)


add("attachments", "document, large", _edited(_large_document), "limited", refuses=("values",))
add("attachments", "array, larger than memory", _edited(_claims), "refused", "attachments/reference")


def _two_values(folder: h5py.Group) -> None:
    put_array(folder["fit"], "text", np.array([b"other"]))


def _no_value(folder: h5py.Group) -> None:
    del folder["fit"]["value"]


def _many(folder: h5py.Group) -> None:
    for number in range(MANY):
        folder.create_group(f"a{number}")


def _dataset(folder: h5py.Group) -> None:
    put_array(folder, "zz", np.arange(3))


def _inner(folder: h5py.Group) -> None:
    folder["fit"].create_group("inner").create_group("inner")


def _soft(folder: h5py.Group) -> None:
    folder["zz"] = h5py.SoftLink("/runs")


def _external(folder: h5py.Group) -> None:
    folder["zz"] = h5py.ExternalLink("other.h5", "/")


def _twice(folder: h5py.Group) -> None:
    folder["zz"] = folder["fit"]


def _run_inside(folder: h5py.Group) -> None:
    folder["zz"] = folder.parent


def _of_root(folder: h5py.Group) -> None:
    del folder.file[layout.ATTACHMENTS]
    folder.file[layout.ATTACHMENTS] = folder


def _is_dataset(folder: h5py.Group) -> None:
    run = folder.parent
    del run[layout.ATTACHMENTS]
    put_array(run, layout.ATTACHMENTS, np.arange(3))


add("attachments", "group, two values", _edited(_two_values), "limited", refuses=("values",))
add("attachments", "group, no value", _edited(_no_value), "limited", refuses=("values",))
add("attachments", "group, many", _edited(_many), "refused", "attachments", refuses=("show", "values"))
add("attachments", "group, a dataset", _edited(_dataset), "refused", "attachments/zz", refuses=("values",))
add("attachments", "group, groups inside", _edited(_inner), "limited")
add("attachments", "group, a soft link", _edited(_soft), "refused", "attachments/zz", refuses=("values",))
add("attachments", "group, an external link", _edited(_external), "refused", "attachments/zz", refuses=("values",))
add("attachments", "group, linked twice", _edited(_twice, seal=False), "refused", "attachments")
add("attachments", "group, its run", _edited(_run_inside, seal=False), "refused", "attachments/zz", refuses=("values",))
add("attachments", "group, of run and project", _edited(_of_root, seal=False), "refused", "attachments")
add("attachments", "group, is a dataset", _edited(_is_dataset), "limited")
