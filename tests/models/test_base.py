"""Documents as attributes and back: exact types, free fields, and refusals that name the place."""

from __future__ import annotations

import datetime
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerchive.errors import FormatError, InvalidInputError, UnsupportedTypeError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.project import ProjectHeader
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus

WHERE = "p.h5: /runs/2026-11-22/x/config"

PROVENANCE = Provenance(
    python="3.11.2 (CPython)",
    aerchive="0.1.0",
    numpy="2.0",
    h5py="3.12",
    hdf5="1.14.6",
    host="lab",
    platform="Linux",
    cpu_count=8,
    cpu_available=4,
    threads={"OMP_NUM_THREADS": "2"},
    git_dirty=True,
)
HEADER = ProjectHeader(
    format="aerchive project",
    format_version=1,
    format_draft=2,
    project_uuid="u",
    generation=1,
    created="2026-11-22T21:30:45.123456Z",
    created_by="aerchive 0.1.0",
    about="",
    NX_class="NXroot",
)


def attributes_as_stored(attributes: dict[str, Any]) -> dict[str, Any]:
    """What the storage floor gives back: truth values are integers by then, and names are sorted."""
    return {k: int(v) if isinstance(v, bool) else v for k, v in sorted(attributes.items())}


@pytest.mark.parametrize(
    "document",
    [
        RunConfig(),
        RunConfig(
            program="sampler",
            backend_name="aer_simulator",
            backend_version="",
            num_circuits=2**40,
            num_qubits=0,
            circuit_names=["a", "", "\ud800", "x\0y"],
            options={"shots": 100, "method": "statevector", "noise": None, "dtype": np.float32(1)},
            used={"seed_simulator": 2**64 - 1, "time": -0.0},
            missing=[],
        ),
        RunStatus(outcome="ok", seconds=0.1, message=""),
        RunStatus(outcome="lost", seconds=math.inf, traceback="Traceback\n\0 \\n"),
        RunLabels(name="n", tags=["a", "b"], notes="é" * 20_000, params={"distance": 0.7, "n": 4}),
        PROVENANCE,
        PROVENANCE.model_copy(update={"git_dirty": False}),
        HEADER,
    ],
    ids=lambda document: type(document).__name__,
)
def test_a_document_comes_back(document: Any) -> None:
    attributes = document.to_attributes()

    assert {type(value) for value in attributes.values()} <= {str, int, float, bool}
    assert type(document).from_attributes(attributes_as_stored(attributes), WHERE) == document


def test_absent_values_are_left_out() -> None:
    assert RunConfig(backend_name=None, num_qubits=0, backend_version="").to_attributes() == {
        "program": "run",
        "num_qubits": 0,
        "backend_version": "",
    }


free_values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.lists(st.integers() | st.text(), max_size=3)
    | st.tuples(st.integers(), st.text())
    | st.binary(max_size=5)
)
free_keys = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(
    ["shots", "a.b", "", "_json", "x_json", "json.x", "ключ", "a" * 64, "a" * 65, "name", "1st", "$"]
)


def typed(mapping: dict[str, Any]) -> dict[str, Any]:
    return {key: (type(value), value) for key, value in mapping.items()}


@given(st.dictionaries(free_keys, free_values, max_size=40), st.dictionaries(free_keys, free_values, max_size=40))
@settings(max_examples=150, deadline=None)
def test_free_fields_come_back_whatever_their_keys(options: dict[str, Any], used: dict[str, Any]) -> None:
    document = RunConfig(options=options, used=used)
    attributes = document.to_attributes()
    back = RunConfig.from_attributes(attributes_as_stored(attributes), WHERE)

    assert typed(back.options) == typed(options)
    assert typed(back.used) == typed(used)
    assert len(attributes) <= 60  # room for what else a group must hold below HDF5's limit of 64


def test_free_fields_on_disk() -> None:
    config = RunConfig(
        options={
            "shots": 5,
            "method": "mps",
            "eps": 0.5,
            "flag": True,
            "none": None,
            "a b": 1,
            "big": 2**64,
            "list": [1],
        }
    )

    assert config.to_attributes() == {
        "program": "run",
        "options.shots": 5,
        "options.method": "mps",
        "options.eps": 0.5,
        "options_json.flag": "true",
        "options_json.none": "null",
        "options_json.big": "18446744073709551616",
        "options_json.list": "[1]",
        "options_json": '{"a b":1}',
    }


@pytest.mark.parametrize("number", [23, 24, 25, 100])
def test_keys_beyond_the_24th_share_one_attribute(number: int) -> None:
    params = {f"k{i:03}": i for i in range(number)}
    attributes = RunLabels(params=params).to_attributes()

    assert sum(name.startswith("params.") for name in attributes) == min(number, 24)
    assert ("params_json" in attributes) == (number > 24)
    assert RunLabels.from_attributes(attributes_as_stored(attributes), WHERE).params == params


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0x7FF8DEADBEEF0001, 0x8000000000000000])
def test_bits_of_a_free_float_come_back(bits: int) -> None:
    value = struct.unpack(">d", struct.pack(">Q", bits))[0]
    back = RunLabels.from_attributes(RunLabels(params={"x": value, "y": [value]}).to_attributes(), WHERE)

    assert struct.pack(">d", back.params["x"]) == struct.pack(">Q", bits)
    assert struct.pack(">d", back.params["y"][0]) == struct.pack(">Q", bits)


