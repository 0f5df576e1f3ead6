"""Values through a real project file and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import pytest
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

import aerchive
from aerchive import layout
from aerchive.project.run import Run
from aerchive.storage.chunks.drafts import text_dataset
from tests.strict import differences


def make_result(*data: Mapping[str, Any], header: Any = None, job_id: str = "made-by-hand", **fields: Any) -> Result:
    """A Result with one experiment for each mapping of saved values."""
    experiments = [ExperimentResult(10, True, ExperimentResultData(**values), header=header) for values in data]
    return Result(backend_name="hand", backend_version="1", job_id=job_id, success=True, results=experiments, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.h5"


@pytest.fixture
def store(path: Path) -> Callable[..., Run]:
    """Archives a Result made of mappings of saved values, and gives its run as another reader finds it."""

    def store_result(*data: Mapping[str, Any], **options: Any) -> Run:
        aerchive.open(path).save(make_result(*data, **options))
        return aerchive.open(path, "r").latest()

    return store_result


@pytest.fixture
def round_trip(store: Callable[..., Run]) -> Callable[..., Any]:
    """A value as it comes back, which must be the same by each way there is to it."""

    def store_value(value: Any, label: str = "saved") -> Any:
        run = store({label: value})
        read = run.value(label)
        assert differences(read, run.result().data(0)[label]) == []
        return read

    return store_value


@pytest.fixture
def datasets(path: Path) -> Callable[[Run], dict[str, tuple[tuple[int, ...], dict[str, Any]]]]:
    """Shape and attributes of each dataset of a run, as stock h5py sees them, but for checksums."""

    def look(run: Run) -> dict[str, tuple[tuple[int, ...], dict[str, Any]]]:
        with h5py.File(path, "r") as file:
            found = {}
            for name, node in file[run.path].items():
                if isinstance(node, h5py.Dataset) and not name.endswith(".checksums"):
                    found[name] = (node.shape, {key: _plain(value) for key, value in node.attrs.items()})
            for _, attributes in found.values():
                for name in layout.STORAGE_ATTRIBUTES:
                    attributes.pop(name, None)
            return found

    return look


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value.item()


@pytest.fixture
def forge(path: Path) -> Callable[..., Run]:
    """A run whose result document says what no aerchive would write, with all its checksums right.

    The document is returned, or changed in place, by a function of the document that was right; ``attributes`` are
    those to replace, by dataset.
    """

    def write(
        data: Mapping[str, Any],
        change: Callable[[dict[str, Any]], Any],
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Run:
        project = aerchive.open(path)
        draft = project.bridge.capture(make_result(data, **options), None, None)
        honest = json.loads(draft.datasets["result"].parts[0].tobytes().replace(b"\0", b""))
        forged = change(honest)
        text = json.dumps(honest if forged is None else forged).encode()
        document = text_dataset(text, draft.datasets["result"].attributes)
        datasets = {**draft.datasets, "result": document}
        for name, changed in (attributes or {}).items():
            datasets[name] = dataclasses.replace(datasets[name], attributes={**datasets[name].attributes, **changed})
        project.archive(dataclasses.replace(draft, datasets=datasets))
        return aerchive.open(path, "r").latest()

    return write
