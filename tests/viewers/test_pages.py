"""The pages inside a project file: a README, the rules of the format, and the reader that the README quotes."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

import aerchive
from aerchive.models.json_schema import DOCUMENTS, json_schema

ROOT = Path(__file__).resolve().parents[2]
_PLAIN = re.compile(r"np\.(?:bytes_|int64)\((.*?)\)")
READER = ROOT / "examples" / "read_without_aerchive.py"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    project = aerchive.open(tmp_path_factory.mktemp("pages") / "study.h5")
    other = QuantumCircuit(12, 1, name="other")
    other.ry(0.3, range(12))
    other.save_statevector()
    other.measure(0, 0)
    unitary = QuantumCircuit(2)
    unitary.s(0)
    unitary.cx(0, 1)
    unitary.save_unitary()
    project.save(AerSimulator(method="unitary").run([unitary, unitary]), name="stack")
    project.save(AerSimulator(method="unitary").run(unitary), name="plain")
    project.save(AerSimulator(method="statevector").run([other, other], shots=40, memory=True, seed_simulator=5))
    project.save(AerSimulator(method="statevector").run(other, shots=40, seed_simulator=5), name="last")
    return project


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_without_aerchive", READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(path: Path, name: str) -> list[str]:
    """The rows of a page as h5py gives them, without the spaces that fill them."""
    with h5py.File(path) as file:
        return [row.decode().rstrip() for row in file[name][...]]


def read(program: Path, path: Path) -> str:
    command = [sys.executable, "-I", "-c", _ALONE, program, path]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


_ALONE = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.modules["aerchive"] = sys.modules["qiskit"] = None
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program that can import neither aerchive nor Qiskit."""


def test_the_readme_says_what_the_file_is(project: aerchive.Project) -> None:
    text = " ".join(page(project.path, "README"))

    with h5py.File(project.path) as file:
        for name in ("created_by", "created", "project_uuid"):
            assert file.attrs[name].decode() in text
        for word in ("/runs", "/catalogue", "/format/layout.md", "/objects"):
            assert word in text
            assert word.split("/")[1] in file


def test_the_readme_quotes_the_reader_of_the_examples_whole(project: aerchive.Project) -> None:
    rows = page(project.path, "README")

    quoted = rows[rows.index("read_without_aerchive.py") + 3 :]
    assert quoted == READER.read_text("utf-8").splitlines()
    assert len(quoted) <= 75


def test_the_few_lines_in_the_readme_run(project: aerchive.Project) -> None:
    rows = page(project.path, "README")
    first = rows.index("  import h5py")
    lines = "\n".join(row[2:] for row in rows[first : rows.index("", first)])

    program = lines.replace("NAME.h5", str(project.path))
    answer = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout

    counts, state = answer.split("\n", 1)
    assert lines.count("\n") == 4
    assert {key.decode(): value for key, value in ast.literal_eval(_PLAIN.sub(r"\1", counts)).items()} == (
        project.latest(name="last").counts()
    )
    first_amplitude = np.asarray(project.latest(name="last").array())[0]
    assert complex(state.strip("[").split()[0]) == pytest.approx(first_amplitude, rel=1e-8)


def test_the_rules_of_the_format_are_those_of_this_version(project: aerchive.Project) -> None:
    rows = page(project.path, "format/layout.md")

    assert "".join("".join(rows).split()) == "".join((ROOT / "schemas/v1/layout.md").read_text("utf-8").split())
    assert max(map(len, rows)) <= 116


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_schema_is_json_and_that_of_the_model(project: aerchive.Project, name: str) -> None:
    with h5py.File(project.path) as file:
        found = json.loads(b"".join(file[f"format/{name}.schema.json"][...]))

    assert _without_spaces(found) == _without_spaces(json_schema(name))


def _without_spaces(tree: object) -> str:
    return json.dumps(tree).replace(" ", "")


def test_the_reader_reads_counts_states_and_documents(project: aerchive.Project, reader: ModuleType) -> None:
    runs = {run.path: run for run in project}
    shapes = set()
    with h5py.File(project.path) as file:
        for path, run in runs.items():
            group = file[path]
            assert reader.document(group["config"])["used.method"] == run.record.config.used["method"]
            assert reader.document(group["status"])["outcome"] == "ok"
            for number in range(len(run.result().results) if "counts" in group else 0):
                assert reader.counts(group, number) == run.counts(number)
            for name in {"statevector", "unitary"} & set(group):
                values = reader.array(group[name])
                expected = [np.asarray(run.result().data(number)[name]) for number in range(len(run.result().results))]
                assert np.array_equal(values if len(expected) > 1 else [values], expected)
                shapes.add(values.shape)
    assert {(2, 4, 4), (4, 4), (2, 4096), (4096,)} == shapes


def test_the_reader_finds_nothing_wrong_with_an_honest_file(project: aerchive.Project) -> None:
    text = read(READER, project.path)

    assert text.count("as it was archived\n") == len(list(project))
    assert "changed" not in text


