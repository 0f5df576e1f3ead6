"""``aerchive validate``: each departure from the format is named with its node and the rule."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5a, h5s, h5t
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

import aerchive
from aerchive.models.base import Document
from aerchive.project.care import validate
from aerchive.project.care.validate import Departure

LAYOUT = Path(__file__).resolve().parents[3] / "schemas" / "v1" / "layout.md"
RULES = {line.lstrip("#").strip() for line in LAYOUT.read_text("utf-8").splitlines() if line.startswith("#")}
Change = Callable[[h5py.File, h5py.Group], None]
CHANGES: dict[str, tuple[Change, str, str]] = {}
"""By name: what is done to the file, given the root and the group of the run, and then the node and rule expected."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("validate") / "study.h5"
    circuit = QuantumCircuit(9, name="product")
    circuit.ry(0.2, range(9))
    circuit.save_statevector()
    circuit.save_expectation_value(np.diag([1, -1]), [0], label="z")
    circuit.measure_all()
    project = aerchive.open(path)
    run = project.save(AerSimulator().run(circuit, shots=20, memory=True), name="one", tags=["ψ"], params={"d": 0.5})
    run.attach("note", "seen")
    return path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, list[Departure]]]:
    """The work of the child, in this process."""
    monkeypatch.setenv("AERCHIVE_VET", "off")
    monkeypatch.setattr(Document, "further", Document.further)
    return lambda path: validate.answer(str(path), 5.0)


def run_of(file: h5py.File) -> h5py.Group:
    (day,) = file["runs"].values()
    (run,) = day.values()
    return run


def changed(name: str, node: str, rule: str) -> Callable[[Change], Change]:
    """Enters a change; ``RUN`` and ``CIRCUITS`` in the node stand for paths."""

    def enter(change: Change) -> Change:
        CHANGES[name] = change, node, rule
        return change

    return enter


def replace_attribute(node: h5py.HLObject, name: str, value: bytes, *, cset: int, pad: int, width: int) -> None:
    kind = h5t.C_S1.copy()
    kind.set_size(width)
    kind.set_cset(cset)
    kind.set_strpad(pad)
    if name in node.attrs:
        del node.attrs[name]
    h5a.create(node.id, name.encode(), kind, h5s.create(h5s.SCALAR)).write(np.array(value, f"S{width}"), kind)


@changed("an attribute that no model has", "RUN/config", "3. A run")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["config"].attrs["colour"] = 5


@changed("a text of variable length", "RUN/status@message", "1. The container")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["status"].attrs["message"] = "variable"


@changed("a text in ASCII", "RUN/labels@name", "Text")
def _(_file: h5py.File, run: h5py.Group) -> None:
    replace_attribute(run["labels"], "name", b"one", cset=h5t.CSET_ASCII, pad=h5t.STR_NULLPAD, width=3)


@changed("a text wider than it must be", "RUN/labels@notes", "Text")
def _(_file: h5py.File, run: h5py.Group) -> None:
    replace_attribute(run["labels"], "notes", b"four", cset=h5t.CSET_UTF8, pad=h5t.STR_NULLPAD, width=10)


@changed("a text that is not UTF-8", "RUN@job_id", "1. The container")
def _(_file: h5py.File, run: h5py.Group) -> None:
    replace_attribute(run, "job_id", b"\xff\xfe", cset=h5t.CSET_UTF8, pad=h5t.STR_NULLPAD, width=2)


@changed("a member that the format does not name", "RUN/More", "3. A run")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run.create_group("More")


@changed("an array without its kind", "RUN/statevector", "`result`")
def _(_file: h5py.File, run: h5py.Group) -> None:
    del run["statevector"].attrs["kind"]


@changed("another filter", "RUN/bzipped", "1. The container")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run.create_dataset("bzipped", data=np.zeros(5000), chunks=(5000,), compression="gzip", fletcher32=True)


@changed("a big-endian dataset", "RUN/swapped", "1. The container")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["swapped"] = np.arange(4, dtype=">f8")


@changed("a table with another column", "RUN/counts", "Tables")
def _(_file: h5py.File, run: h5py.Group) -> None:
    del run["counts"]
    run["counts"] = np.zeros(2, [("experiment", "<u4"), ("bits", "S9"), ("count", "<i8")])


@changed("a seal without the digest", "RUN/seal", "3. A run")
def _(_file: h5py.File, run: h5py.Group) -> None:
    del run["seal"].attrs["core_sha256"]


@changed("a soft link", "RUN/soft", "2. The tree")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["soft"] = h5py.SoftLink("/catalogue")


@changed("a link to something that is no object", "RUN/target", "4. Objects")
def _(file: h5py.File, run: h5py.Group) -> None:
    run["target"] = file["runs"]


@changed("a result that is no JSON", "RUN/result", "Text")
def _(_file: h5py.File, run: h5py.Group) -> None:
    attributes = dict(run["result"].attrs)
    del run["result"]
    run["result"] = np.array([b"{nonsense"])
    for name in ("encoding", "encoding_version"):
        run["result"].attrs[name] = attributes[name]


