"""Golden projects: one for each revision of the format that was released, and the one to come. This version reads all."""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qiskit.qpy import QPY_VERSION
from qiskit.result import Result

import aerchive
from aerchive import layout
from aerchive.aer.again.rerun import replay_of
from aerchive.codecs import noise_model as noise_codec
from aerchive.codecs import target as target_codec
from aerchive.codecs.attachment import VERSION as ATTACHMENT_VERSION
from aerchive.codecs.base import REFERENCE_TAG
from aerchive.codecs.circuits import arrays as array_codec
from aerchive.codecs.circuits import writing as circuit_codec
from aerchive.codecs.counts import TAG as COUNTS
from aerchive.codecs.memory import TAG as MEMORY
from aerchive.codecs.registry import codecs
from aerchive.codecs.result import REFUSED_TAG
from aerchive.codecs.result import VERSION as DOCUMENT_VERSION
from aerchive.codecs.table import SCALAR
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.project.catalogue.table import present, read_rows, run_path
from aerchive.project.documents.record import VERSION as RUN_VERSION
from aerchive.project.writing.runs import stored_draft, write_drafts
from aerchive.times import now
from tests.conftest import NO_RUNTIME
from tests.golden.description import describe, describe_circuit, describe_target

VERSIONS = sorted(Path(__file__).parent.glob("v*"))
MAX_BYTES = 320 * 1024
"""Of which 25 KiB are the pages that every project has."""


def expected(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "expected.json").read_text("ascii")))


RUNS = [pytest.param(folder, name, id=f"{folder.name}-{name}") for folder in VERSIONS for name in expected(folder)["runs"]]


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> aerchive.Project:
    """A copy, so that nothing that goes wrong can write into a golden file."""
    folder = request.getfixturevalue("folder")
    return aerchive.open(shutil.copy(folder / "project.h5", tmp_path), "r")


def text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def tags_in(tree: Any) -> set[str]:
    if isinstance(tree, list):
        return set().union(*map(tags_in, tree))
    if isinstance(tree, dict):
        return set().union(*map(tags_in, tree.values())) | ({tree["$"]} if isinstance(tree.get("$"), str) else set())
    return set()


@pytest.mark.parametrize(("folder", "name"), RUNS)
def test_values(project: aerchive.Project, folder: Path, name: str) -> None:
    wanted = expected(folder)["runs"][name]

    run = project[wanted["job_id"]]

    assert [row.label for row in run.saved] == wanted["labels"]
    data = run.result().data(0)
    for label, description in wanted["values"].items():
        assert describe(run.value(label)) == description, label
        assert describe(data[label]) == description, label
    for label, amplitudes in wanted["near"].items():
        state = run.value(label)
        assert type(state) is type(data[label])
        norm = np.linalg.norm(state.data)
        for index, real, imaginary in amplitudes:
            assert abs(state.data[index] - complex(real, imaginary)) < 1e-12 * norm


@pytest.mark.parametrize(("folder", "name"), RUNS)
def test_documents(project: aerchive.Project, folder: Path, name: str) -> None:
    wanted = expected(folder)["runs"][name]

    run = project[wanted["job_id"]]

    record = json.loads(run.record.model_dump_json(include={"provenance"}))
    assert unordered(describe(run.record.status.model_dump())) == unordered(wanted["status"])
    assert {key: record["provenance"][key] for key in wanted["provenance"]} == wanted["provenance"]
    assert unordered(describe(run.record.config.model_dump())) == unordered(wanted["config"])
    assert unordered(describe(run.record.labels.model_dump())) == unordered(wanted["run_labels"])
    assert describe(run.parameter_binds()) == wanted["parameter_binds"]


def unordered(description: Any) -> Any:
    """Documents have no order of keys: their fields are attributes of a group."""
    if isinstance(description, dict) and description.get("type") == "builtins.dict":
        pairs = [(str(key), unordered(item)) for key, item in description["items"]]
        return sorted((pair for pair in pairs if pair[1] not in (None, [])), key=str)
    return description


