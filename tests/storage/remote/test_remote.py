"""Projects behind URLs and in file objects: what is read is what is there, and each failure of a network is ours."""

from __future__ import annotations

import datetime
import gc
import io
import json
import os
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import (
    AerchiveError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    ReadError,
    ReadOnlyError,
    ReplacedError,
    UnsafeContentError,
    WriteError,
)
from aerchive.storage import part_vetting
from aerchive.storage.remote import fetched, patience, web
from aerchive.storage.remote.address import Address
from aerchive.storage.remote.opening import fetched_of
from aerchive.testing.disks import RecordingDisk, crash_states, using
from tests.drafts import job_id
from tests.hostile_files import harm
from tests.processes import run
from tests.storage.remote import nginx_server as nginx
from tests.storage.remote.range_server import (
    Fault,
    RangeServer,
    another_range,
    breaks_off,
    compresses,
    drips,
    hangs,
    range_server,
    redirects,
    status,
    without_ranges,
)

RUNS = 60
LARGE = 2**17
"""Amplitudes of the large state, which takes two chunks."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of some megabytes, not to be changed."""
    project = aerchive.open(tmp_path_factory.mktemp("remote") / "project.h5")
    with project.transaction():
        for number in range(RUNS):
            project.save(result_of(number))
    return project.path


def result_of(number: int) -> Result:
    """A result with counts; that of run 30 has a large state as well."""
    data: dict[str, Any] = {"counts": {"0x0": number + 1, "0x3": 7}}
    if number == 30:
        phases = np.random.default_rng(1).uniform(0, 6, LARGE)
        data["statevector"] = np.exp(1j * phases) / np.sqrt(LARGE)
    header = {"name": "bell", "memory_slots": 2, "creg_sizes": [["c", 2]]}
    one = ExperimentResult(100, True, ExperimentResultData(**data), header=header, seed_simulator=number)
    date = datetime.datetime(2026, 11, 22, 21, 30, number % 60, tzinfo=datetime.UTC)
    return Result(
        backend_name="aer_simulator", job_id=job_id(number), success=True, results=[one], date=date, status="COMPLETED"
    )


@pytest.fixture
def server(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    """A server with a copy of the project, and a reader who does not wait long."""
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    shutil.copy(made, tmp_path / "project.h5")
    with range_server(tmp_path) as started:
        yield started


@pytest.fixture
def vets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "always")


def everything(project: aerchive.Project) -> Any:
    """What is read of a project by all ways, to be compared."""
    large = project[job_id(30)].array("statevector")
    return (
        repr(project.jobs()).splitlines()[1:],
        [run.counts() for run in project.find()],
        large[5:100].tolist(),
        large[...].tobytes(),
        project[-1].record,
    )


