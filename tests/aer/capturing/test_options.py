"""Options that are secrets are not stored: neither their value nor what has it in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives.containers.sampler_pub import SamplerPub

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from tests.jobs import bell, run_stock

MARK = "hunter2-marker"


def missing_of(run: Any) -> str:
    return "\n".join(run.record.config.missing or ())


def test_of_a_run_and_of_the_backend(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    backend = AerSimulator(project=path, seed_simulator=5)
    backend.options.update_options(api_key=MARK)
    client = {"url": "https://host", "headers": {"Authorization": MARK}, "proxies": f"http://me:{MARK}@proxy"}
    job = backend.run(bell(), shots=7, password=MARK, client=client, env={"PATH": MARK})
    job.result()
    run = aerchive.open(path)[job.job_id()]
    config = run.record.config

    assert config.options["shots"] == 7
    assert config.options["client"] == {"url": "https://host", "headers": {}}
    assert all(config.options[name] == {"missing": "secret"} for name in ("password", "api_key", "env"))
    for name in ("password", "api_key", "env", "client.headers.Authorization", "client.proxies"):
        assert f"option {name!r}: not stored, because " in missing_of(run)
    assert MARK.encode() not in path.read_bytes()
    assert run.rerun().get_counts() == run.result().get_counts()
    assert aerchive.open(path).verify().ok


def test_given_when_saving(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    run = aerchive.open(path).save(run_stock(), options={"token": MARK, "a": [{"token": MARK, "b": 1}]})
    assert run.record.config.options == {"token": {"missing": "secret"}, "a": [{"b": 1}]}
    assert "option 'a[0].token'" in missing_of(run)
    assert MARK.encode() not in path.read_bytes()


def test_of_a_primitive(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    options = {"run_options": {"access_token": MARK}}
    job = SamplerV2(project=path, options=options).run([bell()], shots=5)
    job.result()
    project = aerchive.open(path)
    assert "'run.access_token'" in missing_of(project[job.job_id()])
    assert MARK.encode() not in path.read_bytes()
    assert project.jobs(nested=True, limit=None)


def test_of_a_job_of_the_service(tmp_path: Path, cloud: Any) -> None:
    service, measured = cloud.Cloud(), QuantumCircuit(2)
    measured.measure_all()
    options = {"default_shots": 64, "environment": {"log_level": "INFO", "ibm_token": MARK}, "token": MARK}
    path = tmp_path / "p.h5"
    job_id = cloud.submit(service, "sampler", [SamplerPub.coerce((measured,))], options=options)
    service.end(job_id, "Completed", cloud.sampled(["00", "11"]))
    run = aerchive.open(path).save(cloud.service_of(service).job(job_id))
    assert run.record.config.primitive_options["environment"] == {"log_level": "INFO"}
    assert "option 'environment.ibm_token'" in missing_of(run)
    assert "option 'token'" in missing_of(run)
    assert MARK.encode() not in path.read_bytes()


def test_the_environment_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the provenance of another working directory is determined anew
    monkeypatch.setenv("SOME_VARIABLE", MARK)
    monkeypatch.setenv("OMP_PROC_BIND", "close")
    monkeypatch.setenv("OMP_NUM_THREADS", MARK)
    path = tmp_path / "p.h5"
    run = aerchive.open(path).save(run_stock())
    assert run.record.provenance is not None
    assert run.record.provenance.threads["OMP_PROC_BIND"] == "close"
    assert MARK.encode() not in path.read_bytes()
