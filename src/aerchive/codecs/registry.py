"""Registry of codecs: the list of our own codecs and those of other packages, by type and by tag."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from importlib.metadata import entry_points

from aerchive.codecs.base import Codec
from aerchive.text import type_name

logger = logging.getLogger("aerchive")

ENTRY_POINTS = "aerchive.codecs"
"""The group of entry points with which a package offers a `Codec`, or several in a list or tuple."""


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
        *(arrays.CODEC, bit_array.CODEC, zoned_times.CODEC),
        *(*states.CODECS, *stabilizers.CODECS, *distributions.CODECS, *symbols.CODECS, *execution_spans.CODECS),
    )
    return (*own, *_others(own))


def _others(own: tuple[Codec, ...]) -> Iterator[Codec]:
    """Codecs of other packages. A codec that cannot be loaded, or whose name is already taken, is left out."""
    reserved, tags = {codec.name for codec in own}, set[str]()
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001  (a broken package must not keep simulations from being archived)
            logger.warning("codec %r of %r cannot be loaded: %r", point.name, point.value, error)
            continue
        for codec in loaded if isinstance(loaded, list | tuple) else (loaded,):
            if not isinstance(codec, Codec):
                logger.warning("codec %r of %r is a %s, not a Codec", point.name, point.value, type(codec).__qualname__)
            elif codec.name in reserved or codec.tag in tags:
                logger.warning("codec %r of %r is left out: its name is taken", codec.tag, point.value)
            else:
                tags.add(codec.tag)
                yield codec


def codec_for(kind: type) -> Codec | None:
    """The codec that encodes an exact type, or ``None``."""
    name = type_name(kind)
    codec = _encoders().get(name)
    return codec if codec is not None and (kind in codec.types or name in codec.type_names) else None


@functools.cache
def _encoders() -> dict[str, Codec]:
    """The codecs by module and class of the type they encode: the newest version of the first codec with this type."""
    found: dict[str, Codec] = {}
    for codec in codecs():
        for name in {*map(type_name, codec.types), *codec.type_names}:
            known = found.setdefault(name, codec)
            if known.name != codec.name:
                logger.warning("codec %r does not encode %s, which %r does", codec.tag, name, known.tag)
            elif codec.version > known.version:
                found[name] = codec
    return found


@functools.cache
def codecs_by_tag() -> dict[str, Codec]:
    """The codecs by tag in the file (name and version), for reading."""
    return {codec.tag: codec for codec in codecs()}
