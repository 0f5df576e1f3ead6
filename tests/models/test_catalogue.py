"""Rows of the catalogue: what fits, what is cut and says so, and what was damaged."""

from __future__ import annotations

import binascii
import datetime
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.models.catalogue import (
    DTYPE,
    TEXT_COLUMNS,
    _are_params,
    damaged_rows,
    differing_columns,
    is_cut,
    make_row,
    row_seed,
    row_text,
    seal_row,
)
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.text import encode_text
from aerchive.times import from_microseconds, to_microseconds

CREATED = "2026-11-22T21:30:45.123456Z"


def record(
    config: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    job_id: str = "job",
) -> RunRecord:
    return RunRecord(
        job_id=job_id,
        run_uuid="u",
        created=CREATED,
        config=RunConfig(**(config or {})),
        status=RunStatus(**({"outcome": "ok"} | (status or {}))),
        labels=RunLabels(**(labels or {})),
    )


def test_layout_of_a_row() -> None:
    assert DTYPE.itemsize == 592
    assert (DTYPE.names or ())[:6] == ("name", "created", "outcome", "num_qubits", "shots", "num_circuits")
    offsets = [DTYPE.fields[name][1] for name in DTYPE.names]
    sizes = [DTYPE.fields[name][0].itemsize for name in DTYPE.names]
    assert offsets == [sum(sizes[:i]) for i in range(len(sizes))]
    assert DTYPE.names[-2:] == ("overflow", "crc32")
    assert all(DTYPE.fields[name][0].str[0] in "<|" for name in DTYPE.names)


def test_a_full_row() -> None:
    row = make_row(
        record(
            config={
                "program": "sampler",
                "backend_name": "aer_simulator",
                "num_circuits": 3,
                "num_qubits": 20,
                "num_clbits": 21,
                "circuit_facts": [{"depth": 3, "size": 5, "ops": {"h": 5}}, {"depth": 2, "size": 9, "ops": {"x": 9}}],
                "options": {"shots": 7, "method": "automatic", "noise_model": True},
                "used": {"shots": 8, "method": "statevector", "precision": "double", "seed_simulator": 42},
            },
            status={"outcome": "partial", "message": "  one failed\n", "seconds": 1.5, "num_points": 3},
            labels={"name": "vqe", "tags": ["a", "b"], "params": {"d": 0.7}},
        ),
        "2026-11-22/x",
        1234,
    )[0]

    texts = {column: row_text(row, column) for column in TEXT_COLUMNS}
    assert texts == {
        "job_id": "job",
        "path": "2026-11-22/x",
        "name": "vqe",
        "backend": "aer_simulator",
        "method": "statevector",
        "precision": "double",
        "outcome": "partial",
        "program": "sampler",
        "parent": "",
        "tags": '["a", "b"]',
        "params": '{"d": 0.7}',
        "message": "one failed",
    }
    numbers = {name: row[name].item() for name in DTYPE.names if name not in (*TEXT_COLUMNS, "crc32")}
    assert numbers == {
        "created": b"2026-11-22 21:30:45",
        "created_us": 1_795_383_045_123_456,
        "shots": 8,
        "seed": 42,
        "nbytes": 1234,
        "num_circuits": 3,
        "num_qubits": 20,
        "num_clbits": 21,
        "num_points": 3,
        "circuit_depth": 3,
        "circuit_size": 9,
        "seconds": 1.5,
        "noisy": 1,
        "seeded": 1,
        "deleted": 0,
        "overflow": 0,
    }


def test_an_empty_row() -> None:
    row = make_row(record(), "x", 0)[0]

    assert [row[name].item() for name in ("shots", "seed", "num_circuits", "num_qubits", "num_clbits")] == [-1] * 5
    assert math.isnan(row["seconds"])
    assert row["noisy"] == 0
    assert row_text(row, "tags") == row_text(row, "params") == row_text(row, "message") == ""


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (2**63, -(2**63)),
        (2**64 - 2, -2),
        (2**64 - 1, -1),
        (np.uint64(5), 5),
        (np.int32(5), 5),
        (True, -1),
        ("5", -1),
        (5.0, -1),
        (None, -1),
    ],
)
def test_a_seed_is_the_two_s_complement_of_64_bits(value: Any, stored: int) -> None:
    row = make_row(record(config={"used": {"seed_simulator": value}}), "x", 0)[0]
    absent = isinstance(value, bool) or not isinstance(value, int | np.integer)

    assert row["seed"] == stored
    assert row["seeded"] == (not absent)
    assert row_seed(row) == (None if absent else value)


