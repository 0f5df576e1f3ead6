"""Runs without their large arrays: documents, circuits, counts and numbers stay, and what is missing is described."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from aerchive import layout
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from aerchive.storage.chunks.missing import MissingDataset, MissingPayload

_LEAST_BYTES: Final = 64 * 1024
"""Datasets with fewer bytes stay in a run without its payload."""
_KEPT: Final = frozenset({layout.RESULT, layout.COUNTS, layout.TABLE, layout.INPUTS, layout.PARAMETER_NAMES})
"""Datasets that stay, however large they are: what was asked for, counts and numbers."""


def without_payload(draft: RunDraft, digests: Mapping[str, str], original: str) -> RunDraft:
    """The draft of a run without its large arrays and attachments; it says what it lacks.

    Args:
        draft: The draft of the stored run.
        digests: Digests of its nodes, by path.
        original: The project that has the run with its payload, in words.
    """
    left_out = {name: one for name, one in draft.datasets.items() if _is_payload(name, one)}
    attachments = {name: one for name, one in draft.attachments.items() if _nbytes(one) < _LEAST_BYTES}
    if not left_out:
        return dataclasses.replace(draft, attachments=attachments)
    known = draft.missing or MissingPayload("", {})
    new = {name: _described(one, digests[name]) for name, one in left_out.items()}
    return dataclasses.replace(
        draft,
        datasets={name: one for name, one in draft.datasets.items() if name not in left_out},
        missing=dataclasses.replace(known, original=known.original or original, datasets={**known.datasets, **new}),
        nbytes=max(0, draft.nbytes - sum(one.nbytes for one in left_out.values())),
        attachments=attachments,
        view=without_links(draft.view, left_out.keys()),
    )


def _is_payload(name: str, dataset: DatasetDraft) -> bool:
    is_input = dataset.attributes.get("kind") == "parameters"
    return name not in _KEPT and not is_input and dataset.nbytes >= _LEAST_BYTES


def _nbytes(attachment: GroupDraft) -> int:
    return sum(one.nbytes for one in attachment.datasets.values())


def _described(dataset: DatasetDraft, digest: str) -> MissingDataset:
    attributes = {name: int(one) if isinstance(one, bool) else one for name, one in dataset.attributes.items()}
    return MissingDataset(np.dtype(dataset.dtype).str, tuple(map(int, dataset.shape)), digest, attributes)


def without_links(view: GroupDraft | None, names: Iterable[str]) -> GroupDraft | None:
    """The plots of a run that do not show one of some datasets themselves; ``None`` if there is none."""
    if view is None:
        return None
    gone = set(names)
    plots = {name: one for name, one in view.groups.items() if not gone & set(one.links.values())}
    return dataclasses.replace(view, groups=plots) if plots else None
