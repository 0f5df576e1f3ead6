"""Results by themselves: made by hand, edited, merged, with data of odd types."""

from __future__ import annotations

import collections
import copy
import datetime
import functools
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import qiskit_aer
from qiskit import quantum_info
from qiskit.quantum_info import random_clifford
from qiskit.result import Counts, ProbDistribution, QuasiDistribution, Result, marginal_counts
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel
from qiskit_aer.backends import compatibility

from tests.corpus.case import SEED, Bare, Case, Cases
from tests.corpus.labels import HOSTILE, KEPT, REFUSED, Foreign, Sullen, cyclic, nested
from tests.corpus.saves import prepared


@functools.cache
def _simulated() -> Result:
    first, second = prepared(2, clifford=False), prepared(3, clifford=False)
    for circuit, name in ((first, "first"), (second, "second")):
        circuit.save_statevector()
        circuit.save_probabilities_dict(label="odds")
        circuit.save_expectation_value(quantum_info.Pauli("Z"), [0], label="z")
        circuit.measure(range(circuit.num_qubits), range(circuit.num_qubits))
        circuit.name = name
        circuit.metadata = {"name": name}
    backend = qiskit_aer.AerSimulator(seed_simulator=SEED, method="statevector")
    return backend.run([first, second], shots=30, memory=True).result()


def simulated() -> Result:
    """What Aer gave, a copy for each that edits it."""
    result = copy.deepcopy(_simulated())
    result.job_id = str(uuid.uuid4())
    return result


def made(**data: Any) -> Result:
    """A Result with one experiment that holds these data."""
    return Result(
        backend_name="by hand",
        backend_version="1",
        job_id=str(uuid.uuid4()),
        success=True,
        results=[ExperimentResult(10, True, ExperimentResultData(**data), header={"name": "by hand"})],
    )


def edit(change: Callable[[Result], Any]) -> Callable[[], Bare]:
    def make() -> Bare:
        result = simulated()
        changed = change(result)
        return Bare(changed if isinstance(changed, Result) else result)

    return make


def add(result: Result, **attributes: Any) -> None:
    for name, value in attributes.items():
        setattr(result, name, value)


def register(data: ExperimentResultData, name: str, value: Any) -> None:
    setattr(data, name, value)
    data._data_attributes.append(name)


def forget(data: ExperimentResultData, name: str) -> None:
    delattr(data, name)
    data._data_attributes.remove(name)


def rename(data: ExperimentResultData, old: str, new: str) -> None:
    setattr(data, new, getattr(data, old))
    delattr(data, old)
    data._data_attributes[data._data_attributes.index(old)] = new


def merge(one: Result, other: Result) -> Result:
    one.results = [*one.results, *other.results]
    return one


def without(thing: Any, name: str) -> None:
    del thing.__dict__[name]


class OwnResult(Result):
    """Somebody's Result."""


class OwnExperiment(ExperimentResult):
    """Somebody's experiment."""


