"""The kinds of saved states and operators, and the properties of each kind, in one list.

A new kind needs a codec in `aerchive.codecs`, with its test and golden file, and one entry here. With this entry parts
of a value can be read, circuits can start from it, and two values of the kind can be compared.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Kind(NamedTuple):
    """The properties of one kind of saved value.

    Attributes:
        name: The name of its encoding.
        dataset: The name of the dataset that holds its arrays.
        stored: The module below ``aerchive`` and the class of the object that reads parts of such a value.
        setter: The class in ``qiskit_aer.library`` of the instruction that sets the simulator to this value.
        instruction: The name of that instruction in a circuit.
        compared_by: The way in which two values are compared: ``fidelity`` of two states; ``elements``, the largest
            difference of two elements; or ``overlap``, the angle between two operators up to a phase.
    """

    name: str
    dataset: str
    stored: tuple[str, str]
    setter: str
    instruction: str
    compared_by: Literal["fidelity", "elements", "overlap"]


_ALL = (
    Kind(
        "statevector",
        "statevector",
        ("stored.state", "StoredState"),
        "SetStatevector",
        "set_statevector",
        "fidelity",
    ),
    Kind(
        "density_matrix",
        "density_matrix",
        ("stored.density_matrix", "StoredDensityMatrix"),
        "SetDensityMatrix",
        "set_density_matrix",
        "elements",
    ),
    Kind("operator", "unitary", ("stored.operator", "StoredOperator"), "SetUnitary", "set_unitary", "overlap"),
    Kind("superop", "superop", ("stored.operator", "StoredSuperOp"), "SetSuperOp", "set_superop", "elements"),
)

KINDS: Final = {kind.name: kind for kind in _ALL}
"""The kinds of saved states and operators, by name."""
