"""Runs the programs of client libraries plain and with `aerchive run`, and compares: ``python3 tasks.py clients``.

A folder of programs has ``requirements.txt`` for its environment, which is a folder of the same name below the one that
is given. A program prints its results exactly, and the first word of its text is the name of the package it tries. The
exit code is 1 if results differ, a project is damaged, or a run that is run again gives other values.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
FOLDERS = sorted(path.parent.name for path in HERE.glob("*/requirements.txt"))
LIMIT_S = 900
COLUMNS = ("package", "version", "results", "runs", "identical", "other verdicts", "plain", "archived")


class Ended(NamedTuple):
    """A process that has ended: its exit code, the last line of its output, its error output, and the seconds."""

    code: int
    line: str
    errors: str
    seconds: float


def start(python: Path, *arguments: str | Path, folder: Path) -> Ended:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AERCHIVE_", "PYTHON"))}
    environment |= {"PYTHONPATH": str(HERE)}
    began = time.monotonic()
    try:
        done = subprocess.run(
            [python, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(1, "", f"did not end within {LIMIT_S} s", LIMIT_S)
    lines = done.stdout.splitlines() or [""]
    return Ended(done.returncode, lines[-1], done.stderr, time.monotonic() - began)


def last_line(errors: str) -> str:
    return (errors.strip().splitlines() or ["no message"])[-1][:300]


def compared(program: Path, python: Path, folder: Path) -> tuple[dict[str, Any], list[str], bool]:
    """Tries one program; returns its row of the table, remarks, and whether all was as it should be."""
    name = program.read_text("utf-8").removeprefix('"""').partition(":")[0]
    version = start(python, "-c", f"import importlib.metadata as m; print(m.version({name!r}))", folder=folder)
    row: dict[str, Any] = {"package": name, "version": version.line}
    plain = start(python, program, folder=folder)
    if plain.code:
        return (
            row | {"results": "does not run"},
            [f"{name} does not run without aerchive: {last_line(plain.errors)}"],
            True,
        )
    project = folder / f"{program.stem}.h5"
    archived = start(python, "-m", "aerchive", "-p", project, "run", program, folder=folder)
    remarks = [f"{name}: {line.strip()}" for line in archived.errors.splitlines() if "rchive" in line]
    row |= {"plain": f"{plain.seconds:.1f} s", "archived": f"{archived.seconds:.1f} s"}
    if archived.code:
        return row | {"results": "fail"}, [*remarks, f"{name} fails: {last_line(archived.errors)}"], False
    is_same = plain.line == archived.line
    if not is_same:
        again = start(python, program, folder=folder)
        remarks.append(f"{name}: the results differ" + (", also of two plain runs" * (again.line != plain.line)))
    check = start(python, HERE / "check.py", project, folder=folder)
    if check.code:
        return row | {"results": "fail"}, [*remarks, f"{name}: cannot be checked: {last_line(check.errors)}"], False
    found = json.loads(check.line)
    identical = found["verdicts"].pop("identical", 0)
    others = ", ".join(f"{number} {verdict}" for verdict, number in found["verdicts"].items())
    remarks += [f"{name}: {number} of {found['runs']} runs: {text}" for text, number in found["reasons"].items()]
    if not found["ok"]:
        remarks.append(f"{name}: the project is damaged")
    row |= {"results": "same" if is_same else "differ", "runs": found["runs"], "identical": identical}
    is_good = is_same and found["ok"] and "different" not in found["verdicts"] and not archived.code
    return row | {"other verdicts": others or "none"}, remarks, is_good


def main() -> int:
    """Prints a table in Markdown and remarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", type=Path, help="folder of the environments")
    parser.add_argument("--match", default="", help="only programs whose file name contains this")
    options = parser.parse_args()
    print("|", " | ".join(COLUMNS), "|\n|", " | ".join("---" for _ in COLUMNS), "|", flush=True)
    notes, codes = [], []
    for name in FOLDERS:
        python = options.environments.resolve() / name / "bin" / "python"
        for program in sorted(path for path in (HERE / name).glob("*.py") if options.match in path.name):
            with tempfile.TemporaryDirectory() as folder:
                row, remarks, is_good = compared(program, python, Path(folder))
            print("|", " | ".join(str(row.get(column, "")) for column in COLUMNS), "|", flush=True)
            notes += remarks
            codes.append(0 if is_good else 1)
        versions = "import importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in ('qiskit', 'qiskit-aer')))"
        notes.append(f"environment {name}: {start(python, '-c', versions, folder=HERE).line}")
    print("", *(f"* {note}" for note in notes), sep="\n")
    return max(codes, default=1)


if __name__ == "__main__":
    sys.exit(main())
