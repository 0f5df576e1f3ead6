"""What a Result says to everything that it can be asked."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.result import Result, marginal_counts, marginal_memory

from aerchive.codecs.base import MissingValue
from tests.strict import differences

_MOST_EXPERIMENTS = 3
CIRCUIT = QuantumCircuit(1)
"""Asked for by its name, which is set; exceptions show its address."""


def fields(thing: Any) -> dict[str, Any]:
    """The attributes of a result or experiment, in their order, without what else belongs to it."""
    return {name: value for name, value in vars(thing).items() if name not in ("results", "data")}


def everything(result: Result) -> dict[str, Any]:
    """All that a result holds, in plain containers."""
    own = dict(fields(result))
    experiments: Any = []
    for experiment in result.results:
        experiments.append([dict(fields(experiment)), dict(sorted(vars(experiment.data).items()))])
    return {"own": own, "experiments": experiments, "kind": type(result.results)}


def answer(ask: Callable[[], Any]) -> tuple[str, Any, list[str]]:
    """What comes of a question: its value or its exception, and warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            told: tuple[str, Any] = ("gives", ask())
        except BaseException as error:  # noqa: BLE001  (whatever it raises is the answer; Rust code panics so)
            try:
                text = str(error)
            except Exception as again:  # noqa: BLE001
                text = f"cannot be shown: {again!r}"
            told = ("raises", (type(error).__module__, type(error).__qualname__, text))
    return (*told, [str(one.message) for one in seen])


def questions(result: Result) -> dict[str, Callable[[], Any]]:
    """What can be asked of a result, by name."""
    asked: dict[str, Callable[[], Any]] = {
        "repr": lambda: repr(result),
        "success": lambda: result.success,
        "status": lambda: result.status,
        "time_taken": lambda: result.time_taken,
        "metadata": lambda: result.metadata,
        "nonsense": lambda: result.nonsense,
        "hasattr": lambda: [hasattr(result, name) for name in ("metadata", "qobj_id", "nonsense", "_data", "__len__")],
        "vars": lambda: sorted(vars(result)),
        "from its dict": lambda: everything(Result.from_dict(result.to_dict())),
        "keys of its dict": lambda: list(result.to_dict()),
        "pickle": lambda: everything(pickle.loads(pickle.dumps(result))),
        "copy": lambda: everything(copy.copy(result)),
        "deepcopy": lambda: everything(copy.deepcopy(result)),
        "marginal": lambda: everything(marginal_counts(result, [0])),
        "marginal without order": lambda: everything(marginal_counts(result, [1, 0])),
        "length": lambda: len(result.results),
    }
    for key in (None, -1, 99, "nobody", 1.5):
        for name in ("data", "get_counts", "get_memory", "get_statevector", "get_unitary"):
            asked[f"{name}({key!r})"] = lambda name=name, key=key: plain(getattr(result, name)(key))
    try:
        number = len(result.results)
    except (TypeError, AttributeError):  # a result that somebody edited
        number = 0
    for index in sorted({*range(min(number, _MOST_EXPERIMENTS)), number - 1} - {-1}):
        asked |= {f"{index}: {name}": ask for name, ask in _of_experiment(result, index).items()}
    return asked


