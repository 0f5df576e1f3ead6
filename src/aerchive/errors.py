"""Every error aerchive raises: one tree, cut by what the caller does next.

::

    AerchiveError
    ├── NotFoundError          (KeyError)        ask for something else
    ├── AlreadyExistsError     (ValueError)      choose another name
    ├── InvalidInputError      (ValueError)      fix the argument
    ├── UnsupportedTypeError   (TypeError)       register a codec, or upgrade
    ├── MissingExtraError      (ImportError)     install an extra of aerchive
    ├── ProjectLockedError     (TimeoutError)    try again later
    ├── ReadOnlyError          (PermissionError) open for writing
    ├── TransactionError       (RuntimeError)    finish or roll back first
    ├── ReadError              (OSError)         the disk failed; look at the machine, read again
    ├── WriteError             (OSError)         make room, or mend the disk; nothing was saved
    │   ├── CommittedError                       saved; the next opening completes the work
    │   ├── UncertainError                       the disk hides what is saved; open the project again, and look
    │   └── ReplacedError                        saved in a file that has lost its name; do it again
    ├── FormatError            (OSError)         not a project, or a newer format
    │   └── IntegrityError                       the bytes are damaged
    ├── UnsafeContentError     (OSError)         the file asks for what it may not have
    └── ServiceError           (ConnectionError) install, log in, or try again: the message says which

``AerJobError``, raised when an archived job itself had failed, is a ``QiskitError`` as well and so
lives with the Aer objects (`aerchive.aer`); this module imports nothing.
"""

from __future__ import annotations

from typing import ClassVar


class AerchiveError(Exception):
    """Anything aerchive raises on purpose.

    Attributes:
        code: A stable, machine-readable name of the kind of error.
    """

    code: ClassVar[str] = "aerchive"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        # KeyError would show repr(message) and OSError would expect an errno.
        return self.message


class NotFoundError(AerchiveError, KeyError):
    """What was asked for is not in the project."""

    code = "not-found"


class AlreadyExistsError(AerchiveError, ValueError):
    """The name is taken, and nothing was overwritten."""

    code = "already-exists"


class InvalidInputError(AerchiveError, ValueError):
    """An argument cannot be used as it is."""

    code = "invalid-input"


class UnsupportedTypeError(AerchiveError, TypeError):
    """A value has a type no codec knows; it is never stored as something less."""

    code = "unsupported-type"


class MissingExtraError(AerchiveError, ImportError):
    """A library that aerchive does not need otherwise is not installed."""

    code = "missing-extra"


class ProjectLockedError(AerchiveError, TimeoutError):
    """Another program holds the project file and did not let go in time."""

    code = "project-locked"


class ReadOnlyError(AerchiveError, PermissionError):
    """The project was opened for reading, or cannot be written."""

    code = "read-only"


class TransactionError(AerchiveError, RuntimeError):
    """The operation does not fit the state of the transaction."""

    code = "transaction"


class ReadError(AerchiveError, OSError):
    """The disk failed while the project was read; nothing says that stored bytes are wrong."""

    code = "read"


class WriteError(AerchiveError, OSError):
    """The disk is full or failed while the project was written; the file is as it was."""

    code = "write"


class CommittedError(WriteError):
    """The disk failed after the commit: what was to be saved is saved, and the next opening completes the work."""

    code = "committed"


class UncertainError(WriteError):
    """The disk failed at the commit and let nothing be undone: only opening the project again shows what is saved."""

    code = "uncertain"


class ReplacedError(WriteError):
    """Another program replaced or removed the project file during the commit: what was saved is in the old file."""

    code = "replaced"


class FormatError(AerchiveError, OSError):
    """The file is not an aerchive project, or one this version cannot read."""

    code = "format"


class IntegrityError(FormatError):
    """Stored bytes are damaged: what was written is not what is there now."""

    code = "integrity"


class UnsafeContentError(AerchiveError, OSError):
    """The file contains something a file from a stranger may not contain."""

    code = "unsafe-content"


class ServiceError(AerchiveError, ConnectionError):
    """A cloud service could not be asked: no package for it, no account, no network, or it failed."""

    code = "service"


class ArchiveWarning(UserWarning):
    """Something could not be archived, a run cannot be read, or a project that is asked has no file yet."""
