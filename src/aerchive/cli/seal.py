"""``aerchive seal``: seals all runs with one number, signs the seal, or proves that a run is among them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, complete_jobs, file_argument, json_option
from aerchive.cli.output import put, put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean, format_runs
from aerchive.errors import InvalidInputError

_STANDARD_OUTPUT = "-"


@command(
    "seal",
    "aerchive seal vqe.h5 --sign ~/.ssh/id_ed25519",
    "aerchive seal vqe.h5 --proof 4ff2da70 -o run.proof",
    notes="Check a seal with `aerchive verify vqe.h5 --root vqe.h5.seal`.",
)
@file_argument
@click.option(
    "--sign", metavar="KEY", help="Sign the seal with this private key, by ssh-keygen; the result is in SEAL.sig."
)
@click.option("--proof", metavar="JOB", shell_complete=complete_jobs, help="Prove that this run is in the project.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="A new file for the seal or the proof, - for standard output; by default FILE.h5.seal beside the project, and "
    "a proof is printed.",
)
@click.option("--no-leaves", is_flag=True, help="Do not list the runs: then a change is found, but not the run.")
@json_option()
def run(
    path: str | None, *, sign: str | None, proof: str | None, output: str | None, no_leaves: bool, as_json: bool
) -> int:
    """Seals the project, and writes the seal or the proof of a run."""
    if proof is not None and (sign is not None or no_leaves):
        raise click.UsageError("--proof goes with neither --sign nor --no-leaves", click.get_current_context())
    if sign is not None and output == _STANDARD_OUTPUT:
        raise InvalidInputError("a signature is of a file: give -o a name")
    if sign is not None and not os.path.isfile(sign):
        raise InvalidInputError(f"{sign}: no such key")
    project = open_path(path, "r")
    with ProgressBar("sealed", "runs") as bar:
        seal = project.seal(bar.show)
    if proof is not None:
        proven = seal.proof(project[proof].run_uuid)
        if output is None or output == _STANDARD_OUTPUT:
            put(proven.to_json(), end="")
        else:
            said = f"run {proven.run_uuid} is one of the {proven.runs} runs with the root {proven.root}"
            document = {"path": str(proven.save(output)), "root": proven.root}
            put_report(document, f"{clean(output)}: {said}", as_json=as_json)
        return 0
    if output == _STANDARD_OUTPUT:
        put(seal.to_bytes(leaves=not no_leaves).decode("ascii"), end="")
        return 0
    target = seal.save(Path(output or f"{project.path}.seal"), leaves=not no_leaves, key=sign)
    signature = None if sign is None else f"{target}.sig"
    told = {name: getattr(seal, name) for name in ("root", "runs", "claimed_time")}
    text = f"{clean(str(target))}: {format_runs(seal.runs)}, root {seal.root}"
    text += f"\n{clean(str(target))}.sig: signed with {clean(sign)}" if sign is not None else ""
    put_report({"path": str(target), **told, "signature": signature}, text, as_json=as_json)
    return 0
