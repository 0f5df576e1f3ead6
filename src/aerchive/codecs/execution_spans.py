"""Codecs of execution spans: the times at which a device of IBM's service took the shots of a sampler's result.

``{"spans": [{"class", "start", "stop", "slices": [[pub, part, ...], ...]}, ...]}``; a part is an integer, a boolean,
a list of numbers (a shape) or ``{"slice": [start, stop, step]}``, in the order of the class.
The classes belong to qiskit-ibm-runtime, which is imported only if there is such a value.
"""

from __future__ import annotations

from typing import Any

from aerchive.codecs.base import Codec, Decoder, Encoder, class_of_runtime
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.private_names import private
from aerchive.text import type_name

_PACKAGE = "qiskit_ibm_runtime.execution_span"
_CLASSES = {
    "SliceSpan": f"{_PACKAGE}.slice_span",
    "DoubleSliceSpan": f"{_PACKAGE}.double_slice_span",
    "TwirledSliceSpan": f"{_PACKAGE}.twirled_slice_span",
    "TwirledSliceSpanV2": f"{_PACKAGE}.twirled_slice_span",
}


def _names(*classes: str) -> tuple[str, ...]:
    return tuple(f"{_CLASSES[name]}.{name}" for name in classes)


def _encode_span(span: Any, encoder: Encoder) -> dict[str, Any]:
    kind = type(span)
    if kind.__qualname__ not in _CLASSES:
        raise UnsupportedTypeError(f"no codec for {type_name(kind)}")
    shots = private(span, "_pub_shots") if kind.__qualname__ == "TwirledSliceSpanV2" else {}
    slices = [
        [pub, *map(_encode_part, parts), *([shots[pub]] if pub in shots else [])]
        for pub, parts in private(span, "_data_slices").items()
    ]
    return {
        "class": kind.__qualname__,
        "start": encoder.value(span.start),
        "stop": encoder.value(span.stop),
        "slices": slices,
    }


def _encode_part(part: Any) -> Any:
    if type(part) is slice:
        return {"slice": [part.start, part.stop, part.step]}
    return list(part) if type(part) is tuple else part


def _decode_span(body: dict[str, Any], decoder: Decoder) -> Any:
    name = body["class"]
    if name not in _CLASSES:
        raise FormatError(f"an execution span of class {name!r} is not known here")
    slices = {pub: tuple(map(_decode_part, parts)) for pub, *parts in body["slices"]}
    return class_of_runtime(_CLASSES[name], name)(decoder.value(body["start"]), decoder.value(body["stop"]), slices)


def _decode_part(part: Any) -> Any:
    if isinstance(part, dict):
        return slice(*part["slice"])
    return tuple(part) if isinstance(part, list) else part


def _encode_spans(spans: Any, encoder: Encoder) -> dict[str, Any]:
    return {"spans": [_encode_span(span, encoder) for span in spans]}


def _decode_spans(body: dict[str, Any], decoder: Decoder) -> Any:
    kind = class_of_runtime(f"{_PACKAGE}.execution_spans", "ExecutionSpans")
    return kind([_decode_span(span, decoder) for span in body["spans"]])


CODECS = (
    Codec("execution_span", 1, (), _encode_span, _decode_span, _names(*_CLASSES)),
    Codec("execution_spans", 1, (), _encode_spans, _decode_spans, (f"{_PACKAGE}.execution_spans.ExecutionSpans",)),
)
