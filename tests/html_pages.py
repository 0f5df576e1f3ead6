"""Checks of HTML that notebooks show: every tag is closed and harmless, and nothing comes from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAGS = {
    *("style", "div", "header", "b", "code", "span", "dl", "dt", "dd", "p", "pre", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "rect"),
}
_ATTRIBUTES = {"class", "open", "viewbox", "preserveaspectratio", "aria-hidden", "width", "height"}
_MOST = 100_000


class TagReader(HTMLParser):
    """Reads HTML of which only some tags and attributes are allowed, and each tag is closed."""

    tags = frozenset(_TAGS)
    attributes = frozenset(_ATTRIBUTES)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.tags
        assert {name for name, _ in attrs} <= self.attributes
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class _Reader(TagReader):
    def handle_data(self, data: str) -> None:
        if self.open[-1] == "style":
            assert "url(" not in data
            assert "@import" not in data
            assert "<" not in data
        else:
            self.texts.append(data)


def texts_of(page: str | None) -> list[str]:
    """The texts of a page, in order, after it was checked."""
    assert page is not None
    assert len(page) < _MOST
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    text = "".join(reader.texts)
    assert all(one in "\n " or one.isprintable() for one in text)
    assert not re.search(r"\S{1001}", text)
    return [one for one in reader.texts if one.strip()]
