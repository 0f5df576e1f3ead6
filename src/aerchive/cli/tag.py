"""``aerchive tag``: changes the labels of an archived run, or the tags of many runs at once."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, add_json, print_report
from aerchive.cli.output import put, put_json
from aerchive.display.text import clean, format_runs
from aerchive.errors import InvalidInputError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.catalogue.expression import clause_of
from aerchive.project.run import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = (
        "examples: aerchive -p vqe.h5 tag 4ff2da70 --add keep --remove draft --name 'last one';  "
        "aerchive -p vqe.h5 tag --where 'params.distance > 2 and status == ok' --add far"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    add_job(which, nargs="?")
    which.add_argument("--where", metavar="CONDITION", help="tag all runs that meet this, as for find, in one commit")
    parser.add_argument("--add", action="append", default=[], metavar="TAG", help="add a tag; may be repeated")
    parser.add_argument("--remove", action="append", default=[], metavar="TAG", help="take a tag away; may be repeated")
    parser.add_argument("--name", metavar="NAME", help="give it another name; an empty one takes it away")
    parser.add_argument("--notes", metavar="TEXT", help="replace the notes; empty ones take them away")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Changes the labels in one commit and prints them. Without a change it only prints them."""
    if options.where is not None:
        return _tag_many(options)
    both = sorted({*options.add} & {*options.remove})
    if both:
        raise InvalidInputError(f"tag {both[0]!r} is to be added and to be removed; choose one")
    change = LabelChange(
        RunLabels.checked(name=options.name or None, tags=options.add or None, notes=options.notes or None),
        frozenset(options.remove),
        frozenset(field for field in ("name", "notes") if getattr(options, field) == ""),
    )
    one = open_path(options.project, "r" if change.is_empty else "r+")[options.job]
    one.change_labels(change)
    document = {"job_id": one.job_id, "name": one.name, "tags": list(one.tags), "notes": one.notes}
    print_report(options, document, "\n".join(_lines(one)), None)
    return 0


def _tag_many(options: argparse.Namespace) -> int:
    """Changes the tags of all runs that meet a condition, and prints the number of runs whose tags changed."""
    if options.name is not None or options.notes is not None:
        raise InvalidInputError("--name and --notes are for one run; give its JOB in the place of --where")
    if not options.add and not options.remove:
        raise InvalidInputError("say which tags: --add TAG, --remove TAG, or both")
    nested = clause_of(options.where, {}).columns & {"parent", "job_id"}
    conditions = {} if nested else {"parent": ""}
    project = open_path(options.project, "r+")
    changed = project.tag(options.where, add=options.add, remove=options.remove, **conditions)
    if options.json:
        put_json({"changed": changed}, None)
    elif changed:
        put(f"changed the tags of {format_runs(changed)}")
    else:
        found, where = project.count(options.where, **conditions), clean(options.where)
        if found:
            put(f"no tags changed: what meets {where!r} ({format_runs(found)}) has the wanted tags already")
        else:
            put(f"no tags changed: none of {format_runs(len(project))} meets {where!r}")
    return 0


def _lines(one: Run) -> list[str]:
    lines = [f"{clean(one.job_id)}: {', '.join(map(clean, one.tags)) or 'no tags'}"]
    if one.name:
        lines.append(f"  name: {clean(one.name)}")
    if one.notes:
        first, *rest = map(clean, one.notes.splitlines())
        lines += [f"  notes: {first}", *(f"         {line}" for line in rest)]
    return lines
