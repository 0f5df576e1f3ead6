"""Cases of the corpus of hard Aer jobs, archived in one process and read in another; some are run again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import processes

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
EVERY = int(os.environ.get("AERCHIVE_TEST_CORPUS_EVERY", "32"))
"""One case in so many is run again in the default run; ``python3 tasks.py corpus`` runs all again."""
ARCHIVED = min(EVERY, 4)
"""One case in so many is archived at all."""

DIGESTS = """
    import hashlib, json, sys
    sys.path.insert(0, sys.argv[1])
    from aer_cases import digest

    def digests(result):
        fields = lambda thing: digest({k: v for k, v in vars(thing).items() if k not in ("results", "data", "_run")})
        return {
            "result": fields(result),
            "experiments": [fields(experiment) for experiment in result.results],
            "data": [
                [[label, digest(value)] for label, value in dict(experiment.data.to_dict()).items()]
                for experiment in result.results
            ],
        }
"""

ARCHIVE = (
    DIGESTS
    + """
    from aer_cases import iter_cases, run_case
    import aerchive

    project = aerchive.open(sys.argv[2])
    expected = {}
    with project.transaction():
        for case in list(iter_cases())[:: int(sys.argv[4])]:
            outcome = run_case(case)
            error, refused = outcome.error, None
            try:
                project.save(outcome.job, name=case.name, tags=case.tags)
            except aerchive.UnsupportedTypeError as refusal:
                refused = str(refusal)
            expected[case.name] = {
                "job_id": outcome.job.job_id(),
                "kind": outcome.kind,
                "refused": refused,
                "error": None if error is None else f"{type(error).__module__}.{type(error).__qualname__}",
                "message": None if error is None else getattr(error, "message", None) or str(error),
                "digests": None if outcome.result is None else digests(outcome.result),
            }
    with open(sys.argv[3], "w") as file:
        json.dump(expected, file)
"""
)

READ = (
    DIGESTS
    + """
    from concurrent.futures import CancelledError
    import aerchive
    from aerchive.aer import AerJobError

    project = aerchive.open(sys.argv[2], "r")
    with open(sys.argv[3]) as file:
        expected = json.load(file)
    found = []
    if len(project) != len(expected):
        found.append(f"{len(project)} runs of {len(expected)}")
    for name, case in expected.items():
        job = project.job(case["job_id"])
        if job.run.name != name:
            found.append(f"{name}: is named {job.run.name}")
        try:
            result = job.result()
        except CancelledError:
            if case["kind"] != "cancelled":
                found.append(f"{name}: was not cancelled")
            continue
        except AerJobError as error:
            if case["kind"] != "raises":
                found.append(f"{name}: raised {error}")
            elif error.error_type != case["error"] or error.message != case["message"]:
                found.append(f"{name}: raised {error.error_type} {error}, not {case['error']} {case['message']}")
            continue
        if case["digests"] is None:
            found.append(f"{name}: has a result")
            continue
        got = digests(result)
        parts = ("data",) if case["refused"] else ("data", "experiments", "result")
        found += [f"{name}: {part} differs" for part in parts if got[part] != case["digests"][part]]
        if (case["kind"] == "ok") != (job.run.outcome == "ok"):
            found.append(f"{name}: {case['kind']} became {job.run.outcome}")
    print(json.dumps(found))
"""
)

REPRODUCE = """
    import collections, json, logging, sys
    logging.disable(logging.CRITICAL)
    import aerchive
    verdicts = collections.Counter()
    found = []
    for run in list(aerchive.open(sys.argv[1], "r"))[:: int(sys.argv[2])]:
        report = run.reproduce()
        verdicts[report.verdict] += 1
        if report.verdict == "not_rerunnable" and run.outcome == "cancelled":
            continue
        if report.verdict != "identical":
            found.append(f"{run.name}: {report}")
    print(json.dumps([verdicts, found]))
"""


@pytest.mark.skipif(not (CORPUS / "aer_cases.py").exists(), reason="no corpus of Aer jobs beside this checkout")
def test_cases_come_back(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    project, expected = tmp_path / "corpus.h5", tmp_path / "expected.json"

    # Aer and Qiskit warn of some of these jobs.
    with processes.start(ARCHIVE, CORPUS, project, expected, ARCHIVED, warnings="default") as archiving:
        _, err = archiving.communicate(timeout=300)
    assert archiving.returncode == 0, err
    differences = json.loads(processes.run(READ, CORPUS, project, expected, timeout_s=300))

    verdicts, not_same = json.loads(
        processes.run(REPRODUCE, project, EVERY // ARCHIVED, warnings="default", timeout_s=300)
    )

    cases = json.loads(expected.read_text())
    refused = {name: case["refused"] for name, case in cases.items() if case["refused"]}
    lines = [
        f"corpus of Aer jobs: {len(cases)} run, {len(refused)} with a value that was refused by name, "
        f"{len(differences)} differences",
        f"run again from the file alone: {verdicts}",
        *(f"  refused in {name}: {why[:160]}" for name, why in refused.items()),
    ]
    for line in lines:
        record_property("summary", line)
    print("\n".join(lines))
    assert differences == []
    assert not_same == []
    assert sum(verdicts.values()) >= len(cases) // EVERY
    assert len(cases) >= 775 // ARCHIVED
    assert len(refused) <= 3
