"""The web page over large projects: when a view has its first picture, and how smoothly the list scrolls.

``python -m tests.view.large FOLDER [--qubits 28] [--runs 100000]`` makes the projects in the folder, or takes those
that are there, and prints the figures; 1 if the page had a problem.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import aerchive
from aerchive.view.keys import key_of
from tests.view import projects
from tests.view.browser import CHROMIUM, FLAGS, Problems, viewing

_FRAMES = """async () => {
    const rows = document.querySelector('[data-testid=rows]');
    const times = [];
    let last = performance.now();
    for (let step = 0; step < 120; step += 1) {
        rows.scrollTop += rows.scrollHeight / 121;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - last);
        last = now;
    }
    return times;
}"""


def made(path: Path, make: Any, number: int) -> aerchive.Project:
    """The project at a path, which is made if it is not there."""
    return aerchive.open(path, "r") if path.exists() else make(path, number)


def first_picture(page: Any, address: str, part: str) -> float:
    """Seconds from opening an address to the moment at which a part of the page is there."""
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto(address)
    page.get_by_test_id(part).first.wait_for(timeout=120_000)
    return time.perf_counter() - start


def main() -> int:
    """Makes the measurements."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--qubits", type=int, default=28)
    parser.add_argument("--runs", type=int, default=100_000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    state = made(given.folder / f"state-{given.qubits}.h5", projects.state, given.qubits)
    many = made(given.folder / f"many-{given.runs}.h5", projects.many, given.runs)
    problems = Problems("")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS], chromium_sandbox=False)
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        problems.watch(page)
        with viewing(state.path) as url:
            problems.home = url
            key = key_of(state[-1].job_id)
            print(f"state of {given.qubits} qubits, seconds to the first picture")
            for name, address, part in (
                ("list", "#/", "rows"),
                ("run", f"#/runs/{key}", "facts"),
                ("state", f"#/states/{key}/0", "chart"),
                ("state, zoomed to 1,024 amplitudes", f"#/states/{key}/0?at={2 ** (given.qubits - 1)}-10", "chart"),
                ("tree", "#/tree/", "tree"),
            ):
                print(f"  {name:36} {first_picture(page, url + address, part):6.2f}")
            start = time.perf_counter()
            page.goto(f"{url}#/states/{key}/0")
            page.get_by_test_id("top").wait_for(timeout=600_000)
            print(f"  {'the whole state was read':36} {time.perf_counter() - start:6.2f}")
            page.goto("about:blank")
        with viewing(many.path) as url:
            problems.home = url
            key = key_of(many[-1].job_id)
            print(f"{given.runs:,} runs, seconds to the first picture")
            for name, address, part in (
                ("list", "#/", "rows"),
                ("list again", "#/", "rows"),
                ("run", f"#/runs/{key}", "facts"),
                ("sweep", "#/sweep?x=params.distance&y=saved.energy", "sweep-plot"),
            ):
                print(f"  {name:36} {first_picture(page, url + address, part):6.2f}")
            page.goto(url)
            page.get_by_test_id("rows").wait_for()
            frames = page.evaluate(_FRAMES)
            page.goto("about:blank")
            worst = sorted(frames)[-len(frames) // 20]
            print(f"  a frame while scrolling: median {statistics.median(frames):.0f} ms, 95 % below {worst:.0f} ms")
        chromium.close()
    problems.large.clear()
    problems.check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
