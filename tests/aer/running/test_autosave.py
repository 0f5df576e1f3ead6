"""One switch archives whatever this process and its children run with Aer, and undone it leaves nothing behind."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
import qiskit_aer.primitives
from qiskit import transpile
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.backends.aerbackend import AerBackend

import aerchive
from aerchive.aer import AerSimulator, ArchivingJob
from aerchive.aer.running import autosave as autosave_module
from aerchive.errors import InvalidInputError, ReadOnlyError, UnsupportedTypeError
from tests import processes
from tests.aer.conftest import assert_same, bell
from tests.strict import differences

VARIABLES = ("PYTHONPATH", "AERCHIVE_AUTOSAVE")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before, environment = dict(AerBackend.__dict__), [os.environ.get(name) for name in VARIABLES]
    yield
    aerchive.autosave(False)
    assert dict(AerBackend.__dict__) == before
    assert [os.environ.get(name) for name in VARIABLES] == environment


class Own(qiskit_aer.AerSimulator):
    """Of a user."""

    def run(self, circuits: Any, **options: Any) -> Any:
        return super().run(circuits, shots=17, **options)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_whatever_runs_is_archived(path: Path) -> None:
    circuit = bell(save=False)
    with aerchive.autosave(path):
        for backend in (
            qiskit_aer.AerSimulator(),
            qiskit_aer.QasmSimulator(),
            qiskit_aer.Aer.get_backend("aer_simulator_statevector"),
            qiskit_aer.AerSimulator.from_backend(GenericBackendV2(3, seed=1)),
            pickle.loads(pickle.dumps(qiskit_aer.AerSimulator())),
            Own(),
        ):
            job = backend.run(transpile(circuit, backend))
            assert isinstance(job, ArchivingJob)
            job.result()
            assert job.run.program == "run"
        primitives = [
            qiskit_aer.primitives.SamplerV2(),
            BackendSamplerV2(backend=qiskit_aer.AerSimulator()),
        ]
        ids = [primitive.run([circuit]) for primitive in primitives]
        for one in ids:
            one.result()
    project = aerchive.open(path)
    assert len(project.jobs(limit=None)) == 8
    assert all(project[one.job_id()].program == "sampler" for one in ids)
    assert len(project.find(backend__contains="generic")) == 1
    (own,) = [run for run in project if run.record.config.backend_class == "tests.aer.running.test_autosave.Own"]
    assert sum(own.counts().values()) == 17


def test_results_and_exceptions_are_those_of_aer(path: Path) -> None:
    def outcomes() -> list[Any]:
        simulator = qiskit_aer.AerSimulator(seed_simulator=5)
        found: list[Any] = [simulator.run(bell(), shots=100, memory=True).result()]
        for circuits, options in (([1], {}), (bell(), {"parameter_binds": [{}, {}]}), (None, {})):
            try:
                simulator.run(circuits, **options).result()
            except Exception as error:  # noqa: BLE001  (whatever Aer raises is compared)
                found.append((type(error), str(error)))
        return found

    plain = outcomes()
    with aerchive.autosave(path):
        ours = outcomes()
    assert_same(plain[0], ours[0], timing=False)
    assert plain[1:] == ours[1:]


def test_a_switch_is_a_switch(path: Path) -> None:
    switch = aerchive.autosave(path, tags=["t"], notes="n", params={"x": 1})
    assert repr(switch) == f"<autosave to {str(path)!r}, on>"
    qiskit_aer.AerSimulator().run(bell()).result()
    qiskit_aer.primitives.SamplerV2().run([bell(save=False)]).result()
    assert aerchive.autosave(False) is None
    assert repr(switch) == f"<autosave to {str(path)!r}, off>"
    qiskit_aer.AerSimulator().run(bell()).result()
    project = aerchive.open(path)
    assert len(project) == 3
    assert len(project.find(tags="t", params__x=1)) == 2
    assert project.latest().notes == "n"
    assert switch is not None
    switch.stop()  # once more does no harm


def test_switches_nest(path: Path) -> None:
    inner = path.with_name("inner.h5")
    simulator = qiskit_aer.AerSimulator()
    with aerchive.autosave(path):
        simulator.run(bell()).result()
        with aerchive.autosave(inner):
            simulator.run(bell()).result()
        simulator.run(bell()).result()
    simulator.run(bell()).result()
    assert (len(aerchive.open(path)), len(aerchive.open(inner))) == (2, 1)


def test_the_default_project(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("AERCHIVE_PROJECT", str(path))
    with aerchive.autosave() as switch:
        assert switch is not None
        assert switch.project.path == path
        qiskit_aer.AerSimulator().run(bell()).result()
    assert len(aerchive.open(path)) == 1


def test_simulators_of_ours_go_on_where_they_did(path: Path) -> None:
    other = path.with_name("other.h5")
    ours = AerSimulator(project=other)
    with aerchive.autosave(path):
        ours.run(bell()).result()
        ours.run(bell(), save_jobs=False).result()
        AerSimulator(project=other, save_jobs=False).run(bell()).result()
    assert len(aerchive.open(other)) == 1
    assert not path.exists()


def test_what_cannot_be_used_is_refused_at_once(path: Path) -> None:
    with pytest.raises(InvalidInputError):
        aerchive.autosave(path, notes=3)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedTypeError):
        aerchive.autosave(path, params={"x": object()})
    AerSimulator(project=path).run(bell()).result()
    with pytest.raises(ReadOnlyError, match=r"the project is open for reading; open it with aerchive\.open\(.*'r\+'\)"):
        aerchive.autosave(aerchive.open(path, "r"))


def test_a_hook_of_somebody_else_over_ours_stays(path: Path) -> None:
    stock = AerBackend.__dict__["_run_circuits"]
    aerchive.autosave(path)
    ours = AerBackend.__dict__["_run_circuits"]

    def theirs(*arguments: Any, **options: Any) -> Any:
        return ours(*arguments, **options)

    AerBackend._run_circuits = theirs
    try:
        aerchive.autosave(False)
        assert AerBackend.__dict__["_run_circuits"] is theirs
        job = qiskit_aer.AerSimulator().run(bell())
        job.result()
        assert not isinstance(job, ArchivingJob)
        assert not path.exists()
    finally:
        AerBackend._run_circuits = stock


CHILDREN = """
    import multiprocessing, os, subprocess, sys
    import aerchive
    from qiskit import QuantumCircuit

    def work(shots):
        from qiskit_aer import AerSimulator
        circuit = QuantumCircuit(1)
        circuit.measure_all()
        return AerSimulator().run(circuit, shots=shots).result().get_counts()

    if __name__ == "__main__":
        with aerchive.autosave(sys.argv[1], tags="family"):
            with multiprocessing.get_context("fork").Pool(1) as pool:  # before Aer has threads
                pool.map(work, [1, 2])
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                pool.map(work, [3, 4])
            script = "import runner; runner.work(5)"
            subprocess.run([sys.executable, "-c", script], check=True, cwd=os.path.dirname(os.path.abspath(__file__)))
        subprocess.run([sys.executable, "-c", script], check=True, cwd=os.path.dirname(os.path.abspath(__file__)))
