"""What a project file says of itself."""

from __future__ import annotations

from aerchive.models.base import Document


class ProjectHeader(Document):
    """Attributes of the root.

    Attributes:
        format: Always ``aerchive project``.
        format_version: Of the file format.
        project_uuid: Which project this is; copies share it.
        generation: 1, plus one for each compaction.
        created: When, UTC.
        created_by: Program and version.
        about: A line for people who open the file in a viewer.
        pending_for: In a pending file, the project it belongs to.
    """

    format: str
    format_version: int
    project_uuid: str
    generation: int
    created: str
    created_by: str
    about: str
    pending_for: str | None = None
