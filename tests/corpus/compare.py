"""Reads, in a process that ran nothing, what `tests.corpus.archive` archived, and finds every difference.

``python -m tests.corpus.compare FOLDER [--again]``; prints JSON: differences, verdicts, refusals.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import logging
import pickle
import sys
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
from qiskit.providers import JobStatus
from qiskit.result import Result
from qiskit_aer.jobs import AerJob

import aerchive
from aerchive.aer import AerJobError, ArchivedResult
from aerchive.project.run import Run
from aerchive.text import without_surrogates
from tests.corpus.expected import PROJECT, Expected, expected_of
from tests.corpus.probe import answer, disagreements, fields, without_missing
from tests.strict import differences

OUTCOMES = {"ok": ("ok",), "failed": ("failed", "partial"), "raised": ("error",), "cancelled": ("cancelled",)}


def found_in(project: aerchive.Project, expected: Expected) -> Iterator[str]:
    """What is not as it was on the day."""
    if expected.problem is not None:
        yield expected.problem
    if expected.kind == "never ran" or not expected.job_id:
        return
    if expected.refused is not None and not expected.may_refuse:
        yield f"refused: {expected.refused}"
    run = project[expected.job_id]
    if run.name != expected.case:
        yield f"is named {run.name!r}"
    if expected.kind in OUTCOMES and run.outcome not in OUTCOMES[expected.kind]:
        yield f"{expected.kind} became {run.outcome}"
    missing = "; ".join(text for text in run.record.config.missing or () if not text.endswith("comes back as a list"))
    if bool(missing) != bool(expected.refused):
        yield f"the run says of missing values {missing!r:.300}, the save said {expected.refused!r:.300}"
    yield from _job(run, expected)
    if expected.kind in ("raised", "cancelled"):
        return
    if expected.result is None and not expected.may_refuse:
        yield "the original cannot be kept for comparison"
    if expected.result is not None:
        stock = pickle.loads(expected.result)
        yield from _result(run, stock, expected)


def _job(run: Run, expected: Expected) -> Iterator[str]:
    job = run.job()
    if not isinstance(job, AerJob) or job.job_id() != expected.job_id:
        yield f"its job is {job!r}"
    if expected.status:
        status = JobStatus[expected.status]
        told = (job.status(), job.done(), job.running(), job.cancelled(), job.in_final_state())
        wanted = (status, status is JobStatus.DONE, False, status is JobStatus.CANCELLED, True)
        if told != wanted:
            yield f"job: {told}, not {wanted}"
    job.wait_for_final_state(timeout=1)
    if type(copy.copy(job)) is not type(job) or pickle.loads(pickle.dumps(job)).job_id() != expected.job_id:
        yield "its job cannot be copied"
    repr(job)
    if expected.kind == "raised":
        try:
            job.result()
            yield "raised nothing"
        except AerJobError as error:
            if (error.error_type, error.message) != (expected.error, without_surrogates(expected.message or "")):
                was = f"{expected.error}: {expected.message!r:.200}"
                yield f"raised {error.error_type}: {error.message!r:.200}, not {was}"
            if job.error_message() != error.message or not error.stored_traceback:
                yield "its message and traceback are others"
    elif expected.kind == "cancelled":
        try:
            job.result()
            yield "raised nothing"
        except CancelledError:
            pass
    if expected.way in ("ours", "autosave") and expected.circuits and not expected.refused:
        number = len(job.circuits())
        if number != expected.circuits:
            yield f"{number} circuits of {expected.circuits}"


def _result(run: Run, stock: Result, expected: Expected) -> Iterator[str]:
    archived = run.result()
    if not isinstance(archived, Result) or type(archived) is not ArchivedResult:
        yield f"its result is a {type(archived)}"
    yield from without_missing(
        differences(dict(fields(stock)), dict(fields(archived)), "result"), dict(fields(archived))
    )
    try:
        experiments = list(zip(stock.results, archived.results, strict=True))
    except (TypeError, ValueError, AttributeError) as error:
        if not expected.may_refuse and stock.results is not None:
            yield f"experiments: {error}"
        experiments = []
    for number, (one, other) in enumerate(experiments):
        try:
            yield from _experiment(run, number, one, other, expected)
        except Exception:
            if not expected.may_refuse:
                raise
    if not expected.refused:
        yield from disagreements(stock, archived)
        yield from _run(run, stock)


def _experiment(run: Run, number: int, one: Any, other: Any, expected: Expected) -> Iterator[str]:
    what = f"experiment {number}"
    yield from without_missing(differences(fields(one), fields(other), what), fields(other))
    labels = list(one.data._data_attributes)
    if labels != list(other.data._data_attributes):
        yield f"{what}: labels {labels} became {other.data._data_attributes}"
    for label in (name for name in labels if name in vars(one.data)):
        try:
            value = vars(other.data)[label]
        except aerchive.UnsupportedTypeError as refusal:
            if not expected.refused:
                yield f"{what}, {label!r:.80}: {refusal}"
            continue
        yield from differences(vars(one.data)[label], value, f"{what}, {label!r:.80}")


def _run(run: Run, stock: Result) -> Iterator[str]:  # noqa: PLR0912  (one branch a getter)
    """What the run gives without Qiskit."""
    try:
        experiments = list(stock.results)
        rows = []
        for number, one in enumerate(experiments):
            names = [*one.data._data_attributes, *(name for name in vars(one.data) if name != "_data_attributes")]
            rows += [(number, name) for name in dict.fromkeys(names) if name in vars(one.data)]
    except Exception:  # noqa: BLE001  (a Result that somebody edited)
        return
    saved = [(value.experiment, value.label) for value in run.saved]
    if saved != rows:
        yield f"saved: {rows!r:.300} became {saved!r:.300}"
    for number, one in enumerate(experiments[:3]):
        for name, getter in (("counts", run.counts), ("memory", run.memory)):
            if name not in one.data._data_attributes or not getattr(one, "success", False):
                continue
            kind, value, _ = answer(lambda getter=getter, number=number: getter(number))
            as_kind, as_value, _ = answer(lambda name=name, number=number: getattr(stock, f"get_{name}")(number))
            if as_kind == "gives" and isinstance(as_value, np.ndarray):
                continue  # measured levels, which the run leaves to the result
            if as_kind == "gives" and kind != "gives":
                yield f"run.{name}({number}): {kind} {value}, the result gives {as_value!r:.200}"
            elif as_kind == "gives":
                as_plain = dict(as_value) if isinstance(as_value, dict) else as_value
                yield from differences(as_plain, value, f"run.{name}({number})")
            elif as_kind == kind == "raises" and value[1] not in (
                "FormatError",
                "NotFoundError",
                "UnsupportedTypeError",
            ):
                yield f"run.{name}({number}): raises {value}"
        for label in (name for name in dict.fromkeys(one.data._data_attributes) if name in vars(one.data)):
            original = vars(one.data)[label]
            yield from differences(original, run.value(label, number), f"run.value({label!r:.80}, {number})")
            array = original if isinstance(original, np.ndarray) else getattr(original, "_data", None)
            if (
                isinstance(array, np.ndarray)
                and array.size
                and array.ndim
                and array.dtype.kind in "biufc"
                and array.dtype.isnative
                and array.dtype.itemsize <= 16
                and array.dtype.char not in "gG"
            ):
                stored = run.array(label, number)
                if (stored.shape, stored.dtype) != (array.shape, array.dtype):
                    yield f"run.array({label!r:.80}, {number}): {stored.shape} {stored.dtype}"
                elif (
                    np.asarray(stored).tobytes() != array.tobytes()
                    or np.asarray(stored[-1:]).tobytes() != array[-1:].tobytes()
                ):
                    yield f"run.array({label!r:.80}, {number}): bits differ"


def verdict_of(run: Run, expected: Expected) -> tuple[str, str | None]:
    """The verdict of running it again, and what is wrong with it."""
    report = run.reproduce()
    text = str(report)
    if expected.reproducible is True:
        wrong = None if report.verdict == "identical" else text
    elif expected.reproducible is False:
        wrong = None
    else:
        is_right = report.verdict == "not_rerunnable" and expected.reproducible in text
        wrong = None if is_right else text
    return report.verdict, wrong


def main(arguments: list[str]) -> None:
    """Compares everything, and runs it again if that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--again", action="store_true", help="run them again, too")
    parser.add_argument("--fail", action="store_true", help="with exit code 1 if there is a difference")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    project = aerchive.open(options.folder / PROJECT, "r")
    found: dict[str, list[str]] = {}
    kinds: collections.Counter[str] = collections.Counter()
    verdicts: collections.Counter[str] = collections.Counter()
    refused: dict[str, str] = {}
    for expected in expected_of(options.folder):
        kinds[f"{expected.way} {expected.kind}"] += 1
        texts = []
        try:
            texts += list(found_in(project, expected))
        except Exception:  # noqa: BLE001  (the others go on)
            texts.append(traceback.format_exc())
        if expected.refused:
            refused[expected.case] = expected.refused
        if options.again and expected.kind != "never ran" and expected.job_id:
            try:
                verdict, wrong = verdict_of(project[expected.job_id], expected)
                verdicts[verdict] += 1
                texts += [f"run again: {wrong}"] if wrong else []
            except Exception:  # noqa: BLE001  (the others go on)
                texts.append(traceback.format_exc())
        if texts:
            found[f"{expected.case} ({expected.way})"] = texts
    print(
        json.dumps(
            {"cases": sum(kinds.values()), "kinds": kinds, "verdicts": verdicts, "found": found, "refused": refused}
        )
    )
    if found and options.fail:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
