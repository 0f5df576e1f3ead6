"""The shown attributes and the readable name of a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aerchive import layout
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.shown import readable_name, shown_attributes
from aerchive.models.status import RunStatus


def record(labels: RunLabels | None = None, seconds: float | None = 0.0056, **config: Any) -> RunRecord:
    status = RunStatus(outcome="ok", seconds=seconds)
    return RunRecord(
        job_id="a", run_uuid="u", created="", config=RunConfig(**config), status=status, labels=labels or RunLabels()
    )


def test_all_of_a_run() -> None:
    used = {"method": "statevector", "shots": 1000}
    one = record(
        RunLabels(name="noisy GHZ", tags=["ghz", "vqe"]),
        num_qubits=3,
        circuit_names=["GHZ", *["x"] * 19],
        used=used,
        options={"noise_model": 1},
    )
    assert shown_attributes(one, "counts") == {
        "title": "noisy GHZ: ok, 3 qubits, 1000 shots, 5.6 ms",
        "outcome": "ok",
        "program": "run",
        "method": "statevector",
        "qubits": 3,
        "shots": 1000,
        "seconds": 0.0056,
        "circuit": "GHZ and 19 more",
        "noise": "with a noise model",
        "name": "noisy GHZ",
        "tags": "ghz, vqe",
        "NX_class": "NXentry",
        "default": "view/counts",
    }


def test_what_is_not_known_is_left_out() -> None:
    found = shown_attributes(record(seconds=math.nan, used={"shots": True, "method": 3}, options={"shots": -1}))
    assert found == {"title": "run: ok, nan s", "outcome": "ok", "program": "run", "NX_class": "NXentry"}
    assert set(found) <= set(layout.SHOWN)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0000123, "0.0123 ms"), (0.9994, "999 ms"), (1.0, "1 s"), (12.345, "12.3 s"), (3600.4, "3600 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert shown_attributes(record(seconds=seconds))["title"] == f"run: ok, {words}"


def test_a_title_has_at_most_50_characters() -> None:
    title = str(shown_attributes(record(RunLabels(name="n" * 90), num_qubits=1))["title"])
    assert title == f"{'n' * 26}...: ok, 1 qubit, 5.6 ms"
    assert len(title) == 50


def test_names_that_qiskit_made_up_are_no_names() -> None:
    found = shown_attributes(record(circuit_names=["circuit-7", "QFT", "circuit-8"]))
    assert (found["title"], found["circuit"]) == ("run: ok, 5.6 ms", "QFT and 2 more")
    assert "circuit" not in shown_attributes(record(circuit_names=["circuit-7"]))


@pytest.mark.parametrize(
    ("labels", "config", "name"),
    [
        ({"name": "noisy GHZ"}, {"num_qubits": 3}, "noisy_GHZ_3q"),
        ({}, {"circuit_names": ["ψ/x -- y.2", "b"], "num_qubits": 20}, "x_y.2_20q"),
        ({"name": "ψ"}, {"program": "sampler"}, "sampler"),
        ({"name": "a" * 90}, {"num_qubits": 123_456_789}, f"{'a' * 25}_123456789q"),
        ({}, {"circuit_names": ["circuit-154"], "program": "sampler"}, "sampler"),
        ({}, {"circuit_names": ["circuit-154-2"]}, "run"),
        ({}, {"circuit_names": ["circuit-break"]}, "circuit_break"),
        ({"name": "../../etc"}, {}, ".._.._etc"),
    ],
)
def test_readable_names(labels: dict[str, Any], config: dict[str, Any], name: str) -> None:
    one = record(RunLabels(**labels), **config)
    assert readable_name(one) == name
    assert readable_name(one, is_neutral=True).startswith("run")
