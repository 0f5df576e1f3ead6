"""Files that other programs have written anew: every value is read, verified by its digest, and nothing is written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from aerchive.errors import FormatError, IntegrityError, ReadOnlyError, UnsafeContentError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.hdf5.objects import linked_digest
from aerchive.storage.hdf5.verify import GroupVerifier, chunk_problems, object_problems
from tests.samples import (
    ATTRIBUTES,
    CREATED,
    DATASETS,
    OWNER,
    RUN,
    everything,
    expected,
    noise,
    project_file,
    read_values,
    write_run,
)

Rewrite = Callable[[Path, Path], None]
SENTENCE = "was rewritten by another program, and can only be read; `aerchive copy"


def repacked(*options: str) -> Rewrite:
    def rewrite(source: Path, target: Path) -> None:
        subprocess.run(["h5repack", *options, str(source), str(target)], check=True, capture_output=True)

    return rewrite


def copied(libver: str | None) -> Rewrite:
    def rewrite(source: Path, target: Path) -> None:
        with h5py.File(source) as old, h5py.File(target, "w", libver=libver and (libver, libver)) as new:
            for name in old:
                old.copy(name, new)
            new.attrs.update(old.attrs)

    return rewrite


def made_anew(source: Path, target: Path) -> None:
    """As a script would do it that knows nothing of the format: texts get a variable length, and datasets gzip."""

    def fill(old: h5py.Group, new: h5py.Group) -> None:
        for name, node in old.items():
            if isinstance(node, h5py.Dataset):
                ways = {"compression": "gzip", "fletcher32": True} if node.shape and node.size else {}
                describe(node, new.create_dataset(name, data=node[()], dtype=node.dtype, **ways))
            elif node.id in made:
                new[name] = made[node.id]
            else:
                made[node.id] = new.create_group(name)
                describe(node, made[node.id])
                fill(node, made[node.id])

    def describe(old: h5py.HLObject, new: h5py.HLObject) -> None:
        for name, value in old.attrs.items():
            try:
                new.attrs[name] = value.decode() if isinstance(value, bytes) else value
            except ValueError:  # h5py has no such text of variable length
                old_id = h5py.h5a.open(old.id, name.encode())
                copy = np.empty((), old_id.dtype)
                old_id.read(copy)
                h5py.h5a.create(new.id, name.encode(), old_id.get_type(), old_id.get_space()).write(copy)

    made: dict[object, h5py.Group] = {}
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        describe(old, new)
        fill(old, new)


FULL = ",".join(f"{RUN}/{name}" for name, parts in DATASETS.items() if parts[0].ndim and parts[0].size)
SUMS = f"{RUN}/noise_many_chunks.checksums,{RUN}/some_chunks_zero.checksums"
"""Datasets that h5repack 1.10 can give filters; it fails at empty ones."""
WAYS: dict[str, Rewrite] = {
    "h5repack": repacked(),
    "h5repack, gzip": repacked("-f", f"{FULL},{SUMS}:GZIP=3"),
    "h5repack, version 2": repacked("--low=2"),
    "h5repack, latest": repacked("-L"),
    "h5repack, no filters": repacked("-f", "NONE"),
    "h5repack, in one piece": repacked("-l", "CONTI"),
    "h5repack, compact": repacked("-l", "COMPA"),
    "h5repack, other filters": repacked("-f", f"{FULL}:SHUF", "-f", f"{FULL}:GZIP=5", "-f", f"{FULL}:FLET"),
    "h5repack, checksums first": repacked("-f", f"{FULL}:FLET", "-f", f"{FULL}:SHUF", "-f", f"{FULL}:GZIP=1"),
    "h5repack, other chunks": repacked(
        "-l", f"{RUN}/noise_many_chunks,{RUN}/over_the_edge:CHUNK=2x70000", "-l", f"{RUN}/stacked_larger:CHUNK=2x200000"
    ),
    "h5py": copied(None),
    "h5py, v110": copied("v110"),
    "h5py, latest": copied("latest"),
    "script": made_anew,
}
NEEDS_TOOLS = pytest.mark.skipif(shutil.which("h5repack") is None, reason="h5repack is not installed")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "project.h5"
    write_run(path, everything())
    return path


def problems_of(path: Path) -> list[str]:
    with project_file(path).read() as session, ThreadPoolExecutor(2) as pool:
        verifier = GroupVerifier(session.root.group(RUN), OWNER, session.root)
        found = list(verifier.problems(frozenset({"labels"}), frozenset({"circuits"})))
        found += filter(None, chunk_problems(verifier.chunks, session.fd, pool))
        digest = linked_digest(session.root.group(RUN), "circuits", session.root)
        shared = session.root.group(f"objects/circuits/{digest[:2]}/{digest}")
        return found + object_problems(shared, "circuits", session.root)


def at(path: Path, way: str, original: Path) -> Path:
    WAYS[way](original, path)
    return path


@NEEDS_TOOLS
@pytest.mark.parametrize("way", WAYS)
def test_every_value_comes_back(path: Path, original: Path, way: str) -> None:
    at(path, way, original)

    with project_file(path).read() as session:
        assert session.is_rewritten
        run = session.root.group(RUN)
        assert run.group("attributes").attributes(OWNER)["long"] == ATTRIBUTES["long"]
        assert run.group("attributes").attributes(OWNER)["surrogate"] == ATTRIBUTES["surrogate"]
        for name, parts in DATASETS.items():
            wanted, values = expected(parts), run.read(name, OWNER)
            assert (values.dtype, values.shape) == (wanted.dtype, wanted.shape), name
            assert values.tobytes() == wanted.tobytes(), name
        wanted = expected(DATASETS["over_the_edge"])
        plan = run.plan("over_the_edge", OWNER, (slice(1, 3), slice(149_999, 3, -7)))
    with path.open("rb") as file:
        assert np.array_equal(plan.read(file.fileno()), wanted[1:3, 149_999:3:-7])
    assert problems_of(path) == []


@NEEDS_TOOLS
@pytest.mark.parametrize("way", ["h5repack", "h5repack, latest", "h5py", "h5py, v110"])
def test_nothing_is_written_into_it(path: Path, original: Path, way: str) -> None:
    before = at(path, way, original).read_bytes()

    with pytest.raises(ReadOnlyError, match=SENTENCE), project_file(path).write(CREATED):
        raise AssertionError("it was opened")
    with pytest.raises(ReadOnlyError, match=SENTENCE):
        project_file(path).check_destination()

    assert path.read_bytes() == before


def test_a_file_of_ours_is_not_rewritten(path: Path) -> None:
    write_run(path, everything())
    write_run(path, everything(), "again")

    with project_file(path).read() as session:
        assert not session.is_rewritten


def test_damage_is_found_by_the_digest(path: Path, original: Path) -> None:
    copied("v110")(original, path)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file[f"{RUN}/over_the_edge"][1, 150_000] += 1
        file[f"{RUN}/above_1024"][0] = 7

    assert read_values(path, "over_the_edge", (0, 5)) == 5
    for name in ("over_the_edge", "above_1024"):
        with pytest.raises(IntegrityError, match=rf"/{name}: piece \d is damaged \(its values have another digest\)"):
            read_values(path, name)
    assert len(problems_of(path)) == 2


def test_a_changed_small_dataset_is_found_by_the_digest_of_the_run(path: Path, original: Path) -> None:
    copied(None)(original, path)
    with h5py.File(path, "r+") as file:
        file[f"{RUN}/at_1024"][0] = 7

    (problem,) = problems_of(path)
    assert "the digest of the run does not match" in problem


def test_a_copied_object_must_have_the_content_that_its_path_tells(path: Path, original: Path) -> None:
    copied(None)(original, path)
    with h5py.File(path, "r+") as file:
        file[f"{RUN}/circuits"].attrs.modify("encoding_version", 1)
        file[f"{RUN}/circuits/aer"][0] = b'{"a":2}'

    with project_file(path).read() as session, pytest.raises(IntegrityError, match="and is not; restore it"):
        linked_digest(session.root.group(RUN), "circuits", session.root)


@pytest.mark.parametrize(
    "ways", [{"compression": "lzf"}, {"compression": "szip"}, {"scaleoffset": 0}], ids=["lzf", "szip", "scaleoffset"]
)
def test_other_filters_are_refused(path: Path, original: Path, ways: dict[str, object]) -> None:
    copied(None)(original, path)
    try:
        with h5py.File(path, "r+") as file:
            file[RUN].create_dataset("x", data=np.arange(5000), **ways)
    except ValueError:  # libraries without szip
        return

    with pytest.raises(FormatError, match=r"/x: filters \(\d+,\) have no place in an aerchive project"):
        read_values(path, "x")


@pytest.mark.parametrize("shape", ["0", "", "5000000", "1 1", "x", "9" * 30, "100"])
def test_a_forged_shape_of_pieces_is_refused(path: Path, original: Path, shape: str) -> None:
    copied(None)(original, path)
    with h5py.File(path, "r+") as file:
        file[f"{RUN}/zeros_many_chunks"].attrs["piece_shape"] = shape

    with pytest.raises(FormatError, match="/zeros_many_chunks"):
        read_values(path, "zeros_many_chunks")


def test_limits_hold(path: Path, original: Path) -> None:
    copied(None)(original, path)
    with h5py.File(path, "r+") as file:
        run = file[RUN]
        rows = run["noise_many_chunks.checksums"]
        del run["noise_many_chunks.checksums"]
        run.create_dataset("noise_many_chunks.checksums", (10**6,), rows.dtype, chunks=(10**6,), compression="gzip")
        run["noise_many_chunks.checksums"][:1] = np.zeros(1, rows.dtype)
        large = run.create_dataset("x", (2**24,), "u1", chunks=(2**24,), compression="gzip")
        large.attrs["blake3"] = "0" * 64
    before = limits()
    use_limits(Limits(chunk_bytes=2**20))
    try:
        with pytest.raises(UnsafeContentError, match="chunk_bytes"):
            read_values(path, "x")
    finally:
        use_limits(before)
    with pytest.raises(UnsafeContentError, match=r"noise_many_chunks.*sparse_ratio"):
        read_values(path, "noise_many_chunks")


def test_a_bomb_in_a_chunk_is_not_expanded(path: Path, original: Path) -> None:
    copied(None)(original, path)
    with h5py.File(path, "r+") as file:
        data = file[RUN].create_dataset("x", (5000,), "u1", chunks=(5000,), compression="gzip")
        data.attrs["blake3"] = "0" * 64
        with h5py.File(path.with_name("bomb.h5"), "w") as other:
            other.create_dataset("y", data=np.zeros(10**7, np.uint8), chunks=(10**7,), compression="gzip")
            data.id.write_direct_chunk((0,), other["y"].id.read_direct_chunk((0,))[1])

    with pytest.raises(IntegrityError, match="/x: the chunk at"):
        read_values(path, "x")


def test_noise_that_another_program_added_does_not_hinder(path: Path, original: Path) -> None:
    copied("latest")(original, path)
    with h5py.File(path, "r+") as file:
        file["of mine"] = noise(100)

    assert problems_of(path) == []
