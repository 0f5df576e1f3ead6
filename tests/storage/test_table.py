"""Tables of the root: rows added, rows replaced, and chunks of rows in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aerchive.errors import FormatError
from aerchive.layout import CATALOGUE
from aerchive.models.catalogue import DTYPE
from aerchive.storage.nodes import GroupDraft
from tests.storage.samples import CREATED, dataset, project_file, write_run


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
        session.table("runs/2026-11-22/run/x")

    assert str(caught.value) == f"{path}: /runs/2026-11-22/run/x: is not a table"