@changed("checksums of nothing", "RUN/nothing.checksums", "5. Checksums and digests")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["nothing.checksums"] = np.zeros(2)


@changed("an attachment with half a name", "RUN/attachments/.hidden", "Attachments")
def _(_file: h5py.File, run: h5py.Group) -> None:
    run["attachments"].move("note", ".hidden")


@changed("an object that is elsewhere", "CIRCUITS", "4. Objects")
def _(_file: h5py.File, run: h5py.Group) -> None:
    replace_attribute(
        run["circuits"], "object", b"objects/circuits/00", cset=h5t.CSET_UTF8, pad=h5t.STR_NULLPAD, width=19
    )


@changed("a column of the catalogue that is damaged", "/catalogue", "`/catalogue`")
def _(file: h5py.File, _run: h5py.Group) -> None:
    rows = file["catalogue"][...]
    rows["shots"] += 1
    file["catalogue"][...] = rows


@pytest.fixture(scope="module")
def departures(honest: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Departure]:
    """All that is said of one file with all of the changes."""
    path = Path(shutil.copy(honest, tmp_path_factory.mktemp("changed") / "changed.h5"))
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        run = run_of(file)
        places = {"RUN": run.name, "CIRCUITS": f"/{run['circuits'].attrs['object'].decode()}"}
        for change, _, _ in CHANGES.values():
            change(file, run)
    further, before = Document.further, os.environ.get("AERCHIVE_VET")
    try:
        found = validate.answer(str(path), 5.0)["departures"]
    finally:
        Document.further = further
        os.environ.pop("AERCHIVE_VET")
        if before is not None:
            os.environ["AERCHIVE_VET"] = before
    return [
        Departure(one.node.replace(places["RUN"], "RUN").replace(places["CIRCUITS"], "CIRCUITS"), *one[1:])
        for one in found
    ]


@pytest.mark.parametrize("name", CHANGES)
def test_a_departure_is_named_with_its_node_and_rule(name: str, departures: list[Departure]) -> None:
    _, node, rule = CHANGES[name]

    assert (node, rule) in [one[:2] for one in departures], departures


def test_every_rule_is_a_heading_of_the_layout(departures: list[Departure]) -> None:
    rules = {value for name, value in vars(validate).items() if name.isupper() and isinstance(value, str)}
    rules |= {kind.rule for kind in validate._KINDS.values()}

    assert rules <= RULES
    assert {one.rule for one in departures} <= rules


def test_an_honest_file_has_no_departures(honest: Path, here: Callable[[Path], dict[str, list[Departure]]]) -> None:
    found = here(honest)

    assert found["departures"] == found["others"] == []
    assert found["nodes"] > 20  # type: ignore[operator]


def test_members_of_other_programs_beside_the_runs_are_no_departures(
    honest: Path, tmp_path: Path, here: Callable[[Path], dict[str, list[Departure]]]
) -> None:
    path = Path(shutil.copy(honest, tmp_path / "added.h5"))
    with h5py.File(path, "r+") as file:
        file["mine"] = np.arange(3)

    assert here(path)["departures"] == []
    assert here(path)["others"] == ["/mine"]


def test_the_container_of_h5py_is_a_departure(
    honest: Path, tmp_path: Path, here: Callable[[Path], dict[str, list[Departure]]]
) -> None:
    path = tmp_path / "rewritten.h5"
    with h5py.File(honest) as source, h5py.File(path, "w") as target:
        for name, value in source.attrs.items():
            target.attrs.create(name, value, dtype=source.attrs.get_id(name).dtype)
        for name in source:
            source.copy(name, target)

    assert [one for one in map(tuple, here(path)["departures"]) if one[1] == "1. The container"]


def aerchive_validate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "aerchive", "validate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_does_without_qiskit(honest: Path) -> None:
    answer = aerchive_validate(honest)

    assert answer.returncode == 0
    assert re.fullmatch(rf"{honest}: \d+ groups and datasets, as the format says\n", answer.stdout)
    assert "qiskit" not in answer.stderr


def test_the_command_prints_json_and_a_status(honest: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(honest, tmp_path / "changed.h5"))
    with h5py.File(path, "r+") as file:
        run_of(file).create_group("More")
        node = f"{run_of(file).name}/More"

    answer = aerchive_validate(path, "--json")

    assert answer.returncode == 1
    report = json.loads(answer.stdout)
    assert report["ok"] is False
    (departure,) = report["departures"]
    assert departure == {"node": node, "rule": "3. A run", "text": "the format names no such member here"}
    assert aerchive_validate().returncode == 2


def test_what_is_no_project_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    path.write_text("no HDF5 at all")

    report = aerchive.validate(path)

    assert not report.ok
    assert report.departures[0].rule == "1. The container"
