"""A captured run on its way into the file: documents and payload, nothing written yet."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from aerchive import layout
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.documents.record import read_own_record
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, ObjectDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.transfer import dataset_drafts, object_draft
from aerchive.times import to_microseconds

_SAFE_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{layout.MAX_SAFE_ID}}}\Z")


_lately: deque[tuple[Provenance, ObjectDraft]] = deque(maxlen=4)
"""All runs of a process have one provenance, so its digest is not computed for each."""


def _provenance_object(provenance: Provenance) -> ObjectDraft:
    for known, draft in list(_lately):
        if known is provenance:
            return draft
    draft = ObjectDraft(layout.PROVENANCE, provenance.to_attributes())
    _lately.append((provenance, draft))
    return draft


def new_uuid() -> str:
    """A random UUID, as text."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class RunDraft:
    """Everything of one run.

    Attributes:
        job_id: As the backend gave it.
        created: When it was submitted, UTC.
        config: Document.
        status: Document.
        labels: Document.
        provenance: Document; absent for a lost run.
        datasets: Payload, by name.
        objects: Shared objects, by name.
        refused: In words, what could not be stored.
        nbytes: Of the payload, before compression.
        run_uuid: New for each run.
        compression: How the arrays are stored.
        is_bare: Whether it is of a Result by itself, which may be another than the one that the job had given.
    """

    job_id: str
    created: str
    config: RunConfig
    status: RunStatus
    labels: RunLabels = field(default_factory=RunLabels)
    provenance: Provenance | None = None
    datasets: Mapping[str, DatasetDraft] = field(default_factory=dict)
    objects: Mapping[str, ObjectDraft] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    nbytes: int = 0
    run_uuid: str = field(default_factory=new_uuid)
    compression: Compression = PORTABLE
    is_bare: bool = False

    @property
    def record(self) -> RunRecord:
        """The documents."""
        return RunRecord(
            job_id=self.job_id,
            run_uuid=self.run_uuid,
            created=self.created,
            config=self.config,
            status=self.status,
            labels=self.labels,
            provenance=self.provenance,
        )

    def detached(self) -> RunDraft:
        """The same, independent of the arrays of the user: for a run that is not written at once."""
        return dataclasses.replace(self, datasets={name: one.detached() for name, one in self.datasets.items()})

    def to_group(self) -> GroupDraft:
        """The run's group as ``layout.md`` describes it."""
        groups = {
            layout.CONFIG: GroupDraft(self.config.to_attributes()),
            layout.STATUS: GroupDraft(self.status.to_attributes(), mutable=True),
        }
        if not self.labels.is_empty:
            groups[layout.LABELS] = GroupDraft(self.labels.to_attributes(), mutable=True)
        objects = dict(self.objects)
        if self.provenance is not None:
            objects[layout.PROVENANCE] = _provenance_object(self.provenance)
        attributes: dict[str, AttributeValue] = {
            "encoding": "run",
            "encoding_version": 2 if self.config.is_of_primitive else 1,
            "run_uuid": self.run_uuid,
            "job_id": self.job_id,
            "created": self.created,
        }
        datasets = {
            name: dataclasses.replace(dataset, compression=self.compression) for name, dataset in self.datasets.items()
        }
        return GroupDraft(attributes, datasets, groups, objects)

    @classmethod
    def of_group(
        cls, group: GroupReader, nbytes: int, *, is_bare: bool = False, known: dict[str, ObjectDraft] | None = None
    ) -> RunDraft:
        """The draft of a run that is stored: its values are read where they are, when the draft is written.

        Args:
            group: Of the run; its session must outlive the draft.
            nbytes: Of the payload, before compression.
            is_bare: Whether it is of a Result by itself.
            known: Shared objects that were read before, by path; completed.

        Raises:
            FormatError: A document is not what the format says.
        """
        record = read_own_record(group)
        linked = [name for name in layout.LINKS if name in group and group.is_group(name)]
        known = {} if known is None else known
        return cls(
            job_id=record.job_id,
            created=record.created,
            config=record.config,
            status=record.status,
            labels=record.labels,
            provenance=None,  # it is among the objects
            datasets=dataset_drafts(group, record.run_uuid),
            objects={name: object_draft(group.group(name), known) for name in linked},
            nbytes=nbytes,
            run_uuid=record.run_uuid,
            is_bare=is_bare,
        )

    @property
    def day(self) -> str:
        """The folder it belongs to: its day, UTC."""
        return self.created[:10]

    @property
    def group_name(self) -> str:
        """A name for its group: the time, and the job id if that makes a safe name."""
        safe = (
            self.job_id
            if _SAFE_ID.match(self.job_id)
            else hashlib.sha256(self.job_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        )
        to_microseconds(self.created)  # refuses a time that is not in the format's notation
        return f"{self.created[11:].replace(':', '').removesuffix('Z')}Z_{safe}"
