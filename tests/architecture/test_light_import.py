"""`import aerchive` costs nothing: what is heavy is loaded by the first thing that needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("qiskit", "qiskit_aer", "h5py", "pydantic")


@pytest.fixture(scope="module")
def loaded_modules() -> set[str]:
    """The modules a fresh Python holds after `import aerchive`."""
    script = "import json, sys; import aerchive; print(json.dumps(sorted(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("library", HEAVY)
def test_import_does_not_load(loaded_modules: set[str], library: str) -> None:
    assert library not in loaded_modules


def test_the_package_for_aer_is_there_without_being_imported_first() -> None:
    script = """
        import sys
        import aerchive
        assert "qiskit" not in sys.modules
        print(aerchive.aer.AerSimulator.__name__)
    """
    assert processes.run(script).strip() == "AerSimulator"
