"""Pictures of the example notebook, and of cards of unusual objects, in light and dark.

``python3 tasks.py notebooks FOLDER`` executes both notebooks and takes the pictures, to be looked at one by one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "sweep_in_a_notebook.ipynb"
GALLERY = Path(__file__).with_name("gallery.py")
_CHROMIUM = "/usr/bin/chromium"
_WIDTHS = 1100, 480
_CUT = """
() => [...document.querySelectorAll('.aerchive')].filter(card => {
    const box = card.getBoundingClientRect();
    return box.right > document.documentElement.clientWidth + 1 || card.scrollWidth > card.clientWidth + 1;
}).map(card => card.innerText.slice(0, 80))
"""
"""The cards that are wider than the page, or whose content is wider than they are."""


def executed(notebook: Any, folder: Path) -> Any:
    """A notebook with its outputs; an error in a cell is raised."""
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def gallery() -> Any:
    """A notebook of the cells of the gallery, which ``# %%`` separates."""
    cells = GALLERY.read_text("utf-8").split("# %%\n")[1:]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def plain(notebook: Any) -> str:
    """A page with the cards of a notebook and no styles of Jupyter."""
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    cards = [one["data"]["text/html"] for one in outputs if "text/html" in one.get("data", {})]
    style = "<style>:root { color-scheme: light dark; } body { font-family: sans-serif; }</style>"
    return f"<!doctype html><meta charset=utf-8>{style}{''.join(cards)}"


def main(folder: Path) -> int:
    """Takes the pictures; returns 1 if a card is cut off, or the notebook was not noted with its runs."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        os.environ |= {f"XDG_{name}_HOME": made for name in ("CONFIG", "DATA", "STATE")}
        os.environ["JPY_SESSION_NAME"] = f"studies/{EXAMPLE.name}"  # as a notebook server tells its kernels
        notebooks = {"example": nbformat.read(EXAMPLE, 4), "gallery": gallery()}
        for name, notebook in notebooks.items():
            executed(notebook, Path(made))
            pages[f"{name}-plain"] = plain(notebook)
            for theme in ("light", "dark"):
                pages[f"{name}-jupyter-{theme}"] = HTMLExporter(theme=theme).from_notebook_node(notebook)[0]
    if EXAMPLE.name not in pages["example-plain"]:
        print("the run of the example does not name its notebook")
        return 1
    failed = 0
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        for name, text in pages.items():
            for scheme in ("dark",) if name.endswith("dark") else ("light", "dark") if "plain" in name else ("light",):
                for width in _WIDTHS:
                    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                    page.set_content(text)
                    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                    cut = page.evaluate(_CUT)
                    picture = folder / f"{name}-{scheme}-{width}.png"
                    page.screenshot(path=picture, full_page=True)
                    page.close()
                    print(f"{picture}{''.join(f'; is cut off: {card!r}' for card in cut)}")
                    failed |= bool(cut)
        browser.close()
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
