"""Runs side by side: what is the same for all, a table of what differs, and saved numbers over a parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from aerchive.display.html import Markup, element, facts, join, mark, table
from aerchive.display.text import cut
from aerchive.models import catalogue
from aerchive.models.cells import PARAMS, SAVED
from aerchive.models.shown import own_names
from aerchive.text import shown
from aerchive.view.report_run import ReportRun
from aerchive.view.svg_plot import curve_svg

_MOST_COLUMNS = 10
"""The greatest number of columns of what differs; a page of paper has no room for more."""
_MOST_SAME = 30
_MOST_CURVES = 4
_LEAST_POINTS = 3
_LETTERS = 40
_OUTCOME = "most frequent"


def comparison(runs: Sequence[ReportRun]) -> Markup:
    """Compares runs.

    Args:
        runs: The runs, in the order of their sections.
    """
    columns = _columns([dict(_values(run)) for run in runs])
    same = {name: values[0] for name, values in columns.items() if _is_same(values)}
    different = {name: values for name, values in columns.items() if name not in same}
    listed = [*different][:_MOST_COLUMNS]
    head = ("", "run", "outcome", *map(_shown_name, listed))
    cells = [[_text(value) for value in different[name]] for name in listed]
    rows = [
        (
            element("a", str(number), href=f"#run-{number}"),
            cut(run.title, _LETTERS),
            mark("not read" if run.record is None else run.record.status.outcome),
            *(column[number - 1] for column in cells),
        )
        for number, run in enumerate(runs, 1)
    ]
    right = [at for at, name in enumerate(listed, 3) if all(map(_is_number, different[name]))]
    left = len(different) - len(listed)
    rest = cut(", ".join(map(_shown_name, [*different][_MOST_COLUMNS:])), 80)
    note = element("p", f"{left:,} more things differ and are not shown here: {rest}", class_="faint")
    alike = [(_shown_name(name), _text(value)) for name, value in [*same.items()][:_MOST_SAME] if value is not None]
    return element(
        "section",
        element("h3", "Comparison"),
        table(head, rows, right),
        note if left > 0 else "",
        *_curves(different),
        join(element("h3", "The same for all"), facts(alike)) if alike else "",
    )


def _values(one: ReportRun) -> Iterator[tuple[str, Any]]:
    """The parameters of a run, what ran, and its key numbers, by name."""
    record = one.record
    if record is None:
        return
    row, names = one.run.row(), [name for name in own_names(record.config.circuit_names) if name]
    yield from ((f"{PARAMS}{name}", value) for name, value in record.labels.params.items())
    saved = (record.status.saved or {}).items()
    yield from ((f"{SAVED}{name}", value) for name, value in saved if value is not None)
    counts = record.status.counts
    if counts:
        shots, most = sum(counts.values()), max(counts, key=lambda outcome: counts[outcome])
        yield _OUTCOME, f"{most} ({counts[most] / shots:.1%})" if shots else most
    yield "circuit", names[0] if names else None
    yield "qubits", _number(row, "num_qubits")
    yield "depth", _number(row, "circuit_depth")
    yield "method", catalogue.row_text(row, "method") or None
    yield "noise model", "yes" if "noise_model" in record.config.options else "no"
    yield "shots", _number(row, "shots")
    yield "seed", record.config.used.get("seed_simulator")
    yield "seconds", None if record.status.seconds is None else float(f"{record.status.seconds:.3g}")


def _number(row: Any, column: str) -> int | None:
    return None if row[column] == -1 else int(row[column])


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    groups = {PARAMS: 0, SAVED: 1}
    names = dict.fromkeys(name for row in rows for name in row)
    names = dict.fromkeys(sorted(names, key=lambda name: groups.get(f"{name.partition('.')[0]}.", 2)))
    return {name: [row.get(name) for row in rows] for name in names}


def _is_same(values: Sequence[Any]) -> bool:
    return len(set(map(_text, values))) == 1


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.8g}"
    return cut(value if isinstance(value, str) else shown(value), _LETTERS)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _curves(different: dict[str, list[Any]]) -> list[Markup]:
    """Saved numbers over the first parameter that differs and is a number, as dots if other parameters differ too."""
    params = [name for name in different if name.startswith(PARAMS)]
    over = next((name for name in params if _points(different[name], different[name])), None)
    if over is None:
        return []
    made = []
    for name in [name for name in different if name.startswith(SAVED)][:_MOST_CURVES]:
        points = _points(different[over], different[name])
        if points:
            places, heights = zip(*points, strict=True)
            made.append(curve_svg(places, heights, _shown_name(over), _shown_name(name), is_line=len(params) == 1))
    return made


def _points(places: Sequence[Any], values: Sequence[Any]) -> list[tuple[float, float]]:
    """The pairs of numbers in ascending order; empty if they are too few to be drawn, or if they are no numbers."""
    if not all(map(_is_number, [*places, *values])):
        return []
    pairs = ((x, y) for x, y in zip(places, values, strict=True) if x is not None and y is not None)
    points = sorted((float(x), float(y)) for x, y in pairs if math.isfinite(x) and math.isfinite(y))
    return points if len({x for x, _ in points}) >= _LEAST_POINTS else []


def _shown_name(name: str) -> str:
    return cut(name.removeprefix(PARAMS).removeprefix(SAVED), _LETTERS)
