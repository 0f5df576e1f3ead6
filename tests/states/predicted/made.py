"""States with structure and rounding noise, made without Aer, for tests."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from aerchive.states.predicted.encode import encode
from aerchive.states.predicted.encoded import Encoded

States = dict[str, NDArray[np.complex128]]
QUBITS = 16


def noisy(values: NDArray[np.complex128], steps: int) -> NDArray[np.complex128]:
    """The values, each part moved by at most so many steps to a neighbouring number; zeros stay."""
    random = np.random.default_rng(2)
    parts = values.view(np.float64).copy()
    patterns = parts.view(np.int64)
    patterns += np.where(parts == 0, 0, random.integers(-steps, steps + 1, parts.size))
    return parts.view(np.complex128)


def low_rank(rank: int, *, is_real: bool = False, qubits: int = QUBITS) -> NDArray[np.complex128]:
    random = np.random.default_rng(1)
    left, right = (random.standard_normal((2, rank, 1 << half)) for half in (qubits // 2, (qubits + 1) // 2))
    left *= 10.0 ** -np.arange(rank)[:, None]
    factors = [side[0] + (0 if is_real else 1j) * side[1] for side in (left, right)]
    values = np.asarray(factors[0].T @ factors[1], np.complex128).reshape(-1)
    return noisy(values / np.linalg.norm(values), 8)


def repeating(number: int = 500) -> NDArray[np.complex128]:
    """Amplitudes of so many different values in random order, so that the matrix has full rank."""
    random = np.random.default_rng(3)
    values = random.standard_normal((number, 2)).view(np.complex128)[:, 0] / 2 ** (QUBITS / 2)
    return noisy(values[random.integers(number, size=1 << QUBITS)], 8)


def single() -> NDArray[np.complex128]:
    return low_rank(2).astype(np.complex64).astype(np.complex128)


@functools.cache
def structured() -> States:
    """One state for each way of encoding; they are not to be changed."""
    return {"complex": low_rank(3), "real": low_rank(3, is_real=True), "single": single(), "table": repeating()}


@functools.cache
def encoded_states() -> dict[str, Encoded]:
    """The states of `structured`, encoded."""
    results = {name: encode(state) for name, state in structured().items()}
    return {name: result for name, result in results.items() if result is not None}


def slice_of(encoded: Encoded, start: int, stop: int) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.generic]]:
    """The factors and the residual that decode a slice."""
    columns = {name: array.read(start, stop) for name, array in encoded.aligned.items()}
    residual = columns.pop("residual")
    return {**encoded.arrays, **columns}, residual
