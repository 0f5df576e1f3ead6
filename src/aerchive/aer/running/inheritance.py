"""The environment with which child processes, and the program of `aerchive run`, archive what they simulate."""

from __future__ import annotations

import json
import os
from pathlib import Path

from aerchive.models.labels import RunLabels
from aerchive.project.project import Project

VARIABLE = "AERCHIVE_AUTOSAVE"
"""Environment variable that names the project and the labels of the runs."""
_STARTUP = str(Path(__file__).with_name("startup"))


def inheritance(project: Project, labels: RunLabels, python_path: str | None) -> dict[str, str]:
    """Returns the environment variables with which Python turns autosave on.

    Args:
        project: The project in which runs are archived.
        labels: Labels of all these runs.
        python_path: The value of ``PYTHONPATH`` without autosave; ``None`` if it is not set.
    """
    paths = [path for path in python_path.split(os.pathsep) if path != _STARTUP] if python_path else []
    parts = project.parts
    told = {
        "project": str(project.path),
        "durability": project.durability,
        "compression": parts.compression,
        "qpy_version": parts.qpy_version,
        "labels": labels.to_attributes(),
    }
    return {VARIABLE: json.dumps(told), "PYTHONPATH": os.pathsep.join([_STARTUP, *paths])}