EDITED: dict[str, Callable[[Result], Any]] = {
    "nothing": lambda r: None,
    "appended": lambda r: register(r.results[0].data, "mine", np.arange(3)),
    "appended, not registered": lambda r: setattr(r.results[0].data, "mine", np.arange(3)),
    "deleted": lambda r: forget(r.results[0].data, "counts"),
    "deleted, still registered": lambda r: delattr(r.results[0].data, "counts"),
    "registered twice": lambda r: r.results[0].data._data_attributes.append("counts"),
    "renamed": lambda r: rename(r.results[0].data, "statevector", "ψ/0"),
    "reordered": lambda r: r.results[0].data._data_attributes.reverse(),
    "changed": lambda r: setattr(r.results[0].data, "counts", {"0x0": 1}),
    "changed in place": lambda r: r.results[0].data.counts.update({"0x3": 10**30}),
    "amplitude changed": lambda r: r.results[0].data.statevector.data.__setitem__(0, complex(-0.0, float("nan"))),
    "experiment popped": lambda r: r.results.pop(),
    "experiments reversed": lambda r: r.results.reverse(),
    "experiment twice": lambda r: r.results.append(copy.deepcopy(r.results[0])),
    "no experiments": lambda r: r.results.clear(),
    "results is None": lambda r: setattr(r, "results", None),
    "merged": lambda r: merge(r, simulated()),
    "marginal": lambda r: marginal_counts(r, [0]),
    "from its dict": lambda r: Result.from_dict(r.to_dict()),
    "attribute": lambda r: add(r, note="mine", number=5, array=np.arange(3), date_time=datetime.datetime(2026, 1, 2)),
    "private attribute": lambda r: add(r, _mine="x", __mine=1),
    "attribute named self": lambda r: add(r, self=1),
    "attribute named run": lambda r: add(r, run=1),
    "attribute named results_": lambda r: add(r, results_=[1], data=2, metadata_=3),
    "attribute of a method": lambda r: add(r, get_counts=5, to_dict="no"),
    "dollar": lambda r: setattr(r, "$", "tuple"),
    "metadata": lambda r: r._metadata.update({"mine": (1, 2), "$": "tuple", "a b": None}),
    "private metadata": lambda r: r._metadata.update({"_mine": 1, "__class__": 2, "results": 3, "self": 4}),
    "metadata with numbers as keys": lambda r: r._metadata.update({5: 1}),
    "no metadata": lambda r: r._metadata.clear(),
    "metadata is None": lambda r: r._metadata.update({"metadata": None}),
    "metadata is a list": lambda r: r._metadata.update({"metadata": [1]}),
    "time is text": lambda r: r._metadata.update({"time_taken": "long"}),
    "no success": lambda r: without(r, "success"),
    "success is None": lambda r: add(r, success=None),
    "success is text": lambda r: add(r, success="yes"),
    "numpy success": lambda r: add(r, success=np.bool_(True)),
    "not successful": lambda r: add(r, success=False, status="ERROR: \x1b[31m by hand"),
    "status is a number": lambda r: add(r, success=False, status=5),
    "no job id": lambda r: add(r, job_id=None),
    "job id is a number": lambda r: add(r, job_id=17),
    "odd job id": lambda r: add(r, job_id="a/b\x1b\0 \ud800" + uuid.uuid4().hex),
    "long job id": lambda r: add(r, job_id="x" * 300 + uuid.uuid4().hex),
    "long job id of others": lambda r: add(r, job_id="x" * 300 + uuid.uuid4().hex),
    "date is a time": lambda r: add(r, date=datetime.datetime(2026, 1, 2, 3)),
    "date is None": lambda r: add(r, date=None),
    "date is text": lambda r: add(r, date="yesterday"),
    "date long ago": lambda r: add(r, date="0001-01-01T00:00:00"),
    "date far away": lambda r: add(r, date="9999-12-31T23:59:59.999999"),
    "backend is None": lambda r: add(r, backend_name=None, backend_version=None),
    "backend is a number": lambda r: add(r, backend_name=5, backend_version=(1, 2)),
    "backend name is odd": lambda r: add(r, backend_name="\ud800\x1b" + "ψ" * 50_000),
    "header": lambda r: add(r, header={"a": {1: (2,)}, "$": 1}),
    "shots are a pair": lambda r: add(r.results[0], shots=(0, 10)),
    "shots are None": lambda r: add(r.results[0], shots=None),
    "shots of numpy": lambda r: add(r.results[0], shots=np.int64(30)),
    "seed": lambda r: add(r.results[0], seed=2**64 - 1),
    "level 1": lambda r: add(r.results[0], meas_level=MeasLevel.KERNELED, meas_return="avg"),
    "level is a number": lambda r: add(r.results[0], meas_level=2),
    "level 7": lambda r: add(r.results[0], meas_level=7),
    "no level": lambda r: without(r.results[0], "meas_level"),
    "no header": lambda r: without(r.results[0], "header"),
    "header is None": lambda r: add(r.results[0], header=None),
    "header is text": lambda r: add(r.results[0], header="first"),
    "header without sizes": lambda r: r.results[0].header.pop("creg_sizes"),
    "header without slots": lambda r: r.results[0].header.pop("memory_slots"),
    "slots are text": lambda r: r.results[0].header.update(memory_slots="2"),
    "slots are numpy": lambda r: r.results[0].header.update(memory_slots=np.int64(2)),
    "slots are negative": lambda r: r.results[0].header.update(memory_slots=-1),
    "slots are many": lambda r: r.results[0].header.update(memory_slots=10**4),
    "slots are few": lambda r: r.results[0].header.update(memory_slots=1),
    "sizes are wrong": lambda r: r.results[0].header.update(creg_sizes=[["a", 7], ["b", 1]]),
    "sizes are tuples": lambda r: r.results[0].header.update(creg_sizes=[("a", 1), ("b", 1)]),
    "sizes are no pairs": lambda r: r.results[0].header.update(creg_sizes=[["a"], 5]),
    "sizes are a number": lambda r: r.results[0].header.update(creg_sizes=5),
    "sizes are text": lambda r: r.results[0].header.update(creg_sizes=[["a", "2"]]),
    "name is a number": lambda r: r.results[0].header.update(name=5),
    "name is None": lambda r: r.results[0].header.update(name=None),
    "name is a list": lambda r: r.results[0].header.update(name=["a"]),
    "experiment attribute": lambda r: add(r.results[0], note="mine", _private=1),
    "experiment failed": lambda r: add(r.results[0], success=False, status="ERROR"),
    "experiment metadata": lambda r: r.results[0]._metadata.update({"_mine": 1, "$": 2, "data": 3, "shots": 4}),
    "experiment metadata is text": lambda r: r.results[0]._metadata.update({"metadata": "x"}),
    "experiment metadata is None": lambda r: r.results[0]._metadata.update({"metadata": None}),
    "seed is text": lambda r: r.results[0]._metadata.update({"seed_simulator": "x"}),
    "seed is numpy": lambda r: r.results[0]._metadata.update({"seed_simulator": np.uint64(2**64 - 1)}),
    "no experiment metadata": lambda r: r.results[0]._metadata.clear(),
    "own classes": lambda r: OwnResult.from_dict(r.to_dict()),
    "private data": lambda r: setattr(r.results[0].data, "_mine", 1),
    "data registered by another type": lambda r: setattr(
        r.results[0].data, "_data_attributes", tuple(r.results[0].data._data_attributes)
    ),
}
BROKEN: dict[str, Callable[[Result], Any]] = {
    "a tuple of experiments": lambda r: setattr(r, "results", tuple(r.results)),
    "job id is a uuid": lambda r: add(r, job_id=uuid.uuid4()),
    "header of another class": lambda r: add(r.results[0], header=collections.OrderedDict(name="first")),
    "data is None": lambda r: setattr(r.results[0], "data", None),
    "data is a dict": lambda r: setattr(r.results[0], "data", {"counts": {"0x0": 1}}),
    "no data": lambda r: without(r.results[0], "data"),
    "no results": lambda r: without(r, "results"),
    "an experiment is a dict": lambda r: r.results.append({"shots": 5}),
    "an experiment is None": lambda r: r.results.append(None),
    "results is a number": lambda r: setattr(r, "results", 5),
    "results is a generator": lambda r: setattr(r, "results", (x for x in r.results)),
    "own experiment": lambda r: r.results.append(OwnExperiment(1, True, ExperimentResultData(counts={"0x1": 1}))),
    "a registered number": lambda r: r.results[0].data._data_attributes.append(5),
    "registered as None": lambda r: setattr(r.results[0].data, "_data_attributes", None),
    "attribute is an object": lambda r: add(r, mine=Foreign()),
    "attribute is cyclic": lambda r: add(r, mine=cyclic()),
    "metadata is cyclic": lambda r: r._metadata.update(cyclic()),
    "metadata with odd keys": lambda r: r._metadata.update({5: Foreign(), "a": 1}),
    "sullen header": lambda r: r.results[0].header.update(x=Sullen()),
}
"""Results that are not what Qiskit makes: kept as far as possible, and what is not is named."""

