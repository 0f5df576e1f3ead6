"""Codec of a Result: small values go into one JSON document, large ones into tables and arrays."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import REFERENCE_TAG, ArrayReference, Decoder, MissingValue
from aerchive.codecs.counts import CountsTable
from aerchive.codecs.memory import MemoryColumn
from aerchive.codecs.pool import ArrayPool
from aerchive.codecs.registry import AS_ITS_VALUE, decode_with_codec, encode_with_codec, enum_as_kept
from aerchive.codecs.table import NumbersTable
from aerchive.errors import UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import DatasetDraft, text_dataset
from aerchive.text import type_name, without_surrogates

ENCODING = "result"
VERSION = 1
"""Version of all documents of a run."""
REFUSED_TAG = "refused/1"
_MAX_TEXT = 200
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""The address of an object in its ``repr``; it differs in each process and is not part of the value."""
_TOLERANT_LEVELS = 4
"""Depth of dictionaries (fields, header, metadata and their keys) down to which one value that cannot be stored does
not affect the others."""
_ABSENT: Any = object()
_RESERVED = frozenset(
    {
        *(*layout.LINKS, layout.CONFIG, layout.STATUS, layout.LABELS, layout.ATTACHMENTS, layout.VIEW),
        *(layout.INPUTS, layout.RESULT, layout.COUNTS, layout.MEMORY, layout.TABLE, layout.PARAMETER_NAMES),
    }
)


@dataclass(frozen=True)
class EncodedResult:
    """An encoded result, ready to be written.

    Attributes:
        datasets: Datasets for the group of the run, by name.
        refused: A description of each value that no codec knew.
        noted: Descriptions of values that come back as values of another type.
    """

    datasets: dict[str, DatasetDraft]
    refused: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


class Written(NamedTuple):
    """An encoded document of a run.

    Attributes:
        encoding: Name of the encoding.
        tree: The encoded document.
    """

    encoding: str
    tree: Any


