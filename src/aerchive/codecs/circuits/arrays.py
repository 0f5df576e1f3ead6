"""Large arrays of circuits as separate objects, so that all circuits with the same array share it.

An initial state of 20 qubits takes 16 MiB in each circuit that starts from it. It is not stored in the document of the
circuits: a tagged object refers to it, and it is stored once in the project, as a dataset like any other::

    {"$": "shared_array/1", "array": index}                               an ndarray, as it was
    {"$": "shared_array/1", "array": index, "as": "list"}                 a list, or lists of equal length in it
    {"$": "shared_array/1", "array": index, "offset", "shape", "order"}   a piece of an array of many small ones

``array`` is the index in the list of arrays that belongs to the document. ``as`` tells what the value was if it was not
an ndarray: ``list``: a list of Python's int, float or complex, or of texts of equal length; ``scalars``: a list of
numpy scalars.

See decision 0008.
"""

from __future__ import annotations

import functools
import math
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import check_encoding, is_storable
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, ObjectDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.read_plan import ReadPlan

KIND = layout.ARRAYS
ENCODING = "shared_array"
VERSION = 1
TAG = f"{ENCODING}/{VERSION}"

LEAST_BYTES = 8 * 1024
"""Smallest size in bytes of a shared array: an object costs 0.5 kB and 0.5 ms (decision note 0008)."""
MAX_BYTES = 2**36
"""Largest size in bytes of an array; no simulator here can start from a larger one."""

_LEAST_LENGTH = 64
"""Shortest list that may be stored as an array."""
_MOST_AXES = 3
"""Largest depth of nested lists; the limit is needed because a list may contain itself."""
_PLAIN: dict[type, str] = {complex: "<c16", float: "<f8", int: "<i8"}
_KINDS = frozenset("biufcS")

_unwritten: weakref.WeakValueDictionary[str, ObjectDraft] = weakref.WeakValueDictionary()
"""Arrays that are not written yet, by digest: a transaction with many circuits that share a state holds it once."""


class _Found(NamedTuple):
    """An array in a value.

    Attributes:
        value: The original value; it is kept so that no other object gets its ``id``.
        array: The value as an array.
        form: What the value was if it was not an array: ``list`` or ``scalars``.
    """

    value: Any
    array: NDArray[Any]
    form: str | None