def test_a_free_value_without_a_codec_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"^value: no codec for datetime\.time; "):
        RunLabels(params={"day": datetime.time(12)}).to_attributes()


@pytest.mark.parametrize(
    ("model", "attributes", "message"),
    [
        (RunConfig, {"colour": 1}, f"{WHERE}: 'colour': Extra inputs are not permitted (found 1)"),
        (RunConfig, {"options.": 1}, f"{WHERE}: 'options.': Extra inputs are not permitted (found 1)"),
        (RunConfig, {"program.x": 1}, f"{WHERE}: 'program.x': Extra inputs are not permitted (found 1)"),
        (RunConfig, {"program_json": "1"}, f"{WHERE}: 'program_json': Extra inputs are not permitted (found '1')"),
        (RunConfig, {"program": 5}, f"{WHERE}: 'program': Input should be a valid string (found 5)"),
        (RunConfig, {"num_qubits": "5"}, f"{WHERE}: 'num_qubits': Input should be a valid integer (found '5')"),
        (RunConfig, {"num_qubits": 5.0}, f"{WHERE}: 'num_qubits': Input should be a valid integer (found 5.0)"),
        (RunStatus, {}, f"{WHERE}: 'outcome': Field required (found {{}})"),
        (
            RunStatus,
            {"outcome": "great"},
            f"{WHERE}: 'outcome': Input should be 'ok', 'partial', 'failed', 'error', 'cancelled', 'lost' or 'running' "
            "(found 'great')",
        ),
        (
            RunStatus,
            {"outcome": "ok", "seconds": "1"},
            f"{WHERE}: 'seconds': Input should be a valid number (found '1')",
        ),
        (RunConfig, {"circuit_names": 5}, f"{WHERE}@circuit_names: is a number, not the JSON text it should be"),
        (
            RunConfig,
            {"circuit_names": '["a",1]'},
            f"{WHERE}: 'circuit_names.1': Input should be a valid string (found 1)",
        ),
        (
            RunLabels,
            {"params": 3, "params.x": 1},
            f"{WHERE}@params: has no place here; values of 'params' are called 'params.NAME'",
        ),
        (RunConfig, {"options_json": "[]"}, f"{WHERE}@options_json: is not a mapping"),
        (RunConfig, {"options_json.x": 1}, f"{WHERE}@options_json.x: is a number, not the JSON text it should be"),
        (
            RunConfig,
            {"options_json.x": "{"},
            f"{WHERE}@options_json.x: not a valid JSON document: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (
            RunConfig,
            {"colour": "r" * 200, "program": 5},
            f"{WHERE}: 'program': Input should be a valid string (found 5); "
            f"'colour': Extra inputs are not permitted (found '{'r' * 79})",
        ),
    ],
    ids=repr,
)
def test_an_attribute_that_is_not_ours_is_refused_and_named(model: Any, attributes: Any, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        model.from_attributes(attributes, WHERE)

    assert str(caught.value) == message


@pytest.mark.parametrize("value", [2, -1, 0.0, "true", "1"])
def test_a_truth_value_is_0_or_1(value: Any) -> None:
    attributes = PROVENANCE.to_attributes() | {"git_dirty": value}

    with pytest.raises(FormatError, match=r"config(: '|@)git_dirty"):
        Provenance.from_attributes(attributes, WHERE)


def test_an_integer_is_no_number_of_seconds() -> None:
    with pytest.raises(FormatError, match=r"config: 'seconds'"):
        RunStatus.from_attributes({"outcome": "ok", "seconds": 1}, WHERE)


def test_a_mapping_has_one_place() -> None:
    with pytest.raises(FormatError, match=r"options"):
        RunConfig.from_attributes({"options": '{"shots":1}'}, WHERE)


def test_documents_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunLabels().name = "x"


def test_defaults_are_not_shared() -> None:
    one, other = RunConfig(), RunConfig()
    one.options["shots"] = 1

    assert other.options == {}


def test_checked_names_the_argument() -> None:
    assert RunLabels.checked(name="n") == RunLabels(name="n")
    with pytest.raises(InvalidInputError) as caught:
        RunLabels.checked(name=5, tags=["a", 1], color="red")

    assert str(caught.value) == (
        "'name': Input should be a valid string (found 5); 'tags.1': Input should be a valid string (found 1); "
        "'color': Extra inputs are not permitted (found 'red')"
    )


@pytest.mark.parametrize(
    ("labels", "empty"),
    [
        (RunLabels(), True),
        (RunLabels(name="", tags=[], notes=""), True),
        (RunLabels(name="n"), False),
        (RunLabels(tags=["t"]), False),
        (RunLabels(notes="n"), False),
        (RunLabels(params={"a": 0}), False),
    ],
)
def test_empty_labels(labels: RunLabels, empty: bool) -> None:
    assert labels.is_empty is empty
