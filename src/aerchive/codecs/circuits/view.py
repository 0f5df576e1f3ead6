"""The view of circuits: what people see of them in any HDF5 viewer, as OpenQASM 3, as a drawing and in numbers.

Qiskit writes the OpenQASM and makes the drawing. Its exporter refuses Aer's own instructions, and others that OpenQASM
does not have; so each of these is exported as a call of a gate that does not exist, whose line then becomes a comment.
See decision 0034, and for the file as a whole decision 0029.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    BreakLoopOp,
    CircuitInstruction,
    ContinueLoopOp,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Gate,
    Instruction,
    Measure,
    ParameterExpression,
    Reset,
    Store,
)
from qiskit.qasm3 import Exporter
from qiskit_aer.library.save_instructions.save_data import SaveData

from aerchive import layout
from aerchive.codecs.circuits.losses import describe_error
from aerchive.codecs.circuits.reading import reraise_unless_failure
from aerchive.private_names import private, private_if_any
from aerchive.storage.chunks.drafts import AttributeValue, GroupDraft, rows_dataset
from aerchive.text import shown

PART = "circuit_"
MOST_ROW_BYTES = 120
"""Greatest width of a row of OpenQASM, in bytes of UTF-8."""
_FOLD = 100
_MOST_TITLE = 50
_MOST_VALUE = 60
_MOST_VALUES = 8
_MOST_LISTED = 12
_KEPT_OF_NAME = 40
_ABOUT = (
    "depth: layers of operations; size: operations without barriers and savings; "
    "qubit 0 is the top line of the drawing and the last digit of a bit string"
)


def has_made_up_name(circuit: QuantumCircuit) -> bool:
    """Whether Qiskit generated the name: ``circuit-7``, or ``mine-8`` for ``mine`` with its parameters assigned."""
    match = _COUNTED.match(str(circuit.name))
    return match is not None and match[1] in (QuantumCircuit.prefix, private_if_any(circuit, "_base_name"))


class _Extent(NamedTuple):
    """How much of the circuits is shown.

    Attributes:
        circuits: Greatest number of circuits.
        instructions: Greatest number of instructions in the text of all circuits, with those of blocks and definitions.
        head: Number of instructions that are shown of a circuit with more than that.
        drawn: Greatest effort for the drawings of all circuits, in instructions times qubits.
        counted: Greatest number of instructions of a circuit of which depth and size are computed.
        defined_qubits: Greatest number of qubits of a gate of Qiskit's library whose definition is written.
        hint: What people can do to see more.
    """

    circuits: int
    instructions: int
    head: int
    drawn: int
    counted: int
    defined_qubits: int
    hint: str = ""


MOST_AT_ONCE = 8
"""Greatest number of circuits of a job that are shown when the job is archived."""
_QUICK = _Extent(
    circuits=MOST_AT_ONCE,
    instructions=50,
    head=16,
    drawn=120,
    counted=100,
    defined_qubits=0,
    hint="; aerchive illustrate writes more",
)
"""Takes a millisecond, and another one to be written: of each instruction 15 microseconds for the text, 6 for the
depth, and 6 in the drawing on each qubit."""
_COMPLETE = _Extent(circuits=64, instructions=20_000, head=20_000, drawn=30_000, counted=1_000_000, defined_qubits=6)
_MOST_DEFINED_QUICKLY = 4
_ASCII = str.maketrans(
    {
        **dict.fromkeys("┌┐└┘├┤┬┴┼╞╡╥╨╩╪╫╬", "+"),
        **{"─": "-", "═": "=", "│": "|", "║": "|", "■": "*", "░": ":", "«": "<", "»": ">"},
    }
)
"""The signs of Qiskit's drawing, which silx and h5dump show as escapes, in ASCII."""
_PI = re.compile("π([^ ─]*)[ ─]")
_WIRES_ANYWAY = 6
"""The effort of drawing an instruction, besides that for each qubit, in qubits."""

