"""An anonymous copy: what is personal is in none of its bytes, and all the rest is as it was."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.cli import main
from aerchive.errors import AlreadyExistsError, IntegrityError, WriteError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus
from aerchive.project.care import changed_copy
from aerchive.testing.disks import FailingDisk, fault, using
from tests.crash.workloads import lost
from tests.drafts import draft_of, job_id, project_at
from tests.holding import held
from tests.jobs import bell
from tests.project.care import facts
from tests.views import stock_view

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "personal-facts.md"
STAYS = ("stays", "made anew")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("facts") / "project.h5"
    facts.make(path)
    return path


@pytest.fixture(scope="module")
def copied(source: Path) -> aerchive.Project:
    return aerchive.open(source, "r").copy(source.with_name("copy.h5"), anonymous=True)


def listed() -> dict[str, str]:
    """What becomes of each place that the page lists."""
    found: dict[str, str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3:
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[1]), cells[2])
    return found


def test_the_page_lists_every_place_of_a_personal_fact(source: Path) -> None:
    there: dict[str, set[str]] = {mark: set() for mark in (*facts.FACTS, facts.GONE, facts.KEPT)}
    for place, text in facts.texts(source):
        for mark, places in there.items():
            if mark in text:
                places.add(facts.place_of(place))
    assert all(there.values()), "the file must have all facts, so that this test can fail"
    assert set().union(*there.values()) - listed().keys() == set()
    raw = source.read_bytes()
    assert [mark for mark in facts.NEVER if mark.encode() in raw] == []


def test_the_page_names_every_field() -> None:
    text = PAGE.read_text(encoding="utf-8")
    models = {"config": RunConfig, "status": RunStatus, "labels": RunLabels, "provenance": Provenance}
    fields = [
        f"`{name}@{field}{'.*' if field in model.free_fields else ''}`"
        for name, model in models.items()
        for field in model.model_fields
    ]
    assert [field for field in fields if field not in text] == []


def test_no_byte_of_the_copy_has_a_personal_fact(copied: aerchive.Project) -> None:
    raw = copied.path.read_bytes()
    marks = (*facts.FACTS, *facts.NEVER, facts.GONE)
    assert [mark for mark in marks for form in ("utf-8", "utf-16-le") if mark.encode(form) in raw] == []
    decoded = list(facts.texts(copied.path))
    assert [(mark, place) for place, text in decoded for mark in marks if mark in text] == []
    kept = {facts.place_of(place) for place, text in decoded if facts.KEPT in text}
    assert {"labels@name", "labels@tags", "labels@notes", "labels@params.*", "circuits/qpy", "catalogue"} <= kept
    assert all(listed()[place].startswith(STAYS) for place in kept)
    assert not [entry for entry in copied.path.parent.iterdir() if entry.name.startswith((".copy", "copy.h5."))]


def test_everything_else_is_as_it_was(source: Path, copied: aerchive.Project) -> None:
    report = copied.verify()
    assert report.ok, report
    stock_view(copied.path)
    before = {run.job_id: run for run in aerchive.open(source, "r")}
    after = {run.job_id: run for run in copied}
    assert list(after) == [run.job_id for run in copied.find()]
    assert after.keys() == before.keys()
    assert len(after) == 5
    for key, run in after.items():
        old = before[key]
        assert (run.record.run_uuid, run.created, run.outcome) == (old.record.run_uuid, old.created, old.outcome)
        assert run.nbytes == old.nbytes
        assert (run.tags, run.notes, run.params, run.name) == (old.tags, old.notes, old.params, old.name)
        assert set(run.record.config.anonymised or ()) >= {"provenance.host"}
        assert run.core_sha256 != old.core_sha256
        if run.outcome == "ok" and run.record.config.backend_class:
            assert run.result().to_dict() == old.result().to_dict()
            assert run.rerun().get_counts() == old.result().get_counts()
    first = copied[facts.KEPT]
    assert first.record.config.options["where"] == {"out": [{}], "keep": 1}
    assert {"config.options.where.by", "labels.history"} <= set(first.record.config.anonymised or ())
    service = copied[job_id(7)].record.config
    assert service.service == {
        "client": "qiskit-ibm-runtime 1",
        "usage_seconds": 3,
        "metrics": {"timestamps": {"created": "2026"}, "usage": {"seconds": 3}},
    }
    assert service.primitive_options == {"file": {"missing": "personal"}}
    assert service.missing == ["in <path>"]
    failed = next(run for run in copied if run.outcome == "error")
    assert failed.record.status.message == "cannot read <path> on <name> for <name>"
    with pytest.raises(Exception, match="cannot read <path> on <name> for <name>"):
        failed.job().result()


def chunks(path: Path) -> dict[tuple[str, str], list[tuple[int, bytes]]]:
    """The stored bytes of each chunk of each run's datasets."""
    found: dict[tuple[str, str], list[tuple[int, bytes]]] = {}

    def look(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.chunks is not None and name.startswith("runs/"):
            places = [node.id.get_chunk_info(number).chunk_offset for number in range(node.id.get_num_chunks())]
            owner = str(node.file["/".join(name.split("/")[:3])].attrs["job_id"])
            found[owner, name.partition("/view/")[2] or name.rpartition("/")[2]] = [
                node.id.read_direct_chunk(place) for place in places
            ]

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return found


def test_chunks_are_the_same_bytes(source: Path, tmp_path: Path) -> None:
    plain = aerchive.open(source, "r").copy(tmp_path / "plain.h5")
    made = plain.copy(tmp_path / "anonymous.h5", anonymous=True)
    assert len(chunks(plain.path)) > 4
    assert chunks(made.path) == chunks(plain.path)


def test_a_copy_of_the_copy_changes_nothing_more(copied: aerchive.Project, tmp_path: Path) -> None:
    again = copied.copy(tmp_path / "again.h5", anonymous=True)
    assert [run.record for run in again] == [run.record for run in copied]
    assert [run.core_sha256 for run in again] == [run.core_sha256 for run in copied]


def test_it_is_another_project(source: Path, copied: aerchive.Project) -> None:
    with h5py.File(source, "r") as old, h5py.File(copied.path, "r") as new:
        assert old.attrs["project_uuid"] != new.attrs["project_uuid"]
        assert sorted(new) == ["README", "catalogue", "catalogue.changes", "columns", "format", "objects", "runs"]


def test_primitives_and_lost_runs(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    job = SamplerV2(project=path, seed=3).run([bell()], shots=20)
    job.result()
    project_at(path).archive(lost(4))
    made = aerchive.open(path).copy(tmp_path / "copy.h5", anonymous=True)
    assert made.verify().ok
    assert sorted(run.outcome for run in made) == ["lost", "ok", "ok"]
    run = made[job.job_id()]
    assert [child.parent for child in run.children()] == [run.job_id]
    assert run.reproduce().verdict == "identical"


def test_a_deleted_run_does_not_come_back_from_a_spool(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    project = project_at(path, lock_timeout_s=0.05)
    for number in range(2):
        project.archive(draft_of(number))
    with held(path, fcntl.LOCK_EX):
        project.archive(draft_of(0))
        project.archive(draft_of(5))
    spool = next(path.parent.glob("*.pending-*"))
    content = spool.read_bytes()
    project.delete_job(job_id(0))
    spool.with_name(spool.name).write_bytes(content)

    made = project_at(path, "r").copy(tmp_path / "copy.h5", anonymous=True)
    assert sorted(run.job_id for run in made) == [job_id(1), job_id(5)]


def test_a_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    for number in range(2):
        project_at(path).archive(draft_of(number))
    with h5py.File(path, "r+") as file:
        for folder in file["runs"].values():
            for run in folder.values():
                run["config"].attrs["backend_name"] = np.bytes_("another")
    with pytest.raises(IntegrityError, match="something in it was changed; not copied, because a new seal would hide"):
        project_at(path).copy(tmp_path / "copy.h5", anonymous=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.h5"]


def test_nothing_is_left_if_it_fails_or_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, target = tmp_path / "p.h5", tmp_path / "copy.h5"
    for number in range(4):
        project_at(path).archive(draft_of(number))
    monkeypatch.setattr(changed_copy, "_TOGETHER", 2)
    before = path.read_bytes()

    def interrupt(done: int, total: int) -> None:
        assert 0 < done < total
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_at(path).copy(target, interrupt, anonymous=True)
    for only, after in (("write", 0), ("write", 9), ("sync", 0), ("sync", 4)):
        disk = FailingDisk(after, fault(errno.ENOSPC), only=frozenset({only}))
        with using(disk), pytest.raises(WriteError, match="No space left on device"):
            project_at(path).copy(target, anonymous=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.h5"]
    target.write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError):
        project_at(path).copy(target, anonymous=True)
    assert target.read_bytes() == b"mine"
    assert path.read_bytes() == before

    target.unlink()
    seen: list[tuple[int, int]] = []
    project_at(path).copy(target, lambda done, total: seen.append((done, total)), anonymous=True)
    assert len(seen) == 2
    assert seen[-1][0] == seen[-1][1]


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = tmp_path / "p.h5", tmp_path / "copy.h5"
    given = [RunLabels(name="n", tags=["t"]), RunLabels(tags=["t"], params={"a": 1}), RunLabels()]
    for number, labels in enumerate(given):
        project_at(path).archive(dataclasses.replace(draft_of(number), labels=labels))
    project = project_at(path)
    project[job_id(0)].add_tags("more")
    project.delete_job(job_id(2))

    assert main(["copy", "--anonymous", str(path), str(target)]) == 0
    head, said = capsys.readouterr().out.splitlines()
    assert head == f"{target}: 2 runs, {target.stat().st_size:,} bytes"
    assert said == (
        "without users, hosts, paths, accounts, attachments, deleted runs and earlier labels; the copy still has texts "
        "as users wrote them (names of 1 run, tags of 2 runs, params of 1 run, names and metadata of the circuits of 2 "
        "runs), labels of saved values, job ids, names of backends and times: look at them before you give it away"
    )
    target.unlink()
    assert main(["copy", "--anonymous", "--json", str(path), str(target)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(target),
        "runs": 2,
        "deleted_runs": 0,
        "relabelled_runs": 0,
        "bytes": target.stat().st_size,
        "anonymous": True,
        "texts": {"name": 1, "tags": 2, "notes": 0, "params": 1, "circuits": 2},
    }


def test_only_a_few_runs_are_in_memory(tmp_path: Path) -> None:
    """An array larger than what the copy may take passes chunk by chunk."""
    import tracemalloc

    path = tmp_path / "p.h5"
    circuit = QuantumCircuit(21)
    circuit.h(range(21))
    circuit.rz(0.1, range(21))
    circuit.save_statevector()
    AerSimulator(project=path).run(circuit, shots=1).result()
    project = aerchive.open(path)
    tracemalloc.start()
    try:
        project.copy(tmp_path / "copy.h5", anonymous=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert project.latest().nbytes > 32_000_000
    assert peak < 16_000_000
