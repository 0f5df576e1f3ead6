"""Labels of runs that are in the project already, alone or many in one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from aerchive.errors import InvalidInputError, ProjectLockedError, TransactionError
from aerchive.models.catalogue import now
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.arguments import checked
from aerchive.project.catalogue import not_found
from aerchive.project.draft import RunDraft
from aerchive.project.expression import clause_of
from aerchive.project.label_changes import Relabelling, write_relabellings
from aerchive.project.query import All, Clause, Condition, any_of, as_texts
from aerchive.project.run import Run
from aerchive.project.searching import Searching
from aerchive.storage.sessions import WriteSession


class Labelling(Searching):
    """What a project has to change labels."""

    @checked
    def tag(
        self,
        expression: str | None = None,
        /,
        *,
        job_ids: Iterable[str | Run] | str | Run | None = None,
        add: str | Sequence[str] = (),
        remove: str | Sequence[str] = (),
        **conditions: Any,
    ) -> int:
        """Adds tags to many runs, and takes tags away, in one commit.

        Which runs meet the conditions is decided inside the commit. Runs that are still running, or that are not in
        the project's own file yet, do not count for conditions. In a `Project.transaction` the tags are a part of it.

        Args:
            expression: Conditions as text, as for `find`.
            job_ids: The whole ids of runs, or the runs; with conditions, only those of them that meet the conditions.
            add: Tags that the runs get.
            remove: Tags that are taken away; runs that do not have them are no error.
            **conditions: As for `find`.

        Returns:
            How many runs have got other tags. In a transaction nothing has changed yet, and it is how many would now.

        Raises:
            InvalidInputError: It is not said which runs, or which tags; or a condition cannot be read.
            NotFoundError: There is no run with one of the ids; no run was changed.
            TransactionError: One of the ids is of a run in a spool beside the project; no run was changed.
            ReadOnlyError: The project is open for reading.
        """
        ids = None if job_ids is None else self.job_ids_of("job_ids", job_ids)
        one = _tagging(expression, conditions, ids, as_texts(add), as_texts(remove))
        self._check_writable()
        self.flush()
        self._move_spooled()
        waiting = self._waiting() or {}
        for run in self._outside() if one.job_ids else ():
            if run.job_id in (one.job_ids or ()) and run.job_id not in waiting:
                self._check_has_labels(run)
        if self._waiting() is None:
            return self._commit_labels(one) if one.job_ids or self.file.exists() else 0
        return self._count_later(one) + self._label_later(one)

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of a run's labels; use `Run.add_tags`, `Run.rename` and their like."""
        self._check_writable()
        waiting = self._waiting()
        if waiting is None or run.job_id not in waiting:
            self._check_has_labels(run)
        one = Relabelling(change, frozenset({run.job_id}), handle=run)
        if waiting is None:
            self._commit_labels(one)
        else:
            self._label_later(one)

    def _check_has_labels(self, run: Run) -> None:
        """Looks whether a run is in the project's own file, where its labels can be changed."""
        run.require_data()  # a run without data has no labels in the file
        if run.place.path is None:
            cause = None
            try:
                self.flush()
                self._move_spooled()
                run.place.look()
                run.job_id = run.place.job_id  # another one if it is kept beside another result
                spooled = run.place.spooled
                waits = spooled is not None and any(
                    one.head.run_uuid == spooled.head.run_uuid for one in self.spools.runs()
                )
                if not waits and self._find_existing(run.job_id) is not None:
                    return
            except ProjectLockedError as error:
                cause = error
            raise TransactionError(
                f"{self.path}: run {run.job_id} is in a spool beside the project; label it once it is in there"
            ) from cause

    def _commit_labels(self, one: Relabelling) -> int:
        def write(session: WriteSession) -> int:
            (changed,) = write_relabellings(session, [one], self.file, self._run)
            return changed

        return self.file.commit(write, now())

    # -- in a transaction

    def _waiting(self) -> dict[str, tuple[RunDraft, Run]] | None:
        """The runs that the open transaction of this thread has saved, or ``None`` if there is no transaction."""
        return getattr(self._transaction, "waiting", None)

    def _label_later(self, one: Relabelling) -> int:
        """Changes the labels of runs that the transaction has saved, and makes the change of others part of it.

        Returns:
            How many runs of the transaction were changed.
        """
        waiting = self._waiting() or {}
        changed = 0
        for job_id in waiting if one.job_ids is None else one.job_ids & waiting.keys():
            draft, run = waiting[job_id]
            if one.clause is None or one.clause.decide(run):
                labels = one.change.apply(draft.labels)
                changed += labels is not draft.labels
                changed_draft = dataclasses.replace(draft, labels=labels)
                run.show(changed_draft.record)
                waiting[job_id] = changed_draft, run
        self._transaction.relabellings.append(one)
        return changed

    def _count_later(self, one: Relabelling) -> int:
        """How many runs in the file a change would change now, but for those that the transaction has saved again.

        Raises:
            NotFoundError: There is no run with one of the ids.
        """
        waiting = self._waiting() or {}
        listing = self._listing()
        clause = one.clause or All(())
        if one.job_ids is not None:
            chosen = Condition("job_id", "in", one.job_ids)
            found = {run.job_id for run in listing.runs(chosen)}
            for job_id in sorted(one.job_ids - found - waiting.keys()):
                raise not_found(str(self.path), job_id, listing.near(job_id), len(listing))
            clause = All([chosen, clause])
        return sum(1 for run in listing.runs(clause) if run.place.path is not None and run.job_id not in waiting)


def _tagging(
    expression: str | None,
    conditions: dict[str, Any],
    job_ids: Sequence[str] | None,
    add: list[str],
    remove: list[str],
) -> Relabelling:
    """The change that the arguments of `Project.tag` say, for those runs only that it makes different.

    Raises:
        InvalidInputError: They do not say which runs, or which tags.
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
