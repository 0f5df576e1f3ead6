"""Which codec is for which type: the one list, and what other packages add to it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from importlib.metadata import entry_points

from aerchive.codecs.base import Codec

logger = logging.getLogger("aerchive")

ENTRY_POINTS = "aerchive.codecs"
"""The group of entry points under which a package offers a `Codec`, or several in a list or tuple."""


@functools.cache
def codecs() -> tuple[Codec, ...]:
    """All codecs of values in result documents, our own first; Qiskit is imported on the first call."""
    from aerchive.codecs import (
        arrays,
        bit_array,
        distributions,
        execution_spans,
        stabilizers,
        states,
        symbols,
        zoned_times,
    )

    own = (
        arrays.CODEC,
        states.STATEVECTOR,
        states.DENSITY_MATRIX,
        states.OPERATOR,
        states.SUPEROP,
        stabilizers.CLIFFORD,
        stabilizers.STABILIZER_STATE,
        distributions.KEYED_ARRAY,
        distributions.PROB_DISTRIBUTION,
        bit_array.CODEC,
        symbols.MEAS_LEVEL,
        symbols.MEAS_RETURN,
        symbols.PARAMETER,
        symbols.PARAMETER_ELEMENT,
        execution_spans.EXECUTION_SPAN,
        execution_spans.EXECUTION_SPANS,
        zoned_times.CODEC,
    )
    return (*own, *_others(own))


def _others(own: tuple[Codec, ...]) -> Iterator[Codec]:
    """Codecs of other packages. One that cannot be loaded, or takes the name or type of another, is left out."""
    types = {kind for codec in own for kind in _types(codec)}
    tags = {codec.tag for codec in own}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001  (a broken package must not keep simulations from being archived)
            logger.warning("codec %r of %r cannot be loaded: %r", point.name, point.value, error)
            continue
        for codec in loaded if isinstance(loaded, list | tuple) else (loaded,):
            if not isinstance(codec, Codec):
                logger.warning("codec %r of %r is a %s, not a Codec", point.name, point.value, type(codec).__qualname__)
            elif codec.tag in tags or types & {*_types(codec), *map(_type_name, codec.types)}:
                logger.warning("codec %r of %r is left out: its name or a type of it is taken", codec.tag, point.value)
            else:
                tags.add(codec.tag)
                types.update(_types(codec))
                yield codec


def _types(codec: Codec) -> tuple[type | str, ...]:
    return (*codec.types, *codec.type_names)


def _type_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def codec_for(kind: type) -> Codec | None:
    """The codec that encodes an exact type, or ``None``."""
    known = _codecs_by_type()
    return known.get(kind) or known.get(_type_name(kind))


@functools.cache
def _codecs_by_type() -> dict[type | str, Codec]:
    return {kind: codec for codec in codecs() for kind in _types(codec)}


@functools.cache
def codecs_by_tag() -> dict[str, Codec]:
    """Each codec by its stamp on disk, name and version."""
    return {codec.tag: codec for codec in codecs()}
