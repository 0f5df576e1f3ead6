"""What the one module that opens nodes refuses, before anything of a node is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z

from aerchive.errors import AerchiveError, FormatError, IntegrityError, NotFoundError, UnsafeContentError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.hdf5.nodes import (
    find_member,
    foreign_nodes,
    members_of,
    open_array,
    open_group,
    open_node,
    open_table,
    read_attribute_value,
)
from tests.samples import OWNER, RUN, dataset, project_file, write_run

WHERE = "p.h5: /x"
DOUBLE = h5t.IEEE_F64LE


@pytest.fixture
def file(tmp_path: Path) -> Iterator[h5py.File]:
    with h5py.File(tmp_path / "p.h5", "w", libver=("v110", "v110")) as made:
        yield made


@pytest.fixture
def small_limits() -> Iterator[None]:
    before = limits()
    use_limits(
        before.model_copy(
            update={"members": 3, "attribute_bytes": 100, "piece_bytes": 1000, "attributes": 2, "foreign_nodes": 3}
        )
    )
    yield
    use_limits(before)


def create(
    file: h5py.File, name: str, kind: h5t.TypeID, shape: tuple[int, ...], dcpl: h5p.PropDCID | None = None
) -> None:
    h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape), dcpl=dcpl)


def filtered(*filters: int) -> h5p.PropDCID:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((8,))
    for number in filters:
        properties.set_filter(number, h5z.FLAG_OPTIONAL, (1,))
    return properties


def external(file: h5py.File) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_external(b"/etc/hostname", 0, h5s.UNLIMITED)
    create(file, "x", DOUBLE, (1,), properties)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "y", (4,))
    file.create_virtual_dataset("x", layout)


def soft(file: h5py.File) -> None:
    file["there"] = np.zeros(3)
    file["x"] = h5py.SoftLink("/there")


def outside(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("other.h5", "/there")


def nested(file: h5py.File) -> None:
    dtype = np.dtype("f8")
    for _ in range(5):
        dtype = np.dtype([("a", dtype)])
    file["x"] = np.zeros(3, dtype)


def odd_bits(file: h5py.File) -> None:
    kind = h5t.STD_I64LE.copy()
    kind.set_precision(40)
    create(file, "x", kind, (2,))


def wide(file: h5py.File) -> None:
    kind = h5t.STD_I64LE.copy()
    kind.set_size(16)
    create(file, "x", kind, (2,))


def null(file: h5py.File) -> None:
    h5d.create(file.id, b"x", DOUBLE, h5s.create(h5s.NULL))


REFUSED: dict[str, tuple[Callable[[h5py.File], None], type[AerchiveError], str]] = {
    "external storage": (external, UnsafeContentError, "virtual or external storage"),
    "virtual": (virtual, UnsafeContentError, "virtual or external storage"),
    "soft link": (soft, UnsafeContentError, "soft and external links"),
    "external link": (outside, UnsafeContentError, "soft and external links"),
    "unknown filter": (lambda file: create(file, "x", DOUBLE, (8,), filtered(32999)), FormatError, "32999|no filters"),
    "deflate twice": (
        lambda file: create(file, "x", DOUBLE, (8,), filtered(1, 1)),
        FormatError,
        "(?:filters|no filters)",
    ),
    "no bytes": (lambda file: create(file, "x", DOUBLE, (2**37,)), UnsafeContentError, "of which none is stored"),
    "null": (null, FormatError, "null dataspace"),
    "nested": (nested, FormatError, "nested more than 2 deep"),
    "odd bits": (odd_bits, FormatError, "unusual bit layout"),
    "wide integers": (wide, AerchiveError, WHERE),
    "group": (lambda file: file.create_group("x"), IntegrityError, "is a group, not a dataset"),
    "named type": (lambda file: file.__setitem__("x", np.dtype("f8")), IntegrityError, "named type, not a dataset"),
    "missing": (lambda _: None, NotFoundError, "no such dataset"),
}


@pytest.mark.parametrize("opens", [open_array, open_table])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_as_array_and_as_table(
    file: h5py.File, case: str, opens: Callable[[h5py.h5g.GroupID, str, str], object]
) -> None:
    make, error, text = REFUSED[case]
    make(file)

    with pytest.raises(error, match=text) as caught:
        opens(file["/"].id, "x", WHERE)

    assert str(caught.value).startswith(WHERE)


def test_chunks_larger_than_the_limit(file: h5py.File) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((2**26,))
    properties.set_shuffle()
    properties.set_deflate(1)
    create(file, "x", DOUBLE, (2**26,), properties)

    with pytest.raises(UnsafeContentError, match=r"'chunk_bytes' is 268435456; .*AERCHIVE_LIMITS__CHUNK_BYTES"):
        open_array(file["/"].id, "x", WHERE)


@pytest.mark.usefixtures("small_limits")
def test_limits_name_the_node_the_limit_and_the_setting(file: h5py.File) -> None:
    file["piece"] = np.zeros(200)
    file["piece"].attrs["text"] = np.bytes_(b"x" * 101)
    for number in range(4):
        file.create_group(f"many/{number}")

    with pytest.raises(UnsafeContentError, match=r"1600 bytes in one piece, and the limit 'piece_bytes' is 1000"):
        open_array(file["/"].id, "piece", WHERE)
    with pytest.raises(
        UnsafeContentError, match=r"the attribute has 101 bytes, and the limit 'attribute_bytes' is 100"
    ):
        read_attribute_value(file["piece"].id, b"text", WHERE)
    with pytest.raises(UnsafeContentError, match=r"p.h5: /x: it has more than 3 members, and the limit 'members' is 3"):
        members_of(file["many"].id, WHERE)
    for number in range(4):
        file.create_group(f"deep/{number}")
    del file["deep/3"]
    with pytest.raises(UnsafeContentError, match=r"more than 3 nodes, and the limit 'foreign_nodes' is 3"):
        list(foreign_nodes(file["/"].id, "deep", WHERE, set()))


@pytest.mark.parametrize("name", ["", ".", "a/b", "/a", "a\0", "nul\0byte"])
def test_texts_that_hdf5_takes_for_paths_name_no_member(file: h5py.File, name: str) -> None:
    file["a/b"] = 1
    file["nul"] = 1

    assert find_member(file["/"].id, name, WHERE) is None
    with pytest.raises(NotFoundError):
        open_node(file["/"].id, name, WHERE)


def test_a_dataset_is_no_group(file: h5py.File) -> None:
    file["x"] = 1

    with pytest.raises(IntegrityError, match=f"{WHERE}: is a dataset, not a group"):
        open_group(file["/"].id, "x", WHERE)


def test_foreign_nodes_may_have_any_type_but_nothing_outside(file: h5py.File) -> None:
    file["mine/texts"] = ["a", "b"]
    file["mine/again"] = file["mine"]
    file["mine/soft"] = h5py.SoftLink("/nowhere")
    create(file, "mine/filtered", DOUBLE, (8,), filtered(32999))
    assert len(list(foreign_nodes(file["/"].id, "mine", WHERE, set()))) == 3

    file["mine/deep/outside"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(UnsafeContentError, match=f"{WHERE}/deep/outside: soft and external links"):
        list(foreign_nodes(file["/"].id, "mine", WHERE, set()))


def test_foreign_values_that_only_an_unknown_filter_can_read(file: h5py.File) -> None:
    kind = h5t.py_create(h5py.string_dtype(), logical=True)
    create(file, "x", kind, (8,), filtered(32999))

    with pytest.raises(UnsafeContentError, match="32999"):
        list(foreign_nodes(file["/"].id, "x", WHERE, set()))


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from aerchive.settings import load_settings

    monkeypatch.setenv("AERCHIVE_LIMITS__MEMBERS", "17")
    monkeypatch.setenv("AERCHIVE_LIMITS__CHUNK_BYTES", "2 MiB")

    assert load_settings().limits == Limits(members=17, chunk_bytes=2 * 1024**2)


def test_a_document_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    write_run(path, GroupDraft({"text": "x" * 40_000}, {"document": dataset([np.zeros(2_000_000, "u1")])}))
    before = limits()
    use_limits(before.model_copy(update={"document_bytes": 30_000}))
    try:
        with project_file(path).read() as session:
            run = session.root.group(RUN)
            with pytest.raises(
                UnsafeContentError, match=f"/{RUN}/document: the document has 2000000 bytes.*'document_bytes'"
            ):
                run.read_bytes("document", OWNER)
            with pytest.raises(UnsafeContentError, match=f"/{RUN}/long.text: the document has 40000 bytes"):
                run.attributes(OWNER)
    finally:
        use_limits(before)