DATA: dict[str, Callable[[], Any]] = {
    **{f"kept {name}": (lambda value=value: value) for name, value in KEPT.items()},
    "none in a list": lambda: [None, None],
    "true": lambda: True,
    "integer": lambda: 5,
    "big integer": lambda: 10**5_000,
    "minus zero": lambda: -0.0,
    "nan": lambda: float("nan"),
    "complex": lambda: 1j,
    "text": lambda: "ψ\0\ud800",
    "bytes": lambda: b"\x00" * 1000,
    "empty list": lambda: [],
    "empty dict": lambda: {},
    "list of floats": lambda: [0.1] * 1000,
    "nested lists": lambda: [[[1.0, 0.0], [0.0, -1.0]], []],
    "dict of floats": lambda: {hex(k): k / 3 for k in range(100)},
    "dict of mixed": lambda: {hex(k): k / 3 if k % 2 else k for k in range(100)},
    "dict of complex": lambda: {str(k): complex(k, -0.0) for k in range(50)},
    "dict with long keys": lambda: {"x" * 1000 + str(k): 0.5 for k in range(20)},
    "dict with odd keys": lambda: {f"ψ{k}\0": 0.5 for k in range(20)},
    "dict with numbers as keys": lambda: {k: k / 7 for k in range(-5, 20)},
    "counts of numpy": lambda: {"0x0": np.int64(5)},
    **{
        f"array {dtype} {shape} {order}": functools.partial(
            lambda dtype, shape, order: np.asarray(np.arange(np.prod(shape)).reshape(shape).astype(dtype), order=order),
            dtype,
            shape,
            order,
        )
        for dtype in (
            "?",
            "i1",
            "<i2",
            ">i4",
            "i8",
            "u1",
            "u2",
            "u4",
            "u8",
            "f2",
            "f4",
            "f8",
            ">f8",
            "c8",
            "c16",
            "g",
            "G",
            "U3",
            "S3",
        )
        for shape in ((6,), (2, 3), (2, 1, 3), (0, 3), (), (1,), (1, 1), (1, 5), (5, 1))
        for order in ("C", "F")
    },
    "strided array": lambda: np.arange(10.0)[::2],
    "reversed array": lambda: np.arange(10.0)[::-1],
    "read-only array": lambda: np.frombuffer(b"\0" * 16),
    "broadcast array": lambda: np.broadcast_to(np.arange(3.0), (4, 3)),
    "zeros": lambda: np.zeros(300_000),
    "minus zeros": lambda: -np.zeros(300_000),
    "nans": lambda: np.full(100, np.nan),
    "ten dimensions": lambda: np.arange(1024.0).reshape((2,) * 10),
    "thirty dimensions": lambda: np.arange(1.0).reshape((1,) * 30),
    "sixty dimensions": lambda: np.arange(1.0).reshape((1,) * 60),
    "arrays in a list": lambda: [
        np.arange(3.0),
        np.arange(3.0),
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
    ],
    "one array twice": lambda: [a := np.arange(5.0), a],
    **{
        f"{module.__name__.rpartition('.')[2]} {name}": functools.partial(make, module)
        for module in (quantum_info, compatibility)
        for name, make in {
            "Statevector": lambda m: m.Statevector(np.arange(4) + 1j),
            "Statevector of one": lambda m: m.Statevector([1j]),
            "Statevector of a qutrit": lambda m: m.Statevector(np.arange(6) + 0j, dims=(2, 3)),
            "Statevector of large dims": lambda m: m.Statevector(np.arange(8) + 0j, dims=(4, 2)),
            "Statevector of one dimension": lambda m: m.Statevector(np.arange(4) + 0j, dims=(4,)),
            "DensityMatrix": lambda m: m.DensityMatrix(np.arange(16).reshape(4, 4) + 0j),
            "DensityMatrix of a qutrit": lambda m: m.DensityMatrix(np.eye(3) + 0j),
            "DensityMatrix in Fortran's order": lambda m: m.DensityMatrix(
                np.asfortranarray(np.arange(16).reshape(4, 4) + 0j)
            ),
            "Operator": lambda m: m.Operator(np.arange(16).reshape(4, 4) + 0j),
            "Operator that is a rectangle": lambda m: m.Operator(np.arange(24).reshape(6, 4) + 0j, (4,), (2, 3)),
            "Operator of one row": lambda m: m.Operator(np.arange(2).reshape(1, 2) + 0j),
            "SuperOp": lambda m: m.SuperOp(np.arange(16).reshape(4, 4) + 0j),
            "SuperOp of other dims": lambda m: m.SuperOp(np.arange(36).reshape(4, 9) + 0j),
            "StabilizerState": lambda m: m.StabilizerState(random_clifford(3, seed=1)),
        }.items()
    },
    "Clifford": lambda: random_clifford(2, seed=1),
    "ProbDistribution": lambda: ProbDistribution({0: 0.5, 3: 0.5}, shots=7),
    "ProbDistribution of bits": lambda: ProbDistribution({"00": 0.5, "11": 0.5}),
    "ProbDistribution, empty": lambda: ProbDistribution({}),
    "ProbDistribution, large": lambda: ProbDistribution({2**70: 1.0, 2**63: 0.0}),
    "ProbDistribution of numpy": lambda: ProbDistribution({0: np.float64(0.5), 1: 1}),
}
REFUSED_DATA: dict[str, Callable[[], Any]] = {
    **{f"refused {name}": (lambda value=value: value) for name, value in REFUSED.items()},
    "object": Foreign,
    "sullen": Sullen,
    "cyclic": cyclic,
    "too deep": lambda: nested(300),
    "list with an object": lambda: [np.arange(3), Foreign()],
    "QuasiDistribution": lambda: QuasiDistribution({0: 1.5, 1: -0.5}),
    "ProbDistribution with a note": lambda: _noted(ProbDistribution({0: 1.0})),
    "Counts": lambda: Counts({"0x0": 5, "0x1": 5}),
    "ordered dict": lambda: collections.OrderedDict(a=1),
    "matrix": lambda: np.matrix([[1, 2], [3, 4]]),
    "Pauli": lambda: quantum_info.Pauli("X"),
    "Choi": lambda: quantum_info.Choi(np.eye(4)),
}


