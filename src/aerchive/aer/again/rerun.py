"""The data for running an archived run again: circuits, binds, options, noise, seeds, and the class that ran it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qiskit_aer
import qiskit_aer.primitives
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from aerchive.aer.again.resources import without_resources
from aerchive.aer.again.untrusted import must_be_in_child, rerun_in_child
from aerchive.aer.capturing.binds import AS_A_LIST
from aerchive.aer.capturing.options import has_effect, restore_options, stored_options
from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.noise_checks import check_noise_fits
from aerchive.codecs.registry import AS_ITS_VALUE
from aerchive.errors import AerchiveError, ArchiveWarning, InvalidInputError, UnsafeContentError
from aerchive.private_names import set_private
from aerchive.project.run import Run

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


class Replay:
    """The data for running a run again.

    Args:
        run: The archived run.
        take_resources: Whether options that ask for memory, processors and devices are taken.

    Attributes:
        notes: Remarks for the user.
        left_out: Names of the options that were not taken.
        inputs: The positional arguments of ``run``: circuits and binds, or pubs.
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
        if self._config.service:
            where = self._config.backend_name or "a backend"
            raise self._refuse(f"it ran on {where} of IBM's service; a simulator draws other shots, without its noise")
        outcome = self._run.outcome
        if outcome == "lost":
            raise self._refuse("its process died before its circuits were archived")
        if outcome in ("running", "cancelled"):
            raise self._refuse(f"it is {outcome}, so there is nothing to compare with")
        lost = [text for text in self._config.missing or () if _matters(text)]
        if lost:
            raise self._refuse(f"these were not archived: {'; '.join(lost)}")

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
        return self._backend(on_backend).run(circuits, parameter_binds=binds, **in_run)

    @property
    def kind(self) -> Any:
        """The stock class of the simulator."""
        return _BACKENDS.get(self._config.backend_class or "", AerSimulator)

    def _backend(self, options: dict[str, Any]) -> Any:
        """Makes a stock simulator like the one that ran the run.

        Args:
            options: Options to set on the simulator, by name.
        """
        known = self._config.backend_class
        if known is not None and known not in _BACKENDS:
            self.notes.append(f"was run by {known}; a stock AerSimulator runs it again")
        backend = self.kind()
        restore_options(backend, options)
        if self._config.target_gates is not None:
            # With a target Aer accepts only its basis gates as gates.
            set_private(backend, _target=Target(), _cached_basis_gates=list(self._config.target_gates))
        return backend


class PrimitiveReplay(Replay):
    """The data for running a primitive again; the seeds are those of the simulations that the primitive started.

    Attributes:
        primitive: The stock class of the primitive.
    """

    primitive: Any
    _own_options: dict[str, Any]

    def _check(self) -> None:
        super()._check()
        self.primitive = _PRIMITIVES.get(self._config.primitive_class or "")
        if self.primitive is None:
            known = self._config.primitive_class or "a primitive that is not known"
            raise self._refuse(f"it was run by {known}; only the primitives of Aer and Qiskit's over a backend can be")

    def _has_circuits(self) -> bool:
        return bool(self._config.num_circuits)

    def _read_inputs(self) -> tuple[Any, ...]:
        return (self._run.stored_result.pubs(self._circuits()),)

    def _known_options(self) -> dict[str, Any]:
        options = super()._known_options()
        self._own_options = self._taken(self._config.primitive_options)
        pubs = self.inputs[0]
        own = self._config.primitive_options
        if (
            self.primitive is qiskit_aer.primitives.EstimatorV2
            and own.get("run.seed_simulator") is None
            and any(pub.precision for pub in pubs)
        ):
            raise self._refuse("Aer's estimator drew its values with a precision above 0 and without a seed")
        return options

    def _simulated(self) -> list[Any]:
        return [pub.circuit for pub in self.inputs[0]]

    @property
    def seeds(self) -> list[int | None]:
        """The seeds of the simulations that the primitive started, in order."""
        return [child.stored_seed for child in self._run.children()]

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

    def submit(self) -> Any:
        """Starts the run again with a stock primitive on a stock simulator; returns the job."""
        backend = self._backend(self.options)
        _use_seeds(backend, self.seeds)
        if self.primitive in OVER_A_BACKEND:
            primitive = self.primitive(backend=backend, **self.arguments())
        else:
            primitive = self.primitive(**self.arguments())
            set_private(primitive, _backend=backend)
        return primitive.run(*self.inputs)


def _use_seeds(backend: Any, seeds: list[int | None]) -> None:
    """Makes a simulator use these seeds, one for each call of ``run``, if the caller leaves the choice to Aer."""
    waiting = iter(seeds)
    kind: Any = type(backend)

    class Seeded(kind):
        def run(self, circuits: Any, parameter_binds: Any = None, **options: Any) -> Any:
            seed = next(waiting, None)
            if options.get("seed_simulator") is None and seed is not None:
                options["seed_simulator"] = seed
            return super().run(circuits, parameter_binds, **options)

    backend.__class__ = Seeded


def _matters(loss: str) -> bool:
    """Whether a loss affects the simulation; metadata and options that Aer ignores do not."""
    if loss.endswith(AS_ITS_VALUE):
        return False
    if loss.startswith("circuits: "):
        return ": metadata " not in loss
    if loss.startswith("option "):
        return has_effect(loss.removeprefix("option ").split(":")[0].strip("'\""))
    return loss.startswith("parameter_binds") and not loss.endswith(AS_A_LIST)


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
    if is_in_child:
        made, left_out = rerun_in_child(run, take_resources=take_resources)
        job = made.job()
    else:
        job, left_out = replay_of(run, take_resources=True).submit(), []
    if left_out:
        warnings.warn(f"run {run.job_id} {note_on(left_out)}", ArchiveWarning, stacklevel=5)
    if save:
        name, notes = run.name or run.job_id, f"run again of job {run.job_id}"
        if left_out:
            notes += f"; not taken: {', '.join(left_out)}"
        run.project.save(job, name=f"{name} again", notes=notes, tags=run.tags)
    return job.result()
