"""A description of files that are not HDF5, for error messages that say what to do about them."""

from __future__ import annotations

from pathlib import Path

from aerchive.storage.medium.disk import disk, read_bytes

_LOOK_BYTES = 4096
_KINDS = (
    (b"\x89PNG", "is a PNG image"),
    (b"\xff\xd8\xff", "is a JPEG image"),
    (b"%PDF", "is a PDF document"),
    (b"PK\x03\x04", "is a ZIP archive (.zip, .npz, .xlsx and others)"),
    (b"\x1f\x8b", "is compressed with gzip (expand it first)"),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard (expand it first)"),
    (b"\xfd7zXZ", "is compressed with xz (expand it first)"),
    (b"BZh", "is compressed with bzip2 (expand it first)"),
    (b"\x93NUMPY", "is an array of NumPy (.npy)"),
    (b"SQLite format 3", "is a database of SQLite"),
    (b"CDF", "is a file of NetCDF's classic format"),
    (b"<!doctype html", "is a web page (perhaps of a download that failed)"),
    (b"<html", "is a web page (perhaps of a download that failed)"),
)
_USER_BLOCKS = (512, 1024, 2048)
"""Offsets other than 0, in bytes, at which the HDF5 signature may lie, behind a user block."""


def is_annexed(path: Path) -> bool:
    """Whether a path, with its links resolved, lies in the object store of git-annex."""
    return "/annex/objects/" in str(path)


def what_it_is(fd: int, signature: bytes) -> str:
    """A description of a file without the HDF5 signature, and what to do; the message puts it after the file's name.

    Args:
        fd: File descriptor of the file.
        signature: The HDF5 signature.
    """
    head = read_bytes(fd, 0, _LOOK_BYTES)
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        if b"\n<<<<<<< " in head:
            return (
                "is a pointer of Git LFS to two versions of the project that git could not bring together; take one "
                "with 'git checkout --ours FILE', write the other one beside it with 'git show :3:FILE | git lfs "
                "smudge > theirs.h5', and merge them with 'aerchive merge FILE theirs.h5'"
            )
        return "is only a pointer of Git LFS, in the place of the project; fetch that with: git lfs pull"
    if b"/annex/objects/" in head[:32]:
        return "is only a pointer of git-annex, in the place of the project; fetch that with: git annex get FILE"
    if head and not any(head):
        return (
            "begins with zeros, as a copy or a download does that was not completed, or a file that a crash of the "
            "machine has cut off; take a copy that is whole"
        )
    what = next((what for begin, what in _KINDS if head[: len(begin)].lower() == begin.lower()), None)
    if not disk().size(fd):
        what = "is empty"
    elif what is None and any(head[at : at + len(signature)] == signature for at in _USER_BLOCKS):
        what = "is an HDF5 file with a user block before its content"
    elif what is None:
        what = "is a text file" if _is_text(head) else "is not an HDF5 file"
    return f"{what}, so not an aerchive project; choose another file"


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", errors="replace")
    if len(head) == _LOOK_BYTES:
        text = text.rstrip("\N{REPLACEMENT CHARACTER}")  # the last character may be incomplete
    return "\N{REPLACEMENT CHARACTER}" not in text and all(one.isprintable() or one in "\t\r\n\f" for one in text)
