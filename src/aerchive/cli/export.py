"""``aerchive export``: writes the catalogue, or the values that runs saved, as a table for other programs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
from numbers import Number
from typing import Any, TextIO

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import new_file
from aerchive.cli.listing import print_nothing_found
from aerchive.cli.output import json_text, put
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError
from aerchive.interop.arrow import write_parquet
from aerchive.interop.columns import Column, Columns
from aerchive.times import from_microseconds

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FORMATS = ("csv", "json", "parquet")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 export 'tags contains vqe' --x distance --y energy -o vqe.csv"
    parser.add_argument("condition", nargs="*", metavar="CONDITION", help="which runs, as for find; by default all")
    parser.add_argument("--format", choices=_FORMATS, help="by default as the file is named, else csv")
    parser.add_argument("-o", "--output", metavar="FILE", help="a new file; by default standard output")
    parser.add_argument(
        "--values", action="store_true", help="saved numbers, a row a circuit or bind, not the catalogue"
    )
    parser.add_argument("--x", action="append", default=[], metavar="NAME", help="columns of that table to come first")
    parser.add_argument("--y", action="append", default=[], metavar="NAME", help="columns that follow, as counts.00")


def run(options: argparse.Namespace) -> int:
    """Writes the table."""
    where = " ".join(options.condition) or None
    suffix = (options.output or "").rpartition(".")[2]
    kind = options.format or (suffix if suffix in _FORMATS else "csv")
    if kind == "parquet" and options.output is None:
        raise InvalidInputError("a Parquet file cannot be printed; name it with -o FILE")
    project = open_path(options.project, "r")
    is_sweep = options.values or options.x or options.y
    columns = project.sweep(options.x, options.y, where=where) if is_sweep else project.columns(where)
    if not any(column.values for column in columns.values()) and not project.count(where):
        print_nothing_found(project, where, {}, to_errors=True)
    if options.output is None:
        text = io.StringIO()
        _write(columns, kind, text)
        put(text.getvalue(), end="")
        return 0
    with new_file(options.output) as file:
        if kind == "parquet":
            write_parquet(columns, options.output)
        else:
            _write(columns, kind, file)
    put(f"{options.output}: {len(columns['job_id' if 'job_id' in columns else next(iter(columns))].values)} rows")
    return 0


def _write(columns: Columns, kind: str, file: TextIO) -> None:
    plain = {name: [_plain(column, value) for value in column.values] for name, column in columns.items()}
    rows = zip(*plain.values(), strict=True)
    if kind == "json":
        file.write(json_text([dict(zip(plain, row, strict=True)) for row in rows]) + "\n")
        return
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_text_cell, plain))
    for number, row in enumerate(rows):
        given = (column.values[number] for column in columns.values())
        writer.writerow(
            _text_cell(shown) if isinstance(shown, str | list) and not isinstance(value, Number) else shown
            for value, shown in zip(given, row, strict=True)
        )


def _text_cell(value: str | list[str]) -> str:
    """Returns a text as a cell of CSV: in one line, and never a formula.

    Spreadsheets run what begins as a formula does, so such a text gets an apostrophe in front.
    """
    text = json.dumps(value) if isinstance(value, list) else value
    return f"'{clean(text)}" if text.startswith(_FORMULA) else clean(text)


def _plain(column: Column, value: Any) -> Any:
    """Converts a value of a column to a value that JSON can represent."""
    if column.kind == "time":
        return from_microseconds(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if column.kind == "texts" else str(value)
