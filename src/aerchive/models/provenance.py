"""Where a run came from: the same for a whole process, stored once."""

from __future__ import annotations

from typing import Any, ClassVar

from aerchive.models.base import Document


class Provenance(Document):
    """Software and machine of a run.

    Attributes:
        python: Version of Python and its implementation.
        aerchive: Version of aerchive.
        qiskit: Version of Qiskit.
        qiskit_aer: Version of Qiskit Aer.
        numpy: Version of numpy.
        h5py: Version of h5py.
        hdf5: Version of the HDF5 library.
        host: Name of the machine.
        platform: Operating system, release and processor.
        cpu_count: Logical processors of the machine.
        cpu_available: Logical processors this process may use.
        threads: Settings of the environment that limit threads, such as ``OMP_NUM_THREADS``.
        script: Name of the program's file, without its folder.
        git_commit: Commit of the working directory, if it is in a git checkout.
        git_dirty: Whether files that git tracks had been changed there.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"threads"})

    python: str
    aerchive: str
    numpy: str
    h5py: str
    hdf5: str
    host: str
    platform: str
    cpu_count: int
    cpu_available: int
    qiskit: str | None = None
    qiskit_aer: str | None = None
    threads: dict[str, Any] = {}
    script: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
