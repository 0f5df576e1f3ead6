from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import qiskit_aer
from qiskit_aer.jobs import AerJob

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2, archiving
from aerchive.errors import InvalidInputError
from aerchive.settings import default_project, load_settings, settings_file
from tests import processes
from tests.aer.conftest import assert_same, bell
from tests.holding import held


def runs(path: Path) -> int:
    return len(aerchive.open(path))


@pytest.mark.parametrize("environment", [None, "0", "false", "no", "1", "true"])
@pytest.mark.parametrize("backend", [None, False, True])
@pytest.mark.parametrize("call", [None, False, True])
def test_the_nearest_word_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: bool | None, backend: bool | None, environment: str | None
) -> None:
    if environment is not None:
        monkeypatch.setenv("AERCHIVE_SAVE_JOBS", environment)
    spoken = [
        word
        for word in (call, backend, None if environment is None else environment in ("1", "true"))
        if word is not None
    ]
    expected = spoken[0] if spoken else True

    job = AerSimulator(project=path, save_jobs=backend).run(bell(), save_jobs=call)
    job.result()

    assert runs(path) == expected
    assert path.exists() == expected
    assert isinstance(job, AerJob)
    assert hasattr(job, "run") == expected


def test_switched_off_it_is_the_stock_simulator(path: Path) -> None:
    simulator = AerSimulator(project=path, save_jobs=False, seed_simulator=3)

    job = simulator.run(bell(), shots=20)

    assert type(job) is AerJob
    assert_same(qiskit_aer.AerSimulator(seed_simulator=3).run(bell(), shots=20).result(), job.result(), timing=False)
    assert list(path.parent.iterdir()) == []


def test_settings_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AERCHIVE_PROJECT")
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text(f'project = "{path}"\nsave_jobs = false\nlock_timeout = 1.5\non_error = "raise"\n')

    settings = load_settings()
    assert (settings.project, settings.save_jobs, settings.lock_timeout, settings.on_error) == (
        path,
        False,
        1.5,
        "raise",
    )
    AerSimulator().run(bell()).result()
    assert not path.exists()
    AerSimulator().run(bell(), save_jobs=True).result()
    assert runs(path) == 1
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "1")
    AerSimulator().run(bell()).result()
    assert runs(path) == 2


def test_default_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AERCHIVE_PROJECT")

    AerSimulator().run(bell()).result()

    assert default_project() == Path(os.environ["XDG_DATA_HOME"]) / "aerchive" / "default.h5"
    assert runs(default_project()) == 1
    assert aerchive.open().path == default_project()


def test_project_of_the_environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_PROJECT", str(path))
    AerSimulator().run(bell()).result()
    AerSimulator(project=path.with_name("other.h5")).run(bell()).result()

    assert runs(path) == 1
    assert runs(path.with_name("other.h5")) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("SAVE_JOBS", "perhaps"), ("LOCK_TIMEOUT", "soon"), ("LOCK_TIMEOUT", "-1"), ("ON_ERROR", "explode")],
)
def test_setting_that_cannot_be(path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AERCHIVE_{name}", value)

    with pytest.raises(InvalidInputError, match=f"{name.lower()}.*AERCHIVE_"):
        AerSimulator(project=path).run(bell())


@pytest.mark.parametrize(
    "text",
    ["save_jobs = perhaps", "colour = 1", "[[[", 'save_jobs = "perhaps"', "\ud800".encode("utf-8", "surrogatepass")],
)
def test_settings_file_that_cannot_be(path: Path, text: Any) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(InvalidInputError, match=r"settings\.toml"):
        AerSimulator(project=path).run(bell())


def test_setting_is_read_at_each_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = AerSimulator(project=path)
    for word, number in (("1", 1), ("0", 1), ("1", 2)):
        monkeypatch.setenv("AERCHIVE_SAVE_JOBS", word)
        simulator.run(bell()).result()
        assert runs(path) == number


def test_importing_changes_nothing_of_aer() -> None:
    script = """
        import qiskit_aer
        before = {name: value for name, value in vars(qiskit_aer.AerSimulator).items()}, qiskit_aer.AerSimulator.run
        import aerchive, aerchive.aer
        aerchive.aer.AerSimulator
        after = {name: value for name, value in vars(qiskit_aer.AerSimulator).items()}, qiskit_aer.AerSimulator.run
        print(before == after, qiskit_aer.AerSimulator in aerchive.aer.AerSimulator.__bases__)
    """

    assert processes.run(script) == "True True\n"


def test_each_run_heeds_the_settings_of_its_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "12")
    simulator = AerSimulator(project=path)
    simulator.run(bell()).result()
    first = simulator.project
    assert first.file.lock_timeout_s == 12
    assert simulator.project is first

    monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "0.25")
    with held(path):
        job = simulator.run(bell())
        job.result()
    assert job.run.project.file.lock_timeout_s == 0.25
    assert job.run.in_pending_file

    own = aerchive.open(path, lock_timeout=3)
    assert AerSimulator(project=own).project is own  # what the user opened stays as it was opened


def test_the_default_project_is_that_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator = AerSimulator()
    for name in ("first.h5", "second.h5"):
        monkeypatch.setenv("AERCHIVE_PROJECT", str(tmp_path / name))
        simulator.run(bell()).result()
        assert runs(tmp_path / name) == 1


def test_autosave_heeds_the_settings_of_its_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with aerchive.autosave(path, durability="batch") as switch:
        assert switch is not None
        assert (switch.project.file.lock_timeout_s, switch.project.durability) == (60, "batch")
        monkeypatch.setenv("AERCHIVE_LOCK_TIMEOUT", "2")
        assert (switch.project.file.lock_timeout_s, switch.project.durability) == (2, "batch")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"params": 0.7}, r"params must be a dictionary, such as \{'distance': 0.7\}, or None; found 0.7 \(float\)"),
        ({"tags": 5}, "tags must be a text or a list of texts"),
        ({"name": 5}, r"name must be text, or None; found 5 \(int\)"),
        ({"notes": ["a"]}, "notes must be text, or None"),
        ({"save_jobs": "no"}, "save_jobs must be True or False, or None"),
        ({"max_infidelity": "small"}, "max_infidelity must be a number"),
    ],
)
def test_a_wrong_argument_of_run_is_named_before_anything_runs(path: Path, given: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        AerSimulator(project=path).run(bell(), **given)
    with pytest.raises(
        InvalidInputError, match="project must be the path of a project file, or an open project; found 5"
    ):
        AerSimulator(project=5)  # type: ignore[arg-type]
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "make",
    [AerSimulator, SamplerV2, EstimatorV2, functools.partial(archiving, qiskit_aer.AerSimulator())],
    ids=["AerSimulator", "SamplerV2", "EstimatorV2", "archiving"],
)
def test_text_that_says_no_is_not_taken_for_yes(path: Path, make: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^save_jobs must be True or False, or None; found 'no' \(str\)$"):
        make(project=path, save_jobs="no")


def test_a_project_in_the_place_of_the_configuration_is_named() -> None:
    with pytest.raises(
        InvalidInputError,
        match=r"^configuration must be as for the stock simulator; a project is project='p\.h5'; found 'p\.h5' ",
    ):
        AerSimulator("p.h5")
