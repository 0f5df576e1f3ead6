"""Comparing two results value by value: same bits, other bits, or different."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from qiskit.primitives import BitArray, PrimitiveResult
from qiskit.quantum_info import Clifford, DensityMatrix, Operator, StabilizerState, Statevector, SuperOp
from qiskit.result import Result

from aerchive.codecs.base import MissingValue
from aerchive.errors import UnsupportedTypeError
from aerchive.filters.rounding import to_grid
from aerchive.private_names import private, set_private
from aerchive.states.matrix_product.expand import Expansion
from aerchive.states.matrix_product.factorise import factorise
from aerchive.states.source import read_all
from aerchive.text import type_name

Verdict = Literal["identical", "other bits", "different", "missing", "new", "not archived"]

_NOT_ARCHIVED = "its type had no codec"
_NOT_A_LABEL = "_data_attributes"
_CLOSE = 1e-9
"""Largest absolute difference of numbers that is explained by another order of summation."""


class ValueReport(NamedTuple):
    """The comparison of one saved value.

    Attributes:
        experiment: Index of the experiment in the result, from 0; -1 for the result as a whole.
        label: Label of the value, or the name of an attribute of the experiment, such as ``shots``.
        verdict: ``identical``: type, shape, order and every bit are the same; ``other bits``: numbers differ by at most
            1e-9, or only their order or memory layout differs; ``different``; ``missing``: the value is not in the
            second result; ``new``: it is only in the second result; ``not archived``: no codec knew its type.
        detail: Description of the difference; empty if there is none.
    """

    experiment: int
    label: str
    verdict: Verdict
    detail: str = ""


class Loss(NamedTuple):
    """How a value was stored that lost something when it was archived.

    Attributes:
        max_infidelity: The limit that was given for its state vectors.
        grid: The grid spacing, if it was rounded; ``None``: it was stored as products of matrices.
    """

    max_infidelity: float
    grid: float | None


def compare_results(
    one: Result, other: Result, losses: Mapping[tuple[int, str], Loss] | None = None
) -> Iterator[ValueReport]:
    """Compares the experiments of two results; times, dates and ids are not compared.

    Args:
        one: The first result.
        other: The second result.
        losses: How each value of the first result lost something, by experiment and label; the values of the second
            result lose the same before they are compared.
    """
    if len(one.results) != len(other.results):
        yield ValueReport(-1, "results", "different", f"{len(one.results)} experiments, and {len(other.results)}")
    for number, (a, b) in enumerate(zip(one.results, other.results, strict=False)):
        names = ("shots", "success", "status", "meas_level", "header")
        yield from _compare_fields(number, *({name: getattr(part, name, None) for name in names} for part in (a, b)))
        second = vars(b.data)
        lossy = {label: loss for (experiment, label), loss in (losses or {}).items() if experiment == number}
        if lossy:
            second = {label: _as_stored(value, lossy.get(label)) for label, value in second.items()}
        yield from _compare_data(number, vars(a.data), second)


def _as_stored(value: Any, loss: Loss | None) -> Any:
    """A value with its state vectors as they would be read after they were archived with a loss."""
    if loss is None:
        return value
    if isinstance(value, Statevector):
        state = np.ascontiguousarray(value.data).reshape(-1)
        if loss.grid is not None:
            state = to_grid(state.view(np.float64), loss.grid).view(np.complex128)
        elif (certified := factorise(state, loss.max_infidelity)) is not None:
            state = read_all(Expansion(certified.product))
        stored = copy.copy(value)
        set_private(stored, _data=state.reshape(value.data.shape))
        return stored
    if isinstance(value, dict):
        return {key: _as_stored(item, loss) for key, item in value.items()}
    return [_as_stored(item, loss) for item in value] if isinstance(value, list) else value


def compare_primitive_results(one: PrimitiveResult[Any], other: PrimitiveResult[Any]) -> Iterator[ValueReport]:
    """Compares the pubs of two results of a primitive; times and ids are not compared."""
    if len(one) != len(other):
        yield ValueReport(-1, "results", "different", f"{len(one)} pubs, and {len(other)}")
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        names = ("shots", "target_precision")
        yield from _compare_fields(number, *({name: part.metadata.get(name) for name in names} for part in (a, b)))
        yield from _compare_data(number, dict(a.data.items()), dict(b.data.items()))


def _compare_fields(number: int, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[ValueReport]:
    for name in one:
        verdict, detail = compare_values(one[name], other[name])
        if verdict not in ("identical", "not archived"):
            yield ValueReport(number, name, verdict, detail)


def _compare_data(number: int, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[ValueReport]:
    """Compares data by label, as they are in ``vars``, because a label may hide the method ``to_dict``."""
    labels, others = ([label for label in data if label != _NOT_A_LABEL] for data in (one, other))
    for label in labels:
        if label not in other:
            yield ValueReport(number, label, "missing", "is not in the second result")
            continue
        try:
            verdict, detail = compare_values(one[label], other[label])
        except UnsupportedTypeError as refusal:
            verdict, detail = "not archived", str(refusal)
        yield ValueReport(number, label, verdict, detail)
    for label in others:
        if label not in one:
            yield ValueReport(number, label, "new", "is not in the first result")
    if labels != others and set(labels) == set(others):
        yield ValueReport(number, "data", "other bits", "the values come in another order")


def compare_values(one: Any, other: Any) -> tuple[Verdict, str]:
    """Compares two values of a result.

    Returns:
        The verdict, and a description of the difference.
    """
    found = list(_differences(one, other, ""))
    if not found:
        return "identical", ""
    if all(text is _NOT_ARCHIVED for _, text in found):
        return "not archived", _NOT_ARCHIVED
    worst: Verdict = "different" if any(not close for close, _ in found) else "other bits"
    texts = [text for close, text in found if close == (worst == "other bits")]
    return worst, texts[0] + (f" and {len(texts) - 1} more" if len(texts) > 1 else "")


def _differences(one: Any, other: Any, path: str) -> Iterator[tuple[bool, str]]:
    """Gives for each difference whether it concerns bits only, and its description."""
    if any(type(value) is MissingValue for value in (one, other)):
        yield False, _NOT_ARCHIVED
    elif type(one) is not type(other):
        yield False, f"{path or 'it'} is a {_type_name(one)}, and a {_type_name(other)}"
    elif isinstance(one, np.ndarray):
        yield from _array_differences(one, other, path)
    elif (parts := _parts(one)) is not None:
        dimensions, array = parts
        others = _parts(other)
        if others is None or dimensions != others[0]:
            yield False, f"{path or 'it'} has other dimensions"
        else:
            yield from _array_differences(array, others[1], path)
    elif isinstance(one, dict):
        yield from _mapping_differences(one, other, path)
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            yield False, f"{path or 'it'} has {len(one)} items, and {len(other)}"
        for number, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from _differences(a, b, f"{path}[{number}]")
    elif isinstance(one, float | complex | np.inexact):
        yield from _array_differences(np.asarray(one), np.asarray(other), path)
    elif not _is_equal(one, other):
        yield False, f"{path or 'it'} is {short(one)}, and {short(other)}"


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  (a value may be of a foreign class)
        return False


def _parts(value: Any) -> tuple[Any, np.ndarray[Any, Any]] | None:
    """Dimensions and array of an object of Qiskit that consists of one array, or ``None``."""
    if isinstance(value, Statevector | DensityMatrix | Operator | SuperOp):
        return private(value, "_op_shape"), value.data
    if isinstance(value, StabilizerState):
        return None, value.clifford.tableau
    if isinstance(value, Clifford):
        return None, value.tableau
    if isinstance(value, BitArray):
        return value.num_bits, value.array
    return None


def _array_differences(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], path: str) -> Iterator[tuple[bool, str]]:
    what = path or "it"
    if one.dtype != other.dtype or one.shape != other.shape:
        yield False, f"{what} has dtype {one.dtype} and shape {one.shape}, and {other.dtype} and {other.shape}"
        return
    if one.flags.c_contiguous != other.flags.c_contiguous or one.flags.f_contiguous != other.flags.f_contiguous:
        yield True, f"{what} has another memory layout"
    if one.tobytes("A") == other.tobytes("A") and one.strides == other.strides:
        return
    if one.tobytes() == other.tobytes():
        return
    if one.dtype.kind in "fc":
        with np.errstate(invalid="ignore", over="ignore"):
            largest = float(np.max(np.abs(one - other), initial=0.0)) if one.size else 0.0
        same_holes = np.array_equal(np.isfinite(one), np.isfinite(other))
        is_close = (largest <= _CLOSE or math.isnan(largest)) and same_holes
        yield is_close, f"{what} differs by up to {largest:.3g}"
    else:
        yield False, f"{what} differs in {int(np.sum(one != other))} of {one.size} elements"


def _mapping_differences(one: dict[Any, Any], other: dict[Any, Any], path: str) -> Iterator[tuple[bool, str]]:
    what = path or "it"
    if one.keys() != other.keys():
        more, lacking = len(one.keys() - other.keys()), len(other.keys() - one.keys())
        yield False, f"{what} has {more} keys that the other has not, and lacks {lacking}"
        return
    if list(one) != list(other):
        yield True, f"{what} has its keys in another order"
    if all(type(value) is int for value in one.values()) and all(type(value) is int for value in other.values()):
        moved = sum(abs(one[key] - other[key]) for key in one)
        if moved:
            yield False, f"{what}: counts differ by {moved} in all"
        return
    for key, value in one.items():
        yield from _differences(value, other[key], f"{path}[{key!r}]")
    if type(one) is not dict:
        yield from _differences(dict(vars(one)), dict(vars(other)), f"{path}.attributes")


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else type_name(kind)


def short(value: Any) -> str:
    """The ``repr`` of a value, cut to at most 60 characters."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  (a value may be of a foreign class)
        text = f"<repr raised {type(error).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."