_NOTE = f"note_{uuid.uuid4().hex}_"
"""Beginning of the names of the gates that stand for comments; no circuit of another process can have it."""
_NOTED = re.compile(rf"( *){_NOTE}(\d+) ?(.*);")
_BITS = "\0"
"""Stands in a comment for the qubits as the exporter names them; `_printable` lets no other one through."""
_LONG = 49
_LONG_NAME = re.compile(rf"\b[^\W\d]\w{{{_LONG - 1},}}")
_COUNTED = re.compile(r"(.*)-\d+(-\d+)?\Z", re.DOTALL)
"""Names that Qiskit generates: with a running number, and with the number of the process if it is not the first."""
_STATEMENTS = frozenset({Barrier, Measure, Reset, Delay, Store, BreakLoopOp, ContinueLoopOp})
_OWN = frozenset({Gate, ControlledGate})
"""Classes of gates that users define."""
_QUICKLY_DEFINED = "qiskit.circuit.library.standard_gates."
_LIBRARY = "qiskit.circuit.library."


def circuit_view(circuits: Sequence[QuantumCircuit], *, complete: bool, number: int | None = None) -> GroupDraft:
    """Makes the view of the circuits of a job, the group ``view`` of their object.

    Args:
        circuits: The circuits, as they are stored, in the order of the job; they are not changed.
        complete: Whether all that a viewer can show is made, which can take seconds, or only what takes 2 milliseconds.
        number: Number of circuits in the job if ``circuits`` are only the first of them.

    Returns:
        The group: text, drawing and numbers of the only circuit, or a group with these for each of the first circuits.
        No circuit makes this function raise an exception.
    """
    extent = _COMPLETE if complete else _QUICK
    number = len(circuits) if number is None else number
    parts: dict[str, GroupDraft] = {}
    instructions, drawn = extent.instructions, extent.drawn
    for index, circuit in enumerate(circuits[: extent.circuits]):
        if instructions <= 0:
            break
        shown_of_it = instructions if len(circuit.data) <= instructions else min(instructions, extent.head)
        part = _Part(circuit, extent._replace(instructions=shown_of_it, drawn=drawn))
        parts[f"{PART}{index}"] = part.draft()
        instructions, drawn = instructions - part.written, drawn - part.drawn
    if number == 1:
        part_of_one = parts[f"{PART}0"]
        return GroupDraft({**part_of_one.attributes, "about": _ABOUT}, part_of_one.datasets, mutable=True)
    attributes: dict[str, AttributeValue] = {"title": f"{number} circuits", "about": _ABOUT}
    if number > len(parts):
        attributes["left_out"] = f"{number - len(parts)} of {number} circuits{extent.hint}"
    return GroupDraft(attributes, groups=parts, mutable=True)


def view_without_angles(view: GroupDraft) -> GroupDraft:
    """Makes the view of circuits that differ from other ones only in the angles of their gates.

    Args:
        view: The view of the other circuits.

    Returns:
        Its numbers, without the texts and the drawings, which show angles.
    """
    attributes = dict(view.attributes)
    if view.datasets:
        attributes["left_out"] = f"the text and the drawing{_QUICK.hint}"
    groups = {name: view_without_angles(part) for name, part in view.groups.items()}
    return GroupDraft(attributes, groups=groups, mutable=view.mutable)


