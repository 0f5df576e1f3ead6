"""What was read can be counted, and bytes that were not needed were not read."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.medium.trace import note_read, record_reads
from tests.samples import OWNER, RUN, dataset, noise, project_file, write_run


def test_a_block_records_what_is_read_in_it() -> None:
    note_read(0, 1)
    with record_reads() as outer:
        note_read(10, 5)
        with record_reads() as inner:
            note_read(20, 2)
        note_read(30, 1)
    note_read(40, 1)

    assert outer.extents == [(10, 5), (20, 2), (30, 1)]
    assert inner.extents == [(20, 2)]
    assert outer.nbytes == 8


def test_touching_is_sharing_a_byte() -> None:
    with record_reads() as log:
        note_read(10, 5)

    assert [log.touches(start, 2) for start in (8, 9, 10, 13, 14, 15)] == [False, True, True, True, True, False]


def test_another_thread_is_not_recorded() -> None:
    with record_reads() as log:
        thread = threading.Thread(target=note_read, args=(0, 1))
        thread.start()
        thread.join()

    assert log.extents == []


def test_a_slice_reads_only_its_chunks(path: Path) -> None:
    value = noise(4 * 2**20)
    write_run(path, GroupDraft(datasets={"x": dataset([value])}))

    with project_file(path).read() as session:
        plan = session.root.group(RUN).plan("x", OWNER, slice(2**20 + 5, 2**20 + 9))
        with record_reads() as log:
            found = plan.read(session.fd)

    assert np.array_equal(found, value[2**20 + 5 : 2**20 + 9])
    assert [length for _, length in log.extents] == [2**20]
    assert log.touches(plan.locations[0].address, 1)
