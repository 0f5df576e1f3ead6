"""The documents of a run's group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aerchive import layout
from aerchive.errors import FormatError, check_version
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.reader import HDF5Group

ENCODING = "run"
VERSION = 2
"""Version 2 added primitives: a configuration may name a parent, a primitive's class and its options."""
_IDENTITY = ("encoding", "encoding_version", "run_uuid")


def read_record(group: GroupReader, provenances: dict[int, Provenance] | None = None) -> RunRecord:
    """Reads the documents of a run's group, and the provenance to which the group has a link.

    Args:
        group: The group of the run.
        provenances: Provenance documents read before from the same file, by address; new ones are added to it, because
            many runs share one.

    Raises:
        FormatError: A document does not follow the format; the message names its node.
    """
    record = read_own_record(group)
    if layout.PROVENANCE not in group:
        return record
    if provenances is None or not isinstance(group, HDF5Group):  # a run in a spool has no addresses
        provenance = _provenance(group)
    else:
        address = group.address(layout.PROVENANCE)
        if address not in provenances:
            provenances[address] = _provenance(group)
        provenance = provenances[address]
    return record.model_copy(update={"provenance": provenance})


def read_own_record(group: GroupReader) -> RunRecord:
    """Reads the documents of a run's group without the provenance, which is a separate object that runs share.

    Raises:
        FormatError: A document does not follow the format; the message names its node.
    """
    attributes = group.attributes()
    owner = _owner(attributes, group)
    config = group.group(layout.CONFIG)
    status = group.group(layout.STATUS)
    return RunRecord(
        job_id=_text(attributes, "job_id", group),
        run_uuid=owner,
        created=_text(attributes, "created", group),
        config=RunConfig.from_attributes(config.attributes(owner), config.where()),
        status=RunStatus.from_attributes(*_mutable(status, owner)),
        labels=_labels(group, owner),
    )


def read_labels(group: GroupReader) -> tuple[str, RunLabels]:
    """Reads the UUID of a run and its labels, without its other documents.

    Raises:
        FormatError: The group is not a run, or its labels do not follow the format; the message names the node.
    """
    owner = _owner({name: group.attribute(name) for name in _IDENTITY}, group)
    return owner, _labels(group, owner)


def _owner(attributes: Mapping[str, Any], group: GroupReader) -> str:
    """Returns the UUID of a run after a check that this version of aerchive can read the run."""
    if attributes.get("encoding") != ENCODING:
        raise FormatError(f"{group.where()}: is not a run")
    check_version(attributes.get("encoding_version"), VERSION, f"{group.where()}: run")
    return _text(attributes, "run_uuid", group)


def _labels(group: GroupReader, owner: str) -> RunLabels:
    if layout.LABELS not in group:
        return RunLabels()
    return RunLabels.from_attributes(*_mutable(group.group(layout.LABELS), owner))


def _mutable(group: GroupReader, owner: str) -> tuple[dict[str, Any], str]:
    attributes = group.attributes(owner)
    attributes.pop("sha256", None)
    return attributes, group.where()


def _text(attributes: Mapping[str, Any], name: str, group: GroupReader) -> str:
    value = attributes.get(name)
    if not isinstance(value, str):
        raise FormatError(f"{group.where()}@{name}: must be text, found {value!r}")
    return value


def _provenance(group: GroupReader) -> Provenance:
    node = group.group(layout.PROVENANCE)
    fields = node.attributes()
    fields.pop("object", None)
    return Provenance.from_attributes(fields, node.where())
