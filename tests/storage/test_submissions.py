"""Traces of submitted runs: what the next reader sees after each way a process can end."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import stat
import statistics
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerchive.storage import owner
from aerchive.storage import submissions as module
from aerchive.storage.submissions import FILE_BYTES, JSON, RECORD_BYTES, Submissions

fcntl = pytest.importorskip("fcntl", reason="no flock, so no traces, on Windows")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")

OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "vqe.h5"


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    yield
    module._leave()
    for own in module._own_traces.values():
        for file in list(own.files):
            file.remove()
    module._own_traces.clear()


class Child:
    """A real process that runs a script with ``project`` and ``traces`` defined, and says "ready" on stdout."""

    def __init__(self, project: Path, script: str, **options: object) -> None:
        prelude = (
            "import os, signal, sys, threading, time\n"
            "from aerchive.storage.submissions import Submissions\n"
            "project = sys.argv[1]\n"
            "traces = Submissions(project)\n"
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


WAITING = "traces.submitted('job', {'name': 'bell'}); ready(); sys.stdin.readline()"


def trace_files(project: Path) -> list[Path]:
    return sorted(path for path in project.parent.iterdir() if ".submitted-" in path.name)


def edit_header(path: Path, **changes: object) -> None:
    """Rewrite the header in place: same inode, so that the owner's lock stays."""
    header, _, rest = path.read_bytes().partition(b"\n")
    edited = json.dumps(json.loads(header) | changes).encode()
    with path.open("r+b") as file:
        file.write(edited + b"\n" + rest)
        file.truncate()


def dead_file(project: Path, *lines: bytes, digits: str = "0" * 8, header: bytes | None = None) -> Path:
    """The file of a process that ended long ago on another machine."""
    path = project.with_name(f".{project.name}.submitted-7-{digits}.jsonl")
    if header is None:
        header = json.dumps({"format_version": 1, "host": "elsewhere", "boot_id": OTHER_BOOT, "pid": 7}).encode()
    path.write_bytes(b"\n".join([header, *lines]) + b"\n")
    return path


def submitted_line(job_id: str, at: float = 1.0) -> bytes:
    return json.dumps({"submitted": job_id, "at": at, "record": {}}).encode()


def open_ids(project: Path) -> list[str]:
    return [submission.job_id for submission in Submissions(project).open_jobs()]


