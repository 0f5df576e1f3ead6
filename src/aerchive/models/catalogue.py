"""The catalogue: one flat row for each run, so that runs are found without opening them."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.models.base import as_stored
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.row_checksums import row_crc, wrong_rows
from aerchive.text import decode_text, fit_text, json_text, shown
from aerchive.times import to_microseconds


class Column(NamedTuple):
    """The description of one column of the catalogue.

    Attributes:
        name: The name of the column.
        dtype: The dtype of an element on disk, in the notation of NumPy. A text has its width in bytes.
        kind: The kind of the values: ``text``; ``texts``, a list of texts as JSON; ``params``, a dictionary as JSON;
            ``integer`` and ``unsigned``, with -1 for a missing value; ``real``, with NaN for a missing value;
            ``truth``; ``time``, in microseconds since 1970; or ``own``, for columns of the catalogue itself, such as
            ``created``, the time for people.
        value: A function that returns the whole value of a run from its documents. ``None``: the documents do not
            contain this value.
    """

    name: str
    dtype: str
    kind: Literal["text", "texts", "params", "integer", "unsigned", "real", "truth", "time", "own"]
    value: Callable[[RunRecord], Any] | None = None


def _used(name: str) -> Callable[[RunRecord], Any]:
    """Makes a function that returns an option as Aer used it, or, if Aer reports none, as it was set."""
    return lambda record: record.config.used.get(name, record.config.options.get(name))


def _greatest(record: RunRecord, name: str) -> int | None:
    """Returns the greatest number of this name among the circuits of a run."""
    return max((fact[name] for fact in record.config.circuit_facts or [] if name in fact), default=None)


COLUMNS = (
    Column("name", "S32", "text", lambda record: record.labels.name),
    Column("created", "S19", "own", lambda record: record.created[:19].replace("T", " ")),
    Column("outcome", "S10", "text", lambda record: record.status.outcome),
    Column("num_qubits", "<i4", "integer", lambda record: record.config.num_qubits),
    Column("shots", "<i8", "integer", _used("shots")),
    Column("num_circuits", "<i4", "integer", lambda record: record.config.num_circuits),
    Column("method", "S24", "text", _used("method")),
    Column("tags", "S48", "texts", lambda record: record.labels.tags or []),
    Column("params", "S128", "params", lambda record: record.labels.params),
    Column("backend", "S32", "text", lambda record: record.config.backend_name),
    Column("precision", "S8", "text", _used("precision")),
    Column("noisy", "u1", "truth", lambda record: "noise_model" in record.config.options),
    Column("seconds", "<f8", "real", lambda record: record.status.seconds),
    Column("message", "S48", "text", lambda record: (record.status.message or "").strip()),
    Column("program", "S16", "text", lambda record: record.config.program),
    Column("job_id", "S40", "text", lambda record: record.job_id),
    Column("parent", "S40", "text", lambda record: record.config.parent),
    Column("path", "S72", "text"),
    Column("num_points", "<i4", "integer", lambda record: record.status.num_points),
    Column("circuit_depth", "<i4", "integer", lambda record: _greatest(record, "depth")),
    Column("circuit_size", "<i4", "integer", lambda record: _greatest(record, "size")),
    Column("num_clbits", "<i4", "integer", lambda record: record.config.num_clbits),
    Column("seed", "<i8", "unsigned", _used("seed_simulator")),
    Column("seeded", "u1", "own", lambda record: _is_integer(_used("seed_simulator")(record))),
    Column("nbytes", "<i8", "integer"),
    Column("created_us", "<i8", "time", lambda record: to_microseconds(record.created)),
    Column("deleted", "u1", "own"),
    Column("overflow", "<u4", "own"),
    Column("crc32", "<u4", "own"),
)
"""The columns in the order on disk: first what people look for, so that viewers show it first."""

COLUMN = {column.name: column for column in COLUMNS}
"""The columns by name."""

IN_TABLES = (
    *("job_id", "created", "outcome", "name", "tags", "params", "program", "parent", "backend", "method", "precision"),
    *("num_circuits", "num_points", "num_qubits", "num_clbits", "circuit_depth", "circuit_size"),
    *("shots", "seed", "noisy", "seconds", "nbytes", "message"),
)
"""The values of a run that tables show, in order. ``created`` is the column ``created_us``."""

COLUMNS_OF = {"created": ("created_us",), "seed": ("seed", "seeded")}
"""The columns from which a value in tables is made, if these are not one column of its name."""

TEXT_COLUMNS = {column.name: int(column.dtype[1:]) for column in COLUMNS if column.kind in ("text", "texts", "params")}
"""The text columns and their widths in bytes."""

NUMBERS = frozenset(column.name for column in COLUMNS if column.kind in ("integer", "unsigned", "real", "truth"))
"""The names of the columns with numbers or truth values."""

OVERFLOW = {name: 1 << bit for bit, name in enumerate(TEXT_COLUMNS)}
"""The bit of each text column that is set in ``overflow`` if the text did not fit into the column."""

CELLS_LEFT_OUT = 1 << 31
"""The bit of ``overflow`` that is set if the run has values for which there is no column beside the catalogue, besides
bound parameters."""
BOUND_LEFT_OUT = 1 << 30
"""The bit of ``overflow`` that is set if the run has bound parameters for which there is no column beside the
catalogue. Many circuits have more than columns take, and questions about other values must not open these runs."""
RECOMPUTED = 1 << 29
"""The bit of ``overflow`` that is set if the run does not store some of its arrays, but computes them again."""
LEFT_OUT = CELLS_LEFT_OUT | BOUND_LEFT_OUT

DTYPE = np.dtype([(column.name, column.dtype) for column in COLUMNS])
"""The dtype of a row on disk: packed, little-endian, 592 bytes."""

_MAX_PLAIN_BITS = 4096

CHECKED_BYTES = DTYPE.itemsize - 4
"""The number of bytes of a row without its checksum."""


def make_row(record: RunRecord, path: str, nbytes: int) -> NDArray[Any]:
    """Returns the row of a run, without its checksum.

    Args:
        record: The documents of the run.
        path: The path of the group of the run, below ``/runs``.
        nbytes: The size of the payload before compression, in bytes.

    Returns:
        The row, shape ``(1,)``, dtype `DTYPE`.
    """
    row = np.zeros(1, DTYPE)
    put_labels(row, record.labels)
    texts = {"path": path}
    for column in COLUMNS:
        value = None if column.value is None else column.value(record)
        if column.kind == "text" and column.name not in ("path", "name"):
            texts[column.name] = value if isinstance(value, str) else ""
        elif column.kind in ("integer", "unsigned"):
            row[column.name] = _integer(nbytes if column.name == "nbytes" else value, column.name)
        elif column.kind == "real":
            row[column.name] = math.nan if value is None else value
        elif value is not None and column.kind in ("truth", "time", "own"):
            row[column.name] = value
    _put_texts(row, texts)
    if record.is_recomputed:
        row["overflow"] |= RECOMPUTED
    return row


def put_labels(row: NDArray[Any], labels: RunLabels) -> None:
    """Sets the columns of a row that contain labels of the run. The checksum is not changed.

    Args:
        row: The row, shape ``(1,)``, dtype `DTYPE`.
        labels: The labels of the run.
    """
    params = {key: value if _is_plain(value) else as_stored(value) for key, value in labels.params.items()}
    texts = {
        "name": labels.name or "",
        "tags": json_text(labels.tags) if labels.tags else "",
        "params": _plain_json(params) if params else "",
    }
    _put_texts(row, texts)
    if not _are_plain(params):
        row["overflow"] |= OVERFLOW["params"]


def _put_texts(row: NDArray[Any], texts: Mapping[str, str]) -> None:
    overflow = int(row["overflow"][0])
    for name, text in texts.items():
        row[name], is_cut = fit_text(text, TEXT_COLUMNS[name])
        overflow = overflow & ~OVERFLOW[name] | is_cut * OVERFLOW[name]
    row["overflow"] = overflow


def seal_row(row: NDArray[Any], number: int) -> NDArray[Any]:
    """Sets the checksum of a row that will be row ``number`` of the catalogue, and returns the row."""
    row["crc32"] = row_crc(row.tobytes()[:CHECKED_BYTES], number)
    return row


def damaged_rows(rows: NDArray[Any], first: int) -> list[int]:
    """Returns the numbers of the rows whose checksum is wrong.

    Args:
        rows: Rows of the catalogue, shape ``(n,)``, dtype `DTYPE`, contiguous.
        first: The number of the first of these rows in the catalogue.
    """
    content = rows.view(np.uint8).reshape(len(rows), DTYPE.itemsize)
    return wrong_rows(content[:, :CHECKED_BYTES], rows["crc32"], first)


def row_text(row: Any, column: str) -> str:
    """Returns a text of a row. It is cut if the bit of the column is set in ``overflow``."""
    return column_text(bytes(row[column]), column)


def column_text(raw: bytes, column: str) -> str:
    """Returns the text that a text column has as bytes.

    Raises:
        FormatError: The bytes are not a text.
    """
    try:
        return decode_text(raw)
    except FormatError as error:
        raise FormatError(f"/catalogue: {column} of a row: {error}; 'aerchive verify' tells which row") from error


def is_cut(row: Any, column: str) -> bool:
    """Returns whether the text of a column was cut or is not exact."""
    return bool(int(row["overflow"]) & OVERFLOW[column])


def single_row(rows: NDArray[Any], number: int) -> np.void:
    """Returns a copy of one row, which does not keep the other rows in memory."""
    row: np.void = np.frombuffer(rows[number].tobytes(), DTYPE)[0]  # a copy field by field takes ten times as long
    return row


def is_recomputed(row: Any) -> bool:
    """Returns whether the run of a row does not store some of its arrays, but computes them again."""
    return bool(int(row["overflow"]) & RECOMPUTED)


def row_seed(row: Any) -> int | None:
    """Returns the seed of a row as an unsigned 64-bit number, or ``None`` if the run has no seed."""
    return int(row["seed"]) % 2**64 if row["seeded"] else None


def row_number(row: Any, column: str) -> int | float | None:
    """Returns a number of a row, or ``None`` if the run has no such number."""
    if column == "seed":
        return row_seed(row)
    value: int | float = row[column].item()
    return None if value == -1 or math.isnan(value) else value


def _is_integer(value: Any) -> bool:
    return type(value) is int or isinstance(value, np.integer)


def _are_plain(params: Mapping[str, Any]) -> bool:
    return all(map(_is_plain, params.values()))


def _is_plain(value: Any) -> bool:
    """Returns whether the catalogue has a value itself, and not its ``repr``."""
    if isinstance(value, enum.Enum | np.datetime64 | np.timedelta64):
        return False
    return isinstance(value, np.generic | str | float | None) or _is_short(value)


def _is_short(value: Any) -> bool:
    """Returns whether a value is an integer that Python converts to decimal text, which it refuses for long ones."""
    return isinstance(value, int) and value.bit_length() <= _MAX_PLAIN_BITS


def _integer(value: Any, column: str) -> int:
    """Returns an integer as a column has it, or -1 if it is none, or does not fit; large seeds become negative."""
    if not _is_integer(value):
        return -1
    value, bits = int(value), 8 * DTYPE[column].itemsize
    if COLUMN[column].kind == "unsigned" and 2 ** (bits - 1) <= value < 2**bits:
        value -= 2**bits
    return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else -1


def plain_params(params: Mapping[str, Any]) -> dict[str, str | int | float | bool | None]:
    """Returns parameters as the catalogue stores them. Values that are neither text nor numbers become a ``repr``."""
    return {key: _plain(value) for key, value in params.items()}


def _plain_json(params: Mapping[str, Any]) -> str:
    """Returns parameters as JSON, sorted by name, because the documents of a run keep no other order."""
    return json_text(plain_params(params), allow_nan=True, sort_keys=True)


def differing_columns(stored: np.void, fresh: np.void, params: Mapping[str, Any]) -> list[str]:
    """Returns the columns in which a row differs from its run. The order of parameters is ignored.

    Args:
        stored: The row in the catalogue.
        fresh: The row that `make_row` makes from the run.
        params: The parameters of the run.
    """
    if stored.tobytes()[:CHECKED_BYTES] == fresh.tobytes()[:CHECKED_BYTES]:
        return []
    fresh = fresh.copy()
    fresh["overflow"] |= stored["overflow"] & LEFT_OUT  # the columns beside the catalogue decide this
    names = [name for name in DTYPE.names or () if name != "crc32"]
    found = [name for name in names if stored[name].tobytes() != fresh[name].tobytes()]
    if "params" in found and _are_params(row_text(stored, "params"), params):
        found.remove("params")
    return found


def _are_params(text: str, params: Mapping[str, Any]) -> bool:
    """Returns whether a text is the JSON of parameters, in any order and perhaps cut."""
    left = [json_text({key: value})[1:-1] for key, value in plain_params(params).items()]
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
    if isinstance(value, np.generic) and _is_plain(value):
        value = value.item()
    if isinstance(value, int) and not _is_short(value):
        return hex(value)
    return value if isinstance(value, str | int | float | bool | None) else shown(value)
