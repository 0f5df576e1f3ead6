"""Writing a Python program that runs an archived run again, for users to read, keep and change."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import qiskit_aer
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_aer.primitives import EstimatorV2, SamplerV2

from aerchive.aer.again.circuit_source import Call, Names, calls_of, circuit_lines, is_name, literal
from aerchive.aer.again.primitive_replay import OVER_A_BACKEND, PrimitiveReplay
from aerchive.aer.again.rerun import replay_of
from aerchive.aer.again.source_check import checked_program, comment
from aerchive.aer.capturing.options import CONFIGURATION, restore_options
from aerchive.private_names import private
from aerchive.project.run import Run

_MAX_NUMBERS = 64
"""Largest number of parameter values that are written out."""
_MAX_CALLS = 1000
"""Largest number of lines for all circuits; if there are more, all circuits are read from the project."""
_WIDTH = 100
_OWN_NAMES = frozenset(
    ("run", "backend", "result", "circuit", "circuits", "pubs", "primitive", "pub", "name", "value", "aerchive")
)
_CLASSES = ("QuantumCircuit", "QuantumRegister", "ClassicalRegister", "Parameter", "ParameterVector", "Target")


def script_of(run: Run, *, take_resources: bool) -> str:
    """The text of the program; see `aerchive.project.run.Run.script`."""
    replay = replay_of(run, take_resources=take_resources or run.project.is_trusted)
    text = _Text(run)
    if isinstance(replay, PrimitiveReplay):
        _write_primitive(text, replay)
    else:
        _write_run(text, replay)
    return text.joined(replay.notes)


class _Text:
    """A program that is being written.

    Args:
        run: The run that the program runs again.

    Attributes:
        lines: The lines written so far, without the head.
        imports: Imported names by module.
        names: Names for the parameters of the circuits.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.lines: list[str] = []
        self._comments: list[str] = []
        self.imports: dict[str, set[str]] = {}
        numbered = (f"circuit_{number}" for number in range(run.record.config.num_circuits or 0))
        simulators = (name for name in dir(qiskit_aer) if not name.startswith("_"))
        primitives = (kind.__name__ for kind in OVER_A_BACKEND)
        self.names = Names({*_OWN_NAMES, *_CLASSES, *dir(builtins), *numbered, *simulators, *primitives})
        self._needs_project = False

    def item(self, name: str) -> str:
        """The expression for an item by its name."""
        return f"[{self.names.quoted(name)}]"

    def call(self, function: str, places: Sequence[str], keywords: Mapping[str, str]) -> str:
        """The text of a call, on several lines if it is long; names that are not valid in Python go into a mapping."""
        arguments = [*places, *(f"{name}={value}" for name, value in keywords.items() if is_name(name))]
        odd = [f"{self.names.quoted(name)}: {value}" for name, value in keywords.items() if not is_name(name)]
        if odd:
            arguments.append(f"**{{{', '.join(odd)}}}")
        line = f"{function}({', '.join(arguments)})"
        if len(line) <= _WIDTH:
            return line
        return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])

    def use(self, kind: Any, module: str) -> str:
        """Adds the import of a class to the program, and returns the name of the class."""
        self.imports.setdefault(module, set()).add(kind.__name__)
        return str(kind.__name__)

    def archived(self, what: str) -> str:
        """The expression for a part of the run that is read from the project."""
        self._needs_project = True
        return f"run.{what}"

    def value(self, value: Any, what: str) -> str:
        """The expression for a value: written out, or read from the run in the project as ``what``."""
        return literal(value, self.names) or self.archived(what)

    def options(self, options: Mapping[str, Any]) -> dict[str, str]:
        """The options of the run as arguments of a call."""
        stored = self.run.record.config.options
        written = {}
        for name, value in options.items():
            place = self.item(name) if name in stored else self.item(CONFIGURATION) + self.item(name)
            written[name] = self.value(value, f"record.config.options{place}")
            if name == "noise_model":
                written[name] = self.archived("noise_model()")
        return written

    def joined(self, notes: Sequence[str]) -> str:
        """The text of the whole program."""
        then = self.run.record.provenance
        path, job_id = str(self.run.project.file.path), self.run.job_id
        head = [comment(f"Runs job {job_id} again, archived in {path}, submitted {self.run.created}.")]
        if then is not None:
            versions = f"qiskit {then.qiskit}, qiskit-aer {then.qiskit_aer} on Python {then.python}"
            head.append(comment(f"It ran with {versions}."))
        head += [comment(f"It {note}.") for note in notes]
        for kind in self.names.classes:
            self.imports.setdefault("qiskit.circuit", set()).add(kind)
        imports = [f"from {module} import {', '.join(sorted(kinds))}" for module, kinds in sorted(self.imports.items())]
        imports = ["import aerchive", *imports] if self._needs_project else imports
        quoted = self.names.quoted
        run = f"run = aerchive.open({quoted(path)}, {quoted('r')}){self.item(job_id)}"
        opening = [run, ""] if self._needs_project else []
        parameters = [*self.names.lines, ""] if self.names.lines else []
        lines = [*head, *imports, "", *opening, *parameters, *self.lines, ""]
        return checked_program(lines, [*head, *self._comments], self.names.texts, self.names.methods)

    def remark(self, text: str) -> None:
        """Adds a comment line."""
        self._comments.append(comment(text))
        self.lines.append(comment(text))

    def circuits(self, circuits: Sequence[Any], *, may_be_mixed: bool) -> list[str] | None:
        """Writes the lines that build the circuits.

        Args:
            circuits: The circuits of the run.
            may_be_mixed: Whether some circuits may be built and others read from the project; this is not possible if
                something refers to their parameters.

        Returns:
            The expression for each circuit, or ``None`` if all circuits are read from the project.
        """
        calls = [calls_of(circuit) for circuit in circuits]
        short = [one for one in calls if one is not None]
        if not short or sum(map(len, short)) > _MAX_CALLS or (len(short) < len(calls) and not may_be_mixed):
            return None
        called = ["circuit"] if len(calls) == 1 else [f"circuit_{number}" for number in range(len(calls))]
        if len(short) < len(calls):
            self.lines += [f"circuits = {self.archived('circuits()')}", ""]
        for number, (one, variable) in enumerate(zip(calls, called, strict=True)):
            if one is None:
                called[number] = f"circuits[{number}]"
            else:
                self._build(one, variable)
        return called

    def _build(self, calls: list[Call], variable: str) -> None:
        kinds = self.imports.setdefault("qiskit", set())
        kinds.add("QuantumCircuit")
        kinds.update(type(register).__name__ for register in calls[0].arguments if not isinstance(register, int))
        self.lines += [*circuit_lines(calls, variable, self.names), ""]


