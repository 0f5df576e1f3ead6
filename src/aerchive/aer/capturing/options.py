"""Options that were set on a backend or for a run, without the defaults: how they are stored and set again."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import qiskit_aer
from qiskit_aer.backends.aer_compiler import BACKEND_RUN_ARG_TYPES
from qiskit_aer.backends.aerbackend import AerBackend
from qiskit_aer.noise import NoiseModel

from aerchive import layout
from aerchive.codecs.noise_model import encode_noise_model, lost_passes
from aerchive.codecs.registry import AS_ITS_VALUE, encode_inline, enum_that_is_lost
from aerchive.errors import InvalidInputError, UnsafeContentError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.private_values import LEFT_OUT, LeftOut, leave_out, secret_reason
from aerchive.private_names import private
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.text import type_name, without_surrogates

DONE_BY_AER = frozenset({"parameterizations"})
"""Keys that Aer itself adds to the options of a run."""

CONFIGURATION = "configuration"
"""Name of the option that holds all options of Aer's configuration: ``basis_gates``, ``memory``, ..."""

_MOST_QUBITS = 100_000
"""The greatest number of qubits of a coupling map: Qiskit makes a node for each number below the greatest."""

HIDDEN = "secret"
"""What stands in the place of an option that is not stored because it is private."""

_STOCK = (
    *(qiskit_aer.AerSimulator, qiskit_aer.QasmSimulator),
    *(qiskit_aer.StatevectorSimulator, qiskit_aer.UnitarySimulator),
)
_WITHOUT_EFFECT = frozenset({"executor", "max_job_size", "max_shot_size"})
"""Options that Aer has and does not use since its version 0.15."""


_ARGUMENTS = {
    "run": (
        "tags",
        "notes",
        "name",
        "params",
        "save_jobs",
        "compression",
        "max_infidelity",
        "parameter_binds",
        "qpy_version",
    ),
    "AerSimulator": ("project", "save_jobs", "durability", "compression", "max_infidelity", "qpy_version"),
}
"""Arguments that are not options of Aer, by the place where they are given."""
_ALIKE = 0.65
"""Smallest similarity of two names (`difflib`, 0 to 1) for which one may be a misspelling of the other."""


def stock_class(backend: Any) -> Any:
    """The class of Aer of which a backend is an instance, also of a subclass; else ``None``."""
    return next((kind for kind in _STOCK if isinstance(backend, kind)), None)


def set_options(backend: Any, run_options: Mapping[str, Any], lost: list[str]) -> dict[str, Any]:
    """The options that the user set on the backend or for a run, without the defaults of Aer's own class.

    Args:
        backend: Any backend; the options of one that is not Aer's are not known.
        run_options: Options that were given for the run; they take precedence.
        lost: List to which descriptions of what cannot be asked are added.
    """
    options: dict[str, Any] = {}
    kind = stock_class(backend)
    if isinstance(backend, AerBackend) and kind is not None:
        defaults = _defaults(kind, lost)
        own = dict(backend.options.__dict__)
        options = {name: v for name, v in own.items() if name not in defaults or not _is_same(v, defaults[name])}
        implied = _implied(kind, own.get("method"))
        configuration = {
            name: value
            for name, value in (private(backend, "_options_configuration", lost) or {}).items()
            if name not in implied or not _is_same(value, implied[name])
        }
        if configuration:
            options[CONFIGURATION] = configuration
    return options | {name: value for name, value in run_options.items() if name not in DONE_BY_AER}


def _defaults(kind: Any, lost: list[str]) -> dict[str, Any]:
    """The options of a class of Aer with their default values; empty if Aer has renamed the method that says them."""
    default_options = private(kind, "_default_options", lost)
    return {} if default_options is None else dict(default_options().__dict__)


@functools.cache
def _implied(kind: Any, method: Any) -> dict[str, Any]:
    """The configuration options that a simulation method alone sets on a backend."""
    try:
        return dict(private(kind(method=method), "_options_configuration"))
    except Exception:  # noqa: BLE001  (the method does not exist, or the class has no methods)
        return {}


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (
        type(value) is type(default) and isinstance(value, int | float | str) and value == default
    )


def encode_option(name: str, value: Any, objects: dict[str, ObjectDraft], refused: list[str], quiet: list[str]) -> Any:
    """The stored form of an option: the value if tagged JSON can represent it, else a mapping that describes it.

    Args:
        name: Name of the option.
        value: Value of the option; parts of it that are secrets or environment variables are not stored.
        objects: Shared objects of the run, to which a noise model is added.
        refused: List to which descriptions of what cannot be stored are added.
        quiet: List to which descriptions are added of which the user is not warned: of secrets, of options that Aer
            does not use, and of values that come back as another type without an effect on the simulation.
    """
    if (why := secret_reason(name, value)) is not None:
        quiet.append(f"option {name!r}: {why}")
        return {"missing": HIDDEN}
    kind = without_surrogates(type_name(type(value)))
    if isinstance(value, NoiseModel):
        try:
            objects[layout.NOISE_MODEL] = encode_noise_model(value)
        except Exception as error:  # noqa: BLE001  (a model may be of a foreign class)
            refused.append(f"option {name!r}: {kind}: {error!r:.300}")
            return {"missing": "noise model"}
        refused += [f"option {name!r}: its custom pass {lost} is kept by name only" for lost in lost_passes(value)]
        return {"noise_model": objects[layout.NOISE_MODEL].digest}
    lost: dict[str, bool] = {}

    def prefer(part: Any) -> dict[str, Any] | None:
        if (enum_class := enum_that_is_lost(part)) is not None:
            lost[enum_class] = isinstance(part, int | str | float)  # Aer takes it for its value
        return encode_inline(part)

    try:
        tagged_json.encode(value, prefer=prefer)
    except UnsupportedTypeError as error:
        lacks = quiet if name in _WITHOUT_EFFECT else refused
        lacks.append(f"option {name!r}: no codec for {kind}" + ("" if kind in str(error) else f": {error}"))
        return {"missing": kind}
    for enum_class, is_value in lost.items():
        text = f"option {name!r}: a {enum_class}"
        if is_value or not has_effect(name.removeprefix("run.")):
            quiet.append(text + AS_ITS_VALUE)
        else:
            refused.append(f"{text} is kept as its value only")
    return without_secrets(name, value, quiet)


