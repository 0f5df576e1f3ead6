"""A Result whose values are read when they are used."""

from __future__ import annotations

import functools
from concurrent.futures import CancelledError
from typing import Any

from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from aerchive.aer.archived.lazy_dict import About, LazyDict, Waiting
from aerchive.aer.errors import AerJobError
from aerchive.codecs.primitive_result import decode_primitive_result
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, FormatError
from aerchive.project.run import Run
from aerchive.stored.result import Registered, StoredExperiment, StoredResult


class ArchivedData(ExperimentResultData):
    """The data of one experiment: the attributes of stock data, read when they are used.

    Args:
        attributes: ``_data_attributes`` and the values by label, as stock data have them in ``vars``.
    """

    def __init__(self, attributes: LazyDict) -> None:
        object.__setattr__(self, "__dict__", attributes)

    def __getattribute__(self, name: str) -> Any:
        try:
            value = super().__getattribute__(name)
        except AttributeError:
            text = f"{ExperimentResultData.__name__!r} object has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=self) from None
        return self.__dict__[name] if type(value) is Waiting else value

    def to_dict(self) -> dict[str, Any]:
        """A new dictionary of the values by label; what was not read yet is read when used, and then kept here."""
        own: Any = self.__dict__
        values = LazyDict()
        for name in self._data_attributes:
            values[name] = own.waiting(name) if name in own else getattr(self, name)
        return values

    def __repr__(self) -> str:
        """As of stock data, but that what nothing has used yet is described and not read."""
        return f"ExperimentResultData({', '.join(f'{name}={_shown(self, name)}' for name in self._data_attributes)})"

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return object.__new__, (ExperimentResultData,), self.__dict__.copy()


def _shown(data: ArchivedData, name: str) -> str:
    """A value in a representation. No method: data have the names that stock data have, and labels of the user."""
    own: Any = data.__dict__
    found = own.waiting(name) if name in own else getattr(data, name)
    return found.about().text if type(found) is Waiting else str(found)


class ArchivedResult(Result):
    """A ``qiskit.result.Result`` out of a project.

    Args:
        run: The run it belongs to.

    Raises:
        FormatError: The stored document is not that of a result.
    """

    __slots__ = ("_run",)  # and so not in ``vars``, which has what a stock result has

    def __init__(self, run: Run) -> None:
        self._run = run
        stored = run.stored_result
        experiments = [_experiment(stored, experiment) for experiment in stored.experiments]
        self.__dict__.update(_in_order(stored, stored.fields, stored.metadata, "results", experiments))

    @property
    def run(self) -> Run:
        """The run it belongs to."""
        return self._run

    def __repr__(self) -> str:
        """As of a stock result, but that what nothing has used yet is described and not read."""
        with self._run.held():
            return str(super().__repr__())

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """A plain Result, as `Result.from_dict` makes it."""
        return Result.from_dict(data)

    def __copy__(self) -> ArchivedResult:
        other = object.__new__(ArchivedResult)
        other._run = self._run
        other.__dict__.update(self.__dict__)
        return other

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return object.__new__, (Result,), dict(vars(self))


def _experiment(stored: StoredResult, one: StoredExperiment) -> ExperimentResult:
    labels = list(one.data) if one.registered is Registered.LABELS else stored.decode(one.registered, lenient=True)
    attributes = LazyDict({"_data_attributes": labels})
    for label, tree in one.data.items():
        about = functools.partial(_about, stored, tree)
        attributes.setdefault(label, Waiting(functools.partial(stored.decode, tree), about))
    experiment = object.__new__(ExperimentResult)
    experiment.__dict__.update(_in_order(stored, one.fields, one.metadata, "data", ArchivedData(attributes)))
    return experiment


def _about(stored: StoredResult, tree: Any) -> About:
    try:
        return About(*stored.described(tree))
    except AerchiveError as error:  # printing does not raise
        return About(f"<cannot be read: {clean(str(error))}>", has_arrays=True)


def _in_order(stored: StoredResult, fields: Any, metadata: Any, name: str, value: Any) -> dict[str, Any]:
    """The attributes of a result or experiment, in the order in which Qiskit sets them.

    They come from a file that may be a stranger's, and are set in ``vars``, where no name has a meaning for Python.

    Raises:
        FormatError: A name is none.
    """
    known = stored.decode_fields(fields)
    if not all(type(key) is str and key != "_metadata" for key in known):
        raise FormatError(f"the stored result has fields that no result has: {list(known)!r:.200}")
    attributes: dict[str, Any] = {"_metadata": stored.decode_fields(metadata)}
    for key, one in known.items():
        attributes.setdefault(key, one)
        if key == "success":
            attributes[name] = known.get(name, value)
    attributes.setdefault(name, value)
    return attributes


def archived_result(run: Run) -> Any:
    """The result of a run: an `ArchivedResult`, or the ``PrimitiveResult`` of a primitive.

    Raises:
        AerJobError: The job had raised, was lost, or is still running; with the stored message.
        CancelledError: The job had been cancelled.
    """
    with run.held():
        status = run.record.status
        if status.outcome == "cancelled":
            raise CancelledError
        if status.outcome in ("error", "lost", "running"):
            text = "the job is still running in another process" if status.message is None else status.message
            raise AerJobError(text, status.error_type, status.traceback)
        if run.program != "run":
            stored = run.stored_result
            pubs = [(pub.fields, pub.metadata, pub.data) for pub in stored.experiments]
            return decode_primitive_result(stored.metadata, pubs, stored.decode)
        return ArchivedResult(run)
