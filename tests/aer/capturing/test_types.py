"""Values of types that people have, as options, metadata and parameters of a run: the same, or named as lost."""

from __future__ import annotations

import concurrent.futures
import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, Operator, Pauli, PauliList, SparsePauliOp, Statevector, random_clifford
from qiskit.result.models import MeasLevel as QiskitLevel

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.errors import UnsupportedTypeError
from aerchive.project.catalogue.conditions import OPERATORS
from aerchive.project.catalogue.value_conditions import condition
from tests.jobs import bell, make_result
from tests.strict import differences

VALUES = {
    "date": datetime.date(2026, 11, 30),
    "datetime": datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC),
    "timedelta": datetime.timedelta(days=1, microseconds=7),
    "uuid": uuid.UUID(int=2**100),
    "decimal": decimal.Decimal("1.50"),
    "fraction": fractions.Fraction(1, 3),
    "path": pathlib.Path("/a/b"),
    "windows": pathlib.PureWindowsPath("C:/a"),
    "pauli": Pauli("-iXYZ"),
    "paulis": PauliList(["X", "-Y"]),
    "sum": SparsePauliOp(["ZZ", "XI"], [0.1, 2j]),
    "clifford": random_clifford(3, seed=1),
    "state": Statevector([1, 0, 0, 0, 0, 0], dims=(2, 3)),
    "matrix": DensityMatrix([[1, 0], [0, 0]]),
    "operator": Operator([[0, 1], [1, 0]]),
    "float32": np.float32(1.5),
    "int8": np.int8(3),
    "bool": np.bool_(True),
    "complex": np.complex128(1j),
    "day": np.datetime64("2026-11-30"),
    "seconds": np.timedelta64(3, "s"),
    "qiskit_level": QiskitLevel.KERNELED,
    "list": [decimal.Decimal(1), {"a": Pauli("X")}],
}


class MeasLevel(enum.IntEnum):
    CLASSIFIED = 2


class Method(enum.StrEnum):
    EXACT = "statevector"


class Colour(enum.Enum):
    RED = "red"


def missing_of(run: aerchive.Run) -> list[str]:
    return run.record.config.missing or []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Run:
    """A run with all values in all places."""
    path = tmp_path_factory.mktemp("types") / "p.h5"
    circuit = bell()
    circuit.metadata = dict(VALUES)
    backend = AerSimulator(project=path)
    backend.options.update_options(**{f"of_backend_{name}": value for name, value in VALUES.items()})
    options: dict[str, Any] = {f"of_run_{name}": value for name, value in VALUES.items()}
    backend.run(circuit, seed_simulator=1, params=VALUES, **options).result()
    return aerchive.open(path).latest()


@pytest.mark.parametrize("name", VALUES)
def test_the_same_in_every_place(run: aerchive.Run, name: str) -> None:
    value, options = VALUES[name], run.record.config.options

    assert differences(value, run.params[name]) == []
    assert differences(value, options[f"of_run_{name}"]) == []
    assert differences(value, options[f"of_backend_{name}"]) == []
    assert differences(value, run.circuits()[0].metadata[name]) == []
    assert differences(value, run.result().results[0].header["metadata"][name]) == []


def test_nothing_is_missing_and_the_run_runs_again(run: aerchive.Run) -> None:
    assert missing_of(run) == []
    assert run.reproduce().verdict == "identical"
    assert run.project.verify().ok


@pytest.mark.parametrize("name", VALUES)
def test_a_comparison_with_any_type_gives_an_answer(run: aerchive.Run, name: str) -> None:
    value = run.params[name]
    asked = SimpleNamespace(values_of=lambda _: [value])
    for other, wanted in VALUES.items():
        answers = {
            operator: condition(f"params.{name}", operator, [wanted] if operator == "in" else wanted).decide(asked)
            for operator in OPERATORS
        }
        if name == other:
            assert (answers["eq"], answers["in"], answers["ne"]) == (True, True, False)
        assert answers["eq"] is not answers["ne"] or not answers["eq"], "equal to no value that it differs from"
    assert [len(run.project.find(**{f"params__{name}": value})), len(run.project.find(params__no=value))] == [1, 0]


@pytest.mark.parametrize(
    ("condition", "number"),
    [
        ("params.date < 2026-12-01", 1),
        ("params.date > 2026-12-01", 0),
        ("params.date in [2026-11-29, 2026-11-30]", 1),
        ("params.date < soon", 0),
        (f"params.uuid == {uuid.UUID(int=2**100)}", 1),
        ("params.path == /a/b", 1),
        ("params.decimal <= 1.5", 1),
        ("params.fraction == '1/3'", 1),
        ("params.datetime >= '2026-11-30 12:00+00:00'", 1),
    ],
)
def test_a_condition_as_text(run: aerchive.Run, condition: str, number: int) -> None:
    assert len(run.project.find(condition)) == number


def test_times_and_numbers_are_compared_by_size(run: aerchive.Run) -> None:
    find = run.project.find

    assert len(find(params__date__lt=datetime.date(2027, 1, 1))) == 1
    assert len(find(params__date__lt=datetime.datetime(2027, 1, 1))) == 0, "Python does not compare the two"
    assert len(find(params__timedelta__gt=datetime.timedelta(hours=1))) == 1
    assert len(find(params__fraction__lt=0.5)) == 1
    assert len(find(params__decimal__gt=decimal.Decimal("sNaN"))) == 0


