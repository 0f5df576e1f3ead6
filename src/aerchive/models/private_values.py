"""Values of options that are not stored, because they are secrets or environment variables."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Reason = Callable[[str, Any], str | None]
"""A function of a name and a value; it returns the reason why the value is left out, or ``None`` if it stays."""

LEFT_OUT: Final = object()
"""What `leave_out` returns for a value that is left out as a whole."""

_PARTS = (
    *("password", "passwd", "passphrase", "passcode", "secret", "token", "credential"),
    *("apikey", "accesskey", "privatekey", "authkey", "accountkey", "signingkey", "encryptionkey", "sshkey"),
)
"""Parts of the names of secrets, in small letters and without separators."""
_WORDS = frozenset(
    {"auth", "oauth", "oauth2", "authorization", "authorisation", "authentication", "bearer", "cookie", "cookies"}
    | {"jwt", "pwd", "session", "sessions", "sessionid"}
)
"""Words that make a name that of a secret."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_URL_WITH_PASSWORD = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*:[^\s/@]+@")
_ENVIRONMENT = frozenset({"env", "environ", "envvars", "environmentvariables"})
_VARIABLES = frozenset({"PATH", "HOME", "USERPROFILE"})
"""Environment variables by which a copy of an environment is recognised."""
_NO_SECRETS = (bool, type(None))


class LeftOut(NamedTuple):
    """A value that was left out.

    Attributes:
        path: The name of the option, with the keys that lead to the value: ``client.headers.authorization``.
        why: The reason, in words.
    """

    path: str
    why: str


def is_secret_name(name: str) -> bool:
    """Whether the name of an option says that its value is a secret: ``token``, ``api_key``, ``dbPassword``."""
    squeezed = re.sub("[^a-z0-9]", "", name.lower())
    return any(part in squeezed for part in _PARTS) or any(word.lower() in _WORDS for word in _WORD.findall(name))


def secret_reason(name: str, value: Any) -> str | None:
    """Returns the reason why a value is never stored, or ``None`` if it may be stored.

    Args:
        name: The name of the option, or the last key that leads to the value.
        value: The value.
    """
    value = value._value_ if isinstance(value, enum.Enum) else value
    if is_secret_name(name) and not isinstance(value, _NO_SECRETS):
        return "not stored, because its name is that of a secret"
    if isinstance(value, str) and _URL_WITH_PASSWORD.search(value):
        return "not stored, because it is an address with a password"
    if isinstance(value, Mapping) and (
        re.sub("[^a-z]", "", name.lower()) in _ENVIRONMENT or not _VARIABLES.isdisjoint(value)
    ):
        return "not stored, because it has environment variables"
    return None


def leave_out(name: str, value: Any, reason: Reason, found: list[LeftOut], path: str | None = None) -> Any:
    """Returns a value without the parts that are left out; what stays keeps its type and order.

    A list or tuple one of whose items is left out is left out as a whole, because its positions have a meaning.

    Args:
        name: The name of the value.
        value: The value, which must not contain itself.
        reason: The function that decides what is left out.
        found: The list to which everything that is left out is added.
        path: The name with the keys that lead to the value; by default the name.

    Returns:
        The value, the very same object if nothing is left out, or `LEFT_OUT`.
    """
    path = name if path is None else path
    why = reason(name, value)
    if why is not None:
        found.append(LeftOut(path, why))
        return LEFT_OUT
    if type(value) is dict:
        items = {key: leave_out(str(key), item, reason, found, f"{path}.{key}") for key, item in value.items()}
        if all(items[key] is item for key, item in value.items()):
            return value
        return {key: item for key, item in items.items() if item is not LEFT_OUT}
    if type(value) is list or type(value) is tuple:
        is_pair = len(value) == 2 and isinstance(value[0], str)
        if is_pair and (why := reason(value[0], value[1])) is not None:
            found.append(LeftOut(f"{path}.{value[0]}", why))
            return LEFT_OUT
        kept = [leave_out("", item, reason, found, f"{path}[{number}]") for number, item in enumerate(value)]
        if any(item is LEFT_OUT for item in kept):
            return LEFT_OUT
        return value if all(map(lambda one, other: one is other, kept, value)) else type(value)(kept)
    return value
