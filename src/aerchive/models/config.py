"""The configuration of a run: the requested options, and the values that the simulator used."""

from __future__ import annotations

from typing import Any, ClassVar

from aerchive.models.base import Document


class RunConfig(Document):
    """Configuration of a run.

    Attributes:
        program: The program of the run: ``run`` for ``backend.run``, ``sampler`` or ``estimator`` for a primitive.
        parent: The job id of the primitive that called ``backend.run``. Absent if the user called it.
        cell: The number of the notebook cell that submitted or saved the run, as in ``In [7]``. Absent elsewhere.
        cell_id: The id of this cell in the notebook file. Absent if the notebook program does not tell it.
        conflicts_with: The job id of a stored run with another result of the same job. Absent without such a run.
        primitive_class: The module and class of the primitive.
        primitive_options: The options of the primitive.
        backend_name: The name of the backend.
        backend_version: The version of the backend. It may be empty.
        backend_class: The module and class of the backend object.
        num_circuits: The number of circuits that were given to the backend.
        num_experiments: The number of results: circuits times parameter binds. Absent if there was no result.
        num_qubits: The greatest number of qubits of a circuit.
        num_clbits: The greatest number of classical bits of a circuit.
        circuit_names: The names of the circuits, in order.
        circuit_facts: What the circuits are in numbers, one mapping for each circuit, or only one if it is the same for
            all: ``depth``, ``size`` (see ``QuantumCircuit.depth`` and ``size``), ``ops`` (the number of operations
            by name), and ``metadata``, if there are any, without values that are long or no plain data.
        bound: The values of the circuit's parameters by name, each ``None`` if the run has several points. Absent
            without parameters.
        options: The options that the user set on the backend or for this run. Options of the run take precedence. Of a
            primitive: those of its backend, or of the simulator beneath if the backend is not one of Aer's, with the
            noise model of the first simulation.
        run_options: The names of the options that were given to ``run``. The others were set on the backend.
        unknown_options: The names of options that Aer does not know and ignored. Absent if there were none.
        target_gates: The basis gates of a backend with a target. Absent for other backends.
        used: The values that Aer reports for the first experiment: ``method``, ``device``, ``seed_simulator``,
            ``shots`` and so on.
        missing: Descriptions in words of the parts of the run that could not be stored.
        anonymised: The places of the personal facts that were left out or replaced when the run was copied without
            them, such as ``provenance.host``. Absent for every other run.
        service: The information of a cloud service about a job that ran there: ``instance``, ``session_id``,
            ``image``, ``private``, ``usage_seconds``, ``metrics``, ``inputs`` (the inputs that are neither pubs nor
            options), and ``client``, which fetched the job. Empty for every other run.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"options", "primitive_options", "used", "service"})

    program: str = "run"
    parent: str | None = None
    cell: int | None = None
    cell_id: str | None = None
    conflicts_with: str | None = None
    primitive_class: str | None = None
    primitive_options: dict[str, Any] = {}
    backend_name: str | None = None
    backend_version: str | None = None
    backend_class: str | None = None
    num_circuits: int | None = None
    num_experiments: int | None = None
    num_qubits: int | None = None
    num_clbits: int | None = None
    circuit_names: list[str] | None = None
    circuit_facts: list[dict[str, Any]] | None = None
    bound: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    run_options: list[str] | None = None
    unknown_options: list[str] | None = None
    target_gates: list[str] | None = None
    used: dict[str, Any] = {}
    missing: list[str] | None = None
    anonymised: list[str] | None = None
    service: dict[str, Any] = {}
