"""The shown attributes of a run: what its documents say, in words, for people who look at the file with a viewer.

See decisions 0029 and 0033.
"""

from __future__ import annotations

import math
import re
from typing import Any

from aerchive import layout
from aerchive.models.base import Scalar
from aerchive.models.catalogue import COLUMN
from aerchive.models.run import RunRecord

_TITLE = 50
"""The greatest number of characters of a title; HDFView shows that many."""
_TEXT = 200
"""The greatest number of characters of the other texts; the documents have them whole."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_MADE_UP = re.compile(r"circuit(-[0-9]+)+")
_NAME = 28
_ID = 8


def shown_attributes(record: RunRecord, plot: str | None = None) -> dict[str, Scalar]:
    """Returns the attributes of the group of a run that repeat its documents.

    Args:
        record: The documents of the run.
        plot: The name of the plot in the group ``view`` that viewers show first; ``None`` if there is no plot.

    Returns:
        Texts, integers and floats by name; all names are in `aerchive.layout.SHOWN`. What is not known is left out.
    """
    config, status, labels = record.config, record.status, record.labels
    method, shots = (COLUMN[name].value for name in ("method", "shots"))
    noise = "with a noise model" if "noise_model" in config.options else None
    found: dict[str, Any] = {
        "title": _title(record),
        "outcome": status.outcome,
        "program": config.program,
        "method": method and method(record),
        "qubits": config.num_qubits,
        "shots": shots and shots(record),
        "seconds": status.seconds,
        "circuit": _circuits(config.circuit_names),
        "noise": noise,
        "name": labels.name,
        "tags": ", ".join(labels.tags or []) or None,
        "error": status.message,
        "NX_class": "NXentry",
        layout.DEFAULT: None if plot is None else f"{layout.VIEW}/{plot}",
    }
    kinds: dict[str, type] = {"qubits": int, "shots": int, "seconds": float}
    shown: dict[str, Scalar] = {}
    for name, value in found.items():
        if _is_shown(value, kinds.get(name, str)):
            shown[name] = cut(value, _TEXT) if isinstance(value, str) else value
    return shown


def readable_name(record: RunRecord, *, is_neutral: bool = False) -> str:
    """Returns the middle part of the name of a run's group: its name, or that of its circuit or program, and its size.

    Args:
        record: The documents of the run.
        is_neutral: Whether the word ``run`` stands in the place of a name that a user chose.

    Returns:
        Such as ``noisy_GHZ_3q``: letters, digits, ``_`` and ``.``.
    """
    names = [] if is_neutral else [record.labels.name or "", *own_names(record.config.circuit_names)[:1]]
    texts = [safe(name) for name in [*names, "run" if is_neutral else record.config.program]]
    qubits = record.config.num_qubits
    size = "" if qubits is None else f"_{qubits}q"
    width = _NAME - max(0, len(size) - _ID)
    return f"{next(filter(None, texts), 'run')[:width].rstrip('_')}{size}"


def safe(text: str) -> str:
    """Returns a text in which all but letters, digits, ``_`` and ``.`` of ASCII became ``_``; none is doubled."""
    return re.sub("_+", "_", _UNSAFE.sub("_", text)).strip("_")


def _title(record: RunRecord) -> str:
    config, status = record.config, record.status
    shots = COLUMN["shots"].value
    parts = [str(status.outcome)]
    numbers = (config.num_qubits, "qubit"), (shots and shots(record), "shot")
    parts += [f"{number} {word}{'s' * (number != 1)}" for number, word in numbers if type(number) is int]
    if status.seconds is not None:
        parts.append(_duration(status.seconds))
    tail = f": {', '.join(parts)}"
    name = record.labels.name or "".join(own_names(config.circuit_names)[:1]) or config.program
    return cut(cut(name, max(_TITLE - len(tail), 1)) + tail, _TITLE)


def _duration(seconds: float) -> str:
    return (
        f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.3g} s"
    )


def _circuits(names: list[str] | None) -> str | None:
    first = next(filter(None, own_names(names)), None)
    if first is None or names is None or len(names) == 1:
        return first
    return f"{first} and {len(names) - 1} more"


def cut(text: str, width: int = 40) -> str:
    """Returns the beginning of a text that is too long, and three dots of ASCII, which every viewer shows."""
    return text if len(text) <= width else f"{text[: max(width - 3, 0)]}..."[:width]


def own_names(names: list[str] | None) -> list[str]:
    """Returns the names of circuits, with empty ones for those that Qiskit made up, such as ``circuit-154``."""
    return ["" if _MADE_UP.fullmatch(name) else name for name in names or ()]


def _is_shown(value: Any, kind: type) -> bool:
    """Whether a value has exactly this type, and can be an attribute that is compared."""
    if isinstance(value, int) and not 0 <= value < 2**63:
        return False
    return type(value) is kind and not (isinstance(value, float) and math.isnan(value))
