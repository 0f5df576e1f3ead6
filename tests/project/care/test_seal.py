"""A sealed project: what was changed since is found, and named."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive import Project, Seal
from aerchive.errors import ArchiveWarning, IntegrityError, InvalidInputError, NotFoundError, TransactionError
from aerchive.models.labels import RunLabels
from aerchive.models.status import RunStatus
from aerchive.project.sealing.kept_proofs import ATTACHMENT
from tests.drafts import draft_of, edit, job_id, project_at, run_groups
from tests.project.sealed import NUMBER, drafts, project_with, with_other_result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seal]:
    project = project_with(tmp_path_factory.mktemp("made") / "project.h5", drafts())
    return project.path, project.seal()


@pytest.fixture
def project(made: tuple[Path, Seal], tmp_path: Path) -> Project:
    return project_at(Path(shutil.copy(made[0], tmp_path)))


@pytest.fixture
def seal(made: tuple[Path, Seal]) -> Seal:
    return made[1]


def test_the_root_is_that_of_ten_lines_without_aerchive(project: Project, seal: Seal) -> None:
    def root(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return hashlib.sha256(b"\0" + leaves[0]).digest()
        half = 1 << ((len(leaves) - 1).bit_length() - 1)
        return hashlib.sha256(b"\1" + root(leaves[:half]) + root(leaves[half:])).digest()

    with h5py.File(project.path) as file:
        runs = [run for day in file["runs"].values() for run in day.values()]
        parts = [
            (*(run["seal"].attrs[name] for name in ("run_uuid", "core_sha256")), run["status"].attrs["sha256"])
            for run in runs
        ]
    leaves = sorted(b" ".join(bytes(one) for one in part) for part in parts)
    assert len(leaves) == NUMBER
    assert seal.root == root(leaves).hex()


@pytest.mark.parametrize("untrusted", [False, True])
def test_a_project_is_what_was_sealed(project: Project, seal: Seal, *, untrusted: bool, tmp_path: Path) -> None:
    for root in (seal.root, seal, seal.save(tmp_path / "a.seal")):
        report = project.verify(root=root, untrusted=untrusted)
        assert (report.problems, report.root) == ([], seal.root)
    assert f"root: {seal.root}" in str(report)
    assert project.verify().root is None


def test_labels_attachments_and_compaction_leave_the_root_as_it_is(project: Project, seal: Seal) -> None:
    project[job_id(2)].annotate(notes="seen", params={"distance": 0.7})
    project[job_id(2)].attach("note", "a text")
    project.archive(draft_of(99))
    project.delete_job(job_id(99))
    project.compact(force=True)
    assert project.verify(root=seal).ok
    assert project.seal().root == seal.root


def forged(project: Project, number: int, **changes: object) -> Project:
    """The project of a forger: with all seals, but one run is another one."""
    runs = drafts()
    runs[number] = dataclasses.replace(runs[number], **changes)  # type: ignore[arg-type]
    return project_with(project.path.with_name("forged.h5"), runs)


@pytest.mark.parametrize("untrusted", [False, True])
@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"datasets": with_other_result(draft_of(3)).datasets}, "its core_sha256"),
        ({"status": RunStatus(outcome="ok", seconds=0.0)}, "its status"),
    ],
)
def test_a_run_that_was_changed_and_sealed_again_is_named(
    changes: dict[str, object], what: str, *, untrusted: bool, project: Project, seal: Seal
) -> None:
    other = forged(project, 3, **changes)
    assert other.verify().ok
    (problem,) = other.verify(root=seal, untrusted=untrusted).problems
    assert f"{other[job_id(3)].path}: is not as it was sealed: another digest of {what}" in problem
    (problem,) = other.verify(root=seal.root).problems
    assert "a run was changed, added or removed" in problem


def test_digests_are_computed_from_the_bytes(project: Project, seal: Seal) -> None:
    """A forger who leaves the old digests in their place is found by what they do not fit."""
    with edit(project.path) as file:
        run = run_groups(file)[3]
        run["config"].attrs["backend_name"] = np.bytes_("aer_simulat0r")
    assert project.seal().root == seal.root  # the text of the digest is as it was
    problems = project.verify(root=seal).problems
    assert any("is not as it was sealed: another digest of its core_sha256" in problem for problem in problems)
    assert any("the digest of the run does not match" in problem for problem in problems)


def test_two_runs_that_were_exchanged_are_both_named(project: Project, seal: Seal) -> None:
    runs = drafts()
    runs[1], runs[4] = (
        dataclasses.replace(runs[4], run_uuid=runs[1].run_uuid),
        dataclasses.replace(runs[1], run_uuid=runs[4].run_uuid),
    )
    other = project_with(project.path.with_name("forged.h5"), runs)
    problems = other.verify(root=seal).problems
    assert len(problems) == 2
    assert all(any(other[job_id(number)].path in problem for problem in problems) for number in (1, 4))


def test_runs_that_are_gone_or_new_are_named(project: Project, seal: Seal) -> None:
    project.delete_job(job_id(5))
    project.archive(draft_of(20))
    gone, new = sorted(project.verify(root=seal).problems, key=lambda problem: "missing" not in problem)
    assert f"run_uuid {draft_of(5).run_uuid} is missing" in gone
    assert f"{project[job_id(20)].path}: is not one of the sealed runs" in new

    grown = project.verify(root=seal, grown=True)
    assert grown.problems == [gone]
    assert any("1 run came after the seal" in note for note in grown.notes)
    part = project.verify(root=seal, part=True)
    assert part.problems == [new]
    assert any("has 6 of the 7 runs that were sealed" in note for note in part.notes)
    assert project.verify(root=seal, part=True, grown=True).ok


def test_an_older_state_of_the_file_is_not_the_sealed_one(project: Project) -> None:
    older = shutil.copy(project.path, project.path.with_name("older.h5"))
    project.archive(draft_of(20))
    seal = project.seal()
    shutil.copy(older, project.path)
    (problem,) = project_at(project.path).verify(root=seal).problems
    assert f"run_uuid {draft_of(20).run_uuid} is missing" in problem


def test_a_run_is_proven_without_the_others(project: Project, seal: Seal) -> None:
    run = project[job_id(4)]
    proof = run.proof()
    assert (proof.run_uuid, proof.core_sha256) == (run.run_uuid, run.core_sha256)
    assert proof.check(seal.root)
    run.add_tags("seen")
    assert run.proof() == proof
    project.archive(draft_of(20))
    assert not project[job_id(20)].proof().check(seal.root)


def extract(project: Project, seal: Seal | Path | None, numbers: list[int], name: str, **how: bool) -> Project:
    wanted = [job_id(number) for number in numbers]
    return project.extract(project.path.with_name(name), seal=seal, job_id__in=wanted, **how)


def test_an_extract_keeps_the_proofs_of_its_runs(project: Project, seal: Seal) -> None:
    first = extract(project, seal, [1, 2, 6], "first.h5", payloads=False)
    second = extract(first, None, [6], "second.h5")
    assert first[job_id(6)].core_sha256 == project[job_id(6)].core_sha256
    short = dataclasses.replace(seal, leaves=None)
    for one, number in (first, 3), (second, 1):
        assert one.verify().ok
        report = one.verify(root=seal.root, part=True)
        assert report.problems == []
        assert any(f"has {number} sealed run" in note for note in report.notes)
        report = one.verify(root=short, part=True)
        assert report.ok
        assert any(f"has {number} of the 7 runs that were sealed" in note for note in report.notes)
        (problem,) = one.verify(root=seal.root).problems  # nobody said that it is an extract
        assert "if this is an extract" in problem
    (problem,) = first.verify(root="0" * 64, part=True).problems
    assert "keeps no proofs" in problem

    first.archive(draft_of(20))
    (problem,) = first.verify(root=seal.root, part=True, untrusted=True).problems
    assert f"{first[job_id(20)].path}: is not one of the sealed runs" in problem
    assert not extract(project, None, [1], "third.h5").attachments


def test_a_run_that_was_changed_in_an_extract_is_named(project: Project, seal: Seal, tmp_path: Path) -> None:
    part = extract(project, seal.save(tmp_path / "a.seal"), [1, 2, 6], "part.h5")
    other = project_with(tmp_path / "forged.h5", [with_other_result(draft_of(2)), draft_of(1), draft_of(6)])
    other.attach(ATTACHMENT, part.attachments[ATTACHMENT])
    assert other.verify().ok
    for root in (seal.root, tmp_path / "a.seal"):
        assert part.verify(root=root, part=True).ok
        (problem,) = other.verify(root=root, part=True).problems
        assert f"{other[job_id(2)].path}: is not as it was sealed: another digest of its core_sha256" in problem


def test_merged_extracts_keep_the_proofs_of_both(project: Project, seal: Seal) -> None:
    one, two = (extract(project, seal, numbers, f"{numbers[0]}.h5") for numbers in ([1, 2], [2, 6]))
    for _ in range(2):
        assert one.merge(two).ok
    assert one.verify(root=seal.root, part=True).problems == []
    whole = extract(one, None, [1, 6], "whole.h5")
    assert whole.verify(root=seal.root, part=True).problems == []
    assert project.merge(whole).ok
    assert project.verify(root=seal.root).ok


def test_runs_that_were_not_sealed_as_they_are_now_are_not_extracted_with_proofs(project: Project, seal: Seal) -> None:
    project.archive(draft_of(20))
    with pytest.raises(InvalidInputError, match=f"does not have {job_id(20)} as it is now; seal the project"):
        extract(project, seal, [1, 20], "part.h5")
    with pytest.raises(InvalidInputError, match="other digests than the sealed ones"):
        extract(project, seal, [1], "part.h5", anonymous=True)
    project.spools.hold([draft_of(30)])
    with pytest.raises(InvalidInputError, match="aerchive recover"):
        extract(project_at(project.path, "r"), seal, [30], "part.h5")
    with pytest.raises(InvalidInputError, match="saved without its leaves"):
        extract(project, dataclasses.replace(seal, leaves=None), [1], "part.h5")
    assert not project.path.with_name("part.h5").exists()


def test_an_attachment_of_the_user_with_the_name_of_the_proofs_is_not_handed_on(project: Project) -> None:
    project.attach(ATTACHMENT, "of a theorem")
    with pytest.warns(ArchiveWarning, match="'proofs': is not JSON.*so the new file does not have it"):
        part = extract(project, None, [1], "part.h5")
    assert not part.attachments


def test_proofs_that_are_none_are_a_problem(project: Project, seal: Seal) -> None:
    for content in ("[", "{}", "[1]", b"bytes"):
        project.attach(ATTACHMENT, content, replace=True)
        project.archive(draft_of(20)) if job_id(20) not in project else None
        (problem,) = project.verify(root=seal.root, part=True).problems
        assert "'proofs'" in problem or "is not an aerchive proofs" in problem


def test_runs_beside_the_project_are_moved_first_or_refused(project: Project, seal: Seal) -> None:
    spooled = project.spools.hold([draft_of(30)])
    with pytest.raises(TransactionError, match=r"1 run not in it yet.*aerchive recover"):
        project_at(project.path, "r").seal()
    assert project.seal().runs == NUMBER + 1
    assert len(spooled) == 1


def test_a_run_that_is_there_twice_cannot_be_sealed_and_is_named(project: Project, seal: Seal) -> None:
    project.archive(dataclasses.replace(draft_of(20), run_uuid=draft_of(3).run_uuid))
    with pytest.raises(IntegrityError, match=f"two runs have the run_uuid {draft_of(3).run_uuid}"):
        project.seal()
    (problem,) = project.verify(root=seal).problems
    assert f"{project[job_id(20)].path}: has the same run_uuid as /{project[job_id(3)].path}" in problem


def test_what_cannot_be_a_root_is_refused(project: Project, seal: Seal, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        project.verify(root="0123")
    with pytest.raises(InvalidInputError, match="64 hexadecimal digits"):
        project.verify(root=7)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="its leaves"):
        project.verify(root=seal.root, grown=True)
    with pytest.raises(InvalidInputError, match="give its root"):
        project.verify(part=True)
    with pytest.raises(NotFoundError):
        project_at(tmp_path / "none.h5").seal()


def test_labels_may_differ_from_those_that_were_sealed(project: Project, seal: Seal) -> None:
    assert forged(project, 3, labels=RunLabels(name="another")).verify(root=seal).ok
