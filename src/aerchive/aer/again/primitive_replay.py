"""The data for running a primitive again, whose simulations are those of the runs beneath it (decision 0023)."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Gate
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit_aer import AerSimulator

from aerchive.aer.again.replay import BACKENDS, Replay, obstacle_to
from aerchive.aer.capturing.options import restore_options
from aerchive.aer.capturing.provenance import provenance
from aerchive.models import tagged_json
from aerchive.private_names import set_private
from aerchive.project.run import Run
from aerchive.text import type_name

_PRIMITIVES: dict[str, Any] = {
    "qiskit_aer.primitives.sampler_v2.SamplerV2": qiskit_aer.primitives.SamplerV2,
    "aerchive.aer.primitives.SamplerV2": qiskit_aer.primitives.SamplerV2,
    "qiskit_aer.primitives.estimator_v2.EstimatorV2": qiskit_aer.primitives.EstimatorV2,
    "aerchive.aer.primitives.EstimatorV2": qiskit_aer.primitives.EstimatorV2,
    "qiskit.primitives.backend_sampler_v2.BackendSamplerV2": BackendSamplerV2,
    "qiskit.primitives.backend_estimator_v2.BackendEstimatorV2": BackendEstimatorV2,
}
OVER_A_BACKEND = (BackendSamplerV2, BackendEstimatorV2)
"""Primitives that are made with a backend."""
_BEFORE_OPTIONS = ("default_shots", "seed")
"""Arguments of Aer's sampler that are not in its options."""
_PASS_ON = ("qiskit_ibm_runtime.fake_provider.", "qiskit.providers.fake_provider.")
"""Modules of backends that only give circuits to a simulator of Aer, with options, and its result back."""
_GIVEN_BY_PRIMITIVES = frozenset({"shots", "memory", "seed_simulator"})
"""Options that primitives give to ``run`` of their backend by themselves."""
_EXACT_METHODS = (None, "automatic", "statevector", "density_matrix")
"""Simulation methods whose expectation values do not depend on the seed if nothing in the circuit is random."""