# -- backend.run


def _write_run(text: _Text, replay: Any) -> None:
    on_backend, in_run = replay.split_options()
    if not _is_made_so(replay.kind, on_backend):
        text.remark(_ODD_OPTIONS)
        text.lines += [f"result = {text.archived('rerun()')}", "print(result)"]
        return
    circuits, binds = replay.inputs
    is_plain = not binds or _binds(binds, Names(())) is not None
    called = text.circuits(circuits, may_be_mixed=not binds) if is_plain else None
    if called is None:
        given = text.archived("circuits()") if circuits else "[]"
        written = text.archived("parameter_binds()") if binds else None
    else:
        given = f"[{', '.join(called)}]"
        written = _binds(binds, text.names) if binds else None
    _write_backend(text, replay, on_backend)
    options = text.options(in_run)
    if written is not None:
        options = {"parameter_binds": written, **options}
    if replay.chosen_seed is not None:
        text.remark("Aer had chosen the seed.")
    text.lines.append(f"result = {text.call('backend.run', [given], options)}.result()")
    has_result = text.run.outcome in ("ok", "partial", "failed")
    has_counts = has_result and any(value.label == "counts" for value in text.run.saved)
    text.lines.append("print(result.get_counts())" if has_counts else "print(result)")


def _write_backend(text: _Text, replay: Any, options: Mapping[str, Any]) -> None:
    kind = text.use(replay.kind, "qiskit_aer")
    text.lines.append(f"backend = {text.call(kind, [], text.options(_flat(options)))}")
    gates = text.run.record.config.target_gates
    if gates is not None:
        text.imports.setdefault("qiskit.transpiler", set()).add("Target")
        text.remark("With a target Aer takes only the gates of its basis for gates.")
        text.lines += [
            "backend._target = Target()",
            f"backend._cached_basis_gates = {literal(list(gates), text.names)}",
        ]


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as arguments of a simulator's class, which takes configuration options like all others."""
    own = {name: value for name, value in options.items() if name != CONFIGURATION}
    return {**own, **options.get(CONFIGURATION, {})}


