"""QPY of a foreign file is read in a child process first."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy

import aerchive
from aerchive.aer import AerSimulator
from aerchive.codecs.circuits import rehearsal
from aerchive.codecs.circuits.rehearsal import rehearse
from aerchive.errors import FormatError, UnsafeContentError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.medium.known_files import is_foreign
from tests.aer.conftest import bell


@pytest.fixture(autouse=True)
def _vetting_is_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AERCHIVE_VET", "always")
    monkeypatch.setattr(rehearsal._Server, "passed", set())
    yield
    rehearsal._stop()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.h5"
    AerSimulator(project=path).run(bell(), shots=5).result()
    return path


def payload(name: str = "a") -> bytes:
    with io.BytesIO() as file:
        qpy.dump(QuantumCircuit(1, name=name), file)
        return file.getvalue()


def test_circuits_of_own_files_start_no_child(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_start", None)
    assert aerchive.open(own).latest().circuits()[0].num_qubits == 2
    copied = Path(shutil.copy(own, own.with_name("foreign.h5")))
    with pytest.raises(TypeError):
        aerchive.open(copied).latest().circuits()
    aerchive.trust(copied)
    assert aerchive.open(copied).latest().circuits()[0].num_qubits == 2


def test_one_child_reads_all(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = aerchive.open(Path(shutil.copy(own, own.with_name("foreign.h5")))).latest()
    assert run.circuits() == aerchive.open(own).latest().circuits()
    child = rehearsal._Server.child
    assert child is not None
    rehearse(payload("b"), "here")
    assert rehearsal._Server.child is child
    monkeypatch.setattr(rehearsal, "_ask", None)
    assert run.circuits()  # what was read once is remembered


def test_another_version_and_size() -> None:
    for version in (12, 19, 255):
        with pytest.raises(FormatError, match=f"is QPY version {version}, and of a file that is not trusted only"):
            rehearse(b"QISKIT" + bytes([version]) + payload()[7:], "here")
    before = limits()
    use_limits(Limits(qpy_bytes=2**20))
    try:
        with pytest.raises(UnsafeContentError, match="AERCHIVE_LIMITS__QPY_BYTES"):
            rehearse(payload() + bytes(2**20), "here")
    finally:
        use_limits(before)
    assert rehearsal._Server.child is None


def test_what_qiskit_refuses() -> None:
    for damaged in (payload()[:40], payload()[:7] + b"\xff" * 40):
        with pytest.raises(FormatError, match=r"^here: stored circuits cannot be read: "):
            rehearse(damaged, "here")
    rehearse(payload(), "here")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})", "crashed"),
        ("raise SystemExit(3)", "failed"),
        ("import time; time.sleep(60)", "took too long"),
        ("import os; os.write(1, bytes(range(3)))", "failed"),
    ],
)
def test_a_crash_of_the_child_is_an_error(monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    monkeypatch.setattr(rehearsal, "_SECONDS", 0.5)
    monkeypatch.setattr(rehearsal, "_PROGRAM", program)
    with pytest.raises(UnsafeContentError, match=f"^here: its circuits are not read, .* Qiskit {said}"):
        rehearse(payload(), "here")
    assert rehearsal._Server.child is None
    monkeypatch.undo()
    rehearse(payload("after it"), "here")


def test_memory_is_limited() -> None:
    """The child that asks for 3 GiB gets an error, and reads the next payload."""
    rehearse(payload(), "here")
    child = rehearsal._Server.child
    assert child is not None
    limit = Path(f"/proc/{child.pid}/limits").read_text("utf-8")
    assert f"Max address space{' ' * 9}{2 * 1024**3}" in limit
    assert "Max file size             0 " in limit


def test_files_beside_a_project_are_own_if_this_user_owns_them(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"something else")
    fd = os.open(tmp_path / "spool", os.O_RDONLY)
    try:
        assert not is_foreign(fd)
    finally:
        os.close(fd)


def test_vetting_can_be_turned_off(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "off")
    monkeypatch.setattr(rehearsal, "_start", None)
    assert aerchive.open(Path(shutil.copy(own, own.with_name("foreign.h5")))).latest().circuits()
