"""aerchive stores quantum simulations in HDF5 files and reads them back.

A project is one HDF5 file, and each simulation is one group in it. Simulations are read back lazily as Qiskit objects.
Importing this package imports neither Qiskit nor HDF5; each name is loaded when it is first used.

See decisions 0002 and 0019.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerchive import aer as aer
    from aerchive.aer.opening import open_path as open
    from aerchive.aer.opening import trust, validate, vet
    from aerchive.aer.running.autosave import autosave
    from aerchive.codecs.attachment import AttachedFile
    from aerchive.errors import (
        AerchiveError,
        AlreadyExistsError,
        ArchiveWarning,
        CommittedError,
        FormatError,
        IntegrityError,
        InvalidInputError,
        MissingExtraError,
        NewerFormatError,
        NotFoundError,
        OtherBitsError,
        ProjectLockedError,
        ReadError,
        ReadOnlyError,
        ReplacedError,
        ServiceError,
        TransactionError,
        UncertainError,
        UnsafeContentError,
        UnsupportedTypeError,
        WriteError,
    )
    from aerchive.interop.figure_file import read_figure_data
    from aerchive.project.project import Project
    from aerchive.project.run import Run
    from aerchive.project.sealing.proof import Proof
    from aerchive.project.sealing.seal import Seal, read_seal
    from aerchive.stored.array import StoredArray
    from aerchive.stored.density_matrix import StoredDensityMatrix
    from aerchive.stored.operator import StoredOperator, StoredSuperOp
    from aerchive.stored.product_state import StoredProductState
    from aerchive.stored.stack import StackedArray
    from aerchive.stored.state import StoredState

__all__ = [
    "AerchiveError",
    "AlreadyExistsError",
    "ArchiveWarning",
    "AttachedFile",
    "CommittedError",
    "FormatError",
    "IntegrityError",
    "InvalidInputError",
    "MissingExtraError",
    "NewerFormatError",
    "NotFoundError",
    "OtherBitsError",
    "Project",
    "ProjectLockedError",
    "Proof",
    "ReadError",
    "ReadOnlyError",
    "ReplacedError",
    "Run",
    "Seal",
    "ServiceError",
    "StackedArray",
    "StoredArray",
    "StoredDensityMatrix",
    "StoredOperator",
    "StoredProductState",
    "StoredState",
    "StoredSuperOp",
    "TransactionError",
    "UncertainError",
    "UnsafeContentError",
    "UnsupportedTypeError",
    "WriteError",
    "autosave",
    "open",
    "read_figure_data",
    "read_seal",
    "trust",
    "validate",
    "vet",
]

_HOME = {
    "AttachedFile": ("codecs.attachment", "AttachedFile"),
    "Project": ("project.project", "Project"),
    "Proof": ("project.sealing.proof", "Proof"),
    "Run": ("project.run", "Run"),
    "Seal": ("project.sealing.seal", "Seal"),
    "StackedArray": ("stored.stack", "StackedArray"),
    "StoredArray": ("stored.array", "StoredArray"),
    "StoredDensityMatrix": ("stored.density_matrix", "StoredDensityMatrix"),
    "StoredOperator": ("stored.operator", "StoredOperator"),
    "StoredProductState": ("stored.product_state", "StoredProductState"),
    "StoredState": ("stored.state", "StoredState"),
    "StoredSuperOp": ("stored.operator", "StoredSuperOp"),
    "autosave": ("aer.running.autosave", "autosave"),
    "open": ("aer.opening", "open_path"),
    "read_figure_data": ("interop.figure_file", "read_figure_data"),
    "read_seal": ("project.sealing.seal", "read_seal"),
    "trust": ("aer.opening", "trust"),
    "validate": ("aer.opening", "validate"),
    "vet": ("aer.opening", "vet"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("aerchive")
    if name == "aer":
        return import_module("aerchive.aer")
    if name not in __all__:
        raise AttributeError(f"module 'aerchive' has no attribute {name!r}")
    module, attribute = _HOME.get(name, ("errors", name))
    return getattr(import_module(f"aerchive.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(_shell: Any) -> None:
    """Archives every run of Aer in this notebook; IPython calls it for ``%load_ext aerchive``."""
    import_module("aerchive.aer.running.notebook").load()


def unload_ipython_extension(_shell: Any) -> None:
    """Ends what ``%load_ext aerchive`` began; IPython calls it for ``%unload_ext aerchive``."""
    import_module("aerchive.aer.running.notebook").unload()
