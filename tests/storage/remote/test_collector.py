"""While a thread waits for bytes inside HDF5, the thread that fetches them never waits for that thread."""

from __future__ import annotations

import gc
import io
import os
import threading
from collections.abc import Iterator

import pytest
from h5py import h5p
from h5py._objects import phil

from aerchive.storage.remote.collector import resting_collector
from aerchive.storage.remote.opening import fetched_of, open_object

ALLOCATIONS = 20_000


class Cycle:
    """Garbage that only the search for cycles finds."""

    def __init__(self) -> None:
        self.itself = self
        self.node = h5p.create(h5p.FILE_ACCESS)


class Littering(io.BytesIO):
    """A file whose reads make as many objects as Python waits for before it searches for cycles."""

    litters = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.litters:
            assert [[] for _ in range(2 * ALLOCATIONS)]  # type: ignore[var-annotated]
        return super().read(size)


@pytest.fixture
def rare_search() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(ALLOCATIONS)
    yield
    gc.set_threshold(*before)


def test_garbage_of_hdf5_does_not_stop_a_read(rare_search: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_REMOTE_TIMEOUT", "0.3")
    file = Littering(os.urandom(500_000))
    parts = fetched_of(open_object(file))
    assert parts is not None
    file.litters = True
    Cycle()
    with phil:  # as h5py does while HDF5 reads
        assert parts.read(memoryview(bytearray(100)), 300_000) == 100
    assert gc.isenabled()


def test_the_search_goes_on_after_the_last_of_several_threads() -> None:
    entered = threading.Barrier(5)
    left = threading.Event()

    def rest() -> None:
        with resting_collector():
            entered.wait(60)
            left.wait(60)

    threads = [threading.Thread(target=rest) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait(60)
    with resting_collector():
        pass
    assert not gc.isenabled()
    left.set()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


def test_who_has_turned_the_search_off_finds_it_off() -> None:
    gc.disable()
    try:
        with resting_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
