"""Large arrays out of a value, and back into it with the same bits, types and order in memory."""

from __future__ import annotations

import functools
import gc
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.codecs.circuits import arrays as shared_arrays
from aerchive.codecs.circuits.arrays import LEAST_BYTES, ArrayReader, ArrayShelf, find_array
from aerchive.errors import FormatError, IntegrityError, UnsafeContentError, UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.storage.chunks.drafts import GroupDraft, ObjectDraft
from tests.samples import RUN, project_file, write_run
from tests.strict import differences

N = LEAST_BYTES // 8
ODD = np.resize(np.array([np.nan, -0.0, np.inf, 5e-324, 1 / 3, -1.0]), 2 * N)
ODD[0] = np.array(0x7FF8DEADBEEF0001, np.uint64).view(float)


def stored(path: Path, objects: list[ObjectDraft]) -> ArrayReader:
    """The arrays as a file gives them back."""
    write_run(path, GroupDraft(objects={f"a{number}": draft for number, draft in enumerate(objects)}))

    def read(number: int) -> Any:
        with project_file(path).read() as session:
            return find_array(session.root.group(f"{RUN}/a{number}")).read(session.fd)

    return ArrayReader([functools.partial(read, number) for number in range(len(objects))])


def round_trip(value: Any, path: Path) -> tuple[Any, list[ObjectDraft], str]:
    shelf = ArrayShelf()
    tree, taken = shelf.encode(value)
    assert taken, "nothing was taken"
    text = tagged_json.dumps(tree)
    back = tagged_json.decode(tagged_json.loads(text, "value"), stored(path, shelf.objects).restore)
    return back, shelf.objects, text.decode()


SQUARE = ODD.view(complex).reshape(32, -1)

