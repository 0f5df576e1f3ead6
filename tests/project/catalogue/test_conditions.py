from __future__ import annotations

import datetime
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel

import aerchive
from aerchive.errors import InvalidInputError
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import cells_of
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.catalogue.cells import columns_of
from aerchive.project.catalogue.conditions import COLUMNS, OPERATORS, All, Not, any_of
from aerchive.project.catalogue.rows import RunRows
from aerchive.project.catalogue.value_conditions import condition_named
from aerchive.project.run import Run
from aerchive.times import from_microseconds, to_microseconds
from tests.jobs import make_result, run_stock

DAY = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    """Five runs that differ in every column."""
    project = aerchive.open(tmp_path_factory.mktemp("study") / "study.h5")
    with project.transaction():
        for number, method in enumerate(("statevector", "density_matrix", "stabilizer", "statevector")):
            circuits = []
            for _ in range(number + 1):
                circuit = QuantumCircuit(number + 1, 2 * number + 1)
                circuit.h(0)
                circuit.measure(0, 0)
                circuits.append(circuit)
            noise = {"noise_model": NoiseModel(basis_gates=["h"])} if number == 1 else {}
            precision = {"precision": "single"} if number == 3 else {}
            project.save(
                run_stock(
                    circuits, shots=10 * (number + 1), seed_simulator=100 + number, method=method, **noise, **precision
                ),
                name=f"n{number}" if number else None,
                tags=[f"t{number}", "all", "even" if number % 2 == 0 else "odd"],
                params={"distance": number / 2, "kind": "ab"[number % 2], "only": 1}
                if number != 2
                else {"distance": 1.0, "kind": "a"},
            )
        project.save(run_stock(shots="many"), name="broken", tags=["bad"])
    return project


def found(project: aerchive.Project, expression: str | None = None, **conditions: Any) -> list[str]:
    return [run.name or "n0" for run in project.find(expression, **conditions)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["n0", "n1", "n2", "n3", "broken"]),
        ({"method": "statevector"}, ["n0", "n3"]),
        ({"method__ne": "statevector", "outcome": "ok"}, ["n1", "n2"]),
        ({"method__in": ["stabilizer", "density_matrix"]}, ["n1", "n2"]),
        ({"method__startswith": "sta"}, ["n0", "n2", "n3"]),
        ({"method__contains": "bil"}, ["n2"]),
        ({"outcome": "error"}, ["broken"]),
        ({"outcome__in": ("ok", "error"), "shots__ge": 30}, ["n2", "n3"]),
        ({"shots": 20}, ["n1"]),
        ({"shots__lt": 30}, ["n0", "n1"]),
        ({"shots__le": 30}, ["n0", "n1", "n2"]),
        ({"shots__gt": 30}, ["n3"]),
        ({"shots__in": {10, 40}}, ["n0", "n3"]),
        ({"shots__ne": 10, "outcome": "ok"}, ["n1", "n2", "n3"]),
        ({"seed": 102}, ["n2"]),
        ({"seed__ge": 102}, ["n2", "n3"]),
        ({"num_qubits__ge": 2, "num_qubits__lt": 4, "outcome": "ok"}, ["n1", "n2"]),
        ({"num_clbits": 7}, ["n3"]),
        ({"num_circuits__gt": 2}, ["n2", "n3"]),
        ({"noisy": True}, ["n1"]),
        ({"noisy": 0, "shots__le": 30}, ["n0", "n2"]),
        ({"precision": "single"}, ["n3"]),
        ({"name": "n1"}, ["n1"]),
        ({"name": ""}, ["n0"]),
        ({"name__contains": "n"}, ["n1", "n2", "n3", "broken"]),
        ({"backend__contains": "aer", "name__in": ["n1"]}, ["n1"]),
        ({"program": "run", "name": "broken"}, ["broken"]),
        ({"tags": "even"}, ["n0", "n2"]),
        ({"tags": ["all", "odd"]}, ["n1", "n3"]),
        ({"tags": ("t1", "t2")}, []),
        ({"tags__in": ["t1", "t2", "bad"]}, ["n1", "n2", "broken"]),
        ({"tags__ne": "all"}, ["broken"]),
        ({"params__distance": 1}, ["n2"]),
        ({"params__distance__lt": 1}, ["n0", "n1"]),
        ({"params__distance__ge": 1, "params__kind": "b"}, ["n3"]),
        ({"params__kind__in": "a"}, ["n0", "n2"]),
        ({"params__kind__in": "ab"}, []),  # one text, and not its letters
        ({"method__in": "stabilizer"}, ["n2"]),
        ({"name__in": "n1 n2"}, []),
        ({"params__only": 1}, ["n0", "n1", "n3"]),
        ({"params__nothing": 1}, []),
        ({"seconds__ge": 0, "shots__le": 20}, ["n0", "n1"]),
        ({"nbytes__gt": 10**9}, []),
        ({"message__contains": "many", "outcome": "error"}, []),
        ({"message__ne": ""}, ["broken"]),
    ],
    ids=str,
)
def test_find(study: aerchive.Project, conditions: dict[str, Any], expected: list[str]) -> None:
    assert found(study, **conditions) == expected


