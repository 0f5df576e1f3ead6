"""The map of the house is true: imports only go down, and every file has a subject of its own."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "aerchive"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Names that say nothing: in every code base they become the longest file, or the middle of an import cycle.
NAMES_WITHOUT_A_SUBJECT = {"utils", "util", "common", "helpers", "misc", "core", "manager"}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on the package and the contracts below `root`."""
    command = [Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-cache", "--no-logo"]
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def test_imports_keep_to_the_floors() -> None:
    report = lint_imports(ROOT)

    assert report.returncode == 0, f"import-linter, on the contracts in pyproject.toml:\n{report.stdout}"


@pytest.mark.parametrize(
    ("module", "text", "contract"),
    [
        pytest.param("attic.py", '"""No floor names it."""\n', "The floors", id="module without a floor"),
        pytest.param("filters/stray.py", "import aerchive.storage\n", "The floors", id="import of a higher floor"),
        pytest.param("models/stray.py", "import aerchive.storage\n", "The floors", id="import of a neighbour"),
        pytest.param(
            "filters/stray.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import aerchive.project\n",
            "The floors",
            id="import for type checkers only",
        ),
        pytest.param(
            "storage/spools/stray.py", "import aerchive.storage.hdf5\n", "The wings of storage", id="import of a wing"
        ),
        pytest.param("storage/chunks/stray.py", "def late():\n    import h5py\n", "Only the upper wings", id="h5py"),
        pytest.param(
            "project/stray.py", "import aerchive.storage.hdf5.errors\n", "Only storage translates", id="errors of h5py"
        ),
        pytest.param("project/stray.py", "import qiskit.result\n", "Only codecs, aer, experiments", id="Qiskit"),
        pytest.param("codecs/stray.py", "import aerchive.codecs.counts\n", "Codecs are independent", id="two codecs"),
    ],
)
def test_a_stray_import_is_found(tmp_path: Path, module: str, text: str, contract: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    copied = shutil.copytree(PACKAGE, tmp_path / "src" / "aerchive", ignore=shutil.ignore_patterns("__pycache__"))
    (copied / module).write_text(text)

    report = lint_imports(tmp_path)

    broken = [line for line in report.stdout.splitlines() if line.startswith(contract) and " BROKEN" in line]
    assert broken, report.stdout
    assert report.returncode != 0


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_says_what_it_is(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8")))

    assert docstring, f"{module.relative_to(ROOT)} has no docstring"


def test_no_module_without_a_subject() -> None:
    found = [path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.stem in NAMES_WITHOUT_A_SUBJECT]

    assert not found, f"name these after what they are about: {found}"
