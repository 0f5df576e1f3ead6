"""Tables of the root: rows added, rows replaced, and chunks of rows in between."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from h5py import h5d, h5s

from aerchive.errors import FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.layout import CATALOGUE
from aerchive.models.catalogue import DTYPE
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.hdf5.table import CHANGES, TableReader, replace_row
from aerchive.storage.hdf5.types import stored_type
from aerchive.storage.medium.trace import record_reads
from tests.samples import CREATED, dataset, project_file, write_run


def rows(first: int, number: int) -> np.ndarray:
    made = np.zeros(number, DTYPE)
    made["job_id"] = [f"job {i}" for i in range(first, first + number)]
    made["seconds"] = np.nan
    made["nbytes"] = np.arange(first, first + number)
    return made


def test_rows_are_added_one_by_one_and_many_at_once(path: Path) -> None:
    for first, number in [(0, 1), (1, 1), (2, 31), (33, 100)]:
        with project_file(path).write(CREATED) as session:
            assert len(session.table(CATALOGUE)) == first
            session.append_rows(CATALOGUE, rows(first, number))

    with project_file(path).read() as session:
        table = session.table(CATALOGUE)
        assert len(table) == 133
        assert table.dtype == DTYPE
        assert table.rows().tobytes() == rows(0, 133).tobytes()
        assert table.rows(40, 3).tobytes() == rows(40, 3).tobytes()
        assert table.rows(130).tobytes() == rows(130, 3).tobytes()
        assert len(table.rows(133)) == len(table.rows(5, 0)) == 0


def test_a_replaced_row_leaves_the_others(path: Path) -> None:
    with project_file(path).write(CREATED) as session:
        session.append_rows(CATALOGUE, rows(0, 70))
    other = rows(1000, 1)
    with project_file(path).write(CREATED) as session:
        session.replace_row(CATALOGUE, 33, other)

    with project_file(path).read() as session:
        found = session.table(CATALOGUE).rows()
    wanted = rows(0, 70)
    wanted[33:34] = other
    assert found.tobytes() == wanted.tobytes()


def test_an_array_of_two_axes_is_no_table(path: Path) -> None:
    write_run(path, GroupDraft(datasets={"x": dataset([np.zeros((3, 3))])}))

    with project_file(path).read() as session, pytest.raises(FormatError) as caught:
        session.root.group("runs/2026-11-22/run").open_table("x")

    assert str(caught.value) == f"{path}: /runs/2026-11-22/run/x: is not a table; tables have one axis and no filters"


def filled(path: Path, number: int, step: int = 70) -> None:
    """Rows whose chunks do not lie beside each other."""
    for first in range(0, number, step):
        with project_file(path).write(CREATED) as session:
            session.append_rows(CATALOGUE, rows(first, min(step, number - first)))
            session.write_run(f"runs/{first}", "run", GroupDraft(), "owner")


@pytest.mark.parametrize(("first", "number"), [(0, 1500), (0, 1499), (1, 1499), (33, 1000), (700, 800), (31, 514)])
def test_rows_are_read_where_they_lie_as_hdf5_reads_them(path: Path, first: int, number: int) -> None:
    filled(path, 1500)

    with project_file(path).read() as session:
        table = session.table(CATALOGUE)
        with record_reads() as log:
            found = table.rows(first, number)
        by_hdf5 = TableReader(session.root.open_table(CATALOGUE), "").rows(first, number)

    assert found.tobytes() == by_hdf5.tobytes() == rows(first, number).tobytes()
    assert 592 * number <= log.nbytes < 592 * number + 20_000  # the rest is HDF5's index of chunks


def test_chunks_that_were_never_written_are_rows_of_zeros(path: Path) -> None:
    filled(path, 100)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file[CATALOGUE].resize((1000,))
        for number in range(900, 932):
            replace_row(file[CATALOGUE].id, number, rows(number, 1))
        file["padding"] = np.zeros(600_000, "u1")  # as large as the rows

    with project_file(path).read() as session:
        found = session.table(CATALOGUE).rows()

    wanted = np.zeros(1000, DTYPE)
    wanted[:100], wanted[900:932] = rows(0, 100), rows(900, 32)
    assert found.tobytes() == wanted.tobytes()


def test_rows_stored_in_another_way_are_read_by_hdf5(path: Path) -> None:
    filled(path, 10)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[CATALOGUE]
        made = h5d.create(file.id, CATALOGUE.encode(), stored_type(DTYPE), h5s.create_simple((1000,)))
        made.write(h5s.ALL, h5s.ALL, rows(0, 1000), stored_type(DTYPE))

    with project_file(path).read() as session:
        assert session.table(CATALOGUE).rows().tobytes() == rows(0, 1000).tobytes()


def test_more_rows_than_the_file_can_hold_are_not_believed(path: Path) -> None:
    filled(path, 10)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file[CATALOGUE].resize((2**40,))

    with project_file(path).read() as session, pytest.raises(IntegrityError, match=f"{2**40} rows, more than the file"):
        session.table(CATALOGUE)


def test_a_session_sees_the_rows_it_has_written(path: Path) -> None:
    filled(path, 600)
    with project_file(path).write(CREATED) as session:
        assert session.table(CATALOGUE).rows().tobytes() == rows(0, 600).tobytes()
        assert not session.has_new_rows
        session.append_rows(CATALOGUE, rows(600, 600))
        session.replace_row(CATALOGUE, 5, rows(5000, 1))

        assert session.has_new_rows
        found = session.table(CATALOGUE).rows()
    wanted = rows(0, 1200)
    wanted[5:6] = rows(5000, 1)
    assert found.tobytes() == wanted.tobytes()


def changes_of(path: Path) -> np.ndarray:
    with project_file(path).read() as session:
        table = session.table("catalogue.changes")
        assert table.dtype == CHANGES
        return table.rows()


def test_added_and_replaced_rows_are_listed(path: Path) -> None:
    filled(path, 75)
    for number in (3, 69, 3):
        with project_file(path).write(CREATED) as session:
            session.replace_row(CATALOGUE, number, rows(number + 100, 1))

    changes = changes_of(path)
    assert changes["row"].tolist() == [0, 70, 3, 69, 3]
    written = [rows(0, 70), rows(70, 5), rows(103, 1), rows(169, 1), rows(103, 1)]
    pieces = [b"".join(row.tobytes()[:-4] for row in one) for one in written]
    assert changes["crc32"].tolist() == [zlib.crc32(b"".join(pieces[:number])) for number in range(1, 6)]


def test_a_list_of_changes_that_cannot_be_gone_on_with_keeps_nobody_from_writing(path: Path) -> None:
    filled(path, 70)
    for other in (np.zeros((2, 2)), np.zeros(3, "u1")):
        with h5py.File(path, "r+", libver=("v110", "v110")) as file:
            del file["catalogue.changes"]
            file["catalogue.changes"] = other
        with project_file(path).write(CREATED) as session:
            session.append_rows(CATALOGUE, rows(0, 1))
            session.replace_row(CATALOGUE, 3, rows(103, 1))
        with h5py.File(path) as file:
            assert (file["catalogue.changes"][...] == other).all()


def test_a_replaced_table_is_another_one(path: Path) -> None:
    filled(path, 70)
    with project_file(path).write(CREATED) as session:
        session.replace_row(CATALOGUE, 3, rows(100, 1))
    with project_file(path).read() as session:
        before = session.table(CATALOGUE).address
    for number in (40, 50):
        with project_file(path).write(CREATED) as session:
            session.replace_table(CATALOGUE, rows(0, number))

        with project_file(path).read() as session:
            table = session.table(CATALOGUE)
            assert table.rows().tobytes() == rows(0, number).tobytes()
            assert table.address != before
            assert session.table("catalogue.changes").rows()["row"].tolist() == [0]
            before = table.address
    with h5py.File(path) as file:
        assert sorted(file["deleted/tables"]) == [
            "catalogue",
            "catalogue-2",
            "catalogue.changes",
            "catalogue.changes-2",
        ]
        assert len(file["deleted/tables/catalogue"]) == 70


def broken_index(path: Path) -> None:
    """HDF5 opens the table, and finds none of its chunks."""
    content = bytearray(path.read_bytes())
    content[content.rindex(b"EAHD") + 8] ^= 255
    path.write_bytes(content)


def missing(path: Path) -> None:
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[CATALOGUE]


@pytest.mark.parametrize("damage", [broken_index, missing])
def test_a_table_that_is_missing_or_unreadable_can_be_replaced(path: Path, damage: Callable[[Path], None]) -> None:
    filled(path, 600)
    damage(path)
    with project_file(path).read() as session, pytest.raises((IntegrityError, NotFoundError)):
        session.table(CATALOGUE).rows()

    with project_file(path).write(CREATED) as session:
        session.replace_table(CATALOGUE, rows(0, 5))

    with project_file(path).read() as session:
        assert session.table(CATALOGUE).rows().tobytes() == rows(0, 5).tobytes()


def test_a_table_whose_header_is_damaged_stays(path: Path) -> None:
    """HDF5 neither moves nor removes what it cannot open."""
    filled(path, 10)
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file[CATALOGUE].id).addr
    content = bytearray(path.read_bytes())
    content[address + 10] ^= 255
    path.write_bytes(content)

    def replace() -> None:
        with project_file(path).write(CREATED) as session:
            session.replace_table(CATALOGUE, rows(0, 5))

    with pytest.raises(IntegrityError, match=r"cannot be replaced.*restore"):
        replace()

    assert path.read_bytes() == content


def test_a_table_of_holes_is_not_read_but_one_whose_blocks_are_counted_late(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstat

    def late(fd: int) -> SimpleNamespace:
        status = real(fd)
        return SimpleNamespace(**{n: getattr(status, n) for n in dir(status) if n.startswith("st_")} | {"st_blocks": 0})

    with project_file(path).write(CREATED) as session:
        session.append_rows(CATALOGUE, rows(0, 1000))
    monkeypatch.setattr("aerchive.storage.medium.disk._MAY_BE_HOLES", 64 * 1024)
    with project_file(path).read() as session, monkeypatch.context() as patch:
        patch.setattr(os, "fstat", late)
        assert len(session.table(CATALOGUE)) == 1000
    with h5py.File(path, "r+") as file:
        file[CATALOGUE].resize((1_000_000,))
    os.truncate(path, 2**30)
    with project_file(path).read() as session, pytest.raises(UnsafeContentError, match="the limit 'sparse_ratio'"):
        session.table(CATALOGUE)


@pytest.mark.parametrize("step", [1, 50, 700])
def test_a_catalogue_has_at_most_two_chunks_however_it_grew(path: Path, step: int) -> None:
    number = 700 if step > 1 else 140
    for first in range(0, number, step):
        with project_file(path).write(CREATED) as session:
            session.append_rows(CATALOGUE, rows(first, min(step, number - first)))
            session.replace_row(CATALOGUE, first, rows(first, 1))
        with project_file(path).read() as session:
            table = session.table(CATALOGUE)
            assert len(table) <= 2 * session.root.open_table(CATALOGUE).what.chunk[0]
            assert table.rows().tobytes() == rows(0, len(table)).tobytes()
            assert session.table("catalogue.changes").last()["row"].tolist() == [first]
    with h5py.File(path) as file:
        assert file[CATALOGUE].id.get_num_chunks() <= 2
        assert "deleted" not in file


def test_what_each_opening_reads_of_the_root_lies_together(path: Path) -> None:
    for first in range(0, 300, 100):
        with project_file(path).write(CREATED) as session:
            session.append_rows(CATALOGUE, rows(first, 100))
            session.write_run(f"runs/2026-11-{first // 100 + 10}", "run", GroupDraft({"encoding": "run"}), "owner")
            session.put_default(f"runs/2026-11-{first // 100 + 10}/run")
    with record_reads() as log, project_file(path).read() as session:
        session.root.group("runs/2026-11-12/run")
    assert len(log.extents) < 20
