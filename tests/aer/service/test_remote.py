"""The jobs of a backend: those of its project, those of IBM's cloud, both in one list."""

from __future__ import annotations

import copy
import datetime
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
import qiskit_ibm_runtime
from qiskit.primitives import BackendSamplerV2
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData
from qiskit_ibm_runtime import QiskitRuntimeService, RuntimeJobV2
from qiskit_ibm_runtime.accounts import management

import aerchive
from aerchive.aer import AerSimulator, ArchivedJob, ArchivedPrimitiveJob, archiving
from aerchive.aer.service import remote
from aerchive.display.text import format_time
from aerchive.errors import InvalidInputError, NotFoundError, ServiceError
from tests import processes
from tests.aer.cloud import BACKEND, CRN, START, Cloud, sampled, service_of, submit
from tests.aer.conftest import bell

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has an account here, whoever runs the tests; no test remembers what another was warned of."""
    monkeypatch.setattr(management, "_DEFAULT_ACCOUNT_CONFIG_JSON_FILE", str(tmp_path / "accounts.json"))
    for name in ("TOKEN", "URL", "INSTANCE", "CHANNEL"):
        monkeypatch.delenv(f"QISKIT_IBM_{name}", raising=False)
    monkeypatch.setattr(remote, "_warned", set())
    remote._own_service.cache_clear()


@pytest.fixture(scope="module")
def jobs() -> dict[str, dict[str, Any]]:
    """Six jobs, a minute apart; every second one of an estimator, the last one still queued."""
    cloud = Cloud()
    for number in range(6):
        job_id = submit(
            cloud,
            "estimator" if number % 2 else "sampler",
            [],
            job_tags=["odd", "b"] if number % 2 else ["even"],
            session_id="s1" if number < 3 else "s2",
            backend_name=BACKEND if number else "ibm_old",
        )
        if number < 5:
            cloud.end(job_id, "Completed", sampled(["00"]))
    return cloud.jobs


@pytest.fixture
def cloud(jobs: dict[str, dict[str, Any]]) -> Cloud:
    cloud = Cloud()
    cloud.jobs = copy.deepcopy(jobs)
    return cloud


@pytest.fixture
def service(cloud: Cloud) -> QiskitRuntimeService:
    return service_of(cloud)


@pytest.fixture
def account(service: QiskitRuntimeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an account now, and this is its service."""
    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", lambda: service)


def archived(project: aerchive.Project, minutes: list[float]) -> list[str]:
    """Local jobs, submitted so many minutes after the first remote one."""
    ids = []
    for number, after in enumerate(minutes):
        experiment = ExperimentResult(10, True, ExperimentResultData(counts={"0x1": 10}))
        result = Result(
            backend_name="hand",
            job_id=f"local-{number}",
            success=True,
            results=[experiment],
            date=(START + after * MINUTE).isoformat(),
        )
        ids.append(project.save(result, tags=["even"]).job_id)
    return ids


def ids(jobs: Any) -> list[str]:
    return [job.job_id() for job in jobs]


# -- signatures


def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    return {
        name: (one.default, one.kind)
        for name, one in inspect.signature(function).parameters.items()
        if name not in ("self", "service", "nested")
    }


def test_parameters_and_defaults_are_those_of_the_service() -> None:
    real = parameters(QiskitRuntimeService.jobs)
    assert parameters(AerSimulator.jobs) == real
    assert parameters(AerSimulator.remote_jobs) == real
    del real["include_mocks"]
    assert parameters(AerSimulator.local_jobs) == real
    defaults = {name: default for name, (default, _) in real.items()}
    assert {name: default for name, (default, _) in parameters(aerchive.Project.jobs).items()} == defaults


