"""JSON that is deep, long, wrong or tagged with malice, in every document of a run."""

from __future__ import annotations

import json
from collections.abc import Callable

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

_VECTOR = b'{"$": "reference", "to": ["statevector", null]}'
_ONE_HASH = ",".join(str(number * (2**61 - 1)) for number in range(1, 40_000)).encode()
"""Integers that Python's sets and mappings compare with each other, one by one."""

TEXTS: dict[str, bytes] = {
    "deep lists": b"[" * 30_000 + b"]" * 30_000,
    "deep mappings": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "cut off": b'{"a": [1, 2',
    "nothing": b" ",
    "a number of 30,000 digits": b"9" * 30_000,
    "NaN": b"[NaN, Infinity, -Infinity]",
    "an exponent": b"1e999999999",
    "two keys of one name": b'{"a": 1, "a": 2}',
    "not UTF-8": b'"\xff\xfe"',
    "NUL": b'"\x00"',
    "raw escapes": b'"\x1b[2J"',
    "unknown tag": b'{"$": "os.system", "command": "true"}',
    "tag that is a list": b'{"$": ["int"], "hex": "0x1"}',
    "tag that is a mapping": b'{"$": {"$": "int"}}',
    "integer of 20,000 hexadecimal digits": b'{"$": "int", "hex": "0x' + b"f" * 20_000 + b'"}',
    "integer that is none": b'{"$": "int", "hex": "zz"}',
    "integer that is a list": b'{"$": "int", "hex": []}',
    "float of 4 bytes": b'{"$": "float", "hex": "00000000"}',
    "complex of three": b'{"$": "complex", "items": [1, 2, 3]}',
    "complex of texts": b'{"$": "complex", "items": ["1", "2"]}',
    "set of lists": b'{"$": "set", "items": [[1], [2]]}',
    "mapping with lists as keys": b'{"$": "dict", "items": [[[1], 2]]}',
    "set of integers of one hash": b'{"$": "set", "items": [' + _ONE_HASH + b"]}",
    "mapping with keys of one hash": b'{"$": "dict", "items": [[' + _ONE_HASH.replace(b",", b",0],[") + b",0]]}",
    "tuple without items": b'{"$": "tuple"}',
    "objects as elements": b'{"$": "ndarray", "dtype": "O", "shape": [1], "order": "C", "base64": "AAAAAAAAAAA="}',
    "1 TiB of shape": b'{"$": "ndarray", "dtype": "<f8", "shape": [137438953472], "order": "C", "base64": ""}',
    "1 TiB of nothing": b'{"$": "ndarray", "dtype": "S0", "shape": [137438953472], "order": "C", "base64": ""}',
    "2 GiB of text": b'{"$": "numpy", "dtype": "S2147483647", "base64": ""}',
    "nested dtype": b'{"$": "numpy", "dtype": "(1000000,1000000)f8", "base64": ""}',
    "dtype with fields": b'{"$": "numpy", "dtype": "f8,f8,O", "base64": ""}',
    "dtype of times": b'{"$": "numpy", "dtype": "M8[ns]", "base64": "AAAAAAAAAAA="}',
    "array with an odd order": b'{"$": "ndarray", "dtype": "u1", "shape": [8], "order": "K", "base64": "AAAAAAAAAAA="}',
    "negative shape": b'{"$": "ndarray", "dtype": "<f8", "shape": [-1], "order": "C", "base64": "AAAAAAAAAAA="}',
    "wrong base64": b'{"$": "bytes", "base64": "@@@@"}',
    "wrong time": b'{"$": "datetime", "iso": "9999-99-99"}',
    "time before all times": b'{"$": "datetime", "iso": "0001-01-01T00:00:00+23:59"}',
    "array reference out of place": b'{"$": "reference", "to": ["../bell/counts", null]}',
    "reference to a million rows": b'{"$": "array/1", "data": {"$": "reference", "to": ["statevector", 1000000]}}',
    "reference to a negative piece": b'{"$": "array/1", "data": {"$":"reference","to":["statevector",-5,[3],"C"]}}',
    "reference to 1 TiB": b'{"$": "array/1", "data": {"$":"reference","to":["statevector",0,[68719476736],"C"]}}',
    "column of many rows": b'{"$": "array/1", "data": {"$":"reference","to":["table","x",0,[4611686018427387],"C"]}}',
    "column of bit strings": b'{"$": "array/1", "data": {"$":"reference","to":["counts","bitstring",0,[1],"C"]}}',
    "column of a negative row": b'{"$": "array/1", "data": {"$":"reference","to":["counts","count",-1,[1],"C"]}}',
    "no columns": b'{"$": "array/1", "data": {"$":"reference","to":["counts",[],0,[1,0],"C"]}}',
    "one column a million times": b'{"$": "array/1", "data": {"$":"reference","to":["counts",['
    + b'"count",' * 999_999
    + b'"count"],0,[1,1000000],"C"]}}',
    "number in no column": b'{"$": "scalar/1", "column": "experiment", "row": 0}',
    "numbers of a type of addresses": b'{"$": "numbers/1", "as": "list", "of": "O", "data": '
    b'{"$": "ndarray", "dtype": "<f8", "shape": [1], "order": "C", "base64": "AAAAAAAAAAA="}}',
    "range of 2**60 numbers": b'{"$": "numbers/1", "as": "range", "of": "int", "start": 0, '
    b'"stop": 1152921504606846976, "step": 1, "data": {"$": "reference", "to": ["statevector", null]}}',
    "memory of letters": b'{"$": "memory/1", "rows": [0, 1], "form": ["hex"]}',
    "state without data": b'{"$": "statevector/1", "class": "aer"}',
    "state of an unknown class": b'{"$": "statevector/1", "class": "os", "data": ' + _VECTOR + b', "dims": null}',
    "state of a billion dimensions": b'{"$": "statevector/1", "class": "qiskit", "data": '
    + _VECTOR
    + b', "dims": [[1000000000], [1]]}',
    "counts of 2**62 rows": b'{"$": "counts/1", "rows": [0, 4611686018427387904]}',
    "counts of negative rows": b'{"$": "counts/1", "rows": [-3, 2]}',
    "memory of 2**62 rows": b'{"$": "memory/1", "rows": [0, 4611686018427387904]}',
    "bits of 2**40": b'{"$": "bit_array/1", "data": {"$":"reference","to":["memory",null]}, "num_bits": 1099511627776}',
    "decimal of a million digits": b'{"$": "decimal", "text": "' + b"9" * 1_000_000 + b'"}',
    "decimal beyond all numbers": b'{"$": "decimal", "text": "1E+999999999999999999"}',
    "decimal that signals": b'{"$": "decimal", "text": "sNaN"}',
    "fraction over zero": b'{"$": "fraction", "items": [1, 0]}',
    "fraction of a million digits": b'{"$": "fraction", "items": [{"$": "int", "hex": "0x'
    + b"f" * 1_000_000
    + b'"}, {"$": "int", "hex": "0x'
    + b"e" * 999_999
    + b'"}]}',
    "path with NUL": b'{"$": "PosixPath", "text": "/etc/passwd\\u0000.h5"}',
    "path of a million folders": b'{"$": "PosixPath", "text": "' + b"a/" * 1_000_000 + b'"}',
    "path that moves the cursor": b'{"$": "PureWindowsPath", "text": "\\u001b[2J"}',
    "path that is a list": b'{"$": "PosixPath", "text": ["/", "etc"]}',
    "day before all days": b'{"$": "date", "iso": "0000-01-01"}',
    "timedelta beyond all times": b'{"$": "timedelta", "items": [1000000000, 0, 0]}',
    "UUID of 20,000 digits": b'{"$": "uuid", "hex": "' + b"0" * 20_000 + b'"}',
    "Enum of a class that is a command": b'{"$": "enum", "class": "os.system", "name": "true", "value": 1}',
    "Enum without a value": b'{"$": "enum", "class": "os.system", "name": "true"}',
    "Enum in Enum": b'{"$": "enum", "value": ' * 5_000 + b"1" + b"}" * 5_000,
    "Pauli of other letters": b'{"$": "pauli/1", "label": "XYZW"}',
    "Pauli of a million letters": b'{"$": "pauli/1", "label": "' + b"X" * 1_000_000 + b'"}',
    "Pauli list of unequal lengths": b'{"$": "pauli_list/1", "labels": ["X", "XY"]}',
    "sum without its coefficients": b'{"$": "sparse_pauli_op/1", "labels": ["X", "Y"], "coeffs": {"$": "ndarray", '
    b'"dtype": "<c16", "shape": [1], "order": "C", "base64": "AAAAAAAAAAAAAAAAAAAAAA=="}}',
    "state in an option, of three amplitudes": b'{"$": "statevector/1", "class": "qiskit", "dims": [[1000000000], [1]],'
    b' "data": {"$": "ndarray", "dtype": "<f8", "shape": [3], "order": "C", "base64": "' + b"A" * 32 + b'"}}',
    "state in an option, whose data are text": b'{"$": "statevector/1", "class": "qiskit", "dims": null, "data": "x"}',
    "Clifford in an option, of 2**40 qubits": b'{"$": "clifford/1", "tableau": {"$": "ndarray", "dtype": "|b1", '
    b'"shape": [1099511627776, 1099511627777], "order": "C", "base64": ""}}',
    "newer encoding": b'{"$": "statevector/99", "class": "aer"}',
    "refused with escapes": b'{"$": "refused/1", "type": "\\u001b[2J", "text": "\\u202e\\n"}',
}
IN_OPTIONS = (
    *("deep lists", "cut off", "a number of 30,000 digits", "NaN", "two keys of one name", "not UTF-8", "unknown tag"),
    *("set of integers of one hash", "mapping with keys of one hash"),
    *("integer of 20,000 hexadecimal digits", "set of lists", "objects as elements", "1 TiB of shape", "2 GiB of text"),
    *("nested dtype", "wrong time", "1 TiB of nothing", "mapping with lists as keys", "tag that is a list"),
    *("decimal of a million digits", "decimal beyond all numbers", "decimal that signals", "fraction over zero"),
    *("fraction of a million digits", "path with NUL", "path of a million folders", "path that moves the cursor"),
    *("path that is a list", "day before all days", "timedelta beyond all times", "UUID of 20,000 digits"),
    *("Enum of a class that is a command", "Enum without a value", "Enum in Enum", "Pauli of other letters"),
    *("Pauli of a million letters", "Pauli list of unequal lengths", "sum without its coefficients"),
    *("state in an option, of three amplitudes", "state in an option, whose data are text"),
    "Clifford in an option, of 2**40 qubits",
)
"""What is tried in the other documents as well."""


