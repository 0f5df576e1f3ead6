"""What other programs read of a project, by values: ``python3 tasks.py viewers``, which installs them first.

Each test is a claim of ``docs/how-to/open-in-a-viewer.md``. A program that is missing is a failure here, and said so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aerchive
from tests.viewers import varied

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"
PYTHON = ROOT / ".venv-viewers" / "bin" / "python"
RUNS = (
    *("bell", "state", "density", "sweep", "twenty", "superop", "unitary"),
    *("probabilities", "variance", "sampler", "estimator"),
)
NAMED = ("channel", "unitary of a QFT", "probabilities", "energy and variance")
DEBIAN = {
    "octave-cli": "octave",
    "Rscript": "r-base-core",
    "h5dump": "hdf5-tools",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}


def run(*command: object, **more: Any) -> str:
    """What a program prints; it must succeed."""
    program = str(command[0])
    if shutil.which(program) is None:
        name = DEBIAN.get(program)
        pytest.fail(f"{program} is missing: {f'apt-get install {name}' if name else 'python3 tasks.py viewers'}")
    answer = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=300, **more
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return answer.stdout


def python(code: str, *arguments: object) -> Any:
    """The JSON that a program prints in the environment of the viewers, which has neither aerchive nor Qiskit."""
    return json.loads(run(PYTHON, "-I", "-W", "error::UserWarning", "-c", code, *arguments).splitlines()[-1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> aerchive.Project:
    return varied.make(tmp_path_factory.mktemp("viewers") / "study.h5", RUNS)


def node(project: aerchive.Project, name: str, *parts: str) -> str:
    return "/".join(["", project.latest(name=name).path, *parts])


@pytest.fixture(scope="module")
def state(project: aerchive.Project) -> np.ndarray:
    return np.asarray(project.latest(name="state of 4 qubits").array())


def complex_of(pairs: Any) -> np.ndarray:
    return np.array(pairs, float) @ np.array([1, 1j])


# -- PyTables, xarray, h5py


def test_pytables_reads_states_tables_attributes_and_text(project: aerchive.Project, state: np.ndarray) -> None:
    found = python(
        """
import json, sys, tables
with tables.open_file(sys.argv[1]) as file:
    psi, counts = file.get_node(sys.argv[2])[:], file.get_node(sys.argv[3] + "/counts")[:]
    print(json.dumps({"dtype": str(psi.dtype), "psi": [[z.real, z.imag] for z in psi.tolist()],
        "counts": {row["bitstring"].decode(): int(row["count"]) for row in counts},
        "title": str(file.get_node(sys.argv[3])._v_attrs.title), "row": file.root.README[0].decode(),
        "nodes": sum(1 for _ in file.walk_nodes())}))
""",
        project.path,
        node(project, "state of 4 qubits", "statevector"),
        node(project, "Bell pair"),
    )

    assert found["dtype"] == "complex128"
    assert np.array_equal(complex_of(found["psi"]), state)
    assert found["counts"] == project.latest(name="Bell pair").counts()
    assert found["title"].startswith("Bell pair: ok, 2 qubits, 1000 shots")
    assert found["row"].rstrip() == "WHAT THIS FILE IS"
    assert found["nodes"] > 50


def test_xarray_with_h5netcdf_reads_states_tables_and_attributes(project: aerchive.Project, state: np.ndarray) -> None:
    found = python(
        """
import json, sys, xarray
def group(path):
    return xarray.open_dataset(sys.argv[1], group=path, engine="h5netcdf", phony_dims="sort")
psi, bell = group(sys.argv[2]).statevector.values, group(sys.argv[3])
print(json.dumps({"psi": [[z.real, z.imag] for z in psi.tolist()], "title": bell.attrs["title"],
    "counts": {row["bitstring"].decode(): int(row["count"]) for row in bell.counts.values}}))
""",
        project.path,
        node(project, "state of 4 qubits"),
        node(project, "Bell pair"),
    )

    assert np.array_equal(complex_of(found["psi"]), state)
    assert found["counts"] == project.latest(name="Bell pair").counts()
    assert found["title"].startswith("Bell pair: ok, 2 qubits, 1000 shots")


# -- R

_R = {
    "rhdf5": """
a <- commandArgs(TRUE); library(rhdf5)
psi <- h5read(a[1], paste0(a[2], "/statevector")); counts <- h5read(a[1], paste0(a[3], "/counts"))
title <- h5readAttributes(a[1], a[3])$title; rows <- h5read(a[1], "/README"); nodes <- nrow(h5ls(a[1]))
""",
    "hdf5r": """
