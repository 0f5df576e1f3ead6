"""Experiments of qiskit-experiments: each comes back as it was, rebuilt by our own table of types."""

from __future__ import annotations

import datetime
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "qiskit_experiments", reason="qiskit-experiments is not installed: pip install 'aerchive[experiments]'"
)

import uncertainties
from qiskit import QuantumCircuit
from qiskit.quantum_info import Choi, Pauli, SparsePauliOp, Statevector
from qiskit_aer import AerSimulator
from qiskit_experiments.database_service import Qubit, Resonator, UnknownComponent
from qiskit_experiments.framework import ArtifactData, ExperimentData, FigureData, MeasLevel, ParallelExperiment
from qiskit_experiments.library import T1, StateTomography

import aerchive
from aerchive.errors import AlreadyExistsError, ArchiveWarning, FormatError, InvalidInputError, NotFoundError
from aerchive.experiments import load_experiment, save_experiment

pytestmark = pytest.mark.filterwarnings("default")  # those of qiskit-experiments and its dependencies
DELAYS = [1e-6, 2e-6, 3e-6, 4e-6]


def run(experiment: Any) -> ExperimentData:
    data = experiment.run(AerSimulator(seed_simulator=1)).block_for_results()
    assert data.status().name == "DONE"
    return data


def assert_same(found: ExperimentData, data: ExperimentData) -> None:
    for name in (
        "experiment_id",
        "experiment_type",
        "parent_id",
        "tags",
        "job_ids",
        "figure_names",
        "notes",
        "backend_name",
    ):
        assert getattr(found, name) == getattr(data, name), name
    for name in ("start_datetime", "end_datetime", "creation_datetime", "share_level", "metadata"):
        assert getattr(found, name) == getattr(data, name), name
    assert repr(found.data()) == repr(data.data())
    tables = [one.analysis_results(dataframe=True, columns="all") for one in (found, data)]
    assert list(tables[0].columns) == list(tables[1].columns)
    assert list(tables[0].index) == list(tables[1].index)
    for name in tables[0].columns:
        assert [repr(one) for one in tables[0][name]] == [repr(one) for one in tables[1][name]], name
        assert [type(one) for one in tables[0][name] if name != "value"] == [
            type(one) for one in tables[1][name] if name != "value"
        ]
    assert [str(one) for one in found.artifacts()] == [str(one) for one in data.artifacts()]
    for one, other in zip(found.artifacts(), data.artifacts(), strict=True):
        assert type(one.data) is type(other.data)
        if type(one.data).__name__ == "ScatterTable":
            assert one.data == other.data
            assert list(one.data.dataframe.dtypes) == list(other.data.dataframe.dtypes)
        else:
            assert str(one.data) == str(other.data)
    assert len(found.child_data()) == len(data.child_data())
    for one, other in zip(found.child_data(), data.child_data(), strict=True):
        assert_same(one, other)


def test_an_experiment_comes_back(project: aerchive.Project, path: Path) -> None:
    data = run(T1([0], DELAYS))
    data.tags = ["mine"]
    data.notes = "a note"
    name = save_experiment(project, data)
    assert name == f"experiment-{data.experiment_id}"
    again = aerchive.open(path, "r")
    found = load_experiment(again, data.experiment_id)
    assert type(found) is ExperimentData
    assert_same(found, data)
    (job,) = found.jobs()
    assert job.job_id() == data.job_ids[0]
    assert job.run == again[data.job_ids[0]]
    assert [pub.data.keys() for pub in job.result()] == [pub.data.keys() for pub in data.jobs()[0].result()]
    (figure,) = found.figure_names
    assert found.figure(figure).figure.startswith(b"<?xml")
    assert found.figure(figure).metadata == data.figure(figure).metadata
    assert again.attachments[f"{name}.figure-0"].data == found.figure(figure).figure
    assert again.verify().ok
    assert_same(load_experiment(again, name), data)


