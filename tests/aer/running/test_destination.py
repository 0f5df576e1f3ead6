"""Where runs are to go is looked at before anything is simulated: a run that has no place is not lost, but refused."""

from __future__ import annotations

import gc
import grp
import logging
import os
import pwd
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit_aer.backends.aerbackend import AerBackend

import aerchive
from aerchive.aer import AerSimulator, EstimatorV2, SamplerV2, archiving
from aerchive.aer.running.job import ArchiveNote, _report_at_exit
from aerchive.cli import main
from aerchive.errors import (
    AerchiveError,
    ArchiveWarning,
    FormatError,
    IntegrityError,
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
    ReadOnlyError,
)
from aerchive.project.spooling.durability import Durability
from tests import processes
from tests.aer.conftest import bell

SAMPLED = [bell(save=False)]


@pytest.fixture(autouse=True)
def is_simulated(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Gets an item for each simulation that begins."""
    begun: list[bool] = []
    stock = AerBackend._execute_circuits_job

    def execute(*arguments: Any, **options: Any) -> Any:
        begun.append(True)
        return stock(*arguments, **options)

    monkeypatch.setattr(AerBackend, "_execute_circuits_job", execute)
    return begun


def visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


@pytest.fixture
def autosave_ends() -> Iterator[None]:
    yield
    aerchive.autosave(False)


def newer(path: Path) -> None:
    aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell()))
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99


def truncated(path: Path) -> None:
    aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell()))
    os.truncate(path, path.stat().st_size // 2)


def foreign(path: Path, **options: Any) -> None:
    with h5py.File(path, "w", **options) as file:
        file["x"] = np.arange(3)


def within_a_file(path: Path) -> Path:
    path.touch()
    return path / "inner.h5"


def linked(path: Path) -> Path:
    link = path.with_name("link.h5")
    link.symlink_to(path)
    return link


MAKERS: dict[str, tuple[Callable[[Path], Any], type[AerchiveError], str]] = {
    "missing folder": (lambda path: path / "x.h5", NotFoundError, r"there is no folder .*project\.h5; make it first$"),
    "file as folder": (within_a_file, NotFoundError, r"project\.h5 is not a folder; choose another place$"),
    "folder": (Path.mkdir, InvalidInputError, r"is a folder; a project is one file, such as .*/project\.h5$"),
    "pipe": (os.mkfifo, InvalidInputError, r"is not a regular file; a project is one$"),
    "long name": (
        lambda path: path.with_name("x" * 300),
        InvalidInputError,
        r"/x{300}: the name of the file has 300 bytes, and /.* takes names of at most \d+; choose a shorter name$",
    ),
    "null character": (lambda path: f"{path}\0", InvalidInputError, r"cannot be the name of a file: it has a null ch"),
    "dangling link": (linked, NotFoundError, r"link\.h5: is a link to .*project\.h5, and there is no such file; remov"),
    "empty": (Path.touch, FormatError, r"is empty, so not an aerchive project; choose another file$"),
    "PNG": (
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" * 9),
        FormatError,
        r"/project\.h5: is a PNG image, so not an aerchive project; choose another file$",
    ),
    "foreign HDF5": (foreign, FormatError, r"is an HDF5 file, but not an aerchive project; choose another file$"),
    "foreign new HDF5": (
        lambda path: foreign(path, libver="latest"),
        FormatError,
        r"not an aerchive project; choose an",
    ),
    "newer": (newer, NewerFormatError, r"has format version 99, and this aerchive reads up to 1; upgrade it with"),
    "truncated": (
        truncated,
        IntegrityError,
        r"truncated: .*; take a copy that is whole\. If this is a copy .*, copy it again with 'aerchive copy'$",
    ),
    "S3": (
        lambda _: "s3://bucket/x.h5",
        InvalidInputError,
        r"^s3://bucket/x\.h5: is a URL; projects behind ",
    ),
    "web": (
        lambda _: "https://x.org/x.h5",
        InvalidInputError,
        r"can only be read, with aerchive\.open or as the project of a command; give the path of a file",
    ),
    "web in a path": (
        lambda _: Path("https://x.org/x.h5"),
        InvalidInputError,
        r"^https:/x\.org/x\.h5: is a URL;",
    ),
    "chained": (
        lambda _: "simplecache::s3://b/x.h5",
        InvalidInputError,
        r"is a URL; projects behind URLs can only be read",
    ),
    "other host": (
        lambda _: "file://server/x.h5",
        InvalidInputError,
        r"is a URL; projects behind URLs can only be read",
    ),
    "number": (lambda _: 3, InvalidInputError, r"^project must be the path of .* an open project.*; found 3 \(int\)$"),
}

WAYS_IN: dict[str, Callable[[Any], Any]] = {
    "AerSimulator": lambda place: AerSimulator(project=place),
    "archiving": lambda place: archiving(qiskit_aer.AerSimulator(), place),
    "SamplerV2": lambda place: SamplerV2(project=place),
    "EstimatorV2": lambda place: EstimatorV2(project=place),
    "from_backend": lambda place: SamplerV2.from_backend(qiskit_aer.AerSimulator(), project=place),
    "autosave": aerchive.autosave,
}


@pytest.mark.usefixtures("autosave_ends")
@pytest.mark.parametrize(("make", "error", "message"), MAKERS.values(), ids=MAKERS)
def test_a_bad_place_is_refused_at_construction(
    path: Path, make: Callable[[Path], Any], error: type[AerchiveError], message: str
) -> None:
    made = make(path)
    place = made if isinstance(made, str | Path) or made == 3 else path
    before = sorted(path.parent.rglob("*"))
    for way in WAYS_IN.values():
        with pytest.raises(AerchiveError, match=message) as caught:
            way(place)
        assert caught.type is error
    assert sorted(path.parent.rglob("*")) == before


@pytest.mark.parametrize("way", ["AerSimulator", "archiving", "SamplerV2", "EstimatorV2", "settings"])
def test_a_place_that_goes_bad_is_refused_at_submission(
    path: Path, way: str, monkeypatch: pytest.MonkeyPatch, is_simulated: list[bool]
) -> None:
    monkeypatch.setenv("AERCHIVE_ON_ERROR", "warn")
    monkeypatch.setenv("AERCHIVE_PROJECT", str(path))
    maker = AerSimulator() if way == "settings" else WAYS_IN[way](path)
    what: Any = [(bell(save=False).remove_final_measurements(inplace=False), "ZZ")] if way == "EstimatorV2" else SAMPLED
    maker.run(what).result()
    number = len(aerchive.open(path))
    is_simulated.clear()
    path.write_bytes(b"hello")

    with pytest.raises(FormatError, match=r"is a text file, so not an aerchive project; choose another file$"):
        maker.run(what)
    maker.run(what, save_jobs=False).result()
    assert len(is_simulated) == 1
    assert visible(path.parent) == [path.name]
    path.unlink()
    maker.run(what).result()
    assert len(aerchive.open(path)) == number


def test_the_folder_of_a_project_of_the_settings_is_not_made(
    path: Path, monkeypatch: pytest.MonkeyPatch, is_simulated: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    place = path / "no" / "p.h5"
    monkeypatch.setenv("AERCHIVE_PROJECT", str(place))
    for submit in (lambda: AerSimulator().run(bell()), lambda: SamplerV2().run(SAMPLED), aerchive.autosave):
        with pytest.raises(NotFoundError, match=r"there is no folder .*/no; make it first$"):
            submit()
    assert len(aerchive.open()) == 0
    assert main(["ls"]) == 1
    assert main(["run", "program.py"]) == 1
    assert "no such project" in capsys.readouterr().err
    assert is_simulated == []
    assert not path.exists()


def test_a_project_that_is_open_for_reading_is_refused(path: Path) -> None:
    AerSimulator(project=path).run(bell()).result()
    project = aerchive.open(path, "r")
    with pytest.raises(ReadOnlyError, match=r"is open for reading; open it with aerchive\.open\(.*, 'r\+'\)"):
        AerSimulator(project=project)


def test_what_is_not_archived_needs_no_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()
    for simulator in (AerSimulator(project=path, save_jobs=False), archiving(AerSimulator(), path, save_jobs=False)):
        assert simulator.run(bell()).result().success
        with pytest.raises(FormatError, match="is empty"):
            simulator.run(bell(), save_jobs=True)
    assert SamplerV2(project=path, save_jobs=False).run(SAMPLED).result()
    monkeypatch.setenv("AERCHIVE_SAVE_JOBS", "false")
    assert AerSimulator(project=path).run(bell()).result().success
    assert path.stat().st_size == 0


def test_what_this_user_may_not_write_is_refused(tmp_path: Path) -> None:
    script = (
        processes.AS_ANYBODY
        + """
import os, sys
from pathlib import Path
import aerchive
from aerchive.aer import AerSimulator, SamplerV2
from tests.aer.conftest import bell

folder = Path(sys.argv[1])
kept, open_one = folder / "kept.h5", folder / "open.h5"
simulators = [AerSimulator(project=path) for path in (kept, open_one, folder / "new.h5")]
for simulator in simulators[:2]:
    simulator.run(bell()).result()
kept.chmod(0o444)
folder.chmod(0o555)
os.environ["AERCHIVE_PROJECT"] = str(folder / "no" / "default.h5")
attempts = [lambda path=path: AerSimulator(project=path) for path in (folder / "new.h5", kept)]
attempts += [lambda: aerchive.autosave(kept), lambda: SamplerV2(project=kept)]
attempts += [lambda simulator=simulator: simulator.run(bell()) for simulator in (simulators[0], simulators[2])]
attempts += [lambda: AerSimulator().run(bell())]
for attempt in attempts:
    try:
        print(attempt())
    except aerchive.AerchiveError as error:
        print(type(error).__name__, str(error).replace(str(folder), ""), sep="|")
print(sorted(path.name for path in folder.iterdir() if path.name[0] != "."))
"""
    )
    folder = tmp_path / "folder"
    folder.mkdir()

    with processes.start(script, folder) as process:
        out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")
    no_file = (
        "ReadOnlyError|/new.h5: this user may not create files in ; choose another folder, or change its permissions"
    )
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    no_write = (
        f"ReadOnlyError|/kept.h5: may not be written by this user: it belongs to {user} and the group {group}, with "
        "the permissions -r--r--r--; you give it with: chmod u+w /kept.h5"
    )
    no_folder = "NotFoundError|/no/default.h5: there is no folder /no; make it first"
    assert out.splitlines() == [
        *(no_file, no_write, no_write, no_write, no_write, no_file, no_folder),
        "['kept.h5', 'open.h5']",
    ]


@pytest.mark.usefixtures("autosave_ends")
def test_code_that_the_user_did_not_write_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "/dev/null/pending")
    aerchive.autosave(path)
    path.mkdir()
    with pytest.warns(ArchiveWarning) as caught:
        job = qiskit_aer.AerSimulator().run(bell(), shots=5)
    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message) == (
        f"{path}: is a folder; a project is one file, such as {path}/project.h5; if that is still so when this "
        "simulation has finished, its run goes to /dev/null/pending"
    )
    with pytest.warns(ArchiveWarning, match="was not archived"):
        assert job.result().success
    path.rmdir()
    qiskit_aer.AerSimulator().run(bell(), shots=5).result()
    assert len(aerchive.open(path)) == 1


# how a place may be written


@pytest.mark.usefixtures("autosave_ends")
def test_a_home_folder_is_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    path = home / "p.h5"

    AerSimulator(project="~/p.h5").run(bell()).result()
    assert aerchive.open("~/p.h5").path == aerchive.open(Path("~/p.h5")).path == path
    assert archiving(qiskit_aer.AerSimulator(), "~/p.h5").project.path == path
    switch = aerchive.autosave("~/p.h5")
    assert switch is not None
    assert switch.project.path == path
    monkeypatch.setenv("AERCHIVE_PROJECT", "~/p.h5")
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "~/waiting")
    assert AerSimulator().project.path == aerchive.open().path == path
    assert aerchive.open().pending_folder == home / "waiting"
    assert aerchive.open().copy("~/copy.h5").path == home / "copy.h5"
    assert main(["-p", "~/p.h5", "ls"]) == main(["-p", f"file://{path}", "ls"]) == 0
    assert main(["copy", "~/p.h5", "~/other.h5"]) == 0
    assert main(["verify", "~/other.h5"]) == 0
    assert visible(home) == ["copy.h5", "other.h5", "p.h5"]
    assert os.listdir(elsewhere) == []
    capsys.readouterr()


def test_a_url_of_a_file_is_a_path(path: Path) -> None:
    spaced = path.with_name("my project.h5")
    for url in (spaced.as_uri(), f"file://localhost{spaced}", Path(f"file://{spaced}")):
        AerSimulator(project=url).run(bell()).result()
    assert "%20" in spaced.as_uri()
    assert len(aerchive.open(spaced)) == 3
    assert visible(path.parent) == [spaced.name]


def test_a_url_is_never_taken_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("s3://bucket/p.h5", "https://example.org/p.h5", "gs://b/p.h5"):
        for mode in ("a", "r+", "x"):
            with pytest.raises(
                ReadOnlyError, match=f"^mode '{re.escape(mode)}': a project behind a URL can only be read; "
            ):
                aerchive.open(url, mode)
        monkeypatch.setenv("AERCHIVE_PROJECT", url)
        with pytest.raises(InvalidInputError, match=rf"^settings: project: {url}: is a URL; projects behind URLs"):
            AerSimulator().run(bell())
        monkeypatch.delenv("AERCHIVE_PROJECT")
    aerchive.open("p.h5").save(qiskit_aer.AerSimulator().run(bell()))
    with pytest.raises(InvalidInputError, match=r"s3://bucket/copy\.h5: is a URL"):
        aerchive.open("p.h5").copy("s3://bucket/copy.h5")
    assert os.listdir(tmp_path) == ["p.h5"]


def test_a_home_folder_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)
    with pytest.raises(
        InvalidInputError, match=r"^~/p\.h5: the home folder of this user is not known; write the whole"
    ):
        aerchive.open("~/p.h5")


# a failure is told once


GOES_BAD = """
    import sys, threading
    from pathlib import Path
    from qiskit_aer.jobs import utils
    from aerchive.aer import AerSimulator
    from tests.aer.conftest import bell
    path, gate = Path(sys.argv[1]), threading.Event()
    utils.DEFAULT_EXECUTOR.submit(gate.wait, 60)
    job = AerSimulator(project=path).run(bell())
    path.touch()
    gate.set()
    print(job.job_id())
"""


def test_a_script_that_ends_says_in_one_line_what_is_lost(path: Path) -> None:
    environment = {"AERCHIVE_PENDING_FOLDER": "/dev/null/pending"}
    with processes.start(GOES_BAD, path, environment=environment, warnings="default") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(err.splitlines()) == 1
    assert err.startswith(f"aerchive: job {out.strip()} was not archived in {path}: ")


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_a_result_says_what_is_lost_in_one_warning(
    path: Path,
    level: int,
    gate: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", "/dev/null/pending")
    caplog.set_level(level, "aerchive")
    job = AerSimulator(project=path).run(bell())
    path.touch()
    gate()
    with pytest.warns(ArchiveWarning, match="was not archived") as caught:
        job.result()
    assert len(caught) == 1
    told = [record for record in caplog.records if "was not archived" in record.message]
    assert [record.exc_info is not None for record in told] == ([] if level > logging.DEBUG else [True])
    _report_at_exit()
    assert job.job_id() not in capsys.readouterr().err


def test_many_failures_are_not_many_lines(capsys: pytest.CaptureFixture[str]) -> None:
    notes = [ArchiveNote() for _ in range(12)]
    for number, note in enumerate(notes):
        note.add_problem(f"job {number} was not\narchived")
    _report_at_exit()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "aerchive: job 0 was not\\narchived"
    assert lines[-1] == "aerchive: and so it was with 2 more jobs"
    for note in notes:
        with pytest.warns(ArchiveWarning):
            note.report(lambda: None)
    _report_at_exit()
    assert capsys.readouterr().err == ""


def test_a_value_without_a_codec_is_told_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aerchive")
    job = AerSimulator(project=path).run(bell(), unknown_option=object())
    with pytest.warns(ArchiveWarning, match="without these values") as caught:
        job.result()
    assert len(caught) == 1
    assert [record for record in caplog.records if record.name == "aerchive"] == []


# what a job keeps that has ended


def circuits_alive() -> int:
    gc.collect()
    return sum(type(one) is QuantumCircuit for one in gc.get_objects())


RUNS: dict[str, Callable[[Path], tuple[Any, dict[str, Any]]]] = {
    "each": lambda path: (AerSimulator(project=path), {}),
    "batch": lambda path: (AerSimulator(project=aerchive.open(path, durability="batch")), {}),
    "unsuccessful": lambda path: (AerSimulator(project=path), {"max_memory_mb": 0}),
    "cancelled": lambda path: (AerSimulator(project=path), {}),
    "autosave": lambda _: (qiskit_aer.AerSimulator(), {}),
    "stock primitive": lambda path: (BackendSamplerV2(backend=AerSimulator(project=path)), {}),
}


@pytest.mark.usefixtures("autosave_ends")
@pytest.mark.parametrize("how", RUNS)
def test_a_job_that_has_ended_keeps_its_circuits_once(
    path: Path, how: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    runner, options = RUNS[how](path)
    if how == "autosave":
        aerchive.autosave(path)
    gate = request.getfixturevalue("gate") if how == "cancelled" else lambda: None
    before = circuits_alive()
    given = [[bell(f"{number}-{place}", save=False) for place in range(20)] for number in range(6)]
    jobs = [runner.run(circuits, shots=1, **options) for circuits in given]
    for job in jobs:
        if how == "cancelled":
            assert job.cancel()
        else:
            job.result()
    gate()
    aerchive.open(path).flush()

    assert circuits_alive() - before <= 6 * 20
    if how == "stock primitive":
        return
    assert all(job.circuits() is circuits for job, circuits in zip(jobs, given, strict=True))
    again = aerchive.open(path.with_name("again.h5")).save(jobs[0], name="again")
    assert [circuit.name for circuit in again.circuits()] == [circuit.name for circuit in given[0]]
    assert aerchive.open(path).save(jobs[0], tags="again").tags == ("again",)
    assert len(aerchive.open(path)) == 6


# options that nobody knows


MISSPELT = {
    "tag": "tags=",
    "Tags": "tags=",
    "job_tags": "tags=",
    "note": "notes=",
    "names": "name=",
    "job_name": "name=",
    "param": "params=",
    "parms": "params=",
    "save_job": "save_jobs=",
    "savejobs": "save_jobs=",
    "compresion": "compression=",
    "max_fidelity": "max_infidelity=",
    "parameters": "parameter_binds= or params=",
    "project": "project= of AerSimulator",
    "projekt": "project= of AerSimulator",
    "durability": "durability= of AerSimulator",
}


@pytest.mark.parametrize(("word", "meant"), MISSPELT.items())
def test_a_misspelt_label_is_refused(path: Path, word: str, meant: str, is_simulated: list[bool]) -> None:
    text = rf"^run has no argument '{word}', and Aer has no such option; did you mean {meant}\?$"
    with pytest.raises(InvalidInputError, match=text):
        AerSimulator(project=path).run(bell(), **{word: "x"})
    with pytest.raises(InvalidInputError, match=text):
        archiving(qiskit_aer.AerSimulator(), path).run(bell(), **{word: "x"})
    with pytest.raises(InvalidInputError, match=text):
        SamplerV2(project=path, options={"run_options": {word: "x"}}).run(SAMPLED)
    assert is_simulated == []
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    ("word", "meant"),
    {"projekt": "project=", "compresion": "compression=", "savejob": "save_jobs=", "tags": "tags= of run"}.items(),
)
def test_a_misspelt_argument_of_a_simulator_is_refused(path: Path, word: str, meant: str) -> None:
    with pytest.raises(
        InvalidInputError,
        match=rf"^AerSimulator has no argument '{word}', and Aer has no such option; did you mean {meant}\?$",
    ):
        AerSimulator(project=path, **{word: "x"})
    with pytest.raises(qiskit_aer.AerError, match="Invalid option nonsense"):
        AerSimulator(project=path, nonsense=3)


def test_other_options_are_those_of_aer(path: Path) -> None:
    options = {
        "seed_simulatr": 3,
        "shot": 7,
        "noise": 1,
        "meas_level": 2,
        "target_gpus": [0],
        "precision": "single",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AerSimulator(project=path).run(bell(), **options).result()
        aerchive.open(path).save(qiskit_aer.AerSimulator().run(bell(), nonsense=1))
    saved, run = aerchive.open(path)
    if run.job_id != saved.job_id and run.record.config.unknown_options == ["nonsense"]:
        saved, run = run, saved
    assert run.record.config.unknown_options == ["seed_simulatr", "shot", "noise", "meas_level"]
    assert run.record.config.options["shot"] == 7
    assert saved.record.config.unknown_options == ["nonsense"]
    assert run.reproduce().verdict == "identical"
    AerSimulator(project=path).run(bell(), name="usual").result()
    assert aerchive.open(path).latest(name="usual").record.config.unknown_options is None


def test_a_class_with_arguments_of_its_own_has_them(path: Path) -> None:
    class Noted(qiskit_aer.AerSimulator):
        def run(self, circuits: Any, parameter_binds: Any = None, *, note: str = "", **options: Any) -> Any:
            self.seen = note
            return super().run(circuits, parameter_binds, **options)

    simulator = archiving(Noted(), path)
    simulator.run(bell(), note="of its own").result()
    assert simulator.seen == "of its own"


@pytest.mark.parametrize("durability", ["each", "batch"])
def test_a_result_says_where_a_run_is_kept_whose_folder_has_gone(
    path: Path,
    durability: Durability,
    gate: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pending = path.parent / "kept"
    monkeypatch.setenv("AERCHIVE_PENDING_FOLDER", str(pending))
    monkeypatch.setenv("AERCHIVE_ON_ERROR", "raise")  # for runs that are lost, which this one is not
    place = path.parent / "folder" / "p.h5"
    place.parent.mkdir()
    job = AerSimulator(project=place, durability=durability).run(bell())
    shutil.rmtree(place.parent)
    gate()
    with pytest.warns(ArchiveWarning) as caught:
        assert job.result().success
    (file,) = pending.iterdir()
    assert [str(warning.message) for warning in caught] == [
        f"{place}: there is no folder {place.parent}; make it first; run {job.job_id()} is kept in {file}, and is "
        "moved into the project when the next run is saved there"
    ]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert job.run.counts() == job.result().get_counts()