class ArrayShelf:
    """Takes the large arrays out of values.

    Attributes:
        objects: The arrays that were taken out, each once.
    """

    def __init__(self) -> None:
        self.objects: list[ObjectDraft] = []
        self._index: dict[str, int] = {}

    def roll_back(self, number: int) -> None:
        """Removes all but the first ``number`` arrays, because the values that held them are not stored."""
        for draft in self.objects[number:]:
            del self._index[draft.digest]
        del self.objects[number:]

    def sources(self) -> list[Callable[[], NDArray[Any]]]:
        """Functions that return the arrays, for an `ArrayReader`; the arrays must not be changed."""
        return [functools.partial(_read_back, draft) for draft in self.objects]

    def encode(self, value: Any, extend: tagged_json.Extend | None = None) -> tuple[Any, bool]:
        """Encodes a value as tagged JSON, and returns it with whether large arrays were taken out of it.

        Args:
            value: Any value that tagged JSON can represent.
            extend: Function for values of other types, of `aerchive.models.tagged_json.encode`; it may be called twice.

        Raises:
            UnsupportedTypeError: The value contains something that tagged JSON cannot represent.
        """
        found: dict[int, _Found] = {}

        def look(part: Any) -> dict[str, Any] | None:
            known = found.get(id(part)) or _as_array(part)
            if known is None:
                return None
            found[id(part)] = known
            return {}

        tree = tagged_json.encode(value, extend, look)
        if not found:
            return tree, False
        bodies = self._bodies(found) if sum(one.array.nbytes for one in found.values()) >= LEAST_BYTES else {}
        return tagged_json.encode(value, extend, lambda part: bodies.get(id(part))), bool(bodies)

    def _bodies(self, found: dict[int, _Found]) -> dict[int, dict[str, Any]]:
        bodies, small = {}, defaultdict(list)
        for key, one in found.items():
            if one.array.nbytes >= LEAST_BYTES:
                stored, order = _stored(one.array)
                private = stored.copy() if one.form is None else stored  # the caller may change it before the commit
                bodies[key] = _body(one, self._add(private, one.array.dtype, order))
            else:
                small[one.array.dtype].append((key, one))
        for dtype, members in small.items():
            if sum(one.array.nbytes for _, one in members) < LEAST_BYTES:
                continue
            pieces = [_stored(one.array) for _, one in members]
            index = self._add(np.concatenate([stored.reshape(-1) for stored, _ in pieces]), dtype, "C")
            offset = 0
            for (key, one), (stored, order) in zip(members, pieces, strict=True):
                place = {"offset": offset, "shape": list(one.array.shape), "order": order}
                bodies[key] = _body(one, index) | place
                offset += stored.size
        return bodies

    def _add(self, stored: NDArray[Any], dtype: np.dtype[Any], order: str) -> int:
        attributes: dict[str, AttributeValue] = {
            "encoding": ENCODING,
            "encoding_version": VERSION,
            "dtype": dtype.str,
            "order": order,
        }
        data = stored.view(np.uint8) if dtype.kind == "b" else stored
        draft = ObjectDraft(KIND, attributes, {"data": DatasetDraft([data])})
        draft = _unwritten.setdefault(draft.digest, draft)
        if draft.digest not in self._index:
            self._index[draft.digest] = len(self.objects)
            self.objects.append(draft)
        return self._index[draft.digest]


def _body(one: _Found, index: int) -> dict[str, Any]:
    return {TYPE_KEY: TAG, "array": index} | ({} if one.form is None else {"as": one.form})