def _noted(value: Any) -> Any:
    value.note = "mine"
    return value


def of_data(make: Callable[[], Any], label: str, *, refuses: bool) -> Bare:
    return Bare(made(**{"before": 1, label: make(), "after": np.arange(3)}), refuses=refuses)


def named_data(label: str) -> Bare:
    result = made(before=1)
    register(result.results[0].data, label, np.arange(4.0))
    register(result.results[0].data, "after", 0.5)
    return Bare(result)


def counts_made(counts: Any, header: dict[str, Any] | None) -> Bare:
    result = made(counts=counts)
    if header is None:
        del result.results[0].header
    else:
        result.results[0].header = {"name": "counted", **header}
    return Bare(result)


def memory_made(memory: Any, level: int) -> Bare:
    result = made(memory=memory)
    result.results[0].header |= {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]}
    result.results[0].meas_level = MeasLevel(level)
    return Bare(result)


COUNTS: dict[str, Any] = {
    "hexadecimal": {"0x5": 3, "0x0": 5},
    "upper case": {"0xA": 3, "0X0": 5},
    "padded": {"0x05": 3, "0x00": 5},
    "binary": {"0b101": 3, "0b0": 5},
    "bits": {"101": 3, "000": 5},
    "bits with spaces": {"1 01": 3, "0 00": 5},
    "integers": {5: 3, 0: 5},
    "mixed": {"0x5": 3, 0: 5},
    "dits": {"021": 3},
    "negative": {"0x5": -3},
    "floats": {"0x5": 0.3, "0x0": 0.7},
    "numpy": {"0x5": np.int64(3)},
    "huge": {"0x5": 10**30, "0x0": 2**63 - 1},
    "true": {"0x5": True},
    "none": {"0x5": None},
    "empty": {},
    "wide": {hex(2**200 + k): k for k in range(3)},
    "text": {"nonsense": 1},
    "unicode": {"0x٣": 1},
    "not a dict": [1, 2],
}


