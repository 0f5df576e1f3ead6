"""HTML that notebooks show for an object: a card without scripts and without anything from outside.

Every text is escaped and cut, so names from a stranger's file can neither be markup nor break the layout. The colours
are those of the notebook (JupyterLab, VS Code), and elsewhere light or dark as the system prefers.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources
from itertools import islice

from aerchive.display.text import clean, clean_lines, cut
from aerchive.errors import AerchiveError

MOST_LETTERS = 120
"""The greatest number of characters of a text; texts that are longer are cut."""
MOST_ROWS = 50
"""The greatest number of rows of a table, and of tags."""
_MOST_LINES, _MOST_COLUMNS = 200, 400
"""The greatest number of lines of a text in a fixed-width font, and of characters of a line."""
_GOOD, _BAD = frozenset({"ok"}), frozenset({"failed", "error", "lost", "not ok"})


class Markup(str):
    """A text that is HTML already; all other texts are escaped."""

    __slots__ = ()


def text(value: str, most: int = MOST_LETTERS) -> Markup:
    """Returns a text as HTML, in one line, of at most ``most`` characters."""
    return value if isinstance(value, Markup) else Markup(html.escape(cut(clean(cut(value, most)), most)))


def paragraphs(value: str, most: int) -> Markup:
    """Returns a text of at most ``most`` characters as HTML in which line ends are kept."""
    page = Markup(html.escape(cut(clean_lines(cut(value, most)), most)))
    return element("span", page, class_="text")


def element(name: str, *parts: str, **attributes: str) -> Markup:
    """Returns an element.

    Args:
        name: The name of the element, such as ``p``.
        *parts: The content; what is not `Markup` is escaped.
        **attributes: The attributes; an underscore at the end of a name is left out, as of ``class_``.
    """
    given = "".join(f' {key.rstrip("_")}="{text(value, 400)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{join(*parts)}</{name}>")


def join(*parts: str) -> Markup:
    """Returns parts one after another."""
    return Markup("".join(map(text, parts)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = (), total: int = 0) -> Markup:
    """Returns a table, of which at most `MOST_ROWS` rows are made.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
        right: The indices of the columns that are aligned to the right.
        total: The number of all rows, if it is known, to say how many are left out.
    """
    aligned = frozenset(right)

    def row(kind: str, cells: Sequence[str]) -> Markup:
        made = (element(kind, one, **({"class_": "right"} if i in aligned else {})) for i, one in enumerate(cells))
        return element("tr", *made)

    shown = [row("td", cells) for cells in islice(rows, MOST_ROWS)]
    left = max(0, total - len(shown))
    grid = element("table", element("thead", row("th", head)), element("tbody", *shown))
    return join(element("div", grid, class_="wide"), more(left))


def more(left: int) -> Markup:
    """Says how many rows are left out; empty for 0."""
    return element("p", f"... and {left:,} more", class_="faint") if left else Markup()


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Returns names with their values, one pair a line; pairs with an empty value are left out."""
    found = [element("dt", name) + element("dd", value) for name, value in pairs if value]
    return element("dl", *map(Markup, found)) if found else Markup()


def details(title: str, *parts: str, is_open: bool = False) -> Markup:
    """Returns a part that a click unfolds."""
    inner = join(element("summary", title), *parts)
    return Markup(f"<details{' open' if is_open else ''}>{inner}</details>")


def words(values: Sequence[str]) -> Markup:
    """Returns short texts, such as tags, side by side."""
    shown = [element("span", cut(one, MOST_LETTERS), class_="tag") for one in values[:MOST_ROWS]]
    left = len(values) - len(shown)
    return join(*(part for one in shown for part in (one, " ")), *([f"and {left:,} more"] if left else ()))


def lines(value: str) -> Markup:
    """Returns a text of several lines in a fixed-width font."""
    given = value.split("\n")
    shown = [cut(line, _MOST_COLUMNS) for line in given[:_MOST_LINES]]
    left = len(given) - len(shown)
    page = Markup(html.escape(clean_lines("\n".join(shown))))
    return join(element("pre", page), more(left))


def mark(outcome: str) -> Markup:
    """Returns an outcome in its colour."""
    kind = "good" if outcome in _GOOD else "bad" if outcome in _BAD else "faint"
    return element("span", outcome, class_=f"mark {kind}")


def bar(share: float) -> Markup:
    """Returns a horizontal bar as an SVG drawing.

    Args:
        share: The length, from 0 to 1; NaN is 0.
    """
    return Markup(
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * min(share, 1.0) if share > 0 else 0:.3g}" height="10"/></svg>'
    )


def part(make: Callable[[], Markup]) -> Markup:
    """Makes a part of a card; if it cannot be read, the reason stands in its place."""
    try:
        return make()
    except AerchiveError as error:
        return element("p", text(str(error), 4 * MOST_LETTERS), class_="bad")


@functools.cache
def style() -> str:
    """The rules of the cards, as CSS."""
    return resources.files("aerchive.display").joinpath("style.css").read_text("utf-8")


class Shown:
    """An object that notebooks show as a card; a terminal shows its ``repr``."""

    def _cards(self) -> Iterator[str]:
        """Yields the header of the card, then its parts."""
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        """The card as HTML; ``None``, so that the ``repr`` is shown, if the object cannot be read."""
        try:
            header, *parts = self._cards()
        except AerchiveError:
            return None
        return f"<style>{style()}</style>{element('div', element('header', header), *parts, class_='aerchive')}"


class ShownReport(Shown):
    """A report that notebooks show as its text, with a mark if it says whether all is well."""

    def _cards(self) -> Iterator[str]:
        is_good = getattr(self, "ok", getattr(self, "same", None))
        name = element("b", type(self).__name__)
        verdict = Markup() if is_good is None else mark("ok" if is_good else "not ok")
        yield join(name, " ", verdict)
        yield lines(str(self))
