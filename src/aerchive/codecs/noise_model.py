"""Codec of noise models: the data that Aer's simulator receives, as one JSON document, and what else they are made of.

``NoiseModel.to_dict`` can take many seconds, so the document of a model object is made again only after a change.
The errors are made again from the data for the simulator, which has everything but their classes and numbers of qubits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import NoiseModel, ReadoutError, RelaxationNoisePass

from aerchive.codecs.base import operations_of_qiskit
from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.counters import uncounted
from aerchive.codecs.circuits.noise_checks import check_noise
from aerchive.codecs.circuits.noise_errors import kind_of, rebuilt_errors
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.models import tagged_json
from aerchive.private_names import private, set_private
from aerchive.storage.chunks.drafts import AttributeValue, ObjectDraft, text_dataset
from aerchive.text import type_name

KIND = "noise_model"
ENCODING = "noise_model"
VERSION = 1

_REMEMBERED = 8
_recently_encoded: deque[tuple[list[Any], ObjectDraft]] = deque(maxlen=_REMEMBERED)
"""The parts of recently encoded models, and their encoded objects. A copy of a model has the same parts."""


def encode_noise_model(model: NoiseModel) -> ObjectDraft:
    """Encodes a noise model as a shared object.

    Args:
        model: Any noise model; it is not encoded again if it has not changed since the last time.

    Returns:
        An object with the errors in the form that Aer's C++ simulator receives, the basis gates, and the custom passes,
        by name only where a pass cannot be stored.

    Raises:
        UnsupportedTypeError: The model holds a value that JSON cannot represent.
    """
    parts = list(_parts(model))
    is_ours = type(model) in (NoiseModel, ArchivedNoiseModel)  # the parts of another class may say less than `to_dict`
    known = next((draft for seen, draft in list(_recently_encoded) if is_ours and _are_same(seen, parts)), None)
    if known is not None:
        return known
    passes = [_encode_pass(one) for one in private(model, "_custom_noise_passes")]
    tables = _tables(model)
    added = (
        sorted(tables, key=lambda row: not isinstance(row[2], ReadoutError)) if passes else tables
    )  # as of a backend
    document: dict[str, Any] = {
        "errors": _with_numbers_for_ids(model.to_dict(serializable=True)),
        "basis_gates": list(model.basis_gates),
        "passes": [*passes, *_names_of_lost(model)],
        "kinds": [kind_of(error) for _, _, error in tables],
        "noise_instructions": _in_order(model.noise_instructions, [name for name, _, _ in added]),
        "noise_qubits": _in_order(model.noise_qubits, [qubit for _, qubits, _ in added for qubit in qubits]),
    }
    text = tagged_json.dumps(tagged_json.encode(document))
    attributes: dict[str, AttributeValue] = {
        "encoding": ENCODING,
        "encoding_version": VERSION,
        "number_of_errors": len(document["errors"].get("errors", [])),
    }
    draft = ObjectDraft(KIND, attributes, {"model": text_dataset(text)})
    if is_ours:
        _recently_encoded.append((parts, draft))
    return draft


def lost_passes(model: NoiseModel) -> list[str]:
    """The names of the custom passes of a model of which only the name can be stored."""
    encoded = [_encode_pass(one) for one in private(model, "_custom_noise_passes")]
    return [*(one for one in encoded if isinstance(one, str)), *_names_of_lost(model)]


class ArchivedNoiseModel(NoiseModel):
    """A noise model from a project, equal to the original.

    Attributes:
        stored_errors: The result of ``to_dict(serializable=True)`` of the original, with numbers for the random ids.
        lost_passes: Names of the custom passes that could not be stored.
    """

    stored_errors: Mapping[str, Any] = MappingProxyType({})
    lost_passes: Sequence[str] = ()

    def is_ideal(self) -> bool:
        """Whether the model has no noise."""
        return not self.lost_passes and bool(super().is_ideal())


def decode_noise_model(text: bytes, where: str) -> ArchivedNoiseModel:
    """Decodes the noise model in a stored document.

    Raises:
        FormatError: The document is damaged, or has a newer encoding.
        UnsafeContentError: An error is none that its constructor would have made, and may crash Aer.
    """
    try:
        document = tagged_json.decode(tagged_json.loads(text, where))
        errors = document["errors"]
        if not isinstance(errors, dict) or not isinstance(errors.get("errors", []), list):
            raise TypeError("errors must be a mapping")
        check_noise(errors.get("errors", []))
        with uncounted():
            return _decode_model(errors, document)
    except CheckError as error:
        raise UnsafeContentError(f"{where}: is refused, because it may crash Aer: {error}") from error
    except Exception as error:
        raise FormatError(f"{where}: is not a noise model: {error}") from error


def _decode_model(errors: dict[str, Any], document: dict[str, Any]) -> ArchivedNoiseModel:
    model = ArchivedNoiseModel(basis_gates=list(document["basis_gates"]))
    passes = [_decode_pass(one) for one in document["passes"]]
    model.stored_errors = errors
    model.lost_passes = [one for one in passes if isinstance(one, str)]
    default, local, _, local_readout = (private(model, name) for name in _TABLES)
    stored = errors.get("errors", [])
    for entry, error in zip(stored, rebuilt_errors(stored, document["kinds"]), strict=True):
        is_readout = entry["type"] == "roerror"
        for name in entry["operations"]:
            if not entry.get("gate_qubits"):
                if is_readout:
                    set_private(model, _default_readout_error=error)
                else:
                    default[name] = error
            for qubits in entry.get("gate_qubits", ()):
                (local_readout if is_readout else local.setdefault(name, {}))[tuple(qubits)] = error
    for known in ("_noise_instructions", "_noise_qubits"):
        private(model, known).update(iter(document[known[1:]]))  # one by one: they print in another order
    private(model, "_custom_noise_passes").extend(one for one in passes if not isinstance(one, str))
    return model


def _tables(model: NoiseModel) -> list[tuple[str, tuple[int, ...], Any]]:
    """The errors of a model in the order of ``to_dict``, each after its instruction and its qubits."""
    default, local, readout, local_readout = (private(model, name) for name in _TABLES)
    return [
        *((name, (), error) for name, error in default.items()),
        *((name, qubits, error) for name, table in local.items() for qubits, error in table.items()),
        *([] if readout is None else [("measure", (), readout)]),
        *(("measure", qubits, error) for qubits, error in local_readout.items()),
    ]


def _in_order(members: Iterable[Any], seen: Iterable[Any]) -> list[Any]:
    """The members of a set in the order in which they were probably added, on which the order of its text depends.

    Args:
        members: The members.
        seen: The members and others in that order, with repetitions.
    """
    known = set(members)
    return [*dict.fromkeys(one for one in seen if one in known), *sorted(known - set(seen))]


def _names_of_lost(model: NoiseModel) -> list[str]:
    return list(model.lost_passes) if isinstance(model, ArchivedNoiseModel) else []


def _with_numbers_for_ids(errors: dict[str, Any]) -> dict[str, Any]:
    """Replaces the random ids of errors by numbers, so that a model gives the same document in every process."""
    numbers: dict[Any, str] = {}
    for error in errors.get("errors", []):
        if isinstance(error, dict) and "id" in error:
            error["id"] = numbers.setdefault(error["id"], f"{len(numbers):032x}")
    return errors


def _encode_pass(one: Any) -> Any:
    """Encodes a pass completely, or its name if it cannot be stored."""
    lost: list[str] = []
    known = {name: private(one, name, lost) for name in ("_t1s", "_t2s", "_p1s", "_dt", "_ops", "_target")}
    names = {kind: name for name, kind in reversed(operations_of_qiskit().items())}
    operations = [names.get(kind) for kind in known["_ops"] or ()]
    if type(one) is not RelaxationNoisePass or None in operations or lost:
        return type_name(type(one))
    target = known["_target"]  # of a pass that was decoded it is a mapping
    names_in_target = getattr(target, "operation_names", target)
    return {
        "class": "RelaxationNoisePass",
        **{name: known[f"_{name}"].astype(float).tolist() for name in ("t1s", "t2s", "p1s")},
        "dt": known["_dt"],
        "operations": operations,
        "durations": None if target is None else {name: _durations(target, name) for name in names_in_target},
    }


def _durations(target: Any, name: str) -> list[Any]:
    known = (target.get(name) or {}).items()
    return [[list(qubits), getattr(found, "duration", None)] for qubits, found in known if qubits is not None]


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
        op_types=[operations_of_qiskit()[name] for name in stored["operations"]] or None,
        excited_state_populations=stored["p1s"],
        target=target,
    )


def _parts(model: NoiseModel) -> Iterator[Any]:
    """The parts that change when the model is extended: the errors and passes in its tables, and their keys."""
    for name in _TABLES:
        yield from _leaves(private(model, name))
    yield from private(model, "_custom_noise_passes")
    yield from _names_of_lost(model)
    yield from map(str, (*sorted(model.noise_instructions), *sorted(model.noise_qubits)))
    yield from sorted(model.basis_gates)


_TABLES = (*("_default_quantum_errors", "_local_quantum_errors"), *("_default_readout_error", "_local_readout_errors"))


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