class _Part:
    """What is shown of one circuit.

    Args:
        circuit: The circuit.
        extent: How much is shown of it.

    Attributes:
        written: Number of instructions in the text.
        drawn: Effort for the drawing.
    """

    def __init__(self, circuit: QuantumCircuit, extent: _Extent) -> None:
        self._circuit = circuit
        self._extent = extent
        self.written = 1  # an empty circuit takes time, too
        self.drawn = 0

    def draft(self) -> GroupDraft:
        """The group of the circuit."""
        try:
            attributes, left_out = self._facts(), []
            rows, is_whole = self._openqasm()
        except BaseException as error:  # noqa: BLE001  (a user's class may raise anything; interrupts are raised again)
            reraise_unless_failure(error)
            return GroupDraft({"title": "a circuit", "left_out": f"all of it ({_printable(describe_error(error))})"})
        datasets = {layout.OPENQASM: rows_dataset([row.encode() for row in rows])}
        if "depth" not in attributes:
            left_out.append("depth and size")
        if not is_whole:
            left_out.append("the end of the text")
        effort = self.written * (self._circuit.num_qubits + _WIRES_ANYWAY)
        if is_whole and effort <= self._extent.drawn and (drawing := _drawing(self._circuit)):
            datasets[layout.DRAWING] = rows_dataset([row.encode() for row in drawing])
            self.drawn = effort
        else:
            left_out.append("the drawing")
        if left_out:
            attributes["left_out"] = ", ".join(left_out) + self._extent.hint
        return GroupDraft(attributes, datasets)

    def _facts(self) -> dict[str, AttributeValue]:
        circuit, number = self._circuit, len(self._circuit.data)
        name = "" if has_made_up_name(circuit) else _printable(str(circuit.name or ""))
        size = f"{_of(circuit.num_qubits, 'qubit')}, {_of(number, 'instruction')}"
        room = _MOST_TITLE - len(f": {size}")
        facts: dict[str, AttributeValue] = {
            "title": f"{name if len(name) <= room else name[: room - 3] + '...'}: {size}" if name else size,
            "qubits": circuit.num_qubits,
            "clbits": circuit.num_clbits,
            "operations": _listed_texts(f"{name} {n}" for name, n in circuit.count_ops().items()),
        }
        if number <= self._extent.counted:
            facts |= {"depth": circuit.depth(), "size": circuit.size()}
        if known := circuit.num_parameters:
            is_quick = known <= self._extent.counted  # Qiskit sorts them
            names = (one.name for one in circuit.parameters) if is_quick else [f"{known:,}"]
            facts["parameters"] = _listed_texts(names)
        return facts

    def _openqasm(self) -> tuple[list[str], bool]:
        """The rows of OpenQASM, and whether they are all."""
        circuit, names = self._circuit, _names(self._circuit)
        comments = _Comments(self._extent)
        try:
            rows = comments.export(circuit, names)
        except BaseException as error:  # noqa: BLE001  (a Rust panic is a BaseException; interrupts are raised again)
            reraise_unless_failure(error)
            taken = frozenset(filter(self._fails, range(min(len(circuit.data), self._extent.instructions))))
            comments = _Comments(self._extent)
            try:
                rows = comments.export(circuit, names, taken)
            except BaseException as error_again:  # noqa: BLE001  (as above)
                reraise_unless_failure(error_again)
                comments = _Comments(self._extent)
                reason = f"OpenQASM cannot say this circuit ({_printable(describe_error(error_again))})"
                rows = [f"// {line}" for line in (reason, *comments.listing(circuit, names))]
        self.written = max(1, self._extent.instructions - comments.left)
        return [row for line in rows for row in _folded(line)], not comments.has_left_out

    def _fails(self, position: int) -> bool:
        """Whether the exporter refuses an instruction."""
        alone = self._circuit.copy_empty_like()
        private(alone, "_append")(self._circuit.data[position])
        try:
            _Comments(self._extent).export(alone, _names(alone))
        except BaseException as error:  # noqa: BLE001  (a Rust panic is a BaseException; interrupts are raised again)
            reraise_unless_failure(error)
            return True
        return False


