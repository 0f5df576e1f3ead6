"""The data for running an archived run again: circuits, binds, options, noise, seeds, and the class that ran it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qiskit_aer
import qiskit_aer.primitives
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from aerchive.aer.again.resources import without_resources
from aerchive.aer.capturing.binds import AS_A_LIST
from aerchive.aer.capturing.options import has_effect, restore_options, stored_options
from aerchive.codecs.circuits.checks import CheckError
from aerchive.codecs.circuits.noise_checks import check_noise_fits
from aerchive.codecs.registry import AS_ITS_VALUE
from aerchive.errors import AerchiveError, InvalidInputError, UnsafeContentError
from aerchive.private_names import GONE, set_private
from aerchive.project.run import Run

BACKENDS = {
    "qiskit_aer.backends.aer_simulator.AerSimulator": AerSimulator,
    "aerchive.aer.simulator.AerSimulator": AerSimulator,
    "qiskit_aer.backends.qasm_simulator.QasmSimulator": qiskit_aer.QasmSimulator,
    "qiskit_aer.backends.statevector_simulator.StatevectorSimulator": qiskit_aer.StatevectorSimulator,
    "qiskit_aer.backends.unitary_simulator.UnitarySimulator": qiskit_aer.UnitarySimulator,
}
"""Classes of simulators that run again themselves, by the names that are stored."""


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
        obstacle = obstacle_to(self._run)
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
        return self._config.backend_class is None or self._config.backend_class in BACKENDS

    @property
    def kind(self) -> Any:
        """The stock class of the simulator."""
        return BACKENDS.get(self._config.backend_class or "", AerSimulator)

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


def obstacle_to(run: Run) -> str | None:
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


def _matters(loss: str) -> bool:
    """Whether a loss affects the simulation; metadata, annotations and options that Aer ignores do not."""
    if loss.endswith(AS_ITS_VALUE):
        return False
    if loss.startswith("circuits: "):
        return not any(part in loss for part in (": metadata ", ": attribute ", ": annotations "))
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
