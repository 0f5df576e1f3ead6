"""Codec of times with a time zone of dateutil, as in results of qiskit-ibm-runtime; tagged JSON stores other times.

``{"iso": "2026-11-22T14:00:00+00:00"}``, with ``"local": true`` if the zone was that of the machine. On a machine with
another offset, the time is read with the offset that is stored.
"""

from __future__ import annotations

import datetime
from typing import Any

from aerchive.codecs.base import Codec, Decoder, Encoder
from aerchive.errors import FormatError


def _encode(value: Any, _encoder: Encoder) -> dict[str, Any] | None:
    if not type(value.tzinfo).__module__.startswith("dateutil."):
        return None
    body: dict[str, Any] = {"iso": value.isoformat()}
    for candidate in (body, {**body, "local": True}):
        back = _time(candidate)
        if back == value and type(back.tzinfo) is type(value.tzinfo) and back.isoformat() == body["iso"]:
            return candidate
    return None


def _decode(body: dict[str, Any], _decoder: Decoder) -> Any:
    return _time(body)


def _time(body: dict[str, Any]) -> datetime.datetime:
    try:
        from dateutil import parser, tz
    except ImportError as error:
        raise FormatError("a time in a zone of dateutil: pip install python-dateutil") from error
    time: datetime.datetime = parser.isoparse(body["iso"])
    if body.get("local"):
        local = time.astimezone(tz.tzlocal())
        return local if local.utcoffset() == time.utcoffset() else time
    return time


CODEC = Codec("zoned_time", 1, (datetime.datetime,), _encode, _decode)
