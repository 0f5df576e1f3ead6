"""The card of a stored array: its shape and sizes; of small states also norm and largest amplitudes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from aerchive.display.html import Markup, bar, element, facts, join, lines, part, table, text
from aerchive.display.text import format_bytes
from aerchive.stored.array_plan import ArrayPlan, plan_array
from aerchive.stored.location import ArrayLocation
from aerchive.stored.opener import RunOpener
from aerchive.stored.recomputed import names_recomputed

MOST_READ_BYTES = 1024 * 1024
"""The greatest size of an array, before compression, that is read for its card: a state of 16 qubits."""
_MOST_SHOWN = 64
"""The greatest number of values that are shown."""
_MOST_CHUNKS = 100_000
"""The greatest number of chunks whose sizes are looked up."""
_MOST_AMPLITUDES = 8
_LEAST = 1e-20
"""Probabilities up to this are rounding errors of zero, and are not shown."""


def array_cards(array: Any, facts_of_it: dict[str, str], size: str) -> Iterator[str]:
    """Yields the header of the card of an array, then its parts.

    Args:
        array: A `aerchive.StoredArray`.
        facts_of_it: What else is known of the array.
        size: The size on disk in words; empty if it is not known.
    """
    shape = " × ".join(f"{extent:,}" for extent in array.shape) or "no axes"
    yield join(f"{type(array).__name__} ", element("b", shape), f" {array.dtype}")
    whole = f"{format_bytes(array.nbytes)} in memory"
    chunks = "" if array.chunks == array.shape else " × ".join(f"{extent:,}" for extent in array.chunks)
    yield facts([*facts_of_it.items(), ("size", f"{whole}, {size}" if size else whole), ("chunks", chunks)])
    if array.size <= _MOST_SHOWN and getattr(array, "kind", "") != "statevector":
        yield part(lambda: lines(np.array2string(np.asarray(array), precision=4, suppress_small=True)))


def size_on_disk(run: RunOpener, location: ArrayLocation) -> str:
    """The space that the chunks of an array take in the file, in words; no value is read."""
    if location.form is not None:
        return ""
    if location.chunk is None or location.offset is not None or location.has_neighbours:
        return "on disk together with other values"
    if (
        math.prod(-(-extent // chunk) for extent, chunk in zip(location.shape, location.chunks, strict=True))
        > _MOST_CHUNKS
    ):
        return ""
    with run.open() as (_, group):
        if names_recomputed(group, location.datasets):
            return "not stored: computed again when it is read"
        plan = plan_array(group, location)
        chunks = plan.plan.locations if isinstance(plan, ArrayPlan) else ()
        return f"{format_bytes(sum(max(0, chunk.nbytes) for chunk in chunks))} on disk"


def amplitudes(state: Any) -> Markup:
    """The norm and the largest amplitudes of a state vector, if it is small; else how to get them."""
    if state.nbytes > MOST_READ_BYTES:
        return hint("top(8)", "norm()", "probabilities([0, 1])", "plot()")
    with np.errstate(all="ignore"):  # a file may have any numbers
        found, norm = state.top(_MOST_AMPLITUDES) if state.num_qubits else {}, state.norm()
    weights = {bits: one.real * one.real + one.imag * one.imag for bits, one in found.items()}
    largest = max(weights.values(), default=1.0)
    rows = [
        (element("code", bits), f"{one.real:+.4f} {one.imag:+.4f}i", bar(weight / largest), f"{weight:.4f}")
        for (bits, one), weight in zip(found.items(), weights.values(), strict=True)
        if not weight <= _LEAST
    ]
    title = element("p", f"norm {norm:.6g}; the most probable basis states, qubit 0 is the last bit:")
    return join(title, table(("state", "amplitude", "", "probability"), rows, (1, 3)))


def mixedness(state: Any) -> Markup:
    """The trace and the purity of a density matrix, if it is small; else how to get them."""
    if state.nbytes > MOST_READ_BYTES:
        return hint("trace()", "purity()", "probabilities([0, 1])", "plot()")
    with np.errstate(all="ignore"):
        return element("p", f"trace {state.trace().real:.6g}, purity {state.purity():.6g}")


def hint(*calls: str) -> Markup:
    """Says that an array was not read for its card, and what reads it."""
    return element("p", text(f"not read for this card: {', '.join(calls)} read the state piece by piece", 400))