class TestOneProcess:
    def test_submitted_then_finished(self, project: Path) -> None:
        traces = Submissions(project)
        record: dict[str, JSON] = {"name": "bell", "tags": ["a", "ü"], "shots": 1024, "seed": None}
        assert traces.submitted("job", record) is True
        (submission,) = traces.open_jobs()
        assert (submission.job_id, submission.record, submission.alive) == ("job", record, True)
        assert submission.pid == os.getpid()
        assert submission.path == trace_files(project)[0]
        traces.finished("job")
        assert traces.open_jobs() == []

    def test_header_says_which_process_of_which_machine(self, project: Path) -> None:
        Submissions(project, project_uuid="1234").submitted("job", {})
        header = json.loads(trace_files(project)[0].read_bytes().splitlines()[0])
        assert header["format_version"] == 1
        assert header["project"] == "1234"
        assert header["pid"] == os.getpid()
        assert header["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert header["pid_namespace"] == os.readlink("/proc/self/ns/pid")
        assert isinstance(header["started"], int)

    def test_nothing_is_created_before_the_first_submission(self, project: Path) -> None:
        traces = Submissions(project)
        traces.finished("never submitted")
        traces.forget(["never submitted"])
        assert traces.open_jobs() == []
        assert trace_files(project) == []

    def test_oldest_first_over_all_files(self, project: Path) -> None:
        Submissions(project).submitted("now", {})
        dead_file(project, submitted_line("second", 2.0), submitted_line("third", 3.0), digits="f" * 8)
        dead_file(project, submitted_line("first", 1.0), submitted_line("fourth", 4.0))
        assert open_ids(project) == ["first", "second", "third", "fourth", "now"]

    @pytest.mark.parametrize(
        "job_id", ["", "a\nb", 'q"\\', "\ud800", "\0", "ü€😀", "x" * 100_000, "../../etc", "finished"]
    )
    def test_odd_job_ids(self, project: Path, job_id: str) -> None:
        traces = Submissions(project)
        traces.submitted(job_id, {"n": 1})
        traces.submitted("other", {})
        assert open_ids(project) == [job_id, "other"]
        traces.finished(job_id)
        assert open_ids(project) == ["other"]

    def test_same_id_again_replaces_the_record(self, project: Path) -> None:
        traces = Submissions(project)
        traces.submitted("job", {"try": 1})
        traces.submitted("job", {"try": 2})
        assert [submission.record for submission in traces.open_jobs()] == [{"try": 2}]
        traces.finished("job")
        assert traces.open_jobs() == []

    def test_same_id_in_two_files_is_two_submissions(self, project: Path) -> None:
        dead_file(project, submitted_line("job"), digits="0" * 8)
        dead_file(project, submitted_line("job"), submitted_line("kept"), digits="1" * 8)
        assert open_ids(project) == ["job", "job", "kept"]
        Submissions(project).forget(["job"])
        assert open_ids(project) == ["kept"]

    def test_huge_record_keeps_its_small_values(self, project: Path) -> None:
        traces = Submissions(project)
        assert traces.submitted("job", {"name": "big", "shots": 5, "circuits": ["x" * 100] * 10_000})
        (submission,) = traces.open_jobs()
        assert submission.record == {"shortened": True, "name": "big", "shots": 5}
        assert trace_files(project)[0].stat().st_size < RECORD_BYTES

    def test_largest_record_is_kept_whole(self, project: Path) -> None:
        record = {"x": "y" * (RECORD_BYTES - len('{"x":""}'))}
        Submissions(project).submitted("job", record)
        assert Submissions(project).open_jobs()[0].record == record

    def test_values_that_are_not_json_are_left_out(self, project: Path) -> None:
        circular: list[object] = []
        circular.append(circular)
        record = {"name": "a", "nan": float("nan"), "object": object(), "circular": circular}
        assert Submissions(project).submitted("job", record)  # type: ignore[arg-type]
        assert Submissions(project).open_jobs()[0].record == {"shortened": True, "name": "a"}

    def test_many_threads(self, project: Path) -> None:
        traces = Submissions(project)

        def work(thread: int) -> None:
            for number in range(200):
                assert traces.submitted(f"{thread}/{number}", {"n": number})
                if number % 10:
                    traces.finished(f"{thread}/{number}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {f"{thread}/{number}" for thread in range(8) for number in range(0, 200, 10)}
        assert sorted(open_ids(project)) == sorted(expected)
        assert len(trace_files(project)) == 1

    def test_cost_is_far_below_a_millisecond(self, project: Path) -> None:
        traces = Submissions(project)
        record: dict[str, JSON] = {
            "created": "2026-01-01T00:00:00Z",
            "name": "vqe",
            "tags": ["h2"],
            "circuits": ["bell"],
            "shots": 1024,
        }
        times = []
        for number in range(2_000):
            start = time.perf_counter()
            traces.submitted(str(number), record)
            traces.finished(str(number))
            times.append(time.perf_counter() - start)
        assert statistics.median(times) < 0.5e-3

    def test_files_stay_small_while_a_job_stays_open(self, project: Path) -> None:
        traces = Submissions(project)
        traces.submitted("slow", {})
        for number in range(200):
            traces.submitted(str(number), {"text": "x" * 20_000})
            traces.finished(str(number))
        assert sum(path.stat().st_size for path in trace_files(project)) < 3 * FILE_BYTES
        assert open_ids(project) == ["slow"]
        traces.finished("slow")
        assert len(trace_files(project)) == 1

    def test_two_files_of_one_process(self, project: Path) -> None:
        traces = Submissions(project)
        for number in range(20):
            traces.submitted(str(number), {"text": "x" * 60_000})
        assert len(trace_files(project)) > 1
        assert open_ids(project) == [str(number) for number in range(20)]
        for number in range(20):
            traces.finished(str(number))
        assert open_ids(project) == []
        assert len(trace_files(project)) <= 1


class TestNames:
    @pytest.mark.parametrize(
        "name", ["[ab]*?.h5", "größe 東京.h5", "a\nb.h5", ".hidden", "-x", "a.h5.submitted-1-00000000.jsonl", "n" * 250]
    )
    def test_any_project_name(self, tmp_path: Path, name: str) -> None:
        project = tmp_path / name
        assert Submissions(project).submitted("job", {})
        assert open_ids(project) == ["job"]
        assert open_ids(tmp_path / "a.h5") == []
        assert open_ids(tmp_path / "b.h5") == []

    def test_a_project_whose_name_begins_with_another(self, tmp_path: Path) -> None:
        names = ["a.h5", "a.h5.h5", "aXh5", "a.h5.submitted-1-00000000.jsonl"]
        for name in names:
            Submissions(tmp_path / name).submitted(name, {})
        for name in names:
            assert open_ids(tmp_path / name) == [name]

    def test_a_link_is_the_project_it_leads_to(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link.h5").symlink_to(tmp_path / "real" / "vqe.h5")
        (tmp_path / "folder").symlink_to(tmp_path / "real")
        by_link, direct = Submissions(tmp_path / "link.h5"), Submissions(str(tmp_path / "folder" / "vqe.h5"))
        by_link.submitted("job", {})
        assert trace_files(tmp_path / "link.h5") == []
        assert [submission.job_id for submission in direct.open_jobs()] == ["job"]
        direct.finished("job")
        assert by_link.open_jobs() == []

    def test_a_relative_path_does_not_follow_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        traces = Submissions("vqe.h5")
        monkeypatch.chdir("/")
        traces.submitted("job", {})
        assert open_ids(tmp_path / "vqe.h5") == ["job"]


class TestEndsOfAProcess:
    def test_running(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            assert child.line() == "ready"
            (submission,) = Submissions(project).open_jobs()
            assert (submission.alive, submission.pid) == (True, child.process.pid)
            assert submission.record == {"name": "bell"}

    def test_sigkill(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            child.kill()
            (submission,) = Submissions(project).open_jobs()
            assert (submission.job_id, submission.alive, submission.pid) == ("job", False, child.process.pid)

    def test_killed_but_not_waited_for(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            os.kill(child.process.pid, signal.SIGKILL)
            os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_abort(self, project: Path) -> None:
        script = """
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            traces.submitted('before', {}); traces.finished('before')
            traces.submitted('job', {})
            os.abort()
        """
        with Child(project, script) as child:
            assert child.process.wait() == -signal.SIGABRT
            assert [(found.job_id, found.alive) for found in Submissions(project).open_jobs()] == [("job", False)]

    def test_normal_end_leaves_nothing(self, project: Path) -> None:
        with Child(project, "traces.submitted('job', {}); traces.finished('job')") as child:
            assert child.process.wait() == 0
        assert trace_files(project) == []

    def test_normal_end_with_an_open_job(self, project: Path) -> None:
        with Child(project, "traces.submitted('job', {})") as child:
            assert child.process.wait() == 0
        assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_finished_after_our_own_exit_hook(self, project: Path) -> None:
        # Hooks run last in, first out: this one was registered before the module's.
        script = """
            import atexit, importlib
            from aerchive.storage import submissions
            atexit.unregister(submissions._leave)
            atexit.register(lambda: traces.finished('job'))
            atexit.register(submissions._leave)
            traces.submitted('job', {})
        """
        with Child(project, script) as child:
            assert child.process.wait() == 0
        assert trace_files(project) == []

    def test_killed_between_jobs_leaves_a_file_that_readers_remove(self, project: Path) -> None:
        script = "traces.submitted('job', {}); traces.finished('job'); ready(); sys.stdin.readline()"
        with Child(project, script) as child:
            child.line()
            assert Submissions(project).open_jobs() == []
            assert len(trace_files(project)) == 1
            child.kill()
            assert Submissions(project).open_jobs() == []
            assert trace_files(project) == []

    def test_reused_pid(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            (path,) = trace_files(project)
            started = json.loads(path.read_bytes().splitlines()[0])["started"]
            edit_header(path, started=started - 1)
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    @pytest.mark.parametrize(
        "elsewhere",
        [{"boot_id": OTHER_BOOT}, {"host": "other"}, {"pid_namespace": "pid:[1]"}, {"started": None}, {"pid": 0}],
    )
    def test_elsewhere_the_lock_decides(self, project: Path, elsewhere: dict[str, object]) -> None:
        with Child(project, WAITING) as child:
            child.line()
            # A start that the process table here would deny.
            edit_header(trace_files(project)[0], **{"started": 1} | elsewhere)
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [True]
            child.kill()
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_a_command_with_spaces_and_parentheses(self, project: Path) -> None:
        rename = "open('/proc/self/comm', 'w').write(') Z 1 (2 3'); " + WAITING
        with Child(project, rename) as child:
            child.line()
            assert Path(f"/proc/{child.process.pid}/comm").read_text() == ") Z 1 (2 3\n"
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [True]
            child.kill()
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_where_the_process_table_is_hidden_the_lock_decides(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Child(project, WAITING) as child:
            child.line()
            real = owner._state_and_start
            monkeypatch.setattr(
                owner, "_state_and_start", lambda pid: ("", None) if pid == child.process.pid else real(pid)
            )
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [True]
            child.kill()
            assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_without_locks_nobody_elsewhere_is_called_lost(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(fd: int, operation: int) -> None:
            raise OSError("no locks available")

        path = dead_file(project, submitted_line("job"))
        monkeypatch.setattr(fcntl, "flock", no_locks)
        assert [submission.alive for submission in Submissions(project).open_jobs()] == [True]
        Submissions(project).forget(["job"])
        assert path.exists()
        assert Submissions(project).submitted("own", {})


class TestFork:
    def test_child_has_its_own_file_and_leaves_the_parents(self, project: Path) -> None:
        script = """
            traces.submitted('parent', {})
            child = os.fork()
            if child == 0:
                traces.finished('parent')             # not the child's to finish
                assert traces.submitted('child', {})
                traces.finished('child')
                sys.exit()                            # with exit hooks
            assert os.waitpid(child, 0)[1] == 0
            ready(str(len([name for name in os.listdir(os.path.dirname(project)) if '.submitted-' in name])))
            print([(job.job_id, job.pid == os.getpid(), job.alive) for job in traces.open_jobs()], flush=True)
            sys.stdin.readline()
        """
        with Child(project, script) as child:
            assert child.line() == "1"
            assert child.line() == "[('parent', True, True)]"

    @pytest.mark.parametrize("changes", [{}, {"boot_id": OTHER_BOOT}])
    def test_parent_dies_child_lives(self, project: Path, changes: dict[str, object]) -> None:
        script = """
            traces.submitted('parent', {})
            if os.fork() == 0:
                traces.submitted('child', {})
                ready(str(os.getpid()))
                time.sleep(60)
            time.sleep(60)
        """
        with Child(project, script) as child:
            forked = int(child.line())
            try:
                for path in trace_files(project):
                    edit_header(path, **changes)
                child.kill()
                alive = {submission.job_id: submission.alive for submission in Submissions(project).open_jobs()}
                assert alive == {"parent": False, "child": True}
            finally:
                os.kill(forked, signal.SIGKILL)

    def test_fork_while_another_thread_holds_the_lock(self, project: Path) -> None:
        script = """
            from aerchive.storage import submissions
            traces.submitted('parent', {})
            (own,) = submissions._own_traces.values()
            held = threading.Event()
            def hold():
                with own._lock:
                    held.set(); time.sleep(60)
            threading.Thread(target=hold, daemon=True).start()
            held.wait()
            child = os.fork()
            if child == 0:
                signal.alarm(10)
                os._exit(0 if traces.submitted('child', {}) else 1)
            ready(str(os.waitpid(child, 0)[1]))
        """
        with Child(project, script) as child:
            assert child.line() == "0"

    def test_fork_that_python_was_not_told_about(self, project: Path) -> None:
        script = """
            import ctypes
            traces.submitted('parent', {})
            child = ctypes.PyDLL(None).fork()
            if child == 0:
                os._exit(0 if traces.submitted('child', {}) else 1)
            assert os.waitpid(child, 0)[1] == 0
            print([(job.job_id, job.alive) for job in traces.open_jobs()], flush=True)
        """
        with Child(project, script) as child:
            assert child.line() == "[('parent', True), ('child', False)]"


class TestForget:
    def test_the_last_lost_job_removes_the_file(self, project: Path) -> None:
        path = dead_file(project, submitted_line("a"), submitted_line("b"), submitted_line("c"))
        Submissions(project).forget(["b", "unknown"])
        assert open_ids(project) == ["a", "c"]
        Submissions(project).forget(["a", "c"])
        assert not path.exists()

    def test_a_torn_line_does_not_swallow_what_is_appended(self, project: Path) -> None:
        path = dead_file(project, submitted_line("a"), submitted_line("b"))
        path.write_bytes(path.read_bytes() + submitted_line("torn")[:-5])
        Submissions(project).forget(["a"])
        assert open_ids(project) == ["b"]

    def test_files_of_live_processes_are_not_touched(self, project: Path) -> None:
        with Child(project, WAITING) as child:
            child.line()
            (path,) = trace_files(project)
            before = path.read_bytes()
            Submissions(project).forget(["job"])
            assert path.read_bytes() == before

    def test_own_job(self, project: Path) -> None:
        traces = Submissions(project)
        traces.submitted("a", {})
        traces.submitted("b", {})
        traces.forget(["a"])
        assert open_ids(project) == ["b"]


class TestDamage:
    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"\0" * 500,
            b"\xff\xfe",
            b"[1, 2]",
            b'"text"',
            b"{",
            b"[" * 100_000,
            b"9" * 10_000,
            b'{"submitted": 5}',
            b'{"submitted": null, "finished": ["a"]}',
        ],
    )
    def test_a_malformed_line_is_skipped(self, project: Path, line: bytes) -> None:
        dead_file(project, submitted_line("a"), line, submitted_line("b"))
        assert open_ids(project) == ["a", "b"]

    @pytest.mark.parametrize("cut", range(1, 30, 4))
    def test_a_torn_last_line_is_ignored(self, project: Path, cut: int) -> None:
        path = dead_file(project, submitted_line("a"))
        path.write_bytes(path.read_bytes() + submitted_line("torn")[:-cut])
        assert open_ids(project) == ["a"]

    @pytest.mark.parametrize(
        "header",
        [b"", b"nonsense", b"[]", b'{"pid": -1}', b'{"pid": true, "host": 5}', b'{"pid": "7", "format_version": "x"}'],
    )
    def test_a_damaged_header_still_shows_the_jobs(self, project: Path, header: bytes) -> None:
        dead_file(project, submitted_line("a"), header=header)
        (submission,) = Submissions(project).open_jobs()
        assert (submission.job_id, submission.host, submission.alive) == ("a", "", False)

    def test_an_enormous_pid(self, project: Path) -> None:
        path = dead_file(project, submitted_line("a"))
        edit_header(path, **dataclasses.asdict(module.Owner.of_this_process()) | {"pid": 10**30})
        assert [submission.alive for submission in Submissions(project).open_jobs()] == [False]

    def test_strange_values_do_not_break_the_order(self, project: Path) -> None:
        dead_file(
            project,
            b'{"submitted": "a", "at": "yesterday", "record": [1]}',
            b'{"submitted": "b", "at": 1e999}',
            b'{"submitted": "c", "at": ' + b"9" * 400 + b"}",
        )
        assert sorted(open_ids(project)) == ["a", "b", "c"]

    def test_a_newer_format_is_left_alone(self, project: Path) -> None:
        path = dead_file(project, header=b'{"format_version": 2}')
        assert open_ids(project) == []
        Submissions(project).forget(["a"])
        assert path.exists()

    def test_an_empty_file_of_a_dead_process_is_removed(self, project: Path) -> None:
        path = dead_file(project)
        path.write_bytes(b"")
        assert open_ids(project) == []
        assert not path.exists()

    def test_what_is_not_a_regular_file_is_passed_over(self, project: Path) -> None:
        prefix = f".{project.name}.submitted-1-"
        os.mkfifo(project.with_name(prefix + "00000000.jsonl"))
        project.with_name(prefix + "00000001.jsonl").mkdir()
        project.with_name(prefix + "00000002.jsonl").symlink_to("/dev/zero")
        other = dead_file(project.with_name("other.h5"), submitted_line("a"))
        project.with_name(prefix + "00000003.jsonl").symlink_to(other)
        before = len(os.listdir("/proc/self/fd"))
        assert open_ids(project) == []
        Submissions(project).forget(["a"])
        assert len(os.listdir("/proc/self/fd")) == before
        assert len(trace_files(project)) == 5
        assert open_ids(project.with_name("other.h5")) == ["a"]


class TestFolders:
    @pytest.mark.parametrize("place", ["missing/vqe.h5", "file/vqe.h5"])
    def test_no_folder(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").write_text("")
        traces = Submissions(tmp_path / place)
        assert traces.submitted("job", {}) is False
        traces.finished("job")
        traces.forget(["job"])
        assert traces.open_jobs() == []

    def test_read_only_folder(self, tmp_path: Path) -> None:
        (tmp_path / "read_only").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        script = """
            if os.geteuid() == 0:
                os.setegid(65534); os.seteuid(65534)   # permissions do not bind root
            done = traces.submitted('job', {})
            traces.finished('job'); traces.forget(['job'])
            print(done, traces.open_jobs(), flush=True)
        """
        with Child(tmp_path / "read_only" / "vqe.h5", script) as child:
            assert child.line() == "False []"

    def test_the_folder_vanishes_and_comes_back(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        traces = Submissions(folder / "vqe.h5")
        traces.submitted("before", {})
        for path in trace_files(folder / "vqe.h5"):
            path.unlink()
        folder.rmdir()
        assert traces.submitted("without", {}) is False
        assert traces.open_jobs() == []
        folder.mkdir()
        assert traces.submitted("after", {}) is True
        traces.finished("before")
        assert open_ids(folder / "vqe.h5") == ["after"]

    def test_a_file_that_takes_half_a_line(self, project: Path) -> None:
        script = """
            import resource
            record = {'text': 'x' * 300}
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
            kept = [name for name in 'abcdefghij' if traces.submitted(name, record)]
            print(2 < len(kept) < 10, kept == [job.job_id for job in traces.open_jobs()], flush=True)
            for name in kept: traces.finished(name)
            print([job.job_id for job in traces.open_jobs()], flush=True)
        """
        with Child(project, script) as child:
            assert child.line() == "True True"
            assert child.line() == "[]"
            assert child.process.wait() == 0
        assert trace_files(project) == []

    def test_a_full_disk(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_space(fd: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        traces = Submissions(project)
        traces.submitted("before", {})
        with monkeypatch.context() as full:
            full.setattr(os, "write", no_space)
            assert [traces.submitted(str(number), {}) for number in range(5)] == [False] * 5
            assert len(trace_files(project)) == 1
            traces.finished("before")  # the last one: removing the file needs no space
        assert trace_files(project) == []
        assert traces.submitted("after", {}) is True
        assert open_ids(project) == ["after"]

    def test_a_finish_the_disk_refused_is_written_later(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        traces = Submissions(project)
        for job_id in "abc":
            traces.submitted(job_id, {})
        write = os.write
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
            traces.finished("a")
            assert traces.submitted("d", {}) is False
        assert open_ids(project) == ["a", "b", "c"]
        traces.finished("b")
        assert open_ids(project) == ["c"]


class TestCreation:
    def test_a_reader_that_looks_between_creation_and_lock(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes the empty file for a dead process's and removes it; the trace is made again."""
        lock = module.take_lock
        looked: list[list[Path]] = []

        def look_then_lock(fd: int) -> bool:
            if not looked:
                looked.append(trace_files(project))
                assert open_ids(project) == []
                assert trace_files(project) == []
            return lock(fd)

        monkeypatch.setattr(module, "take_lock", look_then_lock)
        assert Submissions(project).submitted("job", {})
        assert len(looked[0]) == 1
        assert open_ids(project) == ["job"]

    def test_a_reader_that_is_looking_while_the_owner_locks(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = module.take_lock
        fds: list[int] = []

        def hold_then_lock(fd: int) -> bool:
            if not fds:
                fds.append(os.open(trace_files(project)[0], os.O_RDONLY))
                fcntl.flock(fds[0], fcntl.LOCK_SH)
            return lock(fd)

        monkeypatch.setattr(module, "take_lock", hold_then_lock)
        assert Submissions(project).submitted("job", {})
        os.close(fds[0])
        assert open_ids(project) == ["job"]
        assert len(trace_files(project)) == 1


def test_readers_beside_a_writer(project: Path) -> None:
    """Four reading processes never miss the job that stays open, never see one torn, never call one lost."""
    writer_script = """
        traces.submitted('anchor', {'text': 'a' * 3000})
        ready()
        end, number = time.monotonic() + 3, 0
        while time.monotonic() < end:
            traces.submitted(str(number), {'text': 'x' * 3000})
            traces.finished(str(number))
            number += 1
        print(number, flush=True)
        sys.stdin.readline()
    """
    reader_script = """
        end, rounds = time.monotonic() + 2, 0
        while time.monotonic() < end:
            found = {job.job_id: job for job in traces.open_jobs()}
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
        assert [(job.job_id, job.alive) for job in Submissions(project).open_jobs()] == [("anchor", False)]


def test_many_processes_started_at_once_with_readers_elsewhere(project: Path) -> None:
    """New files appear while readers, who can only go by the lock, look at and clean the folder."""
    writer_script = """
        import aerchive.storage.submissions as module
        for number in range(150):
            assert traces.submitted(f'{os.getpid()}/{number}', {})
            found = [job.job_id for job in traces.open_jobs() if job.pid == os.getpid()]
            assert found == [f'{os.getpid()}/{number}'], found
            traces.finished(f'{os.getpid()}/{number}')
            module._leave(); module._own_traces.clear()
        ready()
    """
    reader_script = """
        import aerchive.storage.submissions as module
        module.Owner.is_running = lambda self: None
        while True:
            assert all(job.alive for job in traces.open_jobs())
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
    assert trace_files(project) == []
