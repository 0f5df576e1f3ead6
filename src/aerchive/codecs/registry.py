"""Which codec is for which type: the one list."""

from __future__ import annotations

import functools

from aerchive.codecs.base import Codec


@functools.cache
def codecs() -> tuple[Codec, ...]:
    """All codecs of values in result documents; Qiskit is imported on the first call."""
    from aerchive.codecs import arrays, distributions, stabilizers, states, symbols

    return (
        arrays.CODEC,
        states.STATEVECTOR,
        states.DENSITY_MATRIX,
        states.OPERATOR,
        states.SUPEROP,
        stabilizers.CLIFFORD,
        stabilizers.STABILIZER_STATE,
        distributions.KEYED_ARRAY,
        distributions.PROB_DISTRIBUTION,
        symbols.MEAS_LEVEL,
        symbols.MEAS_RETURN,
        symbols.PARAMETER,
        symbols.PARAMETER_ELEMENT,
    )


@functools.cache
def codecs_by_type() -> dict[type, Codec]:
    """Each codec by the exact types it encodes."""
    return {kind: codec for codec in codecs() for kind in codec.types}


@functools.cache
def codecs_by_tag() -> dict[str, Codec]:
    """Each codec by its stamp on disk, name and version."""
    return {codec.tag: codec for codec in codecs()}
