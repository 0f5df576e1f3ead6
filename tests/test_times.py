"""Times as people write them."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive import times as moments
from aerchive.errors import InvalidInputError
from aerchive.times import Span, span_of, to_microseconds

ZONE = "America/New_York"
"""Summer time ends there on 2026-11-01, at 2 o'clock."""
NOW = datetime.datetime(2026, 11, 4, 15, 30)  # a Wednesday


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime.datetime:
        return NOW if tz is None else NOW.astimezone(tz)


@pytest.fixture(autouse=True)
def _at_a_moment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    monkeypatch.setattr(moments.datetime, "datetime", Clock)
    yield
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> int:
    return to_microseconds(f"{text}+00:00")


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("today", "2026-11-04T05:00", "2026-11-05T05:00"),
        ("yesterday", "2026-11-03T05:00", "2026-11-04T05:00"),
        ("Wednesday", "2026-11-04T05:00", "2026-11-05T05:00"),
        ("tuesday", "2026-11-03T05:00", "2026-11-04T05:00"),
        ("thursday", "2026-10-29T04:00", "2026-10-30T04:00"),
        ("2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00"),  # a day of 25 hours
        ("2026-11", "2026-11-01T04:00", "2026-12-01T05:00"),
        ("2026-12", "2026-12-01T05:00", "2027-01-01T05:00"),
        ("2026", "2026-01-01T05:00", "2027-01-01T05:00"),
        ("2 days ago", "2026-11-02T05:00", "2026-11-03T05:00"),
        ("2d", "2026-11-02T05:00", "2026-11-03T05:00"),
        ("a day ago", "2026-11-03T05:00", "2026-11-04T05:00"),
        ("1 week ago", "2026-10-28T04:00", "2026-10-29T04:00"),
        ("2w", "2026-10-21T04:00", "2026-10-22T04:00"),
        ("9 months ago", "2026-02-04T05:00", "2026-02-05T05:00"),
        ("1 year ago", "2025-11-04T05:00", "2025-11-05T05:00"),
    ],
)
def test_days_and_longer(text: str, start: str, stop: str) -> None:
    assert span_of(text) == Span(utc(start), utc(stop))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("now", "2026-11-04T20:30"),
        ("3 hours ago", "2026-11-04T17:30"),
        ("90h", "2026-11-01T02:30"),  # an hour is an hour, whatever the clock does
        ("an hour ago", "2026-11-04T19:30"),
        ("10 minutes ago", "2026-11-04T20:20"),
        ("10min", "2026-11-04T20:20"),
        ("5 s", "2026-11-04T20:29:55"),
        ("2026-11-04T15:30", "2026-11-04T20:30"),
        ("2026-11-04 15:30:01.000002", "2026-11-04T20:30:01.000002"),
        ("2026-11-04T15:30Z", "2026-11-04T15:30"),
        ("2026-11-04T15:30+02:00", "2026-11-04T13:30"),
    ],
)
def test_instants(text: str, start: str) -> None:
    assert span_of(text) == Span(utc(start), utc(start) + 1)


def test_objects_of_datetime() -> None:
    instant = datetime.datetime(2026, 11, 4, 15, 30)
    assert span_of(instant) == span_of("2026-11-04T15:30")
    assert span_of(instant.replace(tzinfo=datetime.UTC)) == span_of("2026-11-04T15:30Z")
    assert span_of(datetime.date(2026, 11, 1)) == span_of("2026-11-01")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("1 month ago", "2026-02-28T05:00"),
        ("13 months ago", "2025-02-28T05:00"),
        ("3 months ago", "2025-12-31T05:00"),
        ("2 years ago", "2024-03-31T04:00"),
    ],
)
def test_a_month_that_has_no_such_day_gives_its_last(text: str, start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", classmethod(lambda cls: datetime.datetime(2026, 3, 31, 9)))
    assert span_of(text).start == utc(start)


@pytest.mark.parametrize(
    "when",
    [
        *("", "soon", "2026-13-01", "2026-02-30", "25:00", "days ago", "-1 days ago", "1 fortnight ago"),
        *("99999999 years ago", "2026-11-04T", "0000", "9999-99", 5, 5.0, None, b"now", ["now"]),
    ],
    ids=repr,
)
def test_what_is_no_time(when: Any) -> None:
    with pytest.raises(InvalidInputError, match="is not a time; give a datetime, or text such as"):
        span_of(when)


@given(st.dates(datetime.date(1902, 1, 1), datetime.date(2090, 1, 1)))
def test_days_follow_each_other(day: datetime.date) -> None:
    span, following = span_of(day.isoformat()), span_of((day + datetime.timedelta(days=1)).isoformat())

    assert span.stop == following.start
    assert 22 < (span.stop - span.start) / 3_600_000_000 < 26
