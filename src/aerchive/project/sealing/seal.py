"""The seal of a project: the root of a Merkle tree over its runs, at one time; decision 0042."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aerchive.codecs.attachment import AttachedFile, write_new
from aerchive.display.text import clean, format_runs
from aerchive.errors import FormatError, IntegrityError, InvalidInputError, NotFoundError
from aerchive.lazy import cached_property
from aerchive.project.sealing.document import check_hash, read_document
from aerchive.project.sealing.leaves import Leaf, in_order
from aerchive.project.sealing.merkle import MerkleTree, siblings
from aerchive.project.sealing.proof import Proof
from aerchive.project.sealing.signing import Signers, check_signature, sign
from aerchive.text import near_texts
from aerchive.times import now

_FORMAT, _VERSION = "aerchive seal", 1
_FIELDS = {"root": str, "runs": int, "project_uuid": str, "claimed_time": str}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True, repr=False)
class Seal:
    """The seal of a project; made by `Project.seal`.

    The root changes if a run is changed, added, removed or replaced by another. It does not change with labels and
    attachments, which may change, nor with the way in which values are compressed.

    Attributes:
        root: The root of the Merkle tree over the runs, 64 hexadecimal digits.
        runs: The number of runs.
        project_uuid: The UUID of the project.
        claimed_time: The time that the clock of the computer showed when the seal was made, UTC. A signature covers it,
            and then the signer claims it. Nothing proves it.
        leaves: For each run, in order of their UUIDs, its UUID and digests; ``None`` if they were left out. With them
            `Project.verify` names the runs that differ, and `proof` makes proofs.
    """

    root: str
    runs: int
    project_uuid: str
    claimed_time: str
    leaves: Sequence[Leaf] | None = field(default=None)

    @classmethod
    def of(cls, leaves: Sequence[Leaf], project_uuid: str) -> Self:
        """Makes the seal of leaves that are in order, with the present time."""
        return cls(MerkleTree(leaf.line for leaf in leaves).root, len(leaves), project_uuid, now(), leaves)

    def proof(self, run_uuid: str) -> Proof:
        """Makes the proof that a run is one of the sealed runs.

        Args:
            run_uuid: The identifier of the run, `Run.run_uuid`.

        Raises:
            NotFoundError: It is not one of them.
            InvalidInputError: The seal has no leaves.
        """
        leaves = self.need_leaves("a proof can be made")
        index = self._indices.get(run_uuid)
        if index is None:
            near = near_texts(run_uuid, self._indices)
            hint = f"; near ones: {', '.join(near)}" if near else ""
            raise NotFoundError(f"the seal has {format_runs(self.runs)}, and none with the run_uuid {run_uuid!r}{hint}")
        path = tuple(map(self.tree.at, siblings(index, self.runs)))
        return Proof(*leaves[index], index, self.runs, self.root, path)

    def need_leaves(self, what: str) -> Sequence[Leaf]:
        """Returns the leaves.

        Args:
            what: What they are needed for, for the message.

        Raises:
            InvalidInputError: They were left out when the seal was saved.
        """
        if self.leaves is None:
            raise InvalidInputError(
                f"the seal was saved without its leaves, and {what} only with them; seal the project again"
            )
        return self.leaves

    @cached_property
    def tree(self) -> MerkleTree:
        """The tree over the leaves."""
        return MerkleTree(leaf.line for leaf in self.need_leaves("the tree can be made"))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {leaf.run_uuid: index for index, leaf in enumerate(self.leaves or ())}

    def index(self, run_uuid: str) -> int | None:
        """The number of a run among the leaves; ``None`` if it is not among them."""
        return self._indices.get(run_uuid)

    def to_bytes(self, *, leaves: bool = True) -> bytes:
        """The content of the file that `save` writes, which is what is signed: JSON in ASCII, a run a line."""
        head = {"format": _FORMAT, "version": _VERSION, **{name: getattr(self, name) for name in _FIELDS}}
        text = json.dumps(head, indent=1).removesuffix("\n}")
        if leaves and self.leaves is not None:
            lines = ",\n".join(f'"{leaf.line}"' for leaf in self.leaves)
            text += f',\n "leaves": [\n{lines}\n]'
        return f"{text}\n}}\n".encode("ascii")

    def save(
        self, path: str | os.PathLike[str], *, leaves: bool = True, key: str | os.PathLike[str] | None = None
    ) -> Path:
        """Writes the seal into a new file, and returns its path.

        Args:
            path: The file.
            leaves: Whether the runs are listed, 170 bytes each; without them the file has 0.4 kB, and can only say that
                something differs, not what.
            key: A private key of OpenSSH, or the public one of a key that the agent has: ``ssh-keygen`` signs the file,
                and writes the signature to a second one, whose name ends with ``.sig``. It asks for the passphrase.

        Raises:
            AlreadyExistsError: There is a file of this name, or a signature; nothing is changed.
            InvalidInputError: ``ssh-keygen`` cannot sign with this key; the message has its reason. No file is left.
            MissingExtraError: ``ssh-keygen`` is not installed.
            WriteError: The file cannot be written.
        """
        target = Path(path)
        write_new(target, lambda file: file.write(self.to_bytes(leaves=leaves)), "name")
        if key is not None:
            try:
                sign(target, key)
            except BaseException:
                with contextlib.suppress(OSError):
                    target.unlink()
                raise
        return target

    def __repr__(self) -> str:
        more = "" if self.leaves is not None else ", without leaves"
        return f"<Seal of {format_runs(self.runs)}, claimed time {clean(self.claimed_time)}, root {self.root}{more}>"


def read_seal(
    path: str | os.PathLike[str],
    *,
    signers: str | os.PathLike[str] | None = None,
    identity: str | None = None,
    signature: str | os.PathLike[str] | None = None,
) -> Seal:
    """Reads the seal of a project from a file, and checks a signature of it if signers are given.

    Args:
        path: The file.
        signers: A file of OpenSSH (``allowed_signers``) with the public keys of people whose signatures count;
            ``None``: no signature is looked at.
        identity: The person who must have signed, as the file of signers names this person.
        signature: The file with the signature; ``None``: that beside the seal, whose name ends with ``.sig``.

    Returns:
        The seal, whose leaves give its root.

    Raises:
        NotFoundError: There is no such file.
        FormatError: It is not a seal.
        NewerFormatError: A later version of aerchive has written it.
        IntegrityError: The signature is not that of this person over this file, or the leaves do not give the root.
        InvalidInputError: One of ``signers`` and ``identity`` is missing or empty.
        MissingExtraError: A signature is to be checked, and ``ssh-keygen`` is not installed.
    """
    data = AttachedFile.read(path).data
    if signers is None or identity is None:
        if not signers is identity is signature is None:
            raise InvalidInputError(
                "a signature is checked with signers (a file with public keys) and identity (the person who signed)"
            )
    else:
        if not identity or "\0" in identity:
            raise InvalidInputError(
                f"identity must be the name of the person who signed, as the file of signers has it; found {identity!r}"
            )
        check_signature(data, signature or f"{os.fspath(path)}.sig", Signers(os.fspath(signers), identity))
    return _seal_of_bytes(data, path)


def _seal_of_bytes(data: bytes, where: object) -> Seal:
    has_leaves = b'"leaves"' in data
    fields = read_document(data, _FORMAT, _VERSION, {**_FIELDS, **({"leaves": list} if has_leaves else {})}, where)
    check_hash(fields["root"], where)
    if _TIME.fullmatch(fields["claimed_time"]) is None:
        raise FormatError(f"{where}: {fields['claimed_time']!r:.80} is not a time")
    lines = fields.pop("leaves", None)
    if lines is None:
        return Seal(**fields)
    leaves = [Leaf.of_line(str(line), where) for line in lines]
    seal = Seal(**fields, leaves=leaves)
    if leaves != in_order(leaves, where) or seal.runs != len(leaves) or seal.tree.root != seal.root:
        raise IntegrityError(f"{where}: its leaves do not give its root: the file was changed")
    return seal
