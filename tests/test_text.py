"""Text and its bytes in the file: nothing is lost, nothing is cut in half."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aerchive.errors import FormatError
from aerchive.text import JSON_FORM, decode_text, encode_text, fit_text, json_text

# Backslashes, NUL, lone surrogates and characters of 1 to 4 bytes, each often enough to meet the others.
characters = st.sampled_from('\\\\0u\0a"\ud800\udfffé€😀') | st.characters(exclude_categories=())
texts = st.builds(str.__add__, st.sampled_from(["", "json:", 'json:"']), st.text(characters, max_size=40))


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
        ("a\\b", rb"a\b"),
        (r"\frac{\pi}{2} \\ \u0041 C:\temp", rb"\frac{\pi}{2} \\ \u0041 C:\temp"),
        ("a\0b é", rb'json:"a\u0000b \u00e9"'),
        ("\ud800", rb'json:"\ud800"'),
        ("\udbff\udfff", rb'json:"\udbff""\udfff"'),
        ("json:", b"json:"),
        ('json:{"a":1}', b'json:{"a":1}'),
        ('json:"é', rb'json:"json:\"\u00e9"'),
        ("line\nline\t", b"line\nline\t"),
    ],
)
def test_bytes_are_those_of_the_format(text: str, data: bytes) -> None:
    assert encode_text(text) == data
    assert decode_text(data) == text


@pytest.mark.parametrize("rest", ['"', '"\\q"', '"a" ', '"a"b', '"a"5', '"a"{}', '"a"' + "[" * 100_000])
def test_what_begins_like_a_text_as_json_and_is_not_is_refused(rest: str) -> None:
    with pytest.raises(FormatError, match=r"^stored text is not the JSON that it claims to be: "):
        decode_text(f"json:{rest}".encode())


@given(st.text().map("a\0".__add__))
def test_a_text_as_json_is_read_by_any_reader_of_json(text: str) -> None:
    assert json.loads(encode_text(text).removeprefix(b"json:")) == text


def test_json_in_an_attribute_is_utf8_unless_there_is_a_lone_surrogate() -> None:
    assert json_text(["ψ", "\0\\"]) == r'["ψ", "\u0000\\"]'
    assert json_text({"ψ": "\udfff"}, separators=(",", ":")) == r'{"\u03c8":"\udfff"}'


@pytest.mark.parametrize("data", [b"\xff", "é".encode()[:1], b"\xed\xa0\x80"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"^stored text is not UTF-8: 'utf-8' codec can't decode"):
        decode_text(data)


@given(texts, st.integers(1, 60))
@example("é", 1)
@example("\\", 1)
@example("a\ud800", 6)
@example("a\ud800", 13)
@example('json:"', 6)
@example("\0\0", 17)
def test_a_cut_text_is_the_beginning_of_the_whole(text: str, width: int) -> None:
    data, cut = fit_text(text, width)

    assert len(data) <= width
    assert cut == (len(encode_text(text)) > width)
    shown = decode_text(data)
    if cut:
        is_json = encode_text(text).startswith(JSON_FORM)
        like = re.sub("[\0\ud800-\udfff]", "?", text) if is_json else text
        like = like[:5] + "?" + like[6:] if like.startswith('json:"') and is_json else like
        assert like.startswith(shown)
        # and no character more would have fitted
        assert shown == like or len(like[: len(shown) + 1].encode()) > width
    else:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "width", "data"),
    [
        ("abc", 2, b"ab"),
        ("aé", 2, b"a"),
        ("a😀", 4, b"a"),
        ("a\\b", 2, b"a\\"),
        ("a\ud800b", 6, b"a?b"),
        ("\0\0", 3, b"??"),
        ("a\0é", 3, b"a?"),
        ('json:"x"', 7, b"json:?x"),
    ],
)
def test_cut_bytes(text: str, width: int, data: bytes) -> None:
    assert fit_text(text, width) == (data, True)
