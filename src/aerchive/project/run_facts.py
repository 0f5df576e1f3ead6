"""What people want to know first of a run, in words: what ran, its circuits, its labels, its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from aerchive.display.text import cut, format_bytes
from aerchive.models import catalogue
from aerchive.models.run import RunRecord
from aerchive.models.shown import own_names
from aerchive.text import listed, shown


class FactsRun(Protocol):
    """What the facts need of a run; `aerchive.Run` has it."""

    nbytes: int

    def row(self) -> Any:
        """The row of the catalogue."""


class Fact(NamedTuple):
    """A fact about a run.

    Attributes:
        name: What it is about.
        value: A text, or several short texts that stand side by side, such as tags.
        is_free: Whether it is a text with line ends that the user wrote.
    """

    name: str
    value: str | tuple[str, ...]
    is_free: bool = False


def facts_of(run: FactsRun, record: RunRecord) -> Iterator[Fact]:
    """Yields the facts about a run that there are, in the order in which people want to know them.

    Args:
        run: The run.
        record: Its documents.
    """
    return (fact for fact in _facts(run, record) if fact.value)


def several(number: int | None, word: str) -> str:
    """A number with what is counted; empty if it is not known."""
    return "" if number is None else f"{number:,} {word}{'s' * (number != 1)}"


def _facts(run: FactsRun, record: RunRecord) -> Iterator[Fact]:
    config, status, labels, row = record.config, record.status, record.labels, run.row()

    def number(column: str) -> int | None:
        return None if row[column] == -1 else int(row[column])

    ran = [
        "" if config.program == "run" else config.program,
        catalogue.row_text(row, "method"),
        several(number("num_qubits"), "qubit"),
        several(number("shots"), "shot"),
        "noise model" if "noise_model" in config.options else "",
    ]
    yield Fact("ran", ", ".join(filter(None, ran)))
    names = [cut(one, 40) for one in own_names(config.circuit_names) if one]
    sizes = [f"depth {row['circuit_depth']}", f"size {row['circuit_size']}"] if row["circuit_depth"] != -1 else []
    many = [several(number("num_circuits"), "circuit")] if (number("num_circuits") or 0) > 1 else []
    circuits = "; ".join(filter(None, [*many, listed(names, 4), ", ".join(sizes)]))
    yield Fact("circuits" if many else "circuit", circuits)
    yield Fact("backend", config.backend_name or "")
    yield Fact("took", "" if status.seconds is None else f"{status.seconds:.3g} s")
    yield Fact("values", f"{format_bytes(run.nbytes)} before compression" if run.nbytes else "")
    again = "large arrays are recomputed: not stored, but computed again when they are read"
    yield Fact("arrays", again if catalogue.is_recomputed(row) else "")
    yield Fact("tags", tuple(labels.tags or []))
    yield Fact("params", _named(labels.params))
    yield Fact("saved numbers", _named({name: one for name, one in (status.saved or {}).items() if one is not None}))
    yield Fact("notes", labels.notes or "", is_free=True)


def _named(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{cut(name, 40)} = {cut(shown(value), 60)}" for name, value in values.items())