@pytest.mark.parametrize("column", [*COLUMNS, "tags", "created"])
def test_every_column_can_be_named(study: aerchive.Project, column: str) -> None:
    value: Any = "2026-01-01" if column == "created" else 5 if column in NUMBERS else "x"

    assert isinstance(study.find(**{column: value}), list)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"colour": 1}, "no column 'colour'; there are .*num_qubits"),
        ({"path": "x"}, "no column 'path'"),
        ({"shots__near": 1}, "no operator 'near'; there are eq, ne"),
        ({"params": {"x": 1}}, "name the parameter"),
        ({"params__lt": 1}, "name the parameter"),
        ({"tags__startswith": "t"}, "tags"),
        ({"shots__lt": "many"}, "cannot compare"),
        ({"method__lt": 5}, "cannot compare"),
        ({"created__ge": "the other day"}, "is not a time"),
        ({"created__ge": 5}, "is not a time"),
        ({"shots__in": 5}, "cannot compare"),
        ({"shots": "10"}, "cannot compare shots with '10': it is a number"),
        ({"shots__in": [10, "20"]}, "cannot compare shots with '20': it is a number"),
        ({"seed": None}, "cannot compare seed with None: it is a number"),
        ({"name": 5}, "cannot compare name with 5: it is text"),
        ({"name": None}, "cannot compare name with None: it is text"),
        ({"outcome__in": ["ok", 1]}, "cannot compare outcome with 1: it is text"),
        ({"tags": ["all", 1]}, "cannot compare tags with 1: it is text"),
        ({"tags": 5}, "cannot compare tags with 5: it is text"),
    ],
    ids=str,
)
def test_condition_that_cannot_be(study: aerchive.Project, conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        study.find(**conditions)


def test_text_that_the_catalogue_cuts(project: aerchive.Project) -> None:
    tags = [f"tag-{number}" for number in range(30)]
    params = {f"parameter{number}": number for number in range(30)}
    project.save(make_result("a" * 60 + "1"), name="n" * 50 + "1", tags=tags, params=params, notes="x")
    project.save(make_result("a" * 60 + "2"), name="n" * 50 + "2", tags=tags[:-1], params=params | {"parameter29": 5})
    assert all(row["overflow"] for row in project.catalogue())

    def ids(**conditions: Any) -> list[str]:
        return [run.job_id[-1] for run in project.find(**conditions)]

    assert ids(name="n" * 50 + "1") == ["1"]
    assert ids(name__startswith="n" * 40) == ["1", "2"]
    assert ids(name__contains="n2") == ["2"]
    assert ids(name="n" * 32) == []
    assert ids(tags="tag-29") == ["1"]
    assert ids(tags=tags[:-1]) == ["1", "2"]
    assert ids(tags__in=["tag-29", "no"]) == ["1"]
    assert ids(tags__ne="tag-29") == ["2"]
    assert ids(params__parameter29=29) == ["1"]
    assert ids(params__parameter29__lt=29) == ["2"]
    assert ids(params__parameter0=0, job_id="a" * 60 + "2") == ["2"]
    assert ids(params__none=0) == []


def test_message_that_the_catalogue_cuts(project: aerchive.Project) -> None:
    result = make_result()
    result.success = False
    result.results[0].success = False
    result.status = "ERROR: " + "x" * 100 + " needle"
    project.save(result)

    assert len(project.find(message__contains="needle")) == 1
    assert project.find(message__contains="hay") == []


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        (1, 2),
        {"a": 1},
        1 + 2j,
        np.float32(0.1),
        np.int64(7),
        None,
        True,
        -0.0,
        float("inf"),
        2**80,
        "ψ",
        "\0",
        b"x",
    ],
    ids=repr,
)
def test_parameter_of_any_type(project: aerchive.Project, value: Any) -> None:
    project.save(make_result("a"), params={"x": value})
    project.save(make_result("b"), params={"x": "other", "more": "y" * 100})

    if value is not None:
        assert [run.job_id for run in project.find(params__x=value)] == ["a"]
    assert [run.job_id for run in project.find(params__x="other")] == ["b"]
    assert [run.job_id for run in project.find(params__x__in=[value])] in (["a"], [] if value is None else ["a"])


