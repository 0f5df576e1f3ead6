"""Texts that move the cursor, turn the direction of writing, end a line of a program, or begin a formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, change_row, object_path, rename_object, run_path, set_text

ESCAPES = "\x1b]0;title\x07\x1b[2J\u202e\u2066\u2028\u200b\r"
CODE = "x\"\"\"\n'''\nimport os; os._exit(3)\n#\\"
LINE_END = "x\nimport forged\nforged.run()  # "
FORMULA = '=cmd|"/C calc"!A0'
TEXTS = {"escapes": ESCAPES, "code": CODE, "a line end and code": LINE_END, "a formula": FORMULA}

FIELDS = {
    "run": ("job_id",),
    "config": ("backend_name", "backend_version", "backend_class", "parent", "program"),
    "status": ("message", "error_type", "traceback"),
    "labels": ("name", "notes"),
    "provenance": ("python", "qiskit", "qiskit_aer", "host", "platform", "script", "git_commit", "aerchive"),
}


def _set(file: h5py.File, group: str, field: str, text: str) -> None:
    run = file[run_path("bell")]
    set_text(run if group == "run" else run[group], field, text)
    if group == "provenance":
        rename_object(file, object_path(file, "bell", "provenance"))
    row: dict[str, Any] = {"backend_name": "backend", "message": "message", "name": "name", "job_id": "job_id"}
    if field in row:
        width = file["catalogue"].dtype[row[field]].itemsize
        change_row(file, "bell", **{row[field]: text.encode()[:width]})


def _one(group: str, field: str, text: str) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            _set(file, group, field, text)

    return act


def _all(text: str) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            for group, fields in FIELDS.items():
                for field in fields:
                    if field not in ("job_id", "program"):
                        _set(file, group, field, text)
            set_text(file[run_path("bell")]["config"], "circuit_names", _json([text]))
            set_text(file[run_path("bell")]["config"], "options.method", text)
            set_text(file[run_path("bell")]["labels"], "tags", _json([text, text]))
            set_text(file[run_path("bell")]["labels"], "params.evil", text)
            set_text(file[run_path("bell")]["labels"], "history", _json([["2026-11-22T12:30:00.000000Z", text, text]]))

    return act


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


for _name, _text in TEXTS.items():
    add("texts", f"{_name}, everywhere", _all(_text), "limited", jobs=("bell", "last"), reruns=True)
    for _group, _fields in FIELDS.items():
        for _field in _fields:
            if _field not in ("job_id", "qiskit", "backend_name", "name", "traceback", "python"):
                continue
            _jobs = (_text, "last") if _field == "job_id" else ("bell",)
            add("texts", f"{_name}, {_field}", _one(_group, _field, _text), "limited", jobs=_jobs)
