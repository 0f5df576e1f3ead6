"""Noise models: what Aer's simulator gets of them, as one JSON document.

``NoiseModel.to_dict`` can take many seconds, so the document of a model object is made once for each state of it.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import Any

from qiskit import circuit
from qiskit.circuit import Instruction, library
from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

from aerchive.errors import FormatError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import AttributeValue, ObjectDraft, text_dataset

KIND = "noise_model"
ENCODING = "noise_model"
VERSION = 2
"""1 had passes by name only, and the ids of errors as they were."""

_REMEMBERED = 8
_made: deque[tuple[list[Any], ObjectDraft]] = deque(maxlen=_REMEMBERED)
"""The parts of models seen lately, and their objects. A copy of a model has the same parts."""


def encode_noise_model(model: NoiseModel) -> ObjectDraft:
    """A noise model as a shared object.

    Args:
        model: Any noise model; a state of it that was seen before is not encoded again.

    Returns:
        Its errors in the form that Aer's C++ simulator receives, its basis gates, and the names of its custom passes.

    Raises:
        UnsupportedTypeError: It holds a value that JSON cannot carry.
    """
    parts = list(_parts(model))
    known = next((draft for seen, draft in list(_made) if _are_same(seen, parts)), None)
    if known is not None:
        return known
    passes = [_encode_pass(one) for one in getattr(model, "_custom_noise_passes", [])]
    document: dict[str, Any] = {
        "errors": _with_numbers_for_ids(model.to_dict(serializable=True)),
        "basis_gates": list(model.basis_gates),
        "passes": passes,
    }
    text = tagged_json.dumps(tagged_json.encode(document))
    attributes: dict[str, AttributeValue] = {
        "encoding": ENCODING,
        "encoding_version": VERSION,
        "number_of_errors": len(document["errors"].get("errors", [])),
    }
    draft = ObjectDraft(KIND, attributes, {"model": text_dataset(text)})
    _made.append((parts, draft))
    return draft


def lost_passes(model: NoiseModel) -> list[str]:
    """Names of the custom passes of a model of which nothing but the name can be stored."""
    encoded = [_encode_pass(one) for one in getattr(model, "_custom_noise_passes", [])]
    return [one for one in encoded if isinstance(one, str)]


class ArchivedNoiseModel(NoiseModel):
    """A noise model out of a project: Aer's simulator receives exactly what it received on the day.

    Args:
        errors: What ``NoiseModel.to_dict(serializable=True)`` had given, its random ids replaced by numbers.
        basis_gates: Of the model.
        passes: Custom passes, which change circuits before they are simulated: a pass, or its name if that is all that
            could be stored.

    Attributes:
        lost_passes: Names of the custom passes it had and has no more.
    """

    def __init__(self, errors: dict[str, Any], basis_gates: list[str], passes: list[Any]) -> None:
        super().__init__(basis_gates=basis_gates)
        self.stored_errors = errors
        self.lost_passes = [one for one in passes if isinstance(one, str)]
        self._custom_noise_passes += [one for one in passes if not isinstance(one, str)]

    def to_dict(self, serializable: bool = False) -> dict[str, Any]:
        """The stored errors, and those added since."""
        added = super().to_dict(serializable)
        return {**self.stored_errors, "errors": [*self.stored_errors.get("errors", []), *added.get("errors", [])]}

    def is_ideal(self) -> bool:
        """Whether there is no noise at all."""
        return not self.stored_errors.get("errors") and bool(super().is_ideal())


def decode_noise_model(text: bytes, where: str) -> ArchivedNoiseModel:
    """The noise model in a stored document.

    Raises:
        FormatError: The document is damaged, or newer.
    """
    try:
        document = tagged_json.decode(tagged_json.loads(text, where))
        errors, gates, passes = document["errors"], list(document["basis_gates"]), list(document["passes"])
        if not isinstance(errors, dict) or not isinstance(errors.get("errors", []), list):
            raise TypeError("errors must be a mapping")
        return ArchivedNoiseModel(errors, gates, [_decode_pass(one) for one in passes])
    except Exception as error:
        raise FormatError(f"{where}: is not a noise model: {error}") from error


def _with_numbers_for_ids(errors: dict[str, Any]) -> dict[str, Any]:
    """Errors get random ids; numbers in their place make the same model the same document in every process."""
    numbers: dict[Any, str] = {}
    for error in errors.get("errors", []):
        if isinstance(error, dict) and "id" in error:
            error["id"] = numbers.setdefault(error["id"], f"{len(numbers):032x}")
    return errors


def _encode_pass(one: Any) -> Any:
    """A pass with all that it does, or its name."""
    name = f"{type(one).__module__}.{type(one).__qualname__}"
    operations = [_operation_name(kind) for kind in getattr(one, "_ops", ())]
    if type(one) is not RelaxationNoisePass or None in operations:
        return name
    target = one._target
    return {
        "class": "RelaxationNoisePass",
        "t1s": one._t1s.astype(float).tolist(),
        "t2s": one._t2s.astype(float).tolist(),
        "p1s": one._p1s.astype(float).tolist(),
        "dt": one._dt,
        "operations": operations,
        "durations": None if target is None else {name: _durations(target, name) for name in target.operation_names},
    }


def _durations(target: Any, name: str) -> list[Any]:
    known = (target.get(name) or {}).items()
    return [[list(qubits), getattr(found, "duration", None)] for qubits, found in known if qubits is not None]


def _operation_name(kind: type) -> str | None:
    return next((name for name, known in _operations().items() if known is kind), None)


@functools.cache
def _operations() -> dict[str, type]:
    """Qiskit's own operations by name: no other class is looked up for a file."""
    named = {**vars(library), **vars(circuit)}
    return {name: kind for name, kind in named.items() if isinstance(kind, type) and issubclass(kind, Instruction)}


def _decode_pass(stored: Any) -> Any:
    if isinstance(stored, str):
        return stored
    if stored["class"] != "RelaxationNoisePass":
        raise ValueError(f"no pass {stored['class']!r} is known")
    durations = stored["durations"]
    target = None
    if durations is not None:
        target = {
            name: {tuple(qubits): InstructionProperties(duration=duration) for qubits, duration in table}
            for name, table in durations.items()
        }
    return RelaxationNoisePass(
        stored["t1s"],
        stored["t2s"],
        dt=stored["dt"],
        op_types=[_operations()[name] for name in stored["operations"]] or None,
        excited_state_populations=stored["p1s"],
        target=target,
    )


def _parts(model: NoiseModel) -> Iterator[Any]:
    """What changes when somebody adds to the model: the errors and passes in its tables, and their keys."""
    for table in (
        model._default_quantum_errors,
        model._local_quantum_errors,
        model._default_readout_error,
        model._local_readout_errors,
    ):
        yield from _leaves(table)
    yield from getattr(model, "_custom_noise_passes", [])
    yield from sorted(model.basis_gates)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    else:
        yield value


def _are_same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        a is b or (isinstance(a, str | tuple) and a == b) for a, b in zip(one, other, strict=True)
    )