def result_cases() -> Cases:
    for name, change in EDITED.items():
        yield Case(f"result/edited/{name}", edit(change))
    for name, change in BROKEN.items():
        yield Case(f"result/broken/{name}", lambda change=change: _broken(change))
    for name, make in DATA.items():
        yield Case(f"result/data/{name}", functools.partial(of_data, make, "value", refuses=False))
    for name, make in REFUSED_DATA.items():
        yield Case(f"result/refused/{name}", functools.partial(of_data, make, "value", refuses=True))
    for name, label in HOSTILE.items():
        yield Case(f"result/label/{name}", functools.partial(named_data, label))
    for name in ("surrogate", "pair"):
        yield Case(f"result/label/{name}", functools.partial(named_data, "\ud83d\ude00"[: 1 + (name == "pair")]))
    headers = {
        "sizes": {"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]},
        "slots": {"memory_slots": 3},
        "overlapping": {"memory_slots": 3, "creg_sizes": [["a", 2], ["b", 2]]},
        "none": None,
    }
    for name, counts in COUNTS.items():
        for kind, header in headers.items():
            yield Case(f"result/counts/{name}/{kind}", functools.partial(counts_made, counts, header))
    memories = {
        "outcomes": ["0x5", "0x0", "0x5"],
        "bits": ["101", "000"],
        "empty": [],
        "numbers": [5, 0],
        "tuple": ("0x5", "0x0"),
        "array": np.array(["0x5", "0x0"]),
        "level 1": [[0.5, 1.0], [1.5, -0.0]],
        "level 0": [[[0.5, 1.0], [1.5, -0.0]]],
    }
    for name, memory in memories.items():
        for level in (0, 1, 2):
            yield Case(f"result/memory/{name}/{level}", functools.partial(memory_made, memory, level))


def _broken(change: Callable[[Result], Any]) -> Bare:
    result = simulated()
    change(result)
    return Bare(result, refuses=True)