VALUES: dict[str, Any] = {
    "vector": [ODD.view(complex)],
    "C matrix": [SQUARE],
    "F matrix": [np.asfortranarray(SQUARE)],
    "strided": [SQUARE[:, ::2].repeat(2, 1)[::-1]],
    "broadcast": [np.broadcast_to(ODD[:N, None], (N, 3))],
    "single": [ODD.astype(np.complex64)],
    "half": [np.linspace(0, 1, 4 * N).astype("f2")],
    "booleans": [np.arange(8 * N) % 3 == 0],
    "Fortran booleans": [np.asfortranarray(np.arange(8 * N).reshape(8, N) % 3 == 0)],
    "integers": [np.arange(8 * N, dtype="i1"), np.arange(N, dtype="u8")],
    "three axes": [np.asfortranarray(ODD.reshape(4, 8, -1))],
    "list of complex": ODD.view(complex).tolist(),
    "list of floats": [ODD.tolist()],
    "list of integers": {"amplitudes": list(range(N))},
    "lists in lists": [SQUARE.tolist()],
    "numpy scalars": list(ODD),
    "single scalars": list(ODD.astype("f4")),
    "bits": list(np.arange(8 * N) % 2 == 0),
    "texts": {"stabilizer": ["+XYZI" * 20] * 100},
    "tuple": (ODD, (ODD[1:], [np.arange(3)]), "label", None, 1.5),
    "twice": [ODD, ODD.copy(), ODD],
    "Kraus": [np.asfortranarray(np.full((16, 16), k + 1j)) for k in range(16)],
    "matrix product state": (
        [(SQUARE[k : k + 1, :8], np.asfortranarray(SQUARE[k : k + 2, :8])) for k in range(30)],
        [ODD[k : k + 5] for k in range(29)],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_the_same(name: str, tmp_path: Path) -> None:
    value = VALUES[name]

    back, objects, text = round_trip(value, tmp_path / "p.h5")

    expected = tagged_json.decode(tagged_json.encode(value))
    assert differences(expected, back) == [], "as a document without shared arrays gives it back"
    assert objects
    assert len(text) < 20_000


def test_order_and_content_make_an_object(tmp_path: Path) -> None:
    fortran = np.asfortranarray(SQUARE)

    back, objects, _ = round_trip([ODD, ODD.copy(), SQUARE, SQUARE.copy(), fortran, ODD.tolist()], tmp_path / "p.h5")

    assert len(objects) == 3, "equal arrays once; another order in memory is another array"
    assert not np.shares_memory(back[0], back[1]), "arrays that are one in the file are two again"
    with h5py.File(tmp_path / "p.h5", "r") as file:
        data = file[f"{RUN}/a2/data"]
        assert (data.shape, data.dtype) == (fortran.T.shape, np.dtype(complex))
        assert (data.compression, data.shuffle) == ("gzip", True)
        assert file[f"{RUN}/a2"].attrs["order"] == b"F"


def test_small_arrays_are_packed_where_they_are_many(tmp_path: Path) -> None:
    few, many = [np.full(100, k / 3) for k in range(3)], [np.full((10, 10), k / 3) for k in range(30)]

    assert ArrayShelf().encode(few) == (tagged_json.encode(few), False)
    back, objects, _ = round_trip([many, np.arange(5)], tmp_path / "p.h5")

    assert [draft.datasets["data"].shape for draft in objects] == [(3000,)], "the integers stay where they are"
    assert differences(back, [many, np.arange(5)]) == []
    back[0][0][:] = 7
    assert back[0][1][0, 0] == 1 / 3


@pytest.mark.parametrize(
    "value",
    [
        [np.zeros(N - 1)],
        list(range(N - 1)),
        [1.5] * N + [1],
        [[1.5] * N, [1.5] * (N - 1), "x"],
        [2**70] * N,
        ["é" * 100] * 100,
        ["a\0"] * N,
        ["ab"] * N + ["abc"],
        [True] * (8 * N),
        [None] * N,
        ["x" * LEAST_BYTES],
        [],
        "x" * N,
    ],
)
def test_what_is_small_or_of_many_kinds_stays(value: Any) -> None:
    if isinstance(value[0] if value else None, list):
        value = value[1:]
    shelf = ArrayShelf()

    assert shelf.encode(value) == (tagged_json.encode(value), False)
    assert shelf.objects == []


def test_a_list_in_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    rows: list[Any] = []
    rows += [rows] * 70

    for value in (endless, rows):
        with pytest.raises(UnsupportedTypeError, match="deep"):
            ArrayShelf().encode(value)


def test_what_was_taken_does_not_change_with_the_original(tmp_path: Path) -> None:
    mine, shelf = ODD.copy(), ArrayShelf()
    shelf.encode([mine])
    mine[:] = 0

    assert stored(tmp_path / "p.h5", shelf.objects)._sources[0]().tobytes() == ODD.tobytes()


def test_one_array_in_memory_while_it_waits() -> None:
    first, second = ArrayShelf(), ArrayShelf()
    first.encode([ODD])
    second.encode([ODD.tolist()])

    digest, shared = first.objects[0].digest, len({id(draft) for shelf in (first, second) for draft in shelf.objects})
    assert shared == 1
    assert digest in shared_arrays._unwritten
    del first, second
    gc.collect()
    assert digest not in shared_arrays._unwritten


def test_giving_back() -> None:
    shelf = ArrayShelf()
    shelf.encode([ODD])
    shelf.encode([SQUARE])
    shelf.roll_back(1)
    again, _ = shelf.encode([ODD, SQUARE])

    assert [draft.datasets["data"].shape for draft in shelf.objects] == [ODD.shape, SQUARE.shape]
    assert json.loads(tagged_json.dumps(again)) == [
        {"$": "shared_array/1", "array": 0},
        {"$": "shared_array/1", "array": 1},
    ]


HOSTILE = [
    {"$": "shared_array/2", "array": 0},
    {"$": "other/1"},
    {"$": "shared_array/1"},
    {"$": "shared_array/1", "array": 2},
    {"$": "shared_array/1", "array": -1},
    {"$": "shared_array/1", "array": True},
    {"$": "shared_array/1", "array": "0"},
    {"$": "shared_array/1", "array": 0, "as": "tuple"},
    {"$": "shared_array/1", "array": 0, "offset": 0, "shape": [-1], "order": "C"},
    {"$": "shared_array/1", "array": 0, "offset": 0, "shape": [2**40], "order": "C"},
    {"$": "shared_array/1", "array": 0, "offset": -1, "shape": [1], "order": "C"},
    {"$": "shared_array/1", "array": 0, "offset": 0.0, "shape": [1], "order": "C"},
    {"$": "shared_array/1", "array": 0, "offset": 0, "shape": [1], "order": "K"},
    {"$": "shared_array/1", "array": 0, "offset": 0, "shape": "1", "order": "C"},
    {"$": "shared_array/1", "array": 1, "offset": 0, "shape": [1], "order": "C"},
]


@pytest.mark.parametrize("tree", HOSTILE)
def test_references_that_nobody_wrote_are_refused(tree: dict[str, Any]) -> None:
    shelf = ArrayShelf()
    shelf.encode([ODD, SQUARE])
    reader = ArrayReader(shelf.sources())

    with pytest.raises(FormatError):
        tagged_json.decode([tree], reader.restore)


def change(path: Path, **attributes: Any) -> None:
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            del file[f"{RUN}/a0"].attrs[name]
            if value is not None:
                file[f"{RUN}/a0"].attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def found(path: Path) -> Any:
    with project_file(path).read() as session:
        return find_array(session.root.group(f"{RUN}/a0")).read(session.fd)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"encoding": "circuits"}, "is not a shared array"),
        ({"encoding_version": None}, "is not a shared array"),
        ({"encoding_version": 2}, "shared array encoding 2 is newer than this aerchive: upgrade it"),
        ({"dtype": None}, "is not a shared array: 'dtype'"),
        ({"dtype": "<f4"}, "values of dtype float32 cannot be stored as float64"),
        ({"dtype": "O"}, "values of dtype object cannot be stored as float64"),
        ({"dtype": "nonsense"}, "is not a shared array: "),
        ({"dtype": 5}, "is not a shared array: "),
        ({"order": "K"}, "order 'K' is neither C nor F"),
        ({"order": 1}, "order 1 is neither C nor F"),
    ],
)
def test_a_forged_array_is_refused(attributes: dict[str, Any], text: str, tmp_path: Path) -> None:
    path, shelf = tmp_path / "p.h5", ArrayShelf()
    shelf.encode([ODD])
    stored(path, shelf.objects)
    change(path, **attributes)

    with pytest.raises(FormatError) as caught:
        found(path)

    assert f"{path}: /{RUN}/a0: " in str(caught.value)
    assert text in str(caught.value)


def test_an_array_of_another_object_is_refused(tmp_path: Path) -> None:
    path, shelf = tmp_path / "p.h5", ArrayShelf()
    shelf.encode([ODD])
    stored(path, shelf.objects)
    change(path, object=f"objects/arrays/ab/{'ab' * 20}")

    with pytest.raises(IntegrityError, match="is damaged"):
        found(path)


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path, shelf = tmp_path / "p.h5", ArrayShelf()
    shelf.encode([ODD])
    stored(path, shelf.objects)
    with h5py.File(path, "r+") as file:
        group = file[f"{RUN}/a0"]
        del group["data"]
        # Nothing is written, so it takes no space.
        group.create_dataset("data", (2**40,), "<f8", chunks=(1024,), shuffle=True, compression="gzip")

    with pytest.raises(UnsafeContentError) as caught:
        found(path)

    assert "data: has shape (1099511627776,); an array of a circuit has at most" in str(caught.value)
