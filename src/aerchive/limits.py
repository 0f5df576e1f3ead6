"""Limits for what a file may ask of its reader in memory, time and depth.

A file from a stranger may claim sizes that no honest file has. Each limit is a setting (``[limits]`` in the settings
file, or ``AERCHIVE_LIMITS__NAME`` in the environment), and each refusal names the node and the limit.
"""

from __future__ import annotations

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from aerchive.errors import UnsafeContentError

_MIB, _GIB = 1024**2, 1024**3


class Limits(BaseModel):
    """The limits in force; honest projects stay far below them.

    Attributes:
        members: The greatest number of members of one group.
        run_nodes: The greatest number of groups and datasets in one run or shared object.
        attachments: The greatest number of attachments of one run, and of the project itself.
        foreign_nodes: The greatest number of groups and datasets that other programs have added to the project.
        attributes: The greatest number of attributes of one node.
        attribute_bytes: The size of the largest attribute, in bytes. Long texts of groups are stored as datasets.
        depth: The deepest nesting of groups in a run.
        chunk_bytes: The size of the largest chunk of an array before compression, in bytes.
        piece_bytes: The size of the largest dataset that is stored without chunks, and of the largest table that has
            to be read as a whole, in bytes.
        sparse_ratio: The greatest ratio of what is read of a file with holes, as a table, to the space that the file
            takes on the disk. Such a file can claim any size.
        document_bytes: The size of the largest document (a JSON text, or the bytes of circuits), in bytes.
        document_values: The greatest number of values in a JSON document of a file that is not trusted. In memory a
            value takes up to thirty times the room of its text.
        read_bytes: The size of the largest array that is read at once, in bytes. Slices of larger arrays can be read.
        journal_bytes: The size of the largest journal of an interrupted commit, in bytes.
        qpy_bytes: The size of the largest QPY payload that is read of a file that is not trusted, in bytes.
        beside_bytes: The size of the largest file beside a project that is read, in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int = Field(default=250_000, ge=1)
    run_nodes: int = Field(default=50_000, ge=1000)
    attachments: int = Field(default=5000, ge=1)
    foreign_nodes: int = Field(default=20_000, ge=1000)
    attributes: int = Field(default=1024, ge=64)
    attribute_bytes: ByteSize = Field(default=ByteSize(_MIB), ge=32_000)
    depth: int = Field(default=16, ge=4)
    chunk_bytes: ByteSize = Field(default=ByteSize(256 * _MIB), ge=_MIB)
    piece_bytes: ByteSize = Field(default=ByteSize(_GIB), ge=_MIB)
    sparse_ratio: int = Field(default=64, ge=1)
    document_bytes: ByteSize = Field(default=ByteSize(256 * _MIB), ge=_MIB)
    document_values: int = Field(default=1_000_000, ge=10_000)
    read_bytes: ByteSize = Field(default=ByteSize(64 * _GIB), ge=_MIB)
    journal_bytes: ByteSize = Field(default=ByteSize(_GIB), ge=_MIB)
    qpy_bytes: ByteSize = Field(default=ByteSize(256 * _MIB), ge=_MIB)
    beside_bytes: ByteSize = Field(default=ByteSize(64 * _GIB), ge=_MIB)


class _InForce:
    """The limits of this process."""

    limits = Limits()


def limits() -> Limits:
    """The limits in force in this process."""
    return _InForce.limits


def use_limits(new: Limits) -> None:
    """Sets the limits for this process; opening a project does so with those of the settings."""
    _InForce.limits = new


def over_limit(where: object, limit: str, claim: str) -> UnsafeContentError:
    """The error for a node that asks for more than a limit allows.

    Args:
        where: File and path of the node; a text, or an object whose text is that.
        limit: Name of the limit, a field of `Limits`.
        claim: What the node has or asks for, such as ``it has 5000 attributes``.
    """
    return UnsafeContentError(
        f"{where}: {claim}, and the limit '{limit}' is {getattr(limits(), limit)}; if you trust the file, raise it: "
        f"AERCHIVE_LIMITS__{limit.upper()}"
    )
