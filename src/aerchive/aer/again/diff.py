"""Comparing two archived runs: their inputs and their results."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from qiskit.primitives import BitArray
from scipy.special import chdtrc

from aerchive import layout
from aerchive.aer.again.compare import compare_values, short
from aerchive.codecs.circuits.losses import differences
from aerchive.display.html import ShownReport
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.kinds import KINDS, Kind
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray

_DIFFERENT_BELOW = 1e-4
_COMPATIBLE_ABOVE = 0.01
"""Limits of the p-value in the test of two counts: between the two limits the test is inconclusive."""
_RARE = 5.0
"""Smallest expected count of an outcome; rarer outcomes are merged, by the rule of thumb for Pearson's test."""
_DETECTABLE = 0.5
"""Total variation distance that the shots must be able to show; with fewer shots the test is inconclusive."""
_PIECE = 2**20
"""Number of elements of an array that are compared at a time."""


class Difference(NamedTuple):
    """The comparison of one property of two runs.

    Attributes:
        what: The compared property, such as ``option shots``, ``circuits``, ``counts 0`` or ``statevector 0``.
        verdict: ``same``; ``compatible``: equal except for differences that shots or rounding explain;
            ``inconclusive``; ``different``.
        detail: Description of the difference; empty if there is none.
    """

    what: str
    verdict: Literal["same", "compatible", "inconclusive", "different"]
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class DiffReport(ShownReport):
    """The report of `diff_runs`.

    Attributes:
        first: Job id of the first run.
        second: Job id of the second run.
        differences: All comparisons, also those without a difference.
    """

    first: str
    second: str
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs, except for what shots and rounding explain."""
        return all(difference.verdict in ("same", "compatible") for difference in self.differences)

    def to_json(self) -> dict[str, Any]:
        """The report as a dictionary that can be written as JSON."""
        found = [difference._asdict() for difference in self.differences]
        return {"first": self.first, "second": self.second, "same": self.same, "differences": found}

    def __str__(self) -> str:
        rows = [(clean(d.what), d.verdict, clean(d.detail)) for d in self.differences]
        width = max((len(what) for what, _, _ in rows), default=0)
        lines = [f"{clean(self.first)} and {clean(self.second)}"]
        lines += [f"  {what:{width}}  {verdict}{': ' if detail else ''}{detail}" for what, verdict, detail in rows]
        return "\n".join(lines)


def diff_runs(one: Run, other: Run) -> DiffReport:
    """Compares two runs; states are read piece by piece.

    Args:
        one: The first run.
        other: The second run, of the same or another project.

    Returns:
        A report that compares the configuration by field, circuits and noise model by content, counts by a test of
        homogeneity, states by fidelity, unitaries up to a global phase, and everything else by its bits.
    """
    found = [*_config(one, other), *_objects(one, other), *_values(one, other)]
    return DiffReport(one.job_id, other.job_id, tuple(found))


def _config(one: Run, other: Run) -> Iterator[Difference]:
    if one.outcome != other.outcome:
        yield Difference("outcome", "different", f"{one.outcome}, and {other.outcome}")
    a, b = one.record.config, other.record.config
    for name in _CONFIG:
        if getattr(a, name) != getattr(b, name):
            yield Difference(name, "different", f"{getattr(a, name)}, and {getattr(b, name)}")
    yield from _options("option", a.options, b.options)
    yield from _options("primitive option", a.primitive_options, b.primitive_options)
    then, now = one.record.provenance, other.record.provenance
    for name in ("qiskit_aer", "qiskit"):
        if getattr(then, name, None) != getattr(now, name, None):
            yield Difference(name, "different", f"{getattr(then, name, None)}, and {getattr(now, name, None)}")


_CONFIG = (
    *("program", "primitive_class", "backend_name", "backend_version", "backend_class"),
    *("target_gates", "num_circuits"),
)


def _options(what: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted((one.keys() | other.keys()) - {"noise_model"}):
        verdict, _ = compare_values(one.get(name), other.get(name))
        if verdict != "identical":
            yield Difference(f"{what} {name}", "different", f"{short(one.get(name))}, and {short(other.get(name))}")


def _objects(one: Run, other: Run) -> Iterator[Difference]:
    for what in (layout.CIRCUITS, layout.NOISE_MODEL, layout.TARGET):
        a, b = _object_id(one, what), _object_id(other, what)
        if a is None and b is None:
            continue
        if a == b:
            yield Difference(what, "same")
        elif a is None or b is None:
            yield Difference(what, "different", f"only {one.job_id if b is None else other.job_id} has any")
        elif what in _COMPARED:
            try:
                yield _COMPARED[what](one, other)
            except AerchiveError as error:
                yield Difference(what, "inconclusive", str(error))
        else:
            yield Difference(what, "different", "another device, or its properties at another time")


def _object_id(run: Run, what: str) -> str | None:
    try:
        return run.object_id(what)
    except NotFoundError:  # the run was lost
        return None


def _circuits(one: Run, other: Run) -> Difference:
    a, b = one.circuits(), other.circuits()
    if len(a) != len(b):
        return Difference("circuits", "different", f"{len(a)} circuits, and {len(b)}")
    # The operator == is not used, because it synthesises the definition of a prepared state.
    differing = [number for number, (x, y) in enumerate(zip(a, b, strict=True)) if any(differences(x, y))]
    if not differing:
        return Difference("circuits", "same", "equal, in other bytes")
    x, y = a[differing[0]], b[differing[0]]
    detail = f"circuit {differing[0]}: {_describe(x)}, and {_describe(y)}"
    return Difference("circuits", "different", detail + (f"; {len(differing)} in all" if len(differing) > 1 else ""))


def _describe(circuit: Any) -> str:
    gates = ", ".join(f"{number} {name}" for name, number in list(circuit.count_ops().items())[:6])
    return f"{circuit.num_qubits} qubits, depth {circuit.depth()} ({gates or 'no gates'})"


def _noise(one: Run, other: Run) -> Difference:
    a, b = one.noise_model(), other.noise_model()
    if a is not None and b is not None:
        verdict, detail = compare_values(_without_ids(a.to_dict()), _without_ids(b.to_dict()))
        if verdict == "identical" and a.basis_gates == b.basis_gates:
            return Difference("noise_model", "same", "equal, with other ids")
        return Difference("noise_model", "different", detail or "other basis gates")
    return Difference("noise_model", "different", "one cannot be read")


_COMPARED = {layout.CIRCUITS: _circuits, layout.NOISE_MODEL: _noise}


def _without_ids(tree: Any) -> Any:
    """The tree without the ids of quantum errors, which are random in each process."""
    if isinstance(tree, dict):
        return {key: _without_ids(value) for key, value in tree.items() if key != "id"}
    return [_without_ids(item) for item in tree] if isinstance(tree, list) else tree


def _values(one: Run, other: Run) -> Iterator[Difference]:
    try:
        labels = {(value.experiment, value.label): value.kind for value in one.saved}
        others = {(value.experiment, value.label): value.kind for value in other.saved}
    except NotFoundError as error:
        yield Difference("result", "different", str(error))
        return
    for mine, theirs, run in ((labels, others, one), (others, labels, other)):
        for experiment, label in mine:
            if (experiment, label) not in theirs:
                yield Difference(f"{label} {experiment}", "different", f"only {run.job_id} has it")
    for (experiment, label), kind in labels.items():
        if (experiment, label) in others:
            yield _value(one, other, experiment, label, {kind, others[experiment, label]})


def _value(one: Run, other: Run, experiment: int, label: str, kinds: set[str]) -> Difference:
    what = f"{label} {experiment}"
    try:
        if label == "counts":
            counts, others = one.counts(experiment), other.counts(experiment)
            if _are_counts(counts) and _are_counts(others):
                return compare_counts(what, counts, others)
        if len(kinds) == 1 and kinds <= KINDS.keys():
            (kind,) = kinds
            dims = [run.stored_result.data(experiment, label)["dims"] for run in (one, other)]
            if dims[0] != dims[1]:
                return Difference(what, "different", "it has other dimensions")
            return _states(what, one.array(label, experiment), other.array(label, experiment), KINDS[kind])
        a, b = one.value(label, experiment), other.value(label, experiment)
        if kinds == {"bit_array"} and a.shape == b.shape and a.num_bits == b.num_bits:
            return _samples(what, a, b)
        verdict, detail = compare_values(a, b)
    except AerchiveError as error:
        return Difference(what, "inconclusive", str(error))
    if verdict == "identical":
        return Difference(what, "same")
    return Difference(what, "compatible" if verdict == "other bits" else "different", detail)


def _are_counts(counts: Mapping[Any, Any]) -> bool:
    """Whether a mapping is from outcomes to counts: a user may have put any value into a Result."""
    return all(type(key) is str and type(number) is int and number >= 0 for key, number in counts.items())


def compare_counts(what: str, one: dict[str, int], other: dict[str, int]) -> Difference:
    """Tests whether two counts may come from the same distribution.

    This is Pearson's chi-squared test of homogeneity on the 2 x k table of outcomes; outcomes that are expected less
    than five times in either row are merged (K. Pearson, Phil. Mag. 50 (1900) 157; W. G. Cochran, Biometrics 10 (1954)
    417).

    Args:
        what: Name of the comparison.
        one: Counts of the first run, by outcome.
        other: Counts of the second run, by outcome.

    Returns:
        The comparison with the verdict ``same``; ``different`` for p < 1e-4; ``compatible`` for p > 0.01, if the shots
        suffice to detect a total variation distance of 0.5; else ``inconclusive``.
    """
    if one == other:
        return Difference(what, "same")
    keys = sorted(one.keys() | other.keys())
    table = np.array([[one.get(key, 0) for key in keys], [other.get(key, 0) for key in keys]], dtype=float)
    shots = table.sum(axis=1)
    if not shots.all():
        return Difference(what, "inconclusive", "one has no shots")
    distance = 0.5 * float(np.abs(table[0] / shots[0] - table[1] / shots[1]).sum())
    expected = np.outer(shots, table.sum(axis=0)) / shots.sum()
    rare = expected.min(axis=0) < _RARE
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    merged = merged[:, merged.sum(axis=0) > 0]
    told = f"total variation distance {distance:.3g}"
    degrees = merged.shape[1] - 1
    if degrees < 1:
        return Difference(what, "inconclusive", f"{told}; too few shots for so many outcomes")
    expected = np.outer(shots, merged.sum(axis=0)) / shots.sum()
    p = float(chdtrc(degrees, float(((merged - expected) ** 2 / expected).sum())))
    told += f", p = {p:.2g}"
    if p < _DIFFERENT_BELOW:
        return Difference(what, "different", told)
    noise = math.sqrt(degrees * float((1 / shots).sum()))
    if p < _COMPATIBLE_ABOVE or noise > _DETECTABLE:
        return Difference(what, "inconclusive", told)
    return Difference(what, "compatible", told)


def _samples(what: str, one: BitArray, other: BitArray) -> Difference:
    """Compares the samples of each point of a sweep as counts; the verdict is that of the point that differs most."""
    found = [compare_counts(what, one.get_counts(at), other.get_counts(at)) for at in np.ndindex(one.shape)]
    if all(difference.verdict == "same" for difference in found):
        if np.array_equal(one.array, other.array):
            return Difference(what, "same")
        return Difference(what, "compatible", "the same counts, in another order")
    worst = max(found, key=lambda difference: _SEVERITY.index(difference.verdict))
    return worst if len(found) == 1 else worst._replace(detail=f"of {len(found)} points the worst: {worst.detail}")


_SEVERITY = ("same", "compatible", "inconclusive", "different")


def _states(what: str, one: StoredArray, other: StoredArray, kind: Kind) -> Difference:
    if one.shape != other.shape:
        return Difference(what, "different", f"shape {one.shape}, and {other.shape}")
    overlap, norm, other_norm, largest, is_same = 0j, 0.0, 0.0, 0.0, True
    rows = max(1, _PIECE // max(1, math.prod(one.shape[1:])))
    for start in range(0, one.shape[0], rows):
        a, b = one[start : start + rows], other[start : start + rows]
        is_same = is_same and a.tobytes() == b.tobytes()
        overlap += complex(np.vdot(a, b))
        norm += float(np.vdot(a, a).real)
        other_norm += float(np.vdot(b, b).real)
        largest = float(np.maximum(largest, np.abs(a - b).max(initial=0.0)))
    if is_same:
        return Difference(what, "same")
    if not all(map(math.isfinite, (abs(overlap), norm, other_norm, largest))):
        return Difference(what, "different", "with numbers that are not finite")
    if kind.compared_by == "elements":
        return Difference(what, _closeness(largest), f"elements differ by up to {largest:.2g}")
    if not math.isclose(norm, other_norm, rel_tol=_CLOSE):
        return Difference(what, "different", f"squared norm {norm:.10g}, and {other_norm:.10g}")
    agreement = abs(overlap) / math.sqrt(norm * other_norm) if norm and other_norm else 0.0
    if kind.compared_by == "fidelity":
        fidelity = agreement**2
        return Difference(what, _closeness(1 - fidelity), f"fidelity 1 - {max(0.0, 1 - fidelity):.2g}")
    return Difference(what, _closeness(1 - agreement), f"up to a phase |tr(A\u2020B)|/|A||B| = 1 - {1 - agreement:.2g}")


_CLOSE = 1e-9


def _closeness(distance: float) -> Literal["compatible", "different"]:
    return "compatible" if distance < _CLOSE else "different"
