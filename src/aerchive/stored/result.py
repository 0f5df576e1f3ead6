"""The stored result of a run: one document, and the tables and arrays to which it refers."""

from __future__ import annotations

import fnmatch
import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import array_references
from aerchive.codecs.counts import TAG as COUNTS_TAG
from aerchive.codecs.counts import counts_from_rows, foreign_counts, format_outcome, result_counts
from aerchive.codecs.memory import TAG as MEMORY_TAG
from aerchive.codecs.memory import memory_from_rows, texts_of
from aerchive.codecs.result import decode_part, decode_value
from aerchive.codecs.table import SCALAR, scalar_from_row
from aerchive.display.text import format_bytes
from aerchive.errors import FormatError, InvalidInputError, NotFoundError
from aerchive.kinds import KINDS
from aerchive.lazy import cached_property
from aerchive.models import tagged_json
from aerchive.storage.chunks.missing import read_missing
from aerchive.stored.array import StoredArray
from aerchive.stored.block_cache import cache_small_rows, read_rows
from aerchive.stored.decoder import StoredDecoder
from aerchive.stored.document import ResultDocument, StoredExperiment, read_inputs, read_result
from aerchive.stored.forms import largest_bond
from aerchive.stored.location import ArrayLocation, Locator
from aerchive.stored.opener import RunOpener
from aerchive.stored.stack import StackedArray, natural_order
from aerchive.stored.tree import chosen, kind_of, names_of, tag_of

if TYPE_CHECKING:  # importing these loads the mathematics of states, which counts do not need
    from aerchive.stored.count_arrays import Counted
    from aerchive.stored.quantum_array import Initializer, StoredQuantumArray


class SavedValue(NamedTuple):
    """One saved value of a run: a row of `Run.saved`.

    Attributes:
        experiment: Index of the experiment, from 0.
        circuit: Name of the circuit, if the experiment has a header.
        bind: Index of the parameter bind, if there were binds.
        label: The label under which the value was saved.
        kind: Name of the encoding, such as ``statevector``; ``json`` for small values in the document.
        shape: Shape of the first array in the value; ``()`` if there is none.
        dtype: Dtype of the first array in the value, in numpy's notation; empty if there is none.
        nbytes: Size of all arrays in the value in bytes, before compression.
        infidelity: Measured infidelity ``1 - F``, the largest of the arrays; ``None`` if the value is exact.
        max_infidelity: Largest infidelity that was allowed; ``None`` if the value is exact.
        grid: Grid spacing: the numbers are multiples of it, if the value was rounded.
        bond: Largest bond dimension, if the value is stored as a product of matrices.
        is_recomputed: Whether an array of the value is not stored, but computed again when it is read.
    """

    experiment: int
    circuit: str | None
    bind: int | None
    label: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    infidelity: float | None = None
    max_infidelity: float | None = None
    grid: float | None = None
    bond: int | None = None
    is_recomputed: bool = False


