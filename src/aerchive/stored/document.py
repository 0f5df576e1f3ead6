"""The documents of a run with its result and its inputs, in which values are still encoded."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from aerchive import layout
from aerchive.codecs.result import VERSION
from aerchive.errors import FormatError, NotFoundError, check_version
from aerchive.models import tagged_json
from aerchive.storage.chunks.group_reader import GroupReader


class Registered(enum.Enum):
    """The names that the data of an experiment list for their values, if the document does not store them."""

    LABELS = enum.auto()
    """The names are the labels of the values, as in every result that was not edited."""


class StoredExperiment(NamedTuple):
    """One experiment of the document; its values are still encoded.

    Attributes:
        fields: Attributes of the ``ExperimentResult``, encoded.
        metadata: Further metadata of the ``ExperimentResult``, encoded.
        data: Encoded values by label, in the order of the result.
        registered: Encoded names that the data list for their values; `Registered.LABELS` if these are the labels.
    """

    fields: dict[Any, Any]
    metadata: dict[Any, Any]
    data: dict[str, Any]
    registered: Any = Registered.LABELS

    @property
    def header(self) -> dict[str, Any] | None:
        """The header, if there is one that can be read."""
        try:
            header = tagged_json.decode(self.fields.get("header"), lambda _tag, _body: None)
        except FormatError:
            return None
        return header if isinstance(header, dict) else None


class ResultDocument(NamedTuple):
    """The document of a result.

    Attributes:
        fields: Attributes of the ``Result``, encoded.
        metadata: Further metadata of the ``Result``, encoded.
        experiments: The experiments, in order.
    """

    fields: dict[Any, Any]
    metadata: dict[Any, Any]
    experiments: list[StoredExperiment]


def read_result(group: GroupReader, owner: str, what: str) -> ResultDocument:
    """Reads the document of the result of a run.

    Args:
        group: The group of the run.
        owner: UUID of the run.
        what: Description of the run, for messages.

    Raises:
        NotFoundError: The run has no result.
        FormatError: The document is newer than this aerchive, or does not follow the format.
        IntegrityError: The document is damaged.
    """
    if layout.RESULT not in group:
        raise NotFoundError(f"{group.where()}: {what} has no result")
    tree = _read_document(group, layout.RESULT, owner)
    try:
        experiments = [
            StoredExperiment(
                _mapping(one["fields"]),
                _mapping(one["metadata"]),
                _pairs(one["data"]),
                one.get("registered", Registered.LABELS),
            )
            for one in tree["experiments"]
        ]
        return ResultDocument(_mapping(tree["fields"]), _mapping(tree["metadata"]), experiments)
    except (KeyError, TypeError, ValueError, AttributeError, FormatError) as error:
        raise FormatError(f"{group.where(layout.RESULT)}: is not a result document: {error}") from error


def read_inputs(group: GroupReader, owner: str) -> dict[str, Any]:
    """Reads the document of the inputs of a run; empty if there is none.

    Args:
        group: The group of the run.
        owner: UUID of the run.

    Raises:
        FormatError: The document is newer than this aerchive, or does not follow the format.
        IntegrityError: The document is damaged.
    """
    if layout.INPUTS not in group:
        return {}
    tree = _read_document(group, layout.INPUTS, owner)
    if not isinstance(tree, dict) or not isinstance(tree.get("bind_of", []), list):
        raise FormatError(f"{group.where(layout.INPUTS)}: is not a document of inputs")
    return tree


def _read_document(group: GroupReader, name: str, owner: str) -> Any:
    """Reads a document of a run; errors as for `read_result`."""
    where = group.where(name)
    check_version(
        group.dataset_attributes(name, ["encoding_version"]).get("encoding_version"), VERSION, f"{where}: {name}"
    )
    return tagged_json.loads(group.read_json(name, owner), where)


def _mapping(value: Any) -> dict[Any, Any]:
    return dict(tagged_json.items_of(value))


def _pairs(value: Any) -> dict[str, Any]:
    pairs = [(label if type(label) is str else tagged_json.decode(label), tree) for label, tree in value]
    if not all(type(label) is str for label, _ in pairs) or len(dict(pairs)) != len(pairs):
        raise TypeError("labels must be text, each once")
    return dict(pairs)