def _is_made_so(kind: Any, options: Mapping[str, Any]) -> bool:
    """Whether the class of a simulator sets these options if they are its arguments; some cannot be set so."""
    expected = kind()
    restore_options(expected, options)
    try:
        made = kind(**_flat(options))
        return bool(
            vars(made.options) == vars(expected.options)
            and private(made, "_options_configuration") == private(expected, "_options_configuration")
        )
    except Exception:  # noqa: BLE001  (Aer refuses with exceptions of all kinds, arrays refuse to be compared)
        return False


_ODD_OPTIONS = "Its options cannot be given to the class of the simulator."


def _binds(binds: Any, names: Names) -> str | None:
    """Parameter binds written out; ``None`` if they are not plain or have too many numbers."""
    plain = []
    numbers = 0
    for one in binds:
        if type(one) is not dict:
            return None
        lists = {key: value.tolist() if type(value) is np.ndarray else value for key, value in one.items()}
        numbers += sum(len(value) if isinstance(value, list | tuple) else 1 for value in lists.values())
        plain.append(lists)
    return literal(plain, names) if numbers <= _MAX_NUMBERS else None


# -- primitives


def _write_primitive(text: _Text, replay: PrimitiveReplay) -> None:
    arguments = replay.arguments()
    seed = _seed(replay, arguments)
    shown = ", ".join(map(str, replay.seeds))
    odd = f"Its simulations had seeds of their own, {shown}, which no primitive takes." if seed is _SEVERAL else ""
    if not replay.is_plain():
        odd = "Its backend did more than a stock simulator with the primitive's options does."
    elif not _is_made_so(replay.kind, replay.options):
        odd = _ODD_OPTIONS
    if odd:
        text.remark(odd)
        text.lines.append(f"result = {text.archived('rerun()')}")
    else:
        _write_pubs(text, replay.inputs[0])
        _write_backend(text, replay, replay.options)
        keywords = _arguments(text, _with_seed(arguments, replay.primitive, seed))
        if seed is not None:
            text.remark("Aer had chosen the seed.")
        if replay.primitive in OVER_A_BACKEND:
            kind = text.use(replay.primitive, "qiskit.primitives")
            text.lines.append(f"primitive = {text.call(kind, ['backend=backend'], keywords)}")
        else:
            kind = text.use(replay.primitive, "qiskit_aer.primitives")
            text.lines.append(f"primitive = {text.call(f'{kind}.from_backend', ['backend'], keywords)}")
        text.lines.append("result = primitive.run(pubs).result()")
    text.lines += ["for pub in result:", "    for name, value in pub.data.items():", "        print(name, value)"]


_SEVERAL: Any = object()