a <- commandArgs(TRUE); suppressPackageStartupMessages(library(hdf5r)); f <- H5File$new(a[1], "r")
psi <- f[[paste0(a[2], "/statevector")]][]; counts <- f[[paste0(a[3], "/counts")]][]
title <- h5attr(f[[a[3]]], "title"); rows <- f[["README"]][]; nodes <- nrow(f$ls(recursive = TRUE))
""",
}
_R_PRINT = r"""
z <- complex(real = psi$r, imaginary = psi$i)
cat(sprintf("%.17g %.17g", Re(z), Im(z)), sep = "\n"); cat("\n--\n")
cat(paste(counts$bitstring, counts$count), sep = "\n"); cat("\n--\n")
cat(title, rows[1], nodes, sep = "\n")
"""


@pytest.mark.parametrize("package", _R)
def test_r_reads_states_tables_attributes_and_text(package: str, project: aerchive.Project, state: np.ndarray) -> None:
    code = _R[package] + _R_PRINT
    bell = project.latest(name="Bell pair")
    text = run("Rscript", "-e", code, project.path, node(project, "state of 4 qubits"), node(project, "Bell pair"))

    amplitudes, counts, rest = text.split("--\n")
    assert np.array_equal(complex_of(np.reshape(amplitudes.split(), (-1, 2))), state)
    assert {key: int(value) for key, value in np.reshape(counts.split(), (-1, 2))} == bell.counts()
    title, row, nodes = rest.strip().splitlines()
    assert title.startswith("Bell pair: ok, 2 qubits, 1000 shots")
    assert row.rstrip() == "WHAT THIS FILE IS"
    assert int(nodes) > 50


# -- Octave


def test_octave_reads_r_and_i_as_zeros(tmp_path: Path, project: aerchive.Project, state: np.ndarray) -> None:
    """It says nothing of it, so the page says it; the file has only the state, for ``load`` stops at text in UTF-8."""
    alone = tmp_path / "state.h5"
    run(PYTHON, "-I", "-c", _COPY, project.path, node(project, "state of 4 qubits", "statevector"), alone)

    text = run("octave-cli", "--no-gui", "--eval", f"x = load('{alone}'); printf('%d %d\\n', numel(x.psi), any(x.psi))")

    assert text.split() == [str(state.size), "0"]


_COPY = """
import h5py, sys
with h5py.File(sys.argv[1]) as source, h5py.File(sys.argv[3], "w") as target:
    target.create_dataset("psi", data=source[sys.argv[2]][...])
"""


def test_load_of_octave_does_not_read_a_whole_project(project: aerchive.Project) -> None:
    code = f"try; x = load('{project.path}'); disp(isfield(x, 'runs')); catch; disp(0); end"

    assert run("octave-cli", "--no-gui", "--eval", code).split()[-1] == "0"


def test_octave_reads_a_state_that_h5dump_has_written(
    tmp_path: Path, project: aerchive.Project, state: np.ndarray
) -> None:
    path = node(project, "state of 4 qubits", "statevector")
    run("h5dump", "-d", path, "-b", "NATIVE", "-o", tmp_path / "psi.bin", project.path)
    code = "x = fread(fopen('psi.bin'), [2, Inf], 'double'); psi = complex(x(1,:), x(2,:)); "
    code += "printf('%.17g %.17g\\n', [real(psi); imag(psi)]);"

    text = run("octave-cli", "--no-gui", "--eval", code, cwd=tmp_path)

    assert np.array_equal(complex_of([line.split() for line in text.splitlines()]), state)


# -- silx and H5Web


def test_the_default_plots_are_the_data(project: aerchive.Project) -> None:
    """By silx's own reading of NeXus, without a window."""
    found = python(
        """
import json, sys, silx.io
from silx.io import nxdata
def default(path):
    with silx.io.open(sys.argv[1]) as file:
        plot = nxdata.get_default(file[path], validate=True)
        return {"signal": plot.signal[...].astype(complex).view(float).tolist(), "title": plot.title,
            "name": plot.signal_dataset_name if hasattr(plot, "signal_dataset_name") else "",
            "axes": [None if axis is None else axis[...].tolist() for axis in plot.axes]}
print(json.dumps({path: default(path) for path in sys.argv[2:]}))
""",
        project.path,
        "/",
        *(node(project, name) for name in ("Bell pair", "Rabi sweep", "noisy density matrix", "20 qubits")),
    )

    bars = complex_of(np.reshape(found[node(project, "Bell pair")]["signal"], (-1, 2))).real
    places = found[node(project, "Bell pair")]["axes"][0]
    heights = {round(place): int(height) for place, height in zip(places, bars, strict=True) if height}
    assert heights == {int(key, 2): count for key, count in project.latest(name="Bell pair").counts().items()}
    sweep = complex_of(np.reshape(found[node(project, "Rabi sweep")]["signal"], (-1, 2))).real
    assert sweep[0] == pytest.approx(1)
    assert len(sweep) == len(found[node(project, "Rabi sweep")]["axes"][0]) == 25
    matrix = complex_of(np.reshape(found[node(project, "noisy density matrix")]["signal"], (8, 8, 2)))
    expected = np.asarray(project.latest(name="noisy density matrix").array())
    assert np.array_equal(matrix, expected) or np.array_equal(matrix, expected.T)
    profile = complex_of(np.reshape(found[node(project, "20 qubits")]["signal"], (-1, 2))).real
    assert len(profile) <= 1024
    assert profile.sum() == pytest.approx(1, abs=1e-3)
    assert found["/"]["signal"]