class ResultEncoder:
    """Encodes one Result, or the result of a primitive, with the inputs of the run; its arrays are not copied.

    A value whose type no codec knows is named in ``refused``; everything else is stored.

    Args:
        reserved: Names that the datasets of arrays must not have.
    """

    def __init__(self, reserved: Collection[str] = _RESERVED) -> None:
        self._counts = CountsTable()
        self._memory = MemoryColumn()
        self.table = NumbersTable()
        self.parameter_names: list[str] = []
        self._pool = ArrayPool(reserved)
        self._label = ""
        self._experiment = 0
        self.refused: list[str] = []
        self.noted: dict[str, None] = {}

    def array(self, value: NDArray[Any], kind: str) -> ArrayReference:
        """Adds an array to the pool; see `aerchive.codecs.base.Encoder`."""
        name = self._label if kind == "array" else kind
        return self._pool.add(value, name, self._label, self._experiment, is_state=kind == "statevector")

    def value(self, value: Any) -> Any:
        """Encodes a value with all codecs; raises `UnsupportedTypeError` if no codec knows its type."""
        return tagged_json.encode(value, prefer=self._prefer)

    def begin_inputs(self) -> None:
        """The values that follow are inputs: their arrays have no label and belong to no experiment."""
        self._label, self._experiment = "", 0

    def encode(self, result: Any) -> Written:
        """Encodes the result as a document; its tables and arrays are kept for `finish`."""
        fields = dict(vars(result))
        metadata, results = fields.pop("_metadata", {}), fields.pop("results", _ABSENT)
        experiments = []
        if type(results) in (list, tuple):
            self.table.set_experiments(len(results))
            experiments = [self._encode_experiment(number, one) for number, one in enumerate(results)]
            if type(results) is tuple:
                self.refused.append("result: its experiments come back in a list, not in a tuple")
        elif results is _ABSENT:
            self.refused.append("result: has no results, and comes back with an empty list of them")
        else:
            fields["results"] = results
        document = {
            "fields": self.tolerant(fields, "result"),
            "metadata": self.tolerant(metadata, "result metadata"),
            "experiments": experiments,
        }
        return Written(ENCODING, document)

    def finish(self, documents: Mapping[str, Written]) -> EncodedResult:
        """Makes the datasets of all documents, tables and arrays.

        Args:
            documents: The documents that refer to the tables and arrays, by the name of their dataset.
        """
        drafts = {
            layout.COUNTS: self._counts.draft(),
            layout.MEMORY: self._memory.draft(),
            layout.TABLE: self.table.draft(),
            layout.PARAMETER_NAMES: _names_draft(self.parameter_names),
            **self._pool.drafts(),  # fills in the references of the documents
        }
        datasets = {
            name: text_dataset(tagged_json.dumps(one.tree), {"encoding": one.encoding, "encoding_version": VERSION})
            for name, one in documents.items()
        }
        datasets |= {name: draft for name, draft in drafts.items() if draft is not None}
        return EncodedResult(datasets, self.refused, list(self.noted))

    def _encode_experiment(self, number: int, experiment: Any) -> dict[str, Any]:
        from qiskit.result.models import ExperimentResult, ExperimentResultData

        what = f"experiment {number}"
        if not isinstance(experiment, ExperimentResult):
            self.refused.append(f"{what}: is a {_type_name(experiment)}, not an ExperimentResult")
            return {"fields": {}, "metadata": {}, "data": []}
        self._experiment, self._counts.bits = number, None
        fields = dict(vars(experiment))
        metadata, data = fields.pop("_metadata", {}), fields.pop("data", _ABSENT)
        items: list[Any] = []
        labels: list[str] = []
        registered: Any = labels
        if isinstance(data, ExperimentResultData):
            header = fields.get("header")
            values = vars(data)
            registered = values.get("_data_attributes")
            known = registered if isinstance(registered, list) else []
            names = dict.fromkeys(name for name in [*known, *values] if type(name) is str)
            labels += (name for name in names if name in values and name != "_data_attributes")
            for label in labels:
                tree = self._encode_data(label, values, header if isinstance(header, Mapping) else None)
                items.append([tagged_json.encode(label), tree])
        elif data is _ABSENT:
            self.refused.append(f"{what}: has no data, and comes back with empty ones")
        else:
            fields["data"] = data
        tree = {
            "fields": self.tolerant(fields, what),
            "metadata": self.tolerant(metadata, f"{what} metadata"),
            "data": items,
        }
        if type(registered) is not list or registered != labels:  # the result was edited
            tree["registered"] = self.tolerant(registered, f"{what}, names of its data")
        return tree

    def saved(self, number: int, label: str, value: Any) -> Any:
        """Encodes a saved value; one that cannot be stored is left out and named in ``refused``.

        Args:
            number: Index of the experiment, or of the pub, from 0.
            label: The label under which the value was saved.
            value: The saved value.
        """
        self._experiment = number
        return self._encode_data(label, {label: value}, None)

    def _encode_data(self, label: str, values: Mapping[str, Any], header: Mapping[str, Any] | None) -> Any:
        self._label = label
        mark = self._pool.mark
        value = None
        try:
            value = values[label]  # a value of an archived result is read now, and may have been refused already
            tree = None
            if label == "counts":
                tree = self._counts.add(value, self._experiment, header)
            elif label == "memory":
                tree = self._memory.add(value, header, self._counts.bits)
            else:
                tree = self.table.add(value, label, self._experiment)
            return self.value(value) if tree is None else tree
        except UnsupportedTypeError as error:
            self._pool.roll_back(mark)
            self.refused.append(f"experiment {self._experiment}, {label!r:.200}: {error}")
            return _refused(getattr(error, "missing", value))

    def tolerant(self, value: Any, what: str, levels: int = _TOLERANT_LEVELS) -> Any:
        """Encodes a value; only the parts that cannot be stored are left out, and they are named in ``refused``."""
        self._label = "metadata"
        found: list[str] = []

        def refuse(item: Any) -> dict[str, Any]:
            found.append(f"{what}: no codec for {_refused(item)['type']}")
            return _refused(item)

        mark = self._pool.mark
        try:
            tree = tagged_json.encode(value, extend=refuse, prefer=self._prefer_symbols)
        except UnsupportedTypeError as error:
            self._pool.roll_back(mark)
            if type(value) is dict and levels > 0:
                return self._tolerant_items(value, what, levels - 1)
            self.refused.append(f"{what}: {error}")
            return _refused(value)
        self.refused += found
        return tree

    def _tolerant_items(self, value: dict[Any, Any], what: str, levels: int) -> Any:
        items = []
        for key, item in value.items():
            place = f"{what}, {_text(key)}"
            try:
                tagged_json.encode_key(key)
            except UnsupportedTypeError as error:
                self.refused.append(f"{place}: as a key: {error}")
            else:
                items.append((key, self.tolerant(item, place, levels)))
        return tagged_json.mapping(items)

    def _prefer(self, value: Any) -> dict[str, Any] | None:
        kept = enum_as_kept(value)
        if kept is not None and kept.endswith(AS_ITS_VALUE):
            self.noted[f"result: a {kept}"] = None
        elif kept is not None and (text := f"a {kept}") not in self.refused:
            self.refused.append(text)
        return encode_with_codec(value, self)

    def _prefer_symbols(self, value: Any) -> dict[str, Any] | None:
        """Encodes a value with a codec, except arrays and containers, which stay in the document."""
        return None if type(value) in (np.ndarray, dict, list, tuple) else self._prefer(value)


