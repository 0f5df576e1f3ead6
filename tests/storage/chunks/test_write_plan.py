"""What HDF5 finds in the file: the same bits, whatever the profile, the precision and the rounding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive import threads
from aerchive.errors import FormatError, TransactionError
from aerchive.filters.narrow import narrower
from aerchive.filters.profiles import Compression
from aerchive.storage.chunks.drafts import DatasetDraft, GroupDraft
from aerchive.storage.hdf5.verify import GroupVerifier, chunk_problems
from tests.filters.chunks import CHUNKS
from tests.samples import OWNER, RUN, project_file, read_values, write_run

PROFILES = ["portable", "none", "fast", "small"]
SIZE = 200_000
"""Three chunks and a bit of complex numbers, the last one padded."""


def array_draft(
    parts: list[np.ndarray], compression: Compression | None = None, *, is_state: bool = False, kind: str = "array"
) -> DatasetDraft:
    attributes: dict[str, Any] = {
        "encoding": "array",
        "encoding_version": 1,
        "kind": kind,
        "layout": "stacked" if len(parts) > 1 else "plain",
        "dtype": parts[0].dtype.str,
        "order": "C",
        "number": len(parts),
    }
    return DatasetDraft(parts, len(parts) > 1, attributes, is_state, compression or Compression())


def store(path: Path, draft: DatasetDraft) -> np.ndarray:
    write_run(path, GroupDraft(datasets={"x": draft}))
    return read_values(path, "x")


def attributes_of(path: Path, name: str = "x") -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        return dict(file[f"{RUN}/{name}"].attrs)


def dense(size: int = SIZE, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    state = random.normal(size=size) + 1j * random.normal(size=size)
    return state / np.linalg.norm(state)


def masks(path: Path) -> list[int]:
    with h5py.File(path, "r") as file:
        dsid = file[f"{RUN}/x"].id
        return [dsid.get_chunk_info(number).filter_mask for number in range(dsid.get_num_chunks())]


@pytest.mark.parametrize("name", CHUNKS)
def test_stock_hdf5_reads_the_same_bits(path: Path, name: str) -> None:
    value = np.concatenate([CHUNKS[name]()] * 5)[:-3]

    back = store(path, array_draft([value]))

    assert back.dtype == value.dtype
    assert back.tobytes() == value.tobytes()
    with h5py.File(path, "r") as file:
        assert file[f"{RUN}/x"][...].astype(value.dtype).tobytes() == value.tobytes()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_profile_gives_back_what_it_was_given(
    path: Path, profile: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "processors", lambda: workers)
    value = dense()
    value[70_000:140_000] = 0

    back = store(path, array_draft([value], Compression.checked(profile)))

    assert back.tobytes() == value.tobytes()
    for key in (3, slice(65_535, 65_538), slice(None, None, -7777), slice(100_000, None)):
        assert np.array_equal(read_values(path, "x", key), value[key])


@pytest.mark.parametrize("profile", ["fast", "small"])
def test_stock_hdf5_reads_plugin_profiles_with_the_plugin(path: Path, profile: str) -> None:
    value = dense()
    store(path, array_draft([value], Compression.checked(profile)))
    np.save(path.with_suffix(".npy"), value)
    read = f"file = h5py.File({str(path)!r}); found = file[{RUN + '/x'!r}][...]"
    same = f"print(found.tobytes() == np.load({str(path.with_suffix('.npy'))!r}).tobytes())"
    # The package netCDF4 sets this variable, for plugins that are made for its own HDF5.
    environment = {name: value for name, value in os.environ.items() if name != "HDF5_PLUGIN_PATH"}

    plain, plugin = (
        subprocess.run(
            [sys.executable, "-c", f"import h5py, numpy as np{more}; {read}; {same}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
        for more in ("", ", hdf5plugin")
    )

    assert plain.returncode != 0
    assert "32015" in attributes_of(path)["filter_hint"].decode()
    assert "pip install hdf5plugin" in attributes_of(path)["filter_hint"].decode()
    assert plugin.stdout.strip() == "True"
    assert attributes_of(path)["encoding_version"] == 1


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="h5dump is not installed")
@pytest.mark.parametrize("profile", ["portable", "none"])
def test_h5dump_reads_the_same_bits(path: Path, tmp_path: Path, profile: str) -> None:
    value = dense(70_000).view(np.float64)
    store(path, array_draft([value], Compression.checked(profile)))

    subprocess.run(
        ["h5dump", "-d", f"/{RUN}/x", "-b", "LE", "-o", str(tmp_path / "x.bin"), str(path)],
        check=True,
        capture_output=True,
        timeout=60,
    )

    assert (tmp_path / "x.bin").read_bytes() == value.tobytes()


def test_none_stores_raw_chunks(path: Path) -> None:
    value = np.arange(300_000.0)
    value[131_072:262_144] = 0

    store(path, array_draft([value], Compression.checked("none")))

    assert masks(path) == [3, 3]


def test_small_arrays_and_other_datasets_are_stored_portably(path: Path) -> None:
    table = np.array([(i, b"x") for i in range(20_000)], [("n", "<i8"), ("s", "S1")])
    draft = GroupDraft(
        datasets={
            "table": DatasetDraft([table], attributes={"encoding": "counts"}, compression=Compression.checked("none")),
            "little": array_draft([np.arange(1000.0)], Compression.checked("small")),
        }
    )
    write_run(path, draft)

    with h5py.File(path, "r") as file:
        for name in ("table", "little"):
            assert file[f"{RUN}/{name}"].id.get_chunk_info(0).filter_mask == 0
            assert file[f"{RUN}/{name}"].compression == "gzip"


# -- narrow values


@pytest.mark.parametrize("profile", PROFILES)
def test_single_precision_is_recognised(path: Path, profile: str) -> None:
    value = dense().astype(np.complex64).astype(np.complex128)
    value[:3] = [complex(-0.0, 0.0), complex(np.inf, -np.inf), 2.0**-140]

    back = store(path, array_draft([value], Compression.checked(profile)))

    assert back.dtype == value.dtype
    assert back.tobytes() == value.tobytes()
    with h5py.File(path, "r") as file:
        node = file[f"{RUN}/x"]
        assert node.dtype == (np.complex128 if profile == "none" else np.complex64)
        assert node.chunks == (65_536,)
        if profile in ("portable", "none"):
            assert node[...].astype(np.complex128).tobytes() == value.tobytes()
    assert attributes_of(path)["encoding_version"] == 1
    assert attributes_of(path)["dtype"] == b"<c16"


@pytest.mark.parametrize("at", [0, 1, 63, 64, 65_535, 65_536, SIZE - 1])
def test_one_value_of_full_precision_keeps_all_as_they_are(path: Path, at: int) -> None:
    value = dense().astype(np.complex64).astype(np.complex128)
    value[at] = 0.1

    back = store(path, array_draft([value]))

    assert back.tobytes() == value.tobytes()
    with h5py.File(path, "r") as file:
        assert file[f"{RUN}/x"].dtype == np.complex128
    assert attributes_of(path)["encoding_version"] == 1


def test_a_signalling_nan_is_not_narrow(path: Path) -> None:
    value = np.zeros(SIZE)
    value[SIZE // 2 :].view(np.uint64)[0] = 0x7FF0000020000000

    assert store(path, array_draft([value])).tobytes() == value.tobytes()


@pytest.mark.parametrize("key", [..., 5, slice(3, 2000, 7), (slice(None, None, -1),)])
def test_selections_of_narrow_stacks(path: Path, key: Any) -> None:
    parts = [np.arange(50_000.0) * row for row in range(5)]

    store(path, array_draft(parts))

    assert attributes_of(path)["encoding_version"] == 1
    whole = np.stack(parts)
    for row in range(5):
        full = (row, *key) if isinstance(key, tuple) else (row, key)
        found = read_values(path, "x", full)
        assert found.dtype == np.float64
        assert np.array_equal(found, whole[full])


def test_a_float32_array_stays_one(path: Path) -> None:
    value = dense().astype(np.complex64)

    back = store(path, array_draft([value]))

    assert back.dtype == np.complex64
    assert attributes_of(path)["encoding_version"] == 1
    assert narrower(value.dtype) is None


def test_values_that_change_meanwhile_are_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = np.ones(SIZE)
    draft = array_draft([value])

    from aerchive.storage.hdf5 import writer

    create = writer._create_dataset

    def change(*arguments: Any) -> Any:
        if arguments[1] == "x":
            value[SIZE // 2] = 0.1
        return create(*arguments)

    monkeypatch.setattr(writer, "_create_dataset", change)
    with pytest.raises(TransactionError, match="was changed while it was written"):
        write_run(path, GroupDraft(datasets={"x": draft}))


# -- rounding


@pytest.mark.parametrize("profile", ["portable", "fast", "small"])
def test_states_are_rounded_within_the_bound(path: Path, profile: str) -> None:
    state = dense()

    back = store(path, array_draft([state], Compression.checked(profile, 1e-12), is_state=True))

    attributes = attributes_of(path)
    assert attributes["max_infidelity"] == 1e-12
    assert 0 < attributes["infidelity"] <= attributes["infidelity_bound"] <= 1e-12
    assert not np.array_equal(back, state)
    difference = state - back
    across = np.vdot(difference, difference).real - abs(np.vdot(back, difference)) ** 2 / np.vdot(back, back).real
    assert across / np.vdot(state, state).real == pytest.approx(attributes["infidelity"], rel=1e-6)
    assert np.array_equal(
        back.view(np.float64) / attributes["grid"], np.rint(back.view(np.float64) / attributes["grid"])
    )
    with h5py.File(path, "r") as file:
        assert file[f"{RUN}/x"].id.get_storage_size() < state.nbytes / 2.3


def test_dust_takes_no_space(path: Path) -> None:
    state = dense() * 1e-20
    state[7] = 1

    back = store(path, array_draft([state], Compression.checked("portable", 1e-12), is_state=True))

    assert np.flatnonzero(back).tolist() == [7]
    assert len(masks(path)) == 1


def test_a_stack_of_states_has_the_worst_of_them(path: Path) -> None:
    states = [dense(40_000, seed) * 10.0**seed for seed in range(4)]

    back = store(path, array_draft(states, Compression.checked("portable", 1e-8), is_state=True))

    attributes = attributes_of(path)
    pairs = zip(states, back, strict=True)
    losses = [1 - abs(np.vdot(a, b)) ** 2 / np.vdot(a, a).real / np.vdot(b, b).real for a, b in pairs]
    assert max(losses) == pytest.approx(attributes["infidelity"], rel=1e-3)
    assert attributes["infidelity"] <= attributes["infidelity_bound"] <= 1e-8


@pytest.mark.parametrize(
    ("values", "is_state", "kind"),
    [
        (dense(), False, "statevector"),
        (dense().real, False, "array"),
        (dense(40_000).reshape(200, 200), False, "density_matrix"),
        (np.append(dense(), np.nan), True, "statevector"),
        (dense() * 1e200, True, "statevector"),
        (np.arange(SIZE), False, "array"),
    ],
    ids=["called a state", "real", "density matrix", "nan", "huge", "integers"],
)
def test_what_is_not_a_state_that_can_be_rounded_is_exact(
    path: Path, values: np.ndarray, is_state: bool, kind: str
) -> None:
    back = store(path, array_draft([values], Compression.checked("portable", 1e-6), is_state=is_state, kind=kind))

    attributes = attributes_of(path)
    assert back.tobytes() == values.tobytes()
    assert "infidelity" not in attributes
    says_why = is_state or kind == "density_matrix"
    assert attributes.get("exact", b"").startswith(b"max_infidelity was asked for, but ") == says_why


# -- what strangers write


def test_filters_that_the_format_does_not_have_are_refused(path: Path) -> None:
    store(path, array_draft([dense(70_000)]))
    with h5py.File(path, "r+") as file:
        file[RUN].create_dataset("y", data=np.arange(5000), chunks=(5000,), compression="lzf")
        file[RUN].create_dataset("z", data=np.arange(5000), chunks=(5000,), compression="gzip")

    for name, filters in (("y", r"\(32000,\)"), ("z", r"\(1,\)")):
        with pytest.raises(
            FormatError, match=rf"/{RUN}/{name}: filters {filters} have no place in an aerchive project"
        ):
            read_values(path, name)


def test_a_narrow_type_without_a_word_is_what_it_is(path: Path) -> None:
    """A dataset that does not say what it was is read as it is stored."""
    write_run(path, GroupDraft(datasets={"x": DatasetDraft([np.arange(5000, dtype=np.float32)])}))

    assert read_values(path, "x").dtype == np.float32


@pytest.mark.parametrize("max_infidelity", [None, 1e-6])
def test_all_profiles_give_the_same_seal(tmp_path: Path, max_infidelity: float | None) -> None:
    """It covers the values that a reader gets back, whether narrow, rounded, raw or compressed."""
    single = dense(700_000).astype(np.complex64).astype(np.complex128)
    seals = set()
    for profile in PROFILES if max_infidelity is None else ("portable", "fast", "small"):
        path = tmp_path / f"{profile}.h5"
        compression = Compression.checked(profile, max_infidelity)
        drafts = {
            "full": array_draft([np.concatenate([dense(200_000), np.zeros(100_000)])], compression, is_state=True),
            "single": array_draft([single], compression, is_state=True),
            "stacked": array_draft([np.arange(50_000.0) * row for row in range(5)], compression),
        }
        write_run(path, GroupDraft(datasets=drafts))
        with project_file(path).read() as session, ThreadPoolExecutor(2) as pool:
            verifier = GroupVerifier(session.root.group(RUN), OWNER, session.root)
            assert verifier.problems(frozenset(), frozenset()) == []
            assert not any(chunk_problems(verifier.chunks, session.fd, pool))
            assert len(verifier.chunks) > 12
            seals.add(session.root.group(RUN).group("seal").attributes()["core_sha256"])

    assert len(seals) == 1


def test_the_same_values_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the threads do: the digest of a run tells its content."""
    value = np.concatenate([dense(700_000), np.resize(dense(777), 700_000), np.zeros(200_000)])
    digests = set()
    for workers in (1, 2, 3, 8):
        monkeypatch.setattr(threads, "processors", lambda workers=workers: workers)
        path = tmp_path / f"{workers}.h5"
        write_run(path, GroupDraft(datasets={"x": array_draft([value])}))
        with project_file(path).read() as session:
            digests.add(session.root.group(RUN).group("seal").attributes()["core_sha256"])

    assert len(digests) == 1
