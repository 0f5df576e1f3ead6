"""The one rule for a run that meets its own job id.

Whichever way a run takes into a project (a commit, a transaction, the spool of this process or that of another), what
it meets there is compared with it by `united`:

* the same content: the labels are added, and what the stored run lacks (circuits, inputs, noise model, options);
* a run that was taken for lost: it gets its data, and keeps its labels;
* another result: `AlreadyExistsError`, or, where no caller waits for the answer, `kept_beside` gives it a job id of
  its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aerchive import layout
from aerchive.errors import AlreadyExistsError
from aerchive.models.config import RunConfig
from aerchive.models.labels import Author, LabelChange, RunLabels
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.chunks.drafts import DatasetDraft

_PIECE_BYTES = 16 * 1024 * 1024
"""So much is compared at a time."""


def united(stored: RunDraft, given: RunDraft, author: Author | None, file: str) -> RunDraft:
    """What a project holds of a job after another run of the same job id has come.

    Args:
        stored: What there is.
        given: What comes.
        author: Who is noted to have changed labels; ``None``: nothing is noted.
        file: The project, for the message.

    Returns:
        ``stored`` itself if nothing is to be changed. If it has the same `RunDraft.datasets` and `RunDraft.objects`,
        only its labels are other ones.

    Raises:
        AlreadyExistsError: It is another result of the same job id.
    """
    if given.status.has_data and not stored.status.has_data:
        return dataclasses.replace(given, labels=LabelChange(given.labels).apply(stored.labels))
    if stored.status.has_data and given.status.has_data and not _is_same_result(stored, given):
        raise AlreadyExistsError(
            f"{file}: another result of job {given.job_id!r} is archived already, and was not replaced; to keep both, "
            "give this one a job id of its own: result.job_id = ..."
        )
    labels = _with_labels(stored.labels, given.labels, author)
    if not given.status.has_data or not _lacks(stored, given):
        return stored if labels is stored.labels else dataclasses.replace(stored, labels=labels)
    return dataclasses.replace(
        stored,
        labels=labels,
        config=_completed(stored.config, given.config),
        datasets={**given.datasets, **stored.datasets},
        objects={**given.objects, **stored.objects},
        provenance=stored.provenance or given.provenance,
        refused=given.refused,
        is_bare=stored.is_bare and given.is_bare,
    )


def id_beside(job_id: str, run_uuid: str) -> str:
    """The job id of a run that is kept beside another result of its job.

    Args:
        job_id: That the run had.
        run_uuid: Of the run.
    """
    return f"{job_id}~{run_uuid[:8]}"


def kept_beside(given: RunDraft) -> RunDraft:
    """Another result of a job, under a job id of its own: the job's, a tilde, and the beginning of the run's UUID.

    Args:
        given: The run whose job id another result has.
    """
    return dataclasses.replace(
        given,
        job_id=id_beside(given.job_id, given.run_uuid),
        config=given.config.model_copy(update={"conflicts_with": given.job_id}),
    )


def _with_labels(stored: RunLabels, given: RunLabels, author: Author | None) -> RunLabels:
    """The labels with those given added; a change that is in the history was made before, and is not made again."""
    if author is not None and any(tuple(change[:2]) == tuple(author) for change in stored.history or ()):
        return stored
    return LabelChange(given).apply(stored, author)


def _is_same_result(stored: RunDraft, given: RunDraft) -> bool:
    """Whether two runs of one job id have the same values.

    A job that is saved once more is known by its id. Only a Result by itself may have been changed since the job gave
    it.
    """
    if stored.run_uuid == given.run_uuid:
        return True
    if not given.is_bare and not stored.is_bare and layout.CIRCUITS in stored.objects:
        return True
    before, after = _values(stored.datasets), _values(given.datasets)
    return before.keys() == after.keys() and all(_are_same(before[name], after[name]) for name in before)


def _values(datasets: Mapping[str, DatasetDraft]) -> dict[str, DatasetDraft]:
    return {name: dataset for name, dataset in datasets.items() if name != layout.INPUTS}


def _are_same(one: DatasetDraft, other: DatasetDraft) -> bool:
    """Whether two datasets hold the same bits; one of them may have been rounded when it was written."""
    if one.shape != other.shape or one.attributes.get("dtype") != other.attributes.get("dtype"):
        return False
    if "infidelity" in one.attributes:
        return True
    rows = max(1, _PIECE_BYTES * one.shape[0] // max(1, other.nbytes))
    starts = range(0, one.shape[0], rows)
    return all(one.rows(at, at + rows).tobytes() == other.rows(at, at + rows).tobytes() for at in starts)


def _lacks(stored: RunDraft, given: RunDraft) -> bool:
    """Whether the stored run lacks something that the other has, as one does that was saved from a Result alone."""
    return bool(
        given.objects.keys() - stored.objects.keys() - {layout.PROVENANCE}
        or given.datasets.keys() - stored.datasets.keys()
        or (given.config.options and not stored.config.options)
    )


def _completed(stored: RunConfig, given: RunConfig) -> RunConfig:
    empty: tuple[Any, ...] = (None, "", {}, [])
    missing = {
        name: value
        for name in RunConfig.model_fields
        if getattr(stored, name) in empty and (value := getattr(given, name)) not in empty
    }
    return stored.model_copy(update=missing)
