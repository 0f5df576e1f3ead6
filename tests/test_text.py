"""Text and its bytes in the file: nothing is lost, nothing is cut in half."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aerchive.errors import FormatError
from aerchive.text import decode_text, encode_text, fit_text

# Backslashes, NUL, lone surrogates and characters of 1 to 4 bytes, each often enough to meet the others.
characters = st.sampled_from("\\\\0u\0a\ud800\udfffé€😀") | st.characters(exclude_categories=())
texts = st.text(characters, max_size=40)


@given(texts)
@example("")
@example("\\")
@example("\\0")
@example("\0")
@example("trailing\0\0")
@example("\ud83d\ude00")  # two lone surrogates are not the one character they would be in UTF-16
@example("\\ud800")
def test_every_text_comes_back(text: str) -> None:
    assert decode_text(encode_text(text)) == text


@given(texts, st.integers(0, 9))
def test_padding_is_not_part_of_the_text(text: str, padding: int) -> None:
    assert decode_text(encode_text(text) + b"\0" * padding) == text


@given(texts)
def test_stored_bytes_are_what_hdf5_can_hold(text: str) -> None:
    data = encode_text(text)

    assert data
    data.decode()
    assert data == b"\0" if not text else b"\0" not in data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b"\0"),
        ("plain", b"plain"),
        ("Ångström 😀", "Ångström 😀".encode()),
        ("a\\b", rb"a\\b"),
        ("a\0b", rb"a\0b"),
        ("\ud800", rb"\ud800"),
        ("\udbff\udfff", rb"\udbff\udfff"),
        ("line\nline\t", b"line\nline\t"),
    ],
)
def test_bytes_are_those_of_the_format(text: str, data: bytes) -> None:
    assert encode_text(text) == data
    assert decode_text(data) == text


@pytest.mark.parametrize("data", [rb"a\b", b"\\", rb"\x00", rb"\u12", rb"\uD800", rb"\\\q"])
def test_undefined_escape_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decode_text(data)

    assert str(caught.value) == "stored text has an undefined escape"


@pytest.mark.parametrize("data", [b"\xff", "é".encode()[:1], b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^stored text is not UTF-8: 'utf-8' codec can't decode"):
        decode_text(data)


@given(texts, st.integers(1, 60))
@example("é", 1)
@example("\\", 1)
@example("a\ud800", 6)
@example("a\ud800", 7)
@example("\\u0", 3)
@example("\\\0", 3)
def test_a_cut_text_is_the_beginning_of_the_whole(text: str, width: int) -> None:
    data, cut = fit_text(text, width)

    assert len(data) <= width
    assert cut == (len(encode_text(text)) > width)
    shown = decode_text(data)
    assert text.startswith(shown)
    if cut:
        assert len(shown) < len(text)
        # and no character more would have fitted
        assert len(encode_text(text[: len(shown) + 1])) > width
    else:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "width", "data"),
    [
        ("abc", 2, b"ab"),
        ("aé", 2, b"a"),
        ("a😀", 4, b"a"),
        ("a\\b", 2, b"a"),
        ("a\ud800", 6, b"a"),
        ("\0\0", 3, rb"\0"),
    ],
)
def test_cut_bytes(text: str, width: int, data: bytes) -> None:
    assert fit_text(text, width) == (data, True)
