"""Runs cases and archives them; keeps beside the project what was archived.

``python -m tests.corpus.archive FOLDER [--every N] [--way ours|stock|mixed] [--match TEXT] [--part I/N]``
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import logging
import pickle
import re
import sys
import threading
import traceback
import uuid
import warnings
import zlib
from collections.abc import Iterable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, BinaryIO

import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit_aer.jobs import utils

import aerchive
import aerchive.aer
from tests.corpus.case import Bare, Case, Simulation
from tests.corpus.expected import EXPECTED, PROJECT, Expected
from tests.corpus.groups import cases
from tests.corpus.probe import everything
from tests.strict import differences

_TOGETHER = 100
"""Cases that are saved in one transaction."""


def text_of(error: BaseException) -> str:
    """The message of an exception as a user would read it."""
    message = getattr(error, "message", None)
    if isinstance(message, str):
        return message
    try:
        return str(error)
    except Exception as again:  # noqa: BLE001  (an exception of anybody)
        return f"<{type(again).__qualname__}>"


def way_of(case: Case, given: str) -> str:
    if given != "mixed":
        return given
    ways = ("ours", "stock", "ours", "stock", "autosave", "result")
    return ways[zlib.crc32(case.name.encode("utf-8", "surrogatepass")) % len(ways)]


class Archivist:
    """Archives cases in one project, and notes what it archived."""

    def __init__(self, project: aerchive.Project, file: BinaryIO, way: str) -> None:
        self._project = project
        self._file = file
        self._way = way

    def archive(self, group: Iterable[Case]) -> None:
        """Archives some cases, in one transaction as far as it is for the caller to save them."""
        told: list[Expected] = []
        with self._project.transaction():
            for case in group:
                expected = Expected(case.name, way_of(case, self._way))
                try:
                    made = case.make()
                    if isinstance(made, Bare):
                        self._bare(made, expected)
                    else:
                        self._simulation(made, expected)
                except BaseException:  # noqa: BLE001  (the others go on)
                    expected.problem = traceback.format_exc()
                told.append(expected)
        for expected in told:
            pickle.dump(expected, self._file)

    def _bare(self, made: Bare, expected: Expected) -> None:
        expected.way, expected.kind = "result", "result"
        expected.may_refuse, expected.reproducible = made.refuses, made.reproducible
        self._keep_result(made.result, expected)
        try:
            expected.job_id = self._project.save(
                made.result, circuits=made.circuits, options=made.options, name=expected.case
            ).job_id
        except aerchive.UnsupportedTypeError as refusal:
            expected.refused = str(refusal)
            expected.job_id = str(made.result.job_id)

    def _simulation(self, made: Simulation, expected: Expected) -> None:
        expected.may_refuse, expected.reproducible = made.refuses, made.reproducible
        if expected.way == "result" and (made.binds or made.make or made.cancel or not made.circuits):
            expected.way = "stock"
        if made.only_stock and expected.way == "ours":
            expected.way = "autosave"
        if isinstance(made.circuits, (list, tuple, QuantumCircuit)):
            expected.circuits = 1 if isinstance(made.circuits, QuantumCircuit) else len(made.circuits)
        ours = expected.way == "ours"
        own = expected.way in ("ours", "autosave")
        kind: Any = aerchive.aer.AerSimulator if ours else qiskit_aer.AerSimulator
        options = {**made.options, "project": self._project} if ours else made.options
        run = {**made.run, "name": expected.case} if ours else made.run
        gate = threading.Event()
        with aerchive.autosave(self._project) if expected.way == "autosave" else contextlib.nullcontext():
            try:
                backend = made.make(kind, **options) if made.make else kind(**options)
                if made.cancel:
                    utils.DEFAULT_EXECUTOR.submit(gate.wait, 30)
                job = backend.run(made.circuits, parameter_binds=made.binds, **run)
            except Exception as error:  # noqa: BLE001  (whatever comes of a case is compared)
                self._never_ran(made, error, expected)
                return
        if made.cancel:
            job.cancel()
            gate.set()
        expected.job_id = job.job_id()
        result = self._outcome(job, expected)
        expected.status = job.status().name
        if own and result is None:
            self._compare_errors(made, expected)
        try:
            if own:
                self._kept_by_itself(job, expected)
            elif expected.way == "result" and result is not None:
                result = copy.copy(result)
                result.job_id = expected.job_id = str(uuid.uuid4())
                self._keep_result(result, expected)
                given = [made.circuits] if isinstance(made.circuits, QuantumCircuit) else made.circuits
                self._project.save(result, circuits=given, options={**made.options, **made.run}, name=expected.case)
            else:
                expected.way = "stock"
                self._project.save(job, name=expected.case)
        except aerchive.UnsupportedTypeError as refusal:
            expected.refused = str(refusal)

    def _kept_by_itself(self, job: Any, expected: Expected) -> None:
        try:
            job.run  # noqa: B018  (says why there is none)
            if expected.way == "autosave":
                self._project.save(job, name=expected.case)
        except aerchive.NotFoundError as error:
            expected.problem = f"not archived: {error}"

    def _outcome(self, job: Any, expected: Expected) -> Result | None:
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                result = job.result()
            expected.kind = "ok" if result.success else "failed"
        except CancelledError:
            expected.kind, result = "cancelled", None
        except BaseException as error:  # noqa: BLE001  (whatever the simulation raises)
            expected.kind, result = "raised", None
            expected.error = f"{type(error).__module__}.{type(error).__qualname__}"
            expected.message = text_of(error)
        said = [str(one.message) for one in seen if issubclass(one.category, aerchive.ArchiveWarning)]
        if said:
            expected.refused = "; ".join(said)
        if result is not None:
            self._keep_result(result, expected)
        return result

    def _never_ran(self, made: Simulation, error: Exception, expected: Expected) -> None:
        """`run` raised: it must do so with the stock simulator, too, and then there is nothing to keep."""
        expected.kind = "never ran"
        expected.error = f"{type(error).__module__}.{type(error).__qualname__}"
        expected.message = text_of(error)
        self._compare_errors(made, expected)

    def _compare_errors(self, made: Simulation, expected: Expected) -> None:
        try:
            stock: Any = qiskit_aer.AerSimulator
            backend = made.make(stock, **made.options) if made.make else stock(**made.options)
            job = backend.run(made.circuits, parameter_binds=made.binds, **made.run)
            if made.cancel:
                return
            job.result()
        except BaseException as error:  # noqa: BLE001  (whatever the simulation raises)
            told = f"{type(error).__module__}.{type(error).__qualname__}", text_of(error)
        else:
            told = "nothing", ""
        address = re.compile(" at 0x[0-9a-f]+")
        if address.sub("", repr(told)) != address.sub("", repr((expected.error, expected.message))):
            expected.problem = (
                f"raised {expected.error}: {expected.message!r:.300}, where the stock simulator raises {told!r:.300}"
            )

    def _keep_result(self, result: Result, expected: Expected) -> None:
        try:
            payload = pickle.dumps(result, 5)
            again = pickle.loads(payload)
            if _is_whole(result, again):
                expected.result = payload
        except Exception:  # noqa: BLE001  (a Result that somebody edited)
            expected.result = None


def _is_whole(result: Result, again: Result) -> bool:
    try:
        found = differences(everything(result), everything(again))
    except Exception:  # noqa: BLE001  (a Result that somebody edited)
        return True
    return all("order in memory" in text for text in found)


def main(arguments: list[str]) -> None:
    """Archives what the arguments choose."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--way", default="mixed")
    parser.add_argument("--match", default="")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    number, parts = map(int, options.part.split("/"))
    chosen = cases(options.every, options.match)[number::parts]
    options.folder.mkdir(parents=True, exist_ok=True)
    project = aerchive.open(options.folder / PROJECT)
    with (options.folder / EXPECTED).open("wb") as file:
        archivist = Archivist(project, file, options.way)
        for first in range(0, len(chosen), _TOGETHER):
            archivist.archive(chosen[first : first + _TOGETHER])
            file.flush()
    print(len(chosen))


if __name__ == "__main__":
    main(sys.argv[1:])
