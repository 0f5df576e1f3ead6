"""A report of runs: one HTML file without scripts and without anything from outside, to mail, to print and to keep."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from importlib import resources
from importlib.metadata import version
from typing import NamedTuple

from aerchive.display.html import MOST_ROWS, Markup, element, join, mark, style, text
from aerchive.display.text import cut, format_runs, format_time
from aerchive.project.documents.anonymise import Anonymiser
from aerchive.project.run import Run
from aerchive.times import now
from aerchive.view.comparison import comparison
from aerchive.view.report_run import ReportRun, run_section

MOST_RUNS = MOST_ROWS
"""The greatest number of runs in a report; each has a row in the table that compares them."""
_MOST_LETTERS = 8 * 2**20
"""When a report is longer, the runs that follow have only their row in the table."""
_MOST_TITLE = 200


class Report(NamedTuple):
    """A report.

    Attributes:
        page: The HTML page.
        problems: What could not be read, which the page says as well.
    """

    page: str
    problems: list[str]


def make_report(
    runs: Sequence[Run],
    file: str,
    *,
    title: str | None = None,
    found: int | None = None,
    anonymiser: Anonymiser | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Makes a report of runs.

    Args:
        runs: The runs, from 1 to `MOST_RUNS`, in the order in which they are shown.
        file: The name of the project file, for the lines that read the runs.
        title: The title; by default that of the run, or the number of runs.
        found: The number of runs that were asked for, if it is greater.
        anonymiser: What leaves out personal facts; ``None``: they are shown.
        progress: A function that is called with the number of runs that are done, and the number of all.
    """
    problems: list[str] = []
    shown = [ReportRun.of(run, anonymiser) for run in runs]
    sections, length = list[Markup](), 0
    for number, one in enumerate(shown, 1):
        if length < _MOST_LETTERS:
            sections.append(run_section(one, number, file, problems, has_heading=len(shown) > 1 or bool(title)))
            length += len(sections[-1])
        if progress is not None:
            progress(number, len(shown))
    title = title or (shown[0].title if len(shown) == 1 else f"{format_runs(len(shown))} of {file}")
    body = join(
        _head(title, file, found or len(runs), shown, anonymiser),
        _contents(shown, len(sections)) if len(shown) > 1 else "",
        comparison(shown) if len(shown) > 1 else "",
        *sections,
    )
    return Report(_page(title, element("main", body, class_="aerchive report")), problems)


def _head(title: str, file: str, found: int, shown: Sequence[ReportRun], anonymiser: Anonymiser | None) -> Markup:
    when = now()
    place = element("code", file)
    lines = [
        join(
            "Made ",
            when if anonymiser is not None else format_time(when),
            " by aerchive ",
            _version(),
            " from ",
            place,
            ".",
        )
    ]
    if found > len(shown):
        lines.append(text(f"{len(shown):,} of {found:,} runs are shown; the others are left out."))
    if anonymiser is not None:
        note = (
            "Without users, machines, paths and other personal facts, and without attachments. Names, tags, notes, "
            "parameters and circuits are as their users wrote them."
        )
        lines.append(text(note, 300))
    return element(
        "header", element("h1", cut(title, _MOST_TITLE)), *(element("p", one, class_="faint") for one in lines)
    )


def _contents(shown: Sequence[ReportRun], sections: int) -> Markup:
    """The runs, with links to their sections."""

    def entry(number: int, one: ReportRun) -> Markup:
        outcome = mark("not read" if one.record is None else one.record.status.outcome)
        name = cut(one.title, 80)
        where = element("a", name, href=f"#run-{number}") if number <= sections else text(name)
        return element("li", where, " ", outcome)

    left = len(shown) - sections
    rest = f"The report is long: the last {format_runs(left)} are only in the table." if left else ""
    entries = [entry(number, one) for number, one in enumerate(shown, 1)]
    return element("nav", element("h3", "Contents"), element("ol", *entries), element("p", rest) if rest else "")


def _version() -> str:
    return version("aerchive")


def _page(title: str, body: Markup) -> str:
    """The whole page; only the one style in it is applied, and nothing is loaded or run."""
    rules = style() + resources.files("aerchive.view").joinpath("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(rules.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            element("title", cut(title, _MOST_TITLE)),
            f"<style>{rules}</style>",
            "</head>",
            element("body", body),
            "</html>",
            "",
        ]
    )
