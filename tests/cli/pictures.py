"""Pictures of what commands print in a terminal, 80 and 120 columns wide, light and dark: ``terminal FOLDER``.

Each command gets one SVG file a width and a theme; a browser shows them. They are to be looked at when the output of a
command was changed.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

from aerchive.aer import AerSimulator

WIDTHS = (80, 120)
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
COMMANDS = {
    "ls": "ls study.h5",
    "ls-columns": "ls study.h5 --columns job_id,params.distance,saved.energy,circuit.depth,tags",
    "ls-limit": "ls study.h5 --limit 3",
    "find": "find study.h5 'params.distance < 1 and status == ok'",
    "find-nothing": "find study.h5 'tags contains vque'",
    "show-counts": "show study.h5 'noisy GHZ'",
    "show-wide": "show study.h5 wide",
    "show-sweep": "show study.h5 sweep",
    "plot-counts": "plot study.h5 'noisy GHZ'",
    "plot-sweep": "plot study.h5 sweep",
    "plot-state": "plot study.h5 state",
    "plot-matrix": "plot study.h5 matrix",
    "du": "du study.h5",
    "config": "config",
    "history": "show study.h5 'noisy GHZ' --history",
    "help": "--help",
    "help-find": "find --help",
    "error": "show study.h5 nobody",
}


def make_study(folder: Path) -> None:
    """A project with runs of several kinds: a study of energies, counts, a sweep, a state, a matrix, a failure."""
    simulator = AerSimulator(project=folder / "study.h5", seed_simulator=1)
    for step in range(12):
        circuit = QuantumCircuit(2, name="ansatz", metadata={"ansatz": "ry"})
        circuit.ry(0.4 * step, 0)
        circuit.cx(0, 1)
        circuit.save_expectation_value(SparsePauliOp(["ZZ", "XX"]), [0, 1], label="energy")
        params = {"distance": 0.2 * step, "layers": 1 + step % 3, "basis": "sto-3g"}
        simulator.run(circuit, params=params, tags=["vqe", "paper"][: 1 + step % 2]).result()

    ghz = QuantumCircuit(3, name="GHZ")
    ghz.h(0)
    ghz.cx(0, [1, 2])
    ghz.measure_all()
    job = simulator.run(ghz, shots=1000, name="noisy GHZ", tags=["demo"])
    job.result()
    job.run.add_tags("keep")
    job.run.annotate(notes="the one with the calibration of Monday")

    wide = QuantumCircuit(4, name="twelve layers of rotations")
    for layer in range(12):
        for qubit in range(4):
            wide.rx(0.1 * layer, qubit)
        wide.cx(layer % 3, layer % 3 + 1)
    wide.measure_all()
    simulator.run(wide, shots=4000, name="wide").result()

    angle = Parameter("angle")
    rotation = QuantumCircuit(1, name="rotation")
    rotation.rx(angle, 0)
    rotation.measure_all()
    angles = [math.pi * step / 20 for step in range(41)]
    simulator.run(rotation, [{angle: angles}], shots=500, name="sweep").result()

    state = QuantumCircuit(10, name="layers")
    for qubit in range(10):
        state.ry(0.3 + 0.1 * qubit, qubit)
        state.p(0.6 * qubit, qubit)
    state.save_statevector()
    simulator.run(state, name="state").result()

    matrix = QuantumCircuit(3, name="Bell and one")
    matrix.h(0)
    matrix.cx(0, 1)
    matrix.save_density_matrix()
    simulator.run(matrix, name="matrix").result()

    failing = QuantumCircuit(1, name="not a Clifford circuit")
    failing.t(0)
    failing.measure_all()
    AerSimulator(project=folder / "study.h5", method="stabilizer").run(failing, name="a failure").result()


def printed(command: str, folder: Path, width: int) -> str:
    """What a command prints in a terminal of so many columns, with the codes for its colours."""
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"FORCE_COLOR": "1", "COLUMNS": str(width), "TERM": "xterm-256color"}
    environment |= {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
    line = f"{sys.executable} -m aerchive {command}"
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def main() -> None:
    """Makes the project and the pictures in the folder that the first argument names."""
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.h5").unlink(missing_ok=True)
    make_study(folder)
    for width in WIDTHS:
        for name, command in COMMANDS.items():
            text = f"$ aerchive {command}\n{printed(command, folder, width)}"
            for theme, colours in THEMES.items():
                with open(os.devnull, "w", encoding="utf-8") as nowhere:
                    console = Console(
                        record=True, width=width, file=nowhere, force_terminal=True, color_system="standard"
                    )
                    console.print(Text.from_ansi(text), soft_wrap=False, highlight=False)
                    path = folder / f"{name}-{width}-{theme}.svg"
                    console.save_svg(str(path), title=f"{width} columns", theme=colours)
    print(f"{folder}: {len(COMMANDS) * len(WIDTHS) * len(THEMES)} pictures")


if __name__ == "__main__":
    main()
