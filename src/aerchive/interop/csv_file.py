"""CSV files with the data of a figure; lines with ``#`` at the beginning have the origin, before the columns."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aerchive.interop.extras import import_extra
from aerchive.interop.plain_columns import JSON, from_json_texts, to_json_texts
from aerchive.interop.plain_frame import TEXT, TEXT_OR_MISSING, plain_frame

_FIRST = "# Data of a figure and its origin, by aerchive. Read it with aerchive.read_figure_data(path), or with\n"
_SECOND = '# pandas.read_csv(path, comment="#").\n'
_TYPES = "column_types"
"""The attribute with the type of each column, by name, in order."""
_FORMULA = re.compile(r"[=@\t\r]|[+-].*[^\w .]", re.DOTALL)
"""What spreadsheets may take for a formula: a text that begins so is stored as JSON, and a name after an apostrophe."""


def write(table: Any, path: Path, attrs: Mapping[str, Any]) -> None:
    """Writes a table; see `aerchive.interop.figure_file.write_figure`."""
    frame, types = plain_frame(table)
    for name, kind in types.items():
        if kind in (TEXT, TEXT_OR_MISSING) and any(map(_FORMULA.match, frame[name].dropna())):
            frame[name], types[name] = to_json_texts(frame[name].tolist()), JSON
    header = dict(attrs) | {_TYPES: json.dumps(types, ensure_ascii=False)}
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines([_FIRST, _SECOND])
        file.writelines(f"# {_key(name)}: {_line(value)}\n" for name, value in header.items())
        names = [f"'{name}" if _FORMULA.match(name) else name for name in frame.columns]
        frame.to_csv(file, header=names, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def read(path: Path) -> Any:
    """Reads a table; see `aerchive.interop.figure_file.read_figure_data`."""
    pandas = import_extra("pandas", "pandas")
    attrs: dict[str, Any] = {}
    with path.open(encoding="utf-8", newline="") as file:
        lines = file.readlines()
    header = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    for line in header:
        with contextlib.suppress(ValueError):  # another comment
            attrs |= _attribute(line[2:].rstrip("\r\n"))
    texts = pandas.read_csv(io.StringIO("".join(lines[len(header) :])), dtype=str, keep_default_na=False)
    types = json.loads(attrs.pop(_TYPES)) if _TYPES in attrs else dict.fromkeys(texts.columns, TEXT)
    texts.columns = list(types)
    columns = {name: _restored(pandas, texts[name].tolist(), kind) for name, kind in types.items()}
    frame = pandas.DataFrame(columns, index=texts.index)
    frame.attrs = attrs
    return frame


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _line(value: Any) -> str:
    """Returns an attribute as JSON in one line; a text that is itself a list or dictionary as JSON stays as it is."""
    is_json = isinstance(value, str) and value[:1] in ("[", "{") and value.isprintable()
    with contextlib.suppress(ValueError):
        if is_json and isinstance(json.loads(value), list | dict):
            return str(value)
    return json.dumps(value, ensure_ascii=False)


def _attribute(line: str) -> dict[str, Any]:
    """Returns the name and the value of an attribute from its line."""
    name, _, text = line.partition(": ")
    if line.startswith('"'):
        name, end = json.JSONDecoder().raw_decode(line)
        text = line[end + 2 :]
    value = json.loads(text)
    return {name: text if isinstance(value, list | dict) else value}


def _restored(pandas: Any, texts: list[str], kind: str) -> Any:
    """Returns a column with the type that it had."""
    if kind == JSON:
        return pandas.Series(from_json_texts(texts), dtype=object)
    if kind in (TEXT, TEXT_OR_MISSING):
        return pandas.Series([text or ("" if kind == TEXT else pandas.NA) for text in texts], dtype="string")
    if kind.startswith("datetime64"):
        times = pandas.to_datetime(pandas.Series(texts, dtype=object), format="ISO8601", utc=True).dt
        zone = kind.rstrip("]").partition(", ")[2] or None
        return (times.tz_convert(zone) if zone else times.tz_localize(None)).astype(kind)
    if kind in ("boolean", "bool"):
        return pandas.Series([None if not text else text == "True" for text in texts], dtype=kind)
    if kind.lower().startswith(("int", "uint")):
        return pandas.Series([None if not text else int(text) for text in texts], dtype=kind)
    return pandas.Series(np.array([float(text or "nan") for text in texts], np.float64)).astype(kind)
