"""What tags of many runs cost: one commit a run, the same in one transaction, and `Project.tag`.

Beside them what such a commit cannot do without: the labels of each run read and written, and its row. Each way works
on a copy of the same project, in turn. Medians, in milliseconds a run. Prints a table.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aerchive import layout
from aerchive.models.labels import RunLabels
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.record import read_labels
from aerchive.project.project import Project
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.times import now
from tests.drafts import draft_of, job_id, project_at


def one_by_one(project: Project, number: int) -> None:
    for run in project.find(seconds__lt=number / 8):
        run.add_tags("new")


def in_a_transaction(project: Project, number: int) -> None:
    with project.transaction():
        one_by_one(project, number)


def by_condition(project: Project, number: int) -> None:
    assert project.tag(seconds__lt=number / 8, add="new") == number


def by_ids(project: Project, number: int) -> None:
    assert project.tag(job_ids=[job_id(one) for one in range(number)], add="new") == number


def least(project: Project, number: int) -> None:
    with project.file.write(now()) as session:
        rows = Catalogue(session).rows()[:number].copy()
        for row in rows:
            path = run_path(row)
            owner, _ = read_labels(session.root.group(path))
            labels = RunLabels(tags=["old", "new"])
            session.replace_group(path, layout.LABELS, GroupDraft(labels.to_attributes(), mutable=True), owner)
        for one in range(number):
            session.replace_row(layout.CATALOGUE, one, rows[one : one + 1])


WAYS: dict[str, Callable[[Project, int], None]] = {
    "add_tags, one by one": one_by_one,
    "add_tags in a transaction": in_a_transaction,
    "project.tag, conditions": by_condition,
    "project.tag, ids": by_ids,
    "only groups and rows": least,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--tagged", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, copy = Path(folder, "source.h5"), Path(folder, "project.h5")
        project = project_at(source)
        with project.transaction():
            for number in range(options.runs):
                project.save(draft_of(number), tags="old")
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
        for _ in range(options.repetitions):
            for name, way in WAYS.items():
                shutil.copyfile(source, copy)
                project = project_at(copy)
                wall, processor = time.perf_counter(), time.process_time()
                way(project, options.tagged)
                seconds[name].append((time.perf_counter() - wall, time.process_time() - processor))
    print(f"{options.tagged} of {options.runs} runs tagged, milliseconds a run      wall   processor")
    for name, figures in seconds.items():
        wall, processor = (1000 * statistics.median(times) / options.tagged for times in zip(*figures, strict=True))
        print(f"{name:56} {wall:8.2f} {processor:8.2f}")


if __name__ == "__main__":
    main()
