"""Every codec keeps the promises of a codec; a codec of another package is found, and costs only its own value."""

from __future__ import annotations

import dataclasses
import datetime
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dateutil import tz
from qiskit import quantum_info
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import BitArray
from qiskit.quantum_info import random_clifford
from qiskit.result import ProbDistribution
from qiskit.result.models import MeasLevel, MeasReturnType
from qiskit_aer.backends import compatibility

import aerchive
from aerchive.codecs import registry
from aerchive.codecs.base import Codec
from aerchive.codecs.registry import codecs
from aerchive.codecs.table import NumbersTable
from aerchive.testing.codecs import check_codec
from tests import processes
from tests.codecs.conftest import make_result
from tests.conftest import NO_RUNTIME
from tests.strict import differences

ODD = np.array([np.nan, -0.0, np.inf, 5e-324, 1 / 3, -1.0, 0.0, 2.0])


def matrix(size: int, order: Any = "F") -> np.ndarray:
    return np.asarray((np.arange(size * size) - 1j / 3).reshape(size, size), order=order)


NOON = datetime.datetime(2026, 11, 22, 12, 0, 0, 5, datetime.UTC)


def spans() -> list[Any]:
    kinds = pytest.importorskip("qiskit_ibm_runtime.execution_span", reason=NO_RUNTIME)
    return [
        kinds.SliceSpan(NOON, NOON, {0: ((2, 100), slice(0, 150)), 3: ((), slice(None, None, 2))}),
        kinds.DoubleSliceSpan(NOON, NOON, {1: ((2, 100), slice(0, 1), slice(10, 20))}),
        kinds.TwirledSliceSpan(NOON, NOON, {0: ((2, 3, 100), True, slice(0, 3), slice(0, 100))}),
        kinds.TwirledSliceSpanV2(NOON, NOON, {0: ((2, 3, 100), False, slice(0, 3), slice(0, 100), 250)}),
        kinds.SliceSpan(NOON, NOON, {}),
    ]


def spans_of_results() -> list[Any]:
    made = spans()
    kind = import_module("qiskit_ibm_runtime.execution_span").ExecutionSpans
    return [kind(made), kind([])]


VALUES: dict[str, list[Any] | Callable[[], list[Any]]] = {
    "array/1": [np.arange(5), ODD, ODD.astype("f4").reshape(2, 4), matrix(3), np.array([True, False]), np.uint8([255])],
    "statevector/1": [
        compatibility.Statevector(ODD.view(complex)),
        quantum_info.Statevector(np.ones(6) / 6 + 0j, dims=(2, 3)),
    ],
    "density_matrix/1": [compatibility.DensityMatrix(matrix(4)), quantum_info.DensityMatrix(matrix(2, "C"))],
    "operator/1": [compatibility.Operator(matrix(4)), quantum_info.Operator(np.ones((6, 4)) + 0j, (4,), (2, 3))],
    "superop/1": [compatibility.SuperOp(matrix(4)), quantum_info.SuperOp(matrix(16))],
    "pauli/1": [quantum_info.Pauli(label) for label in ("X", "-iXYZ", "I" * 70)],
    "pauli_list/1": [quantum_info.PauliList(["-X", "iY"]), quantum_info.PauliList(["IZ"])],
    "sparse_pauli_op/1": [
        quantum_info.SparsePauliOp(["XX", "IZ"], [0.1, complex(-0.0, 1 / 3)]),
        quantum_info.SparsePauliOp("Z"),
    ],
    "clifford/1": [random_clifford(n, seed=n) for n in (1, 3, 8)],
    "stabilizer_state/1": [compatibility.StabilizerState(random_clifford(3, seed=1))],
    "keyed_array/1": [
        {hex(n): float(n) for n in range(9)},
        {hex(n): complex(x, -0.0) for n, x in enumerate(ODD)},
    ],
    "prob_distribution/1": [
        ProbDistribution({0: 0.5, 3: 0.5}, shots=7),
        ProbDistribution({2**70: 1.0}),
        ProbDistribution({}),
    ],
    "bit_array/1": [
        BitArray(np.arange(12, dtype=np.uint8).reshape(2, 3, 2), 11),
        BitArray.from_bool_array([[True, False]]),
        BitArray(np.zeros((0, 1), np.uint8), 3),
    ],
    "numbers/1": [
        [0.5, float("nan"), -0.0],
        (1, 2**53),
        range(5, -3, -2),
        ODD,
        np.arange(3, dtype="u1"),
        [np.float32(0.5), np.float32(1e-45)],
    ],
    "meas_level/1": list(MeasLevel),
    "meas_return/1": list(MeasReturnType),
    "parameter/1": [Parameter("θ"), Parameter("a b")],
    "parameter_vector_element/1": list(ParameterVector("v", 2)),
    "execution_span/1": spans,
    "execution_spans/1": spans_of_results,
    "zoned_time/1": [
        datetime.datetime(2026, 11, 22, 12, 0, 0, 5, tz.UTC),
        datetime.datetime(2026, 7, 22, 12, tzinfo=tz.tzlocal()),
        datetime.datetime(1, 1, 1, tzinfo=tz.tzoffset(None, -19800)),
    ],
}


