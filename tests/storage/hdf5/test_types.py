"""numpy's types as HDF5 types and back."""

from __future__ import annotations

import numpy as np
import pytest
from h5py import h5t

from aerchive.errors import FormatError
from aerchive.models.catalogue import DTYPE
from aerchive.storage.hdf5.types import memory_dtype, stored_type, text_type

SIMPLE = ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16", "|S1", "|S40"]


@pytest.mark.parametrize("dtype", [*SIMPLE, DTYPE, np.dtype([("a", "<u4"), ("z", "<c16"), ("t", "S3")])], ids=str)
def test_a_type_comes_back(dtype: str | np.dtype) -> None:
    dtype = np.dtype(dtype)
    back = memory_dtype(stored_type(dtype), "x")

    assert back == dtype
    assert back.itemsize == dtype.itemsize == stored_type(dtype).get_size()


def test_truth_values_are_bytes() -> None:
    assert memory_dtype(stored_type(np.dtype("?")), "x") == np.uint8


def test_text_is_utf8_padded_with_nul() -> None:
    tid = text_type(7)

    assert (tid.get_size(), tid.get_cset(), tid.get_strpad()) == (7, h5t.CSET_UTF8, h5t.STR_NULLPAD)
    assert not tid.is_variable_str()


@pytest.mark.parametrize("dtype", ["g", "U1", "O", "M8[s]", "m8[s]", "V4"])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(FormatError) as caught:
        stored_type(np.dtype(dtype))

    assert str(caught.value) == f"dtype {np.dtype(dtype)} has no place in an aerchive project"


@pytest.mark.parametrize(
    ("tid", "kind"),
    [
        (h5t.enum_create(h5t.STD_I8LE), 8),
        (h5t.create(h5t.OPAQUE, 4), 5),
        (h5t.vlen_create(h5t.STD_I8LE), 9),
        (h5t.array_create(h5t.STD_I8LE, (2,)), 10),
        (h5t.STD_REF_OBJ, 7),
        (h5t.STD_B8LE, 4),
    ],
)
def test_stored_types_that_are_not_ours_are_refused(tid: h5t.TypeID, kind: int) -> None:
    with pytest.raises(FormatError) as caught:
        memory_dtype(tid, "p.h5: /x")

    assert str(caught.value) == f"p.h5: /x: HDF5 type class {kind} has no place in an aerchive project"


def test_variable_length_text_is_refused() -> None:
    tid = h5t.C_S1.copy()
    tid.set_size(h5t.VARIABLE)

    with pytest.raises(FormatError) as caught:
        memory_dtype(tid, "p.h5: /x")
    assert str(caught.value) == "p.h5: /x: variable-length text has no place in an aerchive project"


def test_a_compound_with_a_foreign_member_is_refused() -> None:
    tid = h5t.create(h5t.COMPOUND, 8)
    tid.insert(b"a", 0, h5t.enum_create(h5t.STD_I8LE))

    with pytest.raises(FormatError, match=r"^x: HDF5 type class 8 "):
        memory_dtype(tid, "x")


def test_r_and_i_in_another_form_are_no_complex_number() -> None:
    integers = np.dtype([("r", "<i4"), ("i", "<i4")])
    swapped = np.dtype([("i", "<f8"), ("r", "<f8")])
    mixed = np.dtype([("r", "<f8"), ("i", "<f4")])

    for dtype in (integers, swapped, mixed):
        assert memory_dtype(stored_type(dtype), "x") == dtype


def test_padding_within_a_complex_number_is_not_dropped() -> None:
    tid = h5t.create(h5t.COMPOUND, 24)
    tid.insert(b"r", 0, h5t.IEEE_F64LE)
    tid.insert(b"i", 16, h5t.IEEE_F64LE)
    try:
        found = memory_dtype(tid, "x")
    except FormatError:
        return
    assert found.itemsize == 24
