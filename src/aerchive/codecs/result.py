"""A Result: its small values as one JSON document, its large ones in tables and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import ArrayReference, Decoder, MissingValue
from aerchive.codecs.counts import CountsTable
from aerchive.codecs.memory import MemoryColumn
from aerchive.codecs.pool import ArrayPool
from aerchive.codecs.registry import codecs_by_tag, codecs_by_type
from aerchive.codecs.scalars import ScalarTable
from aerchive.errors import AerchiveError, FormatError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.nodes import DatasetDraft, text_dataset

REFUSED_TAG = "refused/1"
_MAX_TEXT = 200
_TOLERANT_LEVELS = 4
"""Fields, header, metadata, and their keys: so deep one value that cannot be stored leaves its neighbours alone."""
_NOT_FIELDS = frozenset({"results", "data", "_metadata", "_run"})
"""Attributes of results and experiments that are stored otherwise, or belong to an archived result itself."""
_RESERVED = frozenset(
    {
        *layout.LINKS,
        layout.CONFIG,
        layout.STATUS,
        layout.LABELS,
        layout.INPUTS,
        layout.RESULT,
        layout.COUNTS,
        layout.MEMORY,
        layout.SCALARS,
    }
)


@dataclass(frozen=True)
class EncodedResult:
    """A result, ready to be written.

    Attributes:
        datasets: Of the run's group, by name.
        refused: In words, each value that no codec knew.
    """

    datasets: dict[str, DatasetDraft]
    refused: list[str] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Of all values, before compression."""
        return sum(draft.nbytes for draft in self.datasets.values())


class Written(NamedTuple):
    """A document of a run.

    Attributes:
        encoding: Its name.
        version: Of the encoding.
        tree: The document, encoded.
    """

    encoding: str
    version: int
    tree: Any


class ResultEncoder:
    """Takes one Result apart; see `encode_result`."""

    def __init__(self) -> None:
        self._counts = CountsTable()
        self._memory = MemoryColumn()
        self._scalars = ScalarTable()
        self._pool = ArrayPool(_RESERVED)
        self._label = ""
        self._experiment = 0
        self.refused: list[str] = []

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        """Hands an array to the pool; see `aerchive.codecs.base.Encoder`."""
        name = self._label if kind == "array" else kind
        return self._pool.add(value, name, self._label, self._experiment, is_state=kind == "statevector")

    def value(self, value: Any) -> Any:
        """Encodes a value with all codecs; raises `UnsupportedTypeError` if none knows it."""
        return tagged_json.encode(value, prefer=self._prefer)

    def encode(self, result: Any) -> EncodedResult:
        """Takes the result apart."""
        fields = {name: v for name, v in vars(result).items() if name not in _NOT_FIELDS}
        document = {
            "fields": self.tolerant(fields, "result"),
            "metadata": self.tolerant(dict(result._metadata), "result metadata"),
            "experiments": [self._encode_experiment(i, e) for i, e in enumerate(result.results)],
        }
        return self.finish({layout.RESULT: Written("result", 1, document)})

    def finish(self, documents: Mapping[str, Written]) -> EncodedResult:
        """Lays out all that was handed over.

        Args:
            documents: What refers to it, by the name of its dataset.
        """
        drafts = {
            layout.COUNTS: self._counts.draft(),
            layout.MEMORY: self._memory.draft(),
            layout.SCALARS: self._scalars.draft(),
            **self._pool.drafts(),  # fills in the references of the documents
        }
        datasets = {
            name: text_dataset(tagged_json.dumps(one.tree), {"encoding": one.encoding, "encoding_version": one.version})
            for name, one in documents.items()
        }
        datasets |= {name: draft for name, draft in drafts.items() if draft is not None}
        return EncodedResult(datasets, self.refused)

    def _encode_experiment(self, number: int, experiment: Any) -> dict[str, Any]:
        self._experiment = number
        fields = {name: v for name, v in vars(experiment).items() if name not in _NOT_FIELDS}
        data = experiment.data
        header = fields.get("header")
        items = [
            [label, self._encode_data(label, getattr(data, label), header if isinstance(header, Mapping) else None)]
            for label in data._data_attributes
        ]
        return {
            "fields": self.tolerant(fields, f"experiment {number}"),
            "metadata": self.tolerant(dict(experiment._metadata), f"experiment {number} metadata"),
            "data": items,
        }

    def saved(self, number: int, label: str, value: Any) -> Any:
        """Encodes what was saved under a label; what cannot be stored is named and left out.

        Args:
            number: Of the experiment, or of the pub.
            label: Of the value.
            value: What was saved.
        """
        self._experiment = number
        return self._encode_data(label, value, None)

    def _encode_data(self, label: str, value: Any, header: Mapping[str, Any] | None) -> Any:
        self._label = label
        tree = None
        if label == "counts":
            tree = self._counts.add(value, self._experiment, header)
        elif label == "memory":
            tree = self._memory.add(value)
        else:
            tree = self._scalars.add(value, label, self._experiment)
        if tree is not None:
            return tree
        mark = self._pool.mark
        try:
            return self.value(value)
        except UnsupportedTypeError as error:
            self._pool.roll_back(mark)
            self.refused.append(f"experiment {self._experiment}, {label!r}: {error}")
            return _refused(value)

    def tolerant(self, value: Any, what: str, levels: int = _TOLERANT_LEVELS) -> Any:
        """Encodes what it can; what cannot be stored is named and left out, and nothing else is."""
        self._label = "metadata"

        def refuse(item: Any) -> dict[str, Any]:
            tree = _refused(item)
            self.refused.append(f"{what}: no codec for {tree['type']}")
            return tree

        try:
            return tagged_json.encode(value, extend=refuse, prefer=self._prefer_symbols)
        except UnsupportedTypeError as error:
            if type(value) is dict and levels > 0 and all(type(key) is str for key in value):
                return {key: self.tolerant(item, f"{what}, {key!r}", levels - 1) for key, item in value.items()}
            self.refused.append(f"{what}: {error}")
            return _refused(value)

    def _prefer(self, value: Any) -> dict[str, Any] | None:
        codec = codecs_by_type().get(type(value))
        if codec is None:
            return None
        try:
            return codec.encode_tagged(value, self)
        except AerchiveError:
            raise
        except Exception as error:  # a codec may be anybody's, and must not cost more than its own value
            raise UnsupportedTypeError(f"codec {codec.tag} failed: {error!r}") from error

    def _prefer_symbols(self, value: Any) -> dict[str, Any] | None:
        """Arrays and dictionaries of headers stay in the document."""
        return None if type(value) in (np.ndarray, dict) else self._prefer(value)


