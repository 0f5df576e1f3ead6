"""The runs of a project at one moment, and the next one after each change of its file or of the files beside it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from aerchive.errors import AerchiveError, NotFoundError
from aerchive.project.catalogue.conditions import All
from aerchive.project.finding.asking import BadRuns
from aerchive.project.finding.search import Search, all_values
from aerchive.project.parts import ProjectParts
from aerchive.project.project import Project
from aerchive.storage.medium.opening import stamp_at
from aerchive.text import without_surrogates
from aerchive.view.answer import JSON, Answer, json_bytes
from aerchive.view.columns import RunColumns

INTERFACE = 1
"""The version of the data interface."""
_MOST_PROBLEMS = 20
_KEPT = 2
"""Number of generations that are answered: a page may still be reading the columns of the one before."""


class Snapshot:
    """The runs of a project at one moment, as columns; threads may share it.

    Args:
        parts: The project.
        generation: The name of the moment.
        notes: What users should know of the project.
    """

    def __init__(self, parts: ProjectParts, generation: str, notes: list[str]) -> None:
        self.generation = generation
        self._lock = threading.Lock()
        self._problems = notes
        self._file = parts.file
        self._path = parts.path
        with parts.file.held():
            listing = Search(parts).listing(all_values, BadRuns(self._problems.append, _MOST_PROBLEMS))
            places, self.number = listing.first_places(All([]), "created", descending=False, limit=None)
            self._columns = RunColumns(listing, places)
            outcomes, tags = (self._columns.counted(name) for name in ("outcome", "tags"))
        self._counted = {"outcomes": dict(outcomes.most_common()), "tags": tags.most_common()}

    def project(self, *, is_live: bool) -> Answer:
        """The answer ``project.json``.

        Args:
            is_live: Whether the answer follows the file.
        """
        with self._lock:
            document = {
                "interface": INTERFACE,
                "live": is_live,
                "generation": self.generation,
                "name": without_surrogates(self._path.name),
                "runs": self.number,
                "file_bytes": _size_of(self._path),
                "aerchive": metadata.version("aerchive"),
                **self._counted,
                "problems": [*self._columns.left_out, *self._problems][:_MOST_PROBLEMS],
                "columns": [
                    {
                        "name": column.name,
                        "title": column.title,
                        "group": column.group,
                        "type": column.type,
                        "address": f"{self.generation}/columns/{column.file}",
                    }
                    for column in self._columns.listed.values()
                ],
            }
        return Answer(json_bytes(document), JSON, self.generation)

    def files(self) -> list[str]:
        """The names of the files of the columns."""
        return [column.file for column in self._columns.listed.values()]

    def column(self, file: str) -> Answer:
        """The values of a column.

        Raises:
            NotFoundError: There is no such column.
        """
        for column in self._columns.listed.values():
            if column.file == file:
                with self._lock, self._file.held():
                    return self._columns.answer(column)
        raise NotFoundError(f"there is no column {file!r:.300}; project.json names all of them")


class Snapshots:
    """The newest snapshots of a project; a new one is made when the project is asked for after it has changed.

    Args:
        project: The project.
        is_live: Whether changes are followed; else the first snapshot stays the newest.
    """

    def __init__(self, project: Project, *, is_live: bool) -> None:
        self._project = project
        self._is_live = is_live
        self._lock = threading.Lock()  # only for making one: those that there are can be asked meanwhile
        self._kept: tuple[Snapshot, ...] = ()
        self._seen: Any = None
        self._number = 0

    def newest(self) -> Snapshot:
        """The snapshot of the project as it is now.

        Raises:
            NotFoundError: The file does not exist any more.
            AerchiveError: The file cannot be read.
        """
        with self._lock:
            if self._kept and not self._is_live:
                return self._kept[-1]
            seen = tuple(self._state())
            if seen != self._seen or not self._kept:
                digest = hashlib.blake2b(repr(seen).encode("utf-8", "backslashreplace"), digest_size=4).hexdigest()
                made = Snapshot(self._project.parts, f"{self._number + 1}-{digest}", self._notes())
                self._kept = (*self._kept, made)[-_KEPT:]
                self._seen, self._number = seen, self._number + 1
            return self._kept[-1]

    def of(self, generation: str) -> Snapshot:
        """The snapshot of a generation.

        Raises:
            NotFoundError: The project has changed since.
        """
        for one in self._kept:
            if one.generation == generation:
                return one
        raise NotFoundError(f"the project has changed since {generation!r:.80}; read project.json again")

    def _state(self) -> Iterator[object]:
        """What is another value after each change. It is read before the runs, so that no later change is missed."""
        yield stamp_at(self._project.path)
        for one in self._project.spools.contents():
            yield str(one.path), one.end, one.life.name, len(one.problems), len(one.unnamed)
            yield tuple(job.job_id for job in one.jobs), tuple(run.offset for run in one.runs)

    def _notes(self) -> list[str]:
        try:
            found = self._project.notes()
        except AerchiveError as error:
            return [str(error)]
        return [*found, *(problem for one in self._project.spools.contents() for problem in one.problems)]


def _size_of(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
