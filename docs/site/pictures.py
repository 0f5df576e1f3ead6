"""The pictures of `docs/gallery.md`, made anew: ``python3 tasks.py docs --pictures``.

They are kept in `docs/pictures`, so that a code host shows them, and are therefore few and small. Look at each of them
after this: none may show the path of a folder.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
from PIL import Image
from playwright.sync_api import sync_playwright

import aerchive
from docs.site.staging import ROOT

FOLDER = ROOT / "docs" / "pictures"
MOST = 12
MOST_BYTES = 100_000
_WIDEST = 1200
_SITE = ROOT / "build" / "site"
_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_TERMINAL = {
    "terminal-ls": "ls-120-dark",
    "terminal-show": "show-counts-80-light",
    "terminal-plot": "plot-sweep-80-dark",
    "terminal-find": "find-80-light",
}
"""Pictures of the terminal, and those of ``python3 tasks.py terminal`` that they are."""
_NOTEBOOK = {
    "notebook-run": ("sweep_in_a_notebook", "light", "div.cell_output .aerchive >> nth=1"),
    "notebook-state": ("large_state_out_of_core", "dark", "div.cell_output .aerchive >> nth=0"),
    "notebook-sweep": ("vqe_over_field", "light", "div.cell_output img >> nth=0"),
}
"""Pictures of what notebooks show: the notebook, light or dark, and the element of its page in the site."""

_PAGE = {
    "page-runs": ("light", "#/", "rows"),
    "page-state": ("dark", "#/states/{state}/0", "bins-table"),
    "page-sweep": ("light", "#/sweep?x=params.distance&y=saved.energy&lines=1", "sweep-plot"),
}
"""Pictures of the web page: light or dark, the address of the view, and a part of it."""
_HEIGHTS = {"terminal-show": 790}
"""Pictures of which only the upper part is kept, and its height in pixels."""

Picture = tuple[str, Path]
"""The name of a picture, and a file that has it, of any size."""


def terminal(browser: Any, made: Path) -> Iterator[Picture]:
    """What commands print, from ``tests/cli/pictures.py``; the project stays as ``study.h5``."""
    subprocess.run([sys.executable, "-m", "tests.cli.pictures", made], cwd=ROOT, check=True)
    page = browser.new_page(viewport={"width": _WIDEST, "height": 900})
    page.route("http*://**", lambda route: route.abort())  # the fonts that the SVG names are not fetched
    for name, source in _TERMINAL.items():
        page.set_content((made / f"{source}.svg").read_text("utf-8"))
        path = made / f"{name}.png"
        page.locator("svg").first.screenshot(path=path, omit_background=True)
        yield name, path
    page.close()


def notebooks(browser: Any, made: Path) -> Iterator[Picture]:
    """Cards and plots, from the pages of the site, which must have been built."""
    for name, (notebook, scheme, element) in _NOTEBOOK.items():
        page = browser.new_page(viewport={"width": _WIDEST, "height": 900}, color_scheme=scheme)
        page.goto((_SITE / "examples" / f"{notebook}.html").as_uri())
        path = made / f"{name}.png"
        page.locator(element).screenshot(path=path)
        yield name, path
        page.close()


def viewers(_: Any, made: Path) -> Iterator[Picture]:
    """What silx and H5Web show of the project of the terminal, from ``tests/viewers/programs``."""
    file = made / "study.h5"
    with h5py.File(file) as opened:
        runs = [run.name for day in opened["runs"].values() for run in day.values()]
    shown = [next(run for run in runs if word in run) for word in ("_sweep_", "_noisy_GHZ_")]
    for name, program, number in (("viewer-silx", "silx_view.py", 0), ("viewer-h5web", "h5web.py", 1)):
        into = made / name
        into.mkdir()
        command = [sys.argv[1], ROOT / "tests" / "viewers" / "programs" / program, file.name, into, *shown]
        subprocess.run(command, cwd=made, stdout=subprocess.DEVNULL, check=True)  # silx shows the path as it is given
        yield name, next(one for one in sorted(into.glob(f"*-{number:02d}-runs-*.png")) if "inspect" not in one.name)


def web_page(browser: Any, made: Path) -> Iterator[Picture]:
    """Views of ``aerchive view`` of the project of the terminal."""
    command = [sys.executable, "-m", "aerchive", "view", str(made / "study.h5"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101  (it is a pipe)
        url = server.stdout.readline().strip()
        for name, (scheme, names, part) in _PAGE.items():
            page = browser.new_page(viewport={"width": _WIDEST, "height": 760}, color_scheme=scheme)
            page.goto(url)
            page.get_by_test_id("rows").wait_for()
            page.evaluate("address => { location.hash = address }", names.format(**_addresses(made / "study.h5")))
            page.get_by_test_id(part).first.wait_for()
            page.wait_for_timeout(1000)  # plots are drawn when their numbers are there
            path = made / f"{name}.png"
            page.screenshot(path=path)
            yield name, path
            page.close()
        server.terminate()


def _addresses(project: Path) -> dict[str, str]:
    """The job ids of two runs, by which views name them."""
    found = aerchive.open(project, "r")
    return {"state": found["state"].job_id, "counts": found["noisy GHZ"].job_id}


SOURCES: list[Callable[[Any, Path], Iterator[Picture]]] = [terminal, notebooks, viewers, web_page]
"""Where pictures come from."""


def keep(name: str, source: Path) -> None:
    """Makes a picture small enough and puts it into the folder.

    Raises:
        ValueError: It is larger than allowed even with few colours.
    """
    with Image.open(source) as opened:
        image = opened.convert("RGBA").crop((0, 0, opened.width, min(opened.height, _HEIGHTS.get(name, opened.height))))
    if image.width > _WIDEST:
        image = image.resize((_WIDEST, round(image.height * _WIDEST / image.width)), Image.Resampling.LANCZOS)
    path = FOLDER / f"{name}.png"
    for colours in (256, 128, 64, 32):
        image.quantize(colours, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            print(f"{path.relative_to(ROOT)}: {image.width} x {image.height}, {path.stat().st_size:,} bytes")
            return
    raise ValueError(f"{name} has {path.stat().st_size:,} bytes, of at most {MOST_BYTES:,}")


def main() -> int:
    """Makes all pictures; returns 1 if there are too many."""
    FOLDER.mkdir(exist_ok=True)
    kept = set()
    with tempfile.TemporaryDirectory() as made, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        for source in SOURCES:
            for name, path in source(browser, Path(made)):
                keep(name, path)
                kept.add(f"{name}.png")
        browser.close()
    for old in FOLDER.glob("*.png"):
        if old.name not in kept:
            old.unlink()
    return 1 if len(kept) > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
