"""The software and machine of a run. They are the same for a whole process and are stored once."""

from __future__ import annotations

from typing import Any, ClassVar

from aerchive.models.base import Document


class Provenance(Document):
    """The software and the machine of a run.

    Attributes:
        python: The version and the implementation of Python.
        aerchive: The version of aerchive.
        qiskit: The version of Qiskit.
        qiskit_aer: The version of Qiskit Aer.
        numpy: The version of numpy.
        h5py: The version of h5py.
        hdf5: The version of the HDF5 library.
        host: The name of the machine.
        platform: The operating system, its release and the processor.
        cpu_count: The number of logical processors of the machine.
        cpu_available: The number of logical processors that the process may use.
        threads: The environment variables that limit the number of threads, such as ``OMP_NUM_THREADS``, if they have a
            value that such a variable may have. No other environment variable is stored.
        script: The file name of the program, without its folder.
        notebook: The file name of the notebook, without its folder, if the notebook program tells it.
        git_commit: The commit of the working directory, if it is in a git checkout.
        git_dirty: Whether files that git tracks were changed in this checkout.
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
    notebook: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