@contextlib.contextmanager
def told_if_too_new() -> Iterator[None]:
    """Golden circuits are QPY 18: an older Qiskit says which one it needs, and reads the rest."""
    if QPY_VERSION >= 18:
        yield
        return
    with pytest.raises(FormatError, match=r"are QPY version 18, .* for the circuits install Qiskit 2\.6 or newer"):
        yield


@pytest.mark.parametrize(("folder", "name"), RUNS)
def test_circuits(project: aerchive.Project, folder: Path, name: str) -> None:
    wanted = expected(folder)["runs"][name]
    run = project[wanted["job_id"]]
    if not wanted["circuits"]:
        with pytest.raises(aerchive.NotFoundError):
            run.circuits()
        return

    with told_if_too_new():
        circuits = run.circuits()

        assert [describe_circuit(circuit) for circuit in circuits] == wanted["circuits"]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_targets(project: aerchive.Project, folder: Path) -> None:
    run = project[expected(folder)["runs"]["counts and memory"]["job_id"]]

    target = run.target()

    assert target is not None
    assert describe_target(target) == expected(folder)["target"]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_results(project: aerchive.Project, folder: Path) -> None:
    run = project[expected(folder)["runs"]["counts and memory"]["job_id"]]

    result = run.result()

    assert run.counts() == dict(result.get_counts()) == {"10 1": 3, "00 0": 5, "00 1": 2}
    assert run.memory() == result.get_memory()
    assert run.memory()[:2] == ["10 1", "00 0"]
    assert result.results[0].header["metadata"] == {"z": 1, "a": (2,)}
    assert list(result.results[0].header) == ["creg_sizes", "memory_slots", "name", "metadata"]
    assert result.results[0].seed_simulator == 2**64 - 1
    assert (result.date, result.status, result.time_taken) == ("2026-11-22T12:00:00.000000", "COMPLETED", 0.75)


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_attachments(project: aerchive.Project, folder: Path) -> None:
    wanted = expected(folder)["attachments"]

    for attached in project["golden-1"].attachments, project.attachments:
        assert {
            name: describe(value[...] if isinstance(value, aerchive.StoredArray) else value)
            for name, value in attached.items()
        } == wanted


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_what_was_refused_and_what_failed(project: aerchive.Project, folder: Path) -> None:
    run = project[expected(folder)["runs"]["refused"]["job_id"]]

    with pytest.raises(UnsupportedTypeError, match=r"builtins\.type"):
        run.value("foreign")
    assert "foreign" in str(run.record.config.missing)
    failed = project["golden-failed"]
    assert (failed.outcome, failed.record.status.message) == ("error", "no circuits ψ")
    assert failed.record.status.error_type == "builtins.ValueError"


@pytest.mark.parametrize(
    ("folder", "name"),
    [pytest.param(folder, name) for folder in VERSIONS for name in expected(folder)["primitives"]],
)
def test_primitives(project: aerchive.Project, folder: Path, name: str) -> None:
    wanted = expected(folder)["primitives"][name]
    if name == "served":
        pytest.importorskip("qiskit_ibm_runtime", reason=NO_RUNTIME)

    run = project[f"golden-{name}"]

    assert run.program == {"served": "sampler"}.get(name, name)
    assert describe(run.result()) == wanted["result"]
    assert unordered(describe(run.record.config.model_dump())) == unordered(wanted["config"])
    with told_if_too_new():
        assert len(run.circuits()) == 1
        assert describe(run.pubs()) == wanted["pubs"]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("name", ["sampler", "estimator"])
