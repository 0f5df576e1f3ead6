"""The error of an archived job that failed."""

from __future__ import annotations

from typing import ClassVar

from qiskit.exceptions import QiskitError

from aerchive.errors import AerchiveError, printable


class AerJobError(AerchiveError, QiskitError):
    """The archived job itself failed, or has no result.

    Attributes:
        error_type: Module and class of the exception that the job raised, or ``None``.
        stored_traceback: The original traceback of this exception as text, or ``None``.
    """

    code: ClassVar[str] = "aer-job"

    def __init__(self, message: str, error_type: str | None = None, stored_traceback: str | None = None) -> None:
        AerchiveError.__init__(self, message)
        self.error_type = error_type
        self.stored_traceback = None if stored_traceback is None else printable(stored_traceback)

    def __reduce__(self) -> tuple[type[AerJobError], tuple[str, str | None, str | None]]:
        return type(self), (self.message, self.error_type, self.stored_traceback)
