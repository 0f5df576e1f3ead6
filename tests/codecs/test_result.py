from __future__ import annotations

import collections
import contextlib
import datetime
import enum
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from qiskit.result import Result
from qiskit.result.models import ExperimentResult
from qiskit_aer import AerSimulator

import aerchive
from aerchive.aer import ArchivedResult
from aerchive.codecs.base import MissingValue
from aerchive.codecs.registry import codecs, codecs_by_tag
from aerchive.codecs.result import ResultEncoder
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import TIMING, differences

METADATA = {
    "complex": 1 + 2j,
    "array": np.arange(6).reshape(2, 3),
    "fortran": np.asfortranarray(np.eye(3)),
    "scalar": np.float32(1.5),
    5: "int key",
    ("t", 1): "tuple key",
    "set": {1, 2},
    "frozen": frozenset({"a"}),
    "none": None,
    "nan": float("nan"),
    "inf": float("-inf"),
    "minus zero": -0.0,
    "bytes": b"\x00\xff",
    "nested": {"b": [1, (2, 3)], "a": {}},
    "parameter": Parameter("x"),
    "big": 10**40,
    "date": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "$": "dollar",
    "text": "ψ \\ \n \0 \ud800",
    "long text": "x" * 100_000,
    "true": True,
}


def every_field(result: Any) -> dict[str, Any]:
    """All that a result holds, in plain containers, in its order."""
    own = {name: value for name, value in vars(result).items() if name not in ("results", "run", "_run")}
    experiments = []
    for experiment in result.results:
        fields = {name: value for name, value in vars(experiment).items() if name != "data"}
        experiments.append((fields, dict(experiment.data.to_dict())))
    return {"own": own, "experiments": experiments}


def assert_same(one: Any, other: Any) -> None:
    assert differences(every_field(one), every_field(other)) == []


def test_result_of_aer(path: Path) -> None:
    circuits = []
    for number in range(3):
        circuit = QuantumCircuit(2, name=f"c{number}", metadata=dict(METADATA))
        circuit.h(0)
        circuit.save_statevector(label="a/b")
        circuit.save_expectation_value(Statevector([1, 0]).to_operator(), [0])
        circuit.measure_all()
        circuits.append(circuit)
    result = AerSimulator(seed_simulator=1).run(circuits, shots=20, memory=True).result()

    aerchive.open(path).save(result)

    assert_same(result, aerchive.open(path, "r").latest().result())


def test_order_of_attributes_and_keys(path: Path) -> None:
    result = make_result({"z": 1.0, "a": 2.0, "m": 3.0}, zeta=1, alpha={"b": 1, "a": 2})
    result.results[0].extra = "set by somebody"
    result.comment = ("also", "set")

    aerchive.open(path).save(result)

    assert_same(result, aerchive.open(path).latest().result())


def test_result_without_experiments(path: Path) -> None:
    result = make_result(status="ERROR: duplicate label")
    result.success = False

    run = aerchive.open(path).save(result)

    assert run.outcome == "failed"
    assert run.record.status.message == "ERROR: duplicate label"
    assert_same(result, run.result())
    assert run.result().results == []


def test_result_with_a_failed_experiment(path: Path) -> None:
    good, bad = QuantumCircuit(1, 1), QuantumCircuit(1, 1)
    bad.t(0)
    for circuit in (good, bad):
        circuit.measure(0, 0)
    result = AerSimulator(method="stabilizer").run([good, bad], shots=5).result()
    assert [experiment.success for experiment in result.results] == [True, False]

    run = aerchive.open(path).save(result)

    assert run.outcome == "partial"
    assert_same(result, run.result())


@pytest.mark.parametrize("value", METADATA.values(), ids=[repr(key) for key in METADATA])
def test_any_plain_value_may_be_saved(round_trip: Callable[..., Any], value: Any) -> None:
    assert differences(value, round_trip(value)) == []


class Colour(enum.Enum):
    """Of somebody else."""

    RED = 1
    BLUE = object()