def test_the_class_of_a_primitive_is_known(project: aerchive.Project, folder: Path, name: str) -> None:
    """The name of a class in a file stays what it was, whatever module the class is in."""
    try:
        replay_of(project[f"golden-{name}"], take_resources=True)
    except (aerchive.InvalidInputError, FormatError) as error:  # it had no seed; Qiskit is too old for its circuits
        assert "it was run by" not in str(error)


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_finding(project: aerchive.Project, folder: Path) -> None:
    names = list(expected(folder)["runs"])

    assert [run.name for run in project] == [*names, None, *expected(folder)["primitives"]]
    assert [run.name for run in project.find(params__n__lt=2)] == names[:2]
    assert [run.name for run in project.find(tags="ψ", name="arrays")] == ["arrays"]
    assert [run.job_id for run in project.find(outcome="error")] == ["golden-failed"]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_a_project_of_then_can_be_written_now(project: aerchive.Project, folder: Path) -> None:
    other = aerchive.open(project.path, "r+")
    run = other["golden-1"]

    run.add_tags("new")
    other.save(Result.from_dict(dict(project["golden-3"].result().to_dict()) | {"job_id": "copy"}))

    assert project["golden-1"].tags == ("golden", "ψ", "new")
    assert len(project) == len(expected(folder)["runs"]) + len(expected(folder)["primitives"]) + 2
    assert describe(project["copy"].value("matrix_product_state")) == describe(project["golden-3"].value("matrix_product_state"))


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_golden_files_are_small(folder: Path) -> None:
    assert (folder / "project.h5").stat().st_size < MAX_BYTES
    assert (folder / "expected.json").stat().st_size < MAX_BYTES


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_nothing_is_wrong_with_them(project: aerchive.Project, folder: Path) -> None:
    report = project.verify()

    assert report.ok, str(report)
    assert report.runs == len(expected(folder)["runs"]) + 1 + len(expected(folder)["primitives"])


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_runs_that_move_to_another_project_keep_their_seals(folder: Path, tmp_path: Path) -> None:
    """Their chunks go as they are, with the digests that they had."""
    seals = {run.job_id: run.core_sha256 for run in aerchive.open(folder / "project.h5", "r")}
    target = aerchive.open(tmp_path / "new.h5")

    source_file = aerchive.open(folder / "project.h5", "r").file

    with source_file.read() as source, target.file.write(now(), 5) as session:
        rows = present(read_rows(source))
        write_drafts(session, [stored_draft(source.root.group(run_path(row)), row) for row in rows])

    assert {run.job_id: run.core_sha256 for run in target} == seals
    assert target.verify().ok


def test_this_format_has_a_golden_file() -> None:
    """A format version has a folder, and another for each revision of its encodings."""
    formats = {int(folder.name[1:].partition("-")[0]) for folder in VERSIONS}
    assert formats == set(range(1, layout.FORMAT_VERSION + 1))


def test_every_encoding_has_a_golden_value() -> None:
    """A codec, or a new version of one, without a value in a golden file fails here: add it to ``make.py``."""
    tags: set[str] = set()

    def note(name: str, node: Any) -> None:
        if name.rpartition("/")[2] in ("result", "inputs"):
            tags.update(tags_in(json.loads(node[...].tobytes().replace(b"\0", b""))))

    for folder in VERSIONS:
        with h5py.File(folder / "project.h5", "r") as file:
            file.visititems(note)

    assert {codec.tag for codec in codecs()} | {COUNTS, MEMORY, SCALAR, REFUSED_TAG, REFERENCE_TAG} <= tags
    assert set(tagged_json._READERS) <= tags


def test_every_stamp_has_a_golden_node() -> None:
    stamps: set[tuple[str, int]] = set()

    def note(_name: str, node: Any) -> None:
        if "encoding" in node.attrs:
            stamps.add((text(node.attrs["encoding"]), int(node.attrs["encoding_version"])))

    for folder in VERSIONS:
        with h5py.File(folder / "project.h5", "r") as file:
            file.visititems(note)

    own = {(module.ENCODING, module.VERSION) for module in (circuit_codec, noise_codec, array_codec, target_codec)}
    own |= {("array", layout.ARRAY_VERSION), ("run", RUN_VERSION), ("attachment", ATTACHMENT_VERSION)}
    own |= {(name, DOCUMENT_VERSION) for name in ("result", "primitive_result", "inputs")}
    assert own | {(name, 1) for name in ("counts", "memory", "table")} == stamps


@pytest.mark.skipif(QPY_VERSION < 18, reason="this Qiskit has other names of classes")
def test_the_newest_golden_file_is_what_its_maker_writes(tmp_path: Path) -> None:
    make = importlib.import_module("tests.golden.make")  # it needs Qiskit's client of IBM's service

    make.main(tmp_path)

    assert expected(tmp_path) == expected(make.FOLDER)
