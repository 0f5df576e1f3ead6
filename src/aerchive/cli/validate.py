"""``aerchive validate``: checks each node of a file against the rules of the format."""

from __future__ import annotations

from aerchive.aer.opening import validate
from aerchive.cli.command import command, file_argument, json_option, needed
from aerchive.cli.output import put_report


@command("validate", "aerchive validate made-by-another-program.h5")
@file_argument
@json_option()
def run(path: str | None, *, as_json: bool) -> int:
    """Prints the report. The exit status is 1 if anything departs from the format."""
    report = validate(needed(path))
    document = {name: getattr(report, name) for name in ("path", "ok", "nodes", "others")}
    departures = [one._asdict() for one in report.departures]
    put_report({**document, "departures": departures}, report, as_json=as_json)
    return 0 if report.ok else 1
