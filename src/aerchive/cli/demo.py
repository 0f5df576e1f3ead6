"""``aerchive demo``: runs and archives four real simulations, and reads them back in a second process."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, file_argument
from aerchive.cli.listing import LISTED, print_runs
from aerchive.cli.output import put
from aerchive.display.text import format_bytes
from aerchive.errors import AlreadyExistsError
from aerchive.paths import local_path
from aerchive.storage.medium.trace import record_reads

_FILE = "aerchive-demo.h5"
_QUBITS = 20
_SLICE = slice(524_280, 524_288)


@command("demo", "aerchive demo --file /tmp/demo.h5")
@file_argument
@click.option(
    "--file",
    "new_file",
    metavar="FILE",
    help=f"The project file to make (default: {_FILE} here, or the next free name).",
)
@click.option("--read", "only_read", is_flag=True, help="Only the second half: read the file that is there.")
def run(path: str | None, *, new_file: str | None, only_read: bool) -> int:
    """Runs the whole demo, or only its second half, which reads the file."""
    file = local_path(path or new_file or _free_name()).absolute()
    if only_read:
        return _read(file)
    if file.exists():
        raise AlreadyExistsError(
            f"{file}: exists, and the demo overwrites nothing; remove it, or choose another with --file"
        )
    _write(file)
    put("\nNow a second process opens the file, and knows nothing but its name.\n")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    second = [sys.executable, "-m", "aerchive", "demo", "--read", "--file", str(file)]
    return subprocess.run(second, check=False, env=environment).returncode  # noqa: S603  (this program)


def _program() -> str:
    """How this program is called here: by its name if the shell finds it, else by the path beside this Python."""
    if shutil.which("aerchive"):
        return "aerchive"
    beside = Path(sys.executable).with_name("aerchive")
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m aerchive"
    return shlex.quote(os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside))


def _free_name() -> str:
    """Returns the usual file name, with a number if that file exists, so that no file is overwritten."""
    stem, _, ending = _FILE.rpartition(".")
    names = itertools.chain([_FILE], (f"{stem}-{number}.{ending}" for number in itertools.count(2)))
    return next(name for name in names if not Path(name).exists())


def _step(number: int, text: str, action: Callable[[], Any]) -> Any:
    """Runs one step, and prints a line with its description and its duration in seconds."""
    label = f"[{number}/5] {text}"
    terminal = sys.stdout.isatty()
    if terminal:
        put(f"{label} ...", end="\r")
    begun = time.perf_counter()
    value = action()
    put(f"{label:<72} {time.perf_counter() - begun:6.2f} s")
    return value


def _write(path: Path) -> None:
    _step(1, "loading Qiskit and Aer", lambda: import_module("qiskit_aer"))
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    from aerchive.aer import AerSimulator

    def statevector() -> None:
        simulator = AerSimulator(project=path, method="statevector", seed_simulator=1)
        circuit = QuantumCircuit(_QUBITS, name="entangled layers")
        for layer in range(4):
            for qubit in range(_QUBITS):
                circuit.ry(0.1 + 0.3 * layer + 0.07 * qubit, qubit)
            for qubit in range(_QUBITS - 1):
                circuit.cx(qubit, qubit + 1)
        circuit.save_statevector()
        simulator.run(circuit, name="20-qubit state", tags=["demo"]).result()

    def noisy() -> None:
        noise = NoiseModel()
        noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
        simulator = AerSimulator(project=path, noise_model=noise, seed_simulator=2)
        circuit = QuantumCircuit(3, 3, name="GHZ")
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
        circuit.measure(range(3), range(3))
        simulator.run(circuit, shots=1000, name="noisy GHZ", tags=["demo"]).result()

    def sweep() -> None:
        simulator = AerSimulator(project=path, seed_simulator=3)
        angle = Parameter("angle")
        circuit = QuantumCircuit(1, 1, name="rotation")
        circuit.rx(angle, 0)
        circuit.measure(0, 0)
        angles = [0.1 * step for step in range(32)]
        job = simulator.run(
            circuit, [{angle: angles}], shots=200, name="sweep of 32 angles", tags=["demo"], params={"points": 32}
        )
        job.result()

    def failing() -> None:
        simulator = AerSimulator(project=path, method="stabilizer")
        circuit = QuantumCircuit(1, 1, name="not a Clifford circuit")
        circuit.t(0)
        circuit.measure(0, 0)
        simulator.run(circuit, name="a failure", tags=["demo"]).result()

    import logging

    logging.getLogger("qiskit_aer").setLevel(logging.CRITICAL)  # this failure is intended
    _step(2, f"{_QUBITS}-qubit statevector, 16 MiB", statevector)
    _step(3, "noisy GHZ state, 1000 shots", noisy)
    _step(4, "parameter sweep, 32 angles", sweep)
    _step(5, "a job that fails: a T gate in a stabilizer simulation", failing)
    put(f"\nAll four are in {path} ({format_bytes(path.stat().st_size)}).")


def _read(path: Path) -> int:
    project = open_path(path, "r")
    print_runs(project.page(names=LISTED))

    job = project.latest(name="noisy GHZ").job()
    put(f"\nThe noisy job's counts, from its Result:\n  {job.result().get_counts()}")

    state = project.latest(name="20-qubit state").array("statevector")
    with record_reads() as log:
        part = state[_SLICE]
    put(f"\nAmplitudes {_SLICE.start} to {_SLICE.stop - 1} of {state.size:,} ({format_bytes(state.nbytes)}):")
    for number, amplitude in enumerate(part, _SLICE.start):
        put(f"  |{number:0{_QUBITS}b}⟩  {amplitude:+.6f}")
    put(
        f"  read for this: {log.nbytes:,} bytes in {len(log.extents)} reads, of a file of {path.stat().st_size:,} bytes"
    )

    sweep = project.latest(name="sweep of 32 angles")
    ones = [sweep.counts(i).get("1", 0) for i in range(0, 32, 8)]
    put(f"\nThe sweep: 1 was measured {', '.join(map(str, ones))} times of 200 at angles 0.0, 0.8, 1.6 and 2.4")

    failed = project.latest(name="a failure")
    put(f"\nThe failed job says:\n  {failed.record.status.message}")

    where = shlex.quote(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))
    folder = project.latest().path.rpartition("/")[0]
    put(
        f"""
Now open {path} in HDFView (or with: h5dump -A {path.name}):
  /README             says what the file is and how to read it
  /catalogue          a table, one row a run
  /{folder}    one group a run: select one, its attributes say what ran and what came
                      out; open counts (a table), statevector (r and i) or circuits/view (the circuit as text)

Next, type:  {_program()} show {where} latest"""
    )
    return 0
