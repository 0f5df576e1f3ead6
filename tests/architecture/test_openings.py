"""A question opens the project file once, and imports nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.walks import count_openings, make_project, questions

MOST = {
    "run.counts()": 1,
    "job.result().get_counts()": 1,
    "run.state().amplitude(0)": 2,  # the document of the result, and the amplitude
    "project.find(...)": 1,
    "run.add_tags()": 2,  # a commit, and the documents after it
    "run.saved": 1,
    "run.circuits()": 1,
    "run.tags": 1,
    "run.reproduce()": 4,  # whose the file is, the inputs before the simulation, the result after it, an array
    "'nope' in project": 2,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("walks") / "project.h5"
    make_project(path)
    return path


@pytest.mark.parametrize("question", MOST)
def test_how_often_a_question_opens_the_file(path: Path, question: str) -> None:
    make, ask = questions(path)[question]
    asked, opened = make(), count_openings(path)
    before = opened()
    ask(asked)
    assert opened() - before <= MOST[question]


def test_every_question_is_counted(path: Path) -> None:
    assert questions(path).keys() == MOST.keys()


def test_counts_need_neither_qiskit_nor_the_mathematics_of_states(path: Path) -> None:
    program = (
        "import sys, aerchive\n"
        f"aerchive.open({str(path)!r})[0].counts(0)\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('qiskit', 'aerchive.states.', 'scipy'))))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
