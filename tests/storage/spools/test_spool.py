"""The spool of a process: what the next reader sees after each way a process can end."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aerchive.storage.medium import filesystems, process, process_file
from aerchive.storage.medium.disk import Disk
from aerchive.storage.medium.process import JSON
from aerchive.storage.spools import contents, records
from aerchive.storage.spools.contents import Life, remove_spool
from aerchive.storage.spools.records import HEADER_BYTES
from aerchive.storage.spools.spool import FILE_BYTES, RECORD_BYTES
from aerchive.testing.disks import using
from tests.spool_files import DeadFile, Jobs, edit_header, files_of, header_of, leave

OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "vqe.h5"


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    yield
    leave()


class Child:
    """A real process that runs a script with ``project`` and ``jobs`` defined, and says "ready" on stdout."""

    def __init__(self, project: Path, script: str, **options: object) -> None:
        prelude = (
            "import os, signal, sys, threading, time\n"
            "from tests.spool_files import Jobs\n"
            "project = sys.argv[1]\n"
            "jobs = Jobs(project)\n"
            "def ready(word='ready'): print(word, flush=True)\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", prelude + textwrap.dedent(script), os.fspath(project)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            **options,  # type: ignore[call-overload]
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        assert self.process.stdout is not None
        line: str = self.process.stdout.readline()
        return line.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


WAITING = "jobs.submitted('job', {'name': 'bell'}); ready(); sys.stdin.readline()"


def open_ids(project: Path) -> list[str]:
    return [job.job_id for job in Jobs(project).open_jobs()]


class TestOneProcess:
    def test_submitted_then_finished(self, project: Path) -> None:
        jobs = Jobs(project)
        record: dict[str, JSON] = {"name": "bell", "tags": ["a", "ü"], "shots": 1024, "seed": None}
        assert jobs.submitted("job", record) is True
        (job,) = jobs.open_jobs()
        assert (job.job_id, job.record, job.alive) == ("job", record, True)
        assert job.pid == os.getpid()
        assert job.path == files_of(project)[0]
        jobs.finished("job")
        assert jobs.open_jobs() == []

    def test_header_says_which_process_of_which_machine(self, project: Path) -> None:
        Jobs(project).submitted("job", {})
        (path,) = files_of(project)
        header = header_of(path)
        assert header["format_version"] == 1
        assert header["pid"] == os.getpid()
        assert header["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert header["pid_namespace"] == os.readlink("/proc/self/ns/pid")
        assert isinstance(header["started"], int)
        assert header["inode"] == path.stat().st_ino

    def test_nothing_is_created_before_the_first_submission(self, project: Path) -> None:
        jobs = Jobs(project)
        jobs.finished("never submitted")
        assert jobs.open_jobs() == []
        assert files_of(project) == []

    def test_oldest_first_over_all_files(self, project: Path) -> None:
        Jobs(project).submitted("now", {})
        DeadFile(project, "f" * 8).submitted("second", 2.0).submitted("third", 3.0)
        DeadFile(project).submitted("first", 1.0).submitted("fourth", 4.0)
        assert open_ids(project) == ["first", "second", "third", "fourth", "now"]

    @pytest.mark.parametrize(
        "job_id", ["", "a\nb", 'q"\\', "\ud800", "\0", "ü€😀", "x" * 100_000, "../../etc", "finished"]
    )
    def test_odd_job_ids(self, project: Path, job_id: str) -> None:
        jobs = Jobs(project)
        jobs.submitted(job_id, {"n": 1})
        jobs.submitted("other", {})
        assert open_ids(project) == [job_id, "other"]
        jobs.finished(job_id)
        assert open_ids(project) == ["other"]

    def test_same_id_again_replaces_the_record(self, project: Path) -> None:
        jobs = Jobs(project)
        jobs.submitted("job", {"try": 1})
        jobs.submitted("job", {"try": 2})
        assert [job.record for job in jobs.open_jobs()] == [{"try": 2}]
        jobs.finished("job")
        assert jobs.open_jobs() == []

    def test_same_id_in_two_files_is_two_submissions(self, project: Path) -> None:
        DeadFile(project, "0" * 8).submitted("job")
        DeadFile(project, "1" * 8).submitted("job").submitted("kept")
        assert open_ids(project) == ["job", "job", "kept"]

    def test_huge_record_keeps_its_small_values(self, project: Path) -> None:
        jobs = Jobs(project)
        assert jobs.submitted("job", {"name": "big", "shots": 5, "circuits": ["x" * 100] * 10_000})
        (job,) = jobs.open_jobs()
        assert job.record == {"shortened": True, "name": "big", "shots": 5}
        assert files_of(project)[0].stat().st_size < RECORD_BYTES

    def test_largest_record_is_kept_whole(self, project: Path) -> None:
        record = {"x": "y" * (RECORD_BYTES - len('{"x":""}'))}
        Jobs(project).submitted("job", record)
        assert Jobs(project).open_jobs()[0].record == record

    def test_values_that_are_not_json_are_left_out(self, project: Path) -> None:
        circular: list[object] = []
        circular.append(circular)
        record = {"name": "a", "nan": float("nan"), "object": object(), "circular": circular}
        assert Jobs(project).submitted("job", record)  # type: ignore[arg-type]
        assert Jobs(project).open_jobs()[0].record == {"shortened": True, "name": "a"}

    def test_many_threads(self, project: Path) -> None:
        jobs = Jobs(project)

        def work(thread: int) -> None:
            for number in range(200):
                assert jobs.submitted(f"{thread}/{number}", {"n": number})
                if number % 10:
                    jobs.finished(f"{thread}/{number}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {f"{thread}/{number}" for thread in range(8) for number in range(0, 200, 10)}
        assert sorted(open_ids(project)) == sorted(expected)
        assert len(files_of(project)) == 1

    def test_files_stay_small_while_a_job_stays_open(self, project: Path) -> None:
        jobs = Jobs(project)
        jobs.submitted("slow", {})
        for number in range(200):
            jobs.submitted(str(number), {"text": "x" * 20_000})
            jobs.finished(str(number))
        assert sum(path.stat().st_size for path in files_of(project)) < 3 * FILE_BYTES
        assert open_ids(project) == ["slow"]
        jobs.finished("slow")
        assert len(files_of(project)) == 1

    def test_two_files_of_one_process(self, project: Path) -> None:
        jobs = Jobs(project)
        for number in range(20):
            jobs.submitted(str(number), {"text": "x" * 60_000})
        assert len(files_of(project)) > 1
        assert open_ids(project) == [str(number) for number in range(20)]
        for number in range(20):
            jobs.finished(str(number))
        assert open_ids(project) == []
        assert len(files_of(project)) <= 1


class TestNames:
    @pytest.mark.parametrize(
        "name", ["[ab]*?.h5", "größe 東京.h5", "a\nb.h5", ".hidden", "-x", "a.h5.waiting-1-00000000", "n" * 250]
    )
    def test_any_project_name(self, tmp_path: Path, name: str) -> None:
        project = tmp_path / name
        assert Jobs(project).submitted("job", {})
        assert open_ids(project) == ["job"]
        assert open_ids(tmp_path / "a.h5") == []
        assert open_ids(tmp_path / "b.h5") == []

    def test_a_project_whose_name_begins_with_another(self, tmp_path: Path) -> None:
        names = ["a.h5", "a.h5.h5", "aXh5", "a.h5.waiting-1-00000000"]
        for name in names:
            Jobs(tmp_path / name).submitted(name, {})
        for name in names:
            assert open_ids(tmp_path / name) == [name]


class TestEndsOfAProcess:
    def test_running(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            assert child.line() == "ready"
            (job,) = Jobs(project).open_jobs()
            assert (job.alive, job.pid) == (True, child.process.pid)
            assert job.record == {"name": "bell"}

    def test_sigkill(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            child.kill()
            (job,) = Jobs(project).open_jobs()
            assert (job.job_id, job.alive, job.pid) == ("job", False, child.process.pid)

    def test_killed_but_not_waited_for(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            os.kill(child.process.pid, signal.SIGKILL)
            os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
            assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    def test_abort(self, project: Path) -> None:
        script = """
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            jobs.submitted('before', {}); jobs.finished('before')
            jobs.submitted('job', {})
            os.abort()
        """
        with Child(project, script) as child:
            assert child.process.wait() == -signal.SIGABRT
            assert [(found.job_id, found.alive) for found in Jobs(project).open_jobs()] == [("job", False)]

    def test_normal_end_leaves_nothing(self, project: Path) -> None:
        with Child(project, "jobs.submitted('job', {}); jobs.finished('job')") as child:
            assert child.process.wait() == 0
        assert files_of(project) == []

    def test_normal_end_with_an_open_job(self, project: Path) -> None:
        with Child(project, "jobs.submitted('job', {})") as child:
            assert child.process.wait() == 0
        assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    def test_finished_after_our_own_exit_hook(self, project: Path) -> None:
        # Hooks run last in, first out: this one was registered before the module's.
        script = """
            import atexit
            from aerchive.storage.spools.spool import leave_spools
            atexit.unregister(leave_spools)
            atexit.register(lambda: jobs.finished('job'))
            atexit.register(leave_spools)
            jobs.submitted('job', {})
        """
        with Child(project, script) as child:
            assert child.process.wait() == 0
        assert files_of(project) == []

    def test_killed_between_jobs_leaves_a_file_without_content(self, project: Path) -> None:
        script = "jobs.submitted('job', {}); jobs.finished('job'); ready(); sys.stdin.readline()"
        with Child(project, script) as child:
            child.line()
            assert Jobs(project).open_jobs() == []
            (path,) = files_of(project)
            assert path.stat().st_size == HEADER_BYTES
            child.kill()
            (content,) = fresh(project)
            assert (content.life, content.jobs, content.runs) == (Life.DEAD, [], [])
            remove_spool(content)
            assert files_of(project) == []

    def test_reused_pid(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            (path,) = files_of(project)
            edit_header(path, started=header_of(path)["started"] - 1)
            assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    @pytest.mark.parametrize(
        "elsewhere",
        [{"boot_id": OTHER_BOOT}, {"host": "other"}, {"pid_namespace": "pid:[1]"}, {"started": None}],
    )
    def test_elsewhere_the_lock_decides(self, project: Path, elsewhere: dict[str, object]) -> None:
        with Child(project, WAITING) as child:
            child.line()
            # A start that the process table here would deny.
            edit_header(files_of(project)[0], **{"started": 1} | elsewhere)
            assert [job.alive for job in Jobs(project).open_jobs()] == [True]
            child.kill()
            assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    @pytest.mark.parametrize("elsewhere", [{"boot_id": OTHER_BOOT}, {"host": "other"}, {}])
    def test_in_a_copy_of_the_file_a_lock_proves_nothing(self, project: Path, elsewhere: dict[str, object]) -> None:
        """A synchronised folder has copies of files whose processes may live on another machine."""
        DeadFile(project, inode=1, **elsewhere).submitted("job")
        (content,) = Jobs(project).contents()
        assert content.life is Life.UNKNOWN
        assert open_ids(project) == ["job"]

    def test_a_copy_of_a_file_of_this_process(self, project: Path) -> None:
        jobs = Jobs(project)
        jobs.submitted("job", {})
        (path,) = files_of(project)
        path.with_name(path.name[:-8] + "0" * 8).write_bytes(path.read_bytes())
        assert [content.life for content in jobs.contents()] == [Life.UNKNOWN, Life.OWN]

    @pytest.mark.parametrize("mount", [("nfs4", "local_lock=all"), ("fuse.sshfs", "rw")])
    def test_a_lock_that_no_other_machine_sees_proves_nothing(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, mount: tuple[str, str]
    ) -> None:
        DeadFile(project, boot_id=OTHER_BOOT).submitted("job")
        assert [content.life for content in fresh(project)] == [Life.DEAD]
        there = filesystems.Mount("/there", mount[0], frozenset([mount[1]]))
        monkeypatch.setattr(contents, "mount_of", lambda _fd: there)
        assert [content.life for content in fresh(project)] == [Life.UNKNOWN]

    def test_a_command_with_spaces_and_parentheses(self, project: Path) -> None:
        rename = "open('/proc/self/comm', 'w').write(') Z 1 (2 3'); " + WAITING
        with Child(project, rename) as child:
            child.line()
            assert Path(f"/proc/{child.process.pid}/comm").read_text() == ") Z 1 (2 3\n"
            assert [job.alive for job in Jobs(project).open_jobs()] == [True]
            child.kill()
            assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    def test_where_the_process_table_is_hidden_the_lock_decides(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Child(project, WAITING) as child:
            child.line()
            real = process._state_and_start
            monkeypatch.setattr(
                process, "_state_and_start", lambda pid: ("", None) if pid == child.process.pid else real(pid)
            )
            assert [job.alive for job in Jobs(project).open_jobs()] == [True]
            child.kill()
            assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    def test_without_locks_nobody_elsewhere_is_called_lost(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(fd: int, operation: int) -> None:
            raise OSError("no locks available")

        DeadFile(project, boot_id=OTHER_BOOT).submitted("job")
        monkeypatch.setattr(fcntl, "flock", no_locks)
        assert [job.alive for job in Jobs(project).open_jobs()] == [True]
        assert Jobs(project).submitted("own", {})


class TestFork:
    def test_child_has_its_own_file_and_leaves_the_parents(self, project: Path) -> None:
        script = """
            jobs.submitted('parent', {})
            child = os.fork()
            if child == 0:
                jobs.finished('parent')             # not the child's to finish
                assert jobs.submitted('child', {})
                jobs.finished('child')
                sys.exit()                            # with exit hooks
            assert os.waitpid(child, 0)[1] == 0
            ready(str(len([name for name in os.listdir(os.path.dirname(project)) if '.waiting-' in name])))
            print([(job.job_id, job.pid == os.getpid(), job.alive) for job in jobs.open_jobs()], flush=True)
            sys.stdin.readline()
        """
        with Child(project, script) as child:
            assert child.line() == "1"
            assert child.line() == "[('parent', True, True)]"

    @pytest.mark.parametrize("changes", [{}, {"boot_id": OTHER_BOOT}])
    def test_parent_dies_child_lives(self, project: Path, changes: dict[str, object]) -> None:
        script = """
            jobs.submitted('parent', {})
            if os.fork() == 0:
                jobs.submitted('child', {})
                ready(str(os.getpid()))
                time.sleep(60)
            time.sleep(60)
        """
        with Child(project, script) as child:
            forked = int(child.line())
            try:
                for path in files_of(project):
                    edit_header(path, **changes)
                child.kill()
                alive = {job.job_id: job.alive for job in Jobs(project).open_jobs()}
                assert alive == {"parent": False, "child": True}
            finally:
                os.kill(forked, signal.SIGKILL)

    def test_fork_while_another_thread_holds_the_lock(self, project: Path) -> None:
        script = """
            jobs.submitted('parent', {})
            own = jobs.spool
            held = threading.Event()
            def hold():
                with own._lock:
                    held.set(); time.sleep(60)
            threading.Thread(target=hold, daemon=True).start()
            held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                os._exit(0 if jobs.submitted('child', {}) else 1)
            ready(str(os.waitpid(child, 0)[1]))
        """
        with Child(project, script) as child:
            assert child.line() == "0"

    def test_fork_that_python_was_not_told_about(self, project: Path) -> None:
        script = """
            import ctypes
            jobs.submitted('parent', {})
            child = ctypes.PyDLL(None).fork()
            if child == 0:
                os._exit(0 if jobs.submitted('child', {}) else 1)
            assert os.waitpid(child, 0)[1] == 0
            print([(job.job_id, job.alive) for job in jobs.open_jobs()], flush=True)
        """
        with Child(project, script) as child:
            assert child.line() == "[('parent', True), ('child', False)]"


class TestDamage:
    @pytest.mark.parametrize("garbage", [b"x", b"\xff\xfe" * 300, b"AERSPOOL", b"AERSPOOL" * 50, b"\0" * 500 + b"x"])
    def test_bytes_that_are_no_record_cost_nothing_else(self, project: Path, garbage: bytes) -> None:
        file = DeadFile(project).submitted("a").raw(garbage).submitted("b")
        (content,) = Jobs(project).contents()
        assert open_ids(project) == ["a", "b"]
        start = HEADER_BYTES + (len(file.path.read_bytes()) - HEADER_BYTES - len(garbage)) // 2
        assert list(content.problems) == [
            f"{file.path}: bytes {start} to {start + len(garbage)} are damaged; what was there is lost"
        ]

    def test_each_changed_bit_costs_at_most_its_own_record(self, project: Path) -> None:
        file = DeadFile(project).submitted("a").submitted("b").submitted("c")
        whole = file.path.read_bytes()
        length = (len(whole) - HEADER_BYTES) // 3
        for at in range(HEADER_BYTES, len(whole), 7):
            damaged = bytearray(whole)
            damaged[at] ^= 0x10
            file.path.write_bytes(damaged)
            (content,) = fresh(project)
            lost = "abc"[(at - HEADER_BYTES) // length]
            assert "".join(job.job_id for job in content.jobs) == "abc".replace(lost, ""), at
            assert len(content.problems) == 1, at

    @pytest.mark.parametrize("cut", range(1, 70, 8))
    def test_a_torn_last_record_is_no_damage(self, project: Path, cut: int) -> None:
        file = DeadFile(project).submitted("a").submitted("torn")
        file.path.write_bytes(file.path.read_bytes()[:-cut])
        (content,) = fresh(project)
        assert [job.job_id for job in content.jobs] == ["a"]
        assert content.problems == ()

    def test_zeros_at_the_end_are_no_damage(self, project: Path) -> None:
        """A power cut may leave them."""
        DeadFile(project).submitted("a").raw(b"\0" * 5000)
        (content,) = Jobs(project).contents()
        assert (open_ids(project), content.problems) == (["a"], ())

    def test_a_damaged_header_still_shows_the_jobs_and_stays(self, project: Path) -> None:
        file = DeadFile(project).submitted("a")
        with file.path.open("r+b") as opened:
            opened.seek(100)
            opened.write(b"\xff")
        (content,) = Jobs(project).contents()
        assert content.life is Life.UNKNOWN
        assert open_ids(project) == ["a"]
        problem = f"{file.path}: its header is damaged; what is behind it is read, and the file stays"
        assert content.problems == (problem,)

    def test_an_enormous_pid(self, project: Path) -> None:
        DeadFile(project, **dataclasses.asdict(process.Owner.of_this_process()) | {"pid": 10**30}).submitted("a")
        assert [job.alive for job in Jobs(project).open_jobs()] == [False]

    def test_strange_values_do_not_break_the_order(self, project: Path) -> None:
        file = DeadFile(project).submitted("a", "yesterday", [1]).submitted("b", 10**400)
        file.append(records.SUBMITTED, {"job_id": 5})
        file.append(b"NEW!", {"job_id": "d"})
        assert sorted(open_ids(project)) == ["a", "b"]

    def test_a_newer_format_is_told_and_left_alone(self, project: Path) -> None:
        path = DeadFile(project, format_version=2).submitted("a").path
        (content,) = Jobs(project).contents()
        assert content.jobs == ()
        assert list(content.problems) == [
            f"{path}: was written by a newer aerchive (version 2 of its format); upgrade aerchive"
        ]

    @pytest.mark.parametrize("draft", [None, 1, 3])
    def test_another_draft_is_told_and_left_alone(self, draft: int | None, project: Path) -> None:
        path = DeadFile(project, format_draft=draft).submitted("a").path
        (content,) = Jobs(project).contents()
        (problem,) = content.problems
        assert problem.startswith(f"{path}: was written by an unreleased draft of the format (draft {draft or 1})")
        assert (content.jobs, content.life) == ((), Life.UNKNOWN)
        assert path.exists()

    def test_an_empty_file_of_a_dead_process_may_be_removed(self, project: Path) -> None:
        path = DeadFile(project).path
        path.write_bytes(b"")
        (content,) = Jobs(project).contents()
        assert (content.life, content.problems) == (Life.DEAD, ())

    def test_what_is_not_a_regular_file_is_passed_over(self, project: Path) -> None:
        prefix = f".{project.name}.waiting-1-"
        os.mkfifo(project.with_name(prefix + "00000000"))
        project.with_name(prefix + "00000001").mkdir()
        project.with_name(prefix + "00000002").symlink_to("/dev/zero")
        other = DeadFile(project.with_name("other.h5")).submitted("a").path
        project.with_name(prefix + "00000003").symlink_to(other)
        before = len(os.listdir("/proc/self/fd"))
        assert open_ids(project) == []
        assert len(os.listdir("/proc/self/fd")) == before
        assert len(files_of(project)) == 5
        assert open_ids(project.with_name("other.h5")) == ["a"]


class TestFolders:
    @pytest.mark.parametrize("place", ["missing/vqe.h5", "file/vqe.h5"])
    def test_no_folder(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").write_text("")
        jobs = Jobs(tmp_path / place)
        assert jobs.submitted("job", {}) is False
        jobs.finished("job")
        assert jobs.open_jobs() == []

    def test_read_only_folder(self, tmp_path: Path) -> None:
        (tmp_path / "read_only").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        script = """
            if os.geteuid() == 0:
                os.setegid(65534); os.seteuid(65534)   # permissions do not bind root
            done = jobs.submitted('job', {})
            jobs.finished('job')
            print(done, jobs.open_jobs(), flush=True)
        """
        with Child(tmp_path / "read_only" / "vqe.h5", script) as child:
            assert child.line() == "False []"

    def test_the_folder_vanishes_and_comes_back(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        jobs = Jobs(folder / "vqe.h5")
        jobs.submitted("before", {})
        for path in files_of(folder / "vqe.h5"):
            path.unlink()
        folder.rmdir()
        assert jobs.submitted("without", {}) is False
        assert open_ids(folder / "vqe.h5") == ["before"]  # it still runs in this process
        folder.mkdir()
        assert jobs.submitted("after", {}) is True
        jobs.finished("before")
        assert open_ids(folder / "vqe.h5") == ["after"]

    def test_a_file_that_takes_half_a_line(self, project: Path) -> None:
        script = """
            import resource
            record = {'text': 'x' * 300}
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
            kept = [name for name in 'abcdefghij' if jobs.submitted(name, record)]
            print(2 < len(kept) < 10, kept == [job.job_id for job in jobs.open_jobs()], flush=True)
            for name in kept: jobs.finished(name)
            print([job.job_id for job in jobs.open_jobs()], flush=True)
        """
        with Child(project, script) as child:
            assert child.line() == "True True"
            assert child.line() == "[]"
            assert child.process.wait() == 0
        assert files_of(project) == []

    def test_a_full_disk(self, project: Path) -> None:
        jobs = Jobs(project)
        jobs.submitted("before", {})
        with using(Full()):
            assert [jobs.submitted(str(number), {}) for number in range(5)] == [False] * 5
            assert len(files_of(project)) == 1
            jobs.finished("before")  # the last one: cutting the file back needs no space
        assert open_ids(project) == []
        assert jobs.submitted("after", {}) is True
        assert open_ids(project) == ["after"]

    def test_a_finish_the_disk_refused_is_written_later(self, project: Path) -> None:
        jobs = Jobs(project)
        for job_id in "abc":
            jobs.submitted(job_id, {})
        with using(Full()):
            jobs.finished("a")
            assert jobs.submitted("d", {}) is False
        leftover = [job.job_id for content in fresh(project) for job in content.jobs]
        assert leftover == ["a", "b", "c"]
        jobs.finished("b")
        assert [job.job_id for content in fresh(project) for job in content.jobs] == ["c"]

    def test_what_is_appended_by_a_handler_in_the_middle_of_a_record(self, project: Path) -> None:
        """The handler of a signal, or a finalizer, runs between two writes, in the same thread."""
        jobs = Jobs(project)
        jobs.submitted("before", {})

        class Interrupted(Disk):
            def write(self, fd: int, data: memoryview, offset: int) -> None:
                if not inner:
                    inner.append(True)
                    jobs.submitted("inner", {})
                super().write(fd, data, offset)

        inner: list[bool] = []
        with using(Interrupted()):
            jobs.submitted("outer", {})
        assert sorted(job.job_id for content in fresh(project) for job in content.jobs) == ["before", "inner", "outer"]


class Full(Disk):
    """A disk that takes a part of what is written."""

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        os.pwrite(fd, data[:7], offset)
        raise OSError(errno.ENOSPC, "No space left on device")


def fresh(project: Path) -> list[Any]:
    """What a new process sees of all spool files, those of this process among them."""
    contents._known.clear()
    return contents.spool_contents([Jobs(project).prefix], (), project)


class TestCreation:
    def test_a_reader_that_looks_between_creation_and_lock(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes the empty file for that of a dead process and removes it; the file is made again."""
        lock = process_file.try_lock
        looked: list[list[Path]] = []

        def look_then_lock(fd: int, mode: int, *, without_locks: bool) -> bool:
            if not looked:
                looked.append(files_of(project))
                (content,) = fresh(project)
                assert content.life is Life.DEAD
                remove_spool(content)
            return lock(fd, mode, without_locks=without_locks)

        monkeypatch.setattr(process_file, "try_lock", look_then_lock)
        assert Jobs(project).submitted("job", {})
        assert len(looked[0]) == 1
        assert open_ids(project) == ["job"]

    def test_a_reader_that_is_looking_while_the_owner_locks(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = process_file.try_lock
        fds: list[int] = []

        def hold_then_lock(fd: int, mode: int, *, without_locks: bool) -> bool:
            if not fds:
                fds.append(os.open(files_of(project)[0], os.O_RDONLY))
                fcntl.flock(fds[0], fcntl.LOCK_SH)
            return lock(fd, mode, without_locks=without_locks)

        monkeypatch.setattr(process_file, "try_lock", hold_then_lock)
        assert Jobs(project).submitted("job", {})
        os.close(fds[0])
        assert open_ids(project) == ["job"]
        assert len(files_of(project)) == 1


def test_readers_beside_a_writer(project: Path) -> None:
    """Four reading processes never miss the job that stays open, never see one torn, never call one lost."""
    writer_script = """
        jobs.submitted('anchor', {'text': 'a' * 3000})
        ready()
        end, number = time.monotonic() + 3, 0
        while time.monotonic() < end:
            jobs.submitted(str(number), {'text': 'x' * 3000})
            jobs.finished(str(number))
            number += 1
        print(number, flush=True)
        sys.stdin.readline()
    """
    reader_script = """
        end, rounds = time.monotonic() + 2, 0
        while time.monotonic() < end:
            found = {job.job_id: job for job in jobs.open_jobs()}
            assert found['anchor'].record == {'text': 'a' * 3000}, found
            assert len(found) <= 2 and all(job.alive for job in found.values()), found
            assert all(len(job.record['text']) == 3000 for job in found.values()), found
            rounds += 1
        print(rounds, flush=True)
    """
    with Child(project, writer_script) as writer:
        writer.line()
        readers = [Child(project, reader_script) for _ in range(4)]
        for reader in readers:
            with reader:
                assert int(reader.line()) > 10
        assert int(writer.line()) > 1_000
        writer.kill()
        assert [(job.job_id, job.alive) for job in Jobs(project).open_jobs()] == [("anchor", False)]


def test_a_file_that_is_cut_back_while_it_is_read_is_not_damaged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(project)
    read = records.read_document

    def cut_then_read(fd: int, record: records.Record, path: str) -> dict[str, Any]:
        if record.kind == records.SUBMITTED:
            jobs.finished("job")
            jobs.submitted("next", {"text": "x" * 1000})
        return read(fd, record, path)

    monkeypatch.setattr(process.Owner, "is_running", lambda _self: True)
    jobs.submitted("job", {})
    (path,) = files_of(project)
    edit_header(path, pid=1)  # as of another process
    monkeypatch.setattr(records, "read_document", cut_then_read)
    (content,) = fresh(project)
    monkeypatch.undo()
    assert content.problems == ()
    jobs.finished("next")


def test_what_is_damaged_at_the_end_is_told_when_the_process_has_died(project: Path) -> None:
    """A living process may just be writing there."""
    with Child(project, WAITING) as child:
        child.line()
        (path,) = files_of(project)
        with path.open("ab") as file:
            file.write(b"x" * 100)
        os.utime(path, (1.0, 1.0))  # long ago
        for _ in range(2):
            (content,) = Jobs(project).contents()
            assert (content.life, content.problems) == (Life.ALIVE, ())
        end = path.stat().st_size
        child.kill()
    (content,) = Jobs(project).contents()
    assert content.life is Life.DEAD
    assert content.problems == (f"{path}: bytes {end - 100} to {end} are damaged; what was there is lost",)


def test_files_that_are_gone_are_forgotten(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_MOST_GONE", 3)
    contents._known.clear()
    other = DeadFile(project.with_name("other.h5")).submitted("job").path
    assert len(open_ids(project.with_name("other.h5"))) == 1
    for number in range(10):
        path = DeadFile(project, f"{number:08x}").submitted("job").path
        assert open_ids(project) == ["job"]
        path.unlink()
    open_ids(project)
    assert len(contents._known) <= 4
    assert str(other) in contents._known


def test_many_processes_started_at_once_with_readers_elsewhere(project: Path) -> None:
    """New files appear while readers, who can only go by the lock, look at the folder and remove what is dead."""
    writer_script = """
        from tests.spool_files import leave
        for number in range(150):
            assert jobs.submitted(f'{os.getpid()}/{number}', {})
            found = [job.job_id for job in jobs.open_jobs() if job.pid == os.getpid()]
            assert found == [f'{os.getpid()}/{number}'], found
            jobs.finished(f'{os.getpid()}/{number}')
            leave()
        ready()
    """
    reader_script = """
        from aerchive.storage.medium.process import Owner
        from aerchive.storage.spools.contents import Life, remove_spool, taken_over
        Owner.is_running = lambda self: None
        while True:
            for content in jobs.contents():
                if content.life is Life.DEAD:
                    with taken_over(content) as is_ours:
                        assert not content.jobs
                        if is_ours: remove_spool(content)
            ready()
    """
    readers = [Child(project, reader_script) for _ in range(2)]
    for reader in readers:
        reader.line()
    writers = [Child(project, writer_script) for _ in range(3)]
    for writer in writers:
        with writer:
            assert writer.line() == "ready"
    for reader in readers:
        with reader:
            assert reader.process.poll() is None
    assert files_of(project) == []
