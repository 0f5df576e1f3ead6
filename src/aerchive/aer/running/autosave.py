"""A switch that archives every run of Aer in this process and its child processes, also those of libraries.

See decision 0013.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from qiskit_aer.backends.aerbackend import AerBackend

from aerchive.aer.opening import Opening
from aerchive.aer.running.hooks import hook
from aerchive.aer.running.inheritance import VARIABLE, inheritance
from aerchive.aer.running.primitive_call import is_off, watch_jobs
from aerchive.aer.running.simulator import ProjectLike, place_of
from aerchive.aer.running.submit import submit
from aerchive.models.labels import RunLabels
from aerchive.project.arguments import checked, refuse
from aerchive.project.project import Project, given_labels
from aerchive.project.spooling.durability import Durability
from aerchive.settings import load_settings

logger = logging.getLogger("aerchive")

_HOOK = "_run_circuits"
"""The one method of Aer that is called for every run of each of its backends."""

_lock = threading.RLock()
# so that in a child process the lock is never held by a thread that does not exist there
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_stack: list[Autosave] = []
"""The switches that are on; the last one is in force."""


class Autosave:
    """A switch for archiving everything that this process runs; made by `autosave`.

    As a context manager it ends with the block; otherwise with `stop` or with ``autosave(False)``.

    Args:
        project: The project in which runs are archived.
        labels: Labels of all these runs.
    """

    def __init__(self, project: Project | Opening, labels: RunLabels) -> None:
        self._place = project
        self.labels = labels

    @property
    def project(self) -> Project:
        """The project in which runs are archived."""
        return self._place.project if isinstance(self._place, Opening) else self._place

    def stop(self) -> None:
        """Turns the switch off. The switch that was in force before is in force again."""
        with _lock:
            if self in _stack:
                _stack.remove(self)
            _apply()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<autosave to {str(self.project.path)!r}, {'on' if self in _stack else 'off'}>"


@checked
def autosave(
    project: ProjectLike | bool | None = None,
    *,
    tags: str | Sequence[str] | None = (),
    notes: str | None = None,
    params: Mapping[str, Any] | None = None,
    durability: Durability | None = None,
    compression: str | None = None,
    qpy_version: int | None = None,
) -> Autosave | None:
    """Archives every run of Aer from now on, whether your code, a library or a primitive starts it.

    Aer's results, exceptions and seeds do not change. Simulators of aerchive still archive in their own project, and
    runs with ``save_jobs=False`` are not archived. Python processes that this process starts inherit the switch.

    Args:
        project: Path of a project file, or an open project; ``None`` or True: the project of the settings. False: turns
            all switches off, and leaves Aer exactly as it was.
        tags: Words by which the runs can be found.
        notes: Free text, stored with each run.
        params: Parameters of the study, by name.
        durability: Time at which runs are committed, as for `aerchive.open`; has no effect for an open project.
        compression: Compression of arrays, as for `aerchive.open`; has no effect for an open project.
        qpy_version: Version of QPY for circuits, as for `aerchive.open`; has no effect for an open project.

    Returns:
        The switch, which is on, and may be used as a context manager; ``None`` if ``project`` is False.

    Raises:
        InvalidInputError: A label has the wrong type.
        UnsupportedTypeError: A value in ``params`` cannot be stored.
        AerchiveError: The project cannot be written. If this happens later, each run warns when it is submitted.
    """
    if project is False:
        with _lock:
            _stack.clear()
            _apply()
        return None
    labels = given_labels(None, tags, notes, params)
    if not isinstance(project, str | os.PathLike | Project | bool | None):
        refuse("project", project, "the path of a project file, an open project, or False to turn it off")
    path = place_of(None if isinstance(project, bool) else project)
    given: dict[str, Any] = {"durability": durability, "compression": compression, "qpy_version": qpy_version}
    place = path if isinstance(path, Project) else Opening(path, **given)
    switch = Autosave(place, labels)
    switch.project.check_destination()
    with _lock:
        _stack.append(switch)
        _apply()
    return switch


def inherit() -> None:
    """Turns on the switch of the parent process; called when Aer is loaded in a child process."""
    try:
        told = json.loads(os.environ.get(VARIABLE, ""))
        labels = RunLabels.from_attributes(told["labels"], VARIABLE)
        given = {name: told[name] for name in ("durability", "compression", "qpy_version")}
        switch = Autosave(Opening(told["project"], **given), labels)
        switch.project  # noqa: B018  (raises if the settings are not valid)
    except Exception as error:  # noqa: BLE001  (the process must do its work in any case)
        logger.error("autosave cannot be inherited from %s: %s", VARIABLE, error)
        return
    with _lock:
        _stack.append(switch)
        _apply()


def _apply() -> None:
    """Puts our method into Aer's class, or Aer's own method back, and sets the environment of child processes."""
    hook(AerBackend, _HOOK, _around, is_wanted=bool(_stack))
    watch_jobs("autosave", is_on=bool(_stack))
    _set_environment(_stack[-1] if _stack else None)


def _around(stock: Any) -> Any:
    @functools.wraps(stock)
    def run_circuits(self: Any, circuits: Any, parameter_binds: Any, **run_options: Any) -> Any:
        switch = _stack[-1] if _stack else None
        if switch is None or is_off():
            return stock(self, circuits, parameter_binds, **run_options)
        project = switch.project
        return submit(
            self,
            circuits,
            parameter_binds,
            run_options,
            project=project,
            is_refused=False,
            settings=load_settings(save_jobs=True, durability=project.durability),
            labels=switch.labels,
            compression=project.compression(),
            qpy_version=project.qpy_version(),
        )

    return run_circuits


_before: dict[str, str | None] = {}
"""Values of the environment variables before the first switch was turned on."""


def _set_environment(switch: Autosave | None) -> None:
    if switch is None:
        for name, value in _before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _before.clear()
        return
    for name in (VARIABLE, "PYTHONPATH"):
        _before.setdefault(name, os.environ.get(name))
    os.environ.update(inheritance(switch.project, switch.labels, _before["PYTHONPATH"]))
