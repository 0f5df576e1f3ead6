"""``aerchive verify``: checks every byte of a project that a read can return, and compares the runs with a seal."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path, project_at
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.output import put, put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError
from aerchive.project.sealing.document import is_hash
from aerchive.project.sealing.proof import Proof
from aerchive.project.sealing.seal import Seal, read_seal


@command(
    "verify",
    "aerchive verify vqe.h5",
    "aerchive verify vqe.h5 --root vqe.h5.seal --signers keys --identity ann",
)
@file_argument
@click.option(
    "--root", metavar="ROOT", help="Compare the runs with this root, 64 digits, or with the seal in this file."
)
@click.option("--part", is_flag=True, help="With --root: sealed runs may be missing, as in an extract.")
@click.option("--grown", is_flag=True, help="With --root: runs may have been added since.")
@click.option(
    "--signers", metavar="FILE", help="Check the signature of the seal: a file with public keys (allowed_signers)."
)
@click.option("--identity", metavar="NAME", help="Who must have signed, as the file of signers says.")
@click.option("--signature", metavar="FILE", help="The signature, if it is not in ROOT.sig.")
@click.option(
    "--proof", metavar="FILE", help="Only check that the run of this proof belongs to --root; no project is read."
)
@click.option("--untrusted", is_flag=True, help="Verify in a child process with limits.")
@json_option()
def run(
    path: str | None,
    *,
    root: str | None,
    part: bool,
    grown: bool,
    signers: str | None,
    identity: str | None,
    signature: str | None,
    proof: str | None,
    untrusted: bool,
    as_json: bool,
) -> int:
    """Prints the report. The exit status is 1 if there are problems."""
    if root is None and (part or grown or proof is not None or not signers is identity is signature is None):
        raise InvalidInputError("--part, --grown, --proof and signatures are about a seal: name it with --root")
    seal = None if root is None else _seal(root, signers, identity, signature)
    if isinstance(seal, Seal) and signers is not None:
        put(f"signed by {clean(str(identity))}, who claims the time {clean(seal.claimed_time)}", to_errors=True)
    if proof is not None and seal is not None:
        return _check_proof(Proof.read(proof), seal, as_json=as_json)
    project = (project_at if untrusted else open_path)(path, "r")
    with ProgressBar("verified", "B") as bar:
        report = project.verify(bar.show, root=seal, part=part, grown=grown, untrusted=untrusted)
    names = ("path", "ok", "runs", "objects", "problems", "notes", "root")
    put_report({name: getattr(report, name) for name in names}, report, as_json=as_json)
    return 0 if report.ok else 1


def _seal(root: str, signers: str | None, identity: str | None, signature: str | None) -> Seal | str:
    """The seal in a file, whose signature is checked if signers are given; or a root as it was given."""
    if not is_hash(root.lower()):
        return read_seal(root, signers=signers, identity=identity, signature=signature)
    if not signers is identity is signature is None:
        raise InvalidInputError("a signature is of the file of a seal: give --root the name of that file")
    return root


def _check_proof(proof: Proof, seal: Seal | str, *, as_json: bool) -> int:
    root, number = (seal, None) if isinstance(seal, str) else (seal.root, seal.runs)
    holds = proof.check(root) and number in (None, proof.runs)
    is_it = "is one of the" if holds else "is NOT PROVEN to be one of the"
    of = "runs" if number is None else f"{number} runs"
    text = f"run {proof.run_uuid} {is_it} {of} with this root\n  core_sha256: {proof.core_sha256}"
    document = {"ok": holds, "run_uuid": proof.run_uuid, "core_sha256": proof.core_sha256, "root": root}
    put_report(document, text, as_json=as_json)
    return 0 if holds else 1