def _stored(array: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """The array as it is stored, C-contiguous, and its order in memory, ``C`` or ``F``."""
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        return array.T, "F"
    return np.ascontiguousarray(array), "C"


def _as_array(value: Any) -> _Found | None:
    if type(value) is np.ndarray:
        return _Found(value, value, None) if is_storable(value) else None
    if type(value) is not list or len(value) < 2:  # the list of params of most instructions has one item
        return None
    flat, shape = value, [len(value)]
    while len(shape) < _MOST_AXES and _are_rows(flat):
        shape.append(len(flat[0]))
        flat = list(chain.from_iterable(flat))
    if len(flat) < _LEAST_LENGTH or len(kinds := set(map(type, flat))) != 1:
        return None
    (kind,) = kinds
    try:
        if kind in _PLAIN:
            return _Found(value, np.array(flat, _PLAIN[kind]).reshape(shape), "list")
        if kind is str and len({len(text) for text in flat}) == 1 and flat[0]:
            array = np.array([text.encode("ascii") for text in flat])
            return _Found(value, array.reshape(shape), "list") if not any("\0" in text for text in flat) else None
        if issubclass(kind, np.generic) and len(shape) == 1 and is_storable(array := np.array(flat)):
            return _Found(value, array, "scalars") if array.dtype.type is kind else None
    except (OverflowError, UnicodeEncodeError):  # an integer of more than 64 bits, a text that is not ASCII
        pass
    return None


def _read_back(draft: ObjectDraft) -> NDArray[Any]:
    attributes, (stored,) = draft.attributes, draft.datasets["data"].parts
    return _restored(stored, np.dtype(str(attributes["dtype"])), str(attributes["order"]))


def _restored(stored: NDArray[Any], dtype: np.dtype[Any], order: str) -> NDArray[Any]:
    values = stored if stored.dtype == dtype else stored.view(dtype)
    return values.T if order == "F" else values


def _are_rows(items: list[Any]) -> bool:
    first = items[0]
    return type(first) is list and len(first) > 0 and all(type(row) is list and len(row) == len(first) for row in items)


class StoredArray(NamedTuple):
    """A shared array of an open project that is found and checked, but not read.

    Attributes:
        path: Path of the shared object.
        dtype: Dtype of the array.
        order: ``C``, or ``F`` if the array is stored transposed.
        plan: Plan to read the array without HDF5.
    """

    path: str
    dtype: np.dtype[Any]
    order: str
    plan: ReadPlan

    def read(self, fd: int) -> NDArray[Any]:
        """Reads all values into a new array, with the memory order of the array that was stored.

        Args:
            fd: File descriptor of the project file.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        return _restored(self.plan.read(fd), self.dtype, self.order)


def find_array(group: GroupReader) -> StoredArray:
    """Finds the array in the group of a shared object.

    Raises:
        FormatError: The object is not a shared array, or has a newer encoding.
        UnsafeContentError: The array is larger than anything that could be simulated.
    """
    attributes = group.attributes()
    check_encoding(group, ENCODING, VERSION, "shared array")
    path = str(attributes.get("object"))
    what = group.describe("data")
    try:
        dtype, order = np.dtype(str(attributes["dtype"])), attributes["order"]
        if dtype.kind not in _KINDS or (np.dtype("u1") if dtype.kind == "b" else dtype) != what.dtype:
            raise ValueError(f"values of dtype {dtype} cannot be stored as {what.dtype}")
        if order not in ("C", "F"):
            raise ValueError(f"order {order!r} is neither C nor F")
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise FormatError(f"{group.where()}: is not a shared array: {error}") from error
    if math.prod(what.shape) * what.dtype.itemsize > MAX_BYTES:
        raise UnsafeContentError(
            f"{group.where('data')}: has shape {what.shape}; an array of a circuit has at most {MAX_BYTES:,} bytes"
        )
    return StoredArray(path, dtype, str(order), group.plan("data", path))


class ArrayReader:
    """Puts arrays back into the values from which `ArrayShelf` took them.

    Args:
        sources: One function for each array of the document, which returns a new array at each call.
    """

    def __init__(self, sources: Sequence[Callable[[], NDArray[Any]]]) -> None:
        self._sources = sources
        self._packed: dict[int, NDArray[Any]] = {}

    def restore(self, tag: str, tree: dict[str, Any]) -> Any:
        """Decodes the value of a tagged object, for `aerchive.models.tagged_json.decode`.

        Raises:
            FormatError: The object has another tag, or refers to an array that does not exist.
        """
        if tag != TAG:
            raise FormatError(f"stored value has the unknown type {tag!r}; a newer aerchive may read it")
        try:
            array = self._array(tree["array"], tree.get("offset"), tree)
            return array if "as" not in tree else _FORMS[tree["as"]](array)
        except (LookupError, TypeError, ValueError) as error:
            raise FormatError(f"{tree}: is not one of the {len(self._sources)} arrays: {error!r}") from error

    def _array(self, index: Any, offset: Any, tree: dict[str, Any]) -> NDArray[Any]:
        if type(index) is not int or index < 0:
            raise ValueError("an index is expected")
        if offset is None:
            return self._sources[index]()
        if index not in self._packed:
            self._packed[index] = self._sources[index]()
        shape, order, whole = tuple(tree["shape"]), tree["order"], self._packed[index]
        size = math.prod(shape)
        if whole.ndim != 1 or min(offset, *shape, size) < 0 or offset + size > whole.size:
            raise ValueError(f"a piece is not in an array of shape {whole.shape}")
        return whole[offset : offset + size].reshape(shape, order=order).copy(order=order)


def _to_lists(array: NDArray[Any]) -> list[Any]:
    values: list[Any] = (array.astype(str) if array.dtype.kind == "S" else array).tolist()
    return values


_FORMS: dict[str, Callable[[NDArray[Any]], Any]] = {"list": _to_lists, "scalars": list}
