"""Changes of the labels of runs that are in the project already, one run at a time or many in one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from aerchive.errors import InvalidInputError, ProjectLockedError, TransactionError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue.conditions import All, Clause, Condition, any_of, as_texts
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.catalogue.table import not_found
from aerchive.project.finding.search import Search
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.project.saving.label_changes import Relabelling, write_relabellings
from aerchive.storage.sessions import WriteSession
from aerchive.times import now


class Labelling:
    """Changes labels of runs of a project.

    Args:
        parts: The shared state of the project.
        search: The search in the project.
    """

    def __init__(self, parts: ProjectParts, search: Search) -> None:
        self._parts = parts
        self._search = search

    def tag(
        self,
        expression: str | None,
        conditions: dict[str, Any],
        job_ids: Iterable[str | Run] | str | Run | None,
        add: str | Sequence[str],
        remove: str | Sequence[str],
    ) -> int:
        """See `aerchive.Project.tag`."""
        ids = None if job_ids is None else self._search.job_ids_of("job_ids", job_ids)
        one = _tagging(expression, conditions, ids, as_texts(add), as_texts(remove))
        self._parts.prepare_change()
        waiting = self._parts.waiting or {}
        for run in self._search.outside() if one.job_ids else ():
            if run.job_id in (one.job_ids or ()) and run.job_id not in waiting:
                self.check_is_in_file(run)
        if self._parts.waiting is None:
            return self._commit_labels(one) if one.job_ids or self._parts.file.exists() else 0
        return self._count_later(one) + self._label_later(one)

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; users call `Run.add_tags`, `Run.rename` and similar methods."""
        self._parts.check_writable()
        waiting = self._parts.waiting
        if waiting is None or run.job_id not in waiting:
            self.check_is_in_file(run)
        one = Relabelling(change, frozenset({run.job_id}), handle=run)
        if waiting is None:
            self._commit_labels(one)
        else:
            self._label_later(one)

    def check_is_in_file(self, run: Run) -> None:
        """Checks that a run is in the project file, where its labels and attachments can be changed.

        Raises:
            NotFoundError: The run was lost, or is still running.
            TransactionError: The run is in a spool, and cannot be moved into the project now.
        """
        run.require_data()  # a run without data has no labels in the file
        if run.place.path is None:
            cause = None
            try:
                self._parts.flush()
                self._parts.move_spooled()
                run.place.look()
                run.job_id = run.place.job_id  # it differs if the run was kept beside another result
                spooled = run.place.spooled
                waits = spooled is not None and any(
                    one.head.run_uuid == spooled.head.run_uuid for one in self._parts.spools.runs()
                )
                if not waits and self._search.find_existing(run.job_id) is not None:
                    return
                if run.place.beside is not None:
                    raise TransactionError(
                        f"{self._parts.path}: run {run.job_id} is still in {run.place.beside.path}, the file of a "
                        "worker; change it after the merge of the sweep, which gather() does"
                    )
            except ProjectLockedError as error:
                cause = error
            raise TransactionError(
                f"{self._parts.path}: run {run.job_id} is in a spool beside the project; change it once it is in there"
            ) from cause

    def _commit_labels(self, one: Relabelling) -> int:
        def write(session: WriteSession) -> int:
            (changed,) = write_relabellings(session, [one], self._parts)
            return changed

        return self._parts.file.commit(write, now())

    def _label_later(self, one: Relabelling) -> int:
        """Changes the labels of runs that the transaction has saved; other runs are changed with its commit.

        Returns:
            The number of runs of the transaction that were changed.
        """
        waiting = self._parts.waiting or {}
        changed = 0
        for job_id in waiting if one.job_ids is None else one.job_ids & waiting.keys():
            draft, run = waiting[job_id]
            if one.clause is None or one.clause.decide(run):
                labels = one.change.apply(draft.labels)
                changed += labels is not draft.labels
                changed_draft = dataclasses.replace(draft, labels=labels)
                run.show(changed_draft.record)
                waiting[job_id] = changed_draft, run
        self._parts.transaction.relabellings.append(one)
        return changed

    def _count_later(self, one: Relabelling) -> int:
        """Counts the runs in the file that would be changed now, except those that the transaction has saved again.

        Raises:
            NotFoundError: No run has one of the ids.
        """
        waiting = self._parts.waiting or {}
        clause = one.clause or All(())
        listing = self._search.listing(clause.wants)
        if one.job_ids is not None:
            chosen = Condition("job_id", "in", one.job_ids)
            found = {run.job_id for run in listing.runs(chosen)}
            for job_id in sorted(one.job_ids - found - waiting.keys()):
                raise not_found(str(self._parts.path), job_id, listing.near(job_id), len(listing))
            clause = All([chosen, clause])
        return sum(1 for run in listing.runs(clause) if run.place.path is not None and run.job_id not in waiting)


def _tagging(
    expression: str | None,
    conditions: dict[str, Any],
    job_ids: Sequence[str] | None,
    add: list[str],
    remove: list[str],
) -> Relabelling:
    """Makes the change that the arguments of `Project.tag` describe, only for runs whose tags it changes.

    Raises:
        InvalidInputError: The arguments do not say which runs, or which tags, or a tag is to be added and removed.
    """
    if expression is None and job_ids is None and not conditions:
        raise InvalidInputError("say which runs get the tags: conditions, as for find, or job_ids=[...]")
    if not add and not remove:
        raise InvalidInputError("say which tags: add=..., remove=..., or both")
    for tag in add:
        if tag in remove:
            raise InvalidInputError(f"tag {tag!r} is to be added and to be removed; choose one")
    change = LabelChange(
        RunLabels.checked(tags=add or None), frozenset(RunLabels.checked(tags=remove or None).tags or ())
    )
    different: list[Clause] = []
    if add:
        different.append(Condition("tags", "ne", add))
    if remove:
        different.append(Condition("tags", "in", remove))
    clause: Clause = any_of(different)
    if expression is not None or conditions:
        clause = All([clause_of(expression, conditions), clause])
    return Relabelling(change, None if job_ids is None else frozenset(job_ids), clause)
