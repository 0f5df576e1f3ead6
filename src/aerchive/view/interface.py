"""The data interface of the web page: an answer for each address, as ``docs/reference/data-interface.md`` says."""

from __future__ import annotations

from aerchive.errors import NotFoundError
from aerchive.project.finding.search import Search
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.view.answer import Answer
from aerchive.view.counts_view import checked_number, counts_view, memory_view
from aerchive.view.keys import find_name, name_of
from aerchive.view.run_view import RunView
from aerchive.view.snapshot import Snapshots

_MOST_ADDRESS = 8000
"""The greatest length of an address."""
_JSON = ".json"


class DataInterface:
    """The answers about one project. It knows no HTTP, so that they can be served, and be written as files.

    Threads may share it.

    Args:
        project: The project, open for reading.
        is_live: Whether the answers follow the file.
    """

    def __init__(self, project: Project, *, is_live: bool = True) -> None:
        self._project = project
        self._search = Search(project.parts)
        self._is_live = is_live
        self._snapshots = Snapshots(project)

    def answer(self, address: str) -> Answer:
        """Answers an address.

        Args:
            address: The address relative to ``data/``, such as ``project.json``.

        Raises:
            NotFoundError: There is no such thing, or it has changed.
            InvalidInputError: It cannot be shown; the message says why.
            AerchiveError: It cannot be read.
        """
        if len(address) > _MOST_ADDRESS:
            raise _no_address(address)
        match address.split("/"):
            case ["project.json"]:
                return self._snapshots.newest().project(is_live=self._is_live)
            case [generation, "columns", file]:
                return self._snapshots.of(generation).column(file)
            case ["runs", file] if file.endswith(_JSON):
                run = self._run(file.removesuffix(_JSON))
                return Answer.json(RunView(run, self._snapshots.newest().generation).document())
            case ["runs", key, "counts", file] if file.endswith(_JSON):
                number = checked_number(file.removesuffix(_JSON), "an experiment")
                return Answer.json(counts_view(self._run(key), number))
            case ["runs", key, "memory", text, file] if file.endswith(_JSON):
                number, page = checked_number(text, "an experiment"), checked_number(file.removesuffix(_JSON), "a page")
                return Answer.json(memory_view(self._run(key), number, page))
        raise _no_address(address)

    def _run(self, key: str) -> Run:
        job_id = name_of(key)
        if job_id is None:  # the key has only a digest of a long id
            job_id = find_name(key, self._search.listing().long_ids())
        return self._search.exact(job_id)


def _no_address(address: str) -> NotFoundError:
    return NotFoundError(f"{address[:300]!r} is no address of the data interface")
