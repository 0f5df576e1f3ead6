"""All cases of the corpus, and an even part of them."""

from __future__ import annotations

from collections import Counter

from tests.corpus.binds import bind_cases
from tests.corpus.case import Case
from tests.corpus.dynamic import dynamic_cases
from tests.corpus.failures import failure_cases
from tests.corpus.gates import gate_cases
from tests.corpus.labels import label_cases, name_cases, register_cases
from tests.corpus.noise import noise_cases
from tests.corpus.options import batch_cases, option_cases
from tests.corpus.results import result_cases
from tests.corpus.saves import other_save_cases, save_cases, set_cases

GROUPS = (
    *(save_cases, other_save_cases, set_cases, label_cases, name_cases, register_cases, bind_cases, dynamic_cases),
    gate_cases,
    *(noise_cases, option_cases, batch_cases, failure_cases, result_cases),
)


AT_LEAST = 6
"""Cases of each group that are taken, however few are wanted."""


def cases(every: int = 1, match: str = "") -> list[Case]:
    """The cases whose names contain a text; of each group every so manieth, which is a part that never changes."""
    chosen: list[Case] = []
    for group in GROUPS:
        found = [case for case in group() if match in case.name]
        step = max(1, min(every, len(found) // AT_LEAST))
        chosen += found[::step]
    twice = [name for name, number in Counter(case.name for case in chosen).items() if number > 1]
    if twice:
        raise ValueError(f"cases of one name: {twice}")
    return chosen