def _as_saved_value(text: bytes) -> Callable[[Hostile], None]:
    """One more value in the result of a run."""

    def act(one: Hostile) -> None:
        with one.edit() as file:
            run = file[run_path("bell")]
            before = run["result"][...].tobytes().replace(b"\0", b"")
            after = before.replace(b'"data":[[', b'"data":[["evil",' + text + b"],[", 1)
            assert before != after
            put_text(run, "result", after)

    return act


def _as_document(job: str, name: str, text: bytes) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            put_text(file[run_path(job)], name, text)

    return act


def _as_field(group: str, field: str, text: bytes) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            set_text(file[run_path("bell")][group], field, text)

    return act


def _in_object(job: str, link: str, name: str, text: bytes) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            path = object_path(file, job, link)
            put_text(file[path], name, text)
            rename_object(file, path)

    return act


for _name, _text in TEXTS.items():
    add("documents", f"{_name}, saved value", _as_saved_value(_text), "limited")
    if _name in IN_OPTIONS:
        add("documents", f"{_name}, option", _as_field("config", "options_json.evil", _text), "limited")
        add("documents", f"{_name}, inputs", _as_document("binds", "inputs", _text), "limited", jobs=("binds",))
        _aer = _in_object("amplitudes", "circuits", "aer", _text)
        add("documents", f"{_name}, side table", _aer, "limited", jobs=("amplitudes",), refuses=("circuits",))
