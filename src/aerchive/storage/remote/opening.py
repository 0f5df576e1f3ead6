"""Opening of a project behind a URL, or in a file object: the path with which everything else works."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from aerchive.storage.medium.remote_path import RemotePath
from aerchive.storage.remote.address import Address
from aerchive.storage.remote.fetched import HEAD_BYTES, FetchedFile
from aerchive.storage.remote.object import ObjectSource, checked_object, filesystem_source
from aerchive.storage.remote.source import Source, State, changed
from aerchive.storage.remote.web import web_source

_open: weakref.WeakValueDictionary[tuple[str, State, bytes], FetchedFile] = weakref.WeakValueDictionary()
"""The files behind URLs that this process has opened: each state has one object."""


def open_url(url: str, state: State | None = None) -> RemotePath:
    """Opens a file behind a URL, of which the beginning is read.

    Args:
        url: The URL.
        state: The state that the file must have; ``None``: any.

    Returns:
        The path of its stand-in.

    Raises:
        NotFoundError: There is no such file.
        ReadOnlyError: This user may not read it.
        ReplacedError: The file has another state.
        ReadError: The server cannot be reached, or sends no parts of files.
        MissingExtraError: A package is not installed.
        InvalidInputError: The URL cannot be used.
    """
    address = Address(url)
    source: Source = web_source(address) if address.is_web else filesystem_source(address)
    return _opened(source, address.file_name, open_url, url, state)


def open_object(file: Any, state: State | None = None) -> RemotePath:
    """Opens a project in a binary file object; arguments and errors as for `open_url`."""
    return _opened(ObjectSource(checked_object(file)), "project.h5", open_object, file, state)


def _opened(source: Source, file_name: str, again: Any, what: Any, wanted: State | None) -> RemotePath:
    state, head = source.begin(HEAD_BYTES)
    if wanted is not None and state != wanted:
        raise changed(source.name)
    key = (source.key, state, head[:48]) if source.key is not None else None
    fetched = None if key is None else _open.get(key)
    if fetched is None or not fetched.is_whole:
        fetched = FetchedFile(source, state, head, file_name)
        if key is not None:
            _open[key] = fetched
    return RemotePath.of(Path(fetched.stand_in), source.name, (again, (what, state)), fetched)


def fetched_of(path: Path) -> FetchedFile | None:
    """What was fetched of a project; ``None`` for a file on this machine."""
    parts = path.content if isinstance(path, RemotePath) else None
    return parts if isinstance(parts, FetchedFile) else None
