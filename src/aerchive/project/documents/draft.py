"""A captured run before it is written to the file: its documents and its payload."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from aerchive import layout
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.lazy import cached_property
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.shown import readable_name, safe, shown_attributes
from aerchive.models.status import RunStatus
from aerchive.project.documents.plots import first_plot
from aerchive.project.documents.record import ENCODING, VERSION, read_record, read_run_seal
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import MissingPayload, read_missing
from aerchive.storage.hdf5.transfer import attachment_drafts, dataset_drafts, group_draft, object_draft, view_draft
from aerchive.times import to_microseconds

_ID = 8
"""Number of characters of the job id that the name of a run's group has."""

_DOCUMENTS = frozenset(
    {layout.SEAL, layout.CONFIG, layout.STATUS, layout.LABELS, layout.ATTACHMENTS, layout.VIEW, layout.MISSING}
)

_lately: deque[tuple[Provenance, ObjectDraft]] = deque(maxlen=4)
"""The latest provenance objects: all runs of a process share one, so its digest is computed only once."""


def _provenance_object(provenance: Provenance) -> ObjectDraft:
    for known, draft in list(_lately):
        if known is provenance:
            return draft
    draft = ObjectDraft(layout.PROVENANCE, provenance.to_attributes())
    _lately.append((provenance, draft))
    return draft


def missing_of(group: GroupReader, run_uuid: str) -> MissingPayload | None:
    """What a run lacks, with the witnesses of what it computes again, to be written; ``None`` if it is whole.

    Args:
        group: The group of the run; its session must stay open as long as the witnesses are used.
        run_uuid: UUID of the run.
    """
    missing = read_missing(group, run_uuid)
    if missing is None or not missing.recomputed:
        return missing
    return dataclasses.replace(missing, witnesses=dataset_drafts(group.group(layout.MISSING), run_uuid))