class _Comments:
    """Exports a circuit with comments in place of the instructions that OpenQASM does not have.

    Args:
        extent: How much is shown of the circuit.

    Attributes:
        left: Number of instructions that may still be shown.
        has_left_out: Whether instructions were left out.
    """

    def __init__(self, extent: _Extent) -> None:
        self.left = extent.instructions
        self.has_left_out = False
        self._extent = extent
        self._defined: set[str] = set()
        self._lines: list[list[str]] = []

    def export(self, circuit: QuantumCircuit, names: _Names, taken: frozenset[int] = frozenset()) -> list[str]:
        """The lines of OpenQASM of a circuit.

        Args:
            circuit: The circuit; it is not changed.
            names: Names of its bits.
            taken: Positions of instructions that become comments, because the exporter refuses them.
        """
        replaced = self._replaced(circuit, names, taken)
        gates = ("U", *(f"{_NOTE}{number}" for number in range(len(self._lines))))
        rows = []
        for line in Exporter(basis_gates=gates, allow_aliasing=True).dumps(replaced).rstrip("\n").split("\n"):
            noted = _NOTED.fullmatch(line)
            if noted is None:
                rows.append(line if len(line) < _LONG else _LONG_NAME.sub(_shortened, line))
            else:
                indent, number, bits = noted.groups()
                rows += [f"{indent}// {one.replace(_BITS, bits)}" for one in self._lines[int(number)]]
        return rows

    def listing(self, circuit: QuantumCircuit, names: _Names) -> Iterator[str]:
        """The instructions of a circuit in lines that are no OpenQASM."""
        for position, item in enumerate(circuit.data):
            if self.left <= 0:
                yield self._left_out(circuit, position)
                return
            self.left -= 1
            yield from self._listed(item, names)

    def _listed(self, item: CircuitInstruction, names: _Names) -> Iterator[str]:
        operation = item.operation
        line = f"{_described(operation)} {', '.join(names[bit] for bit in (*item.qubits, *item.clbits))}"
        blocks = _blocks(operation)
        yield f"{line} {{" if blocks else f"{line};"
        for block in blocks:
            yield from (f"  {one}" for one in self.listing(block, _inner_names(block, item, names)))
        if blocks:
            yield "}"

    def _left_out(self, circuit: QuantumCircuit, position: int) -> str:
        self.has_left_out = True
        return f"... {_of(len(circuit.data) - position, 'more instruction')}{self._extent.hint}"

    def _replaced(self, circuit: QuantumCircuit, names: _Names, taken: frozenset[int] = frozenset()) -> QuantumCircuit:
        made = circuit.copy_empty_like()
        append = private(made, "_append")
        if circuit.global_phase != 0:
            append(self._comment([f"global phase: {_value(circuit.global_phase)} rad"]))
        for position, item in enumerate(circuit.data):
            if self.left <= 0:
                append(self._comment([self._left_out(circuit, position)]))
                break
            self.left -= 1
            if position in taken:
                append(self._comment([*self._listed(item, names)]))
            else:
                for one in self._said(item, names):
                    append(one)
        return made

    def _comment(self, lines: list[str], qubits: Sequence[Any] = ()) -> CircuitInstruction:
        self._lines.append(lines)
        return CircuitInstruction(Gate(f"{_NOTE}{len(self._lines) - 1}", len(qubits), []), qubits, ())

    def _said(self, item: CircuitInstruction, names: _Names) -> Iterator[CircuitInstruction]:
        """What is exported in place of an instruction."""
        operation = item.operation
        is_control = isinstance(operation, ControlFlowOp)
        form = operation if is_control else self._form(item, operation)
        if form is None and _blocks(operation):
            yield self._comment([*self._listed(item, names)])
            return
        if form is None:
            bits = ", ".join([_BITS] * bool(item.qubits) + [names[bit] for bit in item.clbits])
            yield self._comment([f"{_described(operation)} {bits};"], item.qubits)
            return
        if label := getattr(operation, "label", None):
            yield self._comment([f"the next instruction has the label {_value(label)}"])
        if annotations := getattr(operation, "annotations", ()):
            namespaces = _listed_texts(str(one.namespace) for one in annotations)
            yield self._comment([f"the next box has the annotations {namespaces}"])
            form = copy.copy(operation)
            form.annotations = []
        if is_control:
            blocks = [self._replaced(block, _inner_names(block, item, names)) for block in operation.blocks]
            form = form.replace_blocks(blocks)
        yield item if form is operation else item.replace(operation=form)

    def _form(self, item: CircuitInstruction, operation: Any) -> Any:
        """The instruction as it can be exported; ``None`` if OpenQASM does not have it."""
        kind = getattr(operation, "base_class", type(operation))
        if kind in _STATEMENTS:
            is_odd = kind is Delay and (item.clbits or isinstance(operation.duration, ParameterExpression))
            return None if is_odd else operation
        if not isinstance(operation, Gate) or not all(map(_is_number, operation.params)):
            return None
        if item.is_standard_gate():
            return operation
        form = copy.deepcopy(operation)  # the definition, once it is made, stays in the gate
        size = self._defined_size(form, self.left)
        if size is None:
            return None
        if operation.name not in self._defined:
            self._defined.add(operation.name)
            self.left -= size
        return form

    def _defined_size(self, gate: Any, most: int) -> int | None:
        """Number of instructions in the definition of a gate, at most ``most``; ``None`` if it cannot be written."""
        kind = gate.base_class
        place = kind.__module__
        widest = self._extent.defined_qubits
        if place.startswith(_QUICKLY_DEFINED):
            widest = max(widest, _MOST_DEFINED_QUICKLY)
        if kind not in _OWN:
            most = min(most, self._extent.head)
        if kind not in _OWN and not (place.startswith(_LIBRARY) and gate.num_qubits <= widest):
            return None
        definition = gate.definition
        if definition is None or definition.num_clbits or definition.num_parameters not in (0, len(gate.params)):
            return None
        size = len(definition.data)
        for item in definition.data if size <= most else ():
            inner = item.operation
            if not isinstance(inner, Gate) or not all(map(_is_number, inner.params)):
                return None
            if not item.is_standard_gate():
                more = self._defined_size(inner, most - size)
                if more is None:
                    return None
                size += more
        return size if size <= most else None


