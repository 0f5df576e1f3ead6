"""A mistake of the program comes out as what it is; only what HDF5 cannot read or change is told as damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from aerchive.errors import IntegrityError
from aerchive.project.project import Project
from aerchive.project.run import Run
from tests.drafts import draft_of, job_id, project_at

ACTIONS: dict[str, Callable[[Project], Any]] = {
    "save": lambda project: project.archive(draft_of(9)),
    "label": lambda project: project[job_id(1)].add_tags("b"),
    "delete": lambda project: project.delete_job(job_id(1)),
    "restore": lambda project: project.restore(job_id(3)),
    "compact": lambda project: project.compact(),
    "rebuild": lambda project: project.rebuild_catalogue(),
}
DAY = "runs/2026-11-22"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three runs, and one that was deleted; one of them has an array of several chunks."""
    made = tmp_path / "project.h5"
    for number in range(4):
        project_at(made).archive(draft_of(number, extra_bytes=3_000_000 if number == 2 else 0))
    project_at(made)[job_id(1)].add_tags("a")
    project_at(made).delete_job(job_id(3))
    return made


def run_path(path: Path, number: int) -> str:
    return str(project_at(path)[job_id(number)].path)


def broken(error: Exception) -> Callable[..., Any]:
    def call(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return call


MISTAKES = [KeyError("a_key_with_a_typing_error"), ValueError("typed wrong"), RuntimeError("typed wrong")]


@pytest.mark.parametrize("mistake", [*MISTAKES, OSError("typed wrong")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_mistake_in_a_commit_is_not_told_as_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, action: str, mistake: Exception
) -> None:
    content = path.read_bytes()
    monkeypatch.setattr("aerchive.models.catalogue.seal_row", broken(mistake))

    with pytest.raises(type(mistake)) as caught:
        ACTIONS[action](project_at(path))

    assert caught.value is mistake
    assert path.read_bytes() == content


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "name",
    [
        "storage.hdf5.writer.attribute_array",
        "storage.hdf5.writer.stored_type",
        "storage.hdf5.writer.plan_write",
        "filters.profiles.Packing.begin",
        "filters.pipeline.Packer.pack",
        "storage.hdf5.writer.checksums.table_of",
        "storage.sessions.change_of",
    ],
)
def test_a_mistake_in_writing_nodes_is_not_told_as_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mistake: Exception
) -> None:
    monkeypatch.setattr(f"aerchive.{name}", broken(mistake))

    with pytest.raises(type(mistake)) as caught:
        project_at(path).archive(draft_of(9, extra_bytes=3_000_000))

    assert caught.value is mistake


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "name",
    [
        "chunk_table.stored_type",
        "chunk_table.select",
        "nodes.memory_dtype",
        "nodes.stored_type",
        "nodes.array_of",
        "attributes.decode_text",
        "node_copying.object_path",
    ],
)
def test_a_mistake_in_reading_nodes_is_not_told_as_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mistake: Exception
) -> None:
    run = project_at(path)[job_id(2)]
    monkeypatch.setattr(f"aerchive.storage.hdf5.{name}", broken(mistake))

    with pytest.raises(type(mistake)) as caught:
        read_and_compact(run)

    assert caught.value is mistake


def read_and_compact(run: Run) -> None:
    with run.place.open() as (_, group):
        group.read("noise", run.run_uuid)
    project_at(run.place.project.path).compact(force=True)


def damage(path: Path, node: str) -> None:
    """Changes a bit in the header of a node, which HDF5 notices by its checksum."""
    with h5py.File(path) as file:
        at = h5py.h5o.get_info(file[node].id).addr + 8
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("action", "node"),
    [
        ("save", "runs"),
        ("save", DAY),
        ("save", "objects/circuits"),
        ("save", "catalogue"),
        ("label", "{run}"),
        ("label", "{run}/labels"),
        ("label", "catalogue"),
        ("delete", "deleted"),
        ("restore", "deleted"),
        ("restore", DAY),
        ("compact", "{run}"),
        ("compact", "{run}/statevector"),
        ("compact", "{large}/noise"),
        ("rebuild", "catalogue"),
    ],
)
def test_damage_is_told_with_the_node(path: Path, action: str, node: str) -> None:
    node = node.format(run=run_path(path, 1), large=run_path(path, 2))
    damage(path, node)
    content = path.read_bytes()

    with pytest.raises(IntegrityError) as caught:
        ACTIONS[action](project_at(path))

    assert f"{path}: /{node}" in str(caught.value)
    assert path.read_bytes() == content