for _name in ("decimal that signals", "fraction over zero", "path that moves the cursor", "Pauli of a million letters"):
    _parameter = _as_field("labels", "params_json.evil", TEXTS[_name])
    add("documents", f"{_name}, parameter", _parameter, "finding", "bell")
for _name in ("deep lists", "cut off", "NaN", "two keys of one name", "not UTF-8", "unknown tag"):
    _text = TEXTS[_name]
    _more = {"refuses": ("values",)}
    add("documents", f"{_name}, result", _as_document("bell", "result", _text), "limited", **_more)
    _parameter = _as_field("labels", "params_json.evil", _text)
    add("documents", f"{_name}, parameter", _parameter, "finding", "bell")
    _model = _in_object("noise", "noise_model", "model", _text)
    add("documents", f"{_name}, noise model", _model, "limited", jobs=("noise",), refuses=("circuits",))

FIELDS: dict[str, tuple[str, str, object]] = {
    "created is no time": ("", "created", b"not a time"),
    "created without a zone": ("", "created", b"2026-01-01"),
    "created is a number": ("", "created", 5),
    "run_uuid is not ASCII": ("seal", "run_uuid", "\u202e".encode()),
    "run_uuid is empty": ("seal", "run_uuid", b"\0"),
    "run_uuid of 20,000 letters": ("seal", "run_uuid", b"a" * 20_000),
    "job_id is a number": ("", "job_id", 5),
    "job_id is not UTF-8": ("", "job_id", b"\xff"),
    "encoding is another": ("seal", "encoding", b"statevector"),
    "encoding_version is huge": ("seal", "encoding_version", 2**62),
    "encoding_version is text": ("seal", "encoding_version", b"1"),
    "core_sha256 is short": ("seal", "core_sha256", b"0"),
    "outcome is none": ("status", "outcome", b"fine\x1b[2J"),
    "seconds is text": ("status", "seconds", b"1"),
    "started is no time": ("status", "started", b"yesterday"),
    "num_circuits is text": ("config", "num_circuits", b"1"),
    "num_circuits is negative": ("config", "num_circuits", -(2**62)),
    "circuit_names are numbers": ("config", "circuit_names", b"[1, 2]"),
    "options is a list": ("config", "options_json", b"[1, 2]"),
    "tags are a mapping": ("labels", "tags", b'{"a": 1}'),
    "history is short": ("labels", "history", b'[["2026"]]'),
    "history is no time": ("labels", "history", b'[["x", "y", "z"]]'),
    "history of numbers": ("labels", "history", b"[[1, 2, 3]]"),
    "notes is a number": ("labels", "notes", 1.5),
}
TEXT_ONLY = ("started is no time", "history is short", "history is no time")
"""Fields that are shown, and that nothing computes with."""
for _name, (_group, _field, _value) in FIELDS.items():

    def _change(one: Hostile, group: str = _group, field: str = _field, value: object = _value) -> None:
        with one.edit(seal=field != "core_sha256") as file:
            node = file[run_path("bell")]
            node = node[group] if group else node
            if isinstance(value, bytes):
                set_text(node, field, value)
            else:
                set_attribute(node, field, value)

    if _name in TEXT_ONLY:
        add("documents", _name, _change, "limited")
    elif _name == "encoding_version is huge":  # `verify` notes that a later version may read the run
        add("documents", _name, _change, "limited", refuses=("show", "values"))
    else:
        add("documents", _name, _change, "finding", "bell")


