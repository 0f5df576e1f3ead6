"""Codec of an attachment: one value of a user beside a run or a project, as a group of datasets.

A text, bytes and the content of a file are one dataset each. Any other value is a document, as for a saved value of a
result, with its arrays in datasets beside it. Qiskit is imported only if the value, or a part of it, may be Qiskit's.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from aerchive.codecs.base import is_storable
from aerchive.codecs.result import ResultEncoder, Written
from aerchive.errors import (
    AlreadyExistsError,
    FormatError,
    InvalidInputError,
    NotFoundError,
    ReadError,
    UnsupportedTypeError,
    WriteError,
)
from aerchive.limits import limits
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, bytes_dataset, text_dataset
from aerchive.text import encode_text, type_name

ENCODING: Final = "attachment"
VERSION: Final = 1
VALUE: Final = "value"
TEXT: Final = "text"
BYTES: Final = "bytes"
FILE: Final = "file"
DOCUMENTS: Final = (VALUE, TEXT, BYTES, FILE)
"""Names of the datasets one of which an attachment has; all others are arrays."""
FILENAME: Final = "filename"
_MAX_FILENAME_BYTES = 255
_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
_ARRAY_TAG = "array/1"
_OF_RESULT = ("label", "experiment")


@dataclass(frozen=True)
class AttachedFile:
    """A small file: its name and its content.

    Attributes:
        name: Name of the file, without a folder.
        data: Content of the file.
    """

    name: str
    data: bytes

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> AttachedFile:
        """Reads a file.

        Raises:
            NotFoundError: There is no such file.
            InvalidInputError: It is not a file, or is larger than the limit ``document_bytes``.
            ReadError: It cannot be read.
        """
        path = Path(path)
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise InvalidInputError(f"{path}: is a pipe or a device; give the path of a file")
                _check_size(str(path), status.st_size)
                return cls(path.name, file.read())
        except FileNotFoundError as error:
            raise NotFoundError(f"{path}: no such file") from error
        except IsADirectoryError as error:
            raise InvalidInputError(f"{path}: is a folder; give the path of one file") from error
        except OSError as error:
            raise ReadError(f"{path}: cannot be read: {error.strerror}") from error

    def save(self, folder: str | os.PathLike[str] = ".") -> Path:
        """Writes the file into a folder, and returns its path.

        Raises:
            AlreadyExistsError: There is a file of this name in the folder; it is not changed.
            WriteError: The file cannot be written.
        """
        path = Path(folder) / _checked_filename(self.name)
        write_new(path, lambda file: file.write(self.data))
        return path

    def __repr__(self) -> str:
        return f"AttachedFile({self.name!r}, {len(self.data)} bytes)"


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe is opened, too, without waiting for a program that writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_new(path: Path, write: Callable[[IO[bytes]], object], instead: str = "folder") -> None:
    """Makes a file; nothing is left of it if it cannot be written.

    Args:
        path: Its path.
        write: Function that writes the content.
        instead: What the user may choose if the file exists, a folder or a name.

    Raises:
        AlreadyExistsError: There is a file of this name, or a link; it is not changed or followed.
        WriteError: The file cannot be written.
    """
    try:
        with path.open("xb") as file:
            try:
                write(file)
                file.flush()
            except BaseException:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise AlreadyExistsError(f"{path}: exists; choose another {instead}") from error
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from error


@dataclass(frozen=True)
class EncodedAttachment:
    """An encoded attachment, ready to be written.

    Attributes:
        tree: The encoded document; ``None`` for a text, bytes or a file.
        attributes: Attributes of its group.
        datasets: Datasets of its group, by name.
    """

    tree: Any
    attributes: dict[str, AttributeValue]
    datasets: dict[str, DatasetDraft]


class _ValueEncoder(ResultEncoder):
    """Encodes a value with the codecs of saved values; containers stay documents, whatever they contain."""

    def __init__(self) -> None:
        super().__init__(DOCUMENTS)

    def value(self, value: Any) -> Any:
        """See `ResultEncoder.value`."""
        return tagged_json.encode(value, prefer=self._prefer)

    def _prefer(self, value: Any) -> dict[str, Any] | None:
        kind = type(value)
        if kind in _CONTAINERS:
            return None
        if isinstance(value, enum.Enum):
            raise UnsupportedTypeError(
                f"{type_name(kind)} is an Enum, which no file can name; attach its value or name"
            )
        if kind is np.ndarray:  # the codec of arrays without the registry, which imports Qiskit
            return {TYPE_KEY: _ARRAY_TAG, "data": self.array(value, "array")} if is_storable(value) else None
        return super()._prefer(value)


def encode_attachment(value: Any) -> EncodedAttachment:
    """Encodes a value.

    Args:
        value: A text, bytes, an `AttachedFile`, a path, which stands for the file, a numpy array, an object of Qiskit
            that has a codec, or containers and numbers that tagged JSON knows, with any of these in them. Arrays are
            not copied and must not change until they are written.

    Raises:
        UnsupportedTypeError: The value, or a part of it, has a type without a codec; nothing is left out.
        InvalidInputError: A text, file or document is larger than the limit ``document_bytes``; or a file cannot be
            attached.
        NotFoundError: There is no file at the path.
        ReadError: The file cannot be read.
    """
    if isinstance(value, os.PathLike):
        value = AttachedFile.read(value)
    kind = type(value)
    if kind is str:
        text = text_dataset(encode_text(value))
        _check_size("the text", text.nbytes)
        return EncodedAttachment(None, {}, {TEXT: text})
    if kind is bytes:
        _check_size("the value", len(value))
        return EncodedAttachment(None, {}, {BYTES: bytes_dataset(value)})
    if kind is AttachedFile:
        _check_size(f"the file {value.name!r}", len(value.data))
        return EncodedAttachment(None, {FILENAME: _checked_filename(value.name)}, {FILE: bytes_dataset(value.data)})
    encoder = _ValueEncoder()
    tree = encoder.value(value)
    datasets = encoder.finish({VALUE: Written(ENCODING, tree)}).datasets
    _check_size("the document of the value", datasets[VALUE].nbytes)
    return EncodedAttachment(tree, {}, {name: _without_place(draft) for name, draft in datasets.items()})


def _without_place(draft: DatasetDraft) -> DatasetDraft:
    """Removes the attributes that say where in a result an array was saved."""
    kept = {name: value for name, value in draft.attributes.items() if name not in _OF_RESULT}
    return dataclasses.replace(draft, attributes=kept)


def _check_size(what: str, nbytes: int) -> None:
    most = limits().document_bytes
    if nbytes > most:
        raise InvalidInputError(
            f"{what} has {nbytes:,} bytes, and the limit 'document_bytes' is {int(most):,}; attach large data as an "
            "array, or raise the limit for all who read the project"
        )


def _checked_filename(name: str) -> str:
    """Returns the name of a file if it names a file in a folder, whatever the operating system.

    Raises:
        InvalidInputError: It does not.
    """
    if (
        type(name) is not str
        or not name.isprintable()
        or name.strip(". ") == ""
        or any(sign in name for sign in "/\\")
        or len(name.encode()) > _MAX_FILENAME_BYTES
    ):
        raise InvalidInputError(f"{name!r:.300} is not the name of a file: printable text without a folder")
    return name


def decode_file(attributes: Mapping[str, AttributeValue], data: bytes, where: str) -> AttachedFile:
    """Makes an attached file.

    Args:
        attributes: Attributes of the attachment.
        data: Content of the file.
        where: File and path of the attachment, for messages.

    Raises:
        FormatError: The attachment has no name that could be that of a file.
    """
    try:
        return AttachedFile(_checked_filename(attributes.get(FILENAME)), data)  # type: ignore[arg-type]  # is checked
    except InvalidInputError as error:
        raise FormatError(f"{where}@{FILENAME}: {error}") from error


def array_of(tree: Any) -> Any:
    """The reference of a document that is one array, which then is read in parts; ``None`` for other documents."""
    if isinstance(tree, dict) and tree.get(TYPE_KEY) == _ARRAY_TAG:
        return tree.get("data")
    return None
