"""Many processes, one file: all runs arrive, no reader sees anything else than some state of the project."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

from tests.concurrency.crowds import crowd
from tests.drafts import draft_of, model_of, project_at
from tests.views import project_view


def test_writers_readers_and_a_foreign_program(tmp_path: Path) -> None:
    answers = crowd(tmp_path, writers=4, runs=15, readers=2, intruders=1, timeout_s=100)

    figures = {role: [a for a in answers if a["role"] == role] for role in ("write", "read", "intrude")}
    assert sum(answer["saved"] for answer in figures["write"]) == 60
    assert all(answer["reads"] > 3 for answer in figures["read"])
    assert figures["intrude"][0]["opened r"] > 3
    assert figures["intrude"][0]["opened r+"] > 1


def test_the_file_is_replaced_while_others_use_it(tmp_path: Path) -> None:
    answers = crowd(tmp_path, writers=2, runs=10, readers=1, intruders=0, compactors=1, timeout_s=150)

    assert sum(answer["saved"] for answer in answers if answer["role"] == "write") == 20
    compacted = sum(answer["compacted"] for answer in answers if answer["role"] == "compact")
    assert compacted >= 4
    assert project_at(tmp_path / "project.h5").space().generation == 1 + compacted


def test_threads_share_a_project(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5", lock_timeout_s=60)
    problems: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 6):
                project.archive(draft_of(number))
                assert draft_of(number).job_id in project
        except BaseException as error:  # noqa: BLE001  (raised again below, in the test's own thread)
            problems.append(error)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not problems
    assert project_view(project) == model_of(draft_of(100 * n + i) for n in range(4) for i in range(6)) | {}


def _save_in_child(path: Path, number: int) -> None:
    project_at(path, lock_timeout_s=60).archive(draft_of(number))


def test_children_started_by_multiprocessing_save(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    project_at(path).archive(draft_of(0))
    context = multiprocessing.get_context("spawn")

    children = [context.Process(target=_save_in_child, args=(path, number)) for number in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)

    assert [child.exitcode for child in children] == [0, 0]
    assert project_view(path) == model_of(draft_of(number) for number in range(3))
