"""The proof that a run is one of the runs of a seal, which needs neither the project nor the other runs."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aerchive.codecs.attachment import AttachedFile, write_new
from aerchive.errors import InvalidInputError
from aerchive.project.sealing.document import check_hash, is_hash, read_document
from aerchive.project.sealing.leaves import Leaf
from aerchive.project.sealing.merkle import root_of_path

_FORMAT, _VERSION = "aerchive proof", 1
_FIELDS = {
    **{"run_uuid": str, "core_sha256": str, "status_sha256": str},
    **{"index": int, "runs": int, "root": str, "path": list},
}


@dataclass(frozen=True)
class Proof:
    """The proof that one run is among the runs of a seal.

    Attributes:
        run_uuid: The identifier of the run.
        core_sha256: The digest of what may not change in the run, `Run.core_sha256`.
        status_sha256: The digest of its status.
        index: The number of the run among the sealed runs, in order of their UUIDs, from 0.
        runs: The number of sealed runs. It is what the proof says: the root alone does not prove it.
        root: The root of the seal, 64 hexadecimal digits.
        path: The hashes with which the leaf of the run gives the root, from below, 64 hexadecimal digits each.
    """

    run_uuid: str
    core_sha256: str
    status_sha256: str
    index: int
    runs: int
    root: str
    path: tuple[str, ...]

    @property
    def leaf(self) -> Leaf:
        """The leaf of the run."""
        return Leaf(self.run_uuid, self.core_sha256, self.status_sha256)

    def check(self, root: str) -> bool:
        """Whether the run is one of those with this root.

        The root must come from where you trust it, such as a signed seal: the proof names one, but anybody can make a
        proof and a root that fit. That a run in a project has these digests is what `Project.verify` says.

        Args:
            root: The root of the seal, 64 hexadecimal digits.

        Raises:
            InvalidInputError: It is no root.
        """
        given: object = root
        if not isinstance(given, str) or not is_hash(given.lower()):
            raise InvalidInputError(
                f"root must be 64 hexadecimal digits, the attribute root of a seal; found {given!r:.80}"
            )
        return root.lower() == root_of_path(self.leaf.line, self.index, self.runs, self.path)

    def to_json(self) -> str:
        """The proof as a JSON text, which `from_json` reads."""
        return json.dumps({"format": _FORMAT, "version": _VERSION, **dataclasses.asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: object = "proof") -> Self:
        """Reads a proof from a JSON text; `check` then says whether it holds.

        Args:
            text: The text.
            where: Where it comes from, for messages.

        Raises:
            FormatError: The text is not a proof.
            NewerFormatError: A later version of aerchive has written it.
        """
        fields = read_document(text, _FORMAT, _VERSION, _FIELDS, where)
        path = fields.pop("path")
        for one in (*path, fields["root"]):
            check_hash(one, where)
        proof = cls(path=tuple(path), **fields)
        Leaf.of_line(proof.leaf.line, where)
        return proof

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the proof into a new file, and returns its path.

        Raises:
            AlreadyExistsError: There is a file of this name; it is not changed.
            WriteError: The file cannot be written.
        """
        write_new(Path(path), lambda file: file.write(self.to_json().encode("ascii")), "name")
        return Path(path)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a proof from a file; `check` then says whether it holds.

        Raises:
            NotFoundError: There is no such file.
            FormatError: It is not a proof.
            NewerFormatError: A later version of aerchive has written it.
        """
        return cls.from_json(AttachedFile.read(path).data, path)

    def __repr__(self) -> str:
        return f"<Proof that run {self.run_uuid} is one of {self.runs} with the root {self.root}>"
