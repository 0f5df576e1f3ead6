"""Codec of results of primitives, in the form of other results: a pub is an experiment, each field of its data a value.

``{"fields": {}, "metadata": {...}, "experiments": [{"fields": {"class", "shape"}, "metadata": {...}, "data": [[name,
value], ...]}]}``; ``class`` is ``SamplerPubResult``, ``PubResult`` or ``EstimatorPubResult`` of
qiskit-ibm-runtime; ``shape`` is the shape of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from aerchive.codecs.base import class_of_runtime
from aerchive.codecs.result import ResultEncoder, Written
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.text import type_name

ENCODING = "primitive_result"
_PUBS = {"SamplerPubResult": SamplerPubResult, "PubResult": PubResult}
_OF_SERVICE = "EstimatorPubResult"
_OF_SERVICE_MODULE = "qiskit_ibm_runtime.results.estimator_pub"


def is_sampled(result: PrimitiveResult[Any]) -> bool:
    """Whether a result comes from a sampler, as far as the result itself shows it."""
    return any(
        isinstance(pub, SamplerPubResult) or any(isinstance(value, BitArray) for value in pub.data.values())
        for pub in result
    )


def encode_primitive_result(result: PrimitiveResult[Any], encoder: ResultEncoder) -> Written:
    """Encodes a primitive's result.

    Args:
        result: The result; its arrays are not copied and must not change until they are written.
        encoder: Receives the arrays.

    Raises:
        UnsupportedTypeError: The result, a pub or its data has a type that cannot be restored.
    """
    _check_type(result, (PrimitiveResult,))
    experiments = []
    for number, pub in enumerate(result):
        if (type(pub).__module__, type(pub).__qualname__) != (_OF_SERVICE_MODULE, _OF_SERVICE):
            _check_type(pub, tuple(_PUBS.values()))
        _check_type(pub.data, (DataBin,))
        encoder.table.set_points(number, pub.data.shape)
        experiments.append(
            {
                "fields": {"class": type(pub).__name__, "shape": list(pub.data.shape)},
                "metadata": encoder.tolerant(pub.metadata, f"pub {number} metadata"),
                "data": [[name, encoder.saved(number, name, value)] for name, value in pub.data.items()],
            }
        )
    metadata = encoder.tolerant(result.metadata, "result metadata")
    return Written(ENCODING, {"fields": {}, "metadata": metadata, "experiments": experiments})


def _check_type(value: Any, kinds: tuple[type, ...]) -> None:
    if type(value) not in kinds:
        raise UnsupportedTypeError(f"result of a primitive: no codec for {type_name(type(value))}")


def decode_primitive_result(
    metadata: Any, pubs: Sequence[tuple[Mapping[str, Any], Any, Mapping[str, Any]]], decode: Callable[[Any], Any]
) -> PrimitiveResult[Any]:
    """Decodes a primitive's result.

    Args:
        metadata: Metadata of the result, encoded.
        pubs: Fields, metadata and data of each pub, encoded.
        decode: Function that decodes a value.

    Raises:
        FormatError: The document does not describe a primitive's result.
    """
    results = []
    for fields, own, data in pubs:
        kind, shape = _pub_class(fields.get("class")), fields.get("shape")
        if kind is None or not isinstance(shape, list):
            raise FormatError(f"a pub of class {fields.get('class')!r} and shape {shape!r} is not known here")
        values = {name: decode(tree) for name, tree in data.items()}
        try:
            results.append(kind(DataBin(shape=tuple(shape), **values), metadata=decode(own)))
        except (TypeError, ValueError) as error:
            raise FormatError(f"the stored data of a pub do not fit together: {error}") from error
    return PrimitiveResult(results, metadata=decode(metadata))


def _pub_class(name: Any) -> Any:
    return _PUBS.get(str(name)) if name != _OF_SERVICE else class_of_runtime(_OF_SERVICE_MODULE, _OF_SERVICE)