class Silent:
    """An object whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class MyDict(dict):
    """Of somebody else."""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Colour.BLUE, r"builtins\.object"),
        (Silent(), "Silent"),
        (MyDict(a=1), "MyDict"),
        (collections.OrderedDict(a=1), r"collections\.OrderedDict"),
        (collections.Counter("ab"), r"collections\.Counter"),
        (object(), r"builtins\.object"),
        (len, "builtin_function_or_method"),
        (slice(1), r"builtins\.slice"),
        (datetime.time(12), r"datetime\.time"),
        ([1, {"deep": (object(),)}], r"builtins\.object"),
        (range(3), r"builtins\.range"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, Silent) else "Silent",
)
def test_foreign_type_is_refused_by_name(path: Path, value: Any, name: str) -> None:
    project = aerchive.open(path)
    header = {"name": "c", "memory_slots": 1, "creg_sizes": [["c", 1]], "metadata": {"foreign": value, "kept": 1}}

    with pytest.raises(UnsupportedTypeError, match=rf"(?s)'data'.*{name}"):
        project.save(make_result({"data": value, "counts": {"0x1": 10}}, header=header))

    run = project.latest()
    assert run.counts() == {"1": 10}
    result = run.result()
    assert result.get_counts() == {"1": 10}
    assert result.results[0].shots == 10
    assert result.results[0].header["metadata"]["kept"] == 1
    assert "MissingValue" in repr(result.results[0].header["metadata"]["foreign"])
    assert len(run.record.config.missing) == 2
    with pytest.raises(UnsupportedTypeError, match="was not archived"):
        run.value("data")


def test_missing_value_says_what_it_was(path: Path) -> None:
    with pytest.raises(UnsupportedTypeError):
        aerchive.open(path).save(make_result({"x": 1.0}, header={"colour": Colour.BLUE}))

    missing = aerchive.open(path).latest().result().results[0].header["colour"]

    assert missing == MissingValue("tests.codecs.test_result.Colour", "<Colour.BLUE: <object object>>")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    value["self"] = value
    return value


@pytest.mark.parametrize("value", [nested(200), cyclic(), 10**5000], ids=["deep", "cyclic", "5001 digits"])
def test_value_without_end_costs_nothing_but_itself(path: Path, value: Any) -> None:
    project = aerchive.open(path)
    header = {"name": "c", "memory_slots": 1, "creg_sizes": [["c", 1]], "metadata": {"odd": value, "kept": 1}}
    result = make_result({"data": value, "counts": {"0x1": 10}}, header=header)

    with contextlib.suppress(UnsupportedTypeError):  # an integer of any length may also be kept
        project.save(result)

    read = project.latest().result()
    assert read.get_counts() == {"1": 10}
    assert (read.success, read.results[0].shots, read.results[0].success) == (True, 10, True)
    assert read.results[0].header["metadata"]["kept"] == 1


def test_saving_does_not_change_the_result(path: Path) -> None:
    result = make_result({"x": np.arange(5.0), "counts": {"0x1": 10}}, header={"name": "c"})
    before = every_field(Result.from_dict(result.to_dict()))

    aerchive.open(path).save(result)

    assert differences(before, every_field(result)) == []


def test_nothing_is_copied_before_it_is_written() -> None:
    array = np.arange(1000.0)

    encoder = ResultEncoder()
    encoded = encoder.finish({"result": encoder.encode(make_result({"x": array}))})

    assert np.shares_memory(encoded.datasets["x"].parts[0], array)


def test_every_codec_has_one_tag_and_types_of_its_own() -> None:
    types = [kind for codec in codecs() for kind in codec.types]

    assert len(codecs_by_tag()) == len(codecs())
    assert len(set(types)) == len(types)
    assert all(codec.version >= 1 and codec.tag == f"{codec.name}/{codec.version}" for codec in codecs())


def test_document_is_text_a_person_can_read(store: Callable[..., Any], path: Path) -> None:
    run = store({"x": {"a": 1}})

    with h5py.File(path, "r") as file:
        document = json.loads(file[run.path]["result"][...].tobytes().replace(b"\0", b""))

    assert document["experiments"][0]["data"] == [["x", {"a": 1}]]
    assert document["fields"]["backend_name"] == "hand"


HOSTILE_DOCUMENTS: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"fields": {}, "metadata": {}},
    {"fields": {}, "metadata": {}, "experiments": None},
    {"fields": {}, "metadata": {}, "experiments": 5},
    {"fields": {}, "metadata": {}, "experiments": {"0": {}}},
    {"fields": {}, "metadata": {}, "experiments": [None]},
    {"fields": {}, "metadata": {}, "experiments": [[]]},
    {"fields": {}, "metadata": {}, "experiments": [{}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": None}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": {"x": 1}}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": [["x"]]}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": [["x", 1, 2]]}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": [[5, 1]]}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": [[["x"], 1]]}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": {}, "data": "xy"}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": [], "metadata": {}, "data": []}]},
    {"fields": {}, "metadata": {}, "experiments": [{"fields": {}, "metadata": 5, "data": []}]},
    {"fields": 5, "metadata": {}, "experiments": []},
    {"fields": [], "metadata": {}, "experiments": []},
    {"fields": {}, "metadata": [], "experiments": []},
    {"fields": {}, "metadata": None, "experiments": []},
    {"fields": {"$": "dict", "items": [[5, 6]]}, "metadata": {}, "experiments": []},
    {"fields": {"_metadata": 5}, "metadata": {}, "experiments": []},
]
"""Documents that are not results."""


@pytest.mark.parametrize("document", HOSTILE_DOCUMENTS, ids=lambda document: json.dumps(document)[:90])
def test_document_that_is_not_a_result(forge: Callable[..., Any], document: Any) -> None:
    run = forge({"x": 1.5}, lambda _: [] if document is None else document)

    with pytest.raises(FormatError):
        run.result()


def test_names_that_mean_something_to_python_are_only_names(forge: Callable[..., Any]) -> None:
    names = {"__class__": "x", "__dict__": {}, "__init__": 1, "__getattr__": 2, "self": 3, "get_counts": 4, "run": 5}
    document = {
        "fields": {"success": True, **names},
        "metadata": {"$": "dict", "items": [[5, 6], ["self", 7], ["__class__", 8]]},
        "experiments": [{"fields": {"success": True, **names}, "metadata": {}, "data": [["x", 1]]}],
    }
    run = forge({"x": 1.5}, lambda _: document)

    result = run.result()

    assert type(result) is ArchivedResult
    assert result.run is run
    assert type(result.results[0]) is ExperimentResult
    assert result.data(0) == {"x": 1}
    assert vars(result)["__class__"] == "x"
    assert result._metadata == {5: 6, "self": 7, "__class__": 8}
    assert result.get_counts == 4


@pytest.mark.parametrize("document", HOSTILE_DOCUMENTS[:18], ids=lambda document: json.dumps(document)[:90])
def test_no_question_to_it_raises_anything_else(forge: Callable[..., Any], document: Any) -> None:
    run = forge({"x": 1.5}, lambda _: [] if document is None else document)

    for ask in (
        lambda: run.saved,
        run.counts,
        run.memory,
        lambda: run.value("x"),
        run.array,
        lambda: run.array("x"),
    ):
        with contextlib.suppress(FormatError, aerchive.NotFoundError):
            ask()


def deep(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    return tree


HOSTILE_TREES = [
    {"$": "statevector/2", "data": ["statevector", None]},
    {"$": "statevector", "data": ["statevector", None]},
    {"$": "statevector/1"},
    {"$": "nosuch/1"},
    {"$": "/"},
    {"$": ""},
    {"$": 5},
    {"$": ["tuple"]},
    {"$": {}},
    {"$": True},
    {"$": "tuple"},
    {"$": "tuple", "items": 5},
    {"$": "tuple", "items": None},
    {"$": "set", "items": [[1]]},
    {"$": "dict", "items": [[1]]},
    {"$": "dict", "items": [[[1], 2]]},
    {"$": "float", "hex": "zz"},
    {"$": "float", "hex": "00"},
    {"$": "float", "hex": 5},
    {"$": "complex", "items": ["1", "2"]},
    {"$": "complex", "items": [1, 2, 3]},
    {"$": "bytes", "base64": "!"},
    {"$": "bytes", "base64": 5},
    {"$": "text", "base64": "/w=="},
    {"$": "datetime", "iso": "yesterday"},
    {"$": "datetime", "iso": 5},
    {"$": "numpy", "dtype": "O", "base64": ""},
    {"$": "numpy", "dtype": "<f8", "base64": ""},
    {"$": "numpy", "dtype": "nonsense", "base64": "AAAA"},
    {"$": "ndarray", "dtype": "O", "shape": [1], "order": "C", "base64": ""},
    {"$": "ndarray", "dtype": "<f8", "shape": [10**12], "order": "C", "base64": ""},
    {"$": "ndarray", "dtype": "<f8", "shape": [1], "order": "Q", "base64": "AAAAAAAAAAA="},
    {"$": "ndarray"},
    {"$": "keyed_array/1"},
    {"$": "prob_distribution/1", "keys": {}, "values": {}},
    {"$": "array/1", "data": {"$": "array/1"}},
    {"$": "meas_level/1"},
    {"$": "parameter/1"},
    deep(150),
    deep(900),
    [{"$": "array/1", "data": {"$": "reference", "to": ["no", None]}}],
    {"a": {"$": "array/1", "data": {"$": "reference", "to": ["no", None]}}},
    {"$": "array/1", "data": ["no", None]},
    {"$": "reference"},
    {"$": "reference", "to": {"$": "reference", "to": []}},
]
"""Values that no codec wrote."""


@pytest.mark.parametrize("tree", HOSTILE_TREES, ids=lambda tree: json.dumps(tree)[:80])
def test_value_that_no_codec_wrote(forge: Callable[..., Any], tree: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = tree

    run = forge({"x": 1, "kept": 2}, change)

    with pytest.raises(FormatError):
        run.value("x")
    with pytest.raises(FormatError):
        run.result().data(0)["x"]
    assert run.value("kept") == 2


@pytest.mark.parametrize("tree", HOSTILE_TREES, ids=lambda tree: json.dumps(tree)[:80])
def test_listing_and_arrays_of_such_a_value(forge: Callable[..., Any], tree: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = tree

    run = forge({"x": 1, "kept": 2}, change)

    with contextlib.suppress(FormatError):
        assert len(run.saved) == 2
    for label in ("x", None):
        with contextlib.suppress(FormatError, aerchive.NotFoundError, aerchive.InvalidInputError):
            run.array(label)


@pytest.mark.parametrize(
    "header",
    [
        5,
        "x",
        [1],
        {"creg_sizes": 5, "memory_slots": 2},
        {"memory_slots": "2"},
        {"creg_sizes": [["c"]], "memory_slots": 1},
    ],
    ids=repr,
)
def test_header_that_is_none(forge: Callable[..., Any], header: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["fields"]["header"] = header

    run = forge({"memory": ["0x1"], "counts": {"0x1": 10}}, change, header={"memory_slots": 1})

    assert run.counts() == {"1": 10}
    for ask in (run.memory, lambda: run.saved):
        with contextlib.suppress(FormatError):
            assert len(ask()) > 0


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff", b"[1, 2", b'{"fields": {}, "fields": {}}', b"NaN", b"[" * 100_000],
    ids=lambda text: repr(text[:20]),
)
def test_document_that_is_not_json(path: Path, text: bytes) -> None:
    import dataclasses

    from aerchive.storage.chunks.drafts import text_dataset

    project = aerchive.open(path)
    draft = project.bridge.capture(make_result({"x": 1}), None, None)
    project.archive(dataclasses.replace(draft, datasets={"result": text_dataset(text)}))

    with pytest.raises(FormatError):
        project.latest().result()


def test_timing_is_kept(path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    result = AerSimulator().run(circuit).result()

    read = aerchive.open(path).save(result).result()

    for name in TIMING:
        assert getattr(read, name) == getattr(result, name)
