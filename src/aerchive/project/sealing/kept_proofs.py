"""The proofs that an extract keeps of its runs, as one JSON text, which is an attachment of its project.

The hashes that several runs share stand there once, so the text is never much longer than the list of all sealed runs.
A project into which several extracts were merged has several such attachments.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aerchive.errors import ArchiveWarning, FormatError, IntegrityError, InvalidInputError
from aerchive.project.attachments import Attachments, ProjectRoot
from aerchive.project.sealing.document import check_hash, read_document
from aerchive.project.sealing.leaves import Leaf
from aerchive.project.sealing.merkle import Place, siblings
from aerchive.project.sealing.proof import Proof
from aerchive.project.sealing.seal import Seal
from aerchive.storage.file import ProjectFile

ATTACHMENT = "proofs"
"""Name of the attachment of a project with the proofs of its runs."""
_NAME = re.compile(rf"{ATTACHMENT}(~[0-9a-f]{{8}})?")
"""Its name, and those that a merge gives to further ones."""
_FORMAT, _VERSION = "aerchive proofs", 1
_FIELDS = {"root": str, "runs": int, "leaves": dict, "hashes": dict}


@dataclass(frozen=True)
class KeptProofs:
    """The proofs of some runs of one seal.

    Attributes:
        root: The root of the seal, 64 hexadecimal digits.
        runs: The number of sealed runs.
        leaves: The leaves of the runs that are proven, by their index among the sealed runs.
        hashes: The hashes beside their ways up, by place in the tree.
    """

    root: str
    runs: int
    leaves: Mapping[int, Leaf]
    hashes: Mapping[Place, str]

    @classmethod
    def of(cls, seal: Seal, run_uuids: Iterable[str]) -> Self:
        """The proofs of those of some runs that are sealed.

        Args:
            seal: The seal, with its leaves.
            run_uuids: Identifiers of runs.

        Raises:
            InvalidInputError: The seal has no leaves.
        """
        leaves = seal.need_leaves("proofs can be made")
        indices = sorted(index for one in run_uuids if (index := seal.index(one)) is not None)
        places = sorted({place for index in indices for place in siblings(index, seal.runs)})
        hashes = {place: seal.tree.at(place) for place in places}
        return cls(seal.root, seal.runs, {index: leaves[index] for index in indices}, hashes)

    def part(self, run_uuids: Iterable[str]) -> Self:
        """The proofs of those of some runs that are proven here."""
        wanted = set(run_uuids)
        leaves = {index: leaf for index, leaf in self.leaves.items() if leaf.run_uuid in wanted}
        needed = {place for index in leaves for place in siblings(index, self.runs)}
        return type(self)(
            self.root, self.runs, leaves, {place: one for place, one in self.hashes.items() if place in needed}
        )

    def proven(self, root: str) -> dict[str, Leaf]:
        """The leaves whose proofs hold, by the UUID of the run.

        Args:
            root: The root that they must give.
        """
        found = {}
        for index, leaf in self.leaves.items():
            with contextlib.suppress(KeyError):  # a hash is missing
                path = tuple(self.hashes[place] for place in siblings(index, self.runs))
                if Proof(*leaf, index, self.runs, self.root, path).check(root):
                    found[leaf.run_uuid] = leaf
        return found

    def to_document(self) -> dict[str, Any]:
        """The proofs as an object for JSON."""
        leaves = {str(index): leaf.line for index, leaf in self.leaves.items()}
        hashes = {f"{place.level}.{place.number}": one for place, one in self.hashes.items()}
        return {"format": _FORMAT, "version": _VERSION} | dict(
            zip(_FIELDS, (self.root, self.runs, leaves, hashes), strict=True)
        )

    @classmethod
    def from_document(cls, document: object, where: object) -> Self:
        """Reads what `to_document` has made.

        Raises:
            FormatError: It is something else.
            NewerFormatError: A later version of aerchive has written it.
        """
        fields = read_document(json.dumps(document), _FORMAT, _VERSION, _FIELDS, where)
        for one in (fields["root"], *fields["hashes"].values()):
            check_hash(one, where)
        try:
            leaves = {int(index): Leaf.of_line(str(line), where) for index, line in fields["leaves"].items()}
            hashes = {Place(*map(int, place.split("."))): one for place, one in fields["hashes"].items()}
        except (ValueError, TypeError) as error:
            raise FormatError(f"{where}: {error}") from error
        if not all(0 <= index < fields["runs"] for index in leaves):
            raise FormatError(f"{where}: a run has a number beyond the number of runs")
        return cls(fields["root"], fields["runs"], leaves, hashes)


def read_kept_proofs(file: ProjectFile) -> list[KeptProofs]:
    """Reads the proofs that a project keeps: of one seal or of several, in one element or in several for each seal.

    Raises:
        FormatError: The attachment with the name `ATTACHMENT` has something else.
        IntegrityError: It is damaged.
    """
    attachments = Attachments(lambda: ProjectRoot(file), str(file.path))
    return [
        one
        for name in attachments
        if _NAME.fullmatch(name)
        for one in _proofs_of(attachments[name], f"{file.path}: attachment {name!r}")
    ]


def _proofs_of(text: object, where: str) -> list[KeptProofs]:
    """The proofs in the value of an attachment."""
    if not isinstance(text, str):
        raise FormatError(f"{where}: is not a text with proofs of runs")
    try:
        documents = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: is not JSON: {error}") from error
    if not isinstance(documents, list):
        raise FormatError(f"{where}: is not a list of proofs")
    return [KeptProofs.from_document(document, where) for document in documents]


def proofs_to_keep(file: ProjectFile, seal: Seal | None, run_uuids: Iterable[str]) -> str | None:
    """Makes the text that an extract of a project attaches to itself under the name `ATTACHMENT`.

    If an attachment of the project has this name but no proofs, a warning says that nothing is handed on.

    Args:
        file: The project that the runs are taken from; the proofs that it keeps itself are handed on.
        seal: A seal of this project, with its leaves; ``None``: only what it keeps itself is handed on.
        run_uuids: Identifiers of the runs that are taken.

    Returns:
        The text; ``None`` if there is no proof of these runs.

    Raises:
        InvalidInputError: The seal has no leaves.
        IntegrityError: The proofs that the project keeps are damaged.
    """
    uuids = set(run_uuids)
    try:
        kept = read_kept_proofs(file)
    except IntegrityError:
        raise
    except FormatError as error:
        warnings.warn(f"{error}; so the new file does not have it", ArchiveWarning, stacklevel=2)
        kept = []
    new = [] if seal is None else [KeptProofs.of(seal, uuids)]
    known = {one.root for one in new}
    handed_on = [one.part(uuids) for one in kept if one.root not in known]
    documents = [one.to_document() for one in (*new, *handed_on) if one.leaves]
    return json.dumps(documents, indent=1) + "\n" if documents else None


def check_sealed(file: ProjectFile, seal: Seal, runs: Iterable[tuple[str, Leaf]]) -> None:
    """Checks that runs are as they were sealed, before they are extracted with their proofs.

    Args:
        file: The project file.
        seal: The seal, with its leaves.
        runs: For each run its job id, and its leaf as it is now.

    Raises:
        InvalidInputError: One of the runs is not, or the seal has no leaves.
    """
    sealed = set(seal.need_leaves("proofs can be made"))
    others = [job_id for job_id, leaf in runs if leaf not in sealed]
    if others:
        raise InvalidInputError(
            f"{file.path}: the seal does not have {others[0]} as it is now"
            f"{f', nor {len(others) - 1} more of the runs to extract' if len(others) > 1 else ''}; seal the project "
            f"again, into another file: aerchive seal {file.path} -o NEW.seal"
        )
