"""One case of the corpus: something that Aer can run, or a Result that somebody may hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

SEED = 20_260


@dataclasses.dataclass
class Simulation:
    """Something to run.

    Attributes:
        circuits: Handed to ``run``.
        run: Options of the run.
        options: Options of the backend.
        binds: Parameter binds.
        make: Makes the backend, of a class of ``AerSimulator`` and its options; ``None``: ``class(**options)``.
        only_stock: The backend is of another class, so there is no archiving one.
        refuses: Whether a value is of a type that is refused by name.
        reproducible: Whether another run gives the same: ``True``, ``False`` (not looked at), or a text that must be
            among the reasons why it cannot be run again.
        cancel: Whether the job is cancelled while it waits.
    """

    circuits: Any
    run: dict[str, Any] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    binds: Any = None
    make: Callable[..., Any] | None = None
    only_stock: bool = False
    refuses: bool = False
    reproducible: bool | str = True
    cancel: bool = False


@dataclasses.dataclass
class Bare:
    """A Result without its job.

    Attributes:
        result: The Result.
        circuits: Given when it is saved.
        options: Given when it is saved.
        refuses: Whether a value is of a type that is refused by name.
        reproducible: As of a `Simulation`.
    """

    result: Any
    circuits: Any = None
    options: dict[str, Any] | None = None
    refuses: bool = False
    reproducible: bool | str = "was saved without its circuits"


@dataclasses.dataclass(frozen=True)
class Case:
    """A case, of which nothing is made before it is its turn.

    Attributes:
        name: Unique; groups and their parts with slashes.
        make: Makes what is to be archived.
    """

    name: str
    make: Callable[[], Simulation | Bare]


Cases = Iterator[Case]
