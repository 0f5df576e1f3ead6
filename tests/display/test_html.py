"""HTML that notebooks show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aerchive.display.html import (
    MOST_LETTERS,
    MOST_ROWS,
    Markup,
    Shown,
    ShownReport,
    bar,
    element,
    facts,
    lines,
    paragraphs,
    part,
    table,
    text,
    words,
)
from aerchive.errors import IntegrityError, NotFoundError
from tests.html_pages import texts_of

EVIL = '"><script>alert(1)</script>\x1b[31m\u202e\n' + "x" * 10_000


@pytest.mark.parametrize(
    "page",
    [
        text(EVIL),
        element("p", EVIL, class_=EVIL),
        table((EVIL, "b"), [(EVIL, EVIL)]),
        facts([(EVIL, EVIL)]),
        words([EVIL] * 1000),
        lines(f"{EVIL}\n" * 1000),
        paragraphs(EVIL, 300),
    ],
)
def test_no_text_is_markup_or_longer_than_its_limit(page: Markup) -> None:
    assert "&lt;script&gt;" in page
    assert texts_of(f"<div>{page}</div>")


def test_what_is_cut_ends_with_an_ellipsis() -> None:
    assert text("a" * MOST_LETTERS) == "a" * MOST_LETTERS
    assert text("a" * (MOST_LETTERS + 1)) == "a" * (MOST_LETTERS - 1) + "…"
    assert text("\x1b" * 50) == "\\x1b" * (MOST_LETTERS // 4 - 1) + "\\x1…"
    assert paragraphs("one\ntwo\x00", 100) == '<span class="text">one\ntwo\\x00</span>'


def test_a_table_says_how_many_rows_are_left_out() -> None:
    taken = []

    def rows() -> Iterator[tuple[str]]:
        for number in range(1000):
            taken.append(number)
            yield (str(number),)

    page = table(("number",), rows(), (0,), 1000)
    assert len(taken) == MOST_ROWS
    assert texts_of(page)[-2:] == ["49", "... and 950 more"]
    assert '<td class="right">49</td>' in page
    assert texts_of(table(("number",), [("1",)], total=1)) == ["number", "1"]
    assert texts_of(lines("a\n" * 300))[-1] == "... and 101 more"
    assert texts_of(f"<p>{words([str(n) for n in range(60)])}</p>")[-1] == " and 10 more"


def test_a_fact_without_a_value_is_left_out() -> None:
    assert facts([("a", ""), ("b", "c")]) == "<dl><dt>b</dt><dd>c</dd></dl>"
    assert facts([("a", "")]) == ""


@pytest.mark.parametrize(("share", "width"), [(0.5, "50"), (-1, "0"), (2, "100"), (1 / 3, "33.3"), (float("nan"), "0")])
def test_a_bar(share: float, width: str) -> None:
    assert f'<rect width="{width}" height="10"/>' in bar(share)


def test_a_part_that_cannot_be_read_says_why() -> None:
    def fail() -> Markup:
        raise IntegrityError("p.h5: <b> is damaged")

    assert part(fail) == '<p class="bad">p.h5: &lt;b&gt; is damaged</p>'


class Gone(Shown):
    def _cards(self) -> Iterator[str]:
        yield "header"
        raise NotFoundError("it is not there")


def test_an_object_that_cannot_be_read_is_shown_as_its_repr() -> None:
    assert Gone()._repr_html_() is None


class Report(ShownReport):
    def __init__(self, ok: bool) -> None:
        self.ok = ok

    def __str__(self) -> str:
        return "p.h5: all\n  <b>"


def test_a_report_is_its_text_with_a_mark() -> None:
    assert texts_of(Report(True)._repr_html_()) == ["Report", "ok", "p.h5: all\n  <b>"]
    page = Report(False)._repr_html_()
    assert texts_of(page)[1] == "not ok"
    assert 'class="mark bad"' in str(page)


def test_the_style_is_small_and_for_light_and_dark() -> None:
    page = str(Report(True)._repr_html_())
    style = page[: page.index("</style>")]
    assert len(style) < 6000
    assert "prefers-color-scheme: dark" in style
    assert "--jp-layout-color1" in style
    assert all(".aerchive" in line for line in style.splitlines() if line.endswith("{") and "@media" not in line)
