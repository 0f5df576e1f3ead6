"""Properties that are computed once: what Python's own has, but for its lock."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aerchive.lazy import cached_property


class Thing:
    """With one property, whose value says how often it was computed."""

    def __init__(self) -> None:
        self.number = 0
        self.may_go = threading.Event()
        self.may_go.set()
        self.is_computing = threading.Event()

    @cached_property
    def value(self) -> list[int]:
        """The value."""
        self.number += 1
        made = [self.number]
        self.is_computing.set()
        assert self.may_go.wait(20)
        return made


def test_it_is_computed_once_and_kept_in_the_dict() -> None:
    thing = Thing()

    assert thing.value is thing.value
    assert thing.__dict__["value"] == [1]
    del thing.__dict__["value"]
    assert thing.value == [2]
    thing.__dict__["value"] = [7]
    assert thing.value == [7]


def test_of_the_class_it_is_the_property() -> None:
    assert isinstance(Thing.value, functools.cached_property)
    assert Thing.value.__doc__ == "The value."


def test_what_it_raises_is_not_kept() -> None:
    class Once:
        """Fails at first."""

        tries = 0

        @cached_property
        def value(self) -> int:
            """The value."""
            self.tries += 1
            if self.tries == 1:
                raise OSError("not yet")
            return self.tries

    once = Once()
    with pytest.raises(OSError, match="not yet"):
        once.value  # noqa: B018
    assert once.value == 2


def test_another_object_does_not_wait_for_one_that_is_computed() -> None:
    slow, other = Thing(), Thing()
    slow.may_go.clear()
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(lambda: slow.value)
        assert slow.is_computing.wait(20)
        try:
            assert threads.submit(lambda: other.value).result(20) == [1]
        finally:
            slow.may_go.set()
        assert waiting.result(20) == [1]


def test_threads_that_ask_at_once_get_the_same_object() -> None:
    thing = Thing()
    thing.may_go.clear()
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(lambda: thing.value)
        assert thing.is_computing.wait(20)
        thing.__dict__["value"] = first = [0]
        thing.may_go.set()
        assert late.result(20) is first
