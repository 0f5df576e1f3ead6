"""Sweeps and calculations on a cluster of two processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aerchive
from aerchive.dask import expectation_values, fidelities, map_stack, run_sweep
from tests.dask.jobs import noted, rotation

distributed = pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
        patch.chdir(tmp_path_factory.mktemp("cluster"))
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


def first_count(run: aerchive.Run) -> int:
    return max(run.counts().values())


def test_a_sweep_archives_each_point_once_and_goes_on(client: Any, path: Path) -> None:
    points = [{"x": number / 4} for number in range(6)]
    sweep = run_sweep(client, [*points, points[0]], rotation, project=path, shots=50, tags="first")
    runs = sweep.gather()
    assert [run.params for run in runs] == [*points, points[0]]
    assert {run.shots for run in runs} == {50}
    assert len(sweep.project) == len(points)
    assert not sweep.folder.exists()
    again = run_sweep(client, [*points, {"x": 9}], rotation, project=path, shots=50, tags="first")
    assert len(again.futures) == 1
    assert [run.job_id for run in again.gather()][:6] == [run.job_id for run in runs][:6]
    other = run_sweep(client, points[:1], rotation, project=path, tags="second")
    assert len(other.futures) == 1
    assert other.gather()[0].tags == ("second",)
    assert again.project.missing(points).empty
    assert again.project.verify().ok


def test_futures_are_runs_for_the_client_and_for_other_tasks(client: Any, path: Path) -> None:
    sweep = run_sweep(client, {"x": [0.0, 3.0]}, rotation, project=path, shots=20)
    run = sweep.futures[0].result()
    state = run.state()
    assert client.submit(first_count, sweep.futures[0]).result() == 20 == run.counts()["00"]
    sweep.gather()
    assert abs(state[0]) == 1
    assert client.submit(first_count, sweep.futures[0]).result() == 20
    assert run.path in {one.path for one in sweep.project}


def test_the_error_of_a_point_is_raised_after_the_others_are_merged(client: Any, path: Path) -> None:
    def build(point: dict[str, Any]) -> Any:
        if point["x"] == 1 and not path.with_name("mended").exists():
            raise ValueError("no circuit for 1")
        return [rotation(point["x"])], {"shots": 10 + point["x"]}

    points = [{"x": number} for number in range(3)]
    sweep = run_sweep(client, points, build, project=path)
    with pytest.raises(ValueError, match="no circuit for 1"):
        sweep.gather()
    assert sorted(run.shots for run in sweep.gather("skip")) == [10, 12]
    path.with_name("mended").touch()
    again = run_sweep(client, points, build, project=path)
    assert len(again.futures) == 1
    assert [run.shots for run in again.gather()] == [10, 11, 12]


def test_cancelled_points_are_left_out_and_run_by_the_next_call(client: Any, path: Path) -> None:
    points = [{"x": number, "log": str(path.with_name("calls")), "seconds": 0.2} for number in range(4)]
    sweep = run_sweep(client, points, noted, project=path)
    first = sweep.futures[0].result()
    sweep.cancel()
    assert first.job_id in {run.job_id for run in sweep.gather("skip")}
    with pytest.raises(distributed.CancelledError):
        sweep.gather()
    assert len(run_sweep(client, points, noted, project=path).gather()) == len(aerchive.open(path)) == 4


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "build returned None for the point"),
        (["circuit"], "build returned 'circuit' for the point .*; it must return a circuit"),
        (([], {"tags": ["x"]}), "build returned the option 'tags' for the point .*; the sweep sets it"),
    ],
)
def test_what_build_may_not_return_is_named(client: Any, path: Path, made: Any, message: str) -> None:
    with pytest.raises(aerchive.InvalidInputError, match=message):
        run_sweep(client, [{"x": 1}], lambda x: made, project=path).gather()


def test_a_file_with_the_name_of_the_folder_is_an_error(client: Any, path: Path) -> None:
    path.with_suffix(".sweep").touch()
    with pytest.raises(aerchive.AlreadyExistsError, match="is a file, and the sweep needs a folder"):
        run_sweep(client, [{"x": 1}], rotation, project=path)


def test_states_are_calculated_with_on_the_workers(client: Any, path: Path) -> None:
    angles = [0.1, 0.8, 2.0, 3.0]
    project = run_sweep(client, {"x": angles}, rotation, project=path).gather()[0].place.project
    stack = aerchive.open(project.path).stack("statevector", x="x")
    states = stack[...]
    assert np.allclose(fidelities(client, stack), abs(states.conj() @ states.T) ** 2)
    assert np.allclose(fidelities(client, stack.rows(0, 2), stack), abs(states[:2].conj() @ states.T) ** 2)
    assert np.allclose(expectation_values(client, stack, ["ZI", "XX"])[:, 0], np.cos(angles))
    singles = [run.state() for run in aerchive.open(project.path)]
    assert np.allclose(sorted(expectation_values(client, singles, "ZI")), sorted(np.cos(angles)))
    assert np.allclose(map_stack(client, stack, lambda part: part.entropy([0])), stack.entropy([0]))
    lazy = stack.to_dask(chunks=(1, 4))
    assert np.allclose(client.compute(abs(lazy) ** 2).result(), abs(states) ** 2)
    assert np.isclose(client.compute((abs(lazy) ** 2).sum()).result(), 4)


def test_the_catalogue_is_a_table_of_dask(client: Any, path: Path) -> None:
    project = run_sweep(client, {"x": [1, 2, 3]}, rotation, project=path, tags=["a", "b"]).gather()[0].place.project
    table = aerchive.open(project.path).to_dask(params__x__ge=2)
    assert client.compute(table["params.x"].sum()).result() == 5
    assert client.compute(table).result()["tags"].tolist() == [["a", "b"]] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"client": 1}, "client must be a distributed.Client"),
        ({"build": 1}, "build must be a function"),
        ({"name": "a/b"}, "name must be a name of letters"),
        ({"params": {"y": 1}}, "params cannot be an option"),
        ({"tags": 1}, "tags"),
    ],
)
def test_wrong_arguments_are_named(client: Any, path: Path, change: dict[str, Any], message: str) -> None:
    given = {"client": client, "points": [{"x": 1}], "build": rotation, "project": path} | change
    with pytest.raises(aerchive.InvalidInputError, match=message):
        run_sweep(**given)
    assert not path.exists()


def test_no_point_is_lost_or_made_twice_when_a_worker_is_killed(client: Any, path: Path) -> None:
    log = path.with_name("calls")
    points = [{"x": number, "log": str(log), "seconds": 0.05} for number in range(16)]
    sweep = run_sweep(client, points, noted, project=path)
    while not log.exists() or len(log.read_text().splitlines()) < 6:
        sweep.futures[0].result()
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    runs = sweep.gather()
    assert [run.params for run in runs] == points
    assert len(sweep.project.find(outcome="ok")) == len(sweep.project) == 16
    assert len(log.read_text().splitlines()) < 2 * 16  # results that were lost with the worker are found, not made
    assert not sweep.folder.exists()
