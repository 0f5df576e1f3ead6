"""The arrays of a run as they are stored: a state vector may become something smaller than its amplitudes.

This happens before the project is locked, in the thread that archives the run: it reads each state a few times.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aerchive import layout
from aerchive.filters.profiles import STRUCTURE, Compression
from aerchive.project.documents.draft import RunDraft
from aerchive.states.matrix_product.factorise import Certified, factorise
from aerchive.states.matrix_product.promising import middle_rank
from aerchive.states.predicted.encode import encode
from aerchive.states.predicted.encoded import PIECE, Aligned
from aerchive.storage.chunks.drafts import AttributeValue, ComputedDraft, DatasetDraft
from aerchive.storage.chunks.grid import chunk_offsets
from aerchive.storage.chunks.write_plan import plan_write
from aerchive.stored.forms import BONDS, MEMBERS

_SAMPLED = 16
"""The number of chunks from which the stored size of a dataset is estimated."""
_RESIDUAL = "residual"
_STATE = np.dtype("<c16")
_PREDICTED = (
    "A state vector, exact in every bit, as what its prediction is off by, in units of the last place. The datasets of "
    "the same name with a dot have what it is predicted from. format/layout.md says how the amplitudes are restored."
)


def compressed(draft: RunDraft, compression: Compression) -> RunDraft:
    """Decides how the arrays of a run are stored.

    Args:
        draft: The run, with the arrays that Aer gave.
        compression: What the user chose.

    Returns:
        The run with arrays as they will be stored. Arrays that became nothing else are those of ``draft``.
    """
    datasets: dict[str, DatasetDraft] = {}
    for name, dataset in draft.datasets.items():
        datasets |= _smallest(name, dataset, compression)
    more = sum(one.nbytes for one in datasets.values()) - sum(one.nbytes for one in draft.datasets.values())
    return dataclasses.replace(draft, compression=compression, datasets=datasets, nbytes=draft.nbytes + more)


def _smallest(name: str, dataset: DatasetDraft, compression: Compression) -> dict[str, DatasetDraft]:
    """The datasets that are stored for one of a run, by name."""
    found: dict[str, DatasetDraft] | None = None
    if dataset.is_state and dataset.dtype == _STATE and dataset.uses_compression and dataset.packed is None:
        if compression.max_infidelity is not None:
            product = _certified(dataset, compression, compression.max_infidelity)
            found = None if product is None else {name: product}
        elif compression.profile == STRUCTURE and not dataset.stacked:
            found = _predicted(name, dataset)
    return found or {name: dataset}


def _predicted(name: str, dataset: DatasetDraft) -> dict[str, DatasetDraft] | None:
    """A state as a prediction and its residual, if that is much smaller than its amplitudes."""
    (state,) = dataset.parts
    encoded = encode(state)
    if encoded is None:
        return None
    arrays = dict(sorted(encoded.arrays.items()))
    aligned = {member: values for member, values in encoded.aligned.items() if member != _RESIDUAL}
    attributes: dict[str, AttributeValue] = {
        **dataset.attributes,
        **encoded.attributes,
        "layout": encoded.form,
        "dtype": encoded.aligned[_RESIDUAL].dtype.str,
        MEMBERS: " ".join([*arrays, *aligned]),
        "note": _PREDICTED,
    }
    drafts: dict[str, DatasetDraft] = {name: _computed(encoded.aligned[_RESIDUAL], attributes)}
    for member, values in arrays.items():
        drafts[f"{name}.{member}"] = DatasetDraft([values], attributes=_of_member(member, values.dtype))
    for member, column in aligned.items():
        drafts[f"{name}.{member}"] = _computed(column, _of_member(member, column.dtype))
    return drafts


def _computed(values: Aligned, attributes: Mapping[str, AttributeValue]) -> ComputedDraft:
    chunk = (*values.shape[:-1], min(PIECE, values.shape[-1]))
    return ComputedDraft(values=values, attributes=attributes, chunk=chunk)


def _of_member(member: str, dtype: np.dtype[Any]) -> dict[str, AttributeValue]:
    """The attributes of an array that belongs to the prediction of a state."""
    return {
        "encoding": "array",
        "encoding_version": layout.ARRAY_VERSION,
        "kind": member,
        "layout": "plain",
        "dtype": dtype.str,
        "order": "C",
        "number": 1,
    }


def _certified(dataset: DatasetDraft, compression: Compression, max_infidelity: float) -> DatasetDraft | None:
    """The states of a dataset as matrix products, if that is smaller than rounding them.

    Args:
        dataset: State vectors of one shape.
        compression: What the user chose.
        max_infidelity: The greatest infidelity of each state.
    """
    found: list[Certified] = []
    for state in dataset.parts:
        rank = middle_rank(state, max_infidelity)
        one = None if rank is None else factorise(state, max_infidelity, expected_rank=rank)
        if one is None:
            return None
        found.append(one)
    tensors = [tensor.reshape(-1) for one in found for tensor in one.product.tensors]
    flat = np.concatenate(tensors)
    attributes: dict[str, AttributeValue] = {
        **dataset.attributes,
        "layout": layout.MATRIX_PRODUCT,
        "dtype": flat.dtype.str,
        BONDS: ";".join(" ".join(map(str, (1, *one.bonds, 1))) for one in found),
        "max_infidelity": max_infidelity,
        "infidelity_bound": min(max_infidelity, max(one.bound for one in found)),
        "infidelity": max(one.infidelity for one in found),
        "note": _note(found, dataset.parts[0].size),
    }
    product = DatasetDraft([flat], attributes=attributes)
    exact = dataclasses.replace(compression, max_infidelity=None)
    return product if _stored_nbytes(product, exact) < _stored_nbytes(dataset, compression) else None


def _note(found: list[Certified], size: int) -> str:
    """What the dataset is, in words, for people who look at it in a viewer."""
    qubits = size.bit_length() - 1
    what = f"A state vector of {qubits} qubits" if len(found) == 1 else f"{len(found)} state vectors of {qubits} qubits"
    return (
        f"{what} as a product of matrices: the tensors one after another, each in C order, of the shape (left bond, 2, "
        f"right bond), that of qubit {qubits - 1} first and that of qubit 0 last. The attribute {BONDS} has the bonds. "
        "An amplitude is the product of the matrices that its bits choose. The page README of the file says how numpy "
        "reads it."
    )


def _stored_nbytes(dataset: DatasetDraft, compression: Compression) -> float:
    """The stored size of a dataset, estimated from some of its chunks."""
    plan = plan_write(dataclasses.replace(dataset, compression=compression))
    offsets = list(chunk_offsets(dataset.shape, plan.chunk))
    step = math.ceil(len(offsets) / _SAMPLED)
    sampled = [len(plan.begin(number, offsets[number])().stored) for number in range(0, len(offsets), step)]
    return sum(sampled) * len(offsets) / len(sampled)