def _root(field: str, value: object) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            if value is None:
                del file.attrs[field]
            elif isinstance(value, bytes):
                set_text(file, field, value)
            else:
                set_attribute(file, field, value)

    return act


_all = ("ls", "verify", "show")
for _field, _value in {"format": b"other", "format_version": 99}.items():
    add("documents", f"{_field} is another", _root(_field, _value), "refused", "stranger.h5", refuses=_all)
    add("documents", f"no {_field}", _root(_field, None), "refused", "stranger.h5", refuses=_all)
for _name, _draft in {"missing": None, "huge": 2**62, "text": b"2", "negative": -2}.items():
    _case = _root("format_draft", _draft)
    add("documents", f"format_draft is {_name}", _case, "refused", "stranger.h5", refuses=_all)
add("documents", "format_version is text", _root("format_version", b"1"), "refused", "stranger.h5", refuses=_all)
add("documents", "format_version is negative", _root("format_version", -1), "refused", "stranger.h5")
add("documents", "project_uuid with a path", _root("project_uuid", b"../../etc"), "limited")
add("documents", "project_uuid is a number", _root("project_uuid", 1), "refused", "stranger.h5")
add("documents", "generation is huge", _root("generation", 2**63 - 1), "limited")
add("documents", "generation is text", _root("generation", b"1"), "refused", "stranger.h5")
add("documents", "created is no time, root", _root("created", b"\x1b[2J"), "limited")


