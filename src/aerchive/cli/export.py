"""``aerchive export``: writes the catalogue, or the values that runs saved, as a table for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from numbers import Number
from typing import Any, TextIO

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command
from aerchive.cli.listing import print_nothing_found
from aerchive.cli.output import json_text, new_file, put
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError
from aerchive.interop.arrow import write_parquet
from aerchive.interop.columns import Column, Columns
from aerchive.times import from_microseconds

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FORMATS = ("csv", "json", "parquet")


@command(
    "export",
    "aerchive export vqe.h5 'tags contains vqe' --x distance --y energy -o e.csv",
    file_word="first",
)
@click.argument("condition", nargs=-1)
@click.option("--format", "kind", type=click.Choice(_FORMATS), help="By default as the file is named, else csv.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", metavar="FILE", help="A new file; by default standard output.")
@click.option("--values", is_flag=True, help="Saved numbers, a row a circuit or bind, not the catalogue.")
@click.option("--x", multiple=True, metavar="NAME", help="Columns of that table to come first.")
@click.option("--y", multiple=True, metavar="NAME", help="Columns that follow, as counts.00.")
def run(
    path: str | None,
    *,
    condition: tuple[str, ...],
    kind: str | None,
    as_json: bool,
    output: str | None,
    values: bool,
    x: tuple[str, ...],
    y: tuple[str, ...],
) -> int:
    """Writes the table."""
    where = " ".join(condition) or None
    suffix = (output or "").rpartition(".")[2]
    kind = kind or ("json" if as_json else suffix if suffix in _FORMATS else "csv")
    if kind == "parquet" and output is None:
        raise InvalidInputError("a Parquet file cannot be printed; name it with -o FILE")
    project = open_path(path, "r")
    columns = project.sweep(x, y, where=where) if values or x or y else project.columns(where)
    if not any(column.values for column in columns.values()) and not project.count(where):
        print_nothing_found(project, where, {}, to_errors=True)
    if output is None:
        text = io.StringIO()
        _write(columns, kind, text)
        put(text.getvalue(), end="")
        return 0
    with new_file(output) as file:
        if kind == "parquet":
            write_parquet(columns, output)
        else:
            _write(columns, kind, file)
    put(f"{output}: {len(columns['job_id' if 'job_id' in columns else next(iter(columns))].values)} rows")
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
