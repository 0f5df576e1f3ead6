"""IBM's cloud service without a network: the real client and its real classes over answers that are made here.

What is exchanged stands where the network would be: below ``QiskitRuntimeService``, ``RuntimeJobV2``, their REST
adapters and their session. Answers have the form of the REST API of 2026-04-15.
"""

from __future__ import annotations

import datetime
import io
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import qiskit_ibm_runtime
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.api.client import RuntimeClient
from qiskit_ibm_runtime.api.client_parameters import ClientParameters
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans
from qiskit_ibm_runtime.json import RuntimeEncoder
from qiskit_ibm_runtime.results.estimator_pub import EstimatorPubResult
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as NoConnection

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef:11111111-2222-3333-4444-555555555555::"
BACKEND = "ibm_manila"
_CONFIGURATION = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider/backends/manila/conf_manila.json"
START = datetime.datetime(2026, 11, 20, 12, 0, 0, 123456, datetime.UTC)


def stamp(when: datetime.datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Cloud(BaseAdapter):
    """The other end of the line.

    Attributes:
        jobs: What the service knows of each job.
        asked: Method and path of each request, with its query.
        is_down: Whether there is a network.
        without: Paths that are answered with 404.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        self.is_down = False
        self.without: set[str] = set()
        self.on_status: Callable[[str], None] = lambda job_id: None

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        if self.is_down:
            raise NoConnection("the cable is out", request=request)
        url = urllib.parse.urlsplit(str(request.url))
        path = url.path.removeprefix("/api/v1")
        query = urllib.parse.parse_qs(url.query)
        self.asked.append((str(request.method), path, query))
        status, body = self._answer(str(request.method), path, query, request.body)
        response = Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response.encoding = "utf-8"
        response.raw = io.BytesIO((body if isinstance(body, str) else json.dumps(body)).encode())
        return response

    def close(self) -> None:
        pass

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if path in self.without:
            return _missing(path)
        if parts == ["jobs"]:
            return self._submit(json.loads(body)) if method == "POST" else (200, self._list(query))
        if parts[0] == "backends" and parts[2] == "configuration":
            configuration = json.loads(_CONFIGURATION.read_text("utf-8"))
            return 200, {**configuration, "backend_name": parts[1], "backend_version": "1.2.3"}
        if parts[0] != "jobs" or parts[1] not in self.jobs:
            return _missing(parts[1])
        job = self.jobs[parts[1]]
        if parts[2:] == ["results"]:
            return 200, job["results"]
        if parts[2:] == ["metrics"]:
            return 200, job["metrics"]
        self.on_status(parts[1])
        return 200, _public(job, with_params="exclude_params" not in query)

    def _submit(self, payload: dict[str, Any]) -> tuple[int, Any]:
        number = len(self.jobs)
        job_id = f"d4{number:02d}k2hsr5js73fq0a{number:02d}"
        created = START + datetime.timedelta(minutes=number)
        self.jobs[job_id] = {
            "id": job_id,
            "backend": payload["backend"],
            "state": {"status": "Queued"},
            "status": "Queued",
            "params": payload["params"],
            "program": {"id": payload["program_id"]},
            "created": stamp(created),
            "runtime": "primitives:2.4.1",
            "tags": payload.get("tags", []),
            "estimated_running_time_seconds": 3.5,
            "results": "",
            "metrics": {"timestamps": {"created": stamp(created), "running": None, "finished": None}, "usage": {}},
            **({"session_id": payload["session_id"]} if "session_id" in payload else {}),
            **({"private": True} if payload.get("private") else {}),
        }
        return 200, {"id": job_id, "backend": payload["backend"]}

    def end(self, job_id: str, status: str, results: Any = "", **state: Any) -> None:
        """A job is over: ``Completed`` with a result, ``Failed`` with a text, ``Cancelled``."""
        job = self.jobs[job_id]
        created = datetime.datetime.fromisoformat(job["created"])
        job["status"], job["state"] = status, {"status": status, **state}
        job["results"] = results if isinstance(results, str) else json.dumps(results, cls=RuntimeEncoder)
        job["metrics"] = {
            "timestamps": {
                "created": job["created"],
                "running": stamp(created + datetime.timedelta(seconds=5)),
                "finished": stamp(created + datetime.timedelta(seconds=7.25)),
            },
            "usage": {"status": "complete", "qpu_charge_time_seconds": 2},
            "executions": 4096,
            "num_circuits": len(job["params"].get("pubs", [])),
            "num_qubits": [2],
            "qiskit_version": "2.3.0",
            "caller": "qiskit-ibm-runtime~sampler.py",
        }

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        def one(name: str) -> str | None:
            return query.get(name, [None])[0]

        def moment(name: str) -> datetime.datetime | None:
            return None if one(name) is None else datetime.datetime.fromisoformat(str(one(name)))

        after, before = moment("created_after"), moment("created_before")
        found = []
        for job in self.jobs.values():
            created = datetime.datetime.fromisoformat(job["created"])
            is_pending = job["status"] in ("Queued", "Running")
            if (
                one("backend") in (None, job["backend"])
                and one("program") in (None, job["program"]["id"])
                and one("session_id") in (None, job.get("session_id"))
                and one("pending") in (None, "true" if is_pending else "false")
                and set(query.get("tags", ())) <= set(job["tags"])
                and (after is None or created >= after)
                and (before is None or created <= before)
            ):
                found.append(job)
        found.sort(key=lambda job: job["created"], reverse=one("sort") != "ASC")
        limit, offset = int(one("limit") or 200), int(one("offset") or 0)
        page = [_public(job, with_params=False) for job in found[offset : offset + limit]]
        return {"jobs": page, "count": len(found), "limit": limit, "offset": offset}


def _public(job: dict[str, Any], *, with_params: bool) -> dict[str, Any]:
    hidden = {"results", "metrics"} | (set() if with_params and not job.get("private") else {"params"})
    return {name: value for name, value in job.items() if name not in hidden}


def _missing(what: str) -> tuple[int, Any]:
    return 404, {"errors": [{"code": 1291, "message": f"{what} not found.", "more_info": ""}], "trace": "abc"}


def client_of(cloud: Cloud) -> RuntimeClient:
    """The real client of the REST API; only where its bytes go is another place, and nobody asks it for a token."""
    parameters = ClientParameters(
        channel="ibm_quantum_platform",
        token="not-a-token",
        url="https://cloud.invalid",
        instance=CRN,
        url_resolver=lambda *_: "https://cloud.invalid/api/v1",
    )
    client = RuntimeClient(parameters)
    client._session.auth = None
    client._session.mount("https://", cloud)
    return client


def service_of(cloud: Cloud) -> QiskitRuntimeService:
    """A real service; what its constructor would ask the network for is set."""
    service = QiskitRuntimeService.__new__(QiskitRuntimeService)
    client = client_of(cloud)
    service._channel = "ibm_quantum_platform"
    service._active_api_client = client
    service._api_clients = {CRN: client}
    service._backend_configs = {}
    service._backends_info_per_instance = {CRN: []}
    service._backend_instance_groups = []
    return service


def submit(cloud: Cloud, program: str, pubs: Any, **how: Any) -> str:
    """Hands a job over as the package's own primitives do; returns its id."""
    params = {"pubs": pubs, "options": how.pop("options", {}), "version": 2, "support_qiskit": True}
    how = {"image": None, "log_level": None, "session_id": None, "backend_name": BACKEND, **how}
    job_id: str = client_of(cloud).program_run(program_id=program, params=how.pop("params", params), **how)["id"]
    return job_id


def sampled(*samples: list[str]) -> PrimitiveResult[Any]:
    """A sampler's result as the service gives it."""
    pubs = [SamplerPubResult(DataBin(meas=BitArray.from_samples(bits)), {"circuit_metadata": {}}) for bits in samples]
    spans = [
        DoubleSliceSpan(START, START + datetime.timedelta(seconds=1), {i: ((len(bits),), slice(0, 1), slice(0, 2))})
        for i, bits in enumerate(samples)
    ]
    return PrimitiveResult(pubs, {"execution": {"execution_spans": ExecutionSpans(spans)}, "version": 2})


def estimated(evs: Any) -> PrimitiveResult[Any]:
    """An estimator's result as the service gives it."""
    values = np.asarray(evs, float)
    data = DataBin(evs=values, stds=values / 7, ensemble_standard_error=values / 9, shape=values.shape)
    metadata = {"shots": 4096, "target_precision": 0.015625, "circuit_metadata": {}, "num_randomizations": 32}
    whole = {
        "dynamical_decoupling": {"enable": False, "extra_slack_distribution": "middle"},
        "twirling": {"enable_gates": False, "num_randomizations": "auto"},
        "resilience": {"measure_mitigation": True, "zne_mitigation": False},
        "version": 2,
    }
    return PrimitiveResult([EstimatorPubResult(data, metadata)], whole)
