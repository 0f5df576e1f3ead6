"""``aerchive vet``: lets HDF5 parse a file in a child process with limits."""

from __future__ import annotations

import dataclasses

from aerchive.aer.opening import vet
from aerchive.cli.command import command, file_argument, json_option, needed
from aerchive.cli.output import put_report
from aerchive.display.text import clean, format_runs


@command("vet", "aerchive vet downloaded.h5")
@file_argument
@json_option()
def run(path: str | None, *, as_json: bool) -> int:
    """Prints the report. The exit status is 1 if there are findings."""
    report = vet(needed(path))
    found = f"{len(report.findings)} findings" if report.findings else "no findings"
    head = f"{report.path}: {format_runs(report.runs)}, {report.nodes} groups and datasets vetted, {found}"
    lines = [clean(line) for line in (head, *(f"  {finding}" for finding in report.findings))]
    put_report({**dataclasses.asdict(report), "ok": report.ok}, "\n".join(lines), as_json=as_json)
    return 0 if report.ok else 1
