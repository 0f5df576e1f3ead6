"""What differs between the runs of a project, as `verify` has found them, and a seal."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aerchive.display.text import format_runs
from aerchive.errors import AerchiveError, InvalidInputError
from aerchive.project.sealing.document import is_hash
from aerchive.project.sealing.kept_proofs import read_kept_proofs
from aerchive.project.sealing.leaves import Leaf
from aerchive.project.sealing.merkle import MerkleTree
from aerchive.project.sealing.seal import Seal, read_seal
from aerchive.storage.file import ProjectFile


@dataclass(frozen=True)
class Expected:
    """What a project is compared with.

    Attributes:
        root: The root, 64 hexadecimal digits.
        seal: The seal, if it is known and not only its root.
        part: Whether sealed runs may be missing, as in an extract.
        grown: Whether there may be more runs than were sealed.
    """

    root: str
    seal: Seal | None = None
    part: bool = False
    grown: bool = False

    @classmethod
    def given(cls, root: str | os.PathLike[str] | Seal, *, part: bool, grown: bool) -> Expected:
        """What a user has given.

        Args:
            root: A root, a seal, or the path of a file with a seal.
            part: As the attribute.
            grown: As the attribute.

        Raises:
            InvalidInputError: It cannot be used.
            AerchiveError: The file cannot be read, as for `read_seal`.
        """
        seal = root if isinstance(root, Seal) else None
        if isinstance(root, str) and is_hash(root.lower()):
            expected = cls(root.lower(), None, part, grown)
        elif isinstance(root, str | os.PathLike | Seal):
            seal = seal or read_seal(root)  # type: ignore[arg-type]  # it is no seal then
            expected = cls(seal.root, seal, part, grown)
        else:
            raise InvalidInputError(
                f"root must be 64 hexadecimal digits, a seal, or its file; found {type(root).__name__}"
            )
        if grown and (seal is None or seal.leaves is None):
            raise InvalidInputError(
                "which runs are new is known only with a seal that has its leaves: give its file as root"
            )
        return expected

    @contextlib.contextmanager
    def handed_over(self) -> Iterator[dict[str, Any]]:
        """The arguments of `given` for another process, which JSON can express; a seal is in a file meanwhile."""
        given = {"root": self.root, "part": self.part, "grown": self.grown}
        if self.seal is None:
            yield given
            return
        with tempfile.NamedTemporaryFile(suffix=".seal") as file:
            file.write(self.seal.to_bytes())
            file.flush()
            yield given | {"root": file.name}


class Comparison(NamedTuple):
    """What a comparison has found.

    Attributes:
        root: The root of the runs that were found, 64 hexadecimal digits.
        problems: Descriptions of what differs.
        notes: Descriptions of what differs and may.
    """

    root: str
    problems: list[str]
    notes: list[str]


def compare(file: ProjectFile, found: Mapping[str, Leaf], expected: Expected) -> Comparison:
    """Compares the runs of a project with a seal.

    Args:
        file: The project file.
        found: The leaf of each run that could be read, computed from its bytes, by the path of the run.
        expected: The seal.
    """
    root = MerkleTree(leaf.line for leaf in sorted(found.values())).root
    if root == expected.root:
        return Comparison(root, [], [])
    try:
        sealed = _sealed_runs(file, expected)
    except AerchiveError as error:
        return Comparison(root, [str(error)], [])
    if sealed is None:
        return Comparison(root, [_unlocated(file, len(found), root, expected)], [])
    return Comparison(root, *_differences(file, found, sealed, expected))


class _Sealed(NamedTuple):
    """The sealed runs: their number, if a seal says it, and by UUID those of which the leaf is known.

    The number in a proof does not count: trees of 7 and of 8 leaves have proofs of the same form.
    """

    number: int | None
    leaves: Mapping[str, Leaf]


def _sealed_runs(file: ProjectFile, expected: Expected) -> _Sealed | None:
    """The sealed runs; ``None`` if no leaf is known."""
    seal = expected.seal
    if seal is not None and seal.leaves is not None:
        return _Sealed(seal.runs, {leaf.run_uuid: leaf for leaf in seal.leaves})
    if not expected.part:
        return None
    kept = [one for one in read_kept_proofs(file) if one.root == expected.root]
    if not kept:
        return None
    proven = {uuid: leaf for one in kept for uuid, leaf in one.proven(expected.root).items()}
    return _Sealed(None if seal is None else seal.runs, proven)


def _unlocated(file: ProjectFile, number: int, root: str, expected: Expected) -> str:
    differs = f"{file.path}: the root of its {format_runs(number)} is {root}, not {expected.root}"
    if expected.part:
        return f"{differs}, and it keeps no proofs that its runs are a part of those with that root"
    return (
        f"{differs}: a run was changed, added or removed; give the file of a seal with its leaves to see which, and "
        "say so if this is an extract (part, --part)"
    )


def _differences(
    file: ProjectFile, found: Mapping[str, Leaf], sealed: _Sealed, expected: Expected
) -> tuple[list[str], list[str]]:
    problems: list[str] = []
    paths: dict[str, str] = {}
    added = 0
    for path, leaf in found.items():
        where, known = f"{file.path}: /{path}", sealed.leaves.get(leaf.run_uuid)
        if (first := paths.setdefault(leaf.run_uuid, path)) != path:
            problems.append(f"{where}: has the same run_uuid as /{first}, {leaf.run_uuid}")
        elif known is None:
            added += 1
            if not expected.grown:
                problems.append(f"{where}: is not one of the sealed runs (run_uuid {leaf.run_uuid})")
        elif known != leaf:
            problems.append(f"{where}: is not as it was sealed: {_what_differs(known, leaf)}")
    notes: list[str] = []
    if expected.part:
        there = len(paths.keys() & sealed.leaves.keys())
        of = f"{there} sealed run{'' if there == 1 else 's'}"
        of = of if sealed.number is None else f"{there} of the {format_runs(sealed.number)} that were sealed"
        notes.append(f"{file.path}: has {of}; other sealed runs were not asked for")
    else:
        problems += [
            f"{file.path}: the sealed run with the run_uuid {uuid} is missing, or could not be read"
            for uuid in sealed.leaves
            if uuid not in paths
        ]
    if expected.grown and added:
        notes.append(f"{file.path}: {format_runs(added)} came after the seal, and the seal says nothing about them")
    return problems, notes


def _what_differs(known: Leaf, leaf: Leaf) -> str:
    core = ["its core_sha256 (configuration, circuits, result or arrays)"] * (known.core_sha256 != leaf.core_sha256)
    status = ["its status (outcome, times, or numbers that tables show)"] * (known.status_sha256 != leaf.status_sha256)
    return "another digest of " + " and of ".join([*core, *status])
