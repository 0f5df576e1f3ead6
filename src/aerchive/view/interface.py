"""The data interface of the web page: an answer for each address, as ``docs/reference/data-interface.md`` says.

Why there is one interface for a server and for a folder of files is in decision 0039.
"""

from __future__ import annotations

from collections.abc import Sequence

from aerchive.errors import NotFoundError
from aerchive.project.finding.search import Search
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.view.answer import Answer
from aerchive.view.array_answers import ArrayAnswers
from aerchive.view.arrays import ArrayViews
from aerchive.view.counts_view import checked_number, counts_view, memory_view
from aerchive.view.keys import find_name, name_of
from aerchive.view.run_view import RunView
from aerchive.view.snapshot import Snapshots
from aerchive.view.tree_path import find_node
from aerchive.view.tree_view import node_values, node_view

_MOST_ADDRESS = 8000
"""The greatest length of an address."""
_JSON = ".json"


class DataInterface:
    """The answers about one project. It knows no HTTP, so that they can be served, and be written as files.

    Threads may share it.

    Args:
        project: The project, open for reading.
        views: The views of its arrays, see `aerchive.view.arrays.ArrayViews`; `close` closes them.
        is_live: Whether the answers follow the file.
        most_level: The greatest level of arrays that is answered; ``None``: each array down to its values.
    """

    def __init__(
        self, project: Project, views: ArrayViews, *, is_live: bool = True, most_level: int | None = None
    ) -> None:
        self._project = project
        self._search = Search(project.parts)
        self._is_live = is_live
        self._snapshots = Snapshots(project, is_live=is_live)
        self._arrays = ArrayAnswers(views, self._run, most_level)

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
            case ["runs", file] if file.endswith(_JSON):
                run = self._run(file.removesuffix(_JSON))
                return Answer.json(RunView(run, self._snapshots.newest().generation).document())
            case ["runs", key, "counts", file] if file.endswith(_JSON):
                number = checked_number(file.removesuffix(_JSON), "an experiment")
                return Answer.json(counts_view(self._run(key), number))
            case ["runs", key, "memory", text, file] if file.endswith(_JSON):
                number, page = checked_number(text, "an experiment"), checked_number(file.removesuffix(_JSON), "a page")
                return Answer.json(memory_view(self._run(key), number, page))
            case ["runs", key, "arrays", text, *rest]:
                return self._arrays.answer(key, checked_number(text, "a saved value"), rest)
            case ["tree", *keys, file]:
                return self._of_tree(keys, file)
            case [generation, "columns", file]:
                return self._snapshots.of(generation).column(file)
        raise _no_address(address)

    def _of_tree(self, keys: Sequence[str], file: str) -> Answer:
        name, _, ending = file.partition(".")
        if file != "node.json" and (name != "values" or ending not in ("bin", "json")):
            raise _no_address("/".join(["tree", *keys, file]))
        with self._project.file.read() as session:
            node = find_node(session.root, keys)
            return node_values(session, node, ending) if name == "values" else Answer.json(node_view(node))

    def close(self) -> None:
        """Ends all work in the background."""
        self._arrays.close()

    def _run(self, key: str) -> Run:
        job_id = name_of(key)
        if job_id is None:  # the key has only a digest of a long id
            job_id = find_name(key, self._search.listing().long_ids())
        return self._search.exact(job_id)


def _no_address(address: str) -> NotFoundError:
    return NotFoundError(f"{address[:300]!r} is no address of the data interface")
