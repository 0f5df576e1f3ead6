"""A Result whose values are read when they are used."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any

from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from aerchive.aer.errors import AerJobError
from aerchive.codecs.primitive_result import decode_primitive_result
from aerchive.errors import FormatError
from aerchive.project.run import Run
from aerchive.project.stored_result import StoredExperiment, StoredResult


class LazyDict(dict[str, Any]):
    """A dictionary whose values are made on first access; in every other respect a ``dict``.

    Args:
        makers: How to make each value.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__(makers)
        self._waiting = dict(makers)

    def _load(self, key: Any) -> None:
        maker = self._waiting.get(key)
        if maker is not None:
            super().__setitem__(key, maker())
            self._waiting.pop(key, None)

    def _load_all(self) -> None:
        for key in list(self._waiting):
            self._load(key)

    def __getitem__(self, key: str) -> Any:
        self._load(key)
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._waiting.pop(key, None)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._waiting.pop(key, None)
        super().__delitem__(key)

    def __iter__(self) -> Iterator[str]:
        # Being overridden makes dict(d), {**d} and d | x take the way that loads values.
        return super().__iter__()

    def keys(self) -> Any:
        """The keys; nothing is loaded."""
        return super().keys()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or a default."""
        return self[key] if key in self else default  # noqa: SIM401  (this is get)

    def values(self) -> Any:
        """All values."""
        self._load_all()
        return super().values()

    def items(self) -> Any:
        """All pairs."""
        self._load_all()
        return super().items()

    def pop(self, key: str, *default: Any) -> Any:
        """Removes a key and returns its value."""
        self._load(key)
        self._waiting.pop(key, None)
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Removes the last pair."""
        self._load_all()
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, set if it is missing."""
        self._load(key)
        return super().setdefault(key, default)

    def clear(self) -> None:
        """Removes everything."""
        self._waiting.clear()
        super().clear()

    def update(self, *arguments: Any, **keywords: Any) -> None:
        """Sets many keys."""
        for key, value in dict(*arguments, **keywords).items():
            self[key] = value

    def copy(self) -> dict[str, Any]:
        """A plain dictionary with all values."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        return self.copy() == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as for every dict

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()

    def __copy__(self) -> dict[str, Any]:
        return self.copy()


class ArchivedData(ExperimentResultData):
    """The data of one experiment.

    Args:
        makers: How to make each value, by label.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._values = LazyDict(makers)

    @property
    def _data_attributes(self) -> list[str]:
        return list(self._values.keys())

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            values = object.__getattribute__(self, "__dict__").get("_values")
            if values is not None and dict.__contains__(values, name):
                if name == "to_dict":
                    return super().__getattribute__(name)
                return values[name]
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values")
        if values is not None and dict.__contains__(values, name):
            return values[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_values" and name in self._values:
            self._values[name] = value
        else:
            super().__setattr__(name, value)

    def to_dict(self) -> dict[str, Any]:
        """A new dictionary of the values by label, made when they are used, and then kept here."""
        return LazyDict({name: functools.partial(self._values.__getitem__, name) for name in self._values.keys()})  # noqa: SIM118  (iterating itself may load)

    def __repr__(self) -> str:
        return f"ExperimentResultData({', '.join(f'{name}={value}' for name, value in self._values.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _plain_data, (self._values.copy(),)


def _plain_data(values: dict[str, Any]) -> ExperimentResultData:
    return ExperimentResultData(**values)


class ArchivedResult(Result):
    """A ``qiskit.result.Result`` out of a project.

    Args:
        run: The run it belongs to.

    Raises:
        FormatError: The stored document is not that of a result.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        stored = run.stored_result
        super().__init__()
        self._metadata = _names_checked(stored.decode(stored.metadata))
        for name, value in _names_checked(stored.decode(stored.fields)).items():
            setattr(self, name, value)
        self.results = [_experiment(stored, experiment) for experiment in stored.experiments]

    @property
    def run(self) -> Run:
        """The run it belongs to."""
        return self._run

    def __reduce__(self) -> tuple[Any, ...]:
        return _plain_result, (self.to_dict(),)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """A plain Result, as `Result.from_dict` makes it."""
        return Result.from_dict(data)

    def __copy__(self) -> Result:
        return _plain_result(self.to_dict())

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        return _plain_result(copy.deepcopy(self.to_dict(), memo))


def _plain_result(values: dict[str, Any]) -> Result:
    return Result.from_dict(values)


def _names_checked(fields: Any) -> dict[str, Any]:
    """The fields of a result, unless a stranger's file tries to set what is no field."""
    if not isinstance(fields, dict) or not all(type(name) is str and _is_field(name) for name in fields):
        raise FormatError(f"the stored result has fields that no result has: {list(fields)!r:.200}")
    return fields


def _is_field(name: str) -> bool:
    return not name.startswith("_") and name != "self"


def _experiment(stored: StoredResult, one: StoredExperiment) -> ExperimentResult:
    makers = {label: functools.partial(stored.decode, tree) for label, tree in one.data.items()}
    experiment = ExperimentResult(None, None, ArchivedData(makers))
    del experiment.meas_level
    experiment._metadata = _names_checked(stored.decode(one.metadata))
    for name, value in _names_checked(stored.decode(one.fields)).items():
        setattr(experiment, name, value)
    return experiment


def archived_result(run: Run) -> Any:
    """The result of a run: an `ArchivedResult`, or the ``PrimitiveResult`` of a primitive.

    Raises:
        AerJobError: The job had raised, was lost, or is still running; with the stored message.
        CancelledError: The job had been cancelled.
    """
    status = run.record.status
    if status.outcome == "cancelled":
        raise CancelledError
    if status.outcome in ("error", "lost", "running"):
        text = status.message or "the job is still running in another process"
        raise AerJobError(text, status.error_type, status.traceback)
    if run.program != "run":
        stored = run.stored_result
        pubs = [(pub.fields, pub.metadata, pub.data) for pub in stored.experiments]
        return decode_primitive_result(stored.metadata, pubs, stored.decode)
    return ArchivedResult(run)
