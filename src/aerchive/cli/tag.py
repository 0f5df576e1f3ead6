"""``aerchive tag``: changes the labels of an archived run, or the tags of many runs at once."""

from __future__ import annotations

from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, complete_tags, job_argument, json_option
from aerchive.cli.output import put, put_json, put_report
from aerchive.display.text import clean, format_runs
from aerchive.errors import InvalidInputError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.run import Run


@command(
    "tag",
    "aerchive tag vqe.h5 latest --add keep --remove draft --name 'last one'",
    "aerchive tag vqe.h5 --where 'params.distance > 2 and status == ok' --add far",
)
@job_argument(required=False)
@click.option("--where", metavar="CONDITION", help="Tag all runs that meet this, as for find, in one commit.")
@click.option("--add", multiple=True, metavar="TAG", shell_complete=complete_tags, help="Add a tag; may be repeated.")
@click.option(
    "--remove", multiple=True, metavar="TAG", shell_complete=complete_tags, help="Take a tag away; may be repeated."
)
@click.option("--name", metavar="NAME", help="Give it another name; an empty one takes it away.")
@click.option("--notes", metavar="TEXT", help="Replace the notes; empty ones take them away.")
@json_option()
def run(
    path: str | None,
    *,
    job: str | None,
    where: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    name: str | None,
    notes: str | None,
    as_json: bool,
) -> int:
    """Changes the labels in one commit and prints them. Without a change it only prints them."""
    if (job is None) == (where is None):
        raise click.UsageError(
            "name one JOB, or all runs that meet a condition with --where", click.get_current_context()
        )
    if where is not None:
        if name is not None or notes is not None:
            raise InvalidInputError("--name and --notes are for one run; give its JOB in the place of --where")
        return _tag_many(path, where, add, remove, as_json=as_json)
    both = sorted({*add} & {*remove})
    if both:
        raise InvalidInputError(f"tag {both[0]!r} is to be added and to be removed; choose one")
    change = LabelChange(
        RunLabels.checked(name=name or None, tags=list(add) or None, notes=notes or None),
        frozenset(remove),
        frozenset(field for field, value in (("name", name), ("notes", notes)) if value == ""),
    )
    one = open_path(path, "r" if change.is_empty else "r+")[str(job)]
    one.change_labels(change)
    document = {"job_id": one.job_id, "name": one.name, "tags": list(one.tags), "notes": one.notes}
    put_report(document, "\n".join(_lines(one)), as_json=as_json)
    return 0


def _tag_many(path: str | None, where: str, add: tuple[str, ...], remove: tuple[str, ...], *, as_json: bool) -> int:
    """Changes the tags of all runs that meet a condition, and prints the number of runs whose tags changed."""
    if not add and not remove:
        raise InvalidInputError("say which tags: --add TAG, --remove TAG, or both")
    nested = clause_of(where, {}).columns & {"parent", "job_id"}
    conditions: dict[str, Any] = {} if nested else {"parent": ""}
    project = open_path(path, "r+")
    changed = project.tag(where, add=add, remove=remove, **conditions)
    if as_json:
        put_json({"changed": changed})
    elif changed:
        put(f"changed the tags of {format_runs(changed)}")
    else:
        found, asked = project.count(where, **conditions), clean(where)
        if found:
            put(f"no tags changed: what meets {asked!r} ({format_runs(found)}) has the wanted tags already")
        else:
            put(f"no tags changed: none of {format_runs(len(project))} meets {asked!r}")
    return 0


def _lines(one: Run) -> list[str]:
    lines = [f"{clean(one.job_id)}: {', '.join(map(clean, one.tags)) or 'no tags'}"]
    if one.name:
        lines.append(f"  name: {clean(one.name)}")
    if one.notes:
        first, *rest = map(clean, one.notes.splitlines())
        lines += [f"  notes: {first}", *(f"         {line}" for line in rest)]
    return lines
