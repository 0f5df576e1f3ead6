"""Which version reads, and runs again, what the others wrote: ``python -m tests.compatibility.matrix --folder DIR``.

Makes an environment for each combination of Qiskit, Aer and Python, writes a project in each, and reads each project in
all of them. The table goes to ``docs/reference/versions.md``, with its date. Needs network, and some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import tasks

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "tests.compatibility.program"
COPY = "-qpy15"


class Environment(NamedTuple):
    """One combination of versions.

    Attributes:
        name: Its name in the table.
        python: The version of Python, such as ``3.11``.
        wanted: What pip installs beside aerchive.
    """

    name: str
    python: str
    wanted: tuple[str, ...]


ENVIRONMENTS = (
    Environment("oldest", "3.11", tuple(tasks.oldest_versions(()))),
    Environment("2.3", "3.11", ("qiskit==2.3.*", "qiskit-aer==0.17.*")),
    Environment("2.4", "3.11", ("qiskit==2.4.*", "qiskit-aer==0.17.*")),
    Environment("2.6", "3.11", ("qiskit==2.6.*", "qiskit-aer==0.17.*")),
    Environment("newest", "3.11", ()),
    Environment("newest", "3.12", ()),
    Environment("newest", "3.13", ()),
)


def interpreter(version: str) -> str | None:
    """A Python of a version, or ``None``: this one, one on the path, or one that pyenv has."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for found in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return found
    return None


def make(environment: Environment, folder: Path) -> Path | None:
    """Makes an environment unless it is there already; returns its Python, or ``None`` without an interpreter."""
    place = folder / f"{environment.name}-{environment.python}"
    python = place / "bin" / "python"
    if not python.exists():
        base = interpreter(environment.python)
        if base is None:
            return None
        subprocess.run([base, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-e", ROOT, *environment.wanted], check=True)
    return python


def run(python: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the program of this folder, in which every warning is an error."""
    environment = os.environ | {"AERCHIVE_VET": "off", "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [python, "-W", "error", "-m", PROGRAM, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def versions_of(python: Path) -> str:
    """The versions of an environment, for the table."""
    code = (
        "import sys, qiskit, qiskit_aer; from qiskit import qpy; "
        "print(qiskit.__version__, qiskit_aer.__version__, f'{sys.version_info[0]}.{sys.version_info[1]}', "
        "qpy.QPY_VERSION, sep=' | ')"
    )
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def cell(found: dict[str, Any]) -> str:
    """What becomes of the runs of a project, in a word or two."""
    runs = [one for name, one in found.items() if name != "the file"]
    read = all(one["read"] == "ok" for one in found.values())
    again = sum(one["inputs"] == "ok" and one["again"] == "identical" for one in runs)
    if not read:
        return "**not read**"
    return "same" if again == len(runs) else "results only" if again == 0 else f"{again} of {len(runs)} again"


def main() -> int:
    """Makes the environments, writes and reads in each, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the environments are made, or are already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "environments"
        made = [(one, make(one, folder)) for one in ENVIRONMENTS]
        pythons = [python for _, python in made if python is not None]
        titles = [versions_of(python) for python in pythons]
        for one, python in made:
            if python is None:
                print(f"There is no Python {one.python} here; it is left out.")
        heads = [f"{title.split(' | ')[0]} ({title.split(' | ')[2]})" for title in titles]
        print(f"| Qiskit | Aer | Python | QPY | written as | {' | '.join(heads)} |")
        print("|---" * (5 + len(heads)) + "|", flush=True)
        is_complete = True
        for number, (writer, title) in enumerate(zip(pythons, titles, strict=True)):
            path = Path(temporary) / f"{number}.h5"
            written = run(writer, "write", path)
            if written.returncode != 0:
                print(f"{title} cannot write: {written.stderr[-2000:]}", file=sys.stderr)
                is_complete = False
                continue
            for file in filter(Path.exists, (path, path.with_name(f"{path.stem}{COPY}.h5"))):
                cells = []
                for reader, of_reader in zip(pythons, titles, strict=True):
                    answer = run(reader, "read", file)
                    found = json.loads(answer.stdout) if answer.returncode == 0 else {}
                    cells.append(cell(found) if found else "**fails**")
                    if cells[-1] != "same":
                        print(f"{title} {file.stem} in {of_reader}: {found or answer.stderr[-500:]}", file=sys.stderr)
                kind = "15" if file != path else "newest"
                print(f"| {title} | {kind} | {' | '.join(cells)} |", flush=True)
    return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
