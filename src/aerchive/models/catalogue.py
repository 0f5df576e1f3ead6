"""The catalogue: one flat row a run, so that finding runs opens none of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.models.labels import RunLabels
from aerchive.models.row_checksums import row_crc, wrong_rows
from aerchive.models.run import RunRecord
from aerchive.text import decode_text, fit_text
from aerchive.times import to_microseconds

TEXT_COLUMNS: dict[str, int] = {
    "job_id": 40,
    "path": 72,
    "name": 32,
    "backend": 32,
    "method": 24,
    "precision": 8,
    "outcome": 10,
    "program": 16,
    "parent": 40,
    "tags": 48,
    "params": 64,
    "message": 63,
}
"""Text columns and their width in bytes."""

OVERFLOW = {name: 1 << bit for bit, name in enumerate(TEXT_COLUMNS)}
"""Of each text column, what ``overflow`` has if the text did not fit."""

DTYPE = np.dtype(
    [(name, f"S{width}") for name, width in TEXT_COLUMNS.items()]
    + [(name, "<i8") for name in ("created_us", "shots", "seed", "nbytes")]
    + [(name, "<i4") for name in ("num_circuits", "num_qubits", "num_clbits")]
    + [("seconds", "<f8"), ("noisy", "u1"), ("seeded", "u1"), ("deleted", "u1"), ("overflow", "<u4"), ("crc32", "<u4")]
)
"""Of a row on disk; packed, little-endian, 512 bytes."""

CHECKED_BYTES = DTYPE.itemsize - 4
"""Of a row: all but its checksum."""


def make_row(record: RunRecord, path: str, nbytes: int) -> NDArray[Any]:
    """The row of a run, without its checksum.

    Args:
        record: The run's documents.
        path: Of its group, below ``/runs``.
        nbytes: Of its payload, before compression.

    Returns:
        Shape ``(1,)``, dtype `DTYPE`.
    """
    config, status = record.config, record.status
    used = {**config.options, **config.used}
    texts = {
        "job_id": record.job_id,
        "path": path,
        "backend": config.backend_name or "",
        "method": _text(used.get("method")),
        "precision": _text(used.get("precision")),
        "outcome": status.outcome,
        "program": config.program,
        "parent": config.parent or "",
        "message": (status.message or "").strip(),
    }
    row = np.zeros(1, DTYPE)
    _put_texts(row, texts)
    put_labels(row, record.labels)
    row["created_us"] = to_microseconds(record.created)
    row["shots"] = _integer(used.get("shots"))
    row["seed"] = _integer(used.get("seed_simulator"))
    row["seeded"] = _is_integer(used.get("seed_simulator"))
    row["nbytes"] = nbytes
    row["num_circuits"] = _integer(config.num_circuits)
    row["num_qubits"] = _integer(config.num_qubits)
    row["num_clbits"] = _integer(config.num_clbits)
    row["seconds"] = math.nan if status.seconds is None else status.seconds
    row["noisy"] = "noise_model" in config.options
    return row


def put_labels(row: NDArray[Any], labels: RunLabels) -> None:
    """Sets the columns of a row that say what the labels of its run are; not its checksum.

    Args:
        row: Shape ``(1,)``.
        labels: Of the run.
    """
    texts = {
        "name": labels.name or "",
        "tags": json.dumps(labels.tags) if labels.tags else "",
        "params": _plain_json(labels.params) if labels.params else "",
    }
    _put_texts(row, texts)
    if not _are_plain(labels.params):
        row["overflow"] |= OVERFLOW["params"]


def _put_texts(row: NDArray[Any], texts: Mapping[str, str]) -> None:
    overflow = int(row["overflow"][0])
    for name, text in texts.items():
        row[name], is_cut = fit_text(text, TEXT_COLUMNS[name])
        overflow = overflow & ~OVERFLOW[name] | is_cut * OVERFLOW[name]
    row["overflow"] = overflow


def seal_row(row: NDArray[Any], number: int) -> NDArray[Any]:
    """Sets the checksum of a row that will be row ``number`` of the catalogue; returns it."""
    row["crc32"] = row_crc(row.tobytes()[:CHECKED_BYTES], number)
    return row


def damaged_rows(rows: NDArray[Any], first: int) -> list[int]:
    """Numbers of the rows whose checksum is wrong.

    Args:
        rows: Rows of the catalogue, dtype `DTYPE`, contiguous.
        first: The number of the first one.
    """
    content = rows.view(np.uint8).reshape(len(rows), DTYPE.itemsize)
    return wrong_rows(content[:, :CHECKED_BYTES], rows["crc32"], first)


def row_text(row: Any, column: str) -> str:
    """A text of a row; cut if the row's bit in ``overflow`` is set."""
    return decode_text(bytes(row[column]))


