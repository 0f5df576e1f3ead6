"""Results of primitives as documents, and what of them is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from aerchive.codecs.primitive_result import decode_primitive_result, encode_primitive_result, is_sampled
from aerchive.codecs.result import ResultEncoder
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.models import tagged_json

BITS = BitArray.from_samples(["01", "11"])


def tree_of(result: Any) -> Any:
    encoder = ResultEncoder()
    written = encode_primitive_result(result, encoder)
    encoder.finish({})
    return tagged_json.loads(tagged_json.dumps(written.tree), "test"), encoder.refused


def test_pubs_are_experiments_and_fields_of_their_data_saved_values() -> None:
    result = PrimitiveResult([SamplerPubResult(DataBin(c=BITS, d=BITS), {"shots": 2})], {"version": 2})
    tree, refused = tree_of(result)
    (pub,) = tree["experiments"]
    assert pub["fields"] == {"class": "SamplerPubResult", "shape": []}
    assert [name for name, _ in pub["data"]] == ["c", "d"]
    assert pub["metadata"] == {"shots": 2}
    assert tree["metadata"] == {"version": 2}
    assert refused == []


def test_a_value_without_a_codec_is_named_and_the_others_are_kept() -> None:
    class Odd:
        shape = ()

    _, refused = tree_of(PrimitiveResult([PubResult(DataBin(a=Odd(), b=np.ones(3)), {"x": Odd()})]))
    assert len(refused) == 2
    assert refused[0].startswith("pub 0 metadata: no codec for")
    assert refused[1].startswith("experiment 0, 'a': ")
    assert "Odd" in refused[1]


class OwnResult(PrimitiveResult[Any]):
    pass


class OwnPub(PubResult):
    pass


class OwnBin(DataBin):
    pass


@pytest.mark.parametrize(
    "result",
    [OwnResult([]), PrimitiveResult([OwnPub(DataBin())]), PrimitiveResult([PubResult(OwnBin())])],
    ids=["result", "pub", "data"],
)
def test_a_class_of_its_own_is_refused(result: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"result of a primitive: no codec for .*Own"):
        tree_of(result)


@pytest.mark.parametrize("fields", [{}, {"class": "object", "shape": []}, {"class": "PubResult", "shape": 3}])
def test_a_foreign_document_is_refused(fields: Any) -> None:
    with pytest.raises(FormatError, match="is not known here"):
        decode_primitive_result({}, [(fields, {}, {})], lambda tree: tree)


def test_data_that_do_not_fit_their_shape_are_refused() -> None:
    fields = {"class": "PubResult", "shape": [3]}
    with pytest.raises(FormatError, match="do not fit together"):
        decode_primitive_result({}, [(fields, {}, {"evs": 0})], lambda _tree: np.ones(2))
    with pytest.raises(FormatError, match="do not fit together"):
        decode_primitive_result({}, [(fields, {}, {"keys": 0})], lambda _tree: np.ones(3))


def test_who_made_a_result_shows_in_its_data() -> None:
    assert is_sampled(PrimitiveResult([PubResult(DataBin(c=BITS))]))
    assert is_sampled(PrimitiveResult([SamplerPubResult(DataBin())]))
    assert not is_sampled(PrimitiveResult([PubResult(DataBin(evs=np.ones(1), shape=(1,)))]))
    assert not is_sampled(PrimitiveResult([]))