"""


def test_children_archive_too(path: Path, tmp_path: Path) -> None:
    import textwrap

    runner = tmp_path / "runner.py"
    runner.write_text(textwrap.dedent(CHILDREN), "utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", runner, path],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shots = sorted(int(run.row()["shots"]) for run in aerchive.open(path).find(tags="family"))
    assert shots == [1, 2, 3, 4, 5]


def test_children_write_as_their_parent_does(path: Path) -> None:
    script = """
        import qiskit_aer
        from aerchive.aer.running import autosave
        project = autosave._stack[-1].project
        print(project.qpy_version(), project.compression().profile, project.durability)
    """
    with aerchive.autosave(path, qpy_version=15, compression="none", durability="batch"):
        paths = os.pathsep.join([os.environ["PYTHONPATH"], *(part for part in sys.path if part)])
        out = processes.run(script, environment={"PYTHONPATH": paths})
    assert out == "15 none batch\n"


def test_the_sitecustomize_it_hides_is_run(path: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import sys; sys.theirs = True\n", "utf-8")
    started = Path(autosave_module.__file__).with_name("startup")
    paths = [str(started), str(tmp_path / "site"), *(part for part in sys.path if part)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys; print(sys.theirs, 'qiskit_aer' in sys.modules)"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "AERCHIVE_AUTOSAVE": "{}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True False\n", "")


def test_what_cannot_be_inherited_costs_no_result(caplog: pytest.LogCaptureFixture) -> None:
    script = """
        import os, sys
        import qiskit_aer
        from qiskit import QuantumCircuit
        circuit = QuantumCircuit(1)
        circuit.measure_all()
        print(qiskit_aer.AerSimulator().run(circuit, shots=3).result().get_counts())
    """
    started = Path(autosave_module.__file__).with_name("startup")
    paths = os.pathsep.join([str(started), *(part for part in sys.path if part)])
    with processes.start(script, environment={"PYTHONPATH": paths, "AERCHIVE_AUTOSAVE": "nonsense"}) as process:
        out, err = process.communicate(timeout=60)
    assert out == "{'0': 3}\n"
    assert "autosave cannot be inherited from AERCHIVE_AUTOSAVE" in err


def started_with(tmp_path: Path, script: str, *python_path: Path) -> subprocess.CompletedProcess[str]:
    """A child process of autosave, with a stand-in for Aer that is quick to import."""
    (tmp_path / "qiskit_aer.py").write_text("print('Aer')\n", "utf-8")
    startup = Path(autosave_module.__file__).with_name("startup")
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (startup, *python_path))), "AERCHIVE_AUTOSAVE": "{}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_child_without_aerchive_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    text = "raise ModuleNotFoundError(\"No module named 'aerchive'\", name='aerchive')"
    (tmp_path / "site" / "aerchive.py").write_text(text, "utf-8")
    script = """if 1:
        import sys
        before = list(sys.path), 'sitecustomize' in sys.modules
        import qiskit_aer
        print(before == (sys.path, False), sum('startup' in path for path in sys.path))
        print([type(finder).__name__ for finder in sys.meta_path if 'Waits' in type(finder).__name__])
    """
    done = started_with(tmp_path, script, tmp_path / "site")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Aer\nTrue 0\n[]\n", "")


def test_a_child_whose_aerchive_is_broken_does_its_work(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "aerchive.py").write_text("import no_such_package", "utf-8")
    done = started_with(tmp_path, "import qiskit_aer; print('ends')", tmp_path / "site")
    assert (done.returncode, done.stdout) == (0, "Aer\nends\n")
    assert done.stderr == "autosave cannot be turned on: No module named 'no_such_package'\n"


def test_a_folder_of_python_path_that_is_the_present_one_stays(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"/a{os.pathsep}")
        with aerchive.autosave(path):
            assert os.environ["PYTHONPATH"].split(os.pathsep)[1:] == ["/a", ""]
        assert os.environ["PYTHONPATH"] == f"/a{os.pathsep}"


def test_the_primitive_of_a_library_comes_back(path: Path) -> None:
    with aerchive.autosave(path):
        job = qiskit_aer.primitives.SamplerV2(seed=4).run([bell(save=False)])
        result = job.result()
    run = aerchive.open(path)[job.job_id()]
    assert differences(result, run.result()) == []
    assert run.reproduce().verdict == "identical"