def new_uuid() -> str:
    """A random UUID, as text."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class RunDraft:
    """All data of one run that is to be written.

    Attributes:
        job_id: Id of the job, as the backend gave it.
        created: Time of submission, UTC, ISO 8601.
        config: The configuration document.
        status: The status document.
        labels: The labels document.
        provenance: The provenance document; ``None`` for a lost run, and if it is among the objects.
        datasets: Datasets of the payload, by name.
        objects: Objects that runs share, such as circuits, by name.
        view: The plots of the run; ``None`` if it has none.
        is_neutral: Whether the name of the run's group says no name that a user chose.
        attachments: Attachments that the run had in another place, by name; a captured run has none.
        refused: Descriptions of the values that could not be stored.
        nbytes: Size of the payload before compression, in bytes.
        run_uuid: UUID of the run; a new one is made for each run.
        compression: The way in which the arrays are stored.
        is_bare: Whether the run was saved from a Result without its job; that Result may differ from the job's own.
        missing: What the run lacks, because it was extracted without it or computes it again; ``None`` if it is whole.
        newer: What a later version has added to a stored run: attributes, groups, and the whole seal; else nothing.
    """

    job_id: str
    created: str
    config: RunConfig
    status: RunStatus
    labels: RunLabels = field(default_factory=RunLabels)
    provenance: Provenance | None = None
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)
    view: GroupDraft | None = None
    is_neutral: bool = False
    attachments: Mapping[str, GroupDraft] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    nbytes: int = 0
    run_uuid: str = field(default_factory=new_uuid)
    compression: Compression = PORTABLE
    is_bare: bool = False
    missing: MissingPayload | None = None
    newer: GroupDraft = field(default_factory=GroupDraft)

    @property
    def record(self) -> RunRecord:
        """The documents of the run."""
        return RunRecord(
            job_id=self.job_id,
            run_uuid=self.run_uuid,
            created=self.created,
            config=self.config,
            status=self.status,
            labels=self.labels,
            provenance=self.provenance,
            is_recomputed=self.missing is not None and bool(self.missing.recomputed),
        )

    def detached(self) -> RunDraft:
        """Makes a copy that does not depend on the user's arrays, for a run that is not written at once."""
        datasets = {name: one.detached() for name, one in self.datasets.items()}
        is_free = all(one is self.datasets[name] for name, one in datasets.items())
        return self if is_free else dataclasses.replace(self, datasets=datasets)

    @cached_property
    def group(self) -> GroupDraft:
        """The draft of the run's group without the attachments, as ``layout.md`` describes it."""
        groups = {
            layout.SEAL: GroupDraft({"encoding": ENCODING, "encoding_version": VERSION, "run_uuid": self.run_uuid}),
            layout.CONFIG: GroupDraft(self.config.to_attributes()),
            layout.STATUS: GroupDraft(self.status.to_attributes(), mutable=True),
        }
        if not self.labels.is_empty:
            groups[layout.LABELS] = GroupDraft(self.labels.to_attributes(), mutable=True)
        if self.view is not None:
            groups[layout.VIEW] = self.view
        if self.missing is not None:
            groups[layout.MISSING] = self.missing.draft()
        objects = dict(self.objects)
        if self.provenance is not None:
            objects[layout.PROVENANCE] = _provenance_object(self.provenance)
        datasets = {
            name: dataclasses.replace(dataset, compression=self.compression) for name, dataset in self.datasets.items()
        }
        attributes: dict[str, AttributeValue] = {
            **self.newer.attributes,
            "job_id": self.record.sealed_id,
            "created": self.created,
            **shown_attributes(self.record, None if self.view is None else first_plot(self.view.groups)),
        }
        absent = {} if self.missing is None else self.missing.digests
        return GroupDraft(attributes, datasets, groups | dict(self.newer.groups), objects, absent=absent)

    @classmethod
    def of_group(
        cls, group: GroupReader, nbytes: int, *, is_bare: bool = False, known: dict[str, ObjectDraft] | None = None
    ) -> RunDraft:
        """Makes the draft of a stored run; its values are read from their place when the draft is written.

        Args:
            group: The group of the run; its session must stay open as long as the draft is used.
            nbytes: Size of the payload before compression, in bytes.
            is_bare: Whether the run was saved from a Result without its job.
            known: Shared objects that were read before, by path; new ones are added to it.

        Raises:
            FormatError: A document does not follow the format.
        """
        record = read_record(group)
        linked = [name for name in layout.LINKS if name in group and group.is_group(name)]
        newer = GroupDraft()
        if read_run_seal(group).has_newer:
            others = [name for name in group.names() if name not in _DOCUMENTS and group.is_group(name)]
            linked = [name for name in others if group.group(name).attribute("object") is not None]
            kept = {name: group_draft(group.group(name), record.run_uuid) for name in {*others} - {*linked}}
            kept[layout.SEAL] = group_draft(group.group(layout.SEAL), record.run_uuid)
            own = {name: value for name, value in group.attributes().items() if name not in layout.SHOWN}
            newer = GroupDraft(own, groups=kept)
        known = {} if known is None else known
        return cls(
            job_id=record.job_id,
            created=record.created,
            config=record.config,
            status=record.status,
            labels=record.labels,
            provenance=None,  # the provenance is among the objects
            datasets=dataset_drafts(group, record.run_uuid),
            objects={name: object_draft(group.group(name), known) for name in linked},
            view=view_draft(group, record.run_uuid),
            attachments=attachment_drafts(group),
            nbytes=nbytes,
            run_uuid=record.run_uuid,
            is_bare=is_bare,
            missing=missing_of(group, record.run_uuid),
            newer=newer,
        )

    @property
    def day(self) -> str:
        """Day of submission (UTC), which is the name of the run's folder."""
        return self.created[:10]

    @property
    def group_name(self) -> str:
        """Name of the run's group: time of submission, name, number of qubits, and the beginning of the job id."""
        to_microseconds(self.created)  # raises an error if the time is not in the format's notation
        job_id = self.record.sealed_id
        digest = hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()
        beginning = safe(job_id)[:_ID] or digest[:_ID]
        time = self.created[11:19].replace(":", "")
        return f"{time}_{readable_name(self.record, is_neutral=self.is_neutral)}_{beginning}"
