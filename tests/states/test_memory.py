"""Streams hold a few chunks, whatever the state: measured in fresh processes, that may use less than the state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import aerchive
from tests import processes
from tests.jobs import make_result

QUBITS = 23
STATE_MIB = 128
LIMIT_MIB = 96
"""Less than the state, so that whoever loads it fails; what a pass may use at most with eight threads."""

SCRIPT = """
    import os, sys
    import aerchive

    def peak_mib():
        with open("/proc/self/status") as file:
            return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024

    run = aerchive.open(sys.argv[1], "r").latest()
    psi, phi, n = run.state("psi"), run.state("phi"), 23
    for what in sys.argv[2:]:  # what is imported is imported, once for all
        psi[:1000]
        sys.stdout.flush()
        child = os.fork()  # with a peak of its own
        if not child:
            before = peak_mib()
            print(len(repr(eval(what))), peak_mib() - before, flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, what
"""

STREAMED = {
    "norm": "psi.norm()",
    "fidelity": "psi.fidelity(phi)",
    "marginal": "psi.probabilities([22, 0, 11, 17])",
    "top": "psi.top(20)",
    "sample": "psi.sample_counts(10_000, seed=1)",
    "pauli": "psi.expectation_value('XYZ', [3, 19, 22])",
    "sum": "psi.expectation_value(oper(n))",
    "matrix": "psi.expectation_value(__import__('numpy').eye(32), [1, 9, 18, 21, 22])",
    "blocks": "sum(len(values) for _, values in psi.blocks())",
    "stack": "sum(values.size for _, values in run.stack(['psi', 'phi']).blocks())",
    "slice of a stack": "run.stack(['psi', 'phi'])[:, ::65536]",
}
LOADING = "loading"
OPER = """
    import numpy as np
    from types import SimpleNamespace

    def oper(n):
        # X on each qubit, Y and Y on neighbours, and forty diagonal terms: as SparsePauliOp has them
        x, z = np.zeros((2 * n + 40, n), bool), np.zeros((2 * n + 40, n), bool)
        for qubit in range(n):
            x[qubit, qubit] = True
            x[n + qubit, [qubit, (qubit + 1) % n]] = z[n + qubit, [qubit, (qubit + 1) % n]] = True
        z[2 * n :] = np.random.default_rng(1).random((40, n)) > 0.5
        paulis = SimpleNamespace(x=x, z=z, phase=np.zeros(len(x), int))
        return SimpleNamespace(paulis=paulis, coeffs=np.ones(len(x)))
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dense states of 128 MiB."""
    from qiskit.quantum_info import Statevector

    project = aerchive.open(tmp_path_factory.mktemp("large") / "large.h5")
    rng = np.random.default_rng(1)

    def state() -> Statevector:
        values = rng.normal(size=2 * 2**QUBITS).view(complex)
        values /= np.linalg.norm(values)
        return Statevector(values)

    run = project.save(make_result(psi=state(), phi=state()))
    assert run.state("psi").nbytes == STATE_MIB * 2**20
    return project.path


@pytest.fixture(scope="module")
def extra_mib(path: Path) -> dict[str, float]:
    asked = {**STREAMED, LOADING: "__import__('numpy').asarray(psi).shape"}
    told = processes.run(OPER + SCRIPT, path, *asked.values(), timeout_s=200).splitlines()
    return {name: float(line.split()[1]) for name, line in zip(asked, told, strict=True)}


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_holds_a_few_chunks(extra_mib: dict[str, float], name: str) -> None:
    assert extra_mib[name] < LIMIT_MIB


def test_loading_the_state_takes_more(extra_mib: dict[str, float]) -> None:
    """Or the limit would mean nothing."""
    assert extra_mib[LOADING] > LIMIT_MIB
