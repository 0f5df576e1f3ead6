"""``aerchive plot``: plots the counts, the state or the sweep of a run, or a value of many runs over another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from aerchive.aer.opening import open_path
from aerchive.cli.bars import PIPE_WIDTH, bars, has_blocks
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.listing import print_nothing_found
from aerchive.cli.output import is_terminal, put, put_json, put_report, terminal
from aerchive.cli.points import points
from aerchive.codecs.attachment import write_new
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.project.documents.plots import CURVES, PROBABILITY, SWEEP, Plot
from aerchive.project.documents.record import read_own_record
from aerchive.project.drawing.sketch import Matrix, Sketch, sketch_of
from aerchive.project.project import Project
from aerchive.project.run import Run

_MOST_ROWS = 32
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .+*#"
_SUFFIXES = (".png", ".svg", ".pdf")


@command(
    "plot",
    "aerchive plot vqe.h5 latest",
    "aerchive plot vqe.h5 -1 -o counts.svg",
    "aerchive plot vqe.h5 --x distance --y energy --where 'tags contains vqe'",
)
@job_argument(metavar="[JOB]", required=False)
@click.option("--x", metavar="NAME", help="With --y, instead of JOB: a parameter, as `table` and `export` name it.")
@click.option("--y", metavar="NAME", help="A number of the same runs: a saved value, counts.00, seconds, ...")
@click.option("--where", metavar="CONDITION", help="Which runs, with --x and --y; by default all.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Into a new file, as its suffix says: .png, .svg or .pdf (needs the extra plot); without it, in the terminal.",
)
@json_option("As JSON: the numbers of the plot.")
def run(
    path: str | None,
    *,
    job: str | None,
    x: str | None,
    y: str | None,
    where: str | None,
    output: str | None,
    as_json: bool,
) -> int:
    """Plots a run, or a value over another."""
    if output is not None and not output.lower().endswith(_SUFFIXES):
        raise InvalidInputError(f"{output}: the name of a plot ends with {', '.join(_SUFFIXES)}")
    if job is None:
        if x is None or y is None:
            raise InvalidInputError("which run? Name it (latest, -1, an id), or name two values with --x and --y")
        return _plot_values(open_path(path, "r"), (x, y), where, output, as_json=as_json)
    if not x is y is where is None:
        raise InvalidInputError(f"{job}: --x, --y and --where plot values of many runs; leave the run out")
    return _plot_run(open_path(path, "r")[job], output, as_json=as_json)


def _plot_values(
    project: Project, names: tuple[str, str], where: str | None, output: str | None, *, as_json: bool
) -> int:
    """Plots a value of many runs over another."""
    table = project.sweep(names[0], names[1], where=where)
    if not project.count(where):
        print_nothing_found(project, where, {}, to_errors=True)
        return 0
    pairs = zip(*(_numbers(name, table[name].values) for name in names), strict=True)
    found = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if not found:
        raise NotFoundError(f"no run has a number for both {names[0]} and {names[1]}")
    left = len(table[names[0]].values) - len(found)
    across, up = ([*values] for values in zip(*found, strict=True))
    note = f"{len(found):,} point{'s' * (len(found) != 1)}"
    note += f"; {left:,} without a finite number are left out" if left else ""
    if output is not None:
        plot = Plot(names[1], np.array(up), names[1], names[0], np.array(across), names[0])
        _write(Sketch(f"{clean(project.path.name)}: {note}", {SWEEP: plot}, None), output, as_json=as_json)
    elif as_json:
        put_json({"x": names[0], "y": names[1], "points": [list(pair) for pair in found]})
    else:
        width = terminal().width if is_terminal() else PIPE_WIDTH
        head = [f"  across: {clean(names[0])}", f"  up:     {clean(names[1])}; {note}", ""]
        put("\n".join([*head, *points(across, up, width)]))
    return 0


def _numbers(name: str, values: Sequence[Any]) -> list[float]:
    """The values of a column as numbers; NaN for none."""
    try:
        return [math.nan if one is None else float(one) for one in values]
    except (TypeError, ValueError):
        kinds = sorted({type(one).__name__ for one in values if one is not None})
        raise InvalidInputError(f"{name}: numbers are plotted, and it has values of type {', '.join(kinds)}") from None


def _plot_run(one: Run, output: str | None, *, as_json: bool) -> int:
    one.require_data()
    with one.place.open() as (_, group):
        sketch = sketch_of(group, read_own_record(group))
    plot = next((sketch.plots[name] for name in CURVES if name in sketch.plots), None)
    if plot is None and sketch.matrix is None:
        why = f": {sketch.message.strip()}" if (sketch.message or "").strip() and sketch.message else ""
        raise NotFoundError(f"run {one.job_id} has no counts, state, matrix or sweep to plot{why}")
    if output is not None:
        _write(sketch, output, as_json=as_json)
    elif as_json:
        put_json(_document(sketch, plot))
    else:
        width = terminal().width if is_terminal() else PIPE_WIDTH
        lines = _curve(plot, width) if plot is not None else _shaded(sketch.matrix, width) if sketch.matrix else []
        put("\n".join([clean(sketch.title), *lines]))
    return 0


def _write(sketch: Sketch, output: str, *, as_json: bool) -> None:
    """Writes a picture into a new file."""
    from aerchive.project.drawing.pictures import Painter

    target = Path(output)
    picture = Painter().file(sketch, target.suffix[1:].lower())
    write_new(target, lambda file: file.write(picture), "name")
    put_report({"path": str(target)}, f"{target}: {len(picture):,} bytes", as_json=as_json)


def _document(sketch: Sketch, plot: Plot | None) -> dict[str, Any]:
    if plot is None:
        assert sketch.matrix is not None  # noqa: S101  (`run` refuses a sketch without either)
        return {"title": sketch.title, "label": sketch.matrix.label, "values": sketch.matrix.values.tolist()}
    labels, values = _points(plot)
    return {"title": sketch.title, "label": plot.label, "axis": plot.axis_label, "x": labels, "values": values}


def _points(plot: Plot) -> tuple[list[Any], list[float]]:
    """The places and values of a plot; bars are stored as outlines of four points each, and one point at each end."""
    if plot.bars:
        return list(plot.bars), plot.values[2::4].tolist()
    is_outline = len(plot.places) > 2 and plot.places[1] == plot.places[2]
    if is_outline:
        places = (plot.places[1:-1].astype(float).reshape(-1, 4).mean(axis=1)).tolist()
        return [int(place) for place in places], plot.values[2::4].tolist()
    return plot.places.tolist(), plot.values.tolist()


def _curve(plot: Plot, width: int) -> list[str]:
    labels, values = _points(plot)
    note = ""
    if len(values) > 2 * _MOST_ROWS:
        bounds = np.linspace(0, len(values), _MOST_ROWS + 1).astype(int)
        is_sum = plot.signal == PROBABILITY
        parts = [np.asarray(values[first:stop]) for first, stop in itertools.pairwise(bounds)]
        note = f"; each bar: {'sum' if is_sum else 'mean'} of {len(values) / _MOST_ROWS:.3g} of {len(values)} values"
        if plot.bars:
            labels, values = labels[:_MOST_ROWS], values[:_MOST_ROWS]
            note = f"; {_MOST_ROWS} of {len(plot.bars)}"
        else:
            values = [float(part.sum() if is_sum else part.mean()) for part in parts]
            labels = [labels[first] for first in bounds[:-1]]
    texts = [f"{value:.6g}" for value in values]
    return [
        f"  across: {clean(plot.label)}{note}",
        f"  down:   {clean(plot.axis_label)}",
        "",
        *bars([_place(label) for label in labels], values, texts, width),
    ]


def _place(label: Any) -> str:
    return f"{label:.6g}" if isinstance(label, float) else str(label)


def _shaded(matrix: Matrix, width: int) -> list[str]:
    """A matrix as shades, two characters an element, the first row on top."""
    values: Any = np.abs(matrix.values)
    step = max(1, -(-max(values.shape) // min(_MOST_ROWS, max(1, width // 2 - 1))))
    starts: Sequence[Any] = [np.arange(0, extent, step) for extent in values.shape]
    values = np.maximum.reduceat(np.maximum.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    greatest = float(values.max()) or 1.0
    signs = _SHADES if has_blocks() else _ASCII_SHADES
    shades = np.ceil(values / greatest * (len(signs) - 1) - 1e-9).astype(int).clip(0)
    return [
        f"  {clean(matrix.label)}, first row on top; {signs[-1]} is {greatest:.6g}",
        "",
        *(f"|{''.join(2 * signs[shade] for shade in row)}|" for row in shades.tolist()),
    ]
