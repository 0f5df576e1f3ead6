"""Checks of the arguments of public methods; an error names the argument, its value and the expected form.

A method is decorated with `checked`, and its annotations say which types it takes. Similar types are accepted: one text
where a list of texts is expected, integers of NumPy, and any object that a dictionary can be made of.
"""

from __future__ import annotations

import collections.abc
import functools
import operator
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from aerchive.errors import InvalidInputError
from aerchive.models.labels import LabelChange
from aerchive.times import EXAMPLES, span_of

_Method = TypeVar("_Method", bound=Callable[..., Any])
_MOST_SHOWN = 80


class _Form(NamedTuple):
    """The form of an argument that an annotation means.

    Attributes:
        wanted: A description of the form, with an example.
        taken: A function that converts a value for the method; it raises ``TypeError`` or ``InvalidInputError`` if the
            value cannot be used.
    """

    wanted: str
    taken: Callable[[Any], Any]


def refuse(name: str, value: Any, wanted: str) -> NoReturn:
    """Raises the error for an argument that cannot be used.

    Args:
        name: Name of the argument.
        value: The value that was given.
        wanted: A description of the right form, with an example.

    Raises:
        InvalidInputError: Always.
    """
    shown = repr(value)
    if len(shown) > _MOST_SHOWN:
        shown = f"{shown[: _MOST_SHOWN - 1]}…"
    raise InvalidInputError(f"{name} must be {wanted}; found {shown} ({type(value).__name__})")


def _integer(value: Any) -> int:
    if isinstance(value, bool | np.bool_):
        raise TypeError
    return operator.index(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str.__str__(value)  # makes a plain str of subclasses such as numpy.str_


def _texts(value: Any) -> list[str]:
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise TypeError
    return [value] if isinstance(value, str) else [_text(one) for one in value]


def _text_or_texts(value: Any) -> str | list[str]:
    return _text(value) if isinstance(value, str) else _texts(value)


def _dictionary(value: Any) -> dict[Any, Any]:
    if not hasattr(value, "keys"):
        raise TypeError
    return dict(value)


def _choice(value: Any) -> int | str:
    return _text(value) if isinstance(value, str) else _integer(value)


def _time(value: Any) -> Any:
    span_of(value)
    return value


def _instance_of(*kinds: Any) -> Callable[[Any], Any]:
    def taken(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return taken


_ONE_OR_MANY = "a text or a list of texts, such as ['vqe', 'paper']"
_TEXTS = _Form(_ONE_OR_MANY, _texts)
_FORMS = {
    "int": _Form("a whole number, such as 1", _integer),
    "float": _Form("a number, such as 1e-6", _number),
    "bool": _Form("True or False", _truth),
    "str": _Form("text", _text),
    "int | str": _Form("a whole number or text", _choice),
    "Sequence[str]": _TEXTS,
    "list[str]": _TEXTS,
    "str | Sequence[str]": _Form(_ONE_OR_MANY, _text_or_texts),
    "Mapping[str, Any]": _Form("a dictionary, such as {'distance': 0.7}", _dictionary),
    "str | os.PathLike[str]": _Form("the path of a file", _instance_of(str, os.PathLike)),
    "datetime.datetime": _Form(f"a time: {EXAMPLES}", _time),
    "LabelChange": _Form("an aerchive.models.labels.LabelChange", _instance_of(LabelChange)),
    "Progress": _Form("a function of the work done and all of it", _instance_of(collections.abc.Callable)),
}
"""The form of each annotation without ``| None``; methods check arguments with other annotations themselves."""


def checked(method: _Method) -> _Method:
    """Decorates a method so that its arguments are checked as its annotations say.

    Raises:
        InvalidInputError: An argument has the wrong type; the message names it, and says what it must be.
    """
    code = method.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    annotations = {name: str(given) for name, given in method.__annotations__.items()}
    checks = {name: _check_of(name, annotations.get(name, "")) for name in names}
    by_place = [checks[name] for name in names[: code.co_argcount]]
    rest = None
    if code.co_flags & 0x04:  # the method has an argument such as *tags
        star = code.co_varnames[len(names)]
        rest = _check_of(star, annotations.get(star, ""))

    @functools.wraps(method)
    def with_checks(*given: Any, **named: Any) -> Any:
        taken = [value if check is None else check(value) for check, value in zip(by_place, given, strict=False)]
        more = given[len(by_place) :]
        taken += more if rest is None else map(rest, more)
        for name, value in named.items():
            check = checks.get(name)
            if check is not None:
                named[name] = check(value)
        return method(*taken, **named)

    return with_checks  # type: ignore[return-value]  # takes the same arguments


def _check_of(name: str, annotation: str) -> Callable[[Any], Any] | None:
    plain = annotation.removesuffix(" | None")
    form = _FORMS.get(plain)
    if form is None:
        return None
    may_be_none = plain != annotation
    wanted = f"{form.wanted}, or None" if may_be_none else form.wanted

    def check(value: Any) -> Any:
        if value is None and may_be_none:
            return None
        try:
            return form.taken(value)
        except (TypeError, InvalidInputError):
            refuse(name, value, wanted)

    return check
