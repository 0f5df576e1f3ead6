"""Drawing pictures with matplotlib, and the groups that viewers show them from."""

from __future__ import annotations

import dataclasses
import io
import math
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.axes import COLOUR, draw_bars, plain
from aerchive.interop.extras import import_extra
from aerchive.project.documents.plots import CURVES, PICTURE, SWEEP
from aerchive.project.drawing.sketch import Matrix, Sketch
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft

_DPI = 100
_SIZE = 640, 320
"""Width and height in pixels. A picture is one chunk, of at most 1 MiB."""
_COVER_SIZE = 720, 480
_COVER_COLUMNS = 2
MOST_ON_COVER = 4
"""The greatest number of runs whose pictures are on the cover."""
_COLUMNS, _ROWS = 100, 40
"""The greatest number of columns and rows of text in a picture."""
_LETTER_PIXELS, _LARGEST_PIXELS = 6, 12
"""The smallest and the greatest width of a letter; a row is twice as high. Matplotlib has whole pixels."""
_POINTS = 72 / _DPI / 0.61
"""Size of the letters in points, for each pixel of their width."""
_TITLE_PIXELS = 12
_MESSAGE_COLUMNS = 64
_LETTERS, _COVER_LETTERS = 9, 7
_MOST_LETTERS = 16


