"""Pictures of what `bench_states` measured: ``plot_states.py states.json --folder docs/explanation/performance``.

1. ``states.svg``: speed of writing, fsync included, against ratio, one panel a family.
2. ``gain.svg``: how much faster than h5py's gzip-4 with shuffle, by family, with the spread.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from tests.benchmarks.measuring import Figures
from tests.benchmarks.report_states import compression, gain, speed
from tests.benchmarks.storage_methods import GZIP, NATIVE, NONE, NPY, PORTABLE

COLUMNS = 4


class Sign(NamedTuple):
    """How a method is drawn."""

    label: str
    colour: str
    marker: str


SIGNS = {
    PORTABLE: Sign("aerchive", "#c0392b", "o"),
    NATIVE: Sign("aerchive, kernels in C", "#922b21", "P"),
    NONE: Sign('aerchive, "none"', "#e59866", "o"),
    NPY: Sign("np.save", "#2c3e50", "s"),
    "contiguous": Sign("h5py contiguous", "#7f8c8d", "s"),
    GZIP: Sign("h5py gzip-4 + shuffle", "#2471a3", "v"),
    "gzip4": Sign("h5py gzip-4", "#7fb3d5", "v"),
    "blosc2-zstd": Sign("Blosc2 zstd", "#1e8449", "^"),
    "bitshuffle": Sign("Bitshuffle lz4", "#7dcea0", "^"),
    "zarr": Sign("zarr 3", "#8e44ad", "D"),
}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # letters stay letters: small files, and they can be found
    "svg.hashsalt": "aerchive",  # the same numbers give the same bytes
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
}


def plain(amount: float, _position: int | None = None) -> str:
    return f"{amount:,.4g}"


def ticks(axis: Any, low: float, high: float) -> None:
    """A few ticks on a logarithmic axis, as plain numbers."""
    steps = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
    inside = [step for step in steps if low <= step <= high]
    if len(inside) < 3:
        inside = [float(place) for place in MaxNLocator(4).tick_values(low, high) if low <= place <= high]
    axis.set_ticks(inside[:: max(1, len(inside) // 4)])
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def write(figure: Any, path: Path) -> None:
    """Saves a figure; an SVG without the date, with one font, and with no more digits than a screen has dots."""
    if path.suffix != ".svg":
        figure.savefig(path, dpi=110)
        return
    figure.savefig(path, metadata={"Date": None})
    text = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", path.read_text("utf-8"))
    text = re.sub(r"font-family: [^;]*", "font-family: sans-serif", text)
    path.write_text(re.sub(r" *\n\s*", "\n", text), "utf-8")


def states(data: Figures) -> Any:
    """Speed against ratio, one panel a family."""
    families = list(data["families"].values())
    rows = -(-len(families) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(10, 2.3 * rows + 0.7), sharey=True, squeeze=False)
    points = {
        (number, name): (compression(family, name), amount.median)
        for number, family in enumerate(families)
        for name in SIGNS
        if name in family["methods"] and (amount := speed(family, name, "durable"))
    }
    speeds = [y for _, y in points.values()]
    low, high = min(speeds) / 1.4, max(speeds) * 1.4
    for number, (axes, family) in enumerate(zip(grid.flat, families, strict=False)):
        for name, sign in SIGNS.items():
            if (number, name) in points:
                x, y = points[number, name]
                front = 3 if name == PORTABLE else 2
                axes.plot(x, y, sign.marker, color=sign.colour, markersize=7 if front == 3 else 5, zorder=front)
        ratios = [x for (of, _), (x, _) in points.items() if of == number]
        axes.set(xscale="log", yscale="log", ylim=(low, high))
        room = 1.02 * (max(ratios) / min(ratios)) ** 0.06
        left, right = min(ratios) / room, max(ratios) * room
        axes.set_xlim(left, right)
        ticks(axes.xaxis, left, right)
        ticks(axes.yaxis, low, high)
        axes.set_title(family["title"], fontsize=8, loc="left")
    for axes in list(grid.flat)[len(families) :]:
        axes.set_visible(False)
    figure.supxlabel("raw bytes / stored bytes", fontsize=8)
    figure.supylabel("GB/s of raw bytes, written and made durable", fontsize=8)
    shown = [sign for name, sign in SIGNS.items() if any(of == name for _, of in points)]
    handles = [plt.Line2D([], [], color=s.colour, marker=s.marker, linestyle="", label=s.label) for s in shown]
    figure.legend(
        handles=handles, loc="upper center", ncols=len(handles), frameon=False, columnspacing=1, handletextpad=0
    )
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
    return figure


def gains(data: Figures) -> Any:
    """How much faster than gzip-4 with shuffle."""
    families = list(data["families"].values())[::-1]
    figure, axes = plt.subplots(figsize=(7, 0.27 * len(families) + 1.3))
    names = [name for name in (PORTABLE, NONE, "blosc2-zstd") if any(name in f["methods"] for f in families)]
    for name in names:
        sign = SIGNS[name]
        found = [(row, gain(family, name, GZIP, "durable")) for row, family in enumerate(families)]
        rows = [(row, amount) for row, amount in found if amount is not None]
        middle = [amount.median for _, amount in rows]
        errors = [
            [max(0.0, amount.median - amount.p10) for _, amount in rows],
            [max(0.0, amount.p90 - amount.median) for _, amount in rows],
        ]
        axes.errorbar(
            middle,
            [row for row, _ in rows],
            xerr=errors,
            fmt=sign.marker,
            color=sign.colour,
            label=sign.label,
            markersize=5,
        )
    for at, text in ((8, "worst family"), (15, "median")):
        axes.axvline(at, color="#555555", linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{text}: {at}×", (at, 1), xycoords=("data", "axes fraction"), fontsize=7, rotation=90, va="top", ha="right"
        )
    axes.set(xscale="log", yticks=range(len(families)), yticklabels=[family["title"] for family in families])
    ticks(axes.xaxis, *axes.get_xlim())
    axes.set_xlabel("times faster than h5py gzip-4 + shuffle, written and made durable (10–90 %)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=len(names), frameon=False)
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--format", choices=["svg", "png"], default="svg")
    given = parser.parse_args()
    data: Figures = json.loads(given.file.read_text())
    given.folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in {"states": states, "gain": gains}.items():
            path = given.folder / f"{name}.{given.format}"
            write(draw(data), path)
            print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
