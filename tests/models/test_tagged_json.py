"""Values through tagged JSON: types, bits and the order of keys come back, or the value is refused."""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import gc
import json
import pathlib
import struct
import sys
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.models.tagged_json import MAX_DEPTH, decode, dumps, encode, items_of, loads


def through(value: Any) -> Any:
    text = dumps(encode(value))
    text.decode("ascii")
    return decode(loads(text, "test"))


def fingerprint(value: Any) -> Any:
    """All there is to tell one value from another: equal only if types, bits and orders are."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, np.ndarray):
        layout = (value.flags.c_contiguous, value.flags.f_contiguous)
        return kind, value.dtype.str, value.shape, layout, value.tobytes()
    if isinstance(value, np.generic):
        return kind, value.dtype.str, value.tobytes()
    if isinstance(value, float):
        return kind, struct.pack(">d", value)
    if isinstance(value, complex):
        return kind, struct.pack(">dd", value.real, value.imag)
    if isinstance(value, dict):
        return kind, [(fingerprint(k), fingerprint(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return kind, [fingerprint(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return kind, sorted((fingerprint(item) for item in value), key=repr)
    if isinstance(value, datetime.datetime):
        return kind, value.isoformat(), value.utcoffset()
    if isinstance(value, decimal.Decimal):
        return kind, value.as_tuple()
    return kind, value


any_float = st.floats() | st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack(">d", struct.pack(">Q", bits))[0])
any_text = st.text(st.characters(exclude_categories=()) | st.sampled_from("$\0\\\ud800\udfff"))
zones = st.none() | st.builds(lambda s: datetime.timezone(datetime.timedelta(seconds=s)), st.integers(-86_399, 86_399))
NUMERIC = ["|i1", "|u1", "<i2", ">i4", "<i8", "<u8", "<f2", "<f4", "<f8", ">f8", "<c8", "<c16", "<M8[us]", "<m8[D]"]


@st.composite
def numeric_arrays(draw: st.DrawFn) -> np.ndarray:
    """Any bits at all, so that NaNs have payloads; in either order in memory."""
    dtype = np.dtype(draw(st.sampled_from(NUMERIC)))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    size = int(np.prod(shape)) * dtype.itemsize
    flat = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype)
    order = draw(st.sampled_from("CF"))
    return flat.reshape(shape, order=order).copy(order=order)


other_arrays = npst.arrays(st.sampled_from(["?", "S3", "<U2"]), npst.array_shapes(max_dims=2, max_side=3))
numpy_scalars = numeric_arrays().filter(lambda a: a.size).map(lambda a: a.reshape(-1)[0]) | other_arrays.map(
    lambda a: a.reshape(-1)[0]
).filter(lambda scalar: scalar.dtype.itemsize > 0)
hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | any_float
    | st.builds(complex, any_float, any_float)
    | any_text
    | st.binary()
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.decimals().filter(lambda value: not value.is_snan())
    | st.fractions()
    | any_text.map(pathlib.PurePosixPath)
    | any_text.map(pathlib.Path)
    | any_text.map(pathlib.PureWindowsPath),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    hashable | numeric_arrays() | other_arrays | numpy_scalars | st.sets(hashable, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(any_text, inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=400, deadline=None)
@example({"$": 1})
@example({"$": None})
@example({1: 1, "1": 2, (1,): 3, None: 4})
@example(-0.0)
@example(2**63)
@example("\ud83d\ude00")
@example(["\ud83d", "\ude00", {"\ud800": 1}])
@example(complex(-0.0, float("nan")))
@example(decimal.Decimal("sNaN123"))
@example(decimal.Decimal("-0E-999999"))
@example(decimal.Decimal("9" * 10_000))
@example(fractions.Fraction(-(2**4096 - 1), 2**4095))
@example([np.datetime64("NaT"), np.timedelta64(5, "25s")])
def test_every_value_comes_back(value: Any) -> None:
    assert fingerprint(through(value)) == fingerprint(value)


@pytest.mark.parametrize("value", [np.str_(""), np.bytes_(b""), np.zeros(3, "S0"), np.zeros((0, 2), "<U0")], ids=repr)
def test_empty_text_of_numpy_comes_back(value: Any) -> None:
    assert fingerprint(through(value)) == fingerprint(value)


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0x7FF8DEADBEEF0001, 0xFFF8000000000000, 0x7FF0000000000000])
def test_bits_of_nan_and_infinity_come_back(bits: int) -> None:
    value = struct.unpack(">d", struct.pack(">Q", bits))[0]

    assert struct.pack(">d", through(value)) == struct.pack(">Q", bits)


def test_order_of_keys_comes_back() -> None:
    value = {"z": 1, "a": {"y": 2, "b": 3}, "m": {2: 0, 1: 0}}
    back = through(value)

    assert list(back) == ["z", "a", "m"]
    assert list(back["a"]) == ["y", "b"]
    assert list(back["m"]) == [2, 1]


def test_a_view_comes_back_with_its_values() -> None:
    value = np.arange(24).reshape(2, 3, 4)[:, ::-2, 1:]
    back = through(value)

    assert back.tolist() == value.tolist()
    assert back.flags.writeable
    assert back.flags.c_contiguous


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_in_memory_comes_back(order: str) -> None:
    back = through(np.array(np.arange(6.0).reshape(2, 3), order=order))

    assert back.flags.c_contiguous == (order == "C")
    assert back.flags.f_contiguous == (order == "F")


def test_equal_sets_have_equal_text() -> None:
    one = {f"key{i}" for i in range(50)}
    other = {f"key{i}" for i in reversed(range(50))}

    assert dumps(encode(one)) == dumps(encode(other))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, "a"), '{"$":"tuple","items":[1,"a"]}'),
        ({2}, '{"$":"set","items":[2]}'),
        (frozenset({2}), '{"$":"frozenset","items":[2]}'),
        ({1: 2}, '{"$":"dict","items":[[1,2]]}'),
        ({"$": 2}, '{"$":"dict","items":[["$",2]]}'),
        (float("nan"), '{"$":"float","hex":"7ff8000000000000"}'),
        (float("-inf"), '{"$":"float","hex":"fff0000000000000"}'),
        (1 + 2j, '{"$":"complex","items":[1.0,2.0]}'),
        (b"\xff", '{"$":"bytes","base64":"/w=="}'),
        ("\ud800", '{"$":"text","base64":"7aCA"}'),
        ("é", '"\\u00e9"'),
        (
            datetime.datetime(2026, 11, 22, 21, 30, tzinfo=datetime.UTC),
            '{"$":"datetime","iso":"2026-11-22T21:30:00+00:00"}',
        ),
        (datetime.date(2026, 11, 30), '{"$":"date","iso":"2026-11-30"}'),
        (datetime.timedelta(-1, 2, 3), '{"$":"timedelta","items":[-1,2,3]}'),
        (uuid.UUID(int=255), '{"$":"uuid","hex":"000000000000000000000000000000ff"}'),
        (decimal.Decimal("1.50"), '{"$":"decimal","text":"1.50"}'),
        (fractions.Fraction(-1, 3), '{"$":"fraction","items":[-1,3]}'),
        (pathlib.Path("a/b"), '{"$":"PosixPath","text":"a/b"}'),
        (pathlib.PureWindowsPath("C:/a"), '{"$":"PureWindowsPath","text":"C:\\\\a"}'),
        (np.float32(1), '{"$":"numpy","dtype":"<f4","base64":"AACAPw=="}'),
        (np.array([[1, 2]], "u1"), '{"$":"ndarray","dtype":"|u1","shape":[1,2],"order":"C","base64":"AQI="}'),
    ],
    ids=repr,
)
def test_text_is_that_of_the_format(value: Any, text: str) -> None:
    assert dumps(encode(value)).decode() == text


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "value: no codec for builtins.object; store something else, or register a codec for it"),
        (
            {"a": [0, decimal.Context()]},
            "value['a'][1]: no codec for decimal.Context; store something else, or register a codec for it",
        ),
        (
            {1: {2: {object}}},
            "value[1][2]{}: no codec for builtins.type; store something else, or register a codec for it",
        ),
        (
            {object: 1},
            "value key: no codec for builtins.type; store something else, or register a codec for it",
        ),
        (
            collections.OrderedDict(a=1),
            "value: no codec for collections.OrderedDict; store something else, or register a codec for it",
        ),
        (
            Text("a"),
            f"value: no codec for {__name__}.Text; store something else, or register a codec for it",
        ),
        (
            datetime.time(12),
            "value: no codec for datetime.time; store something else, or register a codec for it",
        ),
        (
            np.array([object()]),
            "value: no codec for numpy.ndarray; store something else, or register a codec for it",
        ),
        (
            np.ma.masked_array([1], [True]),
            "value: no codec for numpy.ma.MaskedArray; store something else, or register a codec for it",
        ),
        (
            decimal.Decimal("9" * 10_001),
            "value: no codec for decimal.Decimal; store something else, or register a codec for it",
        ),
        (
            fractions.Fraction(2**4096, 3),
            "value: no codec for fractions.Fraction; store something else, or register a codec for it",
        ),
        (
            np.void(b"ab"),
            "value: no codec for numpy.void; store something else, or register a codec for it",
        ),
        (
            np.zeros(1, [("a", "f8")]),
            "value: no codec for numpy.ndarray; store something else, or register a codec for it",
        ),
    ],
    ids=lambda v: type(v).__name__,
)
def test_another_type_is_refused_and_its_place_named(value: Any, message: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        encode(value)

    assert str(caught.value) == message


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_depth_has_an_end() -> None:
    deepest = nested(MAX_DEPTH - 1)  # MAX_DEPTH lists
    assert fingerprint(through(deepest)) == fingerprint(deepest)

    with pytest.raises(UnsupportedTypeError, match=r"^value(\[0\]){64,65}: nested more than 64 deep"):
        encode(nested(MAX_DEPTH + 1))


def test_a_value_in_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = [value]

    with pytest.raises(UnsupportedTypeError, match=r"^value\['a'\]\[0\].*: nested more than 64 deep.* in itself"):
        encode(value)


@pytest.mark.parametrize(
    "value", [2**4096 - 1, 2**4096, -(2**4096), 10**5000, -(10**5000)], ids=lambda v: v.bit_length()
)
def test_an_integer_too_long_for_decimal_text_comes_back(value: int) -> None:
    assert through(value) == value


def test_extend_is_asked_for_unknown_types_only() -> None:
    asked: list[Any] = []

    def extend(value: Any) -> dict[str, Any] | None:
        asked.append(value)
        return {"$": "time/1", "text": str(value)} if isinstance(value, datetime.time) else None

    tree = encode([1, {"a": datetime.time(12)}, (2,)], extend)

    assert asked == [datetime.time(12)]
    assert tree == [1, {"a": {"$": "time/1", "text": "12:00:00"}}, {"$": "tuple", "items": [2]}]
    back = decode(tree, lambda tag, body: (tag, datetime.time.fromisoformat(body["text"])))
    assert back == [1, {"a": ("time/1", datetime.time(12))}, (2,)]


class Level(enum.IntEnum):
    HIGH = 2


class Word(enum.StrEnum):
    BELL = "bell"


class Pair(enum.Enum):
    BOTH = (1, "one")


class Bits(enum.Flag):
    A = 1
    B = 2


@pytest.mark.parametrize(
    ("member", "value", "name"),
    [
        (Level.HIGH, 2, '"HIGH"'),
        (Word.BELL, "bell", '"BELL"'),
        (Pair.BOTH, (1, "one"), '"BOTH"'),
        (Bits.A | Bits.B, 3, '"A|B"'),
        (Bits(0), 0, "null"),
    ],
    ids=str,
)
def test_a_member_of_an_enum_comes_back_as_its_value(member: enum.Enum, value: Any, name: str) -> None:
    assert fingerprint(through(member)) == fingerprint(value)
    assert fingerprint(through({"a": [member]})) == fingerprint({"a": [value]})
    text = dumps(encode(member)).decode()
    assert text.startswith(f'{{"$":"enum","class":"{__name__}.{type(member).__name__}","name":{name},"value":')


def test_a_key_is_a_member_of_an_enum_only_if_it_equals_its_value() -> None:
    assert through({Level.HIGH: 1, Word.BELL: 2}) == {2: 1, "bell": 2}
    assert through({Level.HIGH, 3}) == {2, 3}
    for value in ({Pair.BOTH: 1}, {Pair.BOTH}, {(Pair.BOTH,): 1}):
        with pytest.raises(UnsupportedTypeError, match=r"Pair would come back as another key$"):
            encode(value)


def test_a_member_of_an_enum_without_a_stored_value_is_refused() -> None:
    class Holder(enum.Enum):
        IT = object()

    with pytest.raises(UnsupportedTypeError, match=r"^value\['a'\]: no codec for builtins\.object; "):
        encode({"a": Holder.IT})


def test_the_class_of_an_enum_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)

    assert decode({"$": "enum", "class": "antigravity.Level", "name": "HIGH", "value": 5}) == 5
    assert "antigravity" not in sys.modules


def test_prefer_is_asked_before_containers_and_arrays() -> None:
    def prefer(value: Any) -> dict[str, Any] | None:
        return {"$": "array/1"} if isinstance(value, np.ndarray) else None

    assert encode({"a": np.zeros(3), "b": [np.zeros(2)]}, prefer=prefer) == {
        "a": {"$": "array/1"},
        "b": [{"$": "array/1"}],
    }


def test_unknown_tag_asks_for_an_upgrade() -> None:
    with pytest.raises(FormatError) as caught:
        decode([{"$": "hologram/2"}])

    assert str(caught.value) == "stored value has the unknown type 'hologram/2'; a newer aerchive may read it"


ARRAY = {"$": "ndarray", "dtype": "<f8", "shape": [1], "order": "C", "base64": "AAAAAAAA8D8="}


@pytest.mark.parametrize(
    "tree",
    [
        {"$": "tuple"},
        {"$": "tuple", "items": 1},
        {"$": "set", "items": [[1]]},
        {"$": "dict", "items": [[1]]},
        {"$": "dict", "items": [[[], 1]]},
        {"$": "float", "hex": "00"},
        {"$": "float", "hex": "zz"},
        {"$": "float", "hex": 5},
        {"$": "complex", "items": ["1", "2"]},
        {"$": "bytes", "base64": "*"},
        {"$": "bytes", "base64": 1},
        {"$": "text", "base64": "/w=="},
        {"$": "datetime", "iso": "yesterday"},
        {"$": "datetime", "iso": 1},
        {"$": "date", "iso": "0000-01-01"},
        {"$": "date", "iso": 5},
        {"$": "timedelta", "items": [10**12, 0, 0]},
        {"$": "timedelta", "items": [1, 2]},
        {"$": "timedelta", "items": [1.5, 0, 0]},
        {"$": "uuid", "hex": "12"},
        {"$": "uuid", "hex": 5},
        {"$": "decimal", "text": "one"},
        {"$": "decimal", "text": 1.5},
        {"$": "decimal", "text": "9" * 20_000},
        {"$": "fraction", "items": [1, 0]},
        {"$": "fraction", "items": [1]},
        {"$": "fraction", "items": [1.5, 2]},
        {"$": "fraction", "items": [{"$": "int", "hex": "0x" + "f" * 20_000}, 3]},
        {"$": "PosixPath", "text": ["a"]},
        {"$": "PosixPath"},
        {"$": "enum", "class": "a.B", "name": "C"},
        {"$": "numpy", "dtype": "|O", "base64": "AAAAAAAAAAA="},
        {"$": "numpy", "dtype": "<f8", "base64": ""},
        {"$": []},
        ARRAY | {"dtype": "O"},
        ARRAY | {"dtype": "f8,f8"},
        ARRAY | {"dtype": "(2,"},
        ARRAY | {"dtype": "<M8[century]"},
        ARRAY | {"dtype": None},
        ARRAY | {"shape": [2]},
        ARRAY | {"shape": [2**70]},
        ARRAY | {"shape": "1"},
        ARRAY | {"order": "Z"},
        ARRAY | {"base64": "AAAAAAAA8D8"},
    ],
    ids=repr,
)
def test_a_body_that_is_not_ours_is_refused(tree: Any) -> None:
    with pytest.raises(FormatError, match=r"^stored value of type .* cannot be read: "):
        decode(tree)


def test_stored_nesting_has_an_end() -> None:
    with pytest.raises(FormatError) as caught:
        decode(nested(2 * MAX_DEPTH + 1))

    assert str(caught.value) == "stored value is nested more than 128 deep"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a":1,"a":2}', "duplicate key"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"1 2", "Extra data"),
        (b'"\xff"', "can't decode"),
        (b"[" * 100_000, "recursion"),
        (b"1" * 5000, "digits"),
    ],
    ids=lambda v: repr(v)[:20],
)
def test_text_that_is_not_json_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=rf"^p\.h5: /runs: not a valid JSON document: .*{reason}"):
        loads(text, "p.h5: /runs")


KEYS = ["$", "items", "dtype", "shape", "order", "base64", "hex", "iso", "text", "value"]
WORDS = ["tuple", "set", "dict", "int", "float", "complex", "text", "bytes", "datetime", "numpy", "ndarray"]
WORDS += ["date", "timedelta", "uuid", "decimal", "fraction", "PosixPath", "enum", "1e9", "<M8[s]"]
WORDS += ["<f8", "C", "<U0", "f4,", "(", "AAAA", "0x1"]
nearly_ours = st.recursive(
    st.none() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=8,
)


@given(nearly_ours)
@settings(max_examples=200, deadline=None)
def test_no_stored_text_raises_anything_but_format_errors(tree: Any) -> None:
    with contextlib.suppress(FormatError):
        decode(loads(json.dumps(tree).encode(), "test"))


@pytest.mark.parametrize("tag", ["set", "frozenset", "dict"])
def test_keys_of_one_hash_are_refused_before_they_are_compared(tag: str) -> None:
    keys = [number * (2**61 - 1) for number in range(1, 2000)]
    items = [[key, 0] for key in keys] if tag == "dict" else keys
    with pytest.raises(FormatError, match="more than 100 keys have the same hash"):
        decode({"$": tag, "items": items})
    if tag == "dict":
        with pytest.raises(FormatError, match="more than 100 keys have the same hash"):
            items_of({"$": tag, "items": items})


@pytest.mark.parametrize("value", [set(range(-1000, 1000)), {number / 7: number for number in range(1000)}], ids=type)
def test_many_keys_come_back(value: Any) -> None:
    assert decode(loads(dumps(encode(value)), "test")) == value


@pytest.mark.parametrize("text", [b"[1]", b"["])
def test_the_collection_of_garbage_goes_on_after_reading(text: bytes) -> None:
    for switch in (gc.disable, gc.enable):
        switch()
        before = gc.isenabled()
        with contextlib.suppress(FormatError):
            loads(text, "test")
        assert gc.isenabled() is before