class StoredResult:
    """The stored result of one run. The document is read once, values are read when they are asked for.

    Args:
        opener: Opens the group of the run.
        owner: UUID of the run.
        what: Description of the run, for messages.
    """

    def __init__(self, opener: RunOpener, owner: str, what: str) -> None:
        self._opener = opener
        self._owner = owner
        self._what = what
        self._locator = Locator(owner)
        self._has_cached_counts = False

    def load(self, *, with_counts: bool = False) -> None:
        """Reads the document, so that a value needs one opening of the file or none.

        Args:
            with_counts: Whether to keep the table of counts, too, if it is small: for programs that ask for it next.
        """
        _ = self._document  # is kept from now on
        if with_counts and not self._has_cached_counts and self._opener.stamp() is not None:
            self._has_cached_counts = True
            with self._opener.open() as (_, group):
                cache_small_rows(group, layout.COUNTS, self._owner)

    @property
    def is_loaded(self) -> bool:
        """Whether the document was read."""
        return "_document" in self.__dict__

    def load_inputs(self) -> None:
        """Reads the document of the inputs, so that asking for them opens nothing."""
        _ = self.inputs  # are kept from now on

    @cached_property
    def _document(self) -> ResultDocument:
        with self._opener.open() as (_, group):
            return read_result(group, self._owner, self._what)

    @property
    def fields(self) -> dict[Any, Any]:
        """Attributes of the ``Result``, encoded."""
        return self._document.fields

    @property
    def metadata(self) -> dict[Any, Any]:
        """Further metadata of the ``Result``, encoded."""
        return self._document.metadata

    @property
    def experiments(self) -> list[StoredExperiment]:
        """The experiments, in order."""
        return self._document.experiments

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The stored inputs: parameter binds with the circuit and bind of each experiment, or pubs; may be empty."""
        with self._opener.open() as (_, group):
            return read_inputs(group, self._owner)

    def pubs(self, circuits: Sequence[Any]) -> list[Any]:
        """The pubs that were given to a primitive; imports Qiskit.

        Args:
            circuits: The circuits of the run.

        Raises:
            NotFoundError: The run is not one of a primitive, or was saved without its pubs.
            FormatError: The document does not follow the format.
        """
        from aerchive.codecs.pubs import decode_pubs

        trees = self.inputs.get("pubs")
        if trees is None:
            raise NotFoundError(f"{self._what} has no pubs: only runs of primitives have")
        with StoredDecoder(self._opener, self._locator, None) as decoder:
            return decode_pubs(trees, circuits, decoder)

    def experiment(self, number: int) -> StoredExperiment:
        """The experiment with the index ``number``, from 0; negative ones count from the end.

        Raises:
            NotFoundError: There is no experiment with this index.
        """
        if not -len(self.experiments) <= number < len(self.experiments):
            raise NotFoundError(
                f"{self._what} has {len(self.experiments)} experiments, numbered from 0; there is no number {number}"
            )
        return self.experiments[number]

    def data(self, number: int, label: str) -> Any:
        """The encoded value that experiment ``number`` saved under a label.

        Raises:
            NotFoundError: Nothing was saved under this label.
        """
        data = self.experiment(number).data
        if label not in data:
            raise NotFoundError(
                f"{self._what}, experiment {number}: nothing was saved as {label!r}; "
                f"there are {names_of(data) or 'no values'}"
            )
        return data[label]

    def saved(self, most: int | None = None) -> list[SavedValue]:
        """The list of saved values, one row for each value.

        Args:
            most: The number of values that are listed, at most; ``None``: all.
        """
        rows: list[SavedValue] = []
        bind_of = self.inputs.get("bind_of", [])
        with self._opener.open() as (_, group):
            missing = read_missing(group, self._owner)
            again = frozenset[str]() if missing is None else missing.recomputed

            @functools.cache
            def loss(name: str) -> list[Any]:
                attributes = group.dataset_attributes(name)
                found = [_number(attributes.get(key)) for key in ("infidelity", "max_infidelity", "grid")]
                return [*found, largest_bond(attributes)]

            for number, experiment in enumerate(self.experiments):
                name = (experiment.header or {}).get("name")
                for label, tree in experiment.data.items():
                    if most is not None and len(rows) >= most:
                        return rows
                    arrays = self._locator.locate(group, list(array_references(tree)))
                    row = SavedValue(
                        number,
                        name if isinstance(name, str | None) else repr(name)[:60],
                        bind_of[number] if number < len(bind_of) else None,
                        label,
                        kind_of(tree),
                        arrays[0].shape if arrays else (),
                        arrays[0].dtype if arrays else "",
                        sum(one.nbytes for one in arrays),
                        *_worst([loss(one.name) for one in arrays]),
                    )
                    is_recomputed = any(one.name in again for one in arrays)
                    rows.append(row._replace(is_recomputed=is_recomputed))
        return rows

    def described(self, tree: Any) -> tuple[str, bool]:
        """A short description of a value in angle brackets, and whether the value has arrays, which are not read.

        Args:
            tree: The encoded value. A value that is entirely in the document is shown itself.
        """
        kind = kind_of(tree)
        arrays = self._locate(array_references(tree))
        if arrays:
            number = f", {len(arrays)} ×" if len(arrays) > 1 else ""
            size = format_bytes(sum(one.nbytes for one in arrays))
            return f"<{kind}{number} {arrays[0].shape} {np.dtype(arrays[0].dtype).name}, {size}>", True
        if kind == "counts" and isinstance(tree.get("rows"), list):
            return f"<counts of {tree['rows'][-1]} outcomes>", False
        return repr(self.decode(tree, lenient=True)) if kind == "json" else f"<{kind}>", False

    def counts(self, number: int) -> dict[str, int]:
        """Counts by bit string; see `Run.counts`."""
        tree = self.data(number, "counts")
        if tag_of(tree) == COUNTS_TAG:
            return counts_from_rows(self._rows(layout.COUNTS, tree))
        counts = self.decode(tree)
        if not isinstance(counts, dict):
            raise FormatError(f"{self._what}: its counts are a {type(counts).__name__}, not a dictionary")
        try:
            return foreign_counts(counts, self.experiment(number).header)
        except Exception as error:
            raise FormatError(f"{self._what}: its counts cannot be read: {error}") from error

    def num_outcomes(self, number: int) -> int | None:
        """The number of outcomes in the counts of experiment ``number``, which are not read; ``None`` if not known.

        Raises:
            NotFoundError: The experiment has no counts.
        """
        tree = self.data(number, "counts")
        rows = tree.get("rows") if tag_of(tree) == COUNTS_TAG else None
        return int(rows[1]) if isinstance(rows, list) and _is_range(rows) else None

    def counts_array(
        self, number: int, bits: Sequence[int] | None, *, as_bits: bool
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Counts as arrays; see `Run.counts_array`."""
        from aerchive.stored.count_arrays import counts_as_arrays  # not needed for the counts of other callers

        return counts_as_arrays(*self.counted(number), bits, as_bits=as_bits)

    def counted(self, number: int) -> Counted:
        """Counts of experiment ``number`` by bit string, as arrays, in the order of the result."""
        from aerchive.stored.count_arrays import Counted

        tree = self.data(number, "counts")
        if tag_of(tree) == COUNTS_TAG:
            rows = self._rows(layout.COUNTS, tree)
            return Counted(rows["bitstring"], rows["count"].astype(np.int64))
        found = self.counts(number)
        try:
            return Counted(np.array([*found], "S"), np.array([operator.index(one) for one in found.values()], np.int64))
        except (TypeError, ValueError, OverflowError) as error:
            raise FormatError(f"{self._what}: its counts are not integers of bit strings: {error}") from error

    def num_shots(self, number: int) -> int:
        """The number of shots in the memory of experiment ``number``, which is not read if it is in its table.

        Raises:
            NotFoundError: The experiment has no memory.
            FormatError: The memory cannot be read.
        """
        rows = self._memory_rows(self.data(number, "memory"))
        return len(self.memory(number)) if rows is None else rows[1]

    def _memory_rows(self, tree: Any) -> list[int] | None:
        """The first row and the number of rows of outcomes in the table of memory; ``None`` if they are not there."""
        is_there = tag_of(tree) == MEMORY_TAG and tree.get("form") is None and _is_range(tree.get("rows"))
        return tree["rows"] if is_there else None

    def memory(self, number: int, first: int = 0, stop: int | None = None) -> list[str]:
        """The outcome of each shot, or of some shots; see `Run.memory`.

        Args:
            number: Index of the experiment.
            first: Index of the first shot.
            stop: Index of the shot after the last; ``None``: all to the end.
        """
        header, tree = self.experiment(number).header, self.data(number, "memory")
        if (rows := self._memory_rows(tree)) is not None:
            start, end, _ = slice(first, stop).indices(rows[1])
            return texts_of(self._rows(layout.MEMORY, {"rows": [rows[0] + start, max(0, end - start)]}))
        shots = self.decode(tree)
        if not isinstance(shots, list | tuple | np.ndarray):
            raise FormatError(f"{self._what}: its memory is a {type(shots).__name__}, not a list")
        if not all(isinstance(shot, str) for shot in shots):
            raise FormatError(
                f"{self._what}: its memory is of measured levels, not of outcomes; read it with result().get_memory()"
            )
        try:
            shots = shots[first:stop]
            known = {shot: format_outcome(shot, header) for shot in set(shots)}
            return [known[shot] for shot in shots]
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise FormatError(f"{self._what}: its memory cannot be read: {error}") from error

    def number_of(self, experiment: int, bind: int | None) -> int:
        """The index of the experiment that belongs to a circuit and one of its parameter binds.

        Args:
            experiment: Index of the experiment, or of the circuit if ``bind`` is given.
            bind: Index of the bind among those of the circuit, from 0; ``None``: ``experiment`` is the index.

        Raises:
            NotFoundError: The circuit has no such bind.
        """
        if bind is None:
            return experiment
        pairs = list(zip(self.inputs.get("circuit_of", []), self.inputs.get("bind_of", []), strict=False))
        if (experiment, bind) not in pairs:
            known = [number for circuit, number in pairs if circuit == experiment]
            has = (
                f"{len(known)} parameter binds, numbered from 0; there is no {bind}" if known else "no parameter binds"
            )
            raise NotFoundError(f"{self._what}: circuit {experiment} has {has}")
        return pairs.index((experiment, bind))

    def array(
        self, label: str | None, number: int, shot: int | None = None, condition: int | str | None = None
    ) -> StoredArray:
        """A saved array; see `Run.array`."""
        label = self._label(label, self._arrays(number), number, "array")
        (location,) = self._locate([self._reference(label, number, shot, condition)])
        return StoredArray(self._opener, location)

    def state(
        self,
        label: str | None,
        number: int,
        shot: int | None,
        condition: int | str | None,
        bridge: Initializer,
    ) -> StoredQuantumArray:
        """A saved state or operator; see `Run.state`."""
        if label is None:
            data = self.experiment(number).data
            states = [name for name, tree in data.items() if kind_of(tree).rpartition(" of ")[2] in KINDS]
            label = self._label(label, states, number, "state")
        what = f"{self._what}: {label!r}"
        tree = chosen(self.data(number, label), shot, condition, what)
        kind = kind_of(tree)
        if kind not in KINDS:
            raise InvalidInputError(
                f"{what} is of kind {kind}; of {', '.join(KINDS)} parts can be read, this is read whole with "
                f"value({label!r})"
            )
        known = KINDS[kind]
        if tag_of(tree) != f"{kind}/1":
            raise FormatError(f"{what} has the encoding {tag_of(tree)}, which is newer than this aerchive: upgrade it")
        (location,) = self._locate(array_references(tree))
        module, name = known.stored if location.form is None else location.form.stored
        made = getattr(import_module(f"aerchive.{module}"), name)
        stored: StoredQuantumArray = made(self._opener, location, tree, bridge, label)
        if not stored.is_consistent:
            raise FormatError(
                f"{what}: an array of shape {location.shape} and dtype {location.dtype} is no {kind} of the dimensions "
                f"{tree.get('dims')!r}"
            )
        return stored

    def stack(
        self, labels: str | Sequence[str], numbers: Sequence[int], shot: int | None, condition: int | str | None
    ) -> StackedArray:
        """Saved arrays as one array; see `Run.stack`."""
        members = [(label, number) for number in numbers for label in self._matching(labels, number)]
        if not members:
            raise InvalidInputError(f"{self._what}: a stack of nothing; give at least one label and one experiment")
        arrays = self._locate(self._reference(label, number, shot, condition) for label, number in members)
        for one, (label, number) in zip(arrays, members, strict=True):
            if (one.shape, one.dtype) != (arrays[0].shape, arrays[0].dtype):
                raise InvalidInputError(
                    f"{self._what}: arrays of one shape and dtype can be stacked; {members[0][0]!r} has "
                    f"{arrays[0].shape} {arrays[0].dtype}, {label!r} of experiment {number} {one.shape} {one.dtype}"
                )
        trees = (chosen(self.data(number, label), shot, condition, self._what) for label, number in members)
        kinds = {kind_of(tree) for tree in trees}
        names, experiments = zip(*members, strict=True)
        runs = [self._opener] * len(arrays)
        return StackedArray(runs, arrays, names, experiments, kinds.pop() if len(kinds) == 1 else "")

    def _matching(self, labels: str | Sequence[str], number: int) -> list[str]:
        if not isinstance(labels, str):
            return list(labels)
        arrays = self._arrays(number)
        if labels in arrays:
            return [labels]
        found = sorted((name for name in arrays if fnmatch.fnmatchcase(name, labels)), key=natural_order)
        if not found:
            raise NotFoundError(
                f"{self._what}, experiment {number}: no array {labels!r}; there are {names_of(arrays) or 'none'}"
            )
        return found

    def _arrays(self, number: int) -> list[str]:
        """The labels of an experiment that hold arrays."""
        data = self.experiment(number).data
        return [name for name, tree in data.items() if next(array_references(tree), None) is not None]

    def _label(self, label: str | None, choices: Sequence[str], number: int, what: str) -> str:
        """Checks a label; without a label, returns the only one there is."""
        if label is None:
            if len(choices) > 1:
                raise InvalidInputError(f"{self._what} has several {what}s; choose one of {names_of(choices)}")
            if not choices:
                raise NotFoundError(f"{self._what}, experiment {number}: no {what} was saved")
            (label,) = choices
        if label not in choices:
            raise NotFoundError(
                f"{self._what}, experiment {number}: no {what} {label!r}; there are {names_of(choices) or 'none'}"
            )
        return label

    def _reference(self, label: str, number: int, shot: int | None, condition: int | str | None) -> Any:
        """The reference of the one array that a label, a shot and a condition select."""
        tree = chosen(self.data(number, label), shot, condition, f"{self._what}: {label!r}")
        references = list(array_references(tree))
        if len(references) != 1:
            holds = f"holds {len(references)} arrays" if references else "holds no array"
            raise InvalidInputError(f"{self._what}: {label!r} {holds}; read it with value({label!r})")
        return references[0]

    def _locate(self, references: Iterable[Any]) -> list[ArrayLocation]:
        wanted = list(references)
        found = self._locator.known(wanted, self._opener)
        if found is None:
            with self._opener.open() as (_, group):
                found = self._locator.locate(group, wanted)
        return found

    def decode(self, tree: Any, *, lenient: bool = False) -> Any:
        """Decodes a value and reads the tables and arrays to which it refers.

        Args:
            tree: The encoded value.
            lenient: Whether a value that was refused is returned as a `MissingValue` instead of raising an error.

        Raises:
            UnsupportedTypeError: The value was not archived, because no codec knew its type.
            FormatError: The document does not follow the format.
            IntegrityError: The stored bytes are damaged.
        """
        tag = tag_of(tree)
        if tag == COUNTS_TAG:
            return result_counts(self._rows(layout.COUNTS, tree))
        if tag == MEMORY_TAG:
            return memory_from_rows(self._rows(layout.MEMORY, tree), tree.get("form"))
        if tag == SCALAR:
            return scalar_from_row(self._rows(layout.TABLE, {"rows": [tree.get("row"), 1]}), tree.get("column"))
        if type(tree) in tagged_json.LEAVES:
            return tree
        decode = decode_part if lenient else decode_value
        with StoredDecoder(self._opener, self._locator, tree) as decoder:
            return decode(tree, decoder)

    def decode_fields(self, fields: Mapping[Any, Any]) -> dict[Any, Any]:
        """Decodes fields or metadata; a value that was refused is returned as a `MissingValue`."""
        return {name: self.decode(tree, lenient=True) for name, tree in fields.items()}

    def _rows(self, name: str, tree: Mapping[str, Any]) -> Any:
        rows = tree.get("rows")
        if not _is_range(rows):
            raise FormatError(f"{self._what}: {name} of rows {rows!r}, which are no rows")
        first, number = rows  # type: ignore[misc]  # checked by _is_range
        return read_rows(self._opener, name, self._owner, first, first + number)


def _worst(losses: Sequence[Sequence[Any]]) -> tuple[float | None, float | None, float | None, int | None]:
    """The largest infidelity, limit, grid and bond dimension of several datasets."""
    known = [[value for value in column if value is not None] for column in zip(*losses, strict=True)] or [[]] * 4
    infidelity, limit, grid, bond = (max(column, default=None) for column in known)
    return infidelity, limit, grid, bond


def _is_range(rows: Any) -> bool:
    return isinstance(rows, list) and len(rows) == 2 and all(type(number) is int and number >= 0 for number in rows)


def _number(value: Any) -> float | None:
    return value if isinstance(value, float) else None