def test_children_and_objects_of_quantum_information(project: aerchive.Project, path: Path) -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    tomography = run(StateTomography(circuit))
    save_experiment(project, tomography)
    assert_same(load_experiment(aerchive.open(path, "r"), tomography.experiment_id), tomography)
    pair = run(ParallelExperiment([T1([0], DELAYS), T1([1], DELAYS)], flatten_results=False))
    save_experiment(project, pair)
    found = load_experiment(aerchive.open(path, "r"), pair.experiment_id)
    assert_same(found, pair)
    assert [child.figure(0).figure[:5] for child in found.child_data()] == [b"<?xml", b"<?xml"]


VALUES: dict[str, Any] = {
    "uncertain": uncertainties.ufloat(1.5, 0.25),
    "uncertain, not known": uncertainties.ufloat(1.5, float("nan")),
    "list": [1, (2, 3), {4}, None, 1j],
    "dictionary": {"@": "ufloat", "nominal": 1.0},
    "keys": {1: "a", (2, 3): "b", MeasLevel.KERNELED: "c"},
    "level": MeasLevel.CLASSIFIED,
    "components": [Qubit(1), Resonator(2), UnknownComponent("x")],
    "array": np.arange(1000.0),
    "array of objects": np.array([uncertainties.ufloat(1.5, 0.25), None], object),
    "scalar": np.float32(0.5),
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC),
    "channel": Choi(np.eye(4) / 2),
    "state": Statevector([1, 0]),
    "Pauli": Pauli("-iXY"),
    "operator": SparsePauliOp(["XY", "ZI"], [0.5, 1j]),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value(project: aerchive.Project, name: str) -> None:
    data = ExperimentData()
    data.add_analysis_result(name="it", value=VALUES[name], extra=VALUES[name])
    data.add_artifacts(ArtifactData("it", VALUES[name]))
    data.add_data({"counts": {"0": 1}, "metadata": {"it": VALUES[name]}})
    save_experiment(project, data)
    found = load_experiment(project, data.experiment_id)
    row = found.analysis_results(dataframe=True, columns="all").iloc[0]
    for value in (row["value"], row["extra"], found.artifacts("it").data, found.data(0)["metadata"]["it"]):
        assert type(value).__name__ in (type(VALUES[name]).__name__, "Variable", "AffineScalarFunc")
        assert repr(value) == repr(VALUES[name])


class Other:
    def __repr__(self) -> str:
        return "<Other>"


def test_what_has_no_form_is_text_and_is_named(project: aerchive.Project) -> None:
    data = ExperimentData()
    when = datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    data.add_analysis_result(name="it", value={"a": [Other()], "when": when})
    data.metadata["f"] = len
    with pytest.warns(ArchiveWarning) as caught:
        save_experiment(project, data)
    (warning,) = caught
    assert "metadata['f'] is text: a builtins.builtin_function_or_method" in str(warning.message)
    assert "analysis result it, value['a'] is text: a " in str(warning.message)
    assert "value['when'] is text: a datetime.datetime" in str(warning.message)
    found = load_experiment(project, data.experiment_id)
    value = found.analysis_results(dataframe=True)["value"].iloc[0]
    assert found.metadata["f"] == "<built-in function len>"
    assert value["a"] == ["<Other>"]
    assert value["when"] == repr(when)


def test_errors_of_the_analysis_are_named(project: aerchive.Project) -> None:
    data = ExperimentData()
    data.add_analysis_callback(lambda _data: 1 / 0)
    with pytest.warns(ArchiveWarning, match="its errors: .*division by zero"):
        save_experiment(project, data)
    assert load_experiment(project, data.experiment_id).experiment_id == data.experiment_id


def test_a_figure_that_is_text_stays_text(project: aerchive.Project) -> None:
    data = ExperimentData()
    data.add_figures(FigureData("/etc/passwd", "a.svg"))  # as a name of a file, it would be read
    save_experiment(project, data)
    assert load_experiment(project, data.experiment_id).figure("a.svg").figure == "/etc/passwd"


