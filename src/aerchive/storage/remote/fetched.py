"""A file that is somewhere else, as parts that are fetched when they are read, and kept on this disk.

What HDF5 reads to find a node is small and lies near what it reads next, so some blocks around it are fetched with it.
What is large is fetched as it is asked for. The figures are from `docs/decisions/0043-remote.md`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aerchive.errors import ReadError
from aerchive.storage.medium.parts import note_parts
from aerchive.storage.remote.blocks import BLOCK_BYTES
from aerchive.storage.remote.cache import CachedState, cached_state, note, noted, remove_state
from aerchive.storage.remote.collector import resting_collector
from aerchive.storage.remote.source import Source, State

HEAD_BYTES = 4 * BLOCK_BYTES
"""The first request: superblock, root group, and the objects of the first run."""
_BEFORE, _WINDOW = 2, 5
"""Blocks before a small read that are fetched with it, and blocks in all."""
_TAIL_BYTES = 24 * BLOCK_BYTES
"""A small read so near to the end fetches all from there on: the newest run is there, and what leads to it."""
_MOST_BYTES = 8 * 1024 * 1024
"""The largest request."""
_GAP = 2
"""Blocks that are fetched though nobody asked for them, to make one request of two."""
_MOST_AHEAD = 128
"""Blocks that are fetched before they are wanted, by who reads one piece after another."""
_PLACES = 16
"""Locks for parts of the file that are fetched at the same time."""
_TOGETHER = 4
"""Requests at a time."""
_KEPT_BLOCKS = 256
"""Blocks that are kept in memory, which is all that is kept if the disk is full."""
_VETTED = "vetted"


class FetchedFile:
    """One state of a file that is somewhere else; see `Parts`.

    Args:
        source: Where the bytes come from.
        state: The state.
        head: The first bytes of the file.
        file_name: A name for the stand-in.

    Attributes:
        state: The same state.
        stamp: See `Parts`.
        stand_in: Path of the stand-in.
        fetched: Number and bytes of the requests for ranges that were sent.
    """

    def __init__(self, source: Source, state: State, head: bytes, file_name: str) -> None:
        self.state = state
        self._source = source
        self._kept = cached_state(source.key, state, head, file_name)
        key = source.key or uuid.uuid4().hex
        self.stamp = _number(key), _number(repr((state, head[:48]))), state.size, 0, 0
        self.stand_in = self._kept.stand_in
        self.fetched = [1, len(head)]
        self._begin_anew()
        try:
            fd = self._kept.open_stand_in(state.size)
        except OSError as error:
            _end(self._kept, os.getpid(), is_of_use=source.key is not None)
            raise ReadError(
                f"{source.name}: says that it has {state.size} bytes, which cannot be opened ({error.strerror})"
            ) from error
        try:
            note_parts(fd, self)
        finally:
            os.close(fd)
        weakref.finalize(self, _end, self._kept, os.getpid(), is_of_use=source.key is not None)
        whole = len(head) if len(head) == state.size else len(head) // BLOCK_BYTES * BLOCK_BYTES
        self._keep(0, head[:whole])
        _all.add(self)

    def _begin_anew(self) -> None:
        """Makes what a process must not share with its parent."""
        self._lock = threading.Lock()
        self._places = [threading.Lock() for _ in range(_PLACES)]
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._reads: OrderedDict[int, int] = OrderedDict()  # blocks read one after another, by the block after the last

    def _place(self, first: int) -> threading.Lock:
        """The lock of those who fetch what begins at a block: of several that want the same, one fetches it."""
        return self._places[first // (_MOST_BYTES // BLOCK_BYTES // 8) % _PLACES]

    @property
    def is_whole(self) -> bool:
        """Whether the stand-in is there and has its size."""
        return self._kept.is_whole(self.state.size)

    # -- what `Parts` has

    def read(self, view: memoryview, offset: int) -> int:
        """See `Parts`."""
        length = min(len(view), self.state.size - offset)
        if length <= 0:
            return 0
        first, last = offset // BLOCK_BYTES, -(-(offset + length) // BLOCK_BYTES)
        if length < BLOCK_BYTES:
            with resting_collector(), self._lock:  # of several threads that look for the same metadata, one fetches it
                found = self._here(first, last)
                if len(found) < last - first:
                    self._fetch_around(first, last, found)
        else:
            with resting_collector(), self._place(first):
                found = self._here(first, last)
                self._fetch_spans(_spans(number for number in range(first, last) if number not in found), found)
        data = b"".join([found[number] for number in range(first, last)])
        start = offset - first * BLOCK_BYTES
        view[:length] = memoryview(data)[start : start + length]
        return length

    def expect(self, extents: Sequence[tuple[int, int]]) -> None:
        """See `Parts`."""
        wanted: set[int] = set()
        for offset, length in extents:
            stop = min(offset + length, self.state.size)
            if stop > offset:
                wanted.update(range(offset // BLOCK_BYTES, -(-stop // BLOCK_BYTES)))
        ahead = self._ahead(wanted)
        with resting_collector(), self._place(min(wanted, default=0)):
            missing = [number for first, last in _spans(sorted(wanted)) for number in self._missing(first, last)]
            if missing and ahead:
                after = max(wanted) + 1
                missing += self._missing(after, after + ahead)
            self._fetch_spans(_spans(missing, _GAP), {})

    def _ahead(self, wanted: set[int]) -> int:
        """The number of blocks behind the wanted ones that may be wanted next: as many as were read one after another.

        So of what is fetched in vain there is never more than what was asked for.
        """
        if not wanted:
            return 0
        first, last = min(wanted), max(wanted) + 1
        before = self._reads.pop(first, 0) or self._reads.pop(first + 1, 0)  # pieces may share a block
        self._reads[last] = before + last - first
        with contextlib.suppress(KeyError):  # other threads remove some as well
            while len(self._reads) > _PLACES:
                self._reads.popitem(last=False)
        return min(before, _MOST_AHEAD, -(-self.state.size // BLOCK_BYTES) - last)

    def vetted(self) -> set[str]:
        """See `Parts`."""
        return {one for one in noted(self._kept, _VETTED).get("nodes", ()) if isinstance(one, str)}

    def note_vetted(self, nodes: set[str]) -> None:
        """See `Parts`."""
        note(self._kept, _VETTED, {"nodes": sorted(nodes)})

    # -- fetching

    def _here(self, first: int, last: int) -> dict[int, bytes]:
        """The blocks that need not be fetched."""
        kept = ((number, self._blocks.get(number)) for number in range(first, last))
        found = {number: block for number, block in kept if block is not None}
        if len(found) < last - first:
            found |= self._kept.blocks.get(first, last)
        return found

    def _missing(self, first: int, last: int) -> list[int]:
        found = self._here(first, last)
        return [number for number in range(first, last) if number not in found]

    def _fetch_around(self, first: int, last: int, found: dict[int, bytes]) -> None:
        """Fetches missing blocks of a small read, and blocks around them that are not here either."""
        end = -(-self.state.size // BLOCK_BYTES)
        tail = max(0, (self.state.size - _TAIL_BYTES) // BLOCK_BYTES)
        low, high = (tail, end) if first >= tail else (max(0, first - _BEFORE), min(end, first - _BEFORE + _WINDOW))
        around = self._here(low, high)
        while low < first and low in around:
            low += 1
        while high > last and high - 1 in around:
            high -= 1
        self._fetch_spans([(low, max(high, last))], found)

    def _fetch_spans(self, spans: Sequence[tuple[int, int]], found: dict[int, bytes]) -> None:
        """Fetches spans of blocks, some at a time, and adds them to those that were found."""
        most = _MOST_BYTES // BLOCK_BYTES
        pieces = [(at, min(at + most, stop)) for start, stop in spans for at in range(start, stop, most)]
        if len(pieces) < 2:
            for piece in pieces:
                found |= self._fetch(piece)
            return
        with ThreadPoolExecutor(min(_TOGETHER, len(pieces)), "aerchive-remote") as pool:
            for blocks in pool.map(self._fetch, pieces):
                found |= blocks

    def _fetch(self, span: tuple[int, int]) -> dict[int, bytes]:
        start, stop = span[0] * BLOCK_BYTES, min(span[1] * BLOCK_BYTES, self.state.size)
        data = self._source.fetch(start, stop, self.state)
        self.fetched[0] += 1
        self.fetched[1] += len(data)
        return self._keep(span[0], data)

    def _keep(self, first: int, data: bytes) -> dict[int, bytes]:
        blocks = {first + at // BLOCK_BYTES: data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)}
        if self._kept.make_room(len(data)):
            self._kept.blocks.put(first, data)
        for number, block in [*blocks.items()][:_KEPT_BLOCKS]:
            self._blocks[number] = block
        with contextlib.suppress(KeyError):  # other threads remove blocks as well
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return blocks


_all: weakref.WeakSet[FetchedFile] = weakref.WeakSet()


def _after_fork() -> None:
    for one in [*_all]:
        one._begin_anew()


os.register_at_fork(after_in_child=_after_fork)


def _spans(numbers: Iterable[int], gap: int = 0) -> list[tuple[int, int]]:
    """Joins numbers of blocks, in increasing order, to spans; a gap of a few blocks is filled."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number <= spans[-1][1] + gap:
            spans[-1] = spans[-1][0], number + 1
        else:
            spans.append((number, number + 1))
    return spans


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)


def _end(kept: CachedState, process: int, *, is_of_use: bool) -> None:
    if is_of_use:
        kept.close()
    elif process == os.getpid():  # a forked child must not remove what its parent uses
        remove_state(kept)