def test_what_is_read_over_https_from_nginx_is_what_the_file_has(
    made: Path, vets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nginx.is_installed():
        pytest.skip("nginx or openssl is not installed: apt-get install nginx-light openssl")
    with nginx.nginx_server(made.parent) as running:
        with pytest.raises(ReadError, match="certificate of the server could not be verified"):
            aerchive.open(f"{running.url}/project.h5")
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        project = aerchive.open(f"{running.url}/project.h5")
        assert everything(project) == everything(aerchive.open(made))
        requests = running.requests()
    assert {(method, status) for method, status, _ in requests} == {("GET", 206)}
    assert sum(nbytes for _, _, nbytes in requests) <= made.stat().st_size + fetched.HEAD_BYTES
    assert project.mode == "r"
    assert str(project.path) == f"{running.url}/project.h5"
    assert not project.is_trusted


def test_a_list_counts_and_a_slice_take_few_requests_and_bytes(server: RangeServer, vets: None) -> None:
    project = aerchive.open(server.url("project.h5"))
    assert len(project.jobs(limit=None)) == RUNS
    assert project[-1].counts() == {"00": RUNS, "11": 7}
    assert project[job_id(30)].array("statevector")[:10].shape == (10,)
    size = (server.folder / "project.h5").stat().st_size
    fetched_bytes = sum(min(last + 1, size) - first for first, last in server.requests)
    chunk = 2**20
    assert len(server.requests) <= 12
    assert fetched_bytes <= chunk + RUNS * 592 + 2**20


def test_a_project_in_a_file_object_and_in_a_file_system_is_read(
    made: Path, vets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = everything(aerchive.open(made))
    data = made.read_bytes()
    assert everything(aerchive.open(io.BytesIO(data))) == expected
    monkeypatch.setenv("AERCHIVE_VET", "off")
    with made.open("rb") as opened:
        assert everything(aerchive.open(opened)) == expected
    fsspec.filesystem("memory").pipe("/lab/project.h5", data)
    project = aerchive.open("memory://lab/project.h5")
    assert everything(project) == expected
    with fsspec.open("memory://lab/project.h5") as opened:
        assert everything(aerchive.open(opened)) == expected
    fsspec.filesystem("memory").pipe("/lab/project.h5", data + b"more")
    with pytest.raises(ReplacedError, match=r"memory://lab/project.h5: has changed since it was opened; open it again"):
        _read_anew(project)


def _read_anew(project: aerchive.Project) -> None:
    """Reads what is in no cache any more."""
    parts = fetched_of(project.path)
    assert parts is not None
    parts._kept.blocks.clear()
    parts._begin_anew()
    project[job_id(30)].array("statevector")[...]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (lambda path: path.open("r", encoding="latin-1"), "gives text; open it in binary mode"),
        (lambda path: open(path, "wb"), "is not readable"),  # noqa: SIM115
        (lambda _: object(), "is neither a path nor an open binary file"),
        (lambda _: "memory://lab/nothing.h5", "there is no file at this address"),
        (lambda _: "nosuch://lab/project.h5", "nosuch"),
        (lambda _: "https://[/project.h5", "is not a URL that can be read"),
    ],
)
def test_what_is_no_project_is_refused_with_a_reason(tmp_path: Path, given: Callable[[Path], Any], what: str) -> None:
    path = tmp_path / "given"
    path.write_bytes(b"words")
    opened = given(path)
    with pytest.raises(AerchiveError, match=what):
        aerchive.open(opened)
    if hasattr(opened, "close"):
        opened.close()


def test_a_project_behind_a_url_is_only_read(server: RangeServer, tmp_path: Path) -> None:
    url = server.url("project.h5")
    for mode in ("r+", "a", "x"):
        with pytest.raises(ReadOnlyError, match="a project behind a URL can only be read"):
            aerchive.open(url, mode)
    project = aerchive.open(url)
    for change in (
        lambda: project[0].add_tags("new"),
        lambda: project.attach("x", 1),
        project.compact,
        lambda: project.delete_job(job_id(0)),
    ):
        with pytest.raises(ReadOnlyError, match="can only be read there; take a copy"):
            change()
    with pytest.raises(InvalidInputError, match="before it was validated, take a copy"):
        aerchive.validate(url)
    with pytest.raises(InvalidInputError, match="so that no new runs come; open it again"):
        next(iter(project.follow("shots", "counts.00")))
    project.copy(tmp_path / "copy.h5")
    assert (tmp_path / "copy.h5").read_bytes() == (tmp_path / "project.h5").read_bytes()


@pytest.mark.parametrize(
    "fault", [status(503), status(429, **{"Retry-After": "0"}), breaks_off], ids=["503", "429", "breaks off"]
)
def test_what_fails_once_or_twice_is_asked_for_again(server: RangeServer, fault: Fault) -> None:
    server.faults = [fault, fault]
    project = aerchive.open(server.url("project.h5"))
    server.faults = [fault]
    assert len(project) == RUNS


