"""Running an archived run again, with no data but those in the file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, Literal, get_args

from aerchive.aer.again.compare import Loss, ValueReport, Verdict, compare_primitive_results, compare_results
from aerchive.aer.again.rerun import replay_of
from aerchive.aer.again.untrusted import must_be_in_child, reproduce_in_child
from aerchive.aer.archived.result import archived_result
from aerchive.aer.capturing.capture import error_text
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.errors import AerJobError
from aerchive.display.html import ShownReport
from aerchive.display.text import clean
from aerchive.errors import AerchiveError, printable
from aerchive.project.run import Run
from aerchive.storage.medium.limited_child import ChildError
from aerchive.text import type_name

_COMPARED = ("qiskit_aer", "qiskit", "numpy", "python", "platform", "cpu_available", "threads")
"""The fields of the provenance that may affect the bits of results."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_COUNTS = ("counts", "memory")
_FIELDS = ("results", "shots", "success", "status", "meas_level", "header")


@dataclasses.dataclass(frozen=True)
class ReproduceReport(ShownReport):
    """The report of running a run again.

    Attributes:
        job_id: Job id of the archived run.
        verdict: ``identical``: every value is the same bit for bit, or the same exception was raised; ``same_counts``:
            all counts and memories are the same, other values differ; ``different``; ``not_rerunnable``: see `reasons`.
        reasons: Reasons why the run cannot be run again, or other remarks.
        values: The comparison of each saved value.
        environment: Changes of software, machine and thread settings: name to (then, now).
    """

    job_id: str
    verdict: Literal["identical", "same_counts", "different", "not_rerunnable"]
    reasons: tuple[str, ...] = ()
    values: tuple[ValueReport, ...] = ()
    environment: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return dataclasses.asdict(self) | {"values": [value._asdict() for value in self.values]}

    @classmethod
    def from_document(cls, job_id: str, document: dict[str, Any]) -> ReproduceReport:
        """The report of a child process, which the file may have made its own.

        Raises:
            ValueError: It is no report.
        """
        if document["verdict"] not in ("identical", "same_counts", "different", "not_rerunnable"):
            raise ValueError("the report has an unknown verdict")
        values = tuple(
            ValueReport(int(one["experiment"]), str(one["label"]), one["verdict"], str(one["detail"]))
            for one in document["values"]
        )
        if not all(value.verdict in get_args(Verdict) for value in values):
            raise ValueError("the report has an unknown verdict")
        environment = {str(name): (str(then), str(now)) for name, (then, now) in document["environment"].items()}
        return cls(job_id, document["verdict"], tuple(map(str, document["reasons"])), values, environment)

    def __str__(self) -> str:
        lines = [f"{self.job_id}: {self.verdict.replace('_', ' ')}", *(f"  {reason}" for reason in self.reasons)]
        same = sum(value.verdict == "identical" for value in self.values)
        if self.values:
            lines.append(f"  {same} of {len(self.values)} values identical, bit for bit")
        lines += [
            f"  experiment {value.experiment}, {value.label}: {value.verdict}: {value.detail}"
            for value in self.values
            if value.verdict != "identical"
        ]
        lines += [f"  {name} was {then}, is {now}" for name, (then, now) in self.environment.items()]
        return "\n".join(map(clean, lines))


def reproduce(run: Run, *, take_resources: bool, untrusted: bool) -> ReproduceReport:
    """Runs an archived run again and compares the results; see `aerchive.project.run.Run.reproduce`."""
    if must_be_in_child(run, untrusted=untrusted):
        try:
            found = reproduce_in_child(run, take_resources=take_resources)
            return ReproduceReport.from_document(run.job_id, found["report"])
        except (ChildError, KeyError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, ChildError) else "its answer is not understandable"
            return ReproduceReport(run.job_id, "not_rerunnable", (f"it ran in a process of its own, and {reason}",))
    return reproduce_here(run, take_resources=True)


