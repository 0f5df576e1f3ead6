"""Where the rows of a table come from, as attributes that pandas and xarray keep with a table.

pandas copies and compares the attributes in nearly every operation. So there are few, and all are texts and numbers: a
text is not copied, however long it is, and every file format can store it. Lists are JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.models import catalogue
from aerchive.project.catalogue.table import run_path
from aerchive.project.parts import ProjectParts
from aerchive.project.run import Run
from aerchive.storage.sessions import ReadSession

Origin = dict[str, str | int]
"""The attributes, as `Project.table` describes them."""
Versions = tuple[tuple[str, str], ...]

_SEALED = (
    *("created_us", "outcome", "program", "method", "num_circuits", "num_qubits", "shots", "seed", "seeded", "seconds"),
    "nbytes",
)
"""Columns of the catalogue that never change after a run has finished."""
ORIGIN_COLUMNS = (*_SEALED, "path", "overflow")
"""The columns of the catalogue from which an origin is made."""
_PROGRAMS = {"aerchive": "aerchive", "qiskit": "qiskit", "qiskit_aer": "qiskit-aer"}
"""The attributes of a provenance object with versions, and the names of the packages."""
_MOST_KNOWN = 100_000
"""The number of runs whose versions are kept in memory, at most."""


def put_origin(table: Any, origin: Origin) -> Any:
    """Adds the attributes of an origin to a table, and returns the table.

    Args:
        table: An object with ``attrs``: a ``pandas.DataFrame`` or an ``xarray.Dataset``.
        origin: The attributes, from `Origins`.
    """
    table.attrs.update(origin)
    return table


class Origins:
    """Makes the origin of tables of a project. Only the catalogue is read, and a few objects with versions.

    Args:
        parts: The shared state of the project.
        look_up: A function that finds the run of a job id.
    """

    def __init__(self, parts: ProjectParts, look_up: Callable[[str], Run]) -> None:
        self._parts = parts
        self._look_up = look_up
        self._of_object: dict[str, Versions] = {}
        self._of_path: dict[str, Versions] = {}

    def of_runs(self, runs: Iterable[Run]) -> Origin:
        """Returns the origin of a table that has values of these runs; a run may occur several times."""
        distinct = {run.job_id: run for run in runs}
        rows = np.array([run.row() for run in distinct.values()], catalogue.DTYPE)
        return self.of_rows(list(distinct), rows)

    def of_rows(self, job_ids: Sequence[str], rows: NDArray[Any]) -> Origin:
        """Returns the origin of a table of runs.

        Args:
            job_ids: The whole job ids, each once.
            rows: The rows of these runs in the catalogue, or at least the columns `ORIGIN_COLUMNS` of them.
        """
        origin: Origin = {"project": str(self._parts.path.absolute())}
        is_outside = rows["path"] == b""
        versions = [self._of_document(job_ids[number]) for number in np.flatnonzero(is_outside).tolist()]
        if self._parts.file.exists():
            with self._parts.file.read() as session:
                origin["project_uuid"] = str(session.root.attribute("project_uuid"))
                origin["generation"] = int(str(session.root.attribute("generation")))
                versions += self._of_objects(session, rows[~is_outside])
        found = {
            package: sorted({dict(one)[package] for one in versions if package in dict(one)}) for package in PACKAGES
        }
        seeds = [
            seed if is_given else None for seed, is_given in zip(_seeds(rows), rows["seeded"].tolist(), strict=True)
        ]
        return origin | {
            "seal": seal_of(job_ids, rows),
            "job_ids": json.dumps(list(job_ids), ensure_ascii=False),
            "seeds": json.dumps(seeds),
            "versions": json.dumps({package: texts for package, texts in found.items() if texts}),
        }

    def _of_document(self, job_id: str) -> Versions:
        """The versions of a run that is not in the file of the project."""
        with contextlib.suppress(AerchiveError):
            provenance = self._look_up(job_id).record.provenance
            values = {package: getattr(provenance, name, None) for name, package in _PROGRAMS.items()}
            return tuple((package, value) for package, value in values.items() if value)
        return ()

    def _of_objects(self, session: ReadSession, rows: NDArray[Any]) -> set[Versions]:
        """The versions of runs in the file: if all runs of the project have the same ones, no run is opened."""
        with contextlib.suppress(AerchiveError):
            by_address = self._by_address(session)
            everything = set(by_address.values())
            if len(everything) == 1 and len(rows):
                return everything
            return {self._of_run(session, run_path(row), by_address) for row in rows}
        return set()

    def _by_address(self, session: ReadSession) -> dict[int, Versions]:
        """The versions of each provenance object, by its address in the file; an object is read only once."""
        found = {}
        for folder in session.root.group(f"{layout.OBJECTS}/{layout.PROVENANCE}").groups():
            for name in folder.names():
                if name not in self._of_object:
                    self._of_object[name] = _versions(folder.group(name))
                found[folder.address(name)] = self._of_object[name]
        return found

    def _of_run(self, session: ReadSession, path: str, by_address: dict[int, Versions]) -> Versions:
        if path not in self._of_path:
            if len(self._of_path) >= _MOST_KNOWN:
                self._of_path.clear()
            self._of_path[path] = ()
            with contextlib.suppress(AerchiveError):
                self._of_path[path] = by_address.get(session.root.group(path).address(layout.PROVENANCE), ())
        return self._of_path[path]


PACKAGES = tuple(_PROGRAMS.values())
"""The packages whose versions an origin has."""


def _versions(group: Any) -> Versions:
    values = {package: group.attribute(name) for name, package in _PROGRAMS.items()}
    return tuple((package, str(value)) for package, value in values.items() if value)


def _seeds(rows: NDArray[Any]) -> list[int]:
    seeds: list[int] = rows["seed"].astype("<u8").tolist()
    return seeds


def seal_of(job_ids: Sequence[str], rows: NDArray[Any]) -> str:
    """Returns a digest of what the catalogue says of runs and never changes: SHA-256, 64 hex digits.

    It depends on the runs and their order, and not on their labels, on their place, or on the widths of columns.

    Args:
        job_ids: The whole job ids.
        rows: The rows of these runs in the catalogue, dtype `aerchive.models.catalogue.DTYPE`.
    """
    digest = hashlib.sha256(json.dumps(list(job_ids)).encode())
    for name in _SEALED:
        values = rows[name]
        is_text = values.dtype.kind == "S"
        digest.update(b"\n".join(values.tolist()) if is_text else _numbers(values).tobytes())
    return digest.hexdigest()


def _numbers(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype("<f8" if values.dtype.kind == "f" else "<i8")
