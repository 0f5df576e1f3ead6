"""The benchmarks run: on tiny states, once, whatever the figures are."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aerchive.view import array_view
from tests.benchmarks import (
    bench_care,
    bench_exact_structure,
    bench_merge,
    bench_overhead,
    bench_picks,
    bench_primitives,
    bench_pyramid,
    bench_reading,
    bench_remote,
    bench_states,
    bench_streams,
    bench_studies,
    bench_sweep_writing,
    disturbance,
    fresh_process,
    large_state,
    plot_states,
    report_states,
)
from tests.benchmarks.disturbance import MIB, Observer
from tests.benchmarks.large_state import LargeState
from tests.benchmarks.report_states import gain, put_into, sections
from tests.benchmarks.state_families import FAMILIES, kept, make
from tests.benchmarks.storage_methods import GZIP, METHODS, NPY, PORTABLE, Payload, cached_share, drop_from_cache
from tests.storage.remote import nginx_server

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


IN_A_PROCESS = ("amplitude", "memory", "questions", None)
"""Tasks of which one of each kind gets the process that it is made for: a limit, a peak of memory, a cold start."""
_started: set[tuple[str, object]] = set()


def run(script: Any, *arguments: str | Path) -> str:
    """What a script prints: run here, because one start of Python and Qiskit takes longer than its figures.

    So do the tasks that it has for processes of their own, but for the first of each kind.
    """
    answers = {
        fresh_process.__file__: fresh_process.answer,
        bench_pyramid.__file__: bench_pyramid.answer,
        bench_streams.__file__: bench_streams.child,
        bench_studies.__file__: bench_studies.answer,
        large_state.__file__: large_state.answer,
    }
    ask = fresh_process.ask

    def ask_here(name: str | Path, **task: Any) -> dict[str, Any]:
        kind = (str(name), task.get("what"))
        if kind[1] in IN_A_PROCESS and kind not in _started:
            _started.add(kind)
            return ask(name, **task)
        answer: dict[str, Any] = json.loads(json.dumps(answers[str(name)](json.loads(json.dumps(task)))))
        return answer

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setattr(sys, "argv", [script.__file__, *map(str, arguments)])
        patch.setattr(fresh_process, "ask", ask_here)
        patch.setattr(fresh_process, "gc", SimpleNamespace(collect=int))
        patch.setattr(disturbance, "PROBE_BYTES", MIB)
        patch.setattr(bench_states, "FRESH_HANDLES", 1)
        patch.setattr(large_state, "FRESH_HANDLES", 1)
        script.main()
    return printed.getvalue()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The raw numbers of one run over all methods."""
    folder = tmp_path_factory.mktemp("measured")
    file = folder / "states.json"
    family = ["--family", "ghz", "noisy", "--fresh", "noisy"]
    places = ["--folder", folder, "--cache", cache, "--json", file]
    run(bench_states, "--qubits", "8", "--repetitions", "1", *family, *places)
    assert sorted(folder.iterdir()) == [file], "something was left behind"
    return file


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_a_normalised_state(name: str) -> None:
    values = make(name, 9)
    kind = FAMILIES[name].kind
    if kind == "statevector":
        assert values.shape == (512,)
        assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)
    else:
        assert values.shape == (16, 16)
        assert values.flags.f_contiguous
        total = np.trace(values) if kind == "density_matrix" else np.linalg.norm(values) ** 2 / 16
        assert total == pytest.approx(1)
    if FAMILIES[name].single:
        assert np.array_equal(values.astype(np.complex64).astype(np.complex128), values)


def test_a_state_is_made_once(cache: Path) -> None:
    path = kept(cache, "ghz", 8)
    made = path.stat().st_mtime_ns
    assert kept(cache, "ghz", 8) == path
    assert path.stat().st_mtime_ns == made


def test_exact_structure_is_measured(cache: Path) -> None:
    families = ["--family", "ghz", "qft-basis"]
    table = run(bench_exact_structure, "--folder", cache, "--qubits", "16", "--repetitions", "1", *families)
    assert "rank 1 " in table
    assert "those with structure (1)" in table


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["random", "noisy"])
def test_a_method_stores_and_reads(name: str, family: str, tmp_path: Path) -> None:
    method = METHODS[name]
    if reason := method.missing():
        pytest.skip(reason)
    payload = Payload(make(family, 8), FAMILIES[family].kind)
    method.write(tmp_path / "state", payload)
    if method.lossless:
        assert method.checked(tmp_path / "state", payload) == 0
        assert method.amplitude(tmp_path / "state", 77) == method.comes_back(payload).reshape(-1)[77]
    else:
        assert method.checked(tmp_path / "state", payload) <= 1e-12


def test_a_difference_of_one_bit_is_seen(tmp_path: Path) -> None:
    method = METHODS[NPY]
    payload = Payload(make("random", 8), "statevector")
    method.write(tmp_path / "state", payload)
    payload.original.view(np.uint64)[100] ^= 1
    with pytest.raises(AssertionError, match="other values"):
        method.checked(tmp_path / "state", payload)


