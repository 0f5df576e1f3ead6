"""The numbers of runs that a process keeps: which ones, how many, and for how long."""

from __future__ import annotations

import os

from aerchive.stored.kept_numbers import KeptNumbers, RunIdentity, RunKey, kept_numbers

KEY = RunKey(1, 2, "runs/a", "a")
ONE, OTHER = RunIdentity("uuid 1", 100), RunIdentity("uuid 2", 100)
NOW, LATER = (1, 2, 3, 4, 5), (1, 2, 4, 5, 6)


def kept(most_bytes: int = 10_000) -> KeptNumbers:
    numbers = KeptNumbers(most_bytes)
    numbers.confirm(KEY, NOW, ONE)
    numbers.put(KEY, NOW, "energy", 0.5, 8)
    return numbers


def test_a_value_is_kept_for_one_state_of_the_file() -> None:
    numbers = kept()
    assert numbers.get(KEY, NOW, "energy") == 0.5
    assert numbers.get(KEY, NOW, "energy", "uuid 1") == 0.5
    assert numbers.get(KEY, NOW, "energy", "uuid 2") is None
    assert numbers.get(KEY, NOW, "counts") is None
    assert numbers.get(KEY._replace(job_id="b"), NOW, "energy") is None
    assert numbers.get(KEY, LATER, "energy") is None


def test_the_same_run_in_a_changed_file_has_its_values() -> None:
    numbers = kept()
    numbers.confirm(KEY, LATER, ONE)
    assert numbers.get(KEY, LATER, "energy") == 0.5
    assert numbers.get(KEY, NOW, "energy") is None


def test_another_run_at_the_same_place_has_not() -> None:
    for other in (OTHER, ONE._replace(address=200)):
        numbers = kept()
        numbers.confirm(KEY, LATER, other)
        assert numbers.get(KEY, LATER, "energy") is None
        numbers.put(KEY, NOW, "energy", 0.5, 8)  # a thread that read the old file and was slow
        assert numbers.get(KEY, LATER, "energy") is None


def test_the_values_used_last_are_kept() -> None:
    numbers = KeptNumbers(20_000)
    keys = [KEY._replace(path=f"runs/{number}") for number in range(20)]
    for key in keys:
        numbers.confirm(key, NOW, ONE)
        numbers.put(key, NOW, "counts", key.path, 2000)
        numbers.get(keys[0], NOW, "counts")
        assert numbers.nbytes <= 20_000
    assert [number for number, key in enumerate(keys) if numbers.get(key, NOW, "counts")] == [0, 15, 16, 17, 18, 19]


def test_a_value_larger_than_the_bound_is_not_kept() -> None:
    numbers = KeptNumbers(10_000)
    numbers.confirm(KEY, NOW, ONE)
    numbers.put(KEY, NOW, "counts", "large", 20_000)
    assert numbers.get(KEY, NOW, "counts") is None
    assert numbers.nbytes == 0


def test_a_forked_child_begins_with_nothing() -> None:
    kept_numbers.confirm(KEY, NOW, ONE)
    kept_numbers.put(KEY, NOW, "energy", 0.5, 8)
    with kept_numbers._lock:  # as another thread may hold it
        child = os.fork()
        if not child:
            os._exit(kept_numbers.get(KEY, NOW, "energy") is not None or kept_numbers.nbytes)
    assert os.waitpid(child, 0)[1] == 0
    assert kept_numbers.get(KEY, NOW, "energy") == 0.5