class PrimitiveReplay(Replay):
    """The data for running a primitive again.

    The simulations that it started are taken from the runs beneath, with their circuits, options, noise and seeds:
    what its backend made of the primitive's calls is known only from them.

    Attributes:
        primitive: The stock class of the primitive.
        beneath: The runs of the simulations that the primitive started, in order.
    """

    primitive: Any
    beneath: list[Run]
    _own_options: dict[str, Any]

    def _check(self) -> None:
        super()._check()
        self.primitive = _PRIMITIVES.get(self._config.primitive_class or "")
        if self.primitive is None:
            known = self._config.primitive_class or "a primitive that is not known"
            raise self._refuse(f"it was run by {known}; only the primitives of Aer and Qiskit's over a backend can be")
        self.beneath = self._run.children()
        for child in self.beneath:
            if (obstacle := obstacle_to(child)) is not None:
                raise self._refuse(f"simulation {child.job_id} beneath it: {obstacle}")
        if not self.beneath and not self._is_stock():
            where = self._config.backend_class
            raise self._refuse(f"its backend was {where}, and the simulations beneath it are not archived")

    def _has_circuits(self) -> bool:
        return bool(self._config.num_circuits)

    def _read_inputs(self) -> tuple[Any, ...]:
        return (self._run.stored_result.pubs(self._circuits()),)

    def _known_options(self) -> dict[str, Any]:
        options = super()._known_options()
        own = self._taken(self._config.primitive_options)
        for child in self.beneath:
            self._taken(child.record.config.options)
        self._own_options = {name: own[name] for name in own if self._is_option(name)}
        pubs = self.inputs[0]
        if (
            self.primitive is qiskit_aer.primitives.EstimatorV2
            and self._config.primitive_options.get("run.seed_simulator") is None
            and any(pub.precision for pub in pubs)
        ):
            raise self._refuse("Aer's estimator drew its values with a precision above 0 and without a seed")
        if not self.beneath and self._is_made_for_target():
            raise self._refuse("the simulations beneath it are not archived, and their circuits were made for a device")
        has_values = self._run.outcome != "error"
        if not self.beneath and has_values and not self._has_seed(options) and not self._is_exact(options):
            raise self._refuse("the simulations beneath it are not archived, and so are not the seeds that Aer chose")
        return options

    def _is_option(self, name: str) -> bool:
        """Whether the primitive's class takes an option; others were set as attributes, and have no effect."""
        if name.startswith("run.") or name in (*_option_names(self.primitive), *_BEFORE_OPTIONS):
            return True
        then, now = self._run.record.provenance, provenance()
        kind = self.primitive.__name__
        if then is None or (then.qiskit, then.qiskit_aer) != (now.qiskit, now.qiskit_aer):
            raise self._refuse(f"{kind} has no option {name!r} in the installed versions")
        self.notes.append(f"had the option {name!r}, which {kind} does not have, so that it has no effect")
        return False

    def _is_made_for_target(self) -> bool:
        """Whether the primitive makes its circuits for the target of its backend, which is not restored."""
        return self.primitive is BackendEstimatorV2 and self._config.target_gates is not None

    def _has_seed(self, options: Mapping[str, Any]) -> bool:
        """Whether the user gave the seed of the simulations."""
        own = self._own_options
        given = (own.get("seed"), own.get("seed_simulator"), own.get("run.seed_simulator"))
        return any(seed is not None for seed in (*given, options.get("seed_simulator")))

    def _is_exact(self, options: Mapping[str, Any]) -> bool:
        """Whether the values do not depend on the seeds of the simulations."""
        return (
            self.primitive is qiskit_aer.primitives.EstimatorV2
            and options.get("noise_model") is None
            and (self._own_options.get("run.method") or options.get("method")) in _EXACT_METHODS
            and all(
                isinstance(instruction.operation, Gate | Barrier)
                for pub in self.inputs[0]
                for instruction in pub.circuit.data
            )
        )

    def _simulated(self) -> list[Any]:
        return [] if self.beneath else [pub.circuit for pub in self.inputs[0]]

    @property
    def doubt(self) -> str | None:
        """The reason for which the run may come out differently although it ran again; ``None`` if there is none."""
        if (doubt := doubt_of_backend(self._run)) is not None:
            return doubt
        return None if self.beneath or self._has_seed(self.options) else "the seeds that Aer chose are not archived"

    @property
    def backend_class(self) -> str:
        """Module and class of the primitive's backend, as they are stored if the new run is archived."""
        return type_name(self.kind) if self._is_stock() else str(self._config.backend_class)

    @property
    def seeds(self) -> list[int | None]:
        """The seeds of the simulations that the primitive started, in order."""
        return [child.stored_seed for child in self.beneath]

    def is_plain(self) -> bool:
        """Whether the primitive over a stock simulator with its options does the same without the runs beneath."""
        own = self._config
        given = {name.removeprefix("run."): v for name, v in own.primitive_options.items() if name.startswith("run.")}
        of_run = given.keys() - _GIVEN_BY_PRIMITIVES
        return (
            self._is_stock()
            and not self._is_made_for_target()
            and all(
                config.backend_class == own.backend_class
                and config.target_gates == own.target_gates
                and set(in_run := config.run_options or ()) <= _GIVEN_BY_PRIMITIVES | given.keys()
                and _texts(config.options, config.options.keys() - in_run)
                == _texts(own.options, own.options.keys() - in_run)
                and _texts(config.options, of_run) == _texts(given, of_run)
                for config in (child.record.config for child in self.beneath)
            )
        )

    def arguments(self) -> dict[str, Any]:
        """The arguments of the primitive's class, without the backend."""
        own = self._own_options
        run_options = {name.removeprefix("run."): value for name, value in own.items() if name.startswith("run.")}
        if "run.noise_model" in self._config.primitive_options:
            run_options["noise_model"] = self.options["noise_model"]
        options = {name: v for name, v in own.items() if not name.startswith("run.") and name not in _BEFORE_OPTIONS}
        if run_options or self.primitive.__module__.startswith("qiskit_aer."):
            options["run_options"] = run_options
        before = {name: own[name] for name in _BEFORE_OPTIONS if name in own}
        return {"options": options} if self.primitive in OVER_A_BACKEND else {**before, "options": options}

    def _backend(self, options: dict[str, Any]) -> Any:
        if self._is_stock():
            return super()._backend(options)
        self.notes.append(
            f"was run by {self._config.backend_class}; the simulations beneath it are run again as they were, by a "
            "stock AerSimulator"
        )
        backend = AerSimulator()
        restore_options(backend, options)
        return backend

    def submit(self) -> Any:
        """Starts the run again with a stock primitive, whose simulations are those of the runs beneath.

        Returns:
            The job; its ``result`` raises an ``InvalidInputError`` if the primitive does not start the simulations that
            it had started.
        """
        self.jobs = []
        backend = self._backend(self.options)
        backend.__class__ = _replaying_backend(type(backend), self)
        kind = _counted_primitive(self.primitive, self)
        if self.primitive in OVER_A_BACKEND:
            primitive = kind(backend=backend, **self.arguments())
        else:
            primitive = kind(**self.arguments())
            set_private(primitive, _backend=backend)
        return primitive.run(*self.inputs)

    def simulation(self, circuits: Sequence[Any]) -> Replay:
        """The data for running the next one of the simulations beneath again.

        Args:
            circuits: The circuits that the primitive gives to its backend now.

        Raises:
            InvalidInputError: The primitive had not given such circuits to its backend.
        """
        number = len(self.jobs)
        if number >= len(self.beneath):
            raise self._refuse(f"it starts more simulations now than the {number} beneath it")
        child = Replay(self.beneath[number], take_resources=self._takes_resources)
        if list(map(_registers, circuits)) != list(map(_registers, child.inputs[0])):
            where = self.beneath[number].job_id
            raise self._refuse(f"simulation {where} beneath it had other circuits than it gives to its backend now")
        return child

    def check_number(self) -> None:
        """Checks that the primitive has started each of the simulations beneath again.

        Raises:
            InvalidInputError: It has started fewer.
        """
        if len(self.jobs) < len(self.beneath):
            raise self._refuse(f"it starts {len(self.jobs)} simulations now, and {len(self.beneath)} are beneath it")


