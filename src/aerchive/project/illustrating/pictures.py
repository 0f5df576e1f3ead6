"""Drawing pictures with matplotlib, and the groups that viewers show them from."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.extras import import_extra
from aerchive.project.documents.plots import COUNTS, PROBABILITY, SWEEP
from aerchive.project.illustrating.sketch import Matrix, Sketch
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft

_DPI = 100
_SIZE = 640, 320
"""Width and height in pixels. A picture is one chunk, of at most 1 MiB."""
_COVER_SIZE = 720, 480
_COVER_COLUMNS = 2
MOST_ON_COVER = 4
"""The greatest number of runs whose pictures are on the cover."""
_COLOUR = "#1f77b4"
_MOST_LABELS = 32
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
            return {}
        figure = self._figure(figsize=(_SIZE[0] / _DPI, _SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
        _draw(figure, figure.add_subplot(), sketch)
        groups = {"picture": picture_group(self._pixels(figure), sketch.title)}
        if sketch.matrix is not None:
            groups["magnitude"] = _magnitude_group(sketch.matrix)
        return groups

    def cover(self, sketches: Sequence[Sketch], title: str) -> GroupDraft:
        """The cover of a project.

        Args:
            sketches: What is drawn of its newest runs, the newest first.
            title: The title of the cover.
        """
        figure = self._figure(figsize=(_COVER_SIZE[0] / _DPI, _COVER_SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
        figure.suptitle(_plain(title), fontsize=11)
        rows = math.ceil(len(sketches) / _COVER_COLUMNS)
        for number, sketch in enumerate(sketches, 1):
            _draw(figure, figure.add_subplot(rows, _COVER_COLUMNS, number), sketch, is_small=True)
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
        "long_name": _magnitude_label(matrix),
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


def _magnitude_label(matrix: Matrix) -> str:
    of = f", greatest of each {matrix.block} x {matrix.block} elements" if matrix.block > 1 else ""
    return f"magnitude of the {matrix.label}{of}"


def _draw(figure: Any, axes: Any, sketch: Sketch, *, is_small: bool = False) -> None:
    size = 7 if is_small else 9
    axes.set_title(_plain(sketch.title), fontsize=size + 1)
    axes.tick_params(labelsize=size - 1)
    labels = _draw_plot(figure, axes, sketch, size)
    axes.set_xlabel(_plain(labels[0]), fontsize=size - is_small)
    axes.set_ylabel(_plain(labels[1]), fontsize=size - is_small)


def _draw_plot(figure: Any, axes: Any, sketch: Sketch, size: int) -> tuple[str, str]:
    """Draws the first plot; returns the labels of the axes."""
    name = next((name for name in (SWEEP, COUNTS, PROBABILITY) if name in sketch.plots), None)
    if name is None:
        matrix = sketch.matrix
        assert matrix is not None  # noqa: S101  (`Painter` draws nothing of an empty sketch)
        height, width = (extent * matrix.block for extent in matrix.values.shape)
        shown = axes.imshow(
            matrix.values, cmap="viridis", extent=(0, width, height, 0), interpolation="nearest", aspect="equal"
        )
        figure.colorbar(shown, ax=axes).ax.tick_params(labelsize=size - 1)
        return "column (qubit 0 is the last bit)", f"row of the {matrix.label}"
    plot = sketch.plots[name]
    if name == COUNTS:
        heights = plot.values[1::4]
        number = np.arange(len(heights))
        axes.bar(number, heights, width=0.75, color=_COLOUR)
        if len(number) > _MOST_LABELS or max(map(len, plot.bars)) > _MOST_LETTERS:
            axes.set_xticks([])
        else:
            axes.set_xticks(number, plot.bars, rotation=0 if len(number) * len(plot.bars[0]) <= 40 else 90)
        return "outcome (last bit: classical bit 0)", plot.label
    if name == PROBABILITY:
        axes.fill_between(plot.places, plot.values, step="mid", color=_COLOUR, linewidth=0.8)
        axes.set_ylim(bottom=0)
        return plot.axis_label, plot.label.replace(", ", ",\n")
    axes.plot(plot.places, plot.values, ".-", color=_COLOUR)
    axes.grid(visible=True, alpha=0.3)
    return plot.axis_label, plot.label


def _plain(text: str) -> str:
    """A text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