def _of_experiment(result: Result, index: int) -> dict[str, Callable[[], Any]]:
    try:
        name = result.results[index].header.get("name")
    except Exception:  # noqa: BLE001  (a result that somebody edited)
        name = None

    def circuit() -> QuantumCircuit:
        CIRCUIT.name = name
        return CIRCUIT

    def experiment() -> Any:
        return result.results[index]

    def data() -> Any:
        return experiment().data

    asked: dict[str, Callable[[], Any]] = {
        "to_dict": lambda: {**experiment().to_dict(), "data": dict(experiment().to_dict()["data"])},
        "repr": lambda: repr(experiment()),
        "hasattr": lambda: [hasattr(experiment(), one) for one in ("header", "seed", "meas_return", "nonsense")],
        "vars": lambda: sorted(vars(experiment())),
        "vars of data": lambda: dict(sorted(vars(data()).items())),
        "dir of data": lambda: sorted(dir(data())),
        "repr of data": lambda: repr(data()),
        "labels": lambda: data()._data_attributes,
        "attributes": lambda: {label: getattr(data(), label) for label in data()._data_attributes},
        "hasattr of data": lambda: [hasattr(data(), one) for one in ("counts", "memory", "statevector", "nonsense")],
        "nonsense of data": lambda: data().nonsense,
        "pickle of data": lambda: dict(sorted(vars(pickle.loads(pickle.dumps(data()))).items())),
        "copy of data": lambda: dict(sorted(vars(copy.copy(data())).items())),
        "deepcopy of data": lambda: dict(sorted(vars(copy.deepcopy(data())).items())),
        "copy": lambda: dict(fields(copy.copy(experiment()))),
        "deepcopy": lambda: dict(fields(copy.deepcopy(experiment()))),
        "data, equal": lambda: result.data(index).keys() == result.data(index).keys(),
        "data, length": lambda: len(result.data(index)),
        "data, iterated": lambda: list(result.data(index)),
        "marginal memory": lambda: marginal_memory(result.get_memory(index), [0]),
        "marginal of counts": lambda: marginal_counts(result.get_counts(index), [0]),
        "counts with attributes": lambda: result.get_counts(index),
        "integers": lambda: result.get_counts(index).int_outcomes(),
        "most frequent": lambda: result.get_counts(index).most_frequent(),
        "rounded": lambda: result.get_statevector(index, decimals=3),
        "rounded unitary": lambda: result.get_unitary(index, decimals=3),
        "one object": lambda: result.get_statevector(index) is result.get_statevector(index),
        "one object of data": lambda: result.data(index)["statevector"] is data().statevector,
    }
    for key_name, key in (("index", lambda: index), ("name", lambda: name), ("circuit", circuit)):
        for getter in ("data", "get_counts", "get_memory", "get_statevector", "get_unitary"):
            asked[f"{getter} by {key_name}"] = lambda getter=getter, key=key: plain(getattr(result, getter)(key()))
    return asked


def plain(value: Any) -> Any:
    """A lazy dictionary as the plain one that it stands for."""
    return dict(value) if isinstance(value, dict) and type(value).__name__ == "LazyDict" else value


def disagreements(stock: Result, archived: Result) -> list[str]:
    """The questions that two results do not answer in the same way."""
    found = []
    mine, others = questions(archived), questions(stock)
    if list(mine) != list(others):
        found.append(f"questions: {list(others)} became {list(mine)}")
    for name in others.keys() & mine.keys():
        (kind, value, warned), (as_kind, as_value, as_warned) = answer(others[name]), answer(mine[name])
        if kind != as_kind:
            found.append(f"{name}: {kind} {value!r:.200}, archived {as_kind} {as_value!r:.200}")
        elif kind == "raises" and value != as_value:
            found.append(f"{name}: raises {value}, archived {as_value}")
        elif kind == "gives":
            found += without_missing(differences(value, as_value, name), as_value)
        if warned != as_warned:
            found.append(f"{name}: warns {warned}, archived {as_warned}")
    return found


def without_missing(found: list[str], value: Any) -> list[str]:
    """Differences that are not merely those of values that were refused by name."""
    return [text for text in found if " became MissingValue" not in text] if _has_missing(value) else found


def _has_missing(value: Any, depth: int = 0) -> bool:
    if isinstance(value, MissingValue):
        return True
    if depth > 20 or isinstance(value, (str, bytes, np.ndarray)):
        return False
    if isinstance(value, dict):
        return any(_has_missing(item, depth + 1) for item in dict(value).values())
    return isinstance(value, (list, tuple)) and any(_has_missing(item, depth + 1) for item in value)
