"""Attachments of a run, or of a project, united: each value is kept, and one that was removed stays removed."""

from __future__ import annotations

import re
from typing import NamedTuple

from aerchive import layout
from aerchive.errors import FormatError, InvalidInputError
from aerchive.limits import limits
from aerchive.project.catalogue.deletions import Deletions
from aerchive.project.sealing.kept_proofs import ATTACHMENT
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.transfer import group_draft
from aerchive.storage.sessions import WriteSession

_UUID = re.compile(r"[0-9A-Za-z_-]{8,64}")
"""The form of a UUID whose beginning can be a part of a name."""


class Attached(NamedTuple):
    """An attachment.

    Attributes:
        created: When it was attached, UTC.
        uuid: Its UUID.
        name: Its name.
        group: Its group.
    """

    created: str
    uuid: str
    name: str
    group: GroupReader

    @property
    def suffix(self) -> str:
        """What tells it from others of its name: a tilde, and the beginning of its UUID."""
        return f"~{self.uuid[:8]}"

    @property
    def base(self) -> str:
        """The name that the user gave."""
        return self.name.removesuffix(self.suffix)


def attached(holder: GroupReader) -> list[Attached]:
    """The attachments of a run or of a project.

    Raises:
        FormatError: One has a UUID that cannot be a part of a name.
    """
    if layout.ATTACHMENTS not in holder or not holder.is_group(layout.ATTACHMENTS):
        return []
    folder = holder.group(layout.ATTACHMENTS)
    groups = [(name, folder.group(name)) for name in folder.names()]
    found = [
        Attached(str(one.attribute("created")), str(one.attribute(layout.ATTACHMENT_UUID)), name, one)
        for name, one in groups
    ]
    for one in found:
        if _UUID.fullmatch(one.uuid) is None:
            raise FormatError(f"{one.group.where()}: {one.uuid!r:.80} is not the UUID of an attachment")
    return found


def unite_attachments(
    session: WriteSession,
    path: str,
    here: list[Attached],
    there: list[Attached],
    deletions: Deletions,
    conflicts: list[str],
) -> bool:
    """Unites the attachments of a run in two projects.

    Of several values with one name the oldest keeps the name, and the others get the beginning of their UUID after it,
    so that all projects give the same names.

    Args:
        session: A session of the project that is open for writing.
        path: Path of the group of the run; empty for the project itself.
        here: The attachments that it has.
        there: Those that the other project has.
        deletions: What was deleted in either project.
        conflicts: A list to which a sentence is added for each name with several values.

    Returns:
        Whether anything was changed.
    """
    gone = {uuid for uuid, one in deletions.items() if one.is_deleted}
    wanted = {one.uuid: one for one in (*there, *here) if one.uuid not in gone}
    if len(wanted) > limits().attachments:
        raise InvalidInputError(f"{session.root.where(path)}: has more than {limits().attachments} attachments now")
    names = _names(wanted)
    for base in sorted({one.base for one in wanted.values()}):
        if not path and base == ATTACHMENT:  # the proofs of several extracts do not contradict each other
            continue
        same = [names[one.uuid] for one in wanted.values() if one.base == base]
        if len(same) > 1 and any(one.uuid not in {known.uuid for known in here} for one in there if one.base == base):
            conflicts.append(
                f"{session.root.where(path) if path else session.root.file}: several values are attached as {base!r}; "
                f"all are kept: {', '.join(map(repr, sorted(same)))}"
            )
    known = {one.uuid: one.name for one in here}
    if known == names:
        return False
    folder = f"{path}/{layout.ATTACHMENTS}" if path else layout.ATTACHMENTS
    drafts = {
        names[uuid]: group_draft(one.group, uuid) for uuid, one in wanted.items() if known.get(uuid) != names[uuid]
    }
    for one in here:
        if names.get(one.uuid) != one.name:
            session.remove(f"{folder}/{one.name}", f"{layout.DELETED}/{layout.ATTACHMENTS}")
    for name, draft in drafts.items():
        session.check_room(draft.datasets.values(), f"attachment {name!r}")
        session.write_attachment(path, name, draft)
    return True


def _names(wanted: dict[str, Attached]) -> dict[str, str]:
    """The name of each attachment, by its UUID."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for one in sorted(wanted.values(), key=lambda one: one[:2]):
        name = one.base
        if name in taken:
            name = f"{one.base}{one.suffix}"
        taken.add(name)
        names[one.uuid] = name
    return names
