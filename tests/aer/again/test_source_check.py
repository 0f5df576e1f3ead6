"""A generated program has what its writer meant and nothing else, whatever the texts of the file are."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import XGate

import aerchive
import aerchive.aer.capturing.provenance as capturing
from aerchive.aer import AerSimulator, SamplerV2
from aerchive.aer.again.source_check import checked_program, comment, quoted
from aerchive.errors import UnsafeContentError
from aerchive.models.provenance import Provenance
from aerchive.project.run import Run

LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
CODE = "import pathlib; pathlib.Path(__MARKER__).touch()"
ENDS = [
    *LINE_ENDS,
    "\0",
    "\\",
    "\\\n",
    "'",
    '"',
    "'''",
    '"""',
    "'\n",
    '"\n',
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ud800",
    "#\n",
]


@pytest.mark.parametrize("end", ENDS)
def test_no_text_ends_a_literal_or_a_comment(end: str) -> None:
    text = f"x{end}{CODE}{end}y"
    program = checked_program([comment(text), f"a = float({quoted(text)})"], [comment(text)], [text], [])
    assert len(program.splitlines()) == 2
    assert program.isascii() or end.isprintable()
    (statement,) = ast.parse(program).body
    assert ast.literal_eval(statement.value.args[0]) == text  # type: ignore[attr-defined]


