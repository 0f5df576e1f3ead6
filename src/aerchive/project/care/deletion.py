"""Deleting runs, restoring them, and deleting by a retention rule."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from aerchive.errors import NotFoundError, TransactionError
from aerchive.project.care.retention import CleanReport, RetentionRule, obstacle_to_deletion
from aerchive.project.catalogue.conditions import Condition
from aerchive.project.catalogue.table import not_found
from aerchive.project.finding.listing import Listing
from aerchive.project.finding.search import Search, Wanted, all_values, no_values
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.project.writing.runs import delete_runs, restore_run
from aerchive.storage.sessions import WriteSession
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import now

_T = TypeVar("_T")

_MOST_NAMED = 5
"""Number of ids that an error message names for the beginning of an id, at most."""


def delete_jobs(parts: ProjectParts, search: Search, wanted: Collection[str]) -> None:
    """Deletes jobs from a project, all in one commit; see `aerchive.Project.delete_jobs`.

    Args:
        parts: The shared state of the project.
        search: The search in the project.
        wanted: The whole job ids.
    """
    wanted = frozenset(wanted)
    if not wanted:
        return

    def choose(listing: Listing) -> tuple[list[SpooledRun], list[Run]]:
        runs = list(listing.runs(Condition("job_id", "in", wanted)))
        here = {run.job_id for run in runs if run.place.path is not None}
        stuck = {job_id: run for job_id, run in parts.mover.stuck().items() if job_id in wanted - here}
        for job_id in sorted(wanted - {run.job_id for run in runs} - stuck.keys()):
            raise _not_there(parts, search, listing, job_id)
        for run in runs:
            if run.job_id not in stuck and (why := obstacle_to_deletion(run)):
                raise TransactionError(f"{parts.path}: job {run.job_id} {why}")
        beneath = listing.runs(Condition("parent", "in", wanted))
        return list(stuck.values()), [
            *runs,
            *(run for run in beneath if run.job_id not in wanted and not obstacle_to_deletion(run)),
        ]

    parts.mover.give_up(_delete(parts, search, choose))


def restore(parts: ProjectParts, job_id: str) -> list[str]:
    """Restores a deleted job; see `aerchive.Project.restore`."""
    parts.prepare_change()
    return parts.file.commit(lambda session: restore_run(session, job_id), now())


def clean(parts: ProjectParts, search: Search, rule: RetentionRule, *, dry_run: bool) -> CleanReport:
    """Deletes the runs that a rule chooses; see `aerchive.Project.clean`."""
    if dry_run:
        return CleanReport.of(str(parts.path), *rule.choose(search.listing(all_values)), dry_run=True)

    def choose(listing: Listing) -> tuple[CleanReport, list[Run]]:
        runs, beneath = rule.choose(listing)
        return CleanReport.of(str(parts.path), runs, beneath, dry_run=False), [*runs, *beneath]

    return _delete(parts, search, choose, all_values)


def _delete(
    parts: ProjectParts, search: Search, choose: Callable[[Listing], tuple[_T, list[Run]]], wanted: Wanted = no_values
) -> _T:
    """Deletes runs that are chosen inside the commit: the project is locked from the choice to the deletion.

    Args:
        parts: The shared state of the project.
        search: The search in the project.
        choose: A function that is called with the list of all runs at that time; it returns the return value of
            `_delete`, and the runs to delete.
        wanted: Whether it needs the values under a name.
    """
    parts.prepare_change()
    if not parts.file.exists():
        return choose(search.listing_of(None, search.outside(), wanted))[0]

    def delete(session: WriteSession) -> _T:
        with parts.file.read_inside(session):
            answer, doomed = choose(search.listing_of(session, search.outside(), wanted))
        delete_runs(session, (run.job_id for run in doomed))
        return answer

    return parts.file.commit(delete, now())


def _not_there(parts: ProjectParts, search: Search, listing: Listing, job_id: str) -> NotFoundError:
    matches = listing.beginning_with(job_id)
    if not len(listing) and not parts.file.exists():
        return search.no_project_for(job_id)
    if not matches:
        return not_found(str(parts.path), job_id, listing.near(job_id), len(listing))
    some = ", ".join(repr(run.job_id) for run in matches[:_MOST_NAMED])
    more = " ..." if len(matches) > _MOST_NAMED else ""
    return NotFoundError(f"{parts.path}: no run with id {job_id!r}; give the whole id, {some}{more}")
