"""Plots of the measurement probabilities of stored states, in bounded memory."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from aerchive.display.text import clean, cut
from aerchive.errors import InvalidInputError
from aerchive.interop.axes import COLOUR, axes_for, draw_bars, plain
from aerchive.states.kets import bit_strings

_MOST_BARS = 5
"""The greatest number of qubits of a state whose basis states each have a bar."""
_BINS = 10
"""The number of highest qubits whose outcomes are the bins of a larger state."""
_MOST_TOP = 1000
_MOST_LETTERS = 32
_NAME = 40


def plot_state(state: Any, width: int, top: int | None, ax: Any) -> Any:
    """Plots a stored state; see `aerchive.StoredState.plot`.

    Args:
        state: A `aerchive.StoredState` or `aerchive.StoredDensityMatrix`.
        width: The number of its qubits.
        top: As for `aerchive.StoredState.plot`.
        ax: As for `aerchive.StoredState.plot`.
    """
    count = None if top is None else _checked(top)
    axes = axes_for(ax)
    if count is not None:
        found = _largest(state, width, count)
        draw_bars(axes, list(found), list(found.values()), _MOST_LETTERS)
        axes.set_xlabel("basis state; last bit: qubit 0")
        axes.set_ylabel(f"probability, {len(found)} most probable of {2**width:,}")
    elif width <= _MOST_BARS:
        draw_bars(axes, bit_strings(np.arange(2**width), width).tolist(), state.probabilities(), _MOST_LETTERS)
        axes.set_xlabel("basis state; last bit: qubit 0")
        axes.set_ylabel("probability")
    else:
        qubits = min(width, _BINS)
        values, each = state.probabilities(list(range(width - qubits, width))), 2 ** (width - qubits)
        places = np.arange(len(values)) * float(each)
        axes.fill_between(places, values, step="post", color=COLOUR, linewidth=0.8)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("first index of the bin" if each > 1 else "index of the basis state; last bit: qubit 0")
        axes.set_ylabel(f"probability in bins of {each:,} basis states" if each > 1 else "probability")
    axes.set_title(plain(f"{cut(clean(state.label), _NAME)}: {width} qubit{'s' * (width != 1)}"))
    return axes


def _largest(state: Any, width: int, count: int) -> dict[str, float]:
    """The probabilities of the most probable basis states by bit string, the most probable first."""
    if state.kind == "statevector":
        return {bits: one.real * one.real + one.imag * one.imag for bits, one in state.top(count).items()}
    values = state.probabilities()
    best = np.argsort(-values, kind="stable")[:count]
    best = best[values[best] > 0]
    return dict(zip(bit_strings(best, width).tolist(), values[best].tolist(), strict=True))


def _checked(top: Any) -> int:
    try:
        number = operator.index(top)
    except TypeError:
        number = 0
    if not 0 < number <= _MOST_TOP:
        raise InvalidInputError(f"top={top!r}: a number of basis states from 1 to {_MOST_TOP} is expected")
    return number
