"""JSON Schemas of all documents, for programs that read projects without this package.

``python -m aerchive.models.json_schema schemas/v1`` writes them. With ``--check`` it only compares them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aerchive import layout
from aerchive.models.base import Document
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.project import ProjectHeader
from aerchive.models.provenance import Provenance
from aerchive.models.status import RunStatus

DOCUMENTS: dict[str, type[Document]] = {
    "config": RunConfig,
    "labels": RunLabels,
    "project": ProjectHeader,
    "provenance": Provenance,
    "status": RunStatus,
}


def json_schema(name: str) -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of one document.

    Args:
        name: The name of the document, a key of `DOCUMENTS`.
    """
    schema = DOCUMENTS[name].model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"aerchive/v{layout.FORMAT_VERSION}/{name}",
    }
    return head | schema


def _text(name: str) -> str:
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Writes or checks the schemas in a folder, and returns the exit status."""
    folder = Path(next(argument for argument in arguments if not argument.startswith("--")))
    check = "--check" in arguments
    stale = []
    for name in DOCUMENTS:
        path = folder / f"{name}.schema.json"
        if not path.exists() or path.read_text(encoding="utf-8") != _text(name):
            stale.append(path.name)
            if not check:
                path.write_text(_text(name), encoding="utf-8")
    if stale:
        sys.stdout.write(f"{'out of date' if check else 'written'}: {', '.join(stale)}\n")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