# -- local


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of Aer's older backends
def test_local_jobs_are_those_of_the_whole_project(simulator: AerSimulator, project: aerchive.Project) -> None:
    local = archived(project, [0, 1])
    job = simulator.run(bell())
    job.result()
    archiving(qiskit_aer.StatevectorSimulator(), project).run(bell(save=False), name="other").result()
    found = simulator.local_jobs()
    assert ids(found)[1:] == [job.job_id(), *local[::-1]]
    assert all(isinstance(one, ArchivedJob) for one in found)
    assert ids(simulator.local_jobs(1, 1)) == [job.job_id()]
    assert ids(simulator.local_jobs(limit=None, backend_name="hand", descending=False)) == local
    assert ids(archiving(qiskit_aer.UnitarySimulator(), project).local_jobs(job_tags=["even"])) == local[::-1]


def test_local_jobs_of_a_project_that_is_not_there_yet(simulator: AerSimulator, path: Path) -> None:
    assert simulator.local_jobs() == []
    assert not path.exists()


def test_jobs_beneath_a_primitive(simulator: AerSimulator) -> None:
    job = BackendSamplerV2(backend=simulator).run([bell(save=False)])
    job.result()
    assert ids(simulator.local_jobs()) == [job.job_id()]
    assert len(simulator.local_jobs(nested=True)) == 2


# -- remote


def test_remote_jobs_are_those_of_the_service(simulator: AerSimulator, service: Any, cloud: Cloud) -> None:
    found = simulator.remote_jobs(service=service)
    assert ids(found) == list(cloud.jobs)[::-1]
    assert all(isinstance(job, RuntimeJobV2) for job in found)
    assert ids(found) == ids(service.jobs())


FILTERS: list[dict[str, Any]] = [
    {"limit": 2},
    {"limit": 2, "skip": 3},
    {"limit": None, "skip": 1},
    {"skip": 5},
    {"skip": 6},
    {"backend_name": "ibm_old"},
    {"pending": True},
    {"pending": False},
    {"program_id": "estimator"},
    {"program_id": "nothing"},
    {"instance": CRN},
    {"job_tags": ["odd"]},
    {"job_tags": ["odd", "b"]},
    {"job_tags": []},
    {"job_tags": ["odd", "even"]},
    {"session_id": "s1"},
    {"created_after": START + 2 * MINUTE},
    {"created_before": START + 2 * MINUTE},
    {"created_after": START + MINUTE, "created_before": START + 2 * MINUTE},
    {"descending": False},
    {"descending": False, "limit": 2, "skip": 1, "job_tags": ["odd"]},
    {"include_mocks": True},
]


@pytest.mark.parametrize("given", FILTERS, ids=str)
def test_each_parameter_reaches_the_service(
    simulator: AerSimulator, service: Any, cloud: Cloud, given: dict[str, Any]
) -> None:
    def asked() -> list[Any]:
        return [query for method, path, query in cloud.asked if (method, path) == ("GET", "/jobs")]

    expected = ids(service.jobs(**given))
    theirs = asked()
    cloud.asked.clear()
    assert ids(simulator.remote_jobs(**given, service=service)) == expected
    if not given.get("skip"):
        assert asked() == theirs


def test_more_is_skipped_than_there_is(simulator: AerSimulator, service: Any) -> None:
    assert simulator.remote_jobs(skip=7, service=service) == []  # the service itself does not come back from this
    assert simulator.remote_jobs(limit=None, skip=7, service=service) == []


def test_no_jobs_at_all_are_no_jobs(simulator: AerSimulator, service: Any, cloud: Cloud) -> None:
    assert simulator.remote_jobs(limit=0, service=service) == []  # the service itself takes 0 for no limit
    assert simulator.jobs(limit=0, service=service) == []


@pytest.mark.parametrize(
    "after",
    [
        (START + 3 * MINUTE).astimezone(datetime.timezone(datetime.timedelta(hours=5))),
        (START + 3 * MINUTE).isoformat(),
        (START + 3 * MINUTE).astimezone().replace(tzinfo=None),
    ],
    ids=["another zone", "text", "local time"],
)
def test_a_time_means_what_it_says(simulator: AerSimulator, service: Any, after: Any) -> None:
    assert len(simulator.remote_jobs(created_after=after, service=service)) == 3
    assert len(simulator.jobs(created_after=after, service=service)) == 3


