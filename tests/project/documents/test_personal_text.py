"""Texts without paths, addresses and names; what else they say stays."""

from __future__ import annotations

import getpass
import socket
import time

import pytest

from aerchive.models.private_values import secret_reason
from aerchive.project.documents.personal_text import PersonalText

TEXT = PersonalText({"ann", "heron.lab.example"})

LINES = [
    ("cannot open /home/ann/data.npy: no such file", "cannot open <path>: no such file"),
    ("[Errno 2] No such file: '/home/Ann Lee/my data.npy'", "[Errno 2] No such file: '<path>'"),
    ("No such file: 'secret study/data.npy'", "No such file: '<path>'"),
    ("see ~/x.py, ~ann/y.py and data/study/z.npy.", "see <path>, <path> and <path>."),
    (r"C:\Users\ann\x.py and \\heron\share\x", "<path> and <path>"),
    ("get https://ann@host.example/x?y failed", "get <address> failed"),
    ("write to ann.lee@lab.example", "write to <address>"),
    ("user Ann on heron, heron.lab.example", "user <name> on <name>, <name>"),
    ("heron2 and annotate and Hanna stay", "heron2 and annotate and Hanna stay"),
    ("and/or is taken for a path, too", "<path> is taken for a path, too"),
    ("statevector, matrix_product_state, x @ y", "statevector, matrix_product_state, x @ y"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "kept"), LINES)
def test_a_line(text: str, kept: str) -> None:
    assert TEXT.line(text) == kept
    assert TEXT.has_facts(text) == (text != kept)
    assert TEXT.line(kept) == kept


@pytest.mark.parametrize(
    "piece", ["a", "a-", "'", "'/", "/", "\\\\", "a@", "a.", "a://", "~", 'File "', " |+", "-.", "é"]
)
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = piece * 50_000
    begun = time.process_time()
    TEXT.traceback(text)
    secret_reason("x", text)
    assert time.process_time() - begun < 2


def test_names_of_this_process_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "berta")
    monkeypatch.setattr(socket, "gethostname", lambda: "ibis.example")
    assert PersonalText().line("Berta at ibis") == "<name> at <name>"
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert PersonalText().line("square root of localhost") == "square root of localhost"


def test_a_traceback_keeps_the_frames_of_packages_only() -> None:
    text = """Traceback (most recent call last):
  File "/home/ann/venv/lib/python3.11/site-packages/qiskit_aer/jobs/aerjob.py", line 60, in result
    return self._future.result(timeout=timeout)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/concurrent/futures/_base.py", line 401, in __get_result
    raise self._exception
  File "/home/ann/my_secret_study.py", line 3, in secret_function
    circuit = secret_code("x")
              ^^^^^^^^^^^^^^^^
  File "<string>", line 1, in <module>
ValueError: cannot read '/home/ann/x'

During handling of the above exception, another exception occurred:

qiskit_aer.aererror.AerError: 'on heron'
"""
    assert (
        TEXT.traceback(text)
        == """Traceback (most recent call last):
  File "qiskit_aer/jobs/aerjob.py", line 60, in result
    return self._future.result(timeout=timeout)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "concurrent/futures/_base.py", line 401, in __get_result
    raise self._exception
  File "<path>", line 3, in <left out>
  File "<path>", line 1, in <left out>
ValueError: cannot read '<path>'

During handling of the above exception, another exception occurred:

qiskit_aer.aererror.AerError: 'on <name>'
"""
    )
