"""Reads a project in a new process: verifies it, and runs each of its runs again; prints JSON."""

from __future__ import annotations

import collections
import json
import sys
import warnings

import aerchive

warnings.simplefilter("ignore")
project = aerchive.open(sys.argv[1], "r")
report = project.verify()
verdicts: collections.Counter[str] = collections.Counter()
reasons: collections.Counter[str] = collections.Counter()
for run in project.find():
    found = run.reproduce()
    verdicts[found.verdict] += 1
    if found.verdict != "identical":
        text = " ".join([str(run.program), found.verdict, *map(str, found.reasons)]).replace(run.job_id, "...")
        reasons[text.replace("\n", " ")[:300]] += 1
outcomes = {str(name): number for name, number in project.count_by("outcome").items()}
print(
    json.dumps({"runs": len(project), "ok": report.ok, "outcomes": outcomes, "verdicts": verdicts, "reasons": reasons})
)