@pytest.fixture(scope="module")
def pictures() -> str:
    """The folder for pictures of what is shown, ``-`` for none: the variable ``AERCHIVE_PICTURES``."""
    return os.environ.get("AERCHIVE_PICTURES", "-")


def test_silx_shows_each_run_on_a_plot_with_labels(project: aerchive.Project, pictures: str) -> None:
    paths = [node(project, name) for name in ("Bell pair", "Rabi sweep", "noisy density matrix", "20 qubits")]
    found = json.loads(run(PYTHON, PROGRAMS / "silx_view.py", project.path, pictures, "/", *paths))

    bell, sweep, matrix, large = (found[path] for path in paths)
    assert "shots" in bell["title"]
    assert "11" in bell["x"]
    assert "bit" in bell["x"]
    assert "θ" in sweep["x"]
    assert "density matrix of 3 qubits" in matrix["title"]
    assert "probability" in large["title"]
    assert found["/"]["title"]


@pytest.fixture(scope="module")
def shown(project: aerchive.Project, pictures: str) -> dict[str, dict[str, str]]:
    """What H5Web shows, by name."""
    bell = node(project, "Bell pair")
    paths = {
        "file": "/",
        "bell": bell,
        "counts": f"{bell}/counts",
        "config": f"{bell}/config",
        "drawing": f"{bell}/circuits/view/drawing",
        "openqasm": f"{bell}/circuits/view/openqasm",
        "README": "/README",
        "catalogue": "/catalogue",
        "matrix": node(project, "noisy density matrix"),
        "sweep": node(project, "Rabi sweep"),
        "state": node(project, "state of 4 qubits", "statevector"),
        **{name: node(project, name) for name in NAMED},
        **{run.record.config.program: f"/{run.path}" for run in project.runs() if run.record.config.program != "run"},
    }
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install {DEBIAN[program]}")
    found = json.loads(run(PYTHON, PROGRAMS / "h5web.py", project.path, pictures, *paths.values()))
    return {name: found[path] for name, path in paths.items()}


def test_h5web_opens_the_file_and_each_run_on_a_plot(shown: dict[str, dict[str, str]]) -> None:
    assert "NX Line" in shown["file"]["display"]
    assert "shots of bell" in shown["bell"]["display"]
    assert "NX Line" in shown["sweep"]["display"]
    assert "NX Heatmap" in shown["matrix"]["display"]
    assert "density matrix of 3 qubits" in shown["matrix"]["display"]


def test_h5web_opens_runs_of_each_kind_on_a_plot(shown: dict[str, dict[str, str]]) -> None:
    words = {
        **{"channel": "superoperator of 1 qubit", "unitary of a QFT": "phase / pi of the unitary of 3 qubits"},
        **{"probabilities": "probability, 3 qubits (p)", "energy and variance": "0 = energy, 1 = its variance"},
        **{"sampler": "share of outcome 00, register meas", "estimator": "parameter a"},
    }
    for name, text in words.items():
        assert text in shown[name]["display"]
    assert "row; last bit: qubit 0" in shown["matrix"]["display"]


def test_h5web_shows_counts_as_a_table(shown: dict[str, dict[str, str]], project: aerchive.Project) -> None:
    lines = shown["counts"]["display"].splitlines()

    assert {"experiment", "bitstring", "count"} <= set(lines)
    numbers = {float(line.replace("−", "-")) for line in lines if re.fullmatch(r"[−0-9.]+(e[+−0-9]+)?", line)}
    assert set(map(float, project.latest(name="Bell pair").counts().values())) <= numbers


def test_h5web_shows_attributes_when_asked_to_inspect(shown: dict[str, dict[str, str]]) -> None:
    assert 'name\t"Bell pair"' in shown["bell"]["inspect"]
    assert "shots\t1000" in shown["bell"]["inspect"]
    assert 'tags\t"demo, ψ"' in shown["bell"]["inspect"]
    assert "Nothing to display" in shown["config"]["display"]
    assert "options.seed_simulator\t1" in shown["config"]["inspect"]


def test_h5web_shows_rows_of_text(shown: dict[str, dict[str, str]]) -> None:
    assert "WHAT THIS FILE IS" in shown["README"]["display"]
    assert "cx q[0], q[1];" in shown["openqasm"]["display"]
    assert "H" in shown["drawing"]["display"]


def test_h5web_shows_a_state_as_complex_numbers(shown: dict[str, dict[str, str]]) -> None:
    assert "Amplitude" in shown["state"]["display"]


def test_h5web_lists_the_runs_by_name(shown: dict[str, dict[str, str]]) -> None:
    for name in ("Bell pair", "state of 4 qubits", "Rabi sweep"):
        assert name in shown["catalogue"]["display"]
