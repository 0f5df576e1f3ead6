"""Pictures of what silx and H5Web show of the demo and of thirty varied runs.

``python3 tasks.py viewers --pictures FOLDER`` makes them, to be looked at one by one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

from tests.viewers import varied

PROGRAMS = Path(__file__).parent / "programs"
_INSIDE = ("config", "counts", "circuits/view/drawing", "circuits/view/openqasm", "view")


def paths_of(file: Path) -> list[str]:
    """The root, the pages and tables, every run, and the members of the first one."""
    with h5py.File(file) as opened:
        runs = [run.name for day in opened["runs"].values() for run in day.values()]
        inside = [f"{runs[0]}/{name}" for name in _INSIDE if name in opened[runs[0]]]
    return ["/", "/README", "/format/layout.md", "/catalogue", *runs, *inside]


def main(python: str, folder: Path) -> int:
    """Makes both files and their pictures; returns 1 if a viewer failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as made:
        files = {"varied": Path(made, "varied.h5"), "demo": Path(made, "demo.h5")}
        varied.make(files["varied"])
        subprocess.run([sys.executable, "-m", "aerchive", "demo", "--file", files["demo"]], check=True)
        for name, file in files.items():
            for program in ("silx_view.py", "h5web.py"):
                into = folder / f"{name}-{Path(program).stem}"
                into.mkdir(parents=True, exist_ok=True)
                command = [python, PROGRAMS / program, file, into, *paths_of(file)]
                failed |= subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
