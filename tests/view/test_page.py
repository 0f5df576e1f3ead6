"""The web page in a real browser, answered by a real ``aerchive view``: all views, keyboard, both colours."""

from __future__ import annotations

import functools
import http.server
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.view.keys import key_of
from aerchive.view.publish import publish
from tests import processes
from tests.view import projects
from tests.view.browser import CHROMIUM, FLAGS, Problems, needs_chromium, viewing

pytestmark = [needs_chromium, pytest.mark.xdist_group("browser")]

ADDED = """
import sys
from qiskit import QuantumCircuit
from aerchive.aer import AerSimulator
circuit = QuantumCircuit(1, name="late")
circuit.h(0)
circuit.measure_all()
AerSimulator(project=sys.argv[1]).run(circuit, name="a run of another process").result()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """A project with runs of most kinds, with names that a stranger could choose, and with a state to zoom into."""
    made = projects.small(tmp_path_factory.mktemp("page") / "small.h5")
    circuit = QuantumCircuit(11, name="layers")
    for qubit in range(11):
        circuit.ry(0.3 * (qubit + 1), qubit)
    circuit.cx(range(10), range(1, 11))
    circuit.save_statevector()
    AerSimulator(project=made, method="statevector").run(circuit, name="eleven qubits").result()
    return made


@pytest.fixture(scope="module")
def url(project: aerchive.Project) -> Iterator[str]:
    with viewing(project.path) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS], chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture
def problems(url: str) -> Iterator[Problems]:
    found = Problems(url)
    yield found
    found.check()


@pytest.fixture
def page(browser: Any, problems: Problems) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    problems.watch(opened)
    yield opened
    context.close()


def key(project: aerchive.Project, name: str) -> str:
    (run,) = project.find(name=name)
    return key_of(run.job_id)


def largest(project: aerchive.Project, kind: str) -> tuple[str, int, Any]:
    """The key of the run with the largest array of a kind, its number among the saved values, and the run."""
    found = [
        (math.prod(value.shape), key_of(run.job_id), number, run)
        for run in project
        for number, value in enumerate(run.saved if run.record.status.has_data else [])
        if value.kind == kind and len(value.shape) == (1 if kind == "statevector" else 2)
    ]
    return max(found, key=lambda one: one[0])[1:]


def text(page: Any, name: str) -> str:
    return str(page.get_by_test_id(name).inner_text())


def test_the_list_is_filtered_sorted_and_leads_to_a_run(page: Any, url: str, project: aerchive.Project) -> None:
    page.goto(url)
    number = len(project)
    page.get_by_test_id("list-count").get_by_text(f"{project.count(parent='')} of {number} runs").wait_for()
    filtered = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    filtered.fill("outcome = failed")
    failed = project.count(outcome="failed", parent="")
    page.get_by_test_id("list-count").get_by_text(f"{failed} of {number} runs").wait_for()
    filtered.fill("nonsense <")
    page.get_by_role("alert").first.wait_for()
    filtered.fill("no such word anywhere")
    page.get_by_text("Nothing matches the filter").wait_for()
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_test_id("list-count").get_by_text(f"{project.count(parent='')} of {number} runs").wait_for()
    filtered.fill("name = 'noisy GHZ'")
    page.wait_for_url(lambda address: "filter=name" in address)
    page.reload()
    page.get_by_test_id("list-count").get_by_text(f"1 of {number} runs").wait_for()


def test_a_run_shows_what_ran_and_what_came_out(page: Any, url: str, project: aerchive.Project) -> None:
    (run,) = project.find(name="Bell pair")
    page.goto(f"{url}#/runs/{key_of(run.job_id)}")
    assert text(page, "outcome") == "ok"
    shown = text(page, "counts")
    for outcome, count in run.counts().items():
        assert outcome in shown
        assert f"{count:,}" in shown
    assert "q" in text(page, "drawing")
    page.get_by_test_id("document-config").locator("summary").first.click()
    assert "seed_simulator" in text(page, "document-config")


def test_hostile_names_are_texts(page: Any, url: str, project: aerchive.Project, problems: Problems) -> None:
    page.goto(f"{url}#/?filter=hostile")
    page.goto(url)
    page.get_by_test_id("rows").wait_for()
    for name in projects.HOSTILE_NAMES:
        page.goto(f"{url}#/runs/{key(project, name)}")
        page.get_by_test_id("facts").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name!r} widens the page"
    assert page.evaluate("document.scripts.length") == 1


def test_a_state_is_explored_with_the_keyboard(page: Any, url: str, project: aerchive.Project) -> None:
    run_key, number, _ = largest(project, "statevector")
    page.goto(f"{url}#/states/{run_key}/{number}")
    page.get_by_test_id("chart").wait_for()
    before = text(page, "range")
    page.get_by_test_id("chart").focus()
    page.keyboard.press("+")
    page.wait_for_function("before => document.querySelector('[data-testid=range]').innerText !== before", arg=before)
    assert "at=" in page.url
    page.keyboard.press("Home")
    page.wait_for_function("before => document.querySelector('[data-testid=range]').innerText === before", arg=before)


def test_top_amplitudes_and_marginals_are_those_of_the_state(page: Any, url: str, project: aerchive.Project) -> None:
    run_key, number, run = largest(project, "statevector")
    saved = run.saved[number]
    state = run.state(saved.label, saved.experiment)
    page.goto(f"{url}#/states/{run_key}/{number}")
    top = text(page, "top")
    for bits in state.top(3):
        assert bits in top.replace(" ", "").replace("\u202f", "")
    ones = [float(state.probabilities([qubit])[1]) for qubit in range(state.num_qubits)]
    shown = [float(one) for one in re.findall(r"\d\.\d+|\b[01]\b(?!\d)", text(page, "marginals"))]
    assert any(abs(one - value) < 1e-3 for one in ones for value in shown)


@pytest.mark.parametrize("kind", ["density_matrix", "operator"])
def test_a_matrix_is_drawn(page: Any, url: str, project: aerchive.Project, kind: str) -> None:
    run_key, number, _ = largest(project, kind)
    page.goto(f"{url}#/states/{run_key}/{number}")
    page.get_by_test_id("matrix").wait_for()
    drawn = """() => { const c = document.querySelector('[data-testid=matrix] canvas, canvas[data-testid=matrix]');
        return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size; }"""
    page.wait_for_function(f"({drawn})() > 8")


def test_two_runs_are_compared(page: Any, url: str, project: aerchive.Project) -> None:
    first, second = [key_of(run.job_id) for run in project if run.outcome == "ok" and run.parent is None][:2]
    page.goto(f"{url}#/compare/{first}/{second}")
    page.get_by_role("heading", name="Comparison").wait_for()
    page.get_by_test_id("differences").wait_for()
    assert "config" in text(page, "differences").lower()


def test_a_sweep_plots_one_column_over_another(page: Any, url: str, project: aerchive.Project) -> None:
    page.goto(f"{url}#/sweep?x=num_qubits&y=seconds")
    page.get_by_test_id("sweep-plot").locator("svg").first.wait_for()
    found = project.catalogue()
    number = int(
        np.count_nonzero((found["num_qubits"] != -1) & np.isfinite(found["seconds"]) & (found["parent"] == b""))
    )
    assert text(page, "sweep-count").startswith(f"{number} run")
    assert page.get_by_test_id("points").locator("tbody tr").count() == min(number, 50)


def test_the_tree_is_shown_by_h5web(page: Any, url: str) -> None:
    page.goto(f"{url}#/tree/")
    tree = page.get_by_test_id("tree")
    tree.get_by_text("catalogue", exact=True).first.wait_for()
    tree.get_by_text("runs", exact=True).first.click()


def test_a_run_of_another_process_appears_by_itself(page: Any, url: str, project: aerchive.Project) -> None:
    page.goto(url)
    page.get_by_test_id("rows").wait_for()
    assert text(page, "follow") == "live"
    processes.run(ADDED, project.path)
    page.get_by_text("a run of another process").first.wait_for()


def views(project: aerchive.Project) -> Iterator[tuple[str, str]]:
    state, matrix = largest(project, "statevector"), largest(project, "density_matrix")
    run = key_of(next(run for run in project if run.outcome == "ok" and run.parent is None).job_id)
    failed = key_of(next(run for run in project if run.outcome in ("failed", "error")).job_id)
    yield "#/", "rows"
    yield f"#/runs/{run}", "facts"
    yield f"#/runs/{failed}", "facts"
    yield f"#/states/{state[0]}/{state[1]}", "bins-table"
    yield f"#/states/{matrix[0]}/{matrix[1]}", "matrix"
    yield "#/sweep?x=num_qubits&y=seconds", "points"
    yield f"#/compare/{run}/{failed}", "differences"
    yield "#/tree/", "tree"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, url: str, project: aerchive.Project, problems: Problems, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    problems.watch(page)
    found = []
    for address, part in views(project):
        page.goto(url + address)
        page.get_by_test_id(part).first.wait_for()
        leave_out = {"exclude": [[".tree"]]} if part == "tree" else None  # H5Web's own elements
        results = Axe().run(page, context=leave_out)
        found += [
            f"{address}: {one['id']}: {[node['html'][:200] for node in one['nodes']]}"
            for one in results.response["violations"]
        ]
    context.close()
    assert found == []


def test_a_banner_says_when_the_server_has_ended(browser: Any, project: aerchive.Project) -> None:
    page = browser.new_page()
    with viewing(project.path) as address:
        page.goto(address)
        page.get_by_test_id("rows").wait_for()
    page.get_by_text("The server does not answer any more").wait_for(timeout=20_000)
    assert text(page, "follow") == "not connected"
    page.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def test_a_folder_of_files_answers_as_well(browser: Any, project: aerchive.Project, tmp_path: Path) -> None:
    """The same page over files that any web server gives away: the answers have no queries and need no program."""
    site = publish(aerchive.open(project.path, "r"), tmp_path / "site").path
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    home = f"http://127.0.0.1:{server.server_address[1]}/"
    problems = Problems(home)
    try:
        page = browser.new_page()
        problems.watch(page)
        for address, part in views(project):
            page.goto(home + address)
            page.get_by_test_id(part).first.wait_for()
        assert text(page, "follow") == "published copy"
        page.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    problems.check()
