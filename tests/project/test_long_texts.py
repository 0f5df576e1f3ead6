"""Texts and documents of any size come back, through every way of reading them, and whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.cli import main
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.times import now
from tests.holding import held
from tests.jobs import bell, make_result

MIB = 2**20
SIZES = (0, 31_999, 32_000, 32_001, MIB - 1, MIB, MIB + 1)
CHARACTERS = {"ASCII": "x", "2 bytes": "ψ", "4 bytes": "😀"}
MATRIX = np.arange(65_536.0).reshape(256, 256)


def text_of(size: int, character: str) -> str:
    """A text of so many bytes, of which no two pieces are equal."""
    width = len(character.encode())
    text = "".join(f"{number:08}{character * 200}" for number in range(1 + size // (8 + 200 * width)))
    cut = text.encode()[:size].decode(errors="ignore")
    return cut + "x" * (size - len(cut.encode()))


def draft_of(text: str, job_id: str) -> RunDraft:
    """A run that has a text wherever the catalogue has one."""
    return RunDraft(
        job_id=job_id,
        created=now(),
        config=RunConfig(backend_name=text),
        status=RunStatus(outcome="error", message=text),
        labels=RunLabels(name=text, tags=["a", text], notes=text, params={"v": text}),
    )


def check_readers(project: aerchive.Project, texts: dict[str, str]) -> None:
    """All that can be asked about runs by their job ids, each of which has a text."""
    ids = {text: job_id for job_id, text in texts.items()}  # so a failure prints no texts

    def known(values: Any) -> list[Any]:
        """Of each text the run that has it; of tags those of the second one."""
        texts = (one[1] if isinstance(one, list | np.ndarray) else one for one in values)
        return [ids.get("" if text is None or text is pandas.NA else text, "another text") for text in texts]

    for job_id, text in texts.items():
        run = project[job_id]
        assert known((run.name, run.notes, run.params["v"], run.tags[1])) == [job_id] * 4
        assert [one.job_id for one in project.find(params__v=text, name=text, tags=text)] == [job_id]
    columns, frame, arrow = project.columns(), project.to_pandas(), project.to_arrow()
    for name in ("name", "backend", "message", "tags", "params.v"):
        assert (
            known(columns[name].values) == known(frame[name].tolist()) == known(arrow[name].to_pylist()) == list(texts)
        )
    assert known(project.count_by("name")) == known(project.count_by("backend")) == list(texts)
    in_order = sorted((text for text in texts.values() if text), key=str.encode)
    assert known(run.name for run in project.runs(sort="name", descending=False) if run.name) == known(in_order)
    assert [run.outcome for run in project] == ["error"] * len(texts)
    assert str(project.jobs(None)).count("error") == len(texts)


def test_texts_of_all_sizes_come_back(path: Path, tmp_path: Path) -> None:
    texts = {f"{name}, {size}": text_of(size, one) for name, one in CHARACTERS.items() for size in SIZES}
    texts_by_key = {f"o{number}": text for number, text in enumerate(texts.values())} | {"escaped": "\\" * 16_001}
    first = text_of(MIB + 1, "x")
    provenance = Provenance(
        python="3.11", aerchive="0", numpy="2", h5py="3", hdf5="2", host="host", platform="Linux", script=first,
        cpu_count=1, cpu_available=1, threads={"OMP_NUM_THREADS": first},
    )  # fmt: skip
    draft = RunDraft(
        job_id="job",
        created=now(),
        config=RunConfig(options=texts_by_key, used={"checksums": first}),
        status=RunStatus(outcome="error", traceback=first),
        labels=RunLabels(params={"checksums": first, "list": [["ψ" * 200_000]]}),
        provenance=provenance,
    )
    project = aerchive.open(path)
    project.archive(draft)

    options = aerchive.open(path)["job"].record.config.options
    assert [name for name, text in texts_by_key.items() if text != options[name]] == []
    project.copy(tmp_path / "copy.h5")
    project["job"].add_tags("more")
    project.compact()
    for one, labels in ((tmp_path / "copy.h5", draft.labels), (path, project["job"].record.labels)):
        read = aerchive.open(one, "r")
        is_whole = read["job"].record == draft.record.model_copy(update={"labels": labels})
        assert is_whole
        assert read.verify().problems == []


def test_every_reader_gives_whole_texts(path: Path) -> None:
    texts = {
        "none": "",
        "attribute": text_of(32_000, "x"),
        "dataset": text_of(32_001, "x"),
        "chunks": text_of(MIB + 1, "x"),
    }
    project = aerchive.open(path)
    with project.transaction():
        for job_id, text in texts.items():
            project.archive(draft_of(text, job_id))

    project = aerchive.open(path)
    check_readers(project, texts)
    project["chunks"].add_tags("more")
    project.delete_job("chunks")
    project.restore("chunks")

    assert project["chunks"].tags[2] == "more"
    check_readers(project, texts)
    assert project.verify().problems == []
    project["chunks"].rename("short")
    project["chunks"].annotate(notes="short")
    assert (project["chunks"].name, project["chunks"].notes) == ("short", "short")
    assert project.verify().problems == []


def test_a_text_of_5_mib_waits_while_a_viewer_holds_the_project(path: Path) -> None:
    text = text_of(5 * MIB, "x")
    project = aerchive.open(path, lock_timeout=0.05)
    project.save(make_result("first"))
    project.delete_job("first")
    draft = draft_of(text, "second")
    with held(path):
        project.archive(draft)

        is_whole = aerchive.open(path, "r")["second"].record == draft.record
        assert is_whole

    project.save(make_result("third"))
    project.delete_job("third")

    check_readers(project, {"second": text})
    is_whole = project["second"].record == draft.record
    assert is_whole
    assert not project["second"].pending
    assert project.verify().problems == []


def test_a_job_id_of_any_length(path: Path) -> None:
    ids = [text_of(size, "j") for size in (39, 41, 32_001, MIB + 1)]
    project = aerchive.open(path)
    for job_id in ids:
        project.save(make_result(job_id), name="n")

    project = aerchive.open(path)
    for job_id in ids:
        project[job_id].add_tags("found")
        assert project[job_id].counts() == {"1": 10}
    assert [run.job_id for run in project.find(tags="found")] == ids
    assert project.to_pandas()["job_id"].tolist() == ids
    assert len(project.table(y="counts.1")) == len(ids)
    assert project.verify().problems == []
    project.delete_jobs(ids)
    assert len(project) == 0


def test_matrices_and_lists_as_parameters(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = aerchive.open(path)
    for number in range(2):
        params = {"matrix": MATRIX + number, "list": (MATRIX + number).tolist(), "n": number}
        project.save(make_result(f"job-{number}", energy=float(number)), params=params)

    project = aerchive.open(path)
    assert np.array_equal(project["job-1"].params["matrix"], MATRIX + 1)
    assert [run.job_id for run in project.find(params__matrix=MATRIX + 1)] == ["job-1"]
    assert [run.job_id for run in project.find(params__matrix__ne=MATRIX + 1)] == ["job-0"]
    assert [run.job_id for run in project.find(params__list=MATRIX.tolist())] == ["job-0"]
    assert np.array_equal(project.to_pandas()["params.matrix"][1], MATRIX + 1)
    assert project.to_pandas()["params.list"].tolist() == [MATRIX.tolist(), (MATRIX + 1).tolist()]
    assert project.to_arrow()["params.list"].to_pylist()[0] == str(MATRIX.tolist())
    assert project.table("n", "energy").values.tolist() == [[0, 0.0], [1, 1.0]]
    assert np.array_equal(project.table("matrix", "energy")["matrix"][1], MATRIX + 1)
    assert project.table()["params.list"].tolist()[0] == tuple(map(tuple, MATRIX.tolist()))
    line = project.table("matrix", "energy", kind="xarray")
    assert line["matrix"].values.tolist() == [tuple(map(tuple, (MATRIX + number).tolist())) for number in range(2)]
    assert line["energy"].values.tolist() == [0.0, 1.0]
    assert main(["-p", str(path), "export", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["params.list"] == str(MATRIX.tolist())
    assert project.verify().problems == []


def test_names_of_20_000_circuits_and_a_large_header(path: Path) -> None:
    names = [f"a circuit with quite a long name, number {number}, of a sweep" for number in range(20_000)]
    result = make_result("sweep")
    result.results[0].header = {"name": "c", "text": text_of(MIB + 1, "h"), "list": list(range(300_000))}
    config = RunConfig(circuit_names=names, num_circuits=len(names))
    project = aerchive.open(path)
    project.archive(RunDraft("names", now(), config, RunStatus(outcome="ok")))
    project.save(result)

    project = aerchive.open(path)
    assert project["names"].record.config.circuit_names == names
    header = project["sweep"].result().results[0].header
    assert header == result.results[0].header
    assert project.verify().problems == []


def test_options_and_metadata_of_a_simulation(path: Path) -> None:
    circuit = bell()
    circuit.metadata = {"text": text_of(MIB + 1, "m")}
    simulator = AerSimulator(project=path)
    job = simulator.run(circuit, shots=2, tags=["t" * 40_000], noise_comment=text_of(MIB + 1, "o"))

    run = aerchive.open(path)[job.job_id()] if job.result() else None

    assert run is not None
    assert run.record.config.options["noise_comment"] == text_of(MIB + 1, "o")
    assert run.circuits()[0].metadata == circuit.metadata
    assert run.result().results[0].header["metadata"] == circuit.metadata


def test_names_of_circuits_where_no_result_tells_them(path: Path) -> None:
    """Of a primitive they are in the shared object of the circuits, as one long text."""
    circuits = []
    for number in range(3):
        circuit = QuantumCircuit(1, name=f"{number}" + "c" * 20_000)
        circuit.measure_all()
        circuits.append(circuit)
    project = aerchive.open(path)
    SamplerV2(project=project).run(circuits, shots=5).result()

    table = project.table(y=["circuit", "counts.0"])

    assert table["circuit"].tolist() == [circuit.name for circuit in circuits]
