"""Which datasets of a run are parts of states that are stored in another form than by their exact amplitudes."""

from __future__ import annotations

from collections.abc import Mapping

from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.stored.forms import is_composed, member_names

Datasets = Mapping[str, DatasetDraft]


def members_of(datasets: Datasets) -> set[str]:
    """The names of the datasets that belong to the prediction of a state."""
    return {full for name, one in datasets.items() for full in member_names(name, one.attributes) if full in datasets}


def foreign_members(datasets: Datasets, stored: Datasets) -> set[str]:
    """The names of the datasets that belong to the prediction of a state that another run stores in another form."""
    foreign: set[str] = set()
    for name, one in datasets.items():
        if name in stored:
            foreign |= set(member_names(name, one.attributes)) - set(member_names(name, stored[name].attributes))
    return foreign


def is_in_another_form(one: DatasetDraft) -> bool:
    """Whether a dataset has a state in another form than by its exact amplitudes."""
    return is_composed(one.attributes) or "infidelity" in one.attributes
