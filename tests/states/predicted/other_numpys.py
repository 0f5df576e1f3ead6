"""Decodes the same arrays with other versions of numpy, each in a new environment: `python3 tasks.py bits`.

Encoded states must be decoded to the same bits by any numpy on any processor. The tests compare processors as far as
numpy can pretend to have another one; this program compares versions, whose loops and compilers differ. Arguments: the
versions, by default the oldest supported, some between, and the newest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

from tests.states.predicted.test_same_bits import decoded, store

VERSIONS = ("2.0.0", "2.1.3", "2.2.6", "2.3.5", "")
"""Releases of numpy; the empty string is the newest."""
_FEATURES = """
from numpy._core import _multiarray_umath as loops
print(*(name for name in loops.__cpu_dispatch__ if loops.__cpu_features__[name]))
"""
"""A program that prints what numpy can do without on this processor; versions have different names for it."""


def main(versions: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path, digests = store(Path(folder) / "states.npz")
        print(f"encoded with numpy {np.__version__}")
        for version in versions or VERSIONS:
            place = Path(folder) / f"numpy-{version or 'newest'}"
            venv.create(place, with_pip=True)
            python = str(place / "bin" / "python")
            wanted = f"numpy=={version}" if version else "numpy"
            subprocess.run([python, "-m", "pip", "install", "-q", "--only-binary", ":all:", wanted], check=True)
            features = subprocess.run([python, "-c", _FEATURES], check=True, capture_output=True, text=True).stdout
            for disabled in ("", features.strip()):
                name = f"{place.name}, without {disabled or 'nothing'}"
                variables = {"NPY_DISABLE_CPU_FEATURES": disabled, "PYTHONWARNINGS": "ignore"}
                is_same = decoded(path, python, **variables) == digests
                failed += not is_same
                print(f"{name}: {'the same bits' if is_same else 'OTHER BITS'}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
