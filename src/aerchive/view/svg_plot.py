"""Plots of a run as SVG drawings for a page without scripts; their colours are in ``report.css``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.display.html import Markup, element, join
from aerchive.project.documents.plots import SWEEP, Plot
from aerchive.project.drawing.sketch import Matrix

_WIDTH, _HEIGHT = 640, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 14, 24, 40
"""The margins around the area of a plot, in units of the drawing."""
_MOST_POINTS = 1000
"""The greatest number of points of a curve; of more, the least and the greatest of each group are drawn."""
_MOST_DOTS = 100
_TICKS_ACROSS, _TICKS_UP = 7, 5
_LETTERS = 110
"""The greatest number of characters of a label."""
_MOST_CELLS = 64
"""The greatest number of rows and columns of a matrix that are drawn."""
_CELL_PIXELS = 200
_SHADES = 16
"""Number of shades of a matrix. Cells of one shade are one path, which is short."""


def plot_svg(name: str, plot: Plot) -> Markup:
    """Draws a plot that a run has stored.

    Args:
        name: The name of the plot, such as ``sweep``, which is drawn as a line; others are drawn as areas.
        plot: The plot.
    """
    if name == SWEEP:
        return curve_svg(plot.places, plot.values, plot.axis_label, plot.label)
    is_outline = len(plot.places) > 2 and plot.places[1] == plot.places[2]  # of bars
    places, values = plot.places.astype(float), plot.values.astype(float)
    if not is_outline:
        width = (places[-1] - places[0]) / max(len(places) - 1, 1)
        places = np.repeat(np.append(places, places[-1] + width), 2)[1:-1]
        values = np.repeat(values, 2)
    area = _Area(places, np.append(values, 0.0), has_bars=is_outline)
    shape = area.path(places, values)
    if shape:
        shape += f"V{area.up(0):.1f}H{area.across(places[0]):.1f}Z"
    return area.drawing(_path(shape, "area"), plot.axis_label, plot.label)


def curve_svg(places: Any, values: Any, axis_label: str, label: str, *, is_line: bool = True) -> Markup:
    """Draws values over places, as a line with dots; numbers that are not finite are gaps.

    Args:
        places: The places, shape ``(points,)``.
        values: The values, shape ``(points,)``.
        axis_label: What the places are.
        label: What the values are.
        is_line: Whether the points are joined; otherwise there are only dots.
    """
    places, values = np.asarray(places, float), np.asarray(values, float)
    number = len(places)
    if number > _MOST_POINTS:
        places, values, each = _thinned(places, values)
        label = f"{label}; of each {each} of {number:,} points the least and the greatest"
    area = _Area(places, values)
    parts = [_path(area.path(places, values), "line")] if is_line else []
    if number <= _MOST_DOTS or not is_line:
        parts.append(_path(area.dots(places, values), "dots"))
    return area.drawing(join(*parts), axis_label, label)


def matrix_svg(matrix: Matrix) -> Markup:
    """Draws a matrix as squares, the first row on top; of a large one, the greatest magnitude in each block."""
    values = matrix.values
    step = max(1, -(-max(values.shape) // _MOST_CELLS))
    if step > 1:
        starts: Sequence[Any] = [np.arange(0, extent, step) for extent in values.shape]
        values = np.maximum.reduceat(np.maximum.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    finite = np.where(np.isfinite(values), values, 0.0)
    greatest = 1.0 if matrix.is_phase else float(finite.max()) or 1.0
    share = (finite + 1) / 2 if matrix.is_phase else finite / greatest
    shades = np.ceil(share * _SHADES - 1e-9).clip(0, _SHADES).astype(int)
    rows, columns = shades.shape
    size = _CELL_PIXELS / max(rows, columns)
    cells = join(*(_shade(shade, _cells(shades == shade, size), matrix.is_phase) for shade in range(_SHADES + 1)))
    height, width = (extent * matrix.block for extent in matrix.values.shape)
    blocks = f"each square: the greatest of {step} x {step} of these; " if step > 1 else ""
    note = f"{blocks}{height:,} rows down, {width:,} columns across; qubit 0 is the last bit of an index"
    frame = _path(f"M.5 24.5h{columns * size:.1f}v{rows * size:.1f}h{-columns * size:.1f}z", "frame")
    place, high = columns * size + 24, _CELL_PIXELS / (_SHADES + 1)
    scale = join(
        *(
            _shade(shade, f"M{place:.1f} {24 + (_SHADES - shade) * high:.2f}h14v{high:.2f}h-14z", matrix.is_phase)
            for shade in range(_SHADES + 1)
        )
    )
    words = join(
        _words(1, 14, matrix.label, "start", "name"),
        _words(place + 20, 34, "1" if matrix.is_phase else _number(greatest), "start"),
        _words(place + 20, 24 + _CELL_PIXELS, "-1" if matrix.is_phase else "0", "start"),
        _words(1, 24 + rows * size + 18, note, "start"),
    )
    moved = element("g", cells, transform="translate(0 24)")
    return _svg(join(moved, frame, scale, words), matrix.label, _WIDTH, 24 + _CELL_PIXELS + 26)


class _Area:
    """The area of a plot: places and values as places in the drawing, and ticks."""

    def __init__(self, places: NDArray[np.float64], values: NDArray[np.float64], *, has_bars: bool = False) -> None:
        self._across, self._up = _range(places), _range(values)
        self._has_bars = has_bars

    def across(self, place: Any) -> Any:
        low, high = self._across
        return _LEFT + (place - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def up(self, value: Any) -> Any:
        low, high = self._up
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def _points(self, places: Any, values: Any) -> list[tuple[float, float] | None]:
        across, up = self.across(places), self.up(values)
        is_there = np.isfinite(across) & np.isfinite(up)
        return [
            (x, y) if there else None
            for x, y, there in zip(across.tolist(), up.tolist(), is_there.tolist(), strict=True)
        ]

    def path(self, places: Any, values: Any) -> str:
        """The line through points, with gaps where a number is not finite."""
        found, before = [], None
        for point in self._points(places, values):
            if point is not None:
                found.append(f"{'M' if before is None else 'L'}{point[0]:.1f} {point[1]:.1f}")
            before = point
        return "".join(found)

    def dots(self, places: Any, values: Any) -> str:
        """Lines without length, which are drawn as dots."""
        points = [point for point in self._points(places, values) if point is not None]
        return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)

    def drawing(self, content: Markup, axis_label: str, label: str) -> Markup:
        """The whole drawing: ticks and labels around the content."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        marks, words = [], []
        for value in _ticks(*self._up, _TICKS_UP):
            y = self.up(value)
            marks.append(f"M{_LEFT} {y:.1f}H{right}")
            words.append(_words(_LEFT - 6, y + 4, _number(value), "end"))
        low, high = self._across
        ticks = _ticks(low, high, _TICKS_ACROSS)
        if self._has_bars:  # which stand at whole numbers, with one place free at each end
            ticks = [one for one in ticks if one.is_integer() and low + 1 <= one <= high - 1]
        for value in ticks:
            x = self.across(value)
            marks.append(f"M{x:.1f} {bottom}v4")
            words.append(_words(x, bottom + 16, _number(value), "middle"))
        words.append(_words(_LEFT, 14, label, "start", "name"))
        words.append(_words((_LEFT + right) / 2, _HEIGHT - 6, axis_label, "middle"))
        frame = _path(f"M{_LEFT} {_TOP}V{bottom}H{right}", "frame")
        return _svg(join(_path("".join(marks), "grid"), content, frame, *words), label, _WIDTH, _HEIGHT)


