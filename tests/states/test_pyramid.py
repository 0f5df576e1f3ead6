"""The aggregated views of vectors and matrices against numpy on the whole array."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerchive.states.binned import Bins, packed
from aerchive.states.matrix_pyramid import MatrixPyramid, matrix_tile_of
from aerchive.states.pyramid import MOST_READ, TOP, NotProbabilities, VectorPyramid
from aerchive.states.refining import power_from, refining
from aerchive.states.source import InMemory, Member
from aerchive.states.tiles import TILE_BINS, tile_of
from tests.states.pieces import Pieces, random_vector


def run(pyramid: Any, source: Any, pieces: int | None = None) -> Any:
    for piece in pyramid.pieces[pyramid.done : pieces]:
        pyramid.add(pyramid.fold(source, piece))
    return pyramid


def numbers(tile: bytes, arrays: int = 4) -> np.ndarray:
    return np.frombuffer(tile, "<f4").reshape(arrays, -1)


def check_tile(tile: bytes, values: np.ndarray, level: int, index: int) -> None:
    """Compares a tile of a vector with numpy; of bins with several greatest amplitudes any of these is right."""
    weights = (values if values.dtype.kind == "f" else np.abs(values) ** 2).reshape(1 << level, -1)
    amplitudes = values.reshape(1 << level, -1)
    bins = slice(index * TILE_BINS, (index + 1) * TILE_BINS)
    weights, amplitudes = weights[bins], amplitudes[bins]
    sums, greatest, phases, offsets = numbers(tile)
    assert len(sums) == len(weights)
    np.testing.assert_allclose(sums, weights.sum(axis=1), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(greatest, weights.max(axis=1), rtol=1e-6, atol=1e-30)
    at = np.arange(len(weights)), offsets.astype(int)
    np.testing.assert_allclose(weights[at], weights.max(axis=1), rtol=2e-7, atol=1e-30)
    wanted = np.where(weights[at] > 0, 0 if values.dtype.kind == "f" else np.angle(amplitudes[at]), 0)
    np.testing.assert_allclose(np.exp(1j * phases), np.exp(1j * wanted), atol=1e-6)
    assert (np.abs(phases) <= np.float32(np.pi)).all()


def check_all(pyramid: VectorPyramid, values: np.ndarray) -> None:
    for level in range(pyramid.base + 1):
        for index in range(max(1, (1 << level) // TILE_BINS)):
            check_tile(pyramid.tile(level, index), values, level, index)


def check_whole(pyramid: VectorPyramid, values: np.ndarray) -> None:
    """Compares what the whole vector gives with numpy."""
    weights = values if values.dtype.kind == "f" else np.abs(values) ** 2
    assert pyramid.norm == pytest.approx(np.sqrt(weights.sum()), rel=1e-14)
    index = np.arange(len(weights))
    wanted = [weights[(index >> qubit & 1) == 1].sum() for qubit in range(pyramid.bits)]
    assert pyramid.marginals == pytest.approx(wanted, rel=1e-13, abs=1e-15)
    assert pyramid.top is not None
    found = [one for one, _ in pyramid.top]
    order = np.lexsort((index, -weights))[:TOP]
    assert [weights[one] for one in found] == pytest.approx([weights[one] for one in order if weights[one] > 0])
    assert [amplitude for _, amplitude in pyramid.top] == [complex(values[one]) for one in found]


def states() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    ghz = np.zeros(2**13, complex)
    ghz[[0, -1]] = 0.6, -0.8j
    return {
        "one amplitude": np.array([-1j]),
        "3 qubits": random_vector(rng, 8),
        "9 qubits, sparse": random_vector(rng, 2**9, zeros=0.7),
        "12 qubits, single precision": random_vector(rng, 2**12).astype(np.complex64).astype(complex),
        "13 qubits, two amplitudes": ghz,
        "14 qubits": random_vector(rng, 2**14),
        "10 qubits, real": rng.normal(size=2**10) + 0j,
        "all zero": np.zeros(64, complex),
    }


@pytest.mark.parametrize("name", states())
def test_tiles_of_all_levels_and_the_whole_are_those_of_numpy(name: str) -> None:
    values = states()[name]
    for chunk, base in ((16, None), (48, 5), (len(values), 2)):
        pyramid = VectorPyramid(len(values), chunk, base=base, least_piece=16)
        check_all(run(pyramid, Pieces(values, chunk)), values)
        check_whole(pyramid, values)


@given(st.data())
def test_any_vector_in_any_pieces(data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, 7))
    parts = st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 1e-200, 3e5, -0.0])
    values = np.array(data.draw(st.lists(st.builds(complex, parts, parts), min_size=2**bits, max_size=2**bits)))
    pyramid = VectorPyramid(
        len(values),
        data.draw(st.integers(1, 2**bits)),
        base=data.draw(st.integers(0, bits)),
        least_piece=data.draw(st.sampled_from([1, 4])),
    )
    check_all(run(pyramid, Pieces(values, max(1, len(values) // 4))), values)
    check_whole(pyramid, values)


def test_the_lowest_of_equal_basis_states_come_first() -> None:
    values = np.full(2**10, 2.0**-5 + 0j)
    pyramid = run(VectorPyramid(len(values), 32, least_piece=32), Pieces(values, 32))

    assert [index for index, _ in pyramid.top] == list(range(TOP))
    assert numbers(pyramid.tile(3, 0))[3].tolist() == [0] * 8


def test_levels_above_the_base_are_made_of_what_is_read_for_them() -> None:
    values = random_vector(np.random.default_rng(2), 2**13)
    pyramid = VectorPyramid(len(values), 64, base=4)

    for level, index in ((12, 3), (13, 7), (5, 0)):
        span = pyramid.span(level, index)
        check_tile(tile_of(values[span], min(1 << level, TILE_BINS)), values, level, index)


def test_the_picture_is_refined_over_the_whole_range() -> None:
    values = random_vector(np.random.default_rng(3), 2**10)
    pyramid = run(VectorPyramid(len(values), 64, least_piece=64), Pieces(values, 64), 4)

    assert refining(8) == [0, 4, 2, 6, 1, 5, 3, 7]
    sums, greatest, phases, offsets = numbers(pyramid.tile(4, 0))
    weights = (np.abs(values) ** 2).reshape(16, 64)
    is_read = np.arange(16) % 4 == 0
    np.testing.assert_allclose(sums[is_read], weights.sum(axis=1)[is_read], rtol=1e-6)
    for one in (sums, greatest, phases, offsets):
        assert np.isnan(one).tolist() == (~is_read).tolist()
    partly = numbers(pyramid.tile(2, 0))
    np.testing.assert_allclose(partly[0], weights.sum(axis=1)[is_read], rtol=1e-6, err_msg="what is known so far")
    assert pyramid.knows(slice(0, 64))
    assert not pyramid.knows(slice(0, 128))
    assert (pyramid.norm, pyramid.top, pyramid.marginals) == (None, None, None)


def test_known_sums_are_shown_before_anything_was_read() -> None:
    values = random_vector(np.random.default_rng(4), 2**9)
    profile = (np.abs(values) ** 2).reshape(32, -1).sum(axis=1)
    pyramid = VectorPyramid(len(values), 16, least_piece=16)

    for level in range(6):
        found = numbers(pyramid.tile(level, 0, profile))
        np.testing.assert_allclose(found[0], profile.reshape(1 << level, -1).sum(axis=1), rtol=1e-6)
        assert np.isnan(found[1:]).all()
    assert np.isnan(numbers(pyramid.tile(6, 0, profile))).all(), "there is no such sum"
    wrong = np.ones(32)
    assert (numbers(run(pyramid, Pieces(values, 16)).tile(5, 0, wrong))[0] < 1).all(), "it is known now"


def test_values_that_are_no_numbers_are_counted_and_spoil_only_their_bin() -> None:
    values = random_vector(np.random.default_rng(5), 2**8)
    values[17], values[18], values[32:48] = np.nan, complex(0, np.inf), np.nan
    pyramid = run(VectorPyramid(len(values), 32, least_piece=32), Pieces(values, 32))

    assert pyramid.strange == 18
    assert (pyramid.norm, pyramid.marginals) == (None, None)
    assert np.isfinite([amplitude for _, amplitude in pyramid.top]).all()
    sums, greatest, _, offsets = numbers(pyramid.tile(4, 0))
    assert np.flatnonzero(np.isnan(sums)).tolist() == [1, 2]
    assert np.flatnonzero(np.isnan(greatest)).tolist() == [2], "bin 1 has a greatest number"
    assert offsets[1] not in (1, 2)


def test_vectors_of_probabilities_are_their_own_sums() -> None:
    values = np.abs(random_vector(np.random.default_rng(6), 2**8)) ** 2
    values[3] = -1e-17
    pyramid = run(VectorPyramid(len(values), 16, are_probabilities=True, least_piece=16), InMemory(values))

    check_all(pyramid, np.maximum(values, 0))
    check_whole(pyramid, np.maximum(values, 0))
    for wrong in (-0.5, 1.5):
        values[200] = wrong
        with pytest.raises(NotProbabilities, match=str(wrong)):
            run(VectorPyramid(len(values), 16, are_probabilities=True), InMemory(values))


def test_offsets_beyond_single_precision_are_rounded_down() -> None:
    offsets = np.array([2**24 - 1, 2**24 + 1, 2**27 - 1, 2**40 + 2**39 + 1])
    tile = packed(Bins(np.ones(4), np.ones(4, np.float32), np.zeros(4, np.float32), offsets))

    assert numbers(tile)[3].astype(int).tolist() == [2**24 - 1, 2**24, 2**27 - 8, 2**40 + 2**39]


def test_probabilities_too_large_for_single_precision_are_infinite() -> None:
    assert numbers(tile_of(np.array([1e30 + 0j, 0]), 2))[0].tolist() == [np.inf, 0]


@pytest.mark.parametrize(
    ("level", "index", "there"),
    [(14, 0, "levels 0 to 13"), (-1, 0, "levels 0 to 13"), (11, 2, "tiles 0 to 1"), (3, 1, "tile 0 alone")],
)
def test_levels_and_tiles_that_do_not_exist(level: int, index: int, there: str) -> None:
    with pytest.raises(IndexError, match=there):
        VectorPyramid(2**13, 64).span(level, index)


@pytest.mark.parametrize("bits", [12, 20, 28, 30])
def test_a_tile_never_reads_more_than_16_mib(bits: int) -> None:
    pyramid = VectorPyramid(2**bits, 2**16)

    spans = [pyramid.span(level, 0) for level in range(pyramid.base + 1, bits + 1)]
    assert all(span.stop - span.start <= MOST_READ for span in spans)
    assert pyramid.nbytes <= 10 * 2**20


def test_a_complete_pyramid_is_made_again_from_its_arrays() -> None:
    values = random_vector(np.random.default_rng(7), 2**10, zeros=0.3)
    made = run(VectorPyramid(len(values), 64, base=6), Pieces(values, 64))
    again = VectorPyramid(len(values), 64, base=6)
    again.fill(made.arrays())

    assert again.is_done
    assert again.knows(slice(0, len(values)))
    assert [again.tile(level, 0) for level in range(7)] == [made.tile(level, 0) for level in range(7)]
    assert (again.norm, again.top, again.marginals) == (made.norm, made.top, made.marginals)


@pytest.mark.parametrize(
    "change",
    [
        {"sums": np.zeros(32)},
        {"greatest": np.zeros(64)},
        {"offsets": np.full(64, 16, np.uint16)},
        {"top_indices": np.array([2**10])},
        {"top_values": np.zeros(3)},
        {"ones": np.zeros(5)},
        {"strange": np.array(0.5)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, np.ndarray]) -> None:
    values = random_vector(np.random.default_rng(8), 2**10)
    arrays = run(VectorPyramid(len(values), 64, base=6), Pieces(values, 64)).arrays()
    pyramid = VectorPyramid(len(values), 64, base=6)

    for wrong in (arrays | change, {name: arrays[name] for name in arrays if name not in change}):
        with pytest.raises(ValueError, match="array"):
            pyramid.fill(wrong)
    assert pyramid.done == 0


# -- matrices


def check_matrix_tile(tile: bytes, values: np.ndarray, level: int, row: int, column: int) -> None:
    side, size = min(1 << level, 32), len(values) >> level
    part = values[row * side * size :, column * side * size :][: side * size, : side * size]
    blocks = part.reshape(side, size, side, size).transpose(0, 2, 1, 3).reshape(side, side, -1)
    magnitudes = np.abs(blocks)
    greatest, phases = numbers(tile, 2).reshape(2, side, side)
    np.testing.assert_allclose(greatest, magnitudes.max(axis=2), rtol=1e-6, atol=1e-30)
    element = np.take_along_axis(blocks, magnitudes.argmax(axis=2)[..., np.newaxis], axis=2)[..., 0]
    wanted = np.where(element == 0, 0, np.angle(element))
    np.testing.assert_allclose(np.exp(1j * phases), np.exp(1j * wanted), atol=1e-6)


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize(("bits", "base", "rows"), [(0, None, 1), (3, None, 2), (6, 4, 3), (7, 7, 4)])
def test_tiles_of_matrices_are_those_of_numpy(bits: int, base: int | None, rows: int, is_transposed: bool) -> None:
    rng = np.random.default_rng(bits)
    dim = 2**bits
    values = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    values[: dim // 4] = 0
    stored = Pieces(values.T if is_transposed else values, rows)
    pyramid = run(MatrixPyramid(dim, rows, is_transposed=is_transposed, base=base, least_piece=1), stored)

    for level in range(bits + 1):
        for row, column in itertools.product(range(max(1, 2**level // 32)), repeat=2):
            if level <= pyramid.base:
                tile = pyramid.tile(level, row, column)
            else:
                tile = matrix_tile_of(values[pyramid.box(level, row, column)], min(1 << level, 32))
            check_matrix_tile(tile, values, level, row, column)
    assert pyramid.trace == pytest.approx(np.trace(values))
    assert pyramid.purity == pytest.approx(np.sum(np.abs(values) ** 2))
    np.testing.assert_array_equal(pyramid.diagonal, np.diagonal(values))


def test_a_matrix_is_refined_and_made_again() -> None:
    values = np.random.default_rng(9).normal(size=(16, 16)) + 0j
    values[5, 5] = np.nan
    pyramid = run(MatrixPyramid(16, 2, least_piece=1), Pieces(values, 2), 4)

    is_read = np.repeat(np.arange(8) % 2 == 0, 2)
    found = numbers(pyramid.tile(4, 0, 0), 2).reshape(2, 16, 16)
    assert (np.isnan(found).all(axis=(0, 2)) == ~is_read).all()
    assert (pyramid.trace, pyramid.is_read.tolist()) == (None, is_read.tolist())
    run(pyramid, Pieces(values, 2))
    assert (pyramid.strange, pyramid.trace, pyramid.purity) == (1, None, None)
    assert np.argwhere(np.isnan(numbers(pyramid.tile(4, 0, 0), 2).reshape(2, 16, 16)[0])).tolist() == [[5, 5]]
    again = MatrixPyramid(16, 2, least_piece=1)
    with pytest.raises(ValueError, match="phases"):
        again.fill({**pyramid.arrays(), "phases": np.zeros(4)})
    again.fill(pyramid.arrays())
    assert again.tile(3, 0, 0) == pyramid.tile(3, 0, 0)
    with pytest.raises(IndexError, match="tile 0-0 alone"):
        again.box(4, 0, 1)


@pytest.mark.parametrize("is_last", [False, True])
def test_one_of_several_arrays_is_read_alone(is_last: bool) -> None:
    values = np.random.default_rng(10).normal(size=(3, 8, 4))
    stored = Pieces(values.transpose(1, 2, 0) if is_last else values, (2, 2, 2))
    one = Member(stored, 1, is_last=is_last)

    assert (one.shape, one.chunk) == ((8, 4), (2, 2))
    np.testing.assert_array_equal(one.read(slice(2, 4), slice(0, 3)), values[1, 2:4, :3])
    assert Member(Pieces(np.zeros((2, 4)), 1), 0).read(slice(0, 2)) is None


def test_powers_of_two() -> None:
    assert [power_from(number) for number in (1, 2, 3, 64, 65)] == [1, 2, 4, 64, 128]