class Painter:
    """Draws pictures.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """

    def __init__(self) -> None:
        self._figure = import_extra("matplotlib.figure", "plot").Figure
        self._canvas = import_extra("matplotlib.backends.backend_agg", "plot").FigureCanvasAgg

    def groups_of(self, sketch: Sketch) -> dict[str, GroupDraft]:
        """The pictures of a run, by name; empty if there is nothing to draw.

        Args:
            sketch: What is drawn.
        """
        if not sketch.plots and sketch.matrix is None:
            if not (sketch.message or "").strip():
                return {}
            return {PICTURE: self.page(textwrap.wrap(sketch.message or "", _MESSAGE_COLUMNS), sketch.title)}
        figure = self._drawn(sketch)
        groups = {PICTURE: picture_group(self._pixels(figure), sketch.title)}
        if sketch.matrix is not None and not sketch.matrix.is_phase:
            groups["magnitude"] = _magnitude_group(sketch.matrix)
        return groups

    def file(self, sketch: Sketch, kind: str) -> bytes:
        """The picture of a run as the bytes of a file.

        Args:
            sketch: What is drawn: a plot or a matrix.
            kind: ``png``, ``svg`` or ``pdf``.
        """
        target = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph ")  # a name may have letters that the font lacks
            self._drawn(sketch).savefig(target, format=kind, dpi=2 * _DPI)
        return target.getvalue()

    def _drawn(self, sketch: Sketch) -> Any:
        figure = self._figure(figsize=(_SIZE[0] / _DPI, _SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
        draw(figure.add_subplot(), sketch, _LETTERS)
        return figure

    def page(self, rows: Sequence[str], title: str) -> GroupDraft:
        """The picture of rows of text, such as the drawing of a circuit; what does not fit is left out.

        Args:
            rows: The rows, at least one, of at most 100 characters.
            title: What they are.
        """
        rows = rows if len(rows) <= _ROWS else [*rows[: _ROWS - 1], f"... {len(rows) - _ROWS + 1} more rows"]
        room = _COLUMNS * _LETTER_PIXELS // max(map(len, rows)), _ROWS * _LETTER_PIXELS // len(rows)
        letter = max(_LETTER_PIXELS, min(_LARGEST_PIXELS, *room))
        height = max(_SIZE[1] // 2, (len(rows) + 2) * 2 * letter + 3 * _TITLE_PIXELS)
        figure = self._figure(figsize=(_SIZE[0] / _DPI, height / _DPI), dpi=_DPI)
        figure.text(0.5, 1 - _TITLE_PIXELS / height, plain(title), fontsize=10, ha="center", va="top")
        words: dict[str, Any] = {"family": "monospace", "fontsize": letter * _POINTS, "va": "top"}
        figure.text(0.02, 1 - 3.5 * _TITLE_PIXELS / height, plain("\n".join(rows)), **words)
        return picture_group(self._pixels(figure), title)

    def cover(self, sketches: Sequence[Sketch], title: str) -> GroupDraft:
        """The cover of a project.

        Args:
            sketches: What is drawn of its newest runs, the newest first.
            title: The title of the cover.
        """
        figure = self._figure(figsize=(_COVER_SIZE[0] / _DPI, _COVER_SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
        figure.suptitle(plain(title), fontsize=11)
        rows = math.ceil(len(sketches) / _COVER_COLUMNS)
        for number, sketch in enumerate(sketches, 1):
            draw(figure.add_subplot(rows, _COVER_COLUMNS, number), sketch, _COVER_LETTERS, is_small=True)
        return dataclasses.replace(picture_group(self._pixels(figure), title), mutable=True)

    def _pixels(self, figure: Any) -> NDArray[np.uint8]:
        canvas = self._canvas(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph ")  # a name may have letters that the font lacks
            canvas.draw()
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def picture_group(pixels: NDArray[np.uint8], title: str) -> GroupDraft:
    """The group of a picture in true colours.

    Args:
        pixels: The picture, shape ``(height, width, 3)``, from the top.
        title: What it shows.
    """
    image: dict[str, AttributeValue] = {
        "CLASS": "IMAGE",
        "IMAGE_VERSION": "1.2",
        "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR",
        "INTERLACE_MODE": "INTERLACE_PIXEL",
        "interpretation": "rgba-image",
        "long_name": title,
    }
    axes = _axes(*pixels.shape[:2])
    return GroupDraft(
        {"NX_class": "NXdata", "signal": "image", "axes": ("y", "x", ".")},
        {"image": DatasetDraft([pixels], attributes=image), **axes},
    )


def _magnitude_group(matrix: Matrix) -> GroupDraft:
    attributes: dict[str, AttributeValue] = {
        "CLASS": "IMAGE",
        "IMAGE_VERSION": "1.2",
        "IMAGE_SUBCLASS": "IMAGE_GRAYSCALE",
        "interpretation": "image",
        "long_name": matrix.label,
    }
    values = matrix.values
    return GroupDraft(
        {"NX_class": "NXdata", "signal": "magnitude", "axes": ("y", "x")},
        {"magnitude": DatasetDraft([values], attributes=attributes), **_axes(*values.shape)},
    )


def _axes(height: int, width: int) -> dict[str, DatasetDraft]:
    """The axes of an image; that of the rows goes down, or silx would show the image upside down."""
    return {
        "y": DatasetDraft([np.arange(height - 1, -1, -1, dtype="<f4")]),
        "x": DatasetDraft([np.arange(width, dtype="<f4")]),
    }


def draw(axes: Any, sketch: Sketch, size: int, *, is_small: bool = False) -> None:
    """Draws the first plot of a run.

    Args:
        axes: The axes of matplotlib.
        sketch: What is drawn.
        size: The size of the letters in points.
        is_small: Whether the labels of the axes are smaller.
    """
    axes.set_title(plain(sketch.title), fontsize=size + 1)
    axes.tick_params(labelsize=size - 1)
    labels = _draw_plot(axes, sketch, size)
    axes.set_xlabel(plain(labels[0]), fontsize=size - is_small)
    axes.set_ylabel(plain(labels[1]), fontsize=size - is_small)


def _draw_plot(axes: Any, sketch: Sketch, size: int) -> tuple[str, str]:
    """Draws the first plot; returns the labels of the axes."""
    name = next((name for name in CURVES if name in sketch.plots), None)
    if name is None:
        matrix = sketch.matrix
        assert matrix is not None  # noqa: S101  (`Painter` draws nothing of an empty sketch)
        height, width = (extent * matrix.block for extent in matrix.values.shape)
        colours: dict[str, Any] = {"cmap": "viridis", "vmin": 0}
        if matrix.is_phase:
            colours = {"cmap": "twilight", "vmin": -1, "vmax": 1}
        shown = axes.imshow(
            matrix.values, extent=(0, width, height, 0), interpolation="nearest", aspect="equal", **colours
        )
        bar = axes.figure.colorbar(shown, ax=axes)
        bar.ax.tick_params(labelsize=size - 1)
        bar.set_label(textwrap.fill(matrix.label, 32), fontsize=size - 1)
        return "column (qubit 0 is the last bit)", "row"
    plot = sketch.plots[name]
    if plot.bars:
        draw_bars(axes, plot.bars, plot.values[2::4], _MOST_LETTERS)
        return "outcome" + plot.axis_label[plot.axis_label.rindex("; last bit") :], plot.label
    if name != SWEEP:
        is_outline = plot.places[1] == plot.places[2]  # of bars
        step = None if is_outline else "mid"
        axes.fill_between(plot.places, plot.values, step=step, color=COLOUR, linewidth=0.8)
        axes.set_ylim(bottom=min(0, plot.values.min()))
        return plot.axis_label, plot.label.replace(", ", ",\n")
    axes.plot(plot.places, plot.values, ".-", color=COLOUR)
    axes.grid(visible=True, alpha=0.3)
    return plot.axis_label, plot.label