def _as_rows(rows: np.ndarray) -> Callable[[Hostile], None]:
    """A result whose rows are small in the file."""

    def act(one: Hostile) -> None:
        with one.edit() as file:
            put_array(file[run_path("bell")], "result", rows)

    return act


ROWS: dict[str, np.ndarray] = {
    "20,000,000 rows of one bracket": np.full(20_000_000, b"[", "S1"),
    "20,000,000 empty rows": np.zeros(20_000_000, "S1"),
    "rows that are cut within a character": np.array([b'{"fields":{"a":"\xc3', b'\xa4"}}'], "S18"),
    "rows of 20,000,000 values": np.array([b"[0", *[b",0"] * 20_000_000, b"]"], "S2"),
    "one row of 20,000,000 bytes": np.array([b"[0" + b",0" * 10_000_000 + b"]"]),
}
for _name, _rows in ROWS.items():
    add("documents", _name, _as_rows(_rows), "limited", refuses=("values",))

PAGES: dict[str, np.ndarray | None] = {
    "of escapes": np.array([b"\x1b[2J" * 20, b"\xe2\x80\xae"]),
    "of numbers": np.arange(2000),
    "of 20,000,000 lines": np.full(20_000_000, b"x", "S1"),
    "that is a group": None,
}


def _page(name: str, rows: np.ndarray | None) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            if rows is None:
                del file[name]
                file.create_group(name).create_group("deep")
            else:
                group, _, last = name.rpartition("/")
                put_array(file[group or "/"], last, rows)

    return act


for _name, _rows in PAGES.items():
    for _page_name in ("README", "format/layout.md"):
        add("documents", f"{_page_name} {_name}", _page(_page_name, _rows), "limited")


def _format_is_a_run(one: Hostile) -> None:
    with one.edit(seal=False) as file:
        del file["format"]
        file["format"] = file[run_path("bell")]


add("documents", "format that is a run", _format_is_a_run, "limited")


def _counts_document(one: Hostile) -> None:
    """More experiments than there are circuits, each with the same million counts."""
    with one.edit() as file:
        run = file[run_path("bell")]
        tree = json.loads(run["result"][...].tobytes().replace(b"\0", b""))
        tree["experiments"] = tree["experiments"] * 20_000
        put_text(run, "result", json.dumps(tree, separators=(",", ":")).encode()[:20_000_000])


add("documents", "20,000 experiments", _counts_document, "limited")
