"""States and operators that are saved: the one list of what is known of each kind.

A new kind is a codec in `aerchive.codecs`, with its test and golden file, and one entry here: then parts of it can be
read, circuits can start from it, and two of them can be compared.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Kind(NamedTuple):
    """What is known of a kind of saved value.

    Attributes:
        name: Of its encoding.
        versions: Of the encoding, of which parts can be read.
        dataset: Name of the dataset that its arrays are in.
        stored: Module below ``aerchive`` and class of the value that reads parts of it.
        setter: Class in ``qiskit_aer.library`` of the instruction that sets the simulator to it.
        instruction: Name of that instruction in a circuit.
        compared_by: How two of them are compared: ``fidelity`` of states; ``elements``, the largest difference; or
            ``overlap``, the angle between two operators up to a phase.
    """

    name: str
    versions: tuple[int, ...]
    dataset: str
    stored: tuple[str, str]
    setter: str
    instruction: str
    compared_by: Literal["fidelity", "elements", "overlap"]


_ALL = (
    Kind(
        "statevector",
        (1,),
        "statevector",
        ("stored.state", "StoredState"),
        "SetStatevector",
        "set_statevector",
        "fidelity",
    ),
    Kind(
        "density_matrix",
        (1,),
        "density_matrix",
        ("stored.density_matrix", "StoredDensityMatrix"),
        "SetDensityMatrix",
        "set_density_matrix",
        "elements",
    ),
    Kind("operator", (1,), "unitary", ("stored.operator", "StoredOperator"), "SetUnitary", "set_unitary", "overlap"),
    Kind("superop", (1,), "superop", ("stored.operator", "StoredSuperOp"), "SetSuperOp", "set_superop", "elements"),
)

KINDS: Final = {kind.name: kind for kind in _ALL}
"""By name."""
