"""Rows of the catalogue that say something else than their runs, with right checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, change_row, run_path

BELL = run_path("bell").removeprefix("runs/").encode()
LAST = run_path("last").removeprefix("runs/").encode()

COLUMNS: dict[str, dict[str, Any]] = {
    "nbytes": {"nbytes": 10**15},
    "negative nbytes": {"nbytes": -(2**62)},
    "path with dots": {"path": b"../" + run_path("bell").encode()},
    "path of many dots": {"path": b"../../../../etc/passwd"},
    "path to deleted": {"path": b"../deleted/runs-2026-11-22-213010_gone_2q_gone"},
    "path to objects": {"path": b"../objects/circuits"},
    "absolute path": {"path": b"/" + run_path("bell").encode()},
    "absolute path of a file": {"path": b"/etc/passwd"},
    "path of a part": {"path": BELL[:60] + b"/config"},
    "path with a dot": {"path": b"./" + BELL},
    "path with slashes": {"path": BELL.replace(b"/", b"//")},
    "path of a folder": {"path": BELL.partition(b"/")[0]},
    "empty path": {"path": b""},
    "path is no UTF-8": {"path": b"\xff\xfe"},
    "path with NUL": {"path": BELL[:12] + b"\0" + BELL[12:]},
    "path with escapes": {"path": b"\x1b[2J\xe2\x80\xae"},
    "path of another run": {"path": LAST},
    "job_id is no UTF-8": {"job_id": b"\xff"},
    "job_id with escapes": {"job_id": b"\x1b[2J\xe2\x80\xae\n"},
    "job_id of another run": {"job_id": b"last"},
    "job_id is empty": {"job_id": b""},
    "job_id is a formula": {"job_id": b"=HYPERLINK(1)"},
    "name is forged": {"name": b"forged"},
    "name is a formula": {"name": b'=cmd|"/C calc"!A0'},
    "name begins with a tab": {"name": b"\t=1+1"},
    "name with an undefined escape": {"name": rb"\x"},
    "backend begins with a minus": {"backend": b"-2+3"},
    "backend begins with at": {"backend": b"@SUM(1)"},
    "outcome is none": {"outcome": b"fine"},
    "outcome with escapes": {"outcome": b"\x1b[2J"},
    "time far ahead": {"created_us": 2**62},
    "time far back": {"created_us": -(2**62)},
    "infinite seconds": {"seconds": np.inf},
    "negative shots": {"shots": -5},
    "many shots": {"shots": 2**63 - 1},
    "many qubits": {"num_qubits": 2**31 - 1},
    "noisy is 7": {"noisy": 7},
    "seeded is 9": {"seeded": 9},
    "all bits of overflow": {"overflow": 2**32 - 1},
    "deleted": {"deleted": 1},
    "deleted twice": {"deleted": 2},
    "tags are no JSON": {"tags": b"[["},
    "tags are deep": {"tags": b"[" * 48},
    "tags are a mapping": {"tags": b'{"a":1}'},
    "tags are numbers": {"tags": b"[1,null]"},
    "params are no JSON": {"params": b"{{"},
    "params are a list": {"params": b"[1]"},
    "params are NaN": {"params": b'{"x":NaN}'},
    "params with a formula": {"params": b'{"=1+1":"=1+1"}'},
    "message with escapes": {"message": b"\x1b[2J\r\xe2\x80\xa8"},
}


def _changed(columns: dict[str, Any]) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            change_row(file, "bell", **columns)

    return act


for _name, _columns in COLUMNS.items():
    add("rows", _name, _changed(_columns), "finding", "catalogue")


def _wrong_sum(one: Hostile) -> None:
    with one.edit() as file:
        row = file["catalogue"][0]
        row["name"] = b"forged"
        file["catalogue"][0] = row


def _all_zero(one: Hostile) -> None:
    with one.edit() as file:
        file["catalogue"][0] = np.zeros((), file["catalogue"].dtype)


def _shorter(one: Hostile) -> None:
    with one.edit() as file:
        file["catalogue"].resize((3,))


def _no_row(one: Hostile) -> None:
    with one.edit() as file:
        file["catalogue"].resize((0,))


def _changes(rows: Any) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            table = file["catalogue.changes"]
            entry = table[0]
            entry["row"] = rows
            table[0] = entry

    return act


def _without(name: str) -> Callable[[Hostile], None]:
    def act(one: Hostile) -> None:
        with one.edit() as file:
            del file[name]

    return act


add("rows", "wrong checksum", _wrong_sum, "finding", "row 0")
add("rows", "zeros", _all_zero, "finding", "row 0")
add("rows", "rows left out", _shorter, "finding", "is not in the catalogue")
add("rows", "no rows", _no_row, "finding", "is not in the catalogue")
add("rows", "no catalogue", _without("catalogue"), "refused", "catalogue", refuses=("ls",))
add("rows", "no runs", _without("runs"), "refused", "runs")
add("rows", "changes of a negative row", _changes(-1), "finding", "catalogue.changes")
add("rows", "changes of a row that is not", _changes(2**62), "finding", "catalogue.changes")
add("rows", "a run without config", _without(run_path("bell") + "/config"), "finding", "bell", refuses=("show",))
add("rows", "a run without status", _without(run_path("bell") + "/status"), "finding", "bell", refuses=("show",))
add("rows", "a run without provenance", _without(run_path("bell") + "/provenance"), "limited")  # as lost runs are
add("rows", "a run that is not there", _without(run_path("bell")), "finding", "bell", refuses=("show",))