def reproduce_here(run: Run, *, take_resources: bool) -> ReproduceReport:
    """Runs an archived run again in this process and compares the results.

    Args:
        run: The archived run.
        take_resources: Whether options that ask for memory, processors and devices are taken.
    """
    try:
        replay = replay_of(run, take_resources=take_resources)
    except AerchiveError as error:
        return ReproduceReport(run.job_id, "not_rerunnable", (str(error),), environment=_changed_environment(run))
    environment = _changed_environment(run)
    before, had_raised = _outcome_of(lambda: archived_result(run))
    try:
        again, raised = _outcome_of(lambda: replay.submit().result())
    except AerchiveError as error:
        return ReproduceReport(run.job_id, "not_rerunnable", (*replay.notes, str(error)), environment=environment)
    if raised is not None or had_raised is not None:
        same = _without_addresses(raised) == _without_addresses(had_raised)
        verdict: Literal["identical", "different", "not_rerunnable"] = "identical" if same else "different"
        reason = f"raised {raised}, " + ("as before" if same else f"and before {had_raised}")
        if raised is not None and (had_raised is None or not (same or replay.jobs)):  # nothing to be compared
            verdict, reason = "not_rerunnable", reason if had_raised else f"raised {raised}, and had given a result"
        return ReproduceReport(run.job_id, verdict, (*replay.notes, reason), environment=environment)
    notes = list(replay.notes)
    if run.program == "run":
        losses = {
            (row.experiment, row.label): Loss(row.max_infidelity, row.grid)
            for row in run.saved
            if row.max_infidelity is not None
        }
        values = tuple(compare_results(before, again, losses))
        notes += [
            f"{label} of experiment {number} was {'rounded' if loss.grid else 'made a product of matrices'} when it "
            "was archived; the new one was, too, before it was compared"
            for (number, label), loss in losses.items()
        ]
    else:
        values = tuple(compare_primitive_results(before, again))
    if run.record.config.missing:  # these may be metadata of circuits, which are in the headers
        values = tuple(value for value in values if value.label != "header")
    found: Literal["identical", "same_counts", "different", "not_rerunnable"] = _verdict(values)
    if found == "different" and replay.doubt is not None:
        found, notes = "not_rerunnable", [*notes, f"has other values, which proves nothing: {replay.doubt}"]
    return ReproduceReport(run.job_id, found, tuple(notes), values, environment)


def _verdict(values: tuple[ValueReport, ...]) -> Literal["identical", "same_counts", "different"]:
    looked_at = [value for value in values if value.verdict != "not archived"]
    if all(value.verdict == "identical" for value in looked_at):
        return "identical"
    counts = [value for value in looked_at if value.label in _COUNTS]
    others = [value for value in looked_at if value.label not in _COUNTS]
    is_structural = any(value.verdict in ("missing", "new") or value.label in _FIELDS for value in others)
    # Counts with other bits have the same numbers with the keys in another order.
    if counts and all(value.verdict in ("identical", "other bits") for value in counts) and not is_structural:
        return "same_counts"
    return "different"


def _outcome_of(action: Callable[[], Any]) -> tuple[Any, str | None]:
    """The value that an action returns, or the type and message of its exception, which may be a stored one."""
    try:
        return action(), None
    except AerJobError as error:
        return None, f"{error.error_type}: {error.message}"
    except AerchiveError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever the simulation raises is compared)
        return None, printable(f"{type_name(type(error))}: {error_text(error)}")


def _without_addresses(text: str | None) -> str | None:
    """A message without the addresses of objects, which differ in each process."""
    return None if text is None else _ADDRESS.sub(" at 0x", text)


def _changed_environment(run: Run) -> dict[str, tuple[str, str]]:
    then, now = run.record.provenance, provenance()
    if then is None:
        return {}
    pairs = ((name, str(getattr(then, name)), str(getattr(now, name))) for name in _COMPARED)
    return {name: (old, new) for name, old, new in pairs if old != new}
