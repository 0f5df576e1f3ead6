"""The page of a run: its facts, documents and circuits, and what it has saved, without large values."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from aerchive.display.text import clean
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.kinds import KINDS
from aerchive.models.base import Document, to_text
from aerchive.models.shown import shown_attributes
from aerchive.project.drawing.drawings import ShownCircuit, shown_circuits
from aerchive.project.run import Run
from aerchive.project.run_facts import Fact, facts_of
from aerchive.stored.result import SavedValue, StoredResult
from aerchive.times import to_microseconds
from aerchive.view.answer import json_bytes, plain
from aerchive.view.counts_view import PAGE
from aerchive.view.keys import key_of

MOST_LISTED = 1000
"""The greatest number of experiments, and of saved values, that are listed."""
MOST_CIRCUITS = 20
_MOST_VALUE = 2000
"""The greatest number of letters of a value that is shown as it is."""
_NOT_DRAWN = "The circuit is not drawn here; aerchive illustrate draws it."
_ELSEWHERE = ("counts", "memory")
"""Kinds of values that an experiment lists, and not its saved values."""
_ARRAYS = frozenset({*KINDS, "array"})
"""Kinds of values that are one array."""
_PLAIN = frozenset({"json", "scalar", "array"})
"""Kinds of values that are decoded without Qiskit."""


class RunView:
    """What the page of a run says.

    Args:
        run: The run.
        generation: The generation in which it is shown.
    """

    def __init__(self, run: Run, generation: str) -> None:
        self._run = run
        self._generation = generation
        self._unreadable: list[str] = []
        self._address = f"runs/{key_of(run.job_id)}"

    def document(self) -> dict[str, Any]:
        """The answer; a part that cannot be read is named in it.

        Raises:
            AerchiveError: The documents of the run cannot be read.
        """
        with self._run.held():
            return self._document()

    def _document(self) -> dict[str, Any]:
        run, record = self._run, self._run.record
        path = run.place.path
        parts: dict[str, Any] = {"experiments": [], "num_experiments": 0, "saved": [], "num_saved": 0}
        parts |= {"circuits": [], "num_circuits": record.config.num_circuits or 0, "attachments": []}
        if run.place.is_known:
            for make in (self._of_result, self._of_circuits, self._of_attachments):
                with self._noted():
                    parts |= make()
        return {
            "key": key_of(run.job_id),
            "job_id": run.job_id,
            "generation": self._generation,
            "name": record.labels.name,
            "title": shown_attributes(record)["title"],
            "outcome": record.status.outcome,
            "message": record.status.message,
            "created": to_microseconds(record.created),
            "pending": path is None,
            "nbytes": run.nbytes,
            "facts": [[one.name, _text(one)] for one in facts_of(run, record)],
            "labels": _document_json(record.labels),
            "config": _document_json(record.config),
            "status": _document_json(record.status),
            "provenance": _document_json(record.provenance),
            "history": [[to_microseconds(when), who, what] for when, who, what in record.labels.history or ()],
            **parts,
            "unreadable": self._unreadable,
            "tree": None if path is None else "/".join(["tree", *map(key_of, path.split("/")), "node.json"]),
        }

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """Notes why a part of the run cannot be read."""
        try:
            yield
        except AerchiveError as error:
            self._unreadable.append(clean(str(error)))

    # -- the result

    def _of_result(self) -> dict[str, Any]:
        try:
            stored = self._run.stored_result
            experiments = stored.experiments
        except NotFoundError:  # it failed
            return {}
        saved = stored.saved(MOST_LISTED)
        return {
            "experiments": [self._experiment(stored, number) for number in range(min(len(experiments), MOST_LISTED))],
            "num_experiments": len(experiments),
            "saved": [self._saved(stored, n, one) for n, one in enumerate(saved) if one.kind not in _ELSEWHERE],
            "num_saved": sum(len(one.data.keys() - set(_ELSEWHERE)) for one in experiments),
        }

    def _experiment(self, stored: StoredResult, number: int) -> dict[str, Any]:
        experiment = stored.experiment(number)
        name, shots = (experiment.header or {}).get("name"), experiment.fields.get("shots")
        binds = stored.inputs.get("bind_of", [])
        counts = memory = None
        if "counts" in experiment.data:
            with self._noted():
                counts = {
                    "address": f"{self._address}/counts/{number}.json",
                    "outcomes": stored.num_outcomes(number),
                    "shots": shots if type(shots) is int else None,
                }
        if "memory" in experiment.data:
            with self._noted():
                memory = {
                    "shots": stored.num_shots(number),
                    "page": PAGE,
                    "address": f"{self._address}/memory/{number}/{{page}}.json",
                }
        return {
            "number": number,
            "name": name if isinstance(name, str) else None,
            "bind": binds[number] if number < len(binds) else None,
            "counts": counts,
            "memory": memory,
        }

    def _saved(self, stored: StoredResult, number: int, saved: SavedValue) -> dict[str, Any]:
        is_stored = bool(saved.dtype) and not saved.is_recomputed  # no page starts a simulation
        is_array = saved.kind in _ARRAYS and is_stored
        is_small = not is_array or (np.dtype(saved.dtype).kind != "c" and saved.nbytes <= _MOST_VALUE)
        value = None
        if saved.kind in _PLAIN and is_small and not saved.is_recomputed:
            with self._noted():
                found = plain(stored.decode(stored.data(saved.experiment, saved.label), lenient=True))
                value = found if len(json_bytes(found)) <= _MOST_VALUE else None
        return {
            "experiment": saved.experiment,
            "bind": saved.bind,
            "label": saved.label,
            "kind": saved.kind,
            "shape": list(saved.shape),
            "dtype": np.dtype(saved.dtype).name if saved.dtype else "",
            "nbytes": saved.nbytes,
            "infidelity": plain(saved.infidelity),
            "array": f"{self._address}/arrays/{number}/info.json" if is_array else None,
            "value": value,
        }

    # -- circuits and attachments

    def _of_circuits(self) -> dict[str, Any]:
        with self._run.opened() as group:
            found = shown_circuits(group, MOST_CIRCUITS)
        return {"circuits": list(map(_circuit, found.circuits))}

    def _of_attachments(self) -> dict[str, Any]:
        rows = self._run.attachments.table()
        return {
            "attachments": [
                {"name": one.name, "kind": one.kind, "shape": list(one.shape), "nbytes": one.nbytes} for one in rows
            ]
        }


def _text(fact: Fact) -> str:
    return fact.value if isinstance(fact.value, str) else ", ".join(fact.value)


def _circuit(shown: ShownCircuit) -> dict[str, Any]:
    note = f"Left out: {shown.left_out}" if shown.left_out else "" if shown.drawing else _NOT_DRAWN
    return {
        "title": shown.title,
        "drawing": "\n".join(shown.drawing) or None,
        "qasm": "\n".join(shown.openqasm) or None,
        "note": note or None,
    }


def _document_json(document: Document | None) -> Any:
    """A document as ``aerchive show --json`` prints it, with large whole numbers as text."""
    return {} if document is None else plain(json.loads(to_text(document.model_dump())))
