"""Foreign files are vetted in a child process: the parent survives all of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import AerchiveError, IntegrityError, ReadError, UnsafeContentError, WriteError
from aerchive.models.catalogue import DTYPE
from aerchive.storage import vet_child, vetting
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.vetting import VetReport
from tests.drafts import draft_of
from tests.hostile_files import HARM, harm
from tests.processes import start, wait_until
from tests.samples import CREATED, RUN, everything, project_file, write_run
from tests.shares import share


@pytest.fixture(autouse=True)
def _vetting_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "always")


@pytest.fixture
def vetted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were vetted, in order."""
    names: list[str] = []

    def note(fd: int, path: str) -> VetReport:
        names.append(Path(path).name)
        return real(fd, path)

    real = vetting.vet
    monkeypatch.setattr(vetting, "vet", note)
    return names


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A project that this user's aerchive has made."""
    path = tmp_path / "own.h5"
    aerchive.open(path).archive(draft_of(0))
    return path


def copy_of(path: Path, name: str = "foreign.h5") -> Path:
    return Path(shutil.copy(path, path.with_name(name)))


def roll_back(project: aerchive.Project) -> None:
    """A commit that fails after it has written behind the end of the file."""
    before = project.path.stat().st_mtime_ns
    with contextlib.suppress(ZeroDivisionError), project.file.write(CREATED) as session:
        session.append_rows("catalogue", np.zeros(1000, DTYPE))
        raise ZeroDivisionError
    assert project.path.stat().st_mtime_ns != before


def vet(path: Path) -> VetReport:
    fd = os.open(path, os.O_RDONLY)
    try:
        return vetting.vet(fd, str(path))
    finally:
        os.close(fd)


def in_this_process(path: Path) -> dict[str, Any]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return vet_child.vet(fd, str(path))
    finally:
        os.close(fd)


# -- what harms


@pytest.mark.parametrize("what", HARM)
@pytest.mark.parametrize(
    "use",
    [
        aerchive.open,
        lambda path: aerchive.open(path, "r"),
        aerchive.vet,
        aerchive.trust,
        lambda path: aerchive.open(path).archive(draft_of(0)),
    ],
    ids=["open", "open r", "vet", "trust", "archive"],
)
def test_a_file_that_harms_hdf5_is_refused(tmp_path: Path, what: str, use: Callable[[Path], object]) -> None:
    path = tmp_path / "project.h5"
    write_run(path, everything())
    for number in range(9):  # from the ninth member on, a folder has a B-tree
        write_run(path, GroupDraft({"encoding": "run"}), f"run{number}")
    harm(path, what)
    before = path.read_bytes()
    with pytest.raises(UnsafeContentError, match="not opened, because it would harm this program") as refused:
        use(path)
    assert str(path) in str(refused.value)
    assert "aerchive copy" in str(refused.value)
    assert path.read_bytes() == before


def test_a_file_whose_child_takes_too_long_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "_LEAST_WALL_S", 1)
    monkeypatch.setattr(vetting, "_WALL_RATIO", 0)
    monkeypatch.setattr(vetting, "_CHILD", ("tests.hostile_files", "sleep"))
    with pytest.raises(UnsafeContentError, match="within 1 s"):
        vet(own)


def test_an_answer_that_is_not_ours_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "run_limited", lambda *_: {"nodes": "many"})
    with pytest.raises(UnsafeContentError, match="understandable"):
        vet(own)


