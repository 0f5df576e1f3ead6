"""The data for running an archived run again: circuits, binds, options, noise, seeds, and the class that ran it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import qiskit_aer
import qiskit_aer.primitives
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Gate
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from aerchive.aer.again.compare import compare_primitive_results
from aerchive.aer.again.resources import without_resources
from aerchive.aer.again.untrusted import must_be_in_child, rerun_in_child
from aerchive.aer.archived.result import archived_result
from aerchive.aer.capturing.binds import AS_A_LIST
from aerchive.aer.capturing.options import has_effect, restore_options, stored_options
from aerchive.aer.capturing.provenance import provenance
from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.noise_checks import check_noise_fits
from aerchive.errors import AerchiveError, ArchiveWarning, InvalidInputError, UnsafeContentError
from aerchive.models import tagged_json
from aerchive.private_names import GONE, set_private
from aerchive.project.run import Run
from aerchive.text import type_name

_BACKENDS = {
    "qiskit_aer.backends.aer_simulator.AerSimulator": AerSimulator,
    "aerchive.aer.simulator.AerSimulator": AerSimulator,
    "qiskit_aer.backends.qasm_simulator.QasmSimulator": qiskit_aer.QasmSimulator,
    "qiskit_aer.backends.statevector_simulator.StatevectorSimulator": qiskit_aer.StatevectorSimulator,
    "qiskit_aer.backends.unitary_simulator.UnitarySimulator": qiskit_aer.UnitarySimulator,
}
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


class Replay:
    """The data for running a run again.

    Args:
        run: The archived run.
        take_resources: Whether options that ask for memory, processors and devices are taken.

    Attributes:
        notes: Remarks for the user.
        left_out: Names of the options that were not taken.
        inputs: The positional arguments of ``run``: circuits and binds, or pubs.
        jobs: The jobs of the simulations that were started again.
        options: Options with their values, including the noise model.

    Raises:
        InvalidInputError: The run cannot be run again; the message says why.
        NotFoundError: The run was archived without its circuits, or a primitive without its pubs.
    """

    def __init__(self, run: Run, *, take_resources: bool) -> None:
        self._run = run
        self._takes_resources = take_resources
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.jobs: list[Any] = []
        with run.held():  # all is looked up in one opening of the file, and decoded afterwards
            self._config = run.record.config
            self._check()
            self._noise = run.stored_noise_model()
            with contextlib.suppress(AerchiveError):  # raised again where it is used
                self._look_ahead()
            self._circuits: Callable[[], list[Any]] = run.stored_circuits() if self._has_circuits() else list
        self.inputs = self._read_inputs()
        self.options = self._known_options()
        if self.left_out:
            self.notes.append(note_on(self.left_out))

    def _refuse(self, why: str) -> InvalidInputError:
        return InvalidInputError(f"run {self._run.job_id} cannot be run again: {why}")

    def _check(self) -> None:
        obstacle = _obstacle(self._run)
        if obstacle is not None:
            raise self._refuse(obstacle)

    @property
    def doubt(self) -> str | None:
        """The reason for which the run may come out differently although it ran again; ``None`` if there is none."""
        if self.options.get("seed_simulator") is None and self._run.stored_seed is None:
            return "the seed that Aer chose is not archived"
        return None

    def _look_ahead(self) -> None:
        """Reads the documents of the inputs and, for the seed that Aer chose, of the result."""
        stored = self._run.stored_result
        stored.load_inputs()
        if self._run.outcome != "error":
            stored.load(with_counts=True)  # a run that is run again is compared with its counts

    def _has_circuits(self) -> bool:
        return self._config.num_circuits != 0

    def _read_inputs(self) -> tuple[Any, ...]:
        """The positional arguments of ``run``."""
        circuits = self._circuits()
        return circuits, self._run.parameter_binds()

    def _known_options(self) -> dict[str, Any]:
        """The options with their values, including the noise model."""
        options = self._taken(self._config.options)
        noise = self._noise()
        if noise is not None:
            options["noise_model"] = noise
            try:
                check_noise_fits(noise.stored_errors.get("errors", []), self._simulated())
            except CheckError as error:
                raise UnsafeContentError(f"run {self._run.job_id} is not run again, because {error}") from error
            if noise.lost_passes:
                raise self._refuse(
                    f"its noise model had custom passes ({', '.join(noise.lost_passes)}), which could not be stored"
                )
        return options

    def _taken(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The stored options, without those that a foreign file may not decide."""
        options = stored_options(stored)
        if self._takes_resources:
            return options
        left_out: list[str] = []
        kept = without_resources(options, left_out)
        self.left_out += [name for name in left_out if name not in self.left_out]
        return kept

    def _simulated(self) -> list[Any]:
        """The circuits that are simulated."""
        circuits: list[Any] = self.inputs[0]
        return circuits

    @property
    def chosen_seed(self) -> int | None:
        """The seed that Aer had chosen; ``None`` if the options contain a seed."""
        return self._run.stored_seed if self.options.get("seed_simulator") is None else None

    def split_options(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options to set on the backend, and those to give to ``run``, including the seed that Aer had chosen."""
        options = dict(self.options)
        if self.chosen_seed is not None:
            options["seed_simulator"] = self.chosen_seed
        in_run = self._config.run_options
        in_run = list(options) if in_run is None else [*in_run, "seed_simulator"]
        return (
            {name: value for name, value in options.items() if name not in in_run},
            {name: value for name, value in options.items() if name in in_run},
        )

    def submit(self) -> Any:
        """Starts the run again with a stock simulator; returns the job."""
        on_backend, in_run = self.split_options()
        circuits, binds = self.inputs
        self.jobs = [self._backend(on_backend).run(circuits, parameter_binds=binds, **in_run)]
        return self.jobs[0]

    def _is_stock(self) -> bool:
        """Whether a stock class of Aer ran the run, or one of ours for it."""
        return self._config.backend_class is None or self._config.backend_class in _BACKENDS

    @property
    def kind(self) -> Any:
        """The stock class of the simulator."""
        return _BACKENDS.get(self._config.backend_class or "", AerSimulator)

    def _backend(self, options: dict[str, Any]) -> Any:
        """Makes a stock simulator like the one that ran the run.

        Args:
            options: Options to set on the simulator, by name.
        """
        if not self._is_stock():
            self.notes.append(f"was run by {self._config.backend_class}; a stock AerSimulator runs it again")
        backend = self.kind()
        restore_options(backend, options)
        if self._config.target_gates is not None:
            # With a target Aer accepts only its basis gates as gates.
            set_private(backend, _target=Target(), _cached_basis_gates=list(self._config.target_gates))
        return backend


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
            if (obstacle := _obstacle(child)) is not None:
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
        if (doubt := _doubt_of_backend(self._run)) is not None:
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


def _obstacle(run: Run) -> str | None:
    """The reason why a run cannot be run again, as its documents have it; ``None`` if there is none."""
    config, outcome = run.record.config, run.outcome
    if config.service:
        where = config.backend_name or "a backend"
        return f"it ran on {where} of IBM's service; a simulator draws other shots, without its noise"
    if outcome == "lost":
        return "its process died before its circuits were archived"
    if outcome in ("running", "cancelled"):
        return f"it is {outcome}, so there is nothing to compare with"
    lost = [text for text in config.missing or () if _matters(text)]
    return f"these were not archived: {'; '.join(lost)}" if lost else None


def _doubt_of_backend(run: Run) -> str | None:
    """The reason for doubt if a primitive's backend is of a class that may do more than to pass on."""
    known = run.record.config.backend_class
    if known is None or known in _BACKENDS or known.startswith(_PASS_ON):
        return None
    return f"what its backend, {known}, does with circuits and results is not archived"


def _matters(loss: str) -> bool:
    """Whether a loss affects the simulation; metadata and options that Aer ignores do not."""
    if loss.startswith("circuits: "):
        return ": metadata " not in loss
    if loss.startswith("option "):
        return has_effect(loss.removeprefix("option ").split(":")[0].strip("'\"").removeprefix("run."))
    if loss.startswith("parameter_binds"):
        return not loss.endswith(AS_A_LIST)
    return GONE in loss or loss.startswith("target_gates: ")


def note_on(left_out: Sequence[str]) -> str:
    """The remark that options were not taken, as the end of a sentence that begins with the run."""
    return (
        f"is from a file that is not yours, so options that ask for resources were not taken: {', '.join(left_out)}; "
        "take_resources=True or --take-resources takes them"
    )


def replay_of(run: Run, *, take_resources: bool) -> Replay:
    """The data for running a run again, of a simulator or of a primitive.

    Args:
        run: The archived run.
        take_resources: Whether options that ask for memory, processors and devices are taken; those of a foreign file
            are not, unless the user asks.

    Raises:
        InvalidInputError: The run cannot be run again; the message says why.
        NotFoundError: The run was archived without its circuits, or a primitive without its pubs.
    """
    kind = Replay if run.program == "run" else PrimitiveReplay
    return kind(run, take_resources=take_resources)


def rerun(run: Run, *, save: bool, take_resources: bool, untrusted: bool) -> Any:
    """Runs an archived run again; see `aerchive.project.run.Run.rerun`."""
    is_in_child = must_be_in_child(run, untrusted=untrusted)
    if save:
        run.project.check_destination()
        if is_in_child and run.program != "run":
            raise InvalidInputError(
                f"run {run.job_id} of a primitive cannot be run again and saved: its simulations would be lost in "
                f"a process of their own; trust the file first: aerchive trust {run.project.file.path}"
            )
    replay, doubt = None, _doubt_of_backend(run)
    if is_in_child:
        made, left_out = rerun_in_child(run, take_resources=take_resources)
        job = made.job()
    else:
        replay, left_out = replay_of(run, take_resources=True), []
        job, doubt = replay.submit(), replay.doubt
    if left_out:
        warnings.warn(f"run {run.job_id} {note_on(left_out)}", ArchiveWarning, stacklevel=5)
    if save:
        name, notes = run.name or run.job_id, f"run again of job {run.job_id}"
        if left_out:
            notes += f"; not taken: {', '.join(left_out)}"
        run.project.save(job, name=f"{name} again", notes=notes, tags=run.tags)
        for beneath in replay.jobs if isinstance(replay, PrimitiveReplay) else ():
            beneath._aerchive_parent = job.job_id()
            run.project.save(beneath)
    result = job.result()
    if doubt is not None and run.program != "run" and run.outcome == "ok" and _differs(archived_result(run), result):
        warnings.warn(f"run {run.job_id} has other values now: {doubt}", ArchiveWarning, stacklevel=5)
    return result


def _differs(before: Any, again: Any) -> bool:
    """Whether two results of a primitive have other values."""
    return any(value.verdict != "identical" for value in compare_primitive_results(before, again))
