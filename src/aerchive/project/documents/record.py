"""The documents of a run's group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from aerchive import layout
from aerchive.errors import FormatError, NotFoundError, check_features, check_version
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord, conflict_id
from aerchive.models.status import RunStatus
from aerchive.project.documents.plots import first_plot
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import is_recomputed
from aerchive.storage.hdf5.reader import HDF5Group
from aerchive.text import without_surrogates
from aerchive.times import to_microseconds

ENCODING = "run"
VERSION = 1
_UUID = re.compile(r"[0-9A-Za-z_.-]{1,64}\Z")


def read_record(group: GroupReader, provenances: dict[int, Provenance] | None = None) -> RunRecord:
    """Reads the documents of a run's group, and the provenance to which the group has a link.

    Args:
        group: The group of the run.
        provenances: Provenance documents read before from the same file, by address; new ones are added to it, because
            many runs share one.

    Raises:
        FormatError: A document does not follow the format; the message names its node.
    """
    record, has_newer = _read(group)
    if layout.PROVENANCE not in group:
        return record
    if provenances is None or not isinstance(group, HDF5Group):  # a run in a spool has no addresses
        provenance = _provenance(group, has_newer=has_newer)
    else:
        address = group.address(layout.PROVENANCE)
        if address not in provenances:
            provenances[address] = _provenance(group, has_newer=has_newer)
        provenance = provenances[address]
    return record.model_copy(update={"provenance": provenance})


def read_own_record(group: GroupReader) -> RunRecord:
    """Reads the documents of a run's group without the provenance, which is a separate object that runs share.

    Raises:
        FormatError: A document does not follow the format; the message names its node.
    """
    return _read(group)[0]


def _read(group: GroupReader) -> tuple[RunRecord, bool]:
    """Reads the documents of a run without the provenance, and whether it has what a later version has added."""
    owner, has_newer = read_run_seal(group)
    attributes = group.attributes(owner)
    config = group.group(layout.CONFIG)
    status = group.group(layout.STATUS)
    job_id, created = _text(attributes, "job_id", group), _text(attributes, "created", group)
    if without_surrogates(job_id) != job_id:
        raise FormatError(f"{group.where()}@job_id: {job_id!r} is not a job id")
    try:
        to_microseconds(created)
    except FormatError as error:
        raise FormatError(f"{group.where()}@created: {error}") from error
    labels = _labels(group, owner, has_newer=has_newer)
    record = RunRecord(
        job_id=conflict_id(job_id, owner) if labels.is_rival else job_id,
        run_uuid=owner,
        created=created,
        config=RunConfig.from_attributes(config.attributes(owner), config.where(), has_newer=has_newer),
        status=RunStatus.from_attributes(*_mutable(status, owner), has_newer=has_newer),
        labels=labels,
        is_recomputed=is_recomputed(group),
    )
    return record, has_newer


def plot_of(group: GroupReader) -> str | None:
    """The name of the plot of a run that viewers show first; ``None`` if it has none."""
    if layout.VIEW not in group or not group.is_group(layout.VIEW):
        return None
    return first_plot(group.group(layout.VIEW).names())


def read_labels(group: GroupReader) -> tuple[str, RunLabels]:
    """Reads the UUID of a run and its labels, without its other documents.

    Raises:
        FormatError: The group is not a run, or its labels do not follow the format; the message names the node.
    """
    owner, has_newer = read_run_seal(group)
    return owner, _labels(group, owner, has_newer=has_newer)


def read_id(group: GroupReader) -> str:
    """Reads the id of a run in its project without its other documents; see `aerchive.models.run.RunRecord`.

    Raises:
        FormatError: The group is not a run, or its labels do not follow the format; the message names the node.
    """
    job_id = str(group.attributes().get("job_id"))
    if layout.LABELS not in group or not group.group(layout.LABELS).attribute("is_rival"):
        return job_id
    return conflict_id(job_id, read_run_seal(group).run_uuid)


def is_run(group: GroupReader) -> bool:
    """Returns whether a group is a run; raises as `GroupReader.group` does if it is damaged."""
    return layout.SEAL in group and group.group(layout.SEAL).attribute("encoding") == ENCODING


class RunSeal(NamedTuple):
    """What the seal of a run says about reading the run.

    Attributes:
        run_uuid: The UUID of the run.
        has_newer: Whether the run uses features that this version does not know and does not need; then attributes and
            members that it does not know are passed over.
    """

    run_uuid: str
    has_newer: bool


def read_run_seal(group: GroupReader) -> RunSeal:
    """Reads the seal of a run, and checks that this version of aerchive can read the run.

    Raises:
        FormatError: The group is not a run.
        NewerFormatError: The run has a newer encoding, or needs features that this version does not know.
    """
    try:
        seal = group.group(layout.SEAL)
    except NotFoundError:
        raise FormatError(f"{group.where()}: is not a run") from None
    if seal.attribute("encoding") != ENCODING:
        raise FormatError(f"{group.where()}: is not a run")
    check_features(layout.unknown_features(seal.attribute("requires")), group.where())
    check_version(seal.attribute("encoding_version"), VERSION, f"{group.where()}: run")
    found = _text({"run_uuid": seal.attribute("run_uuid")}, "run_uuid", seal)
    if not _UUID.match(found):
        raise FormatError(f"{seal.where()}@run_uuid: {found!r} is not an identifier")
    return RunSeal(found, bool(layout.unknown_features(seal.attribute("uses"))))


def _labels(group: GroupReader, owner: str, *, has_newer: bool) -> RunLabels:
    if layout.LABELS not in group:
        return RunLabels()
    return RunLabels.from_attributes(*_mutable(group.group(layout.LABELS), owner), has_newer=has_newer)


def _mutable(group: GroupReader, owner: str) -> tuple[dict[str, Any], str]:
    attributes = group.attributes(owner)
    attributes.pop("sha256", None)
    return attributes, group.where()


def _text(attributes: Mapping[str, Any], name: str, group: GroupReader) -> str:
    value = attributes.get(name)
    if not isinstance(value, str):
        raise FormatError(f"{group.where()}@{name}: must be text, found {value!r}")
    return value


def _provenance(group: GroupReader, *, has_newer: bool) -> Provenance:
    node = group.group(layout.PROVENANCE)
    fields = node.attributes()
    fields.pop("object", None)
    return Provenance.from_attributes(fields, node.where(), has_newer=has_newer)