def test_pages_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1_000_000))
    with path.open("rb") as file:
        file.read()
        assert cached_share(file.fileno()) == 1
        try:
            drop_from_cache(path)
        except RuntimeError as error:
            pytest.skip(str(error))
        assert cached_share(file.fileno()) <= 0.01


def test_work_of_others_is_a_disturbance(tmp_path: Path) -> None:
    def keep_all_processors_busy() -> None:
        busy = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"]
        for process in [subprocess.Popen(busy) for _ in range(os.cpu_count() or 1)]:
            assert process.wait(timeout=120) == 0

    _, timed = Observer(tmp_path).measure(keep_all_processors_busy)
    assert "others used" in timed.disturbed


def test_the_numbers_are_all_there(measured: Path) -> None:
    data = json.loads(measured.read_text())
    assert list(data["families"]) == ["ghz", "noisy"]
    available = {name for name, method in METHODS.items() if not method.missing()}
    for name, family in data["families"].items():
        assert set(family["methods"]) == available
        assert all(("fresh" in method) == (name == "noisy") for method in family["methods"].values())
        for method in family["methods"].values():
            assert sum(one["counts"] for one in method["rounds"]) >= 1
    titles = {METHODS[name].title for name in METHODS if name not in available}
    assert set(data["missing"]) == titles


def test_the_report_has_a_row_for_each_family_and_method(measured: Path) -> None:
    data = json.loads(measured.read_text())
    table = run(report_states, measured)
    for family in data["families"].values():
        for method in family["methods"].values():
            assert f"| {family['title']} | {method['title']} | " in table
    for title, reason in data["missing"].items():
        assert f"Not measured: {title}: {reason}." in table


