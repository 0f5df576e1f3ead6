"""The description that a project file contains about itself."""

from __future__ import annotations

from aerchive.models.base import Document


class ProjectHeader(Document):
    """The attributes of the root group.

    Attributes:
        format: The name of the file format, always ``aerchive project``.
        format_version: The version of the file format.
        format_draft: The number of the draft of this version.
        requires: Names of features that a reader must know, separated by spaces.
        uses: Names of further features.
        project_uuid: The identifier of the project. Copies have the same identifier.
        generation: The number of compactions plus one.
        created: The time at which the project was created, UTC.
        created_by: The program and the version that created the project.
        about: A description for users who open the file in a viewer.
        NX_class: ``NXroot``, for viewers that show plots as the standard NeXus describes them.
        default: The path of the run whose plot such viewers show first. Absent while no run has a plot.
        pending_for: In a pending file, the project to which it belongs.
    """

    format: str
    format_version: int
    format_draft: int
    requires: str | None = None
    uses: str | None = None
    project_uuid: str
    generation: int
    created: str
    created_by: str
    about: str
    NX_class: str
    default: str | None = None
    pending_for: str | None = None