def test_a_file_is_not_blamed_for_a_child_that_does_not_start(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = copy_of(own)
    monkeypatch.setattr("sys.executable", "")
    with pytest.raises(ReadError, match=r"in which it is looked at first, could not be started.*vet_memory"):
        aerchive.open(foreign)


def test_closed_standard_streams_do_not_matter(own: Path) -> None:
    foreign = copy_of(own)
    program = f"import os; [os.close(fd) for fd in (0, 1, 2)]; import aerchive; aerchive.vet({str(foreign)!r})"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_trust_that_cannot_be_recorded_is_said(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AERCHIVE_KNOWN_FILES", str(tmp_path / "file" / "known"))
    with pytest.raises(WriteError, match=r"is trusted by this process only.*setting known_files"):
        aerchive.trust(copy_of(own))


def test_a_project_stays_trusted_while_its_process_commits(own: Path) -> None:
    project, answers, commits = aerchive.open(own), set[bool](), 20
    with start(
        """
        import sys, aerchive
        from tests.drafts import draft_of
        project = aerchive.open(sys.argv[1])
        for number in range(int(sys.argv[2])):
            project.archive(draft_of(number + 1))
        """,
        own,
        commits,
    ) as process:
        while process.poll() is None:
            answers.add(project.is_trusted)
    assert process.returncode == 0
    assert answers == {True}
    assert len(project) == 1 + commits


@pytest.mark.parametrize("number", range(4))
def test_a_commit_that_is_killed_while_it_waits_for_the_disk_leaves_an_own_file(own: Path, number: int) -> None:
    with start(
        """
        import os, signal, sys, aerchive
        from tests.drafts import draft_of

        def sync(fd, calls=[]):
            calls.append(fd)
            if len(calls) > int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = sync
        aerchive.open(sys.argv[1]).archive(draft_of(1))
        """,
        own,
        number,
    ) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert aerchive.open(own).is_trusted
    assert len(aerchive.open(own)) in (1, 2)


def test_too_little_memory_is_said(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_VET_MEMORY", "32 MiB")
    with pytest.raises((ReadError, UnsafeContentError), match=r"memory|crashed"):
        vet(own)


# -- what is found


def test_a_file_of_ours_has_no_findings(own: Path) -> None:
    for number in range(1, 6):
        aerchive.open(own).archive(draft_of(number))
    report = vet(own)
    assert report.ok
    assert report.mixture == ""
    assert report.runs == 6
    assert report.nodes > 50
    found = in_this_process(own)
    assert VetReport(path=str(own), **found) == report


def test_nodes_that_are_never_written_are_found(own: Path) -> None:
    with h5py.File(own, "r+") as file:
        file["soft"] = h5py.SoftLink("/nowhere")
        file["external"] = h5py.ExternalLink("/etc/passwd", "/")
        file["type"] = np.dtype("f4")
        file.create_dataset("outside", (4,), "i1", external=[("/etc/passwd", 0, 4)])
        file.create_dataset("large", (1 << 40,), "f8")
        file.create_dataset("text", data="text", dtype=h5py.string_dtype())
        file["cycle"] = file["/"]
        file["runs"].attrs["long"] = h5py.Empty("f8")
    found = in_this_process(own)
    texts = "\n".join(found["findings"])
    for name in ("soft", "external", "type", "outside", "large", "text"):
        assert f"{own}: /{name}: " in texts
    assert "cycle" not in texts
    assert found["mixture"] == ""
    assert vet(own).findings == found["findings"]


def test_a_damaged_run_is_found_and_others_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    write_run(path, everything())
    with h5py.File(path) as file:
        at = h5py.h5o.get_info(file[RUN].id).addr
    data = bytearray(path.read_bytes())
    data[at + 8] ^= 1
    path.write_bytes(data)
    found = in_this_process(path)
    assert found["findings"]
    assert found["mixture"] == ""
    aerchive.open(path).archive(draft_of(1))


def test_the_overlay_of_the_child_changes_nothing(own: Path) -> None:
    before = own.read_bytes()
    assert in_this_process(own)["findings"] == []
    assert own.read_bytes() == before


# -- who is vetted, and when


def test_own_files_are_not_vetted(own: Path, vetted: list[str]) -> None:
    project = aerchive.open(own)
    project.archive(draft_of(1))
    roll_back(project)
    own.rename(own.with_name("renamed.h5"))
    renamed = aerchive.open(own.with_name("renamed.h5"))
    renamed.archive(draft_of(3))
    renamed.delete_job(renamed[0])
    assert renamed.compact(force=True).done
    copied = renamed.copy(own.with_name("copied.h5"))
    assert [len(aerchive.open(one.path, "r")) for one in (renamed, copied)] == [2, 2]
    assert [one.is_trusted for one in (renamed, copied)] == [True, True]
    assert vetted == []


def test_a_copy_is_foreign_and_vetted_once(own: Path, vetted: list[str]) -> None:
    copied = copy_of(own)
    project = aerchive.open(copied)
    assert not project.is_trusted
    assert len(project) == 1
    project.archive(draft_of(1))
    roll_back(project)
    assert not project.is_trusted
    assert len(project) == 2
    assert project.verify().ok
    assert vetted == ["foreign.h5"]


def test_another_process_knows_what_this_one_has_vetted(
    own: Path, vetted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = copy_of(own)
    aerchive.open(copied)
    monkeypatch.setattr("aerchive.storage.medium.known_files._seen", {})
    aerchive.open(copied)
    aerchive.open(own)
    assert vetted == ["foreign.h5"]


def test_a_change_by_another_program_makes_a_file_foreign(own: Path, vetted: list[str]) -> None:
    project = aerchive.open(own)
    with h5py.File(own, "r+") as file:
        file["catalogue"].attrs["by"] = "h5py"
    assert not project.is_trusted
    assert len(project) == 1
    assert vetted == ["own.h5"]


def test_trust_makes_a_file_own_until_it_is_changed(own: Path, vetted: list[str]) -> None:
    copied = copy_of(own)
    known = aerchive.trust(copied)
    project = aerchive.open(copied)
    assert known.path == str(copied)
    assert project.is_trusted
    project.archive(draft_of(1))
    assert project.is_trusted
    with h5py.File(copied, "r+") as file:
        file["catalogue"].attrs["by"] = "h5py"
    assert not project.is_trusted
    assert vetted == ["foreign.h5"]


def test_once_leaves_out_files_that_were_vetted_before(
    own: Path, vetted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "once")
    copied = copy_of(own)
    aerchive.open(copied)
    with h5py.File(copied, "r+") as file:
        file["catalogue"].attrs["by"] = "h5py"
    project = aerchive.open(copied)
    assert not project.is_trusted
    assert vetted == ["foreign.h5"]


def test_off_vets_nothing(own: Path, vetted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "off")
    project = aerchive.open(copy_of(own))
    project.archive(draft_of(1))
    assert len(project) == 2
    assert not project.is_trusted
    assert vetted == []


def test_compaction_leaves_a_foreign_file_foreign(own: Path, vetted: list[str]) -> None:
    project = aerchive.open(copy_of(own))
    assert project.compact(force=True).done
    assert not project.is_trusted
    assert len(project) == 1
    assert not aerchive.open(project.copy(own.with_name("copied.h5")).path).is_trusted
    assert vetted == ["foreign.h5"]


def test_a_home_that_cannot_be_written_fails_nothing(
    own: Path, vetted: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AERCHIVE_KNOWN_FILES", str(tmp_path / "file" / "known"))
    monkeypatch.setattr("aerchive.storage.medium.known_files._seen", {})
    project = aerchive.open(own)
    project.archive(draft_of(1))
    assert not project.is_trusted
    assert len(project) == 2
    assert vetted == ["own.h5"]


def test_a_setting_that_becomes_wrong_during_a_commit_fails_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = aerchive.open(own)
    with project.file.write(CREATED):
        monkeypatch.setenv("AERCHIVE_VET_TIME", "long")
    monkeypatch.delenv("AERCHIVE_VET_TIME")
    assert len(project) == 1


# -- copies that were made in the middle of a commit


def test_a_mixture_of_two_states_is_not_written_to(own: Path) -> None:
    """The superblock of the state before, and all other bytes of the state after."""
    head = own.read_bytes()[:48]
    aerchive.open(own).archive(draft_of(1))
    mixture = own.with_name("mixture.h5")
    mixture.write_bytes(head + own.read_bytes()[48:])
    with open(mixture, "rb") as file:
        assert read_superblock(file.fileno(), "").end < mixture.stat().st_size
    before = mixture.read_bytes()
    assert "behind the end" in vet(mixture).mixture
    with pytest.raises(IntegrityError, match="nothing is saved into it"), project_file(mixture).write(CREATED):
        pass
    assert mixture.read_bytes() == before


def test_a_run_that_is_missing_is_a_mixture(own: Path) -> None:
    with h5py.File(own, "r+") as file:
        (day,) = file["runs"].values()
        (name,) = day
        del day[name]
    assert vet(own).mixture.endswith(f"/{name}: is in the catalogue, but not in the file")


def test_nothing_is_saved_into_a_file_with_a_damaged_folder(own: Path) -> None:
    data = bytearray(own.read_bytes())
    with h5py.File(own, "r") as file:
        at = h5py.h5o.get_info(file["runs"].id).addr
    data[at + 20] ^= 1
    own.write_bytes(data)
    report = vet(own)
    assert not report.ok
    assert report.mixture.startswith("/runs: ")


def test_a_run_that_is_not_in_the_catalogue_is_a_mixture(own: Path) -> None:
    with h5py.File(own, "r+") as file:
        (day,) = file["runs"].values()
        (name,) = day
        file["catalogue"].resize((0,))
    assert vet(own).mixture.endswith(f"/{name}: is in the file, but not in the catalogue")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda run: run.annotate(notes="second"), "/labels: lies behind the end"),
        (lambda run: run.add_tags("second" * 25), "overflow"),
    ],
)
def test_what_labels_need_behind_the_end_is_a_mixture(own: Path, change: Callable[[Any], None], found: str) -> None:
    """The superblock of the state before; behind its end are the labels, or what the run's header has no room for."""
    run = aerchive.open(own)[0]
    run.add_tags("first")
    run.annotate(notes="first")
    head = own.read_bytes()[:48]
    change(run)
    mixture = own.with_name("mixture.h5")
    mixture.write_bytes(head + own.read_bytes()[48:])
    report = vet(mixture)
    assert any(found in one for one in report.findings), report.findings
    with pytest.raises(IntegrityError, match="nothing is saved into it"), project_file(mixture).write(CREATED):
        pass


@pytest.mark.parametrize("what", ["a tag", "a long name", "both taken away"])
def test_labels_that_differ_from_those_in_the_catalogue_are_a_mixture(own: Path, what: str) -> None:
    def row() -> tuple[int, bytes]:
        with h5py.File(own, "r") as file:
            at = file["catalogue"].id.get_chunk_info(0).byte_offset
        return at, own.read_bytes()[at : at + DTYPE.itemsize]

    run = aerchive.open(own)[0]
    run.rename("n\u00e4me" * 20)
    run.add_tags("\u00fc", "a tag that does not fit into the catalogue, because it is far too long")
    assert vet(own).ok
    at, before = row()
    if what == "a tag":
        run.add_tags("more")
        run.remove_tags("\u00fc")
    elif what == "a long name":
        run.rename("other" * 20)
    else:
        run.rename(None)
        run.remove_tags(*run.tags)
    assert vet(own).ok
    assert row()[1] != before
    data = bytearray(own.read_bytes())
    data[at : at + len(before)] = before
    own.write_bytes(data)
    assert vet(own).mixture.endswith(": has other labels than the catalogue says")


def test_a_row_of_which_half_was_copied_is_damage(own: Path) -> None:
    with h5py.File(own, "r") as file:
        at = file["catalogue"].id.get_chunk_info(0).byte_offset
    before = own.read_bytes()
    aerchive.open(own)[0].add_tags("tag")
    data = bytearray(own.read_bytes())
    data[at : at + DTYPE.itemsize - 4] = before[at : at + DTYPE.itemsize - 4]
    own.write_bytes(data)
    assert vet(own).mixture == "/catalogue: row 0 is damaged"


def test_a_row_that_was_not_copied_is_damage(own: Path) -> None:
    with h5py.File(own, "r+") as file:
        file["catalogue.changes"].resize((2,))
    assert "last row is empty" in vet(own).mixture


def test_copies_made_in_the_middle_of_commits(own: Path) -> None:
    """Each copy opens rightly, or is refused before anything is saved into it."""
    writer = start(
        """
        import sys, time, aerchive
        from tests.drafts import draft_of
        project = aerchive.open(sys.argv[1], lock_timeout=60)
        for number in range(1, 100_000):
            project.archive(draft_of(number))
            time.sleep(0.01)
        """,
        own,
    )
    try:
        wait_until(lambda: len(aerchive.open(own, "r")) > 1)
        copies = [copy_of(own, f"copy-{number}.h5") for number in share(range(60), 3)]
    finally:
        writer.kill()
        writer.communicate()
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(use_copy, copies))
    assert said.count("read") > len(copies) / 2
    assert not {one for one in said if one != "read" and "copy" not in one}


def use_copy(copied: Path) -> str:
    """Reads and changes a copy; returns "read", or the error."""
    try:
        project = aerchive.open(copied)
        with project.file.write(CREATED):
            pass
    except AerchiveError as error:
        return str(error)
    assert project.verify().ok
    assert len(list(project)) == len(project) > 0
    return "read"