def _svg(content: Markup, title: str, width: float, height: float) -> Markup:
    whole = join(element("title", title), content)
    return element("svg", whole, class_="plot", viewBox=f"0 0 {width:.0f} {height:.0f}", role="img")


def _path(shape: str, kind: str) -> Markup:
    return Markup(f'<path class="{kind}" d="{shape}"/>') if shape else Markup()


def _shade(shade: int, shape: str, is_phase: bool) -> Markup:
    """A path in one of the shades; the phases -1 and 1, which are the same, have the same colour."""
    if not shape:
        return Markup()
    hue = round(360 * shade / _SHADES + 200) % 360
    look = f'fill="hsl({hue} 60% 55%)"' if is_phase else f'fill-opacity="{shade / _SHADES:.3g}"'
    return Markup(f'<path {look} d="{shape}"/>')


def _cells(is_there: NDArray[np.bool_], size: float) -> str:
    """The squares that are marked, neighbours in a row as one rectangle."""
    found = []
    for row, marks in enumerate(is_there):
        edges = np.flatnonzero(np.diff(marks, prepend=False, append=False)).tolist()
        for first, stop in zip(edges[::2], edges[1::2], strict=True):
            width = f"{(stop - first) * size:.4g}"
            found.append(f"M{first * size:.5g} {row * size:.5g}h{width}v{size:.4g}h-{width}z")
    return "".join(found)


def _words(x: float, y: float, text: str, anchor: str, kind: str = "") -> Markup:
    shown = text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
    more = {"class_": kind} if kind else {}
    return element("text", shown, x=f"{x:.1f}", y=f"{y:.1f}", **{"text-anchor": anchor}, **more)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    """The least and the greatest finite value, which differ."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if not math.isfinite(high - low):  # both ends of the range of floats
        low, high = low / 4, high / 4
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        return low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    return low, high


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two numbers: multiples of 1, 2 or 5 and a power of ten."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 0.0
    if not power or not math.isfinite(power):
        return []
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)] if last - first <= 2 * most else []


def _number(value: float) -> str:
    """A number for a person: ``0.25``, ``50,000,000``, ``1e-08``."""
    rounded = float(f"{value:.6g}")
    return f"{rounded:,.0f}" if rounded.is_integer() and abs(rounded) < 1e9 else f"{rounded:.6g}"


def _thinned(
    places: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    each = -(-2 * len(places) // _MOST_POINTS)
    starts = np.arange(0, len(places), each)
    least, greatest = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return np.repeat(places[starts], 2), np.stack([least, greatest], axis=1).reshape(-1), each