def test_the_report_goes_into_the_page(measured: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((HERE.parents[1] / "docs" / "explanation" / "performance.md").read_text("utf-8"), "utf-8")
    for _ in range(2):  # the second time over the first
        run(report_states, measured, "--page", page)
    text = page.read_text("utf-8")
    for section in sections(json.loads(measured.read_text())).values():
        assert text.count(section) == 1
    with pytest.raises(SystemExit, match="no marker"):
        put_into(page, {"nonsense": ""})


def test_ratios_are_of_undisturbed_measurements_of_one_round() -> None:
    def method(*rounds: tuple[float, str]) -> dict[str, Any]:
        made = [
            {"round": number, "counts": number > 0, "read": {"s": seconds, "disturbed": why}}
            for number, (seconds, why) in enumerate(rounds)
        ]
        return {"wanted": 2, "rounds": made}

    fast = method((9, ""), (1, ""), (1, "others"), (2, ""))
    slow = method((1, ""), (10, ""), (7, ""), (40, ""))
    family = {"methods": {PORTABLE: fast, GZIP: slow}}
    amount = gain(family, PORTABLE, GZIP, "read")
    assert amount is not None
    assert (amount.median, amount.marked) == (15, False)  # of 10 and 20

    fast["rounds"][3]["read"]["disturbed"] = fast["rounds"][1]["read"]["disturbed"] = "others"
    amount = gain(family, PORTABLE, GZIP, "read")
    assert amount is not None
    assert amount.marked


def test_pictures_are_drawn_and_small(measured: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run(plot_states, measured, "--folder", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"states.svg", "gain.svg"}
    assert "GHZ" in (tmp_path / "states.svg").read_text("utf-8")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 150_000


def test_the_large_states_are_what_they_are_said_to_be() -> None:
    first, second = (LargeState(9, number) for number in (0, 1))
    values = [state.whole() for state in (first, second)]
    assert [np.linalg.norm(one) for one in values] == pytest.approx([1, 1])
    assert abs(np.vdot(*values)) ** 2 == pytest.approx(first.fidelity)
    assert 0.1 < first.fidelity < 0.99
    assert np.array_equal(values[1][3 * second.columns : 4 * second.columns], second.row(3))


def test_the_long_task_runs(tmp_path: Path) -> None:
    always = ("ratio", "verify, cold, s", "every bit compared", "first amplitude, cold, ms", "error of the fidelity")
    table = run(bench_states, "--long", "--qubits", "10", "--repetitions", "1", "--folder", tmp_path)
    for figure in (*always, "speed against np.save"):
        assert figure in table
    assert not list(tmp_path.iterdir())


def test_a_large_state_in_a_file_is_the_same(tmp_path: Path) -> None:
    state = LargeState(7, 1)
    assert np.array_equal(state.whole(tmp_path / "mapped"), state.whole())


def test_a_large_state_is_archived_without_repetitions(tmp_path: Path) -> None:
    """As `python3 tasks.py large` does it: from a file that is mapped and goes away again."""
    figures = large_state.archive(tmp_path, 8, 1, 0)
    assert figures["seconds"].keys() >= {PORTABLE, NPY}
    assert not any(figures["seconds"].values())
    assert [path.name for path in tmp_path.iterdir()] == [large_state.NAMES[1]]
    assert figures["stored bytes"] > 0


def test_streamed_questions(tmp_path: Path, cache: Path) -> None:
    table = run(bench_streams, "--qubits", "8", "--repetitions", "1", "--folder", tmp_path, "--cache", cache)
    for question in bench_streams.QUESTIONS:
        for way in bench_streams.WAYS.values():
            assert f"| {question} | {way} | " in table


def test_what_archiving_adds_to_a_job() -> None:
    text = run(bench_overhead, "--qubits", "3", "--layers", "2", "--repetitions", "2")

    assert [line.split()[0] for line in text.splitlines()] == ["Aer", "archived", "ratio"]


def test_what_archiving_adds_to_the_points_of_a_sweep() -> None:
    few = ["--points", "2", "--rounds", "1", "--qubits", "2", "--case", "binds", "--case", "one job"]
    figures = json.loads(run(bench_sweep_writing, *few, "--json"))

    assert list(figures) == ["binds", "one job"]
    assert all(one["us"]["median"] > 0 for ways in figures.values() for one in ways.values())


def test_picking_amplitudes(tmp_path: Path) -> None:
    text = run(bench_picks, "--qubits", "17", "--number", "9", "--repetitions", "2", "--folder", tmp_path)

    assert text.count("| list of indices |") == 2


def test_reading_many_small_things(tmp_path: Path) -> None:
    few = ["--circuits", "3", "--rows", "30", "--runs", "3", "--rounds", "1", "--folder", tmp_path]
    run(bench_reading, *few, "--json", tmp_path / "before.json")
    text = run(bench_reading, *few, "--before", tmp_path / "before.json")

    lines = [line.split(" | ") for line in text.splitlines()[3:]]
    assert len(lines) == 20
    assert all(float(median) > 0 for _, _, median, _ in lines)
    assert all("(" in before for _, before, _, _ in lines)


def test_what_looking_after_a_project_costs() -> None:
    text = run(bench_care, "--runs", "5", "--repetitions", "1")

    lines = text.splitlines()
    assert lines[0] == "5 runs"
    assert [line.split("  ")[0] for line in lines[2:]] == ["plain h5py walk", "verify", "compact", "space"]


def test_what_sharing_costs() -> None:
    figures = json.loads(run(bench_merge, "--mib", "1", "--runs", "3", "--repetitions", "1"))

    assert figures["states"]["share of cp and fsync"]["number"] == 1
    assert figures["small runs"]["extract of one, same process, s"]["median"] > 0


def test_what_a_spool_costs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_spool", "--jobs", "20", "--processes", "2"]
    command += ["--jobs-each", "3", "--qubits", "10", "--json", str(tmp_path / "figures.json")]
    subprocess.run(command, cwd=HERE.parents[1], check=True, capture_output=True, timeout=120)
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures["small jobs"]["batch"]["jobs"] == 20
    assert figures["reader"]["runs"] == 20
    assert figures["idle processes"]["beside"]["commit cpu ms"] > 0


def test_what_archiving_adds_to_a_primitives_job() -> None:
    text = run(bench_primitives, "--repetitions", "2")

    rows = [line.split(" | ") for line in text.splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows][:2] == ["stock sampler", "stock sampler, autosave"]
    assert [len(row) for row in rows] == [5] * 6
    assert float(rows[1][2]) > 0


def test_the_studies_give_the_same_numbers_in_every_way(tmp_path: Path) -> None:
    small = ["--grid", "2", "2", "--points", "11", "--chain", "4", "2", "--noise", "1", "2", "2", "--rounds", "1"]
    # Importing PennyLane takes longer than all the rest, and the benchmark itself compares what it gives.
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(bench_studies.TABLES, "PennyLane data")
        text = run(bench_studies, *small, "--folder", tmp_path)
        assert all(f"| {name} | " in text or f"Not measured: {name}:" in text for name in bench_studies.TABLES)

    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| **aerchive**")]
    assert [len(row) for row in rows] == [4, 4, 6, 6, 6, 6, 6, 6, 6, 6, 3]
    assert not list(tmp_path.iterdir())


def test_what_the_state_explorer_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_view, "AT_ONCE", 0)
    table = run(bench_pyramid, "--qubits", "12", "--folder", tmp_path)

    for row in (
        "first picture with the profile, s",
        "whole pass, s",
        "tile of level 12, ms",
        "file of the pyramid, MiB",
    ):
        assert f"| {row} | " in table
    assert not list(tmp_path.iterdir())


def test_looking_at_a_project_on_another_machine(capsys: pytest.CaptureFixture[str]) -> None:
    if not nginx_server.is_installed():
        pytest.skip("nginx or openssl is not installed: apt-get install nginx-light openssl")
    bench_remote.main(["--runs", "8", "--qubits", "4", "--commits", "batch"])
    lines = [[cell.strip() for cell in line.split("|")] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[2] for line in lines] == ["open", "list", "last counts", "slice"]
    assert 1 <= int(lines[-1][5]) <= 12