def test_again(project: aerchive.Project) -> None:
    data = ExperimentData()
    data.add_figures(b"<svg>0</svg>", "a")
    data.add_figures(b"<svg>1</svg>", "b")
    save_experiment(project, data)
    with pytest.raises(AlreadyExistsError, match=r"is an attachment .* already"):
        save_experiment(project, data)
    data.delete_figure("b.svg")
    data.notes = "later"
    save_experiment(project, data, replace=True)
    found = load_experiment(project, data.experiment_id)
    assert (found.notes, found.figure_names) == ("later", ["a.svg"])
    assert len(project.attachments) == 2
    with project.transaction():
        data.notes = "last"
        save_experiment(project, data, replace=True)
    assert load_experiment(project, data.experiment_id).notes == "last"


def test_wrong_use(project: aerchive.Project) -> None:
    with pytest.raises(InvalidInputError, match="data must be an ExperimentData of qiskit-experiments; found dict"):
        save_experiment(project, {})
    with pytest.raises(NotFoundError, match="no attachment 'experiment-x'; there are none"):
        load_experiment(project, "x")


HOSTILE: dict[str, Any] = {
    "no mapping": [1],
    "no experiment": {"@": "ufloat", "nominal": 1.0, "std_dev": 0.0},
    "newer": {"@": "experiment", "version": 2},
    "empty": {"@": "experiment", "version": 1},
    "version as text": {"@": "experiment", "version": "1"},
}
PARTS: dict[str, tuple[str, Any]] = {
    "a class": ("metadata", {"x": {"@": "object", "class": "os.system", "settings": ["touch /tmp/forged"]}}),
    "the decoder's own": ("data", [{"__type__": "object", "__value__": {"class": {"__type__": "type"}}}]),
    "a class of components": ("metadata", {"x": {"@": "component", "class": "__class__", "index": 1}}),
    "a class of channels": ("metadata", {"x": {"@": "channel", "class": "Operator", "data": 1}}),
    "an enumeration": ("metadata", {"x": {"@": "enum", "class": "MeasLevel", "value": "x"}}),
    "an unhashable member": ("metadata", {"x": {"@": "set", "items": [[1]]}}),
    "a tag that is a list": ("metadata", {"x": {"@": [1]}}),
    "data that are numbers": ("data", [1]),
    "an argument": ("results", [{"results": [1], "self": 1, "name": "x", "value": 1}]),
    "a figure that is missing": ("figures", [{"name": "x", "number": 5, "is_text": False, "metadata": {}}]),
    "a table of other columns": ("metadata", {"x": {"@": "scatter_table", "columns": {"a": [1]}}}),
    "times as text": ("start_datetime", "2026"),
    "children that are numbers": ("children", [1]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_experiment(project: aerchive.Project, name: str) -> None:
    project.attach("experiment-x", HOSTILE[name])
    with pytest.raises(FormatError, match="attachments/experiment-x"):
        load_experiment(project, "x")


@pytest.mark.parametrize("name", PARTS)
def test_an_experiment_of_a_stranger_is_rebuilt_from_the_table_of_types_only(
    project: aerchive.Project, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ExperimentData()
    save_experiment(project, data)
    stored = f"experiment-{data.experiment_id}"
    key, value = PARTS[name]
    project.attach(stored, project.attachments[stored] | {key: value}, replace=True)
    from qiskit_experiments.framework import json as decoding

    def never(*_arguments: Any) -> None:
        raise AssertionError("the decoder of qiskit-experiments was called")

    for function in ("_deserialize_object", "_deserialize_type", "_load_quantum_info_type"):
        monkeypatch.setattr(decoding, function, never)
    if name in ("an argument", "the decoder's own"):
        found = load_experiment(project, data.experiment_id)
        assert len(found.analysis_results(dataframe=True)) == (name == "an argument")
        return
    with pytest.raises((FormatError, NotFoundError)):
        load_experiment(project, data.experiment_id)


def test_without_the_package(project: aerchive.Project, path: Path) -> None:
    program = f"""
import sys
sys.modules["qiskit_experiments"] = None
import aerchive
from aerchive.experiments import load_experiment
try:
    load_experiment(aerchive.open({str(path)!r}), "x")
except aerchive.MissingExtraError as error:
    assert "pip install 'aerchive[experiments]'" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