MEANT = {"comments": ["# a"], "texts": ["t"], "methods": ["h"]}
REFUSED = {
    "a second statement": ["# a", "circuit = print('t'); circuit = 1"],
    "a statement in a comment": ["# a\nprint('t')"],
    "a statement over two lines": ["# a", "circuit = 1\nprint('t')"],
    "another comment": ["# a", "circuit = 1  # b"],
    "no comment": ["circuit = 1"],
    "another text": ["# a", "circuit = print('u')"],
    "bytes": ["# a", "circuit = print(b't')"],
    "another function": ["# a", "circuit = eval('t')"],
    "another method": ["# a", "circuit.system('t')"],
    "a call of a call": ["# a", "circuit.h(1)(2)"],
    "another import": ["# a", "import os"],
    "an import from": ["# a", "from os import system", "system('t')"],
    "a private attribute": ["# a", "circuit.__class__.h(1)"],
    "a lambda": ["# a", "circuit = lambda: 1"],
    "a text with values": ["# a", "circuit = f'{1}'"],
    "a definition": ["# a", "def circuit():", "    h(1)"],
    "no Python": ["# a", "circuit = ("],
    "a NUL": ["# a", "circuit = '\0'"],
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_what_was_not_meant_is_refused(lines: list[str]) -> None:
    with pytest.raises(UnsafeContentError, match="the program of this run is not handed out"):
        checked_program(lines, **MEANT)


def test_what_was_meant_is_handed_out() -> None:
    lines = ["# a", "from qiskit import QuantumCircuit", "", "circuit = QuantumCircuit(1)", "circuit.h(\n    0,\n)"]
    assert checked_program(lines, **MEANT) == "\n".join(lines)


# -- every text of a run, one after the other

PLACES = [
    *("circuit name", "quantum register", "classical register", "gate label", "save label", "metadata key"),
    *("metadata value", "parameter", "vector", "option name", "option value", "nested option", "configuration"),
    *("run name", "tag", "notes", "params key", "params value"),
]


def run_with(path: Path, place: str, text: str) -> Run:
    """A run that has the text in one place and ordinary texts in all others."""

    def at(name: str, ordinary: str) -> str:
        return text if place == name else ordinary

    theta, vector = Parameter(at("parameter", "theta")), ParameterVector(at("vector", "v"), 2)
    circuit = QuantumCircuit(
        QuantumRegister(1, at("quantum register", "left")),
        ClassicalRegister(1, at("classical register", "right")),
        name=at("circuit name", "name"),
        metadata={at("metadata key", "key"): at("metadata value", "value")},
    )
    circuit.append(XGate(label=at("gate label", "label")), [0])
    circuit.rx(theta, 0)
    circuit.ry(vector[1], 0)
    circuit.save_statevector(label=at("save label", "saved"))
    circuit.measure(0, 0)
    options: dict[str, Any] = {
        at("option name", "mine"): at("option value", "value"),
        "header": {"deep": [at("nested option", "deep")]},
    }
    simulator = AerSimulator(project=path, description=at("configuration", "described"))
    job = simulator.run(
        circuit,
        parameter_binds=[{theta: [0.5], vector[1]: [0.25]}],
        shots=5,
        seed_simulator=1,
        name=at("run name", "named"),
        tags=[at("tag", "tag")],
        notes=at("notes", "notes"),
        params={at("params key", "key"): at("params value", "value")},
        **options,
    )
    job.result()
    return aerchive.open(path, "r").latest()


def shape(program: str) -> str:
    """The program without its texts and the names of its variables."""
    tree = ast.parse(program)
    names = {name: f"name_{number}" for number, name in enumerate(_assigned(tree))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.dump(tree)


def _assigned(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id


def check(run: Run, plain: str, text: str, tmp_path: Path, marker: Path) -> None:
    program = run.script()
    assert shape(program) == shape(plain), program
    assert len(program.splitlines()) == program.count("\n") + (not program.endswith("\n"))
    file = tmp_path / "again.py"
    file.write_text(program, "utf-8")
    runpy.run_path(str(file))
    assert not marker.exists(), text


def hostile(marker: Path, ends: list[str]) -> str:
    """A text with code after each of these ends of a line or of a literal."""
    code = CODE.replace("__MARKER__", repr(str(marker)))
    return "x" + "".join(f"{end}{code}" for end in ends) + "  #"


@pytest.mark.parametrize("place", PLACES)
def test_no_text_of_a_run_becomes_code(tmp_path: Path, place: str) -> None:
    marker = tmp_path / "code-ran"
    text = hostile(marker, [*LINE_ENDS, "'\n", '"\n', "\\\n"])
    ordinary = "1 2" if place == "option name" else "ordinary"
    plain = run_with(tmp_path / "p.h5", place, ordinary).script()
    try:
        run = run_with(tmp_path / "q.h5", place, text)
    except aerchive.InvalidInputError:  # tags have no line ends
        assert place in ("tag", "params key", "run name"), place
        return
    check(run, plain, text, tmp_path, marker)


TEXTS = [name for name, field in Provenance.model_fields.items() if "str" in str(field.annotation)]


@pytest.mark.parametrize("field", TEXTS)
def test_no_text_of_the_provenance_becomes_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    marker = tmp_path / "code-ran"
    text = hostile(marker, LINE_ENDS)
    plain = run_with(tmp_path / "p.h5", "", "").script()
    true = capturing._provenance
    before = getattr(true(0, "", None), field)
    changed = dict.fromkeys(before, text) or {"X": text} if isinstance(before, dict) else text
    monkeypatch.setattr(capturing, "_provenance", lambda *asked: true(*asked).model_copy(update={field: changed}))
    check(run_with(tmp_path / "q.h5", "", ""), plain, text, tmp_path, marker)


def test_no_text_of_a_primitive_becomes_code(tmp_path: Path) -> None:
    marker = tmp_path / "code-ran"
    text = hostile(marker, ["\n", "'\n"])
    circuit = QuantumCircuit(QuantumRegister(1, text), ClassicalRegister(1, "c"), name=text)
    circuit.h(0)
    circuit.measure(0, 0)
    sampler = SamplerV2(project=tmp_path / "p.h5", seed=1, options={"backend_options": {"description": text}})
    sampler.run([circuit], shots=5).result()
    program = aerchive.open(tmp_path / "p.h5", "r").latest().script()
    ast.parse(program)
    assert CODE.partition(";")[0] not in program.splitlines()
    assert [line for line in program.splitlines() if line.startswith("import ")] == []
    assert not marker.exists()
