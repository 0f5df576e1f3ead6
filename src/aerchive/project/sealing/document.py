"""Small files of JSON that go with a project: seals and proofs. They may come from a stranger."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aerchive.errors import FormatError, check_version

_HASH = re.compile(r"[0-9a-f]{64}")


def read_document(
    text: str | bytes, kind: str, version: int, fields: Mapping[str, type], where: object
) -> dict[str, Any]:
    """Reads a JSON object that says what it is.

    Args:
        text: The JSON.
        kind: The text that its member ``format`` must be.
        version: The newest ``version`` that is read.
        fields: All other members, and their types.
        where: The file, for messages.

    Returns:
        The other members.

    Raises:
        NewerFormatError: A later version of aerchive has written it.
        FormatError: It is something else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: is not an {kind}: {error}") from error
    if not isinstance(found, dict) or found.pop("format", None) != kind:
        raise FormatError(f"{where}: is not an {kind}")
    check_version(found.pop("version", None), version, f"{where}: {kind}:")
    wrong = [name for name in found.keys() | fields if type(found.get(name)) is not fields.get(name)]
    if wrong:
        raise FormatError(f"{where}: is not an {kind} as this aerchive knows it: {sorted(wrong)[0]!r:.80} is not right")
    return found


def is_hash(text: object) -> bool:
    """Whether a value is a root or another hash: 64 hexadecimal digits, lower case."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def check_hash(text: object, where: object) -> None:
    """Refuses what is no hash.

    Raises:
        FormatError: It is none.
    """
    if not is_hash(text):
        raise FormatError(f"{where}: {text!r:.80} is not a hash, which has 64 hexadecimal digits")
