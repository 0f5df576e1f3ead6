"""Pictures of the web page, to be looked at: ``python -m tests.view.pictures FOLDER [PROJECT]``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aerchive
from aerchive.view.keys import key_of
from tests.view import projects
from tests.view.browser import CHROMIUM, FLAGS, Problems, viewing
from tests.viewers import varied

SIZES = {"wide": (1280, 900), "narrow": (420, 900)}


def views(project: aerchive.Project) -> Iterator[tuple[str, str, str]]:
    """Yields the name, the address and a part of each view of a project."""
    good = [run for run in project if run.outcome == "ok" and run.parent is None]
    run = next((run for run in good if run.num_points == 1 and any(v.kind == "counts" for v in run.saved)), good[0])
    yield "list", "#/", "rows"
    yield "run", f"#/runs/{key_of(run.job_id)}", "facts"
    bad = [run for run in project if run.outcome in ("failed", "error")]
    for failed in bad[:1]:
        yield "failed-run", f"#/runs/{key_of(failed.job_id)}", "facts"
    for kind, part in (("statevector", "bins-table"), ("density_matrix", "matrix"), ("operator", "matrix")):
        found = [
            (value.nbytes, number, one)
            for one in good
            for number, value in enumerate(one.saved)
            if value.kind == kind and len(value.shape) == (1 if kind == "statevector" else 2)
        ]
        if found:
            _, number, one = max(found, key=lambda each: each[0])
            yield kind.replace("_", "-"), f"#/states/{key_of(one.job_id)}/{number}", part
            yield f"run-with-{kind.replace('_', '-')}", f"#/runs/{key_of(one.job_id)}", "facts"
    yield "sweep", "#/sweep", "sweep-plot"
    others = [key_of(one.job_id) for one in good if one.num_points == 1 and any(v.kind == "counts" for v in one.saved)]
    if len(others) > 1:
        yield "comparison", f"#/compare/{others[-1]}/{others[-2]}", "differences"
    yield "tree", "#/tree/", "tree"


def main() -> int:
    """Makes the pictures; 1 if a page had a problem."""
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        if len(sys.argv) > 2:
            project = aerchive.open(sys.argv[2], "r")
        else:
            project = varied.make(Path(temporary) / "varied.h5")
            projects.hostile(project)
        with viewing(project.path) as url, sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS], chromium_sandbox=False)
            problems = Problems(url)
            for scheme in ("light", "dark"):
                for size, (width, height) in SIZES.items():
                    page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                    problems.watch(page)
                    for name, address, part in views(project):
                        page.goto(url + address)
                        page.get_by_test_id(part).first.wait_for()
                        page.wait_for_timeout(700)  # plots are drawn when their numbers are there
                        page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=name != "list")
                    page.close()
            chromium.close()
    problems.check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