_Names = Mapping[Any, str]
"""Names of the qubits and classical bits of a circuit."""


def _names(circuit: QuantumCircuit) -> _Names:
    names = {}
    for kind, bits in (("qubit", circuit.qubits), ("bit", circuit.clbits)):
        for index, bit in enumerate(bits):
            registers = circuit.find_bit(bit).registers
            names[bit] = f"{_printable(registers[0][0].name)}[{registers[0][1]}]" if registers else f"{kind}_{index}"
    return names


def _inner_names(block: QuantumCircuit, item: CircuitInstruction, names: _Names) -> _Names:
    outer = (names[bit] for bit in (*item.qubits, *item.clbits))
    return dict(zip((*block.qubits, *block.clbits), outer, strict=True))


def _blocks(operation: Any) -> Sequence[QuantumCircuit]:
    """What an instruction consists of that OpenQASM cannot say as a gate: its blocks, or a circuit made to one."""
    if isinstance(operation, ControlFlowOp):
        return tuple(operation.blocks)
    definition = private(operation, "_definition") if type(operation) is Instruction else None
    return () if definition is None else (definition,)


def _is_number(param: Any) -> bool:
    if isinstance(param, int | float | np.integer | np.floating):
        return math.isfinite(param)
    return isinstance(param, ParameterExpression)


def _described(operation: Any) -> str:
    """An instruction in words, without its qubits: its name, and its params and what else it has in brackets."""
    base = getattr(operation, "base_op", None)
    given = () if isinstance(operation, ControlFlowOp) else getattr(operation, "params", ())
    params = [_value(one) for one in given] if base is None else [_described(base)]
    params += [_value(one) for one in getattr(operation, "modifiers", ())]
    if len(params) > _MOST_VALUES:
        params = [f"{len(params)} values"]
    if label := getattr(operation, "label", None):
        params.append(f"label={_value(label)}")
    if isinstance(operation, SaveData):
        subtype = str(private_if_any(operation, "_subtype"))
        params += [word for word, sign in (("pershot", "list"), ("conditional", "c_")) if sign in subtype]
    if type(operation) is Delay:
        params.append(_value(operation.unit))
    return _printable(operation.name) + (f"({', '.join(params)})" if params else "")


