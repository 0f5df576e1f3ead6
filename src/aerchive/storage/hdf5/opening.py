"""Opening of a project with HDF5, and the check of its root attributes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from h5py import h5f, h5fd, h5p, h5pl
from h5py._objects import phil

from aerchive import layout
from aerchive.errors import FormatError, NewerFormatError, check_draft, check_features
from aerchive.storage.chunks.drafts import AttributeValue
from aerchive.storage.hdf5.attributes import read_attribute
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import rewritten_file, root_group

_CACHE_SLOTS = 521
"""HDF5's own number of places in its cache of chunks, which has no bytes here."""
_opens = threading.RLock()
"""Held while the folders of plugins are taken away; re-entrant, for a finalizer that runs inside."""
os.register_at_fork(before=_opens.acquire, after_in_parent=_opens.release, after_in_child=_opens.release)


@contextlib.contextmanager
def open_hdf5(fileobj: object, flags: int, path: str, *, is_rewritten: bool = False) -> Iterator[h5f.FileID]:
    """Opens an HDF5 file with h5py's low-level calls, which take a third of a millisecond less than ``h5py.File``.

    Args:
        fileobj: The file object through which HDF5 reads and writes.
        flags: ``h5f.ACC_RDONLY`` or ``h5f.ACC_RDWR``.
        path: Path of the file, for messages.
        is_rewritten: Whether another program has written the whole file anew, so that datasets may be stored in other
            ways than in a project.
    """
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    properties.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    properties.set_fileobj_driver(h5fd.fileobj_driver, fileobj)
    if flags == h5f.ACC_RDWR:
        properties.set_cache(0, _CACHE_SLOTS, 0, 1.0)  # else a new row would read and write its whole chunk
    with _without_plugins(), hdf5_errors(path):
        file = h5f.open(os.fsencode(path), flags, fapl=properties)  # the name is only for messages of `hdf5_errors`
    try:
        with rewritten_file(file) if is_rewritten else contextlib.nullcontext():
            yield file
    finally:
        with hdf5_errors(path):
            file.close()


@contextlib.contextmanager
def _without_plugins() -> Iterator[None]:
    """Takes away the folders of HDF5's plugins: HDF5 loads every library in them if it cannot open a file itself.

    h5py holds its lock in calls of HDF5, but not in these (h5py 3.16), and HDF5 is not made for two threads: a call of
    them while another thread reads through a file object would end the process.
    """
    with _opens:
        with phil:
            folders = [h5pl.get(number) for number in range(h5pl.size())]
            for _ in folders:
                h5pl.remove(0)
        try:
            yield
        finally:
            with phil:
                for folder in folders:
                    h5pl.append(folder)


def check_header(file: h5f.FileID, path: str) -> None:
    """Checks by the attributes of the root group that the file is a project that this version can read.

    Raises:
        FormatError: The file is not a project, or one of another draft of the format.
        NewerFormatError: It has a newer format version, or needs features that this aerchive does not know.
    """
    root = root_group(file, path)

    def read(name: str) -> AttributeValue | None:
        return read_attribute(root, name, f"{path}: /")

    kind, version = read("format"), read("format_version")
    if kind != layout.FORMAT or not isinstance(version, int):
        raise FormatError(f"{path}: is an HDF5 file, but not an aerchive project; choose another file")
    if version < 1:
        raise FormatError(f"{path}: has format version {version}, which does not exist; the file is damaged or forged")
    if version > layout.FORMAT_VERSION:
        raise NewerFormatError(
            f"{path}: has format version {version}, and this aerchive reads up to {layout.FORMAT_VERSION}; "
            "upgrade it with: pip install --upgrade aerchive"
        )
    if (draft := read("format_draft")) != layout.FORMAT_DRAFT:
        check_draft(draft, layout.FORMAT_DRAFT, read("created_by"), path)
    check_features(layout.unknown_features(read("requires")), path)
