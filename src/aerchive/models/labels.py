"""What people call a run: the part that may change after it was archived."""

from __future__ import annotations

from typing import Any, ClassVar

from aerchive.models.base import Document


class RunLabels(Document):
    """Labels of a run.

    Attributes:
        name: A name, not necessarily unique.
        tags: Short words to find it by, in the order given, each once.
        notes: Free text.
        params: Parameters of the study it belongs to, such as ``{"distance": 0.7}``.
    """

    free_fields: ClassVar[frozenset[str]] = frozenset({"params"})

    name: str | None = None
    tags: list[str] | None = None
    notes: str | None = None
    params: dict[str, Any] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.name or self.tags or self.notes or self.params)