def _seed(replay: PrimitiveReplay, arguments: Mapping[str, Any]) -> Any:
    """The seed that the program must give; ``None`` if none is needed; `_SEVERAL` if the simulations had several."""
    options = arguments["options"]
    known = [arguments.get("seed"), options.get("seed_simulator"), options.get("run_options", {}).get("seed_simulator")]
    chosen = set(replay.seeds) - {None}
    if any(seed is not None for seed in known) or not chosen:
        return None
    return chosen.pop() if len(chosen) == 1 else _SEVERAL


def _with_seed(arguments: Mapping[str, Any], kind: Any, seed: int | None) -> dict[str, Any]:
    """Arguments of the primitive, with the seed in the place where its class takes one."""
    options = {name: value for name, value in arguments["options"].items() if value != {}}
    given = {name: value for name, value in arguments.items() if name != "options" and value is not None}
    if seed is not None:
        if kind is SamplerV2:
            given["seed"] = seed
        elif kind is EstimatorV2:
            options["run_options"] = {**options.get("run_options", {}), "seed_simulator": seed}
        else:
            options["seed_simulator"] = seed
    return {**given, "options": options} if options else given


def _arguments(text: _Text, given: Mapping[str, Any]) -> dict[str, str]:
    """Arguments of a primitive as expressions of the program."""
    stored = "record.config.primitive_options"
    quoted = text.names.quoted
    written = {name: text.value(value, stored + text.item(name)) for name, value in given.items() if name != "options"}
    if "options" not in given:
        return written
    options = {name: value for name, value in given["options"].items() if name != "run_options"}
    items = [f"{quoted(name)}: {text.value(value, stored + text.item(name))}" for name, value in options.items()]
    in_run = {
        name: text.archived("noise_model()")
        if name == "noise_model"
        else text.value(value, stored + text.item(f"run.{name}"))
        for name, value in given["options"].get("run_options", {}).items()
    }
    if in_run:
        inner = ", ".join(f"{quoted(name)}: {value}" for name, value in in_run.items())
        items.append(f"{quoted('run_options')}: {{{inner}}}")
    return {**written, "options": f"{{{', '.join(items)}}}"}


def _write_pubs(text: _Text, pubs: Sequence[Any]) -> None:
    circuits = list({id(pub.circuit): pub.circuit for pub in pubs}.values())
    plain = [_plain_pub(pub) for pub in pubs]
    called = text.circuits(circuits, may_be_mixed=False) if all(one is not None for one in plain) else None
    if called is None:
        text.lines += [f"pubs = {text.archived('pubs()')}", ""]
        return
    name_of = {id(circuit): name for circuit, name in zip(circuits, called, strict=True)}
    lines = ["pubs = ["]
    for pub, one in zip(pubs, plain, strict=True):
        items = [name_of[id(pub.circuit)], *(str(literal(item, text.names)) for item in one or ())]
        lines.append(f"    ({', '.join(items)}{',' if len(items) == 1 else ''}),")
    text.lines += ["\n".join([*lines, "]"]), ""]


def _plain_pub(pub: Any) -> list[Any] | None:
    """A pub without its circuit as plain values; ``None`` if these do not make the same pub."""
    values = pub.parameter_values.as_array(pub.circuit.parameters)
    if values.size > _MAX_NUMBERS:
        return None
    given = values.tolist() if values.size else None
    if isinstance(pub, SamplerPub):
        plain = [given, pub.shots]
    else:
        if pub.observables.size > _MAX_NUMBERS:
            return None
        plain = [pub.observables.tolist(), given, pub.precision]
    while plain and plain[-1] is None:
        plain.pop()
    if literal(plain) is None:
        return None
    again: Any = type(pub).coerce((pub.circuit, *plain))
    is_same = (
        again.shape == pub.shape
        and again.parameter_values.shape == pub.parameter_values.shape
        and again.parameter_values.as_array(pub.circuit.parameters).tobytes() == values.tobytes()
        and (not isinstance(pub, EstimatorPub) or again.observables.tolist() == pub.observables.tolist())
    )
    return plain if is_same else None
