"""The rule for a run whose job id is in the project already.

A run comes into a project by a commit, by a transaction, or from the spool of this or another process. In each case
`united` compares it with the stored run of the same job id:

* If the content is the same, the stored run gets the labels and what it lacks (circuits, inputs, noise model, options).
* If the stored run was recorded as lost, it gets the data, and keeps its labels.
* If it is another result, `AlreadyExistsError` is raised or, if no caller waits for the answer, `renamed_conflict`
  gives the new run a job id of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aerchive import layout
from aerchive.errors import AlreadyExistsError
from aerchive.models.config import RunConfig
from aerchive.models.labels import Author, LabelChange, RunLabels
from aerchive.models.run import conflict_id
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.other_forms import foreign_members, is_in_another_form, members_of
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from aerchive.storage.chunks.missing import MissingPayload

_OF_INPUTS = (layout.INPUTS, layout.TABLE, layout.PARAMETER_NAMES)
_PIECE_BYTES = 16 * 1024 * 1024
"""Size of the pieces in which two datasets are compared, in bytes."""


def united(stored: RunDraft, given: RunDraft, author: Author | None, file: str) -> RunDraft:
    """Combines the run that a project holds with another run of the same job id.

    Args:
        stored: The run that the project holds.
        given: The run that is added.
        author: The author that the history of the labels notes; ``None``: the history is not changed.
        file: Path of the project file, for the error message.

    Returns:
        The combined run. It is ``stored`` itself if nothing is to be changed. If its `RunDraft.datasets` and
        `RunDraft.objects` are those of ``stored``, only its labels differ, and it may have more attachments.

    Raises:
        AlreadyExistsError: ``given`` is another result of the same job id.
    """
    if given.status.has_data and not stored.status.has_data:
        labels = LabelChange(given.labels).apply(stored.labels)
        return dataclasses.replace(given, labels=labels, attachments=_all_attachments(stored, given))
    if stored.status.has_data and given.status.has_data and not _is_same_result(stored, given):
        raise AlreadyExistsError(
            f"{file}: another result of job {given.job_id!r} is archived already, and was not replaced; to keep both, "
            "give this one a job id of its own: result.job_id = ..."
        )
    labels = _with_labels(stored.labels, given.labels, author)
    attachments = _all_attachments(stored, given)
    if not given.status.has_data or not lacks(stored, given):
        if labels is stored.labels and attachments.keys() == stored.attachments.keys():
            return stored
        return dataclasses.replace(stored, labels=labels, attachments=attachments)
    datasets = {**_without_foreign_members(given, stored), **stored.datasets}
    if layout.INPUTS not in stored.datasets and layout.TABLE in given.datasets:
        datasets[layout.TABLE] = given.datasets[layout.TABLE]  # it has the parameters as well
    return dataclasses.replace(
        stored,
        labels=labels,
        nbytes=sum(dataset.nbytes for dataset in datasets.values()),
        config=_completed(stored.config, given.config),
        datasets=datasets,
        objects={**given.objects, **stored.objects},
        attachments=attachments,
        view=stored.view or given.view,
        missing=_still_missing(stored, datasets),
        provenance=stored.provenance or given.provenance,
        refused=given.refused,
        is_bare=stored.is_bare and given.is_bare,
    )


def renamed_conflict(given: RunDraft) -> RunDraft:
    """Gives another result of a job an id of its own: the job's id, a tilde, and the beginning of the run's UUID.

    Args:
        given: The run whose job id another result has.
    """
    return dataclasses.replace(
        given,
        job_id=conflict_id(given.job_id, given.run_uuid),
        config=given.config.model_copy(update={"conflicts_with": given.job_id}),
    )


def _still_missing(stored: RunDraft, datasets: Mapping[str, DatasetDraft]) -> MissingPayload | None:
    """What a run that was extracted without its payload lacks when it has these datasets."""
    if stored.missing is None:
        return None
    left = {name: one for name, one in stored.missing.datasets.items() if name not in datasets}
    return dataclasses.replace(stored.missing, datasets=left) if left else None


def _with_labels(stored: RunLabels, given: RunLabels, author: Author | None) -> RunLabels:
    """Adds the given labels to the stored ones, unless the history shows that this change was made before."""
    if author is not None and any(tuple(change[:2]) == tuple(author) for change in stored.history or ()):
        return stored
    return LabelChange(given).apply(stored, author)


def _all_attachments(stored: RunDraft, given: RunDraft) -> Mapping[str, GroupDraft]:
    """The attachments of both; another one with a name that is in use gets the beginning of its UUID as well."""
    found = dict(stored.attachments)
    for name, one in given.attachments.items():
        uuid = one.attributes[layout.ATTACHMENT_UUID]
        if all(known.attributes[layout.ATTACHMENT_UUID] != uuid for known in found.values()):
            found[conflict_id(name, str(uuid)) if name in found else name] = one
    return found


def _is_same_result(stored: RunDraft, given: RunDraft) -> bool:
    """Whether two runs of one job id have the same values.

    A job that is saved again is recognised by its id. Only a Result that is saved without its job may have been
    changed since the job gave it.
    """
    if stored.run_uuid == given.run_uuid:
        return True
    if not given.is_bare and not stored.is_bare and layout.CIRCUITS in stored.objects:
        return True
    before, after = _values(stored.datasets), _values(given.datasets)
    if before.keys() != after.keys() or not all(_are_same(stored, given, name) for name in before):
        return False
    tables = [one.datasets[layout.TABLE] for one in (stored, given) if layout.TABLE in one.datasets]
    return len(tables) < 2 or _have_same_numbers(*tables)


def _values(datasets: Mapping[str, DatasetDraft]) -> dict[str, DatasetDraft]:
    """The datasets of a result, without inputs, parts of predictions, and the table, which has parameters as well."""
    found = {name: one for name, one in datasets.items() if name not in (*_OF_INPUTS, *members_of(datasets))}
    return {name: one for name, one in found.items() if _kind_and_label(one) != ("parameters", "")}


def _kind_and_label(dataset: DatasetDraft) -> tuple[Any, Any]:
    return dataset.attributes.get("kind"), dataset.attributes.get("label")


def _have_same_numbers(one: DatasetDraft, other: DatasetDraft) -> bool:
    """Whether two tables have the same bits in the columns that both have: the documents say which are needed."""
    before, after = (table.rows(0, table.shape[0]) for table in (one, other))
    shared = [name for name in before.dtype.names or () if name in (after.dtype.names or ())]
    return all(before[name].tobytes() == after[name].tobytes() for name in shared)


def _without_foreign_members(given: RunDraft, stored: RunDraft) -> dict[str, DatasetDraft]:
    """The given datasets, without those of predictions of states that are stored in another form."""
    foreign = foreign_members(given.datasets, stored.datasets)
    return {name: one for name, one in given.datasets.items() if name not in foreign}


def _are_same(stored: RunDraft, given: RunDraft, name: str) -> bool:
    """Whether a dataset of two runs has the same bits, or the same states as far as the two forms tell."""
    one, other = stored.datasets[name], given.datasets[name]
    if is_in_another_form(one) or is_in_another_form(other):
        from aerchive.project.documents.same_states import are_same_states  # loads the mathematics of states

        return are_same_states(stored.datasets, given.datasets, name)
    if one.shape != other.shape or one.attributes.get("dtype") != other.attributes.get("dtype"):
        return False
    rows = max(1, _PIECE_BYTES * one.shape[0] // max(1, other.nbytes))
    starts = range(0, one.shape[0], rows)
    return all(one.rows(at, at + rows).tobytes() == other.rows(at, at + rows).tobytes() for at in starts)


def lacks(stored: RunDraft, given: RunDraft) -> bool:
    """Whether the stored run lacks data that the given run has, for example if it was saved from a Result alone.

    Args:
        stored: The run that may lack something.
        given: The run that may have it.
    """
    return bool(
        given.objects.keys() - stored.objects.keys() - {layout.PROVENANCE}
        or _without_foreign_members(given, stored).keys() - stored.datasets.keys()
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