def is_cut(row: Any, column: str) -> bool:
    """Whether the text of a column did not fit."""
    return bool(int(row["overflow"]) & OVERFLOW[column])


def single_row(rows: NDArray[Any], number: int) -> np.void:
    """A row by itself, which does not keep the others in memory."""
    row: np.void = np.frombuffer(rows[number].tobytes(), DTYPE)[0]  # copying field by field takes ten times as long
    return row


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def row_seed(row: Any) -> int | None:
    """The seed of a row: unsigned where Aer's was, or ``None`` without one."""
    return int(row["seed"]) % 2**64 if row["seeded"] else None


def row_number(row: Any, column: str) -> int | float | None:
    """A number of a row, or ``None`` where it has none."""
    if column == "seed":
        return row_seed(row)
    value: int | float = row[column].item()
    return None if value == -1 or math.isnan(value) else value


def _is_integer(value: Any) -> bool:
    return type(value) is int or isinstance(value, np.integer)


def _are_plain(params: Mapping[str, Any]) -> bool:
    return all(isinstance(value, np.generic | str | int | float | None) for value in params.values())


def _integer(value: Any) -> int:
    if not _is_integer(value):
        return -1
    value = int(value)
    if value >= 2**63:
        value -= 2**64
    return value if -(2**63) <= value < 2**63 else -1


def plain_params(params: Mapping[str, Any]) -> dict[str, str | int | float | bool | None]:
    """Parameters as the catalogue has them: what is neither text nor a number is described in words."""
    return {key: _plain(value) for key, value in params.items()}


def _plain_json(params: Mapping[str, Any]) -> str:
    """In order of name: the documents of a run do not keep another one."""
    return json.dumps(plain_params(params), allow_nan=True, sort_keys=True)


def differing_columns(stored: np.void, fresh: np.void, params: Mapping[str, Any]) -> list[str]:
    """The columns in which a row is not what its run says; the order of parameters does not matter.

    Args:
        stored: The row.
        fresh: The row that `make_row` makes of the run.
        params: Of the run.
    """
    if stored.tobytes()[:CHECKED_BYTES] == fresh.tobytes()[:CHECKED_BYTES]:
        return []
    names = [name for name in DTYPE.names or () if name != "crc32"]
    found = [name for name in names if stored[name].tobytes() != fresh[name].tobytes()]
    if "params" in found and _are_params(row_text(stored, "params"), params):
        found.remove("params")
    return found


def _are_params(text: str, params: Mapping[str, Any]) -> bool:
    """Whether a text is JSON of parameters, in any order and perhaps cut."""
    left = [json.dumps({key: value})[1:-1] for key, value in plain_params(params).items()]
    rest = text[1:]
    while left and rest and text.startswith("{"):
        for piece in left:
            ended = piece + (", " if len(left) > 1 else "}")
            if rest.startswith(ended) or ended.startswith(rest):
                left.remove(piece)
                rest = rest[len(ended) :]
                break
        else:
            return False
    return not rest and text.startswith("{")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