@pytest.mark.parametrize("kind", [np.array, list, tuple])
def test_parameter_that_is_a_vector(project: aerchive.Project, kind: Any) -> None:
    project.save(make_result("a"), name="a", params={"x": kind([0.1, 0.2])})
    project.save(make_result("b"), name="b", params={"x": kind([0.1, 0.3])})
    project.save(make_result("c"), name="c", params={"x": kind([[0.1, 0.2]])})
    project.save(make_result("d"), name="d", params={"x": 0.1})

    for wanted in (np.array([0.1, 0.2]), [0.1, 0.2], (0.1, 0.2)):
        assert found(project, params__x=wanted) == ["a"]
        assert project.count(params__x=wanted) == 1
        assert found(project, params__x__ne=wanted) == ["b", "c", "d"]
        assert found(project, params__x__in=[wanted, kind([0.1, 0.3])]) == ["a", "b"]
    assert found(project, "params.x == [0.1, 0.2]") == ["a"]
    assert found(project, "params.x != (0.1, 0.3) and params.x != 0.1") == ["a", "c"]
    assert found(project, params__x=np.array([0.1])) == []
    assert found(project, params__x=np.array(0.1)) == ["d"]
    assert found(project, params__x=np.array([[0.1, 0.2]])) == ["c"]
    assert "no run of 4 meets params.x == [5.0, 0.1]" in repr(project.find(params__x=np.array([5, 0.1])))
    assert "no run of 4 meets params.x == 5.0" in repr(project.find(params__x=np.array(5.0)))
    assert "no run of 4 meets params.x in 5.0, 6.0" in repr(project.find(params__x__in=np.array([5.0, 6.0])))


def test_parameter_whose_name_has_underscores(project: aerchive.Project) -> None:
    project.save(make_result("a"), params={"a__b": 1, "lt": 2, "x__lt": 3})

    assert len(project.find(params__a__b=1)) == 1
    assert len(project.find(params__a__b__lt=1)) == 0
    assert len(project.find(params__lt__eq=2)) == 1


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**63 - 1, -1])
def test_seed_of_any_size(project: aerchive.Project, seed: int) -> None:
    project.save(run_stock(seed_simulator=seed))
    used = project.latest().record.config.used["seed_simulator"]

    assert len(project.find(seed=used)) == 1
    assert project.find(seed=used - 1) == []


def test_created(project: aerchive.Project) -> None:
    for hour in range(4):
        project.save(make_result(f"h{hour}", DAY + datetime.timedelta(hours=hour)))

    def ids(**conditions: Any) -> list[str]:
        return [run.job_id for run in project.find(**conditions)]

    second = DAY + datetime.timedelta(hours=1)
    zone = datetime.timezone(datetime.timedelta(hours=-7))
    assert ids(created__ge=second) == ["h1", "h2", "h3"]
    assert ids(created__gt=second) == ["h2", "h3"]
    assert ids(created__le=second.astimezone(zone)) == ["h0", "h1"]
    assert ids(created=second) == ["h1"]
    assert ids(created__lt=second.isoformat()) == ["h0"]
    assert ids(created__ge=second.astimezone().replace(tzinfo=None)) == ["h1", "h2", "h3"]


