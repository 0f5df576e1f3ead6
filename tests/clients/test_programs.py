"""The programs of client libraries are run by `python3 tasks.py clients`; these tests need none of the libraries."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
PROGRAMS = [path for path in sorted(HERE.glob("*/*.py")) if path.with_name("requirements.txt").is_file()]


def exact(value: Any) -> Any:
    spec = importlib.util.spec_from_file_location("exact", HERE / "exact.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.exact(value)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_names_the_package_that_it_tries(program: Path) -> None:
    wanted = [line.partition("#")[0].strip() for line in program.with_name("requirements.txt").read_text().splitlines()]
    found = re.match(r'"""([\w-]+): ', program.read_text("utf-8"))

    assert found is not None
    assert found[1] in wanted


def test_every_required_client_has_a_program() -> None:
    tried = {path.read_text("utf-8").removeprefix('"""').partition(":")[0] for path in PROGRAMS}
    wanted = {
        line.partition("#")[0].strip()
        for folder in HERE.glob("*/requirements.txt")
        for line in folder.read_text().splitlines()
    }

    assert wanted - tried == {"", "ply", "pennylane"}, "comments, what mitiq imports, and what pennylane-qiskit is for"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1, 1.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.float32(1), np.float64(1)),
        (1 / 3, np.nextafter(1 / 3, 1)),
        (1j, complex(-0.0, 1)),
    ],
    ids=str,
)
def test_results_that_differ_in_anything_are_told_apart(one: Any, other: Any) -> None:
    assert exact(one) != exact(other)
    assert exact([one]) == exact([one])


def test_a_result_that_cannot_be_compared_is_an_error() -> None:
    with pytest.raises(TypeError, match="a result of type object cannot be compared"):
        exact({"a": object()})