@pytest.mark.parametrize(
    ("fault", "error", "what", "requests"),
    [
        (status(503), ReadError, "asked 4 times, but the server answered 503", 4),
        (status(503, **{"Retry-After": "3600"}), ReadError, "asked once, but the server answered 503", 1),
        (breaks_off, ReadError, "asked 4 times, but", 4),
        (status(403), ReadOnlyError, "does not let this user read the file", 1),
        (status(401), ReadOnlyError, "does not let this user read the file", 1),
        (status(404), NotFoundError, "there is no file at this address", 1),
        (status(418), ReadError, "answered 418, which is not understood", 1),
        (compresses, ReadError, "compresses the file on the way", 1),
        (another_range, ReadError, "sent another part of the file", 1),
        (redirects("ftp://127.0.0.1/x"), ReadError, "redirects from http to ftp, which is not followed", 1),
        (redirects("/project.h5"), ReadError, "redirects more than 5 times", 6),
    ],
)
def test_a_server_that_fails_is_an_error_that_says_why(
    server: RangeServer, fault: Fault, error: type[Exception], what: str, requests: int
) -> None:
    server.always = fault
    with pytest.raises(error, match=what):
        aerchive.open(server.url("project.h5"))
    assert len(server.requests) == requests
    assert all(sent["accept-encoding"] == "identity" for sent in server.headers)