def _refused(value: Any) -> dict[str, Any]:
    kind = type(value)
    try:
        text = repr(value)[:_MAX_TEXT]
    except Exception as error:  # noqa: BLE001  (a foreign __repr__ may raise anything; the run is kept)
        text = f"<repr raised {type(error).__name__}>"
    return {TYPE_KEY: REFUSED_TAG, "type": f"{kind.__module__}.{kind.__qualname__}", "text": text}


def encode_result(result: Any) -> EncodedResult:
    """Takes a Result apart into datasets.

    Args:
        result: A ``qiskit.result.Result``; its arrays are not copied and must not change until they are written.

    Returns:
        The datasets. A value whose type no codec knows is named in ``refused`` and everything else is kept.
    """
    return ResultEncoder().encode(result)


def decode_value(tree: Any, decoder: Decoder) -> Any:
    """Puts a value together.

    Args:
        tree: From the result document.
        decoder: Gives the arrays.

    Raises:
        UnsupportedTypeError: The value was refused when the run was archived.
        FormatError: The document is damaged, or newer.
    """
    if isinstance(tree, dict) and tree.get(TYPE_KEY) == REFUSED_TAG:
        raise UnsupportedTypeError(
            f"this value was not archived: no codec knew {tree.get('type')} ({tree.get('text')}); "
            "run the circuit again to get it"
        )
    return tagged_json.decode(tree, lambda tag, body: _restore(tag, body, decoder))


def _restore(tag: str, body: dict[str, Any], decoder: Decoder) -> Any:
    if tag == REFUSED_TAG:
        return MissingValue(str(body.get("type")), str(body.get("text")))
    codec = codecs_by_tag().get(tag)
    if codec is None:
        raise FormatError(f"no codec reads {tag!r} here; a newer aerchive may: pip install --upgrade aerchive")
    try:
        return codec.decode(body, decoder)
    except AerchiveError:
        raise
    except Exception as error:
        raise FormatError(f"a value of encoding {tag!r} cannot be read: {error!r}") from error