# Neither outcomes nor parents are ever longer than their columns.
LONG_TEXTS: dict[str, Callable[[str], tuple[RunRecord, str]]] = {
    "job_id": lambda text: (record(job_id=text), "x"),
    "path": lambda text: (record(), text),
    "name": lambda text: (record(labels={"name": text}), "x"),
    "backend": lambda text: (record(config={"backend_name": text}), "x"),
    "method": lambda text: (record(config={"used": {"method": text}}), "x"),
    "precision": lambda text: (record(config={"used": {"precision": text}}), "x"),
    "program": lambda text: (record(config={"program": text}), "x"),
    "tags": lambda text: (record(labels={"tags": [text[4:]]}), "x"),
    "params": lambda text: (record(labels={"params": {"a": text[9:]}}), "x"),
    "message": lambda text: (record(status={"message": text}), "x"),
}


@pytest.mark.parametrize("column", list(LONG_TEXTS))
@pytest.mark.parametrize("beyond", [0, 1])
def test_overflow_marks_the_column_that_was_cut_and_no_other(column: str, beyond: int) -> None:
    width = TEXT_COLUMNS[column] + beyond
    row = make_row(*LONG_TEXTS[column]("t" * width), 0)[0]

    assert [name for name in TEXT_COLUMNS if is_cut(row, name)] == [column] * beyond
    assert int(row["overflow"]) == beyond << list(TEXT_COLUMNS).index(column)
    assert len(row_text(row, column)) == TEXT_COLUMNS[column]


@given(st.text(st.sampled_from("\\0u\0é€😀a\ud800"), min_size=1, max_size=60))
@settings(max_examples=200)
def test_cut_text_is_the_beginning_of_the_whole(name: str) -> None:
    row = make_row(record(labels={"name": name}), "x", 0)[0]
    shown = row_text(row, "name")

    assert name.replace("\0", "?").replace("\ud800", "?").startswith(shown) or shown == name
    assert is_cut(row, "name") == (shown != name) == (len(encode_text(name)) > 32)


def test_tags_and_params_are_plain_json() -> None:
    row = make_row(record(labels={"tags": ["é"], "params": {"a": np.float64(0.5), "b": (1, 2), "c": None}}), "x", 0)[0]

    assert json.loads(row_text(row, "tags")) == ["é"]
    assert json.loads(row_text(row, "params")) == {"a": 0.5, "b": "(1, 2)", "c": None}


@pytest.mark.parametrize(("value", "exact"), [(1, True), ("a", True), (None, True), ((1, 2), False), ([1], False)])
def test_a_parameter_that_is_not_exact_says_so(value: Any, exact: bool) -> None:
    assert is_cut(make_row(record(labels={"params": {"a": value}}), "x", 0)[0], "params") is not exact


def sealed(number: int) -> np.ndarray:
    rows = [seal_row(make_row(record(job_id=f"job {i}"), f"x{i}", i), i) for i in range(number)]
    return np.concatenate(rows)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('{"a": 1, "b": "x, y", "long": "' + "z" * 90 + '"}', True),
        ('{"b": "x, y", "long": "' + "z" * 90 + '", "a": 1}', True),
        ('{"b": "x, y", "long": "zz', True),  # cut
        ('{"b": "x, y", ', True),
        ('{"b": "x, y"', True),
        ('{"b": "x, y"}', False),
        ('{"b": "x, z", "a', False),
        ('{"c": 1, "a', False),
        ('{"a": 1, "b": "x, y", "long": "' + "z" * 90 + '"}}', False),
        ("", False),
        ("[1]", False),
    ],
)
def test_parameters_of_a_row_may_be_in_any_order(text: str, same: bool) -> None:
    params = {"long": "z" * 90, "a": 1, "b": "x, y"}
    fresh = make_row(record(labels={"params": params}), "x", 0)[0]
    stored = fresh.copy()
    stored["params"] = text.encode()

    assert _are_params(text, params) is same
    assert differing_columns(fresh, fresh, params) == []
    if len(text) <= 128:
        assert differing_columns(stored, fresh, params) == ([] if same else ["params"])


def test_checksum_is_that_of_the_format() -> None:
    row = sealed(1)
    data = (0).to_bytes(8, "little") + row.tobytes()[:588]

    assert int(row["crc32"][0]) == binascii.crc32(data)


def test_rows_in_their_places_are_sound() -> None:
    rows = sealed(5)

    assert damaged_rows(rows, 0) == []
    assert damaged_rows(rows[2:4], 2) == []


def test_a_row_in_another_s_place_is_damaged() -> None:
    rows = sealed(5)

    assert damaged_rows(rows, 1) == [1, 2, 3, 4, 5]
    assert damaged_rows(rows[[0, 2, 1, 3, 4]], 0) == [1, 2]


def test_any_flipped_byte_is_noticed() -> None:
    rows = sealed(3)
    data = rows.tobytes()

    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        assert damaged_rows(np.frombuffer(bytes(damaged), DTYPE), 0) == [at // 592], f"byte {at}"


@given(st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 31)))
def test_times_come_back_to_the_microsecond(moment: datetime.datetime) -> None:
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    assert from_microseconds(to_microseconds(text)) == text
