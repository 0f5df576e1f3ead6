"""Stored circuits in an older version of QPY, for the copy of a project that an older Qiskit shall read."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable

from aerchive.codecs.circuits.losses import describe_error, differences
from aerchive.codecs.circuits.qpy_versions import check_readable, written_as
from aerchive.codecs.circuits.reading import KIND, is_qpy, load_qpy, reraise_unless_failure
from aerchive.codecs.circuits.writing import dump_qpy
from aerchive.storage.chunks.drafts import ObjectDraft, bytes_dataset

_REMEMBERED = 64


class QpyRewriter:
    """Makes drafts of shared objects whose circuits are not newer than a version of QPY.

    Each circuit is written, read back and compared. Circuits of which the older version would lose something stay as
    they are. Tables beside the circuits, and arrays, do not change.

    Args:
        version: The version of QPY.
        rehearse: Function of a payload and its place that raises an error if reading the payload would do harm; it is
            called with payloads of foreign files.

    Attributes:
        kept: Reasons why circuits stay in a newer version, by path of the object.
    """

    def __init__(self, version: int, rehearse: Callable[[bytes, str], None] | None) -> None:
        self.kept: dict[str, str] = {}
        self._version = version
        self._rehearse = rehearse
        self._made: OrderedDict[str, ObjectDraft] = OrderedDict()

    def draft(self, stored: ObjectDraft) -> ObjectDraft:
        """Returns the draft of an object, and of all objects that it links, in the version.

        Raises:
            FormatError: The installed Qiskit cannot read the circuits.
            IntegrityError: The stored bytes are damaged.
            UnsafeContentError: The circuits of a foreign file would harm this program.
        """
        if stored.path not in self._made:
            self._made[stored.path] = self._rewritten(stored)
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        return self._made[stored.path]

    def _rewritten(self, stored: ObjectDraft) -> ObjectDraft:
        if stored.kind != KIND:
            return dataclasses.replace(stored, objects={name: self.draft(one) for name, one in stored.objects.items()})
        payload = stored.datasets["qpy"].parts[0][...].tobytes()
        if not is_qpy(payload) or payload[6] <= self._version:
            return stored
        check_readable(payload, f"{stored.path}: stored circuits")
        if self._rehearse is not None:
            self._rehearse(payload, stored.path)
        try:
            circuits = load_qpy(payload)
            with written_as(self._version):
                older = dump_qpy(circuits)
            pairs = zip(circuits, load_qpy(older), strict=True)
            lost = next((f"{mine.name!r}: {text}" for mine, back in pairs for text in differences(mine, back)), None)
        except BaseException as error:  # noqa: BLE001  (a Rust panic is a BaseException; interrupts are raised again)
            reraise_unless_failure(error)
            lost = describe_error(error)
        if lost is not None:
            self.kept[stored.path] = lost
            return stored
        return dataclasses.replace(stored, datasets={**stored.datasets, "qpy": bytes_dataset(older)})