def _names_draft(names: list[str]) -> DatasetDraft | None:
    """The names of the parameters whose values are in arrays, one a row; ``None`` if there are none."""
    rows = np.array([name.encode(errors="backslashreplace") for name in names], "S")
    return DatasetDraft([rows], attributes={"encoding": "names", "encoding_version": 1}) if names else None


def _refused(value: Any) -> dict[str, Any]:
    if isinstance(value, MissingValue):  # it comes from a result that was archived before
        return {TYPE_KEY: REFUSED_TAG, "type": value.type_name, "text": value.text}
    return {TYPE_KEY: REFUSED_TAG, "type": _type_name(value), "text": _text(value)}


def _type_name(value: Any) -> str:
    return without_surrogates(type_name(type(value)))


def _text(value: Any) -> str:
    try:
        return _ADDRESS.sub("", without_surrogates(repr(value)[:_MAX_TEXT]))
    except Exception as error:  # noqa: BLE001  (a foreign __repr__ may raise anything; the run is kept)
        return f"<repr raised {type(error).__name__}>"


class MissingError(UnsupportedTypeError):
    """The requested value was not stored when its run was archived.

    Args:
        missing: The placeholder of the value.
    """

    def __init__(self, missing: MissingValue) -> None:
        super().__init__(
            f"this value was not archived: no codec knew {missing.type_name} ({missing.text}); "
            "run the circuit again to get it"
        )
        self.missing = missing


def decode_value(tree: Any, decoder: Decoder) -> Any:
    """Decodes a value.

    Args:
        tree: The encoded value, from the result document.
        decoder: Reads the arrays.

    Raises:
        UnsupportedTypeError: The value was refused when the run was archived.
        FormatError: The document is damaged, or has a newer encoding.
    """
    value = decode_part(tree, decoder)
    if isinstance(value, MissingValue):
        raise MissingError(value)
    return value


def decode_part(tree: Any, decoder: Decoder) -> Any:
    """Decodes a value as `decode_value` does, but returns a `MissingValue` for one that was refused."""
    return tagged_json.decode(tree, lambda tag, body: _restore(tag, body, decoder))


def _restore(tag: str, body: dict[str, Any], decoder: Decoder) -> Any:
    if tag == REFERENCE_TAG:
        return decoder.array(body)
    if tag == REFUSED_TAG:
        return MissingValue(str(body.get("type")), str(body.get("text")))
    return decode_with_codec(tag, body, decoder)
