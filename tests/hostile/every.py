"""Tries every hostile file: ``python3 tests/hostile/every.py [--match KIND]``; the exit code is 0 if all held.

Where strace is installed, it sees what the process and all its children open, start, change and connect to.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile.checking import Bench
from tests.hostile.corpus import cases


def main() -> int:
    """Prints a line for each file that did something, and how many there were of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", default="", help="only cases whose kind and name contain this")
    parser.add_argument("--forks", action="store_true", help="children are forks, which takes a third of the time")
    options = parser.parse_args()
    figures: collections.Counter[str] = collections.Counter()
    bad: collections.Counter[str] = collections.Counter()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder), is_traced=True, forks=options.forks) as bench:
        for case in [case for key, case in cases().items() if options.match in key]:
            start = time.monotonic()
            found = bench.try_case(case)
            figures[case.kind] += 1
            if found:
                bad[case.kind] += 1
                print(f"{case.key} ({time.monotonic() - start:.1f} s)", *found, sep="\n    ", flush=True)
        calls = f"{bench.trace.calls} calls seen by strace" if bench.trace else "without strace"
    for kind, number in figures.items():
        print(f"{kind}: {number} files, {bad[kind]} did something")
    print(f"{figures.total()} files, {bad.total()} did something; {calls}; {time.monotonic() - begin:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
