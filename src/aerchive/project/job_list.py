"""A list of jobs that prints as a table."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from aerchive.display.text import cut, format_bytes, format_table
from aerchive.project.run import Bridge, Run

_HEAD = ("job id", "created (UTC)", "outcome", "method", "qubits", "shots", "size", "name", "tags")
_RIGHT = (4, 5, 6)
_NAME_WIDTH = 24


def run_row(run: Run) -> tuple[str, ...]:
    """What a listing shows of a run."""
    config = run.record.config
    used = {**config.options, **config.used}
    return (
        cut(run.job_id, 36),
        run.created[:19].replace("T", " "),
        f"{run.outcome} (pending)" if run.pending else run.outcome,
        str(used.get("method", "")),
        "" if config.num_qubits is None else str(config.num_qubits),
        str(used.get("shots", "")),
        format_bytes(run.nbytes) if run.nbytes else "",
        cut(run.name or "", _NAME_WIDTH),
        cut(", ".join(run.tags), _NAME_WIDTH),
    )


def runs_table(runs: Iterable[Run]) -> str:
    """Runs as a table of text."""
    return format_table(_HEAD, [run_row(run) for run in runs], _RIGHT)


class JobList(list[Any]):
    """``ArchivedJob`` objects; prints as a table, in a terminal and in a notebook.

    Args:
        bridge: Makes the jobs.
        runs: Of which they are.
    """

    def __init__(self, bridge: Bridge, runs: list[Run]) -> None:
        super().__init__(bridge.job(run) for run in runs)
        self._runs = runs

    def __repr__(self) -> str:
        return runs_table(self._runs) if self._runs else "no jobs"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in run_row(run)) + "</tr>" for run in self._runs
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