def encode_numbers(values: Any, encoder: Any) -> Any:
    """The table of numbers encodes the values of parameters itself; where it has no column left, as an array."""
    tree = NumbersTable().add_values("theta", values, 0, len(values), encoder)
    assert tree.pop("$") == "numbers/1"
    return tree


@pytest.mark.parametrize("codec", codecs(), ids=lambda codec: codec.name)
def test_a_codec_keeps_its_promises(codec: Codec) -> None:
    values = VALUES[codec.tag]
    if codec.name == "numbers":
        codec = dataclasses.replace(codec, encode=encode_numbers)
    check_codec(codec, values() if callable(values) else values, lambda one, other: differences(one, other) == [])


def encode_set(value: Any, _encoder: Any) -> dict[str, Any]:
    return {"items": sorted(value)}


def broken(**changes: Any) -> Codec:
    fields = {
        "name": "set",
        "version": 1,
        "types": (set,),
        "encode": encode_set,
        "decode": lambda body, _: set(body["items"]),
    }
    return Codec(**{**fields, **changes})


def test_the_suite_passes_a_good_codec() -> None:
    check_codec(broken(), [set(), {1, 2}], lambda one, other: one == other)


COUNTER = iter(range(100))


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        (broken(decode=lambda body, _: set()), "did not come back the same"),
        (broken(decode=lambda body, _: frozenset(body["items"])), "came back as frozenset"),
        (broken(encode=lambda value, _: {"items": sorted(value), "n": next(COUNTER)}), "another way the second time"),
        (broken(types=(frozenset,)), "is of none of its types"),
        (broken(name="a b"), "a name is an identifier"),
        (broken(encode=lambda value, _: {"$": "x", "items": []}), "must be a dictionary without the key"),
    ],
)
def test_the_suite_finds_a_bad_one(codec: Codec, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check_codec(codec, [{1, 2}], lambda one, other: one == other)


def test_the_suite_finds_a_codec_that_crashes_on_damage() -> None:
    def fragile(body: dict[str, Any], _: Any) -> set[int]:
        if not isinstance(body.get("items"), list):
            raise SystemError("crash")
        return set(body["items"])

    with pytest.raises(SystemError):
        check_codec(broken(decode=fragile), [{1}], lambda one, other: one == other)


class Table:
    """A value of another package."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and other.rows == self.rows

    __hash__ = None  # type: ignore[assignment]


def table_codec(key: str = "rows", version: int = 1, **changes: Any) -> Codec:
    fields: dict[str, Any] = {
        "name": "table",
        "version": version,
        "types": (Table,),
        "encode": lambda value, _: {key: list(value.rows)},
        "decode": lambda body, _: Table(body[key]),
    }
    return Codec(**{**fields, **changes})


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Has codecs as if a package offered them, in this order."""
    caches = (registry.codecs, registry._encoders, registry.codecs_by_tag)

    def offer(*offered: Codec) -> None:
        point = SimpleNamespace(name="table", value="demo:ALL", load=lambda: list(offered))
        monkeypatch.setattr(registry, "entry_points", lambda group: [point])
        for cache in caches:
            cache.cache_clear()

    yield offer
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("key", ["items", "data", "keys", "values", "tableau", "to", "rows"])
def test_a_list_of_a_codec_is_a_list_whatever_it_is_called(install: Callable[..., None], path: Path, key: str) -> None:
    def encode(value: Table, encoder: Any) -> dict[str, Any]:
        return {key: value.rows, "array": encoder.array(np.array(value.rows), "rows"), "deep": {"list": [["x", None]]}}

    def decode(body: dict[str, Any], decoder: Any) -> Table:
        if body["deep"] != {"list": [["x", None]]} or decoder.array(body["array"]).tolist() != body[key]:
            raise ValueError("the parts do not fit together")
        return Table(body[key])

    codec = table_codec(encode=encode, decode=decode)
    check_codec(codec, [Table([1, 2, 3])], Table.__eq__)
    install(codec)

    run = aerchive.open(path).save(make_result({"table": Table([1, 2, 3]), "tables": [Table([4]), (Table([5]),)]}))

    assert run.value("table") == Table([1, 2, 3])
    assert run.value("tables") == [Table([4]), (Table([5]),)]
    assert run.result().data(0)["table"] == Table([1, 2, 3])
    assert run.array("table")[...].tolist() == [1, 2, 3]
    assert [(row.label, row.kind, row.shape) for row in run.saved] == [
        ("table", "table", (3,)),
        ("tables", "list of table", (1,)),
    ]


BAD_BODIES = {
    "a tuple": lambda value, _: {"rows": (1, 2)},
    "NaN": lambda value, _: {"rows": float("nan")},
    "a key that is no text": lambda value, _: {"rows": {5: 1}},
    "an array": lambda value, _: {"rows": np.arange(3)},
    "half a character": lambda value, _: {"rows": "\ud800\udc00"},
    "a huge integer": lambda value, _: {"rows": 10**5000},
    "a reference by hand": lambda value, _: {"rows": [{"$": "reference", "to": ["x", None]}]},
}


@pytest.mark.parametrize("encode", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_would_be_misread_is_refused(install: Callable[..., None], path: Path, encode: Any) -> None:
    codec = table_codec(encode=encode)
    with pytest.raises(AssertionError, match=r"codec table/1: its body must be plain JSON \(.*; put encoder.value"):
        check_codec(codec, [Table([1])], Table.__eq__)
    install(codec)
    project = aerchive.open(path)

    with pytest.raises(aerchive.UnsupportedTypeError, match="codec table/1: its body must be plain JSON"):
        project.save(make_result({"table": Table([1]), "kept": 5}))

    assert project.latest().value("kept") == 5


def test_the_suite_finds_what_other_codecs_make_of_a_part() -> None:
    """Of a dictionary of many numbers ``encoder.value`` makes arrays: only ``decoder.value`` can read it."""
    codec = table_codec(
        encode=lambda value, encoder: {"rows": encoder.value(value.rows)}, decode=lambda body, _: Table(body["rows"])
    )
    rows = {hex(number): number / 3 for number in range(20)}

    with pytest.raises(AssertionError, match="did not come back the same"):
        check_codec(codec, [Table(rows)], Table.__eq__)
    right = table_codec(encode=codec.encode, decode=lambda body, decoder: Table(decoder.value(body["rows"])))
    check_codec(right, [Table(rows), Table([Table([1])])], Table.__eq__)


def test_the_suite_finds_an_array_that_the_body_forgets() -> None:
    def encode(value: Table, encoder: Any) -> dict[str, Any]:
        encoder.array(np.arange(3), "rows")
        return {"rows": value.rows}

    with pytest.raises(AssertionError, match="hands over 1 arrays, and its body refers to 0"):
        check_codec(table_codec(encode=encode), [Table([1])], Table.__eq__)


@pytest.mark.parametrize("order", [1, -1], ids=["newest first", "oldest first"])
@pytest.mark.parametrize("old_types", [(Table,), ()], ids=["of its type", "without types"])
def test_a_new_version_beside_an_old_one(
    install: Callable[..., None], path: Path, order: int, old_types: tuple[type, ...]
) -> None:
    install(table_codec("rows", 1))
    project = aerchive.open(path)
    project.save(make_result({"table": Table([1])}, job_id="old"))
    old, new = table_codec("rows", 1, types=old_types), table_codec("cells", 2)
    for codec in (old, new):
        check_codec(codec, [Table([1])], Table.__eq__)

    install(*[new, old][::order])
    project.save(make_result({"table": Table([2])}, job_id="new"))

    assert project["old"].value("table") == Table([1])
    assert project["new"].value("table") == Table([2])
    assert project["old"].stored_result.data(0, "table") == {"$": "table/1", "rows": [1]}
    assert project["new"].stored_result.data(0, "table") == {"$": "table/2", "cells": [2]}


def test_a_type_that_another_codec_has_is_read_and_not_encoded(
    install: Callable[..., None], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = table_codec("cells", name="second")
    install(second)
    project = aerchive.open(path)
    project.save(make_result({"table": Table([1])}, job_id="then"))

    install(table_codec(), second, table_codec("other", 1), table_codec(name="array", version=9))
    project.save(make_result({"table": Table([2])}, job_id="now"))

    assert project["then"].value("table") == Table([1])
    assert project["now"].value("table") == Table([2])
    assert project["now"].stored_result.data(0, "table") == {"$": "table/1", "rows": [2]}
    assert caplog.messages == [
        "codec 'table/1' of 'demo:ALL' is left out: its name is taken",
        "codec 'array/9' of 'demo:ALL' is left out: its name is taken",
        "codec 'second/1' does not encode tests.codecs.test_suite.Table, which 'table/1' does",
    ]


PACKAGE = """
    from fractions import Fraction
    from aerchive.codecs.base import Codec

    def encode(value, encoder):
        if value.denominator == 13:
            raise RuntimeError("unlucky")
        return {"numerator": str(value.numerator), "denominator": str(value.denominator)}

    def decode(body, decoder):
        return Fraction(int(body["numerator"]), int(body["denominator"]))

    FRACTION = Codec("fraction", 1, (Fraction,), encode, decode)
    TAKEN = Codec("array", 1, (bytearray,), encode, decode)
    NONSENSE = 5
"""
USE = """
    import logging, sys
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    sys.path.insert(0, sys.argv[2])  # as if it were installed
    from fractions import Fraction
    import aerchive
    from qiskit.result import Result
    from qiskit.result.models import ExperimentResult, ExperimentResultData

    def result(**data):
        experiment = ExperimentResult(shots=1, success=True, data=ExperimentResultData(**data))
        return Result(results=[experiment], job_id="job", success=True, backend_name="b", backend_version="1")

    project = aerchive.open(sys.argv[1])
    project.save(result(third=Fraction(1, 3), number=5))
    run = aerchive.open(sys.argv[1], "r")["job"]
    print(repr(run.value("third")), run.value("number"))
    other = aerchive.open(sys.argv[1] + "2")
    try:
        other.save(result(bad=Fraction(1, 13), number=6))
    except aerchive.UnsupportedTypeError as error:
        print(error)
    print(other["job"].value("number"))
"""
WITHOUT = """
    import sys
    import aerchive
    run = aerchive.open(sys.argv[1], "r")["job"]
    print(run.value("number"))
    try:
        run.value("third")
    except aerchive.FormatError as error:
        print(error)
"""


def test_a_codec_of_another_package(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "demo_codecs-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "demo_codecs.py").write_text(textwrap.dedent(PACKAGE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-codecs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[aerchive.codecs]\nfraction = demo_codecs:FRACTION\nmissing = demo_codecs:MISSING\n"
        "nonsense = demo_codecs:NONSENSE\ntaken = demo_codecs:TAKEN\n"
    )
    path = tmp_path / "project.h5"
    told = processes.run(USE, path, site).splitlines()
    assert told == [
        "codec 'missing' of 'demo_codecs:MISSING' cannot be loaded: "
        "AttributeError(\"module 'demo_codecs' has no attribute 'MISSING'\")",
        "codec 'nonsense' of 'demo_codecs:NONSENSE' is a int, not a Codec",
        "codec 'array/1' of 'demo_codecs:TAKEN' is left out: its name is taken",
        "Fraction(1, 3) 5",
        "run job was archived without these values: experiment 0, 'bad': codec fraction/1 failed: "
        "RuntimeError('unlucky')",
        "6",
    ]

    assert processes.run(WITHOUT, path).splitlines() == [
        "5",
        "no codec reads 'fraction/1' here; a newer aerchive may: pip install --upgrade aerchive",
    ]
