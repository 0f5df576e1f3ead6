"""Decodes a file of encoded states and prints a digest of each, in a process with other libraries or processors.

It needs numpy and what ``PYTHONPATH`` gives: the sources of aerchive.
"""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np

from aerchive.states.predicted.decode import decode

LENGTHS = (1, 4097, 65536)
"""The lengths of slices: they end where loops over several numbers at a time leave some over."""


def main(path: str) -> None:
    stored = np.load(path)
    digests = {}
    for name, (form, attributes) in json.loads(str(stored["forms"])).items():
        arrays = {key.removeprefix(f"{name}/"): stored[key] for key in stored.files if key.startswith(f"{name}/")}
        residual, index = arrays.pop("residual"), arrays.pop("index", None)
        size = residual.shape[1]
        for length in LENGTHS:
            digest = hashlib.sha256()
            for start in range(0, size, length) if length > 1 else (0, 5, size - 1):
                part = slice(start, min(start + length, size))
                factors = arrays if index is None else {**arrays, "index": index[part]}
                digest.update(decode(form, attributes, factors, residual[:, part], start).tobytes())
            digests[f"{name} {length}"] = digest.hexdigest()
    print(json.dumps({"numpy": np.__version__, "digests": digests}))


if __name__ == "__main__":
    main(sys.argv[1])
