"""Drafts: the stored form of attributes, chunks of parts, and digests of shared objects."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.errors import InvalidInputError
from aerchive.storage.chunks.drafts import DatasetDraft, ObjectDraft, attribute_array, bytes_dataset, text_dataset


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, "|u1"),
        (False, "|u1"),
        (0, "<i8"),
        (2**63 - 1, "<i8"),
        (-(2**63), "<i8"),
        (2**63, "<u8"),
        (2**64 - 1, "<u8"),
        (0.5, "<f8"),
        ("", "|S1"),
        ("abc", "|S3"),
        ("é", "|S2"),
        ("a\0", "|S14"),
    ],
)
def test_stored_form_of_an_attribute(value: Any, dtype: str) -> None:
    array = attribute_array(value)

    assert (array.dtype.str, array.shape) == (dtype, ())
    if not isinstance(value, str):
        assert array.item() == value


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_integer_beyond_64_bits_is_refused(value: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        attribute_array(value)

    assert str(caught.value) == f"the integer {value} needs more than the 64 bits of an attribute"


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("chunk", [(1, 2, 3), (2, 3, 4), (4, 5, 6), (1, 5, 6), (3, 1, 5)])
def test_chunks_of_a_draft(stacked: bool, chunk: tuple[int, ...]) -> None:
    value = np.arange(1, 121, dtype=np.int32).reshape(4, 5, 6)
    draft = DatasetDraft(list(value), stacked=True) if stacked else DatasetDraft([value])

    assert draft.shape == (4, 5, 6)
    assert draft.nbytes == value.nbytes
    for corner in np.ndindex(*(-(-n // c) for n, c in zip(value.shape, chunk, strict=True))):
        offset = tuple(i * c for i, c in zip(corner, chunk, strict=True))
        wanted = np.zeros(chunk, np.int32)
        inside = value[tuple(slice(o, o + c) for o, c in zip(offset, chunk, strict=True))]
        wanted[tuple(slice(n) for n in inside.shape)] = inside
        assert draft.read_chunk(offset, chunk).tobytes() == wanted.tobytes()


def test_a_chunk_that_is_a_whole_part_is_not_copied() -> None:
    value = np.arange(100.0)

    assert np.shares_memory(DatasetDraft([value]).read_chunk((0,), (100,)), value)
    assert np.shares_memory(DatasetDraft([value, value + 1], stacked=True).read_chunk((0, 50), (1, 50)), value)


def test_a_text_is_rows_that_end_where_a_reader_would_end_them() -> None:
    item = b'{"name":"h","qubits":[0,1,2],"params":[],"label":"a label of some length"}'
    draft = text_dataset(b'{"operations":[' + b",".join([item] * 3) + b'],"done":true}')

    assert draft.parts[0].tolist() == [
        b'{"operations":[{"name":"h","qubits":[0,1,2],"params":[],"label":"a label of some length"},',
        item + b",",
        item + b'],"done":true}',
    ]
    assert (text_dataset(b"{}").dtype, text_dataset(b"").dtype) == (np.dtype("S2"), np.dtype("S1"))
    assert [len(row) for row in text_dataset(b"x" * 250).parts[0]] == [100, 100, 50]
    assert text_dataset(("a" + "ψ" * 100).encode()).parts[0][0].decode() == "a" + "ψ" * 49
    assert bytes_dataset(b"ab").parts[0].tolist() == [97, 98]


@given(st.text(st.sampled_from('abc ,[]{}"é€😀') | st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_joined_rows_are_the_text(text: str) -> None:
    text = text * 9
    rows = text_dataset(text.encode()).parts[0].tolist()

    assert "".join(row.decode() for row in rows) == text  # each row is whole characters
    assert max(map(len, rows)) <= 100
    assert len(rows) <= 1 + len(text.encode()) / 27


def test_a_long_text_becomes_rows_quickly() -> None:
    """In processor time, which other programs hardly change: it takes 11 ms for this 1.2 MB."""
    text = b'{"name":"h","qubits":[0,1,2],"params":[],"label":"a label"},' * 20_000 + b" " * 500

    begun = time.process_time()
    text_dataset(text)

    assert time.process_time() - begun < 0.2


def shared(**changes: Any) -> ObjectDraft:
    content = {
        "kind": "circuits",
        "attributes": {"count": 2, "names": "a"},
        "datasets": {"qpy": DatasetDraft([np.arange(6, dtype="<u2")])},
    }
    return ObjectDraft(**(content | changes))


def test_equal_content_is_one_object() -> None:
    other = shared(attributes={"names": "a", "count": 2}, datasets={"qpy": DatasetDraft([np.arange(6, dtype="<u2")])})

    assert shared().digest == other.digest
    assert shared().path == f"objects/circuits/{shared().digest[:2]}/{shared().digest}"


def test_digest_is_that_of_the_format() -> None:
    content = b"circuits|@count|<i8|" + (2).to_bytes(8, "little") + b"|@names||S1|a"
    content += b"|qpy|[('', '<u2')]|(6,)|" + np.arange(6, dtype="<u2").tobytes()

    assert shared().digest == hashlib.sha256(content).hexdigest()[:40]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "noise_model"},
        {"attributes": {"count": 3, "names": "a"}},
        {"attributes": {"count": True, "names": "a"}},
        {"attributes": {"count": 2}},
        {"datasets": {}},
        {"datasets": {"aer": DatasetDraft([np.arange(6, dtype="<u2")])}},
        {"datasets": {"qpy": DatasetDraft([np.arange(6, dtype="<i2")])}},
        {"datasets": {"qpy": DatasetDraft([np.arange(6, dtype="<u2").reshape(2, 3)])}},
        {"datasets": {"qpy": DatasetDraft([np.arange(1, 7, dtype="<u2")])}},
    ],
)
def test_other_content_is_another_object(changes: dict[str, Any]) -> None:
    assert shared(**changes).digest != shared().digest
