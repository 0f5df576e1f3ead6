"""``aerchive schema``: prints the JSON Schemas of the documents of the file format."""

from __future__ import annotations

import argparse
import json

from aerchive.cli.output import put
from aerchive.models.json_schema import DOCUMENTS, json_schema


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive schema config"
    parser.add_argument("document", nargs="?", choices=sorted(DOCUMENTS), help="which one; without it, their names")


def run(options: argparse.Namespace) -> int:
    """Prints the schema of one document, or the names of all documents."""
    if options.document is None:
        put("\n".join(sorted(DOCUMENTS)))
    else:
        put(json.dumps(json_schema(options.document), indent=2, ensure_ascii=False))
    return 0
