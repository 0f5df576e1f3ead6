"""Times in the notation of the file format, and times as users write them: ``yesterday`` or ``3 hours ago``."""

from __future__ import annotations

import datetime
import re
from typing import Any, NamedTuple

from aerchive.errors import FormatError, InvalidInputError

_AGO = re.compile(r"(an?|\d{1,9})\s*(second|sec|s|minute|min|hour|h|day|d|week|w|month|year|y)s?(\s+ago)?\Z")
_MONTH = re.compile(r"(\d{4})-(\d{2})\Z")
_YEAR = re.compile(r"(\d{4})\Z")
_SECOND = re.compile(r".*\d{2}:\d{2}:\d{2}\s*(z|[+-][\d:]+)?\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"s": "seconds", "sec": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks", "y": "years"}
_ONE_DAY = datetime.timedelta(days=1)
_SECOND_US = 1_000_000
EXAMPLES = "a datetime, or text such as '2026-11-22', '2026-11-22T14:00', 'yesterday' or '3 hours ago'"
"""The kinds of values that are accepted as a time, for messages."""


def to_microseconds(time: str) -> int:
    """Converts a time in the notation of the file format to microseconds since 1970 (UTC).

    Raises:
        FormatError: The text is not a time, or has no offset from UTC.
    """
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError as error:
        raise FormatError(f"{time[:80]!r} is not a time") from error
    if moment.tzinfo is None:
        raise FormatError(f"{time!r} is a time without an offset from UTC")
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> str:
    """Converts microseconds since 1970 (UTC) to a time in the notation of the file format.

    Raises:
        FormatError: The time is outside the years 1 to 9999.
    """
    try:
        moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise FormatError(f"{microseconds} microseconds from 1970 on is not a time") from error
    return from_datetime(moment)


def from_datetime(moment: datetime.datetime) -> str:
    """Converts a time to the notation of the file format: UTC, ISO 8601, microseconds, ``Z``.

    Args:
        moment: Any time; without a zone it is local time.
    """
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> str:
    """Returns the present time in the notation of the file format."""
    return from_datetime(datetime.datetime.now(datetime.UTC))


class Span(NamedTuple):
    """The interval that a time means: an instant, or a whole second, day, month or year.

    Attributes:
        start: The first microsecond of the interval, counted from 1970 (UTC).
        stop: The first microsecond after the interval, counted from 1970 (UTC).
    """

    start: int
    stop: int


def span_of(when: Any) -> Span:
    """Returns the interval that a time means.

    Days, months and years are those of the local time zone, from midnight to midnight. A time without an offset from
    UTC is local time. A text that ends with seconds means the whole second, because listings print times to the second
    and a time copied from a listing must find its run.

    Args:
        when: A ``datetime`` (local time if it has no zone), a ``date``, or a text: ISO 8601, ``2026-11``, ``2026``,
            ``now``, ``today``, ``yesterday``, ``monday`` (the last Monday, which may be today), ``3 hours ago`` or
            ``3h`` (an instant), ``2 days ago``, ``2d``, ``1 week ago``, ``6 months ago``, ``1 year ago`` (the whole
            day).

    Raises:
        InvalidInputError: The value is not a time of these kinds.
    """
    try:
        if isinstance(when, datetime.datetime):
            return _instant(when)
        if isinstance(when, datetime.date):
            return _days(when, when + _ONE_DAY)
        return _of_text(" ".join(when.lower().split()), when)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidInputError(f"{when!r} is not a time; give {EXAMPLES}") from error


def _of_text(text: str, given: str) -> Span:
    moment = datetime.datetime.now()
    today = moment.date()
    if text == "now":
        return _instant(moment)
    if text in ("today", "yesterday"):
        day = today if text == "today" else today - _ONE_DAY
        return _days(day, day + _ONE_DAY)
    if text in _WEEKDAYS:
        day = today - ((today.weekday() - _WEEKDAYS.index(text)) % 7) * _ONE_DAY
        return _days(day, day + _ONE_DAY)
    if match := _YEAR.match(text):
        return _days(datetime.date(int(match[1]), 1, 1), datetime.date(int(match[1]) + 1, 1, 1))
    if match := _MONTH.match(text):
        first = datetime.date(int(match[1]), int(match[2]), 1)
        return _days(first, _months_later(first, 1))
    if _DAY.match(text):
        day = datetime.date.fromisoformat(text)
        return _days(day, day + _ONE_DAY)
    if match := _AGO.match(text):
        return _ago(moment, 1 if match[1] in ("a", "an") else int(match[1]), match[2])
    start = _instant(datetime.datetime.fromisoformat(given.strip())).start
    return Span(start, start + (_SECOND_US if _SECOND.match(text) else 1))


def _ago(moment: datetime.datetime, number: int, unit: str) -> Span:
    unit = _UNITS.get(unit, f"{unit}s")
    if unit in ("seconds", "minutes", "hours"):
        return _instant(moment.astimezone() - datetime.timedelta(**{unit: number}))
    if unit in ("days", "weeks"):
        day = moment.date() - datetime.timedelta(**{unit: number})
    else:
        day = _months_later(moment.date(), -number * (12 if unit == "years" else 1))
    return _days(day, day + _ONE_DAY)


def _months_later(day: datetime.date, months: int) -> datetime.date:
    """Returns the same day of another month, or the last day of that month if the day does not exist there."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(day.replace(year=year, month=month + 1, day=1) + (day.day - 1) * _ONE_DAY, following - _ONE_DAY)


def _instant(when: datetime.datetime) -> Span:
    start = to_microseconds(when.astimezone(datetime.UTC).isoformat())
    return Span(start, start + 1)


def _days(first: datetime.date, stop: datetime.date) -> Span:
    midnight = datetime.time()
    start, end = (_instant(datetime.datetime.combine(day, midnight)).start for day in (first, stop))
    return Span(start, end)
