"""Sharing where something is damaged or odd: what is whole is merged, and the rest is named."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive.cli import main
from aerchive.project.catalogue.deletions import Deletion, add_deletions
from aerchive.times import now, to_microseconds
from tests.drafts import draft_of, edit, job_id, project_at, project_of, run_groups


def test_a_damaged_run_is_named_although_the_path_of_the_project_ends_that_of_the_other(tmp_path: Path) -> None:
    mine = tmp_path / "p.h5"
    (folder := Path(f"{tmp_path}{tmp_path}")).mkdir(parents=True)
    other = project_of(folder / "p.h5", map(draft_of, range(3)))
    with edit(other) as file:
        run_groups(file)[1]["config"].attrs["backend_name"] = np.bytes_("another")
    report = project_at(mine).merge(other)
    assert (report.added, len(report.problems)) == (2, 1)


@pytest.mark.parametrize("vet", ["off", "always"])
def test_damaged_attachments_of_the_other_project_do_not_keep_its_runs_away(
    vet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", vet)
    other = project_at(project_of(tmp_path / "other.h5", map(draft_of, range(3))))
    other.attach("plan", np.random.default_rng(1).integers(0, 256, 200_000, dtype=np.uint8))
    other.delete_job(job_id(2))
    with h5py.File(other.path) as file:
        address = file["attachments/plan/array"].id.get_chunk_info(0).byte_offset
    with open(other.path, "r+b") as raw:
        raw.seek(address + 100)
        raw.write(b"\0\xff\0\xff")
    mine = project_at(project_of(tmp_path / "mine.h5", map(draft_of, range(3))))
    mine.delete_job(job_id(0))
    report = mine.merge(other)
    assert (report.deleted, report.left_out, report.unchanged) == (1, 1, 1)
    assert len(report.problems) == 1
    assert "/attachments/plan/array: chunk 0 is damaged" in report.problems[0]
    assert not mine.attachments
    assert mine.verify().ok


def test_a_file_that_is_none_is_a_problem_and_the_others_are_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [project_of(tmp_path / f"task-{number}.h5", [draft_of(number)]) for number in range(3)]
    files[1].write_text("no project")
    assert main(["merge", str(tmp_path / "all.h5"), *map(str, files), "--json"]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert [report["added"] for report in reports] == [1, 0, 1]
    assert "task-1.h5" in reports[1]["problems"][0]
    assert main(["merge", str(tmp_path / "all.h5"), str(files[1])]) == 1
    assert "not an aerchive project" in capsys.readouterr().err


def test_a_run_without_payload_that_is_archived_again_has_it_and_can_be_merged(tmp_path: Path) -> None:
    whole = project_at(project_of(tmp_path / "whole.h5", [draft_of(1, extra_bytes=100_000)]))
    whole.extract(tmp_path / "thin.h5", payloads=False)
    thin = project_at(tmp_path / "thin.h5")
    thin.archive(draft_of(1, extra_bytes=100_000))
    assert thin[job_id(1)].missing == {}
    assert thin[job_id(1)].core_sha256 == whole[job_id(1)].core_sha256
    assert thin.merge(whole).unchanged == 1
    assert thin.verify().ok


def test_a_comparison_names_a_damaged_run_and_compares_the_others(tmp_path: Path) -> None:
    one, other = (project_at(project_of(tmp_path / name, map(draft_of, range(4)))) for name in ("one.h5", "other.h5"))
    one[job_id(2)].rename("here")
    with edit(other.path) as file:
        run_groups(file)[1]["seal"].attrs["core_sha256"] = np.bytes_("0" * 64)
        run_groups(file)[1]["config"].attrs["num_circuits"] = np.bytes_("many")
    report = one.diff(other)
    assert (report.same, [run.job_id for run in report.relabelled]) == (2, [job_id(2)])
    assert len(report.problems) == 1
    assert "config" in report.problems[0]
    assert not report.is_same
    assert report.problems[0] in str(report)
    assert report.to_json()["problems"] == report.problems


def test_a_run_that_a_file_deletes_at_the_end_of_time_can_be_restored(tmp_path: Path) -> None:
    one, other = (project_at(project_of(tmp_path / name, [draft_of(0), draft_of(1)])) for name in ("1.h5", "2.h5"))
    deletion = Deletion(2**63 - 1, True, to_microseconds(draft_of(0).created))
    with other.file.write(now()) as session:
        add_deletions(session, {draft_of(0).run_uuid: deletion})
    assert one.merge(other).deleted == 1
    one.restore(job_id(0))
    assert one.merge(other).deleted == 0
    assert job_id(0) in one
    with one.file.write(now()) as session:  # as a program that does not follow the format may leave it
        add_deletions(session, {draft_of(1).run_uuid: Deletion(2**62, True, to_microseconds(draft_of(1).created))})
    assert one.merge(other).deleted == 1
    assert job_id(1) not in one


@pytest.mark.parametrize("wrong", ["a/b/c/dd", "../../x0", "", "é" * 8])
def test_an_attachment_whose_uuid_is_none_becomes_no_name(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "off")
    one, other = (project_at(project_of(tmp_path / name, [draft_of(0), draft_of(1)])) for name in ("1.h5", "2.h5"))
    for project in (one, other):
        project[job_id(0)].attach("fit", np.arange(3))
    other[job_id(1)].add_tags("there")
    with edit(other.path) as file:
        run_groups(file)[0]["attachments/fit"].attrs["attachment_uuid"] = np.bytes_(wrong.encode())
    report = one.merge(other)
    assert report.united == 1
    assert len(report.problems) == 1
    assert "is not the UUID of an attachment" in report.problems[0]
    assert list(one[job_id(0)].attachments) == ["fit"]
    assert one.verify().ok
