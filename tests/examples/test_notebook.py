"""The example notebooks: their cells run as programs of small size, and they are kept without outputs.

``python3 tasks.py docs`` executes them in a kernel, at the size that they have, and shows their outputs;
``python3 tasks.py notebooks FOLDER`` takes pictures of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_examples import ROOT, Python

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SIZES = {
    "large_state_out_of_core.ipynb": {"QUBITS": 8, "LAYERS": 2},
    "trotter_snapshots.ipynb": {"SITES": 4, "STEPS": 3},
    "vqe_over_field.ipynb": {"FIELDS": 2, "EVALUATIONS": 8},
}
"""What the tests put in the place of the values in the cell with the tag ``parameters``."""
_MAGIC = "%load_ext aerchive"


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return found


def program(notebook: Path) -> str:
    """The cells as a program, with the small sizes behind the cell that has the large ones."""
    parts = ["import matplotlib as mpl", "mpl.use('Agg')"]
    left = dict(SIZES.get(notebook.name, {}))
    for cell in cells(notebook):
        if cell["cell_type"] == "code":
            parts.append("".join(cell["source"]))
            if "parameters" in cell["metadata"].get("tags", ()):
                parts += [f"assert {name} > {value}; {name} = {value}" for name, value in left.items()]
                left.clear()
    assert not left, "no cell has the tag 'parameters'"
    return "\n".join(parts).replace(_MAGIC, "__import__('aerchive').load_ipython_extension(None)")


@pytest.fixture(scope="module")
def python() -> Iterator[Python]:
    pytest.importorskip("matplotlib")
    interpreter = Python("matplotlib.pyplot", "pandas", "scipy.optimize")
    with interpreter.process as process:
        yield interpreter
        assert process.communicate() == ("", "")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_the_cells_of_a_notebook_run(notebook: Path, tmp_path: Path, python: Python) -> None:
    script = tmp_path / "cells.py"
    script.write_text(program(notebook), "utf-8")
    printed = python.run(tmp_path, script)
    (project,) = tmp_path.glob("*.h5")
    if any(_MAGIC in line for cell in cells(notebook) for line in cell["source"]):
        assert printed == f"aerchive: runs of Aer are archived in {project}\n"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(notebook: Path) -> None:
    for cell in cells(notebook):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_notebooks_are_found() -> None:
    assert {notebook.name for notebook in NOTEBOOKS} > set(SIZES)