@pytest.mark.parametrize("method", ["local_jobs", "remote_jobs", "jobs"])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"job_tags": 5}, r"job_tags must be a text or a list of texts, such as .*; found 5 \(int\)"),
        ({"job_tags": [1]}, "job_tags must be a text or a list of texts"),
        ({"limit": "3"}, "limit must be a whole number, such as 1, or None; found '3'"),
        ({"limit": -1}, "must not be negative"),
        ({"skip": -1}, "must not be negative"),
        ({"created_after": "soon"}, "created_after must be a time: .*; found 'soon'"),
        ({"created_before": 5}, r"created_before must be a time: .*; found 5 \(int\)"),
    ],
)
def test_what_cannot_be_asked(
    simulator: AerSimulator, service: Any, method: str, given: dict[str, Any], text: str
) -> None:
    if method != "local_jobs":
        given = {**given, "service": service}
    with pytest.raises(InvalidInputError, match=text):
        getattr(simulator, method)(**given)


def test_what_the_service_refuses(simulator: AerSimulator, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise qiskit_ibm_runtime.exceptions.IBMInputValueError("no such instance")

    monkeypatch.setattr(service, "jobs", refuse)
    with pytest.raises(InvalidInputError, match="no such instance"):
        simulator.remote_jobs(service=service)


@pytest.mark.parametrize("method", ["remote_jobs", "jobs", "retrieve_job"])
def test_what_is_no_service(simulator: AerSimulator, method: str) -> None:
    arguments = ["abc"] if method == "retrieve_job" else []
    with pytest.raises(InvalidInputError, match=r"a QiskitRuntimeService is expected, found builtins\.str"):
        getattr(simulator, method)(*arguments, service="ibm")
    with pytest.raises(InvalidInputError, match="local testing mode keeps no jobs"):
        getattr(simulator, method)(*arguments, service=QiskitRuntimeService(channel="local"))


# -- both


AFTER = [-5, 0.5, 2.5, 100]


def test_both_in_one_list_newest_first(
    simulator: AerSimulator, project: aerchive.Project, service: Any, cloud: Cloud
) -> None:
    local = archived(project, AFTER)
    every = sorted([*zip(range(6), cloud.jobs, strict=True), *zip(AFTER, local, strict=True)])
    newest = [name for _, name in every][::-1]
    assert ids(simulator.jobs(service=service)) == newest
    for limit in (0, 1, 3, 7, None):
        for skip in (0, 1, 4, 9, 12):
            end = None if limit is None else skip + limit
            assert ids(simulator.jobs(limit, skip, service=service)) == newest[skip:end]
            assert ids(simulator.jobs(limit, skip, descending=False, service=service)) == newest[::-1][skip:end]
    kinds = {name: type(job) for name, job in zip(newest, simulator.jobs(service=service), strict=True)}
    assert {kinds[name] for name in local} == {ArchivedJob}
    assert {kinds[name] for name in cloud.jobs} == {RuntimeJobV2}


@pytest.mark.parametrize("given", [given for given in FILTERS if not {"limit", "skip"} & given.keys()], ids=str)
def test_each_parameter_is_for_both(
    simulator: AerSimulator, project: aerchive.Project, service: Any, given: dict[str, Any]
) -> None:
    archived(project, AFTER)
    local = {name: value for name, value in given.items() if name != "include_mocks"}
    expected = {*ids(project.jobs(limit=None, **local)), *ids(service.jobs(limit=None, **given))}
    found = simulator.jobs(limit=None, service=service, **given)
    assert {*ids(found)} == expected
    assert len(found) == len(expected)


def test_one_that_is_archived_is_listed_once(
    simulator: AerSimulator, project: aerchive.Project, service: Any, cloud: Cloud
) -> None:
    names = list(cloud.jobs)
    project.save(service.job(names[2]))
    found = simulator.jobs(service=service)
    assert ids(found) == names[::-1]
    assert type(found[3]) is ArchivedPrimitiveJob
    assert ids(simulator.jobs(2, 3, service=service)) == [names[2], names[1]]
    assert type(simulator.retrieve_job(names[2], service=service)) is ArchivedPrimitiveJob


# -- without an account, without the package, without a network


def test_without_an_account_the_local_ones_and_one_warning(simulator: AerSimulator, project: aerchive.Project) -> None:
    local = archived(project, [0, 1])
    with pytest.warns(UserWarning, match=r"remote jobs are not listed: no account of IBM Quantum is saved") as caught:
        assert ids(simulator.jobs()) == local[::-1]
    assert caught[0].filename == __file__
    assert ids(AerSimulator(project=project).jobs(limit=1)) == local[1:]  # a warning would be an error
    with pytest.raises(ServiceError, match=r"save_account\(token=\.\.\., instance=\.\.\.\) saves one") as raised:
        simulator.remote_jobs()
    assert isinstance(raised.value, ConnectionError)


def test_the_package_is_imported_only_for_remote_jobs_and_may_be_missing(path: Path, project: aerchive.Project) -> None:
    archived(project, [0])
    told = processes.run(
        """
        import sys, warnings
        import aerchive
        from aerchive.aer import AerSimulator

        simulator = AerSimulator(project=sys.argv[1])
        assert len(simulator.local_jobs()) == 1
        assert simulator.retrieve_job("local-0").result().get_counts() == {"1": 10}
        assert "qiskit_ibm_runtime" not in sys.modules
        sys.modules["qiskit_ibm_runtime"] = None  # as if it were not installed
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(len(simulator.jobs()), len(simulator.jobs()), len(caught), caught[0].message)
        for ask in (simulator.remote_jobs, lambda: simulator.retrieve_job("remote")):
            try:
                ask()
            except aerchive.ServiceError as error:
                print("service:", error)
            except aerchive.NotFoundError as error:
                print("not found:", error)
        print(simulator.retrieve_job("local").job_id())
        """,
        path,
    ).splitlines()
    hint = (
        "qiskit-ibm-runtime is missing (import of qiskit_ibm_runtime halted; None in sys.modules): "
        "pip install 'aerchive[runtime]'"
    )
    nothing = f"{path}: no run with id 'remote'; the project has 1 run"
    assert told == [
        f"1 1 1 remote jobs are not listed: {hint}",
        f"service: {hint}",
        f"not found: {nothing}; remote jobs were not looked at: {hint}",
        "local-0",
    ]


def test_the_service_of_the_account_is_made_once(
    simulator: AerSimulator, cloud: Cloud, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", lambda: made.append(1) or service)
    assert ids(simulator.remote_jobs()) == list(cloud.jobs)[::-1]
    assert ids(AerSimulator().jobs()) == list(cloud.jobs)[::-1]
    assert made == [1]


@pytest.mark.usefixtures("account")
def test_without_a_network(simulator: AerSimulator, project: aerchive.Project, cloud: Cloud, service: Any) -> None:
    local = archived(project, [0])
    cloud.is_down = True
    with pytest.raises(ServiceError, match=r"the service did not answer \(RequestsApiError: the cable is out"):
        simulator.remote_jobs()
    with pytest.raises(ServiceError, match="the cable is out"):
        simulator.jobs(service=service)
    with pytest.warns(UserWarning, match=r"remote jobs are not listed: the service did not answer .*cable"):
        assert ids(simulator.jobs()) == local
    assert ids(simulator.jobs()) == local
    with pytest.raises(ServiceError, match=r"no run with id 'remote'; .*; and the service did not answer"):
        simulator.retrieve_job("remote")
    assert simulator.retrieve_job("local").job_id() == "local-0"


def test_an_account_that_cannot_be_used(simulator: AerSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise qiskit_ibm_runtime.exceptions.IBMNotAuthorizedError("the key was revoked")

    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", refuse)
    with pytest.raises(ServiceError, match=r"IBMNotAuthorizedError: the key was revoked\); look at"):
        simulator.remote_jobs()
    with pytest.warns(UserWarning, match="revoked"):
        assert simulator.jobs() == []


# -- one job


def test_one_job(simulator: AerSimulator, project: aerchive.Project, service: Any, cloud: Cloud) -> None:
    archived(project, [0, 1])
    name = next(iter(cloud.jobs))
    cloud.asked.clear()
    assert type(simulator.retrieve_job("local-1", service=service)) is ArchivedJob
    assert cloud.asked == []  # the project comes first
    assert type(simulator.retrieve_job(name, service=service)) is RuntimeJobV2
    assert simulator.retrieve_job(job_id=name, service=service).job_id() == name
    with pytest.raises(NotFoundError, match=r"'local-2'; near ones: local-.*; the service has no job of"):
        simulator.retrieve_job("local-2", service=service)
    with pytest.raises(NotFoundError, match=r"the id 'local' is ambiguous: local-0, local-1"):
        simulator.retrieve_job("local", service=service)
    with pytest.raises(NotFoundError, match=r"near ones: local-.*; remote jobs were not looked at: no account"):
        simulator.retrieve_job("local-2")


@pytest.mark.parametrize("job_id", ["../backends/ibm_manila/configuration", "a b", "d4?x=1", "d4/results"])
def test_what_cannot_be_an_id_is_not_sent(simulator: AerSimulator, service: Any, cloud: Cloud, job_id: str) -> None:
    cloud.asked.clear()
    with pytest.raises(NotFoundError, match="no run with id"):
        simulator.retrieve_job(job_id, service=service)
    assert cloud.asked == []


@pytest.mark.parametrize("job_id", ["", None, 5])
def test_what_is_no_id(simulator: AerSimulator, service: Any, job_id: Any) -> None:
    with pytest.raises(InvalidInputError, match="job_id must be a job id, which is text and not empty"):
        simulator.retrieve_job(job_id, service=service)


# -- the table


def at(time: str) -> list[str]:
    """A time of that day (UTC) as it is printed, in words."""
    return format_time(f"2026-11-20T{time}Z").split()


def test_a_list_prints_as_a_table(
    simulator: AerSimulator, project: aerchive.Project, service: Any, cloud: Cloud
) -> None:
    archived(project, [4.5])
    names = list(cloud.jobs)
    text = repr(simulator.jobs(limit=3, service=service))
    head, line, *rows = text.splitlines()
    assert head.split() == ["job", "id", "created", "where", "backend", "program", "status", "tags"]
    assert set(line) == {"─", " "}
    assert [row.split() for row in rows] == [
        [names[5], *at("12:05:00"), "service", BACKEND, "estimator", "queued", "odd,", "b"],
        ["local-0", *at("12:04:30"), "project", "hand", "run", "ok", "even"],
        [names[4], *at("12:04:00"), "service", BACKEND, "sampler", "done", "even"],
    ]
    page = simulator.jobs(limit=3, service=service)._repr_html_()
    assert "<header>3 jobs</header>" in page
    assert f"<td>{names[5]}</td>" in page
    assert "<td>queued</td>" in page
    assert repr(simulator.remote_jobs(limit=1, service=service)).splitlines()[2].split()[0] == names[5]
    assert repr(simulator.remote_jobs(program_id="none", service=service)) == "no jobs"


def test_a_table_is_printed_without_a_network(simulator: AerSimulator, service: Any, cloud: Cloud) -> None:
    jobs = simulator.remote_jobs(limit=1, service=service)
    cloud.is_down = True
    row = repr(jobs).splitlines()[2].split()
    assert row == [list(cloud.jobs)[5], *at("12:05:00"), "service", BACKEND, "estimator", "?", "odd,", "b"]


def test_tags_of_strangers_are_safe(simulator: AerSimulator, cloud: Cloud, service: Any) -> None:
    submit(cloud, "sampler", [], job_tags=["<script>", "\x1b[31m"])
    jobs = simulator.remote_jobs(limit=1, service=service)
    assert "&lt;script&gt;" in jobs._repr_html_()
    assert "<script>" not in jobs._repr_html_()
    assert "\x1b" not in repr(jobs)
