"""Looks at the built site in Chromium: ``python3 tasks.py docs --look FOLDER``.

Every page is opened, wide and narrow. It fails if one is wider than the window, asks the network for something, or has
an error in the console, and if the search does not find what is there. Of some pages there are pictures in light and
dark, to be looked at one by one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from docs.site.staging import ROOT

SITE = ROOT / "build" / "site"
_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_WIDTHS = 1500, 1300, 400
_PICTURES = (
    "docs/index",
    "docs/tutorials/first-project",
    "docs/how-to/make-tables",
    "docs/coming-from/numpy-save",
    "docs/gallery",
    "docs/explanation/performance",
    "docs/reference/python",
    "docs/reference/api/states",
    "docs/reference/api/errors",
    "docs/reference/command-line",
    "docs/reference/commands/clean",
    "docs/reference/glossary",
    "docs/decisions/index",
    "schemas/v1/layout",
    "examples/index",
    "examples/vqe_over_field",
    "examples/trotter_snapshots",
    "examples/large_state_out_of_core",
)
_SEARCHES = {
    "expectation_values": "docs/reference/api/states.html",
    "conflict copies": "docs/explanation/commits.html",
    "pickle": "docs/coming-from/pickle.html",
}
"""What is searched, and a page that must be among the finds."""
_TOO_WIDE = """
() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...[...document.querySelectorAll('body *')]
        .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .slice(0, 3), document.body].map(one => `${one.tagName}: ${one.innerText.slice(0, 50)}`)
"""


def problems(browser: Any, width: int) -> Iterator[str]:
    """Opens every page in a window of this width, and yields what is wrong."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    page.on("request", lambda one: said.append(f"asks for {one.url}") if one.url.startswith("http") else None)
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    for path in sorted(SITE.rglob("*.html")):
        if path == SITE / "index.html":
            continue  # it leads to the index at once
        page.goto(path.as_uri())
        for one in page.evaluate(_TOO_WIDE):
            said.append(f"is wider than {width} pixels: {one!r}")
        yield from (f"{path.relative_to(SITE)} {one}" for one in said)
        said.clear()
    page.close()


def searched(browser: Any) -> Iterator[str]:
    """Searches as a reader does, without a server, and yields what is not found."""
    page = browser.new_page()
    for words, wanted in _SEARCHES.items():
        page.goto((SITE / "docs" / "index.html").as_uri())
        page.get_by_placeholder("Search").fill(words)
        page.keyboard.press("Enter")
        page.wait_for_selector("#search-results ul.search li a")
        page.wait_for_function("document.querySelector('#search-results p.search-summary').innerText.length > 0")
        finds = page.eval_on_selector_all("#search-results ul.search li a", "all => all.map(one => one.href)")
        if not any(wanted in one for one in finds):
            yield f"search for {words!r} does not find {wanted}, but {len(finds)} others"
    page.close()


def pictures(browser: Any, folder: Path) -> None:
    """Takes the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _PICTURES:
        for width, scheme in ((_WIDTHS[0], "light"), (_WIDTHS[-1], "dark"), (_WIDTHS[0], "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto((SITE / f"{name}.html").as_uri())
            page.screenshot(path=folder / f"{name.replace('/', '-')}-{width}-{scheme}.png", full_page=True)
            page.close()


def main(folder: Path) -> int:
    """Looks, and returns 1 if something is wrong."""
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        found = [one for width in _WIDTHS for one in problems(browser, width)] + [*searched(browser)]
        pictures(browser, folder)
        browser.close()
    for one in found:
        print(one, file=sys.stderr)
    print(f"{folder}: {3 * len(_PICTURES)} pictures; {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
