"""Codecs of statevectors, density matrices, unitaries and superoperators, in Qiskit's order of amplitudes.

Aer returns subclasses of Qiskit's own classes; it is stored to which of the two classes a value belongs.
"""

from __future__ import annotations

from typing import Any

from qiskit import quantum_info
from qiskit_aer.backends import compatibility

from aerchive.codecs.base import Codec, Decoder, Encoder, is_storable
from aerchive.errors import FormatError
from aerchive.kinds import KINDS
from aerchive.private_names import private

_SOURCES = {"aer": compatibility, "qiskit": quantum_info}


def _make(name: str, class_name: str) -> Codec:
    kind = KINDS[name].dataset
    classes = {source: getattr(module, class_name) for source, module in _SOURCES.items()}

    def encode(value: Any, encoder: Encoder) -> dict[str, Any] | None:
        data = value.data
        if not is_storable(data) or data.dtype != complex:
            return None
        shape = private(value, "_op_shape")
        output, input_ = shape.dims_l(), shape.dims_r()
        dims = None if set(output) | set(input_) <= {2} else [list(output), list(input_)]
        source = "aer" if type(value) is classes["aer"] else "qiskit"
        return {"class": source, "data": encoder.array(data, kind), "dims": dims}

    def decode(body: dict[str, Any], decoder: Decoder) -> Any:
        if body["class"] not in classes:
            raise FormatError(f"{name}: unknown class {body['class']!r}")
        cls = classes[body["class"]]
        data = decoder.array(body["data"])
        if body["dims"] is None:
            return cls(data)
        output, input_ = (tuple(dims) for dims in body["dims"])
        if class_name in ("Statevector", "DensityMatrix"):
            return cls(data, dims=output)
        return cls(data, input_dims=input_, output_dims=output)

    return Codec(name, 1, tuple(classes.values()), encode, decode)


STATEVECTOR = _make("statevector", "Statevector")
DENSITY_MATRIX = _make("density_matrix", "DensityMatrix")
CODECS = (STATEVECTOR, DENSITY_MATRIX, _make("operator", "Operator"), _make("superop", "SuperOp"))
