"""Drawing pictures of many runs, and writing them into the project in a few commits."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from aerchive import layout
from aerchive.codecs.circuits.view import circuit_view
from aerchive.errors import AerchiveError, NotFoundError, TransactionError
from aerchive.models.shown import shown_attributes
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.plots import PICTURE, first_plot, plots_of, view_of
from aerchive.project.documents.record import read_own_record
from aerchive.project.drawing.pictures import MOST_ON_COVER, Painter
from aerchive.project.drawing.sketch import Sketch, sketch_of
from aerchive.project.finding.search import Search
from aerchive.project.parts import ProjectParts
from aerchive.storage.chunks.drafts import AttributeValue, GroupDraft
from aerchive.storage.hdf5.transfer import dataset_drafts, view_draft
from aerchive.storage.medium.interrupts import check_interrupt
from aerchive.storage.sessions import ReadSession, WriteSession
from aerchive.times import now

_TOGETHER = 50
"""Number of runs whose pictures are written in one commit."""
_LOOKED_AT = 100
"""The greatest number of runs among which those for the cover are chosen."""


class Illustrated(NamedTuple):
    """What was drawn.

    Attributes:
        runs: The number of runs that have new pictures.
        problems: Descriptions of the runs that could not be read.
    """

    runs: int
    problems: list[str]


def illustrate(parts: ProjectParts, search: Search, expression: str | None, conditions: dict[str, Any]) -> Illustrated:
    """Draws the runs that meet conditions, and the cover; see `aerchive.Project.illustrate`."""
    painter = Painter()
    if parts.waiting is not None:
        raise TransactionError(f"{parts.path}: pictures are not drawn in a transaction; draw them after it")
    parts.prepare_change()
    if not parts.file.exists():
        return Illustrated(0, [])
    clause = clause_of(expression, conditions)
    wanted = {run.job_id: run for run in search.listing(clause.wants).runs(clause) if run.place.path is not None}
    number, problems, known = 0, list[str](), set[str]()
    for first in range(0, len(wanted), _TOGETHER):
        sketches = _sketches(parts, [*wanted][first : first + _TOGETHER], problems)
        drawn = {job_id: groups for job_id, one in sketches.items() if (groups := painter.groups_of(one))}
        views = dict[str, GroupDraft]()
        for job_id, one in sketches.items():
            if one.circuits is not None and one.circuits not in known:
                known.add(one.circuits)
                try:
                    views[one.circuits] = _circuits_view(wanted[job_id].circuits(), painter)
                except AerchiveError as error:
                    problems.append(str(error))
        if drawn or views:
            number += parts.file.commit(functools.partial(_write, drawn=drawn, views=views), now())
    cover = _cover(parts, painter)
    if cover is not None:
        parts.file.commit(lambda session: session.replace_group("", layout.COVER, cover, layout.COVER), now())
    return Illustrated(number, problems)


def _sketches(parts: ProjectParts, job_ids: Sequence[str], problems: list[str]) -> dict[str, Sketch]:
    """Reads what is drawn of runs. The file is locked only while it is read, and not while pictures are drawn."""
    found: dict[str, Sketch] = {}
    latest: list[tuple[ReadSession, Catalogue]] = []

    def look(session: ReadSession, job_id: str) -> None:
        check_interrupt()
        if not latest or latest[-1][0] is not session:  # a new turn has begun
            latest[:] = [(session, Catalogue(session))]
        known = latest[-1][1].find(job_id)
        if known is None:
            return
        try:
            group = session.root.group(run_path(known[1][0]))
            found[job_id] = sketch_of(group, read_own_record(group))
        except NotFoundError:  # deleted meanwhile
            pass
        except AerchiveError as error:
            problems.append(str(error))

    parts.file.visit(job_ids, look)
    return found


def _circuits_view(circuits: Sequence[Any], painter: Painter) -> GroupDraft:
    """The whole view of circuits, with a picture of their drawings."""
    view = circuit_view(circuits, complete=True)
    rows: list[str] = []
    for part in (view, *view.groups.values()):
        if layout.DRAWING in part.datasets:
            title = [] if part is view else [*[""] * bool(rows), str(part.attributes["title"])]
            drawing = part.datasets[layout.DRAWING].parts[0][...]
            rows += [*title, *(row.decode().rstrip() for row in drawing.tolist())]
    if not rows:
        return view
    picture = painter.page(rows, str(view.attributes["title"]))
    attributes: dict[str, AttributeValue] = {**view.attributes, "NX_class": "NXentry", layout.DEFAULT: PICTURE}
    return dataclasses.replace(view, attributes=attributes, groups={**view.groups, PICTURE: picture})


def _write(session: WriteSession, drawn: dict[str, dict[str, GroupDraft]], views: dict[str, GroupDraft]) -> int:
    """Puts pictures beside the plots of runs, and replaces views of circuits; makes plots that a run lacks.

    Returns:
        The number of runs.
    """
    rows, number = Catalogue(session), 0
    for path, view in views.items():
        if session.can_open(path):  # compaction may have removed it meanwhile
            session.replace_group(path, layout.VIEW, view, path)
    for job_id, pictures in drawn.items():
        check_interrupt()
        known = rows.find(job_id)
        if known is None:
            continue
        place, row = known
        path = run_path(row[0])
        group = session.root.group(path)
        record = read_own_record(group)
        stored = view_draft(group, record.run_uuid)
        plots = dict(stored.groups) if stored is not None else {}
        plots = {**plots_of(dataset_drafts(group, record.run_uuid), record.config, known=plots.keys()), **plots}
        whole = view_of({**plots, **pictures})
        if whole is None:
            continue
        session.check_room([one for plot in whole.groups.values() for one in plot.datasets.values()], f"run {job_id}")
        session.replace_group(path, layout.VIEW, whole, record.run_uuid)
        session.put_shown(path, shown_attributes(record, first_plot(whole.groups)))
        session.note_row(layout.CATALOGUE, place)
        if session.root.attribute(layout.DEFAULT) is None and first_plot(whole.groups) is not None:
            session.put_default(path)
        number += 1
    return number


def _cover(parts: ProjectParts, painter: Painter) -> GroupDraft | None:
    """Draws the newest runs of which there is something to draw; ``None`` if there is none."""
    with parts.file.read() as session:
        rows = Catalogue(session).rows()
        rows = rows[rows["deleted"] == 0]
        newest = rows[np.argsort(-rows["created_us"], kind="stable")]
        sketches: list[Sketch] = []
        for row in newest[:_LOOKED_AT]:
            if len(sketches) == MOST_ON_COVER:
                break
            try:
                group = session.root.group(run_path(row))
                one = sketch_of(group, read_own_record(group))
            except AerchiveError:  # `illustrate` reports those that were asked for
                continue
            if one.plots or one.matrix is not None:
                sketches.append(one)
    if not sketches:
        return None
    return painter.cover(sketches, f"{parts.path.stem}: the newest of {len(rows)} run{'s' * (len(rows) != 1)}")
