"""Sealing of a whole project; the seal itself is in `aerchive.project.sealing`."""

from __future__ import annotations

from collections.abc import Callable

from aerchive.display.text import format_runs
from aerchive.errors import TransactionError
from aerchive.project.location import is_gone
from aerchive.project.sealing.leaves import read_leaves
from aerchive.project.sealing.seal import Seal
from aerchive.project.spooling.spools import Spools
from aerchive.storage.file import ProjectFile


def seal_project(file: ProjectFile, spools: Spools, progress: Callable[[int, int], None] | None = None) -> Seal:
    """Makes the seal of the runs in a project file as it is now; see `aerchive.Project.seal`."""
    beside = [run for run in spools.runs() if not is_gone(run)]
    if beside:
        raise TransactionError(
            f"{file.path}: {format_runs(len(beside))} not in it yet, but in {beside[0].path}; a seal is of what is in "
            f"the project, so move them into it first: aerchive recover {file.path}"
        )
    leaves = read_leaves(file, progress)
    with file.read() as session:
        return Seal.of(leaves, str(session.root.attribute("project_uuid")))
