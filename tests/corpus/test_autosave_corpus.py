"""Autosave changes neither results nor exceptions nor seeds: cases of the corpus with it and without it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests import processes

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
EVERY = int(os.environ.get("AERCHIVE_TEST_CORPUS_EVERY", "36"))
"""One case in so many is run in the default run; ``python3 tasks.py corpus`` runs all 775."""

COMPARE = """
    import json, logging, sys
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, sys.argv[1])
    from aer_cases import iter_cases, run_case
    import aerchive
    from tests.aer.conftest import everything
    from tests.strict import differences

    def told(outcome):
        error = outcome.error
        result = None if outcome.result is None else everything(outcome.result, timing=False)
        return outcome.kind, None if error is None else (type(error), str(error)), result

    found, number = [], 0
    for number, case in enumerate(list(iter_cases())[:: int(sys.argv[3])], 1):
        plain = run_case(case)
        with aerchive.autosave(sys.argv[2]):
            ours = run_case(case)
        found += [f"{case.name}: {text}" for text in differences(told(plain), told(ours))]
    print(json.dumps([number, len(aerchive.open(sys.argv[2])), found]))
"""


@pytest.mark.skipif(not (CORPUS / "aer_cases.py").exists(), reason="no corpus of Aer jobs beside this checkout")
def test_autosave_changes_nothing(tmp_path: Path) -> None:
    out = processes.run(COMPARE, CORPUS, tmp_path / "p.h5", EVERY, warnings="ignore", timeout_s=400)
    cases, archived, found = json.loads(out)
    assert found == []
    assert cases >= 775 // EVERY
    assert archived == cases