def test_tables_show_them(run: aerchive.Run) -> None:
    table = run.project.table()

    for name, value in VALUES.items():
        if np.ndim(np.asarray(value, object)) == 0:
            assert table[f"params.{name}"][0] == value


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "p.h5"


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_an_option_that_is_an_int_to_aer(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, on_error: str) -> None:
    monkeypatch.setenv("AERCHIVE_ON_ERROR", on_error)

    AerSimulator(project=path).run(bell(), meas_level=MeasLevel.CLASSIFIED, method=Method.EXACT).result()
    run = aerchive.open(path).latest()

    assert differences(run.record.config.options, {"meas_level": 2, "method": "statevector"}) == []
    assert missing_of(run) == [
        f"option 'meas_level': a {__name__}.MeasLevel comes back as its value",
        f"option 'method': a {__name__}.Method comes back as its value",
    ]
    assert run.record.config.used["method"] == "statevector"
    assert run.reproduce().verdict == "identical"
    assert f"{__name__}.MeasLevel".encode() in path.read_bytes()


def test_an_option_with_an_effect_that_is_another_enum_is_named(path: pathlib.Path) -> None:
    class Threshold(enum.Enum):
        LOW = 1

    with pytest.raises(
        UnsupportedTypeError, match=r"option 'fusion_threshold': a .*Threshold is kept as its value only"
    ):
        aerchive.open(path).save(make_result("a"), options={"fusion_threshold": Threshold.LOW})
    run = aerchive.open(path).latest()
    assert run.record.config.options == {"fusion_threshold": 1}
    assert run.reproduce().verdict == "not_rerunnable"
    project = aerchive.open(path)
    of_another = project.save(make_result("b"), options={"unknown_to_aer": Threshold.LOW})
    assert missing_of(of_another)[0].endswith("Threshold comes back as its value")


@pytest.mark.parametrize("name", ["executor", "max_shot_size"])
@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_an_option_without_effect_costs_nothing(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, on_error: str, name: str
) -> None:
    monkeypatch.setenv("AERCHIVE_ON_ERROR", on_error)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        AerSimulator(project=path).run(bell(), seed_simulator=1, **{name: pool}).result()
        SamplerV2(project=path, options={"backend_options": {"executor": pool}}).run([bell()]).result()
    for run in aerchive.open(path).find(program="run", parent=""):
        assert missing_of(run) == [f"option '{name}': no codec for concurrent.futures.thread.ThreadPoolExecutor"]
        assert run.reproduce().verdict == "identical"


def test_an_enum_as_a_parameter_is_found_by_member_and_by_value(path: pathlib.Path) -> None:
    project = aerchive.open(path)
    params = {"level": MeasLevel.CLASSIFIED, "method": Method.EXACT, "colour": Colour.RED, "all": [Colour.RED]}
    run = project.save(make_result("a"), params=params)

    assert run.params == {"level": 2, "method": "statevector", "colour": "red", "all": ["red"]}
    assert {type(value) for value in run.params.values()} == {int, str, list}
    for name, value in (params | run.params).items():
        assert len(project.find(**{f"params__{name}": value})) == 1, name
    assert len(project.find(params__colour=Colour.RED)) == 1
    assert len(project.find(params__colour__in=[Colour.RED])) == 1
    assert project.verify().ok
    run.annotate(params={"colour": Colour.RED, "more": Colour.RED})
    assert project["a"].params["more"] == "red"
    assert project.verify().ok


def test_an_enum_with_an_address_with_a_password_is_a_secret(path: pathlib.Path) -> None:
    class Host(enum.Enum):
        HERE = "https://me:hunter2@host"

    aerchive.open(path).save(make_result("a"), options={"proxy": Host.HERE, "more": {"proxy": Host.HERE}})

    assert aerchive.open(path).latest().record.config.options == {"proxy": {"missing": "secret"}, "more": {}}
    assert b"hunter2" not in path.read_bytes()


def test_a_path_is_left_out_of_an_anonymous_copy(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    options = {"folder": pathlib.Path("/home/ann/data"), "day": datetime.date(2026, 1, 1)}
    aerchive.open(path).save(make_result("a"), options=options)

    aerchive.open(path).copy(tmp_path / "copy.h5", anonymous=True)

    copied = aerchive.open(tmp_path / "copy.h5").latest()
    assert copied.record.config.options["day"] == options["day"]
    assert b"/home/ann" not in (tmp_path / "copy.h5").read_bytes()


def test_a_value_that_cannot_be_shown_is_stored(path: pathlib.Path) -> None:
    project = aerchive.open(path)
    run = project.save(make_result("a"), params={"x": [10**5000]})
    run.annotate(params={"y": (10**6000,)})

    assert project["a"].params == {"x": [10**5000], "y": (10**6000,)}
    assert [len(project.find(params__x=[10**5000])), len(project.find(params__y__lt=5))] == [1, 0]
    assert project.verify().ok


def test_a_value_of_another_type_is_refused_as_before(path: pathlib.Path) -> None:
    with warnings.catch_warnings(), pytest.raises(UnsupportedTypeError, match=r"no codec for builtins\.object"):
        aerchive.open(path).save(make_result("a"), params={"x": [object()]})
