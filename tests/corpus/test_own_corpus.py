"""A part of our own corpus: archived, read in another process, compared, and run again.

The whole of it, 10,578 cases: ``python3 tasks.py corpus``, or in parts (``--part 0/8``). One in sixty, 294 cases, had
no difference on 2026-11-27.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVERY = 2000
"""At least six of each group are taken, and half of these."""


def run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_cases_come_back_and_run_again(tmp_path: Path) -> None:
    archived = int(run("tests.corpus.archive", tmp_path / "corpus", "--every", EVERY, "--part", "0/2"))

    told = json.loads(run("tests.corpus.compare", tmp_path / "corpus", "--again"))

    assert told["cases"] == archived
    assert archived >= 45
    assert told["found"] == {}
    assert told["verdicts"]["identical"] > archived / 2