TEXTS = st.sampled_from(["", "a", "aé", "b\\\\", "x" * 31, "x" * 40, "x" * 41, "\\0"])
LABELS = st.builds(
    RunLabels,
    name=st.none() | TEXTS,
    tags=st.none() | st.lists(TEXTS.filter(bool), max_size=3, unique=True),
    params=st.dictionaries(
        st.sampled_from(["x", "y"]),
        st.none() | st.integers(-2, 2) | st.sampled_from([0.5, float("nan"), "a", "b" * 80, (1,), True]),
        max_size=2,
    ),
)
CONFIGS = st.builds(
    RunConfig,
    backend_name=st.none() | TEXTS,
    num_qubits=st.none() | st.integers(0, 3),
    used=st.fixed_dictionaries({"seed_simulator": st.none() | st.sampled_from([0, 5, 2**63, 2**64 - 1])}),
)
RECORDS = st.builds(
    RunRecord,
    job_id=TEXTS.filter(bool),
    run_uuid=st.just("u"),
    created=st.integers(0, 3).map(lambda hour: from_microseconds(hour * 3_600_000_000)),
    config=CONFIGS,
    status=st.builds(RunStatus, outcome=st.just("ok"), seconds=st.none() | st.sampled_from([0.0, 1.5])),
    labels=LABELS,
)
VALUES = TEXTS | st.integers(-1, 3) | st.sampled_from([0.5, 2**63, 2**64 - 1, 1.5, True, None])
CONDITIONS = st.tuples(
    st.sampled_from(["job_id", "name", "backend", "num_qubits", "seed", "seconds", "tags", "params__x", "created"]),
    st.sampled_from(OPERATORS),
    VALUES | st.lists(VALUES, max_size=3) | st.sampled_from(["1970-01-01T01:00Z", "1970-01-01T02:00Z"]),
)


def condition(given: tuple[str, str, Any]) -> Any:
    column, comparison, wanted = given
    try:
        return condition_named(f"{column}__{comparison}", wanted)
    except InvalidInputError:
        reject()


CLAUSES = st.recursive(
    CONDITIONS.map(condition),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=1, max_size=3).map(All)
        | st.lists(inner, min_size=1, max_size=3).map(any_of)
    ),
    max_leaves=4,
)


def met_by(clause: Any, record: RunRecord) -> bool:
    """What a clause says of a record, word by word."""
    if isinstance(clause, Not):
        return not met_by(clause._part, record)
    if isinstance(clause, All):
        return all(met_by(part, record) for part in clause._parts)
    wanted, comparison = clause._wanted, clause._comparison
    config, labels = record.config, record.labels
    if clause.column == "created":
        time = to_microseconds(record.created)
        starts, stops = zip(*wanted, strict=True) if wanted else ((), ())
        tests = {
            "eq": lambda: starts[0] <= time < stops[0],
            "ne": lambda: not starts[0] <= time < stops[0],
            "lt": lambda: time < starts[0],
            "le": lambda: time < stops[0],
            "gt": lambda: time >= stops[0],
            "ge": lambda: time >= starts[0],
            "in": lambda: any(start <= time < stop for start, stop in wanted),
        }
        return tests[comparison]()
    if clause.column == "tags":
        tags = set(labels.tags or [])
        return bool(tags & wanted) if comparison == "in" else (wanted <= tags) is (comparison != "ne")
    value = {
        "job_id": record.job_id,
        "name": labels.name or "",
        "backend": config.backend_name or "",
        "num_qubits": config.num_qubits,
        "seed": config.used["seed_simulator"],
        "seconds": record.status.seconds,
        "params": labels.params.get("x", KeyError),
    }[clause.column]
    if value is KeyError or (value is None and clause.column != "params"):
        return False
    try:
        return bool(clause._compare(value, wanted))
    except TypeError:
        assert clause.column == "params"
        return False


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.lists(RECORDS, min_size=1, max_size=8), CLAUSES)
def test_all_rows_at_once_are_decided_as_one_by_one(records: list[RunRecord], clause: Any) -> None:
    cells = columns_of([cells_of(record) for record in records], lambda _name: True)
    rows = RunRows(np.concatenate([catalogue.make_row(record, "x", 0) for record in records]), cells)
    wanted = np.array([met_by(clause, record) for record in records])

    found = clause.bounds(rows, np.arange(len(rows)))

    assert not (found.sure & ~wanted).any()
    assert not (wanted & ~found.possible).any()
    whole = rows["overflow"] == 0
    assert (found.sure == found.possible)[whole].all()
    runs = [Run(Mock(), "x", job_id=record.job_id, record=record) for record in records]
    assert [clause.decide(run) for run in runs] == wanted.tolist()
    some = np.arange(len(rows))[::2]
    assert (clause.bounds(rows, some).sure == found.sure[some]).all()


def test_nothing_is_opened_to_find_runs(project: aerchive.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from aerchive.project.run import Run

    for number in range(5):
        project.save(make_result(f"job{number}"), tags="a", params={"x": number})
    monkeypatch.setattr(Run, "record", property(lambda self: pytest.fail("a run was opened")))

    assert [run.job_id for run in project.find(tags="a", params__x__ge=3, outcome="ok", num_qubits__ne=5)] == []
    assert [run.job_id for run in project.find(tags="a", params__x__ge=3, outcome="ok")] == ["job3", "job4"]