@pytest.mark.parametrize("fault", [hangs, drips])
def test_a_server_that_does_not_come_to_an_end_is_given_up(
    server: RangeServer, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_REMOTE_TIMEOUT", "0.15")
    monkeypatch.setattr(patience, "_TRIES", 2)
    monkeypatch.setattr(patience, "_SLOWEST", 2**30)
    server.always = fault
    finished: list[BaseException] = []

    def read() -> None:
        try:
            aerchive.open(server.url("project.h5"))
        except ReadError as error:
            finished.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert len(finished) == 1
    assert "asked 2 times, but no" in str(finished[0])


def test_no_machine_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    with pytest.raises(ReadError, match="asked 4 times, but the server refused the connection; try again later"):
        aerchive.open("http://127.0.0.1:9/project.h5")


def test_a_server_without_ranges_is_read_if_the_file_is_small(
    server: RangeServer, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.always = without_ranges
    assert everything(aerchive.open(server.url("project.h5"))) == everything(aerchive.open(made))
    assert len(server.requests) == 1
    monkeypatch.setattr(web, "_MOST_WHOLE_BYTES", 10_000)
    with pytest.raises(ReadError, match=r"does not send parts of a file .*; download the file"):
        aerchive.open(server.url("project.h5"))


def test_redirections_are_followed_and_passwords_stay_with_their_host(server: RangeServer, made: Path) -> None:
    with range_server(made.parent) as other:
        server.always = redirects(other.url("project.h5"))
        url = server.url("project.h5").replace("//", "//user:secret@")
        project = aerchive.open(url)
        assert len(project) == RUNS
        assert len(server.requests) == 1  # then the other server is asked directly
        assert server.headers[0]["authorization"].startswith("Basic ")
        assert not any("authorization" in sent for sent in other.headers)
        assert "secret" not in str(project.path) + repr(project)
        other.faults = [status(403)]  # such places are valid for some time only
        _read_anew(project)
        assert len(server.requests) == 2


def test_a_file_that_changes_underneath_is_noticed(server: RangeServer, tmp_path: Path) -> None:
    url = server.url("project.h5")
    project = aerchive.open(url)
    before = repr(project.jobs())
    aerchive.open(tmp_path / "project.h5").save(result_of(100))
    with pytest.raises(ReplacedError, match="has changed since it was opened; open it again"):
        project[job_id(30)].array("statevector")[...]
    assert repr(project.jobs()) == before  # what was fetched is still one state
    again = aerchive.open(url)
    assert len(again) == RUNS + 1
    assert again[job_id(30)].array("statevector")[...].shape == (LARGE,)


def test_what_was_fetched_is_kept_for_other_processes(server: RangeServer, vets: None) -> None:
    url = server.url("project.h5")
    script = """
import json, sys, aerchive
project = aerchive.open(sys.argv[1])
print(json.dumps([len(project), project[-1].counts(), project["job-000030"].array("statevector")[:3].real.tolist()]))
"""
    first = run(script, url)
    number = len(server.requests)
    assert run(script, url) == first
    assert len(server.requests) == number + 1  # to see that the file is as it was
    assert json.loads(first)[0] == RUNS


def test_what_is_kept_is_bounded_and_damage_in_it_is_fetched_again(
    server: RangeServer, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = everything(aerchive.open(made))
    project = aerchive.open(server.url("project.h5"))
    assert everything(project) == expected
    parts = fetched_of(project.path)
    assert parts is not None
    with open(parts.stand_in.with_name("data"), "r+b") as data:
        data.write(b"\0" * 10_000_000)
    parts._begin_anew()
    assert everything(project) == expected
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE_BYTES", "500000")
    _read_anew(project)
    assert parts._kept.blocks.nbytes <= 2**20
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE_BYTES", "0")
    _read_anew(project)
    assert everything(project) == expected
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE_BYTES", "1 GiB")
    _read_anew(project)
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE_BYTES", "500000")
    del parts, project
    gc.collect()
    aerchive.open(io.BytesIO(made.read_bytes()))
    root = Path(os.environ["XDG_CACHE_HOME"]) / "aerchive" / "remote"
    assert root.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in root.iterdir() if not one.name.startswith("object-")] == []


def test_handles_work_in_another_process(server: RangeServer, made: Path, tmp_path: Path) -> None:
    for opened in (server.url("project.h5"), io.BytesIO(made.read_bytes())):
        array = aerchive.open(opened)[job_id(30)].array("statevector")
        (tmp_path / "handle").write_bytes(pickle.dumps(array))
        script = (
            "import pathlib, pickle, sys; print(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())[7:9].tolist())"
        )
        assert run(script, tmp_path / "handle") == f"{array[7:9].tolist()}\n"
    aerchive.open(tmp_path / "project.h5").save(result_of(100))
    (tmp_path / "handle").write_bytes(
        pickle.dumps(aerchive.open(server.url("project.h5"))[job_id(30)].array("statevector"))
    )
    aerchive.open(tmp_path / "project.h5").save(result_of(101))
    with pytest.raises(ReplacedError, match="has changed since it was opened"):
        pickle.loads((tmp_path / "handle").read_bytes())


def test_a_child_process_reads_on_after_a_fork(server: RangeServer) -> None:
    script = """
import os, signal, sys, aerchive
from aerchive.storage.remote.opening import fetched_of
project = aerchive.open(sys.argv[1])
expected = project["job-000030"].array("statevector")[:3].tolist()
child = os.fork()
signal.alarm(50)
parts = fetched_of(project.path)
parts._kept.blocks.clear()
parts._begin_anew()
assert project["job-000030"].array("statevector")[:3].tolist() == expected
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("both")
"""
    assert run(script, server.url("project.h5")) == "both\n"


def test_threads_share_what_was_fetched(server: RangeServer, made: Path) -> None:
    expected = everything(aerchive.open(made))
    project = aerchive.open(server.url("project.h5"))
    with ThreadPoolExecutor(6) as pool:
        assert all(found == expected for found in pool.map(lambda _: everything(project), range(6)))
    size = (server.folder / "project.h5").stat().st_size
    assert sum(min(last + 1, size) - first for first, last in server.requests) <= 3 * size


def test_a_size_that_no_file_can_have_and_a_cache_that_cannot_be_made_are_errors(
    server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.always = lambda handler, data, first, last: bool(
        handler.answer(206, data[first : last + 1], **{"Content-Range": f"bytes {first}-{last}/{2**62}"}) or True
    )
    with pytest.raises(ReadError, match="says that it has 4611686018427387904 bytes, which cannot be opened"):
        aerchive.open(server.url("project.h5"))
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE", "/dev/null/cache")
    with pytest.raises(WriteError, match="name another folder with the setting remote_cache"):
        aerchive.open(server.url("project.h5"))


def test_an_interrupted_commit_is_read_as_on_this_machine(tmp_path: Path, vets: None) -> None:
    path = tmp_path / "project.h5"
    project = aerchive.open(path)
    for number in range(3):
        project.save(result_of(number))
    before = path.read_bytes()
    with using(RecordingDisk()) as disk:
        project.save(result_of(3))
    log = disk.of(path)
    journal = next(number for number, one in enumerate(log, 1) if one.data.startswith(b"AERJRNL"))
    states = crash_states(before, log, torn=0, power=0)
    state = next(one for one in states if one.how == "prefix" and one.done == journal + 2)
    project = aerchive.open(io.BytesIO(state.content))
    assert [one.job_id for one in project.find()] == [job_id(number) for number in range(4)]
    assert project[job_id(3)].counts() == {"00": 4, "11": 7}


def test_a_child_parses_each_part_before_this_process_does(
    server: RangeServer, vets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    real = part_vetting._Child.parse

    def note(self: Any, part: str, *, lists: bool) -> dict[str, Any]:
        parsed.append(part)
        return real(self, part, lists=lists)

    monkeypatch.setattr(part_vetting._Child, "parse", note)
    project = aerchive.open(server.url("project.h5"))
    assert parsed == ["", "catalogue", "catalogue.changes"]
    project[5].counts()
    assert parsed[3:5] == ["runs", "runs/2026-11-22"]
    assert len(parsed) == 6
    assert parsed[5].startswith("runs/2026-11-22/213005_")
    project[5].counts()
    assert len(parsed) == 6
    assert aerchive.vet(server.url("project.h5")).runs == RUNS
    project[7].counts()
    assert parsed[6:] == ["/"]


@pytest.mark.parametrize("what", ["segmentation fault", "memory"])
def test_a_file_that_harms_hdf5_is_refused(server: RangeServer, vets: None, tmp_path: Path, what: str) -> None:
    harm(tmp_path / "project.h5", what)
    project = aerchive.open(server.url("project.h5"))
    for use in (project[5].counts, lambda: aerchive.vet(server.url("project.h5"))):
        with pytest.raises(UnsafeContentError, match="not opened, because it would harm this program"):
            use()


def test_trust_belongs_to_the_content_at_the_address(server: RangeServer, vets: None, tmp_path: Path) -> None:
    url = server.url("project.h5")
    assert not aerchive.open(url).is_trusted
    aerchive.trust(url)
    assert aerchive.open(url).is_trusted
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "aerchive" / "remote", ignore_errors=True)
    gc.collect()
    assert aerchive.open(url).is_trusted
    aerchive.open(tmp_path / "project.h5").save(result_of(100))
    assert not aerchive.open(url).is_trusted


def test_an_error_page_is_not_taken_for_a_project(server: RangeServer, tmp_path: Path) -> None:
    (tmp_path / "page.h5").write_text("<!DOCTYPE html><title>Log in</title>")
    (tmp_path / "empty.h5").write_bytes(b"")
    server.always = without_ranges
    for name in ("page.h5", "empty.h5"):
        with pytest.raises(FormatError, match="so not an aerchive project"):
            aerchive.open(server.url(name))


def test_commands_take_urls(server: RangeServer, capsys: pytest.CaptureFixture[str]) -> None:
    from aerchive.cli import main

    assert main(["ls", server.url("project.h5"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 0
    assert main(["-p", server.url("nothing.h5"), "ls"]) != 0
    assert "there is no file at this address" in capsys.readouterr().err


def test_messages_and_files_have_no_secrets() -> None:
    address = Address("https://user:secret@host/a/b%20c.h5?sig=secret#x")
    assert address.shown == "https://host/a/b%20c.h5?..."
    assert address.without_secrets == "https://host/a/b%20c.h5?sig=secret"
    assert address.secrets == ("user", "secret")
    assert address.file_name == "b_c.h5"
    assert "secret" not in address.key
    assert Address("s3://lab/x.h5").shown == "s3://lab/x.h5"
    assert Address("https://host/").file_name == "host"
    assert Address("s3://x/..").file_name == "project.h5"
