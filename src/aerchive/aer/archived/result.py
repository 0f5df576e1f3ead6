"""A Result from a project whose values are read when they are used."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from aerchive.aer.archived.lazy_dict import About, LazyDict, Waiting
from aerchive.aer.errors import AerJobError
from aerchive.codecs.primitive_result import decode_primitive_result
from aerchive.display.html import Shown, element, facts, join, mark, table
from aerchive.display.text import clean, clean_lines
from aerchive.errors import AerchiveError, FormatError
from aerchive.project.run import Run
from aerchive.stored.document import Registered, StoredExperiment
from aerchive.stored.result import StoredResult


class ArchivedData(ExperimentResultData):
    """The data of one experiment, with the attributes of Qiskit's data; values are read when they are used.

    Args:
        attributes: ``_data_attributes`` and the values by label, as Qiskit's data have them in ``vars``.
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
        """A new dictionary of the values by label; values that were not read yet are read when used, then kept."""
        own: Any = self.__dict__
        values = LazyDict()
        for name in self._data_attributes:
            values[name] = own.waiting(name) if name in own else getattr(self, name)
        return values

    def __repr__(self) -> str:
        """The representation of Qiskit's data, in which values that were not used yet are described and not read."""
        return f"ExperimentResultData({', '.join(f'{name}={_shown(self, name)}' for name in self._data_attributes)})"

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return object.__new__, (ExperimentResultData,), self.__dict__.copy()


def _shown(data: ArchivedData, name: str) -> str:
    """The text of a value in a representation. It is not a method, because a label of the user may have its name."""
    own: Any = data.__dict__
    found = own.waiting(name) if name in own else getattr(data, name)
    return found.about().text if type(found) is Waiting else str(found)


class ArchivedResult(Result, Shown):
    """A ``qiskit.result.Result`` from a project.

    Args:
        run: The run to which the result belongs.

    Raises:
        FormatError: The stored document does not describe a result.
    """

    __slots__ = ("_run",)  # so that it is not in ``vars``, which has only the attributes of Qiskit's result

    def __init__(self, run: Run) -> None:
        self._run = run
        stored = run.stored_result
        experiments = [_experiment(stored, experiment) for experiment in stored.experiments]
        self.__dict__.update(_in_order(stored, stored.fields, stored.metadata, "results", experiments))

    @property
    def run(self) -> Run:
        """The run to which the result belongs."""
        return self._run

    def __repr__(self) -> str:
        """The representation of Qiskit's result, in which values that were not used yet are described and not read."""
        with self._run.held():
            return clean_lines(str(super().__repr__()))

    def _cards(self) -> Iterator[str]:
        """What the result has, by experiment and label, with shapes; arrays are not read."""
        fields = {name: str(getattr(self, name, None) or "") for name in ("backend_name", "job_id", "date", "status")}
        yield join("Result ", element("code", self._run.job_id), " ", mark(self._run.outcome))
        yield facts((name.replace("_", " "), value) for name, value in fields.items())
        head = ("experiment", "circuit", "shots", "label", "value")
        with self._run.held():
            stored = self._run.stored_result
            total = sum(len(one.data) for one in stored.experiments)
            yield table(head, self._described(stored), (0, 2), total)

    def _described(self, stored: StoredResult) -> Iterator[tuple[str, ...]]:
        for number, one in enumerate(stored.experiments):
            name = str((one.header or {}).get("name", ""))
            shots = str(one.fields.get("shots", ""))
            for label, tree in one.data.items():
                yield str(number), name, shots, element("code", label), _about(stored, tree).text

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """Makes a plain Result, as `Result.from_dict` does."""
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

    They come from a file that may be untrusted, and are set in ``vars``, where no name has a meaning for Python.

    Raises:
        FormatError: A name is not one that an attribute may have.
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
        AerJobError: The job raised an exception, was lost, or is still running; has the stored message, if any.
        CancelledError: The job was cancelled.
    """
    with run.held():  # for what is read, not for what is decoded
        outcome = run.outcome
        if outcome in ("cancelled", "error", "lost", "running"):  # not as it was when the run was found
            outcome = run.record.status.outcome
        if outcome not in ("cancelled", "error", "lost", "running"):
            run.stored_result.load(with_counts=run.program == "run")
    if outcome == "cancelled":
        raise CancelledError
    if outcome in ("error", "lost", "running"):
        status = run.record.status
        text = "the job is still running in another process" if status.message is None else status.message
        raise AerJobError(text, status.error_type, status.traceback)
    if run.program != "run":
        stored = run.stored_result
        pubs = [(pub.fields, pub.metadata, pub.data) for pub in stored.experiments]
        return decode_primitive_result(stored.metadata, pubs, stored.decode)
    return ArchivedResult(run)