def _value(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.size > _MOST_VALUES:
            return f"{value.dtype} array of shape {' x '.join(map(str, value.shape))}"
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]" if len(value) <= _MOST_VALUES else f"[{len(value)} values]"
    if isinstance(value, str):
        return _printable(json.dumps(value[:_MOST_VALUE], ensure_ascii=False))
    if isinstance(value, complex) and value.imag == 0:
        value = value.real
    text = str(value) if isinstance(value, ParameterExpression) else shown(value)
    return _printable(type(value).__name__ if " at 0x" in text else text[:_MOST_VALUE])


def _printable(text: str) -> str:
    """A text without line breaks and other signs that would do harm; they are escaped as in JSON."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(sign: str) -> str:
    return json.dumps(sign)[1:-1]


def _listed_texts(texts: Iterable[str]) -> str:
    """The first of many texts, with commas between them."""
    first = [*itertools.islice(map(_printable, texts), _MOST_LISTED + 1)]
    return ", ".join(one[:_MOST_VALUE] for one in first[:_MOST_LISTED]) + (", ..." if len(first) > _MOST_LISTED else "")


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shortened(name: re.Match[str]) -> str:
    """A name that fits in a row; two names stay two."""
    return f"{name[0][:_KEPT_OF_NAME]}_{hashlib.sha256(name[0].encode()).hexdigest()[:8]}"


def _folded(line: str) -> Iterator[str]:
    """A line as rows that are not too long: statements are broken between words, comments go on as comments."""
    if len(line.encode()) <= MOST_ROW_BYTES:
        yield line
        return
    start = len(line) - len(line.lstrip(" "))
    more = line[:start] + ("//   " if line.startswith("//", start) else "    ")
    while len(line.encode()) > MOST_ROW_BYTES:
        head = line.encode()[: MOST_ROW_BYTES + 1].decode(errors="ignore")
        cut = head.rfind(" ", len(more))
        if cut < 0:
            if more.endswith("    "):
                break  # a number of more than a hundred digits
            cut = len(head) - 1
        yield line[:cut]
        line = more + line[cut:].lstrip(" ")
    yield line


def _drawing(circuit: QuantumCircuit) -> list[str]:
    """The rows of Qiskit's drawing; none if it cannot be drawn, or if a name would break it."""
    words = [one.name for one in (*circuit.qregs, *circuit.cregs, *circuit.parameters)]
    words += [str(getattr(item.operation, "label", None) or item.name) for item in circuit.data]
    if not all(map(str.isprintable, words)):
        return []
    bundles = False if _needs_single_bits(circuit) else None  # Qiskit would warn
    try:
        drawing = circuit.draw("text", fold=_FOLD, reverse_bits=False, idle_wires=True, cregbundle=bundles)
        drawing.encoding = "utf-8"  # and not that of the terminal
        text = drawing.single_string()
    except BaseException as error:  # noqa: BLE001  (a Rust panic is a BaseException; interrupts are raised again)
        reraise_unless_failure(error)
        return []
    rows = [_in_ascii(row.rstrip(" ")) for row in text.rstrip("\n").split("\n")]
    return rows if text and all(map(str.isprintable, rows)) else []


def _in_ascii(row: str) -> str:
    """A row of a drawing in ASCII, names aside; what follows a ``pi`` stays in its column."""
    return _PI.sub(r"pi\1", row).translate(_ASCII)


def _needs_single_bits(circuit: QuantumCircuit) -> bool:
    """Whether an instruction refers to single classical bits, so that a register cannot be drawn as one line."""
    for item in circuit.data:
        if isinstance(item.operation, ControlFlowOp):
            if any(map(_needs_single_bits, item.operation.blocks)):
                return True
        elif item.clbits and not isinstance(item.operation, Measure):
            return True
    return False
