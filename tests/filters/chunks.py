"""Chunks of every kind: noise, constants, repetitions, few values, denormals, NaNs with payload, negative zeros."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BYTES = 256 * 1024


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _state(number: int) -> np.ndarray:
    random = _random(number)
    return (random.normal(size=number) + 1j * random.normal(size=number)) / np.sqrt(number)


def _sparse(number: int) -> np.ndarray:
    state = _state(number)
    state[_random(1).random(number) < 0.95] = 0
    return state


def _few_values(number: int) -> np.ndarray:
    return _state(64)[_random(2).integers(0, 64, number)]


def _tiled(number: int) -> np.ndarray:
    return np.resize(_state(3001), number)


def _payloads(number: int) -> np.ndarray:
    words = np.uint64(0x7FF8 << 48) | _random(3).integers(0, 2**51, 2 * number, dtype=np.uint64)
    return words.view(np.complex128)


ELEMENTS = BYTES // 16
CHUNKS: dict[str, Callable[[], np.ndarray]] = {
    "dense state": lambda: _state(ELEMENTS),
    "sparse state": lambda: _sparse(ELEMENTS),
    "few values": lambda: _few_values(ELEMENTS),
    "tiled": lambda: _tiled(ELEMENTS),
    "real": lambda: _state(ELEMENTS).real + 0j,
    "phases": lambda: np.exp(2j * np.pi * np.arange(ELEMENTS) * 12345 / 2**20),
    "noise": lambda: _random(4).integers(0, 2**64, 2 * ELEMENTS, dtype=np.uint64),
    "one amplitude": lambda: np.eye(1, ELEMENTS, 7, dtype=complex)[0],
    "constant": lambda: np.full(ELEMENTS, 0.1 + 0.2j),
    "negative zeros": lambda: np.full(ELEMENTS, complex(-0.0, -0.0)),
    "denormals": lambda: _random(5).integers(1, 2**20, 2 * ELEMENTS, dtype=np.uint64).view(np.float64),
    "payloads": lambda: _payloads(ELEMENTS),
    "infinities": lambda: np.where(_random(6).random(2 * ELEMENTS) < 0.5, np.inf, -np.inf),
    "single precision": lambda: _state(2 * ELEMENTS).astype(np.complex64),
    "halves": lambda: _random(7).normal(size=BYTES // 2).astype(np.float16),
    "counting": lambda: np.arange(BYTES // 8),
    "bytes": lambda: _random(8).integers(0, 3, BYTES, dtype=np.uint8),
    "first half noise": lambda: np.concatenate([_state(ELEMENTS // 2), np.zeros(ELEMENTS // 2)]),
}
"""Each gives an array; its bytes are the chunk, its item size that of the elements."""


def chunk(name: str) -> tuple[np.ndarray, int]:
    """The bytes of a chunk, and its item size."""
    array = CHUNKS[name]()
    return array.reshape(-1).view(np.uint8), array.dtype.itemsize