def without_secrets(name: str, value: Any, secrets: list[str]) -> Any:
    """A value that can be stored without the secrets and environment variables in it.

    Args:
        name: Name of the option.
        value: Value of the option, of types that tagged JSON can represent.
        secrets: List to which descriptions of what is left out are added.
    """
    found: list[LeftOut] = []
    kept = leave_out(name, value, secret_reason, found)
    secrets += [f"option {without_surrogates(path)!r}: {why}" for path, why in found]
    return {"missing": HIDDEN} if kept is LEFT_OUT else kept


def stored_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are stored with their value: without the noise model and without what could not be stored."""
    return {
        name: value
        for name, value in options.items()
        if name == CONFIGURATION or not isinstance(value, dict) or not value.keys() & {"missing", "noise_model"}
    }


def is_known(name: str) -> bool:
    """Whether Aer has an option of this name."""
    return name == CONFIGURATION or name in _names_of_aer()


@functools.cache
def _names_of_aer() -> frozenset[str]:
    """The names of the options of Aer's classes, and of the further ones that ``run`` takes."""
    return frozenset(BACKEND_RUN_ARG_TYPES).union(*(_defaults(kind, []) for kind in _STOCK))


def unknown_options(backend: Any, options: Iterable[str]) -> list[str]:
    """The names of options that a backend does not have: Aer ignores them without a message.

    Args:
        backend: Any backend; for one that is not Aer's the list is empty, because its options are not known.
        options: Names of the options that were set on the backend or given for a run.
    """
    if not isinstance(backend, AerBackend):
        return []
    own = _defaults(type(backend), [])
    return [without_surrogates(name) for name in options if not is_known(name) and name not in own]


def check_spelling(options: Iterable[str], place: Literal["run", "AerSimulator"]) -> None:
    """Raises an error for options that Aer does not have and that resemble an argument: Aer would ignore them.

    Args:
        options: Names of the options that were given.
        place: The call in which they were given.

    Raises:
        InvalidInputError: An option is probably misspelt, or belongs to another call.
    """
    told = _defaults(qiskit_aer.AerSimulator, [])
    arguments = {name: where for where in (*_ARGUMENTS, place) for name in _ARGUMENTS[where]}
    for name in options:
        near = [] if is_known(name) else difflib.get_close_matches(name.lower(), [*arguments, *told], 3, _ALIKE)
        if near and near[0] in arguments:
            known = [one for one in near if one in arguments]
            meant = [f"{one}=" if arguments[one] == place else f"{one}= of {arguments[one]}" for one in known]
            raise InvalidInputError(
                f"{place} has no argument {name!r}, and Aer has no such option; did you mean {' or '.join(meant)}?"
            )


def has_effect(name: str) -> bool:
    """Whether an option of this name has an effect in Aer."""
    return name not in _WITHOUT_EFFECT and is_known(name)


def restore_options(backend: Any, options: Mapping[str, Any]) -> None:
    """Sets stored options on a stock backend, also those that its ``set_option`` refuses: Aer uses them later.

    Args:
        backend: A backend of one of Aer's classes.
        options: The stored options, by name.

    Raises:
        UnsafeContentError: An option cannot have this name, or names more qubits than a backend can have.
    """
    check_options(options)
    for name in sorted(options, key=lambda name: name != "method"):  # the method sets options that may be set again
        if name == CONFIGURATION:
            for key, value in options[name].items():
                _set(backend, key, value, private(backend, "_set_configuration_option"))
        elif hasattr(private(backend, "_configuration"), name):
            backend.options.update_options(**{name: options[name]})
        else:
            _set(backend, name, options[name], lambda key, value: backend.options.update_options(**{key: value}))


def check_options(options: Mapping[str, Any]) -> None:
    """Refuses options that no call of Aer has, and a coupling map whose size alone would take all memory.

    Raises:
        UnsafeContentError: As `restore_options` does.
    """
    for name in options:
        if not name.isidentifier() or name == "self":
            raise UnsafeContentError(f"an option of a backend cannot have the name {name!r}")
    for pair in pairs if isinstance(pairs := options.get("coupling_map"), list | tuple) else ():
        for qubit in pair if isinstance(pair, list | tuple) else ():
            if isinstance(qubit, int) and not 0 <= qubit < _MOST_QUBITS:
                raise UnsafeContentError(f"option 'coupling_map': qubit {qubit}; a backend has up to {_MOST_QUBITS}")


def _set(backend: Any, name: str, value: Any, otherwise: Callable[[str, Any], Any]) -> None:
    try:
        backend.set_option(name, value)
    except Exception:  # noqa: BLE001  (Aer refuses, with exceptions of all kinds)
        otherwise(name, value)
