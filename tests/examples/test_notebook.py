"""The example notebook: its cells run as a program, and it is kept without outputs.

``python3 tasks.py notebooks FOLDER`` executes it in a kernel and takes pictures of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_examples import ROOT, environment

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_the_cells_of_a_notebook_run(notebook: Path, tmp_path: Path) -> None:
    lines = [line for cell in cells(notebook) if cell["cell_type"] == "code" for line in [*cell["source"], "\n"]]
    magics = [line.strip() for line in lines if line.startswith("%")]
    assert magics == ["%load_ext aerchive"]
    code = "".join(lines).replace(magics[0], "__import__('aerchive').load_ipython_extension(None)")
    script = tmp_path / "cells.py"
    script.write_text(f"import matplotlib as mpl\nmpl.use('Agg')\n{code}", "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"aerchive: runs of Aer are archived in {tmp_path / 'ising.h5'}\n"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(notebook: Path) -> None:
    for cell in cells(notebook):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_notebooks_are_found() -> None:
    assert NOTEBOOKS
