from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy._core import _multiarray_umath

from tests.states.predicted import decoding_child
from tests.states.predicted.made import encoded_states, slice_of, structured

SOURCES = Path(__file__).resolve().parents[3] / "src"
FEATURES = [name for name in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__[name]]
"""The extensions of this processor that numpy has own loops for, and which can be switched off."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A file of encoded states, and the digests of what they are to be decoded to."""
    return store(tmp_path_factory.mktemp("encoded") / "states.npz")


def store(path: Path) -> tuple[Path, dict[str, str]]:
    arrays: dict[str, Any] = {}
    forms, digests = {}, {}
    for name, result in encoded_states().items():
        state = structured()[name]
        factors, residual = slice_of(result, 0, state.size)
        arrays |= {f"{name}/{key}": array for key, array in factors.items()} | {f"{name}/residual": residual}
        forms[name] = result.form, dict(result.attributes)
        for length in decoding_child.LENGTHS:
            part = state[[0, 5, -1]] if length == 1 else state
            digests[f"{name} {length}"] = hashlib.sha256(part.tobytes()).hexdigest()
    np.savez(path, forms=np.array(json.dumps(forms)), **arrays)
    return path, digests


def decoded(path: Path, python: str = sys.executable, **environment: str) -> dict[str, str]:
    """The digests that a process with these variables prints."""
    child = subprocess.run(
        [python, decoding_child.__file__, path],
        env={**os.environ, "PYTHONPATH": str(SOURCES), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    digests: dict[str, str] = json.loads(child.stdout)["digests"]
    return digests


def test_decoding_gives_the_same_bits_without_extensions_of_the_processor(stored: tuple[Path, dict[str, str]]) -> None:
    path, digests = stored
    assert len(digests) == len(structured()) * len(decoding_child.LENGTHS)
    assert FEATURES, "this build of numpy has no loops that could be switched off"
    assert decoded(path, NPY_DISABLE_CPU_FEATURES=" ".join(FEATURES)) == digests


def test_decoding_gives_the_same_bits_with_another_linear_algebra(stored: tuple[Path, dict[str, str]]) -> None:
    path, digests = stored
    assert decoded(path, OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="Prescott", OMP_NUM_THREADS="1") == digests
