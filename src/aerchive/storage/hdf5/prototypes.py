"""Prototypes: groups that HDF5 copies as a whole, because the runs of a sweep have the same nodes with other values.

To make the groups of a run with their five dozen attributes takes HDF5 and h5py a millisecond, to copy them a tenth of
that. So the second group of one form is also made in a file in memory. Later ones are copies of it, into which only the
values that differ are written.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from h5py import h5f, h5g, h5o, h5p

from aerchive.storage.chunks.drafts import AttributeValue, attribute_array, attribute_piece
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import open_own, replace_own_attribute, root_group

_BLOCK_BYTES = 64 * 1024
_MOST = 256
"""Greatest number of forms that are remembered; each takes some kilobytes."""


class Prototype:
    """A node of a prototype: the attributes of a group or dataset, and what is in the group.

    Args:
        attributes: Its attributes, by name.
        unsealed: Names of the attributes that no digest covers.
        members: The groups and datasets in it, by name.
    """

    def __init__(
        self,
        attributes: Mapping[str, AttributeValue],
        unsealed: frozenset[str],
        members: Mapping[str, Prototype] | None = None,
    ) -> None:
        self.members = members or {}
        self._values = dict(attributes)
        self._arrays = {name: attribute_array(value) for name, value in attributes.items()}
        sealed = sorted(attributes.keys() - unsealed)
        self._pieces = {name: attribute_piece(name, self._arrays[name]) for name in sealed}

    def renew(self, node: Callable[[], Any], attributes: Mapping[str, AttributeValue]) -> bytes:
        """Writes the attributes of a copy that differ from those of the prototype.

        Args:
            node: Function that opens the copy.
            attributes: The attributes by name, or those that are known by now.

        Returns:
            What the digest of the node covers of its attributes.
        """
        pieces, known = self._pieces, self._values
        for name, value in attributes.items():
            if value == known[name] and type(value) is not float:  # 0.0 equals -0.0
                continue
            array = attribute_array(value)
            replace_own_attribute(node(), name, array, self._arrays[name])
            if name in pieces:
                pieces = pieces if pieces is not self._pieces else dict(pieces)
                pieces[name] = attribute_piece(name, array)
        return b"".join(pieces.values())


class _Known:
    """The prototypes of this process.

    Attributes:
        lock: Held while a prototype is looked up, made and copied.
        forms: Name and content of each prototype, by form; ``None`` for a form that came once.
        root: The root group of the file in memory, which it keeps open.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forms: dict[Hashable, tuple[bytes, Prototype] | None] = {}
        self.root: h5g.GroupID | None = None

    def forget_in_child(self) -> None:
        """Makes a new lock, as a thread that the child does not have may hold the old one, and forgets all forms."""
        self.lock, self.forms = threading.RLock(), {}


_known = _Known()
_numbers = itertools.count()
"""Numbers that name files in memory and prototypes, each once."""
os.register_at_fork(after_in_child=_known.forget_in_child)


def copied(
    parent: h5g.GroupID, name: str, form: Hashable, make: Callable[[h5g.GroupID, str], Prototype]
) -> tuple[h5g.GroupID, Prototype] | None:
    """Copies the prototype of a form, if the form came before.

    Args:
        parent: The group in which the copy is made.
        name: Name of the copy; it is not taken.
        form: What all groups have in common that may be copies of this prototype: all but values of attributes and
            datasets.
        make: Function that makes the prototype in a group under a name.

    Returns:
        The copy and its prototype; ``None`` if no group of this form came before.
    """
    key = name.encode()
    with _known.lock:
        if form not in _known.forms:
            if len(_known.forms) >= _MOST:
                _known.forms, _known.root = {}, None
            _known.forms[form] = None
            return None
        if _known.root is None:
            _known.root = _file_in_memory()
        found = _known.forms[form]
        if found is None:
            own = str(next(_numbers))
            found = _known.forms[form] = own.encode(), make(_known.root, own)
        with hdf5_errors(parent, name):
            h5o.copy(_known.root, found[0], parent, key)
    return open_own(parent, name), found[1]


def _file_in_memory() -> h5g.GroupID:
    """The root group of a new file; HDF5 does not open two files of one name."""
    name = f"prototypes {next(_numbers)}"
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    access.set_fapl_core(_BLOCK_BYTES, False)
    with hdf5_errors(name):
        file = h5f.create(name.encode(), h5f.ACC_TRUNC, fapl=access)
    return root_group(file, name)
