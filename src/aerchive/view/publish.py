"""The web page as a folder of files, which any web server gives away: the page, and all answers about the project."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from aerchive.errors import AlreadyExistsError, InvalidInputError, WriteError
from aerchive.project.project import Project
from aerchive.settings import default_views
from aerchive.storage.medium.interrupts import deferred_interrupts
from aerchive.view.arrays import ArrayViews
from aerchive.view.interface import DataInterface
from aerchive.view.server import page_files
from aerchive.view.walk import PROJECT, all_answers

DEEPEST = 18
"""The greatest level of arrays that can be published: 2^18 bins."""
_DATA = "data"


class Published(NamedTuple):
    """What was published.

    Attributes:
        path: The folder.
        files: The number of files.
        nbytes: Their size in bytes.
    """

    path: Path
    files: int
    nbytes: int


def publish(
    project: Project,
    folder: str | os.PathLike[str],
    *,
    level: int = 12,
    with_tree: bool = True,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """Writes the page of a project, with all that it shows, into a new folder.

    The folder is made beside its place and gets its name when it is complete; so a reader never sees half of it.

    Args:
        project: The project, open for reading.
        folder: The folder; it must not exist or be empty.
        level: The greatest level of the pictures of arrays: they are divided into ``2**level`` bins.
        with_tree: Whether the raw tree of the file is published, too.
        replace: Whether a folder that was published before is replaced.
        progress: A function that is called with the number of runs that were written, and the number of all.

    Raises:
        AlreadyExistsError: The folder has something in it.
        InvalidInputError: There is no such level, or the tree has too many nodes.
        WriteError: The folder cannot be written.
        AerchiveError: The project cannot be read.
    """
    if not 0 <= level <= DEEPEST:
        raise InvalidInputError(f"level {level}: a whole number from 0 to {DEEPEST} is expected")
    target = Path(os.path.realpath(folder))  # of a link, the folder that it names is replaced, and not the link
    _check(target, replace=replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.publish-", dir=target.parent) as beside:
            made = Path(beside) / "made"
            found = _write(project, made, level, progress, with_tree=with_tree)
            _put(made, target, Path(beside) / "replaced")
    except OSError as error:
        raise WriteError(f"{target}: cannot be written: {error.strerror or error}") from error
    return found._replace(path=target)


def _put(made: Path, target: Path, replaced: Path) -> None:
    """Gives a new folder its name; the one that it replaces stays if that is not possible."""
    with deferred_interrupts():  # between the two steps there is no folder of this name
        if target.exists():
            target.rename(replaced)
        try:
            made.rename(target)
        except OSError:
            if replaced.exists():
                replaced.rename(target)
            raise


def _check(target: Path, *, replace: bool) -> None:
    """Checks that the folder is not there, or is empty, or may be replaced."""
    try:
        names = sorted(one.name for one in target.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise AlreadyExistsError(f"{target}: is a file; choose another name for the folder") from None
    if not names:
        return
    if not _is_published(target):
        raise AlreadyExistsError(f"{target}: has other files in it, such as {names[0]!r}; choose another folder")
    if not replace:
        raise AlreadyExistsError(f"{target}: was published before; --replace replaces it")


def _is_published(target: Path) -> bool:
    try:
        document = json.loads((target / _DATA / PROJECT).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and "interface" in document


def _write(
    project: Project, made: Path, level: int, progress: Callable[[int, int], None] | None, *, with_tree: bool
) -> Published:
    files = nbytes = runs = 0
    interface = DataInterface(project, ArrayViews(default_views()), is_live=False, most_level=level)
    try:
        pages = page_files(resources.files("aerchive.view").joinpath("page"))
        answers = ((f"{_DATA}/{address}", one) for address, one in all_answers(interface, with_tree=with_tree))
        for address, answer in itertools.chain(pages.items(), answers):
            path = made / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answer.body)
            files, nbytes = files + 1, nbytes + len(answer.body)
            if progress is not None and address.startswith(f"{_DATA}/runs/") and address.count("/") == 2:
                runs += 1
                progress(runs, len(project))
    finally:
        interface.close()
    return Published(made, files, nbytes)