def test_the_program_in_the_readme_is_the_reader(project: aerchive.Project, tmp_path: Path) -> None:
    rows = page(project.path, "README")
    copy = tmp_path / "read_without_aerchive.py"
    copy.write_text("\n".join(rows[rows.index("read_without_aerchive.py") + 3 :]) + "\n", "utf-8")

    assert read(copy, project.path) == read(READER, project.path)


def test_the_reader_finds_a_damaged_chunk(project: aerchive.Project, tmp_path: Path, reader: ModuleType) -> None:
    path = Path(shutil.copy(project.path, tmp_path / "damaged.h5"))
    run = project.latest(name="last").path
    with h5py.File(path) as file:
        place = file[run]["statevector"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset + place.size // 2)
        byte = raw.read(1)
        raw.seek(-1, 1)
        raw.write(bytes([byte[0] ^ 1]))

    assert f"as it was archived /{run}/statevector\n" in read(READER, path)
    with h5py.File(path) as file:
        assert list(
            reader.damaged_chunks(file[run]["statevector"], reader.document(file[run]["seal"])["run_uuid"])
        ) == [0]


def test_the_reader_finds_a_changed_document_and_a_changed_dataset(project: aerchive.Project, tmp_path: Path) -> None:
    path = Path(shutil.copy(project.path, tmp_path / "changed.h5"))
    first, *_, last = (run.path for run in project)
    with h5py.File(path, "r+") as file:
        file[first]["config"].attrs["method"] = np.bytes_("automatic")
        counts = file[last]["counts"]
        rows = counts[...]
        rows["count"][0] += 1
        counts[...] = rows

    lines = read(READER, path).splitlines()

    changed = [lines[index - 1].split()[0] for index, line in enumerate(lines) if line.strip() == "changed"]
    assert changed == [f"/{first}", f"/{last}"]


def test_compaction_makes_the_pages_anew(project: aerchive.Project, tmp_path: Path) -> None:
    path = Path(shutil.copy(project.path, tmp_path / "compacted.h5"))
    with h5py.File(path, "r+") as file:
        del file["README"], file["format/layout.md"]

    aerchive.open(path).compact(force=True)

    assert page(path, "README") == page(project.path, "README")
    assert page(path, "format/layout.md") == page(project.path, "format/layout.md")
    assert aerchive.open(path).verify().ok


def test_a_damaged_page_is_named_and_does_no_harm(project: aerchive.Project, tmp_path: Path) -> None:
    path = Path(shutil.copy(project.path, tmp_path / "damaged.h5"))
    with h5py.File(path) as file:
        place = file["README"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(place.byte_offset + 100)
        raw.write(b"\0\0\0\0")

    damaged = aerchive.open(path)

    (problem,) = damaged.verify().problems
    assert "/README" in problem
    assert damaged.latest(name="last").counts() == project.latest(name="last").counts()


def test_a_new_project_costs_little(tmp_path: Path) -> None:
    aerchive.open(tmp_path / "new.h5").save(AerSimulator().run(QuantumCircuit(1)))

    with h5py.File(tmp_path / "new.h5") as file:
        pages = [file["README"], *file["format"].values()]
        assert sum(one.id.get_storage_size() for one in pages) < 32_000
    assert aerchive.open(tmp_path / "new.h5").space().foreign_bytes == 0


def test_the_lines_in_the_readme_read_a_product_of_matrices(tmp_path: Path, reader: ModuleType) -> None:
    circuit = QuantumCircuit(14)
    circuit.ry(0.3, range(14))
    for qubit in range(13):
        circuit.rzz(0.2, qubit, qubit + 1)
    circuit.save_statevector()
    project = aerchive.open(tmp_path / "product.h5")
    run = project.save(AerSimulator(method="statevector").run(circuit), max_infidelity=1e-12)
    rows = page(project.path, "README")
    first = rows.index("  import h5py, numpy as np")
    lines = "\n".join(row[2:] for row in rows[first : rows.index("", first)])
    with h5py.File(project.path) as file:
        path = f"runs/{file['catalogue'][-1]['path'].decode()}"
        program = lines.replace("NAME.h5", str(project.path)).replace("runs/DAY/RUN", path)
        program = program.replace("print(", "np.save(sys.argv[1], ").replace("import h5py", "import sys, h5py")
        subprocess.run([sys.executable, "-I", "-c", program, tmp_path / "state.npy"], check=True)
        also = reader.array(file[f"{path}/statevector"])

    expected = np.asarray(run.state())
    np.testing.assert_allclose(np.load(tmp_path / "state.npy"), expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(also, expected, rtol=0, atol=1e-15)
    assert "as it was archived" in read(READER, project.path)


def test_the_reader_does_not_take_a_residual_for_a_state(tmp_path: Path, reader: ModuleType) -> None:
    circuit = QuantumCircuit(16)
    for qubit in range(16):
        circuit.u(0.3 + qubit, 0.2 * qubit, 0.5, qubit)
    circuit.save_statevector()
    project = aerchive.open(tmp_path / "predicted.h5")
    run = project.save(AerSimulator(method="statevector").run(circuit), compression="structure")
    with h5py.File(project.path) as file, pytest.raises(ValueError, match="says how to restore the amplitudes"):
        reader.array(file[f"{run.path}/statevector"])
