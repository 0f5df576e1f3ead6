from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from aerchive.errors import FormatError, IntegrityError
from aerchive.layout import LOW_RANK, VALUE_TABLE
from aerchive.states.predicted import encode as encoding
from aerchive.states.predicted.decode import decode
from aerchive.states.predicted.encode import LEAST_GAIN, encode
from aerchive.states.predicted.encoded import Encoded
from tests.states.predicted.made import encoded_states, low_rank, repeating, slice_of, structured

STATES = structured()


@pytest.fixture(scope="module")
def encoded() -> dict[str, Encoded]:
    return encoded_states()


def restored(result: Encoded, start: int, stop: int) -> NDArray[np.complex128]:
    return decode(result.form, result.attributes, *slice_of(result, start, stop), start)


def test_each_state_has_the_expected_form_and_becomes_smaller(encoded: dict[str, Encoded]) -> None:
    forms = {name: result.form for name, result in encoded.items()}
    assert forms == {"complex": LOW_RANK, "real": LOW_RANK, "single": LOW_RANK, "table": VALUE_TABLE}
    for name, result in encoded.items():
        assert result.nbytes * LEAST_GAIN <= result.default_nbytes, name
    assert encoded["real"].aligned["residual"].shape == (1, 2**16)
    assert encoded["complex"].aligned["residual"].dtype == np.uint32
    assert encoded["single"].attributes == {"precision": "single"}


@pytest.mark.parametrize("name", STATES)
def test_any_slice_is_restored_bit_for_bit_in_any_thread(encoded: dict[str, Encoded], name: str) -> None:
    slices = [(0, 2**16), (0, 1), (77, 78), (1000, 4097), (2**16 - 5, 2**16)] * 2
    with ThreadPoolExecutor(4) as threads:
        for (start, stop), values in zip(
            slices, threads.map(lambda it: restored(encoded[name], *it), slices), strict=True
        ):
            assert values.tobytes() == STATES[name][start:stop].tobytes()


NOT_FINITE = {"nan": 0x7FF8_0000_DEAD_BEEF, "signalling": 0xFFF0_0000_0000_0001, "infinity": 0xFFF0 << 48}
FINITE = {"negative zero": 0x8000 << 48, "denormal": 1, "negative denormal": (0x8000 << 48) + 7}


def test_a_table_predicts_a_state_with_a_few_zeros_and_denormal_numbers() -> None:
    state = STATES["table"].copy()
    state.view(np.uint64)[[1, 2, 9, 101]] = [FINITE["negative zero"], 1, FINITE["negative denormal"], 3]
    result = encode(state)
    assert result is not None
    assert result.form == VALUE_TABLE
    assert restored(result, 0, state.size).tobytes() == state.tobytes()


def test_factors_predict_a_state_with_a_few_zeros_and_denormal_numbers() -> None:
    for name in ("complex", "real"):
        state = STATES[name].copy()
        state.view(np.uint64)[[1, 2, 9, 101]] = [FINITE["negative zero"], 1, FINITE["negative denormal"], 3]
        result = encode(state)
        assert result is not None
        assert result.form == LOW_RANK
        assert restored(result, 0, state.size).tobytes() == state.tobytes()


@pytest.mark.parametrize(("name", "pattern"), [*(("complex", pattern) for pattern in NOT_FINITE), ("table", "nan")])
def test_a_state_that_is_not_finite_is_left_alone(name: str, pattern: str) -> None:
    state = STATES[name].copy()
    state.view(np.uint64)[40_000] = NOT_FINITE[pattern]
    assert encode(state) is None


def test_states_without_structure_are_left_alone() -> None:
    random = np.random.default_rng(5)
    dense = random.standard_normal(2**17).view(np.complex128)
    assert encode(dense) is None
    assert encode(np.zeros(2**16, np.complex128)) is None
    assert encode(np.full(2**16, np.nan, np.complex128)) is None
    assert encode(np.eye(1, 2**16, dtype=np.complex128)[0]) is None
    assert encode(low_rank(2, qubits=15)) is None
    assert encode(np.concatenate([low_rank(2)] * 3)) is None


@pytest.mark.parametrize("scale", [1e-290, 1e150])
def test_states_near_the_limits_of_doubles_are_restored_or_left_alone(scale: float) -> None:
    state = low_rank(2) * scale
    result = encode(state)
    assert result is None or restored(result, 0, state.size).tobytes() == state.tobytes()


def test_equal_states_give_equal_arrays(encoded: dict[str, Encoded]) -> None:
    again = encode(STATES["complex"].copy())
    assert again is not None
    for name, array in encoded["complex"].arrays.items():
        assert array.tobytes() == again.arrays[name].tobytes()


def test_arrays_of_large_states_are_computed_again_when_they_are_read(
    encoded: dict[str, Encoded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_KEPT", 1)
    for name in ("complex", "table"):
        result = encode(STATES[name])
        assert result is not None
        for array, kept in zip(result.aligned.values(), encoded[name].aligned.values(), strict=True):
            assert (array.shape, array.dtype) == (kept.shape, kept.dtype)
            assert array.read(100, 2**15).tobytes() == kept.read(100, 2**15).tobytes()


def test_a_table_of_a_large_state_comes_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerchive.states.predicted.clusters._SAMPLED", 2**13)
    state = repeating(200)
    result = encode(state)
    assert result is not None
    assert restored(result, 0, state.size).tobytes() == state.tobytes()


def test_unknown_forms_and_precisions_ask_for_an_upgrade(encoded: dict[str, Encoded]) -> None:
    factors, residual = slice_of(encoded["complex"], 0, 8)
    with pytest.raises(FormatError, match="upgrade"):
        decode("wavelets", {"precision": "double"}, factors, residual, 0)
    with pytest.raises(FormatError, match="upgrade"):
        decode(LOW_RANK, {"precision": "quadruple"}, factors, residual, 0)


def test_arrays_that_do_not_fit_are_damage(encoded: dict[str, Encoded]) -> None:
    double = {"precision": "double"}
    factors, residual = slice_of(encoded["complex"], 0, 8)
    for wrong in (residual[:1], residual[0], residual.astype(np.int32), residual[:, :0].reshape(0, 0)):
        with pytest.raises(IntegrityError):
            decode(LOW_RANK, double, factors, wrong, 0)
    with pytest.raises(IntegrityError, match="have no 65530 to 65538"):
        decode(LOW_RANK, double, factors, residual, 2**16 - 6)
    changed = [
        {},
        {**factors, "left_real": factors["left_real"][:-1]},
        {**factors, "right_imaginary": factors["right_imaginary"][:, 1:]},
        {**factors, "left_real": factors["left_real"].astype(np.float32)},
        {name: factor[0] for name, factor in factors.items()},
        {name: factor for name, factor in factors.items() if name != "left_imaginary"},
    ]
    for wrong_factors in changed:
        with pytest.raises(IntegrityError, match="factors of a state"):
            decode(LOW_RANK, double, wrong_factors, residual, 0)
    table, steps = slice_of(encoded["table"], 0, 8)
    for name, array in (
        ("index", table["index"] + np.uint16(60_000)),
        ("table", table["table"][:, :2]),
        ("table", steps),
    ):
        with pytest.raises(IntegrityError, match="table"):
            decode(VALUE_TABLE, double, {**table, name: array}, steps, 0)
    with pytest.raises(IntegrityError, match="no index"):
        decode(VALUE_TABLE, double, encoded["table"].arrays, steps, 0)
