"""All errors that aerchive raises, in one tree. The classes differ in what the caller should do next.

::

    AerchiveError
    ├── NotFoundError          (KeyError)        ask for something else
    ├── AlreadyExistsError     (ValueError)      choose another name
    ├── InvalidInputError      (ValueError)      fix the argument
    ├── UnsupportedTypeError   (TypeError)       register a codec, or upgrade
    ├── MissingExtraError      (ImportError)     install an extra of aerchive, or OpenSSH
    ├── ProjectLockedError     (TimeoutError)    try again later
    ├── ReadOnlyError          (PermissionError) open for writing
    ├── TransactionError       (RuntimeError)    finish or roll back first
    ├── ReadError              (OSError)         the disk failed; look at the machine, read again
    ├── WriteError             (OSError)         make room, or mend the disk; nothing was saved
    │   ├── CommittedError                       saved; the next commit completes the work
    │   ├── UncertainError                       the disk hides what is saved; open the project again, and look
    │   └── ReplacedError                        saved in a file that has lost its name, do it again; or it was
    │                                            replaced behind its URL, open it again
    ├── FormatError            (OSError)         not a project, or not as the format says
    │   ├── NewerFormatError                     upgrade aerchive
    │   └── IntegrityError                       the bytes are damaged
    │       └── OtherBitsError                   the run gives other values here than it gave; look at run.recompute()
    ├── UnsafeContentError     (OSError)         the file asks for what it may not have
    └── ServiceError           (ConnectionError) install, log in, or try again: the message says which

``AerJobError``, raised when an archived job itself had failed, is a ``QiskitError`` as well and so
lives with the Aer objects (`aerchive.aer`); this module imports nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar


def printable(message: str) -> str:
    """Returns a message in which only line ends and tabs are not printable: it may have names and texts of a file.

    Other control characters, and those that reverse or hide text, are escaped.
    """
    if message.isprintable():
        return message
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode("ascii") for one in message
    )


class AerchiveError(Exception):
    """The base class of all errors that aerchive raises on purpose.

    Attributes:
        code: A stable, machine-readable name of the kind of error.
    """

    code: ClassVar[str] = "aerchive"

    def __init__(self, message: str) -> None:
        message = printable(message)
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        # Without this method KeyError would show repr(message), and OSError would expect an errno.
        return self.message


class NotFoundError(AerchiveError, KeyError):
    """The project does not contain what was asked for."""

    code = "not-found"


class AlreadyExistsError(AerchiveError, ValueError):
    """The name exists already. Nothing was overwritten."""

    code = "already-exists"


class InvalidInputError(AerchiveError, ValueError):
    """An argument cannot be used as it is."""

    code = "invalid-input"


class UnsupportedTypeError(AerchiveError, TypeError):
    """A value has a type that no codec knows. It is never stored with a part of its content missing."""

    code = "unsupported-type"


class MissingExtraError(AerchiveError, ImportError):
    """An optional library or program that this operation needs is not installed."""

    code = "missing-extra"


class ProjectLockedError(AerchiveError, TimeoutError):
    """Another program holds the lock on the project file and did not release it in time."""

    code = "project-locked"


class ReadOnlyError(AerchiveError, PermissionError):
    """The project was opened for reading, or cannot be written."""

    code = "read-only"


class TransactionError(AerchiveError, RuntimeError):
    """The operation is not possible in the present state of the transaction."""

    code = "transaction"


class ReadError(AerchiveError, OSError):
    """The disk or the system failed while the project was read. This does not mean that stored bytes are wrong."""

    code = "read"


class WriteError(AerchiveError, OSError):
    """The disk is full, or failed while the project was written. The file is unchanged."""

    code = "write"


class CommittedError(WriteError):
    """The disk failed after the commit. The data are saved, and the next commit completes the remaining work."""

    code = "committed"


class UncertainError(WriteError):
    """The disk failed at the commit, which could not be undone. Open the project again to see what is saved."""

    code = "uncertain"


class ReplacedError(WriteError):
    """Another program replaced or removed the project file during the commit. The saved data are in the old file."""

    code = "replaced"


class FormatError(AerchiveError, OSError):
    """The file is not an aerchive project, or it is a project that this version cannot read."""

    code = "format"


class NewerFormatError(FormatError):
    """The file, or a part of it, was written by a later version of aerchive in a way that this one does not know."""

    code = "newer-format"


class IntegrityError(FormatError):
    """Stored bytes are damaged: they differ from the bytes that were written."""

    code = "integrity"


class OtherBitsError(IntegrityError):
    """A run whose arrays are not stored gave other bits when it was computed again; they are not the archived ones.

    Attributes:
        deviations: For each dataset with other bits what its witness says of the deviation: objects with ``name``,
            ``number``, ``differing``, ``greatest``, ``share`` and ``confidence``, which are printed as sentences.
    """

    code = "other-bits"

    def __init__(self, message: str, deviations: Collection[object] = ()) -> None:
        super().__init__(message)
        self.deviations = tuple(deviations)


class UnsafeContentError(AerchiveError, OSError):
    """The file has content that aerchive refuses for security reasons, such as a link to another file."""

    code = "unsafe-content"


class ServiceError(AerchiveError, ConnectionError):
    """A cloud service could not be used: its package, the account or the network is missing, or the service failed."""

    code = "service"


class ArchiveWarning(UserWarning):
    """Something could not be archived, a run cannot be read, or the file of the project does not exist yet."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def check_version(version: object, newest: int, what: str) -> int:
    """Refuses a version of an encoding that this aerchive does not know.

    Args:
        version: The version that the file contains.
        newest: The newest version that this aerchive can read.
        what: The node and the name of the encoding, for the message.

    Returns:
        The version.

    Raises:
        NewerFormatError: The version is newer than ``newest``.
        FormatError: It is not a version.
    """
    if type(version) is not int or version < 1:
        raise FormatError(f"{what} encoding {version!r} does not exist; the file is damaged or forged")
    if version > newest:
        raise NewerFormatError(f"{what} encoding {version} is newer than this aerchive: upgrade it")
    return version


def check_features(needed: Collection[str], where: str) -> None:
    """Refuses a file or run that needs features which this aerchive does not know.

    Args:
        needed: Names of those features.
        where: The file, or file and path of the run, for the message.

    Raises:
        NewerFormatError: There is one.
    """
    if needed:
        names = ", ".join(sorted(needed))
        raise NewerFormatError(f"{where}: needs {names}, which this aerchive does not know: upgrade it")


def check_draft(draft: object, known: int, made_by: object, where: str) -> None:
    """Refuses a file of another draft of the format. Drafts were not released, so nothing converts them.

    Args:
        draft: The number of the draft that the file names, or ``None``.
        known: The number of the draft that this aerchive reads.
        made_by: The version of aerchive that the file names, or ``None``.
        where: The file, for the message.

    Raises:
        FormatError: The numbers differ.
    """
    if draft != known:
        version = f", by {made_by}" if made_by else ""
        raise FormatError(
            f"{where}: was written by an unreleased draft of the format (draft {draft or 1}{version}), which only that "
            "version of aerchive can read: export the runs there"
        )
