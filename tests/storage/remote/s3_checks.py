"""Projects in a real S3 server; ``python3 tasks.py remote`` runs them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3fs
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive.errors import NotFoundError, ReadError, ReadOnlyError, ReplacedError
from aerchive.storage.remote.opening import fetched_of
from tests.storage.remote.s3_server import S3Server, missing_programs, s3_server

RUNS = 40


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    if missing := missing_programs():
        pytest.fail(f"not installed: {', '.join(missing)} (apt-get install radosgw ceph-mon ceph-osd)")
    with s3_server() as started:
        yield started


@pytest.fixture
def system(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file system of S3, with the settings and folders of a user who has nothing yet."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem()
    found.makedirs("lab", exist_ok=True)
    return found


@pytest.fixture
def local(tmp_path: Path) -> aerchive.Project:
    project = aerchive.open(tmp_path / "project.h5")
    with project.transaction():
        for number in range(RUNS):
            project.save(result_of(number))
    return project


def result_of(number: int) -> Result:
    data: dict[str, Any] = {"counts": {"0x0": number + 1, "0x3": 7}}
    if number == 20:
        data["statevector"] = np.exp(1j * np.random.default_rng(1).uniform(0, 6, 2**18)) / 2**9
    header = {"name": "bell", "memory_slots": 2, "creg_sizes": [["c", 2]]}
    one = ExperimentResult(100, True, ExperimentResultData(**data), header=header, seed_simulator=number)
    date = datetime.datetime(2026, 11, 22, 21, 30, number % 60, tzinfo=datetime.UTC)
    return Result(backend_name="aer", job_id=f"job-{number}", success=True, results=[one], date=date)


def test_what_is_read_is_what_the_file_has(system: Any, local: aerchive.Project, server: S3Server) -> None:
    system.put(str(local.path), "lab/project.h5")
    before = len(server.requests())
    project = aerchive.open("s3://lab/project.h5")
    assert repr(project.jobs(limit=None)).splitlines()[1:] == repr(local.jobs(limit=None)).splitlines()[1:]
    assert project["job-39"].counts() == {"00": 40, "11": 7}
    array = project["job-20"].array()
    assert (array[5:100] == local["job-20"].array()[5:100]).all()
    sent = server.requests()[before:]
    assert sum('"GET /lab/project.h5' in line for line in sent) == fetched_of(project.path).fetched[0] <= 12
    assert sum('"HEAD /lab/project.h5' in line for line in sent) == 1
    assert (array[...] == local["job-20"].array()[...]).all()


def test_a_change_of_the_object_is_noticed(system: Any, local: aerchive.Project) -> None:
    system.put(str(local.path), "lab/changing.h5")
    project = aerchive.open("s3://lab/changing.h5")
    local.save(result_of(100))
    system.put(str(local.path), "lab/changing.h5")
    with pytest.raises(ReplacedError, match="has changed since it was opened; open it again"):
        project["job-20"].array()[...]
    assert len(aerchive.open("s3://lab/changing.h5")) == RUNS + 1


def test_errors_say_what_is_wrong(system: Any, local: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    system.put(str(local.path), "lab/errors.h5")
    with pytest.raises(NotFoundError, match=r"s3://lab/nothing\.h5: there is no file at this address"):
        aerchive.open("s3://lab/nothing.h5")
    with pytest.raises(ReadOnlyError, match="a project behind a URL can only be read"):
        aerchive.open("s3://lab/errors.h5", "r+")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(ReadOnlyError, match="this user may not read the file"):
        aerchive.open("s3://lab/errors.h5")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(ReadError, match="asked 4 times, but it failed"):
        aerchive.open("s3://lab/errors.h5")
