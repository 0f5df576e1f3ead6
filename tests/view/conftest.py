"""A project with runs of most kinds, made once, and the answers about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aerchive
from aerchive.view.arrays import ArrayViews
from aerchive.view.interface import DataInterface
from tests.view import projects


class Reader:
    """Reads the answers of a project as the page does, without a server."""

    def __init__(self, project: aerchive.Project, **options: Any) -> None:
        self.project = project
        self.interface = DataInterface(project, ArrayViews(None), **options)

    def json(self, address: str) -> Any:
        answer = self.interface.answer(address)
        assert answer.media_type == "application/json"
        return json.loads(answer.body, parse_constant=lambda name: pytest.fail(f"{address}: {name} is no JSON"))

    def bytes(self, address: str) -> bytes:
        return self.interface.answer(address).body

    def columns(self) -> dict[str, dict[str, Any]]:
        return {column["name"]: column for column in self.json("project.json")["columns"]}

    def texts(self, name: str) -> list[Any]:
        found = self.json(self.columns()[name]["address"])
        return [found["values"][code] for code in found["codes"]] if "codes" in found else found["values"]

    def run(self, name: str) -> Any:
        """The answer about the run of this name."""
        return self.json(f"runs/{self.texts('key')[self.texts('name').index(name)]}.json")


@pytest.fixture(scope="session")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the project; no test changes it."""
    return projects.small(tmp_path_factory.mktemp("view") / "small.h5").path


@pytest.fixture
def reader(small_path: Path) -> Iterator[Reader]:
    """The answers about the project."""
    reader = Reader(aerchive.open(small_path, "r"))
    yield reader
    reader.interface.close()
