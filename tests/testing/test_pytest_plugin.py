"""The fixture for the tests of others, found by pytest itself."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

TEST = """
    import os
    import aerchive
    from aerchive.aer import AerSimulator
    from qiskit import QuantumCircuit

    def test_of_somebody(aerchive_project, tmp_path):
        circuit = QuantumCircuit(1)
        circuit.measure_all()
        AerSimulator().run(circuit).result()
        assert len(aerchive_project) == 1
        assert aerchive_project.path.parent == tmp_path
        assert aerchive.open().path == aerchive_project.path
        assert "AERCHIVE_SAVE_JOBS" not in os.environ
"""


def test_a_project_that_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TEST), "utf-8")
    elsewhere = {"AERCHIVE_PROJECT": str(tmp_path / "not-this.h5"), "AERCHIVE_SAVE_JOBS": "false"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, tmp_path / "test_it.py"],
        env=os.environ | elsewhere,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "not-this.h5").exists()
