"""``aerchive report``: one HTML file of runs that is complete, harmless, of bounded size, and never overwritten."""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import aerchive
from aerchive.aer import AerSimulator
from aerchive.cli import main
from aerchive.errors import IntegrityError
from tests.html_pages import TagReader

HOSTILE = "<img src=x onerror=alert(1)>"
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "nav", "section", "article", "div"),
    *("h1", "h2", "h3", "p", "ol", "li", "a", "b", "code", "pre", "span", "dl", "dt", "dd"),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "g", "path", "rect", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "role", "viewbox", "width", "height"),
    *("preserveaspectratio", "aria-hidden", "d", "x", "y", "text-anchor", "fill", "fill-opacity", "transform"),
}
Printed = pytest.CaptureFixture[str]


class Page(TagReader):
    """A report after it was checked: its texts, links and places that links lead to."""

    tags = frozenset(TAGS)
    attributes = frozenset(ATTRIBUTES)

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.source = file.read_text("utf-8")
        self.links: list[str] = []
        self.places: list[str] = []
        self.policy = self.style = ""
        self.feed(self.source)
        self.close()
        assert not self.open
        self.text = "\n".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        given = dict(attrs)
        if tag == "meta":  # it is never closed
            self.open.pop()
            if given.get("http-equiv") == "Content-Security-Policy":
                self.policy = str(given["content"])
            return
        self.links += [str(given["href"])] if "href" in given else []
        self.places += [str(given["id"])] if "id" in given else []

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        elif data.strip():
            self.texts.append(data)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four energies over a distance, a run with a hostile name, counts and a unitary, and a run that failed."""
    path = tmp_path_factory.mktemp("report") / "study.h5"
    simulator = AerSimulator(project=path, seed_simulator=1)
    for step in range(4):
        circuit = QuantumCircuit(1, name="ansatz")
        circuit.ry(0.4 * step, 0)
        circuit.save_expectation_value(SparsePauliOp("Z"), [0], label="energy")
        simulator.run(circuit, params={"distance": 0.5 * step, "basis": "sto-3g"}, tags=["vqe"]).result()
    pair = QuantumCircuit(2, name=f"pair {HOSTILE}")
    pair.h(0)
    pair.cx(0, 1)
    pair.save_statevector(HOSTILE)
    pair.measure_all()
    given: dict[str, Any] = {"name": HOSTILE, "tags": ["</style>", "a\u202eb"], "notes": "first\n<b>second"}
    simulator.run(pair, shots=100, params={"<i>": "'\"&", "long": "x" * 100_000}, **given).result()
    unitary = QuantumCircuit(7, name="turns")
    unitary.rx(0.3, range(7))
    unitary.save_unitary()
    AerSimulator(project=path, method="unitary").run(unitary, name="turns").result()
    broken = QuantumCircuit(1, 1, name="broken")
    broken.t(0)
    broken.measure(0, 0)
    AerSimulator(project=path, method="stabilizer").run(broken, name="broken").result()
    return path


def report(study: Path, output: Path, *words: str, status: int = 0) -> Page:
    assert main(["report", str(study), *words, "-o", str(output)]) == status
    return Page(output)


def test_the_report_of_a_run_has_all_that_its_documents_say(study: Path, tmp_path: Path) -> None:
    page = report(study, tmp_path / "one.html", HOSTILE)
    run = aerchive.open(study)[HOSTILE]
    record = run.record
    assert record.provenance is not None
    for document in (record.config, record.status, record.provenance):
        for name, value in document.to_attributes().items():
            assert name.replace("_json", "") in page.texts
            assert str(value) in page.texts
    counts = run.counts()
    assert {*counts} <= {*page.texts}
    assert {f"{count}" for count in counts.values()} <= {*page.texts}
    for text in ("q_0: ", "first\n<b>second", run.job_id, run.core_sha256, "statevector", "probability, 2 qubits"):
        assert text in page.text
    assert "(98,000 more characters)" in page.text


def test_its_lines_of_python_read_the_run(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = report(study, tmp_path / "one.html", HOSTILE)
    lines = next(text for text in page.texts if text.startswith("import aerchive"))
    monkeypatch.chdir(study.parent)
    found: dict[str, Any] = {}
    exec(lines, found)
    assert found["counts"] == found["result"].get_counts()
    assert found["statevector"].num_qubits == 2


def test_nothing_in_it_runs_or_comes_from_outside(study: Path, tmp_path: Path) -> None:
    page = report(study, tmp_path / "all.html", "--find", "created >= yesterday")
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert page.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"url\(|@import|//", page.style)
    assert not re.search(r"https?:|javascript:|data:", page.source)
    assert {link.removeprefix("#") for link in page.links} == {*page.places} == {f"run-{n}" for n in range(1, 8)}
    assert HOSTILE in page.texts
    assert "a\\u202eb" in page.texts


def test_runs_are_compared_and_drawn_over_the_parameter_that_differs(study: Path, tmp_path: Path) -> None:
    page = report(study, tmp_path / "some.html", "--find", "tags contains vqe", "--title", "Energy of <H2>")
    start = page.texts.index("Comparison")
    head = page.texts[start : start + 6]
    assert head[:5] == ["Comparison", "run", "outcome", "distance", "energy"]
    assert [text for text in page.texts if text == "Energy of <H2>"] == ["Energy of <H2>"] * 2
    assert 'class="line"' in page.source
    same = page.texts[page.texts.index("The same for all") :]
    assert same[1:3] == ["basis", "sto-3g"]


def test_a_matrix_is_drawn_in_blocks(study: Path, tmp_path: Path) -> None:
    page = report(study, tmp_path / "matrix.html", "turns")
    assert "magnitude of the unitary of 7 qubits" in page.texts
    assert any(text.startswith("each square: the greatest of 2 x 2 of these; 128 rows down") for text in page.texts)


def test_many_outcomes_and_many_runs_are_bounded_and_the_rest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    path = tmp_path / "many.h5"
    circuit = QuantumCircuit(16, name="flat")
    circuit.h(range(16))
    circuit.measure_all()
    simulator = AerSimulator(project=path, method="stabilizer", seed_simulator=1)
    for _ in range(3):
        simulator.run(circuit, shots=20_000).result()
    monkeypatch.setattr("aerchive.cli.report.MOST_RUNS", 2)
    page = report(path, tmp_path / "many.html", "--find", "num_qubits == 16")
    assert "2 of 3 runs, " in capsys.readouterr().out
    assert "2 of 3 runs are shown; the others are left out." in page.texts
    assert len(re.findall(r"[\d,]+ less frequent outcomes are not shown", page.text)) == 2
    assert len(page.source) < 100_000


def test_an_anonymous_report_has_no_personal_facts(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = aerchive.open(study)["broken"]
    assert run.record.provenance is not None
    digest, script = run.core_sha256, str(run.record.provenance.script)
    page = report(study, tmp_path / "plain.html", "broken", "turns")
    assert {digest, script, socket.gethostname()} <= {*page.texts}
    page = report(study, tmp_path / "anonymous.html", "broken", "turns", "--anonymous")
    personal = {digest, socket.gethostname(), str(study.parent), study.name}
    personal |= {script} if script != "-c" else set()  # so it is in a process of pytest-xdist
    assert not {text for text in personal if text in page.text}
    assert getpass.getuser() == "root" or getpass.getuser() not in page.text
    assert "provenance.host" in page.text


def test_what_cannot_be_read_is_named_in_the_report_and_by_the_command(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def damaged(*_: Any) -> Any:
        raise IntegrityError("circuits: a checksum differs")

    monkeypatch.setattr("aerchive.view.report_run.shown_circuits", damaged)
    page = report(study, tmp_path / "damaged.html", "broken", status=1)
    assert "circuits: a checksum differs" in page.texts
    assert "Configuration" in page.texts
    assert re.search(r"aerchive: run .*: circuits: a checksum differs\n", capsys.readouterr().err)


def test_the_name_is_made_of_the_run_and_no_file_is_overwritten(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(study), "broken", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    file = tmp_path / document["path"]
    assert re.fullmatch(r"report_broken_1q_[0-9a-f]{8}\.html", file.name)
    assert document["bytes"] == file.stat().st_size
    before = file.read_bytes()
    assert main(["report", str(study), "broken"]) == 1
    assert capsys.readouterr().err == f"aerchive: {file.name}: exists; choose another name\n"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "name runs, such as latest or -1, or choose some with --find CONDITION, but not both"),
        (["latest", "--find", "shots > 1"], 2, "name runs, such as latest or -1, or choose some with --find"),
        (["--find", "shots > 10000"], 1, "no run"),
        (["--find", "shot > 1"], 2, "shot"),
        (["nothing"], 1, "nothing"),
    ],
)
def test_a_wrong_question_is_answered_and_no_file_is_made(
    study: Path, tmp_path: Path, capsys: Printed, words: list[str], status: int, message: str
) -> None:
    output = tmp_path / "none.html"
    assert main(["report", str(study), *words, "-o", str(output)]) == status
    assert message in capsys.readouterr().err
    assert not output.exists()
