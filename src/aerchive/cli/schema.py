"""``aerchive schema``: prints the JSON Schemas of the documents of the file format."""

from __future__ import annotations

import click

from aerchive.cli.command import command, json_option
from aerchive.cli.output import put_json, put_report
from aerchive.models.json_schema import DOCUMENTS, json_schema


@command("schema", "aerchive schema config", file_word="none")
@click.argument("document", required=False, type=click.Choice(sorted(DOCUMENTS)), metavar="[DOCUMENT]")
@json_option("As JSON, also the list of documents; a schema is JSON in any case.")
def run(_path: str | None, *, document: str | None, as_json: bool) -> int:
    """Prints the schema of one document, or the names of all documents."""
    if document is None:
        put_report(sorted(DOCUMENTS), "\n".join(sorted(DOCUMENTS)), as_json=as_json)
    else:
        put_json(json_schema(document))
    return 0
