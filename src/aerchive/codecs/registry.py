"""Registry of codecs: the list of our own codecs and those of other packages, by type and by tag.

Values in options, labels and metadata have no datasets: `encode_inline` puts their arrays into the document itself.
"""

from __future__ import annotations

import enum
import functools
import logging
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import Codec, Decoder, Encoder
from aerchive.errors import AerchiveError, FormatError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.text import type_name, without_surrogates

logger = logging.getLogger("aerchive")

ENTRY_POINTS = "aerchive.codecs"
"""The group of entry points with which a package offers a `Codec`, or several in a list or tuple."""

AS_ITS_VALUE = " comes back as its value"
"""End of the description of a member of an ``Enum`` that is equal to its value, with which it is stored."""
_ONLY_ITS_VALUE = " is kept as its value only"


@functools.cache
def codecs() -> tuple[Codec, ...]:
    """All codecs of values in result documents, our own first; Qiskit is imported on the first call."""
    from aerchive.codecs import (
        arrays,
        bit_array,
        distributions,
        execution_spans,
        paulis,
        stabilizers,
        states,
        symbols,
        table,
        zoned_times,
    )

    own = (
        *(arrays.CODEC, bit_array.CODEC, zoned_times.CODEC, table.CODEC),
        *(*states.CODECS, *stabilizers.CODECS, *distributions.CODECS, *symbols.CODECS, *execution_spans.CODECS),
        *paulis.CODECS,
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


def encode_with_codec(value: Any, encoder: Encoder) -> dict[str, Any] | None:
    """Encodes a value with the codec of its type; ``None`` if there is no codec, or the codec cannot store the value.

    Raises:
        UnsupportedTypeError: The codec failed, or made a body that is not JSON.
    """
    codec = codec_for(type(value))
    if codec is None:
        return None
    try:
        return codec.encode_tagged(value, encoder)
    except UnsupportedTypeError:
        raise
    except Exception as error:  # a foreign codec that fails must affect only its own value
        raise UnsupportedTypeError(f"codec {codec.tag} failed: {error!r}") from error


def decode_with_codec(tag: str, tree: dict[str, Any], decoder: Decoder) -> Any:
    """Decodes a tagged object with the codec that its tag names.

    Raises:
        FormatError: No codec has this tag, or the object is damaged.
    """
    codec = codecs_by_tag().get(tag)
    if codec is None:
        raise FormatError(f"no codec reads {tag!r} here; a newer aerchive may: pip install --upgrade aerchive")
    try:
        return codec.decode_tagged(tree, decoder)
    except AerchiveError:
        raise
    except Exception as error:
        raise FormatError(f"a value of encoding {tag!r} cannot be read: {error!r}") from error


class _Inline:
    """An encoder and decoder of values whose arrays are in the document itself."""

    def array(self, value: Any, kind: str = "") -> Any:
        """Encodes an array as tagged JSON, or, for the decoder, decodes it."""
        del kind
        if isinstance(value, np.ndarray):
            return tagged_json.encode(value)
        array: NDArray[Any] = tagged_json.decode(value)
        if not isinstance(array, np.ndarray):
            raise FormatError(f"an array is expected, found {type(array).__name__}")
        return array

    def value(self, value: Any) -> Any:
        """Encodes a part of a value."""
        return tagged_json.encode(value, prefer=encode_inline)


class _InlineDecoder(_Inline):
    def value(self, value: Any) -> Any:
        """Decodes a part of a value."""
        return tagged_json.decode(value, decode_inline)


def encode_inline(value: Any) -> dict[str, Any] | None:
    """Encodes a value of Qiskit, for `aerchive.models.tagged_json.encode`; ``None`` for values of other types."""
    if type(value) in (np.ndarray, dict, list, tuple, set, frozenset):
        return None  # tagged JSON has them
    return encode_with_codec(value, _Inline())


def decode_inline(tag: str, tree: dict[str, Any]) -> Any:
    """Decodes a value that `encode_inline` encoded, for `aerchive.models.tagged_json.decode`.

    Raises:
        FormatError: No codec has this tag, or the object is damaged.
    """
    return decode_with_codec(tag, tree, _InlineDecoder())


def enum_that_is_lost(value: Any) -> str | None:
    """The module and class of a member of an ``Enum`` that comes back as its value; ``None`` for other values."""
    if not isinstance(value, enum.Enum) or codec_for(type(value)) is not None:
        return None
    try:
        tagged_json.encode(value, prefer=encode_inline)
    except UnsupportedTypeError:
        return None
    return without_surrogates(type_name(type(value)))


def enum_as_kept(value: Any) -> str | None:
    """Says how a member of an ``Enum`` comes back that is no member any more; ``None`` for other values.

    The text ends with `AS_ITS_VALUE` if the member is equal to its value, as that of an ``IntEnum``: nothing is lost.
    """
    kind = enum_that_is_lost(value)
    return kind and kind + (AS_ITS_VALUE if isinstance(value, int | str | float) else _ONLY_ITS_VALUE)