def _replaying_backend(kind: Any, replay: PrimitiveReplay) -> Any:
    """A class of simulators whose ``run`` runs the simulations beneath a primitive again, one a call."""

    class Replaying(kind):
        stored_name = replay.backend_class

        @property
        def max_circuits(self) -> int | None:
            """The largest number of circuits in one call, so that the primitive makes the calls that it had made."""
            numbers = (child.record.config.num_circuits or 0 for child in replay.beneath)
            return max(numbers, default=super().max_circuits)

        def run(self, circuits: Any, parameter_binds: Any = None, **options: Any) -> Any:
            if replay.beneath:
                given = [circuits] if isinstance(circuits, QuantumCircuit) else list(circuits)
                job = replay.simulation(given).submit()
            else:
                job = super().run(circuits, parameter_binds, **options)
            replay.jobs.append(job)
            return job

    return Replaying


def _counted_primitive(kind: Any, replay: PrimitiveReplay) -> Any:
    """A subclass of a primitive's class that checks at the end whether it has started all simulations again."""

    class Counted(kind):
        stored_name = f"{kind.__module__}.{kind.__qualname__}"

        def _run(self, pubs: Any) -> Any:
            result = super()._run(pubs)
            replay.check_number()
            return result

    return Counted


@functools.cache
def _option_names(kind: Any) -> frozenset[str]:
    """The names of the options that the class of a primitive has."""
    return frozenset(field.name for field in dataclasses.fields(sys.modules[kind.__module__].Options))


def _registers(circuit: QuantumCircuit) -> list[tuple[str, int]]:
    """Names and sizes of the classical registers of a circuit; those of Qiskit's estimator name the measured basis."""
    return [(register.name, register.size) for register in circuit.cregs]


def _texts(options: Mapping[str, Any], names: AbstractSet[str]) -> dict[str, str]:
    """Stored options as texts that can be compared, also those with arrays."""
    return {name: repr(tagged_json.encode(options.get(name))) for name in names}


def doubt_of_backend(run: Run) -> str | None:
    """The reason for doubt if a primitive's backend is of a class that may do more than to pass on."""
    known = run.record.config.backend_class
    if known is None or known in BACKENDS or known.startswith(_PASS_ON):
        return None
    return f"what its backend, {known}, does with circuits and results is not archived"
