"""Shapes of circuits: what the points of a sweep have in common, all but the angles of their gates.

What QPY and the side table keep of a circuit does not depend on the values of its angles. So of many circuits of one
shape only the first are read back and examined in full, and only these get the text and the drawing in their view;
``aerchive illustrate`` writes those of the others. See decision 0034.
"""

from __future__ import annotations

import struct
from array import array
from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

from qiskit import QuantumCircuit

_T = TypeVar("_T")
Shape = tuple[bytes, bytes, bytes]
"""The side table, the payload with zeros in place of the angles, and the places of these."""
_KIND_AND_SIZE = b"f" + (8).to_bytes(8, "big")
"""What comes before a float in QPY: the letter of its kind, and its size in bytes."""
_ZEROS = bytes(8)
_ANGLE = len(_KIND_AND_SIZE) + len(_ZEROS)
_EXAMINED = 64
"""Number of circuits of a shape that are examined in full."""
_REMEMBERED = 16
"""Greatest number of shapes that are remembered."""


def shape_of(circuits: Iterable[QuantumCircuit], payload: bytes, table: bytes) -> Shape | None:
    """What circuits have in common that differ only in the angles of standard gates.

    Args:
        circuits: All circuits of the payload, as they were written.
        payload: The QPY payload.
        table: The side table.

    Returns:
        The shape; ``None`` if there are no angles, which are floats, or if one is not where it is expected.
    """
    items = (item for circuit in circuits for item in circuit.data if item.is_standard_gate())
    angles = [value for item in items for value in item.params if isinstance(value, float)]
    for order in "><":  # it depends on the version of QPY
        form, rest, places, at = struct.Struct(f"{order}d"), bytearray(payload), array("Q"), 0
        for angle in angles:
            found = payload.find(_KIND_AND_SIZE + form.pack(angle), at)
            if found < 0:
                break
            at = found + _ANGLE
            rest[at - form.size : at] = _ZEROS
            places.append(at)
        else:
            return (table, bytes(rest), places.tobytes()) if angles else None
    return None


class Examined(Generic[_T]):
    """What was found when circuits were examined, by shape. Threads may share it."""

    def __init__(self) -> None:
        self._found: OrderedDict[Shape, tuple[int, _T]] = OrderedDict()

    def get(self, shape: Shape) -> _T | None:
        """What was found for the last circuit of a shape, once enough of them were examined; else ``None``."""
        found = self._found.get(shape)
        return found[1] if found is not None and found[0] >= _EXAMINED else None

    def add(self, shape: Shape, found: _T) -> None:
        """Notes what was found for one more circuit of a shape."""
        before = self._found.pop(shape, None)
        self._found[shape] = 1 if before is None else before[0] + 1, found
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)

    def clear(self) -> None:
        """Forgets all shapes."""
        self._found.clear()
