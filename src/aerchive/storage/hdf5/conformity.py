"""How nodes are stored, compared with sections 1 and 5 of ``layout.md``, beyond what is checked when they are opened.

No reader depends on these rules; they are what a second writer needs to know, and what viewers rely on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from h5py import h5d, h5f, h5g, h5i, h5t

from aerchive import layout
from aerchive.storage.hdf5.attributes import decode_attribute
from aerchive.storage.hdf5.cached_group import CachedGroup
from aerchive.storage.hdf5.chunk_table import ChunkSumsReader, plan_read
from aerchive.storage.hdf5.errors import hdf5_errors
from aerchive.storage.hdf5.nodes import attribute_names, open_attribute, read_attribute_value
from aerchive.storage.hdf5.reader import HDF5Group

CONTAINER: Final = "1. The container"
TEXT: Final = "Text"
Finding = tuple[str, str, str]
"""The rule that is broken, the attribute (empty: the node itself), and what is wrong."""


def file_findings(root: HDF5Group) -> Iterator[Finding]:
    """What departs from the rules for the file as a whole."""
    with hdf5_errors(root.where()):
        properties = h5i.get_file_id(root.gid).get_create_plist()
        version, block = properties.get_version()[0], properties.get_userblock()
        strategy = properties.get_file_space_strategy()[0]
    if version != layout.SUPERBLOCK_VERSION:
        yield CONTAINER, "", f"the superblock has version {version}, not {layout.SUPERBLOCK_VERSION}"
    if strategy != h5f.FSPACE_STRATEGY_NONE:
        yield CONTAINER, "", "the file was created with a file space strategy other than 'none'"
    if block:
        yield CONTAINER, "", f"there is a user block of {block} bytes"


def node_findings(node: Any, where: str) -> Iterator[Finding]:
    """What departs from the rules for an open group or dataset, and for its attributes.

    Raises:
        AerchiveError: An attribute has a type or a size that no attribute may have.
    """
    names = attribute_names(node, where)
    if isinstance(node, h5g.GroupID):
        with hdf5_errors(where):
            phase = node.get_create_plist().get_attr_phase_change()
        if phase != (layout.MAX_COMPACT_ATTRIBUTES, layout.MIN_DENSE_ATTRIBUTES):
            yield CONTAINER, "", f"the group was created with attribute phase change {phase}"
    elif isinstance(node, h5d.DatasetID):
        for stored in _texts(node.get_type()):
            if stored.get_strpad() != h5t.STR_NULLPAD:
                yield TEXT, "", "texts are not padded with NUL"
    if len(names) > layout.MAX_COMPACT_ATTRIBUTES:
        yield CONTAINER, "", f"there are {len(names)} attributes, more than {layout.MAX_COMPACT_ATTRIBUTES}"
    for key in names:
        name = key.decode("utf-8", "backslashreplace")
        yield from ((rule, name, what) for rule, what in _attribute_findings(node, key, f"{where}@{name}"))


def _attribute_findings(node: Any, key: bytes, where: str) -> Iterator[tuple[str, str]]:
    stored = open_attribute(node, key, where).get_type()
    value = read_attribute_value(node, key, where)
    if not isinstance(stored, h5t.TypeStringID):
        return
    if stored.get_cset() != h5t.CSET_UTF8:
        yield TEXT, "the character set is not UTF-8"
    if stored.get_strpad() != h5t.STR_NULLPAD:
        yield TEXT, "the text is not padded with NUL"
    data = value.tobytes()
    is_padded = value.shape == () and data != b"\0" and data.endswith(b"\0")
    if is_padded and key != layout.DEFAULT.encode():  # it is replaced in place
        yield TEXT, f"the text has {len(data)} bytes, more than it needs"
    if len(data) > layout.MAX_TEXT_ATTRIBUTE_BYTES:
        yield TEXT, f"the text has {len(data)} bytes, and belongs into a dataset '{layout.LONG_PREFIX}...'"
    decode_attribute(value, where)


def _texts(stored: h5t.TypeID) -> Iterator[h5t.TypeStringID]:
    if isinstance(stored, h5t.TypeStringID):
        yield stored
    elif isinstance(stored, h5t.TypeCompoundID):
        for number in range(stored.get_nmembers()):
            yield from _texts(stored.get_member_type(number))


def check_sums(group: CachedGroup, name: str, owner: str) -> None:
    """Checks that each chunk of a dataset has checksums where they belong; they are not computed.

    Raises:
        AerchiveError: They are missing, or have another form.
    """
    dsid, what = opened = group.open_array(name)
    if what.chunk is not None:
        plan = plan_read(group.gid, name, owner, group.where(name), opened=opened)
        ChunkSumsReader(group.gid, dsid, name, len(plan.locations), group.where(name)).digests()
