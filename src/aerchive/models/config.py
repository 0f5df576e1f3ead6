"""What a run was asked to do, and what the simulator really used."""

from __future__ import annotations

from typing import Any, ClassVar

from aerchive.models.base import Document


class RunConfig(Document):
    """Configuration of a run.

    Attributes:
        program: What was called: ``run`` for ``backend.run``, ``sampler`` or ``estimator`` for a primitive.
        parent: Job id of the primitive that called ``backend.run``; absent if the user did.
        conflicts_with: Job id of another result of the same job, beside which this one is kept.
        primitive_class: Module and class of the primitive.
        primitive_options: Options of the primitive.
        backend_name: The backend's own name.
        backend_version: Its version, may be empty.
        backend_class: Module and class of the backend object.
        num_circuits: Circuits handed over.
        num_experiments: Results that came back: circuits times parameter binds. Absent if there was no result.
        num_qubits: The most qubits of a circuit.
        num_clbits: The most classical bits of a circuit.
        circuit_names: Of the circuits, in order.
        options: Options set by the user, on the backend or for this run; the run's win.
        run_options: Names of those that were given to ``run``; the others were set on the backend.
        unknown_options: Names of options that Aer does not have, and ignored. Absent if there were none.
        target_gates: Basis gates of a backend with a target; others have none.
        used: What Aer reports to have used: ``method``, ``device``, ``seed_simulator``, ``shots`` and so on, of the
            first experiment.
        missing: In words, what of the run could not be stored.
        service: What a cloud service says of a job that ran there: ``instance``, ``session_id``, ``image``,
            ``private``, ``usage_seconds``, ``metrics``, ``inputs`` (those that are neither pubs nor options), and
            ``client``, which fetched it. Empty for every other run.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"options", "primitive_options", "used", "service"})

    program: str = "run"
    parent: str | None = None
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
    options: dict[str, Any] = {}
    run_options: list[str] | None = None
    unknown_options: list[str] | None = None
    target_gates: list[str] | None = None
    used: dict[str, Any] = {}
    missing: list[str] | None = None
    service: dict[str, Any] = {}

    @property
    def is_of_primitive(self) -> bool:
        """Whether it is a primitive's own run, or one beneath."""
        return self.primitive_class is not None or self.parent is not None or bool(self.service)
