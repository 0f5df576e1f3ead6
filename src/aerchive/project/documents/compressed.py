"""The arrays of a run as they are stored: a state vector may become something smaller than its amplitudes.

This happens before the project is locked, in the thread that archives the run: it reads each state a few times.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from aerchive.filters.profiles import Compression
from aerchive.project.documents.draft import RunDraft
from aerchive.states.matrix_product.factorise import Certified, factorise
from aerchive.states.matrix_product.promising import may_pay
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft
from aerchive.storage.chunks.grid import chunk_offsets
from aerchive.storage.chunks.write_plan import plan_write
from aerchive.stored.forms import BONDS, MATRIX_PRODUCT

_SAMPLED = 16
"""The number of chunks of which the size of the rounded state is estimated."""
_STATE = np.dtype("<c16")


def compressed(draft: RunDraft, compression: Compression) -> RunDraft:
    """Decides how the arrays of a run are stored.

    Args:
        draft: The run, with the arrays that Aer gave.
        compression: What the user chose.

    Returns:
        The run with arrays as they will be stored. Arrays that became nothing else are those of ``draft``.
    """
    datasets = {name: _smallest(dataset, compression) for name, dataset in draft.datasets.items()}
    saved = sum(dataset.nbytes - datasets[name].nbytes for name, dataset in draft.datasets.items())
    return dataclasses.replace(draft, compression=compression, datasets=datasets, nbytes=draft.nbytes - saved)


def _smallest(dataset: DatasetDraft, compression: Compression) -> DatasetDraft:
    if not dataset.is_state or dataset.dtype != _STATE or not dataset.uses_compression or dataset.packed is not None:
        return dataset
    if compression.max_infidelity is not None:
        return _certified(dataset, compression, compression.max_infidelity) or dataset
    return dataset


def _certified(dataset: DatasetDraft, compression: Compression, max_infidelity: float) -> DatasetDraft | None:
    """The states of a dataset as matrix products, if that is smaller than rounding them.

    Args:
        dataset: State vectors of one shape.
        compression: What the user chose.
        max_infidelity: The greatest infidelity of each state.
    """
    found: list[Certified] = []
    for state in dataset.parts:
        one = factorise(state, max_infidelity) if may_pay(state) else None
        if one is None:
            return None
        found.append(one)
    tensors = [tensor.reshape(-1) for one in found for tensor in one.product.tensors]
    flat = np.concatenate(tensors)
    if flat.nbytes >= _rounded_nbytes(dataset, compression):
        return None
    attributes: dict[str, AttributeValue] = {
        **dataset.attributes,
        "layout": MATRIX_PRODUCT,
        "dtype": flat.dtype.str,
        BONDS: ";".join(" ".join(map(str, (1, *one.bonds, 1))) for one in found),
        "max_infidelity": max_infidelity,
        "infidelity_bound": min(max_infidelity, max(one.bound for one in found)),
        "infidelity": max(one.infidelity for one in found),
        "note": _note(found, dataset.parts[0].size),
    }
    return DatasetDraft([flat], attributes=attributes)


def _note(found: list[Certified], size: int) -> str:
    """What the dataset is, in words, for people who look at it in a viewer."""
    qubits = size.bit_length() - 1
    what = f"A state vector of {qubits} qubits" if len(found) == 1 else f"{len(found)} state vectors of {qubits} qubits"
    return (
        f"{what} as a product of matrices. Here are its tensors one after another, in C order, of the shape "
        f"(left bond, 2, right bond), that of qubit {qubits - 1} first, that of qubit 0 last; the attribute {BONDS} "
        "has the bond dimensions. An amplitude is the product of the matrices that its bits choose. The page README of the "
        "file says how it is read with numpy."
    )


def _rounded_nbytes(dataset: DatasetDraft, compression: Compression) -> float:
    """The stored size of the rounded states, estimated from some of their chunks."""
    plan = plan_write(dataclasses.replace(dataset, compression=compression))
    offsets = list(chunk_offsets(dataset.shape, plan.chunk))
    step = math.ceil(len(offsets) / _SAMPLED)
    sampled = [len(plan.begin(number, offsets[number])().stored) for number in range(0, len(offsets), step)]
    return sum(sampled) * len(offsets) / len(sampled)
