"""Documents. They are validated when they are written and read, and each field is stored as one attribute."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from aerchive import layout
from aerchive.errors import FormatError, InvalidInputError
from aerchive.models import tagged_json
from aerchive.models.tagged_json import Extend, Restore
from aerchive.text import json_text

Scalar = str | int | float
Written = dict[tuple[str, str], tuple[Any, Any]]
"""Values by field and key, as they are read, each with the tree of tagged JSON in which it is stored."""
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_JSON = "_json"
_ENUM = '"$":"enum"'
"""In the JSON text of every value with a member of an ``Enum``."""
_TAKEN = layout.CHECKSUMS_SUFFIX[1:]
"""A free key that gets no attribute of its own: as a dataset it would look like a table of checksums."""


class Document(BaseModel):
    """A document of the file format. Its types are exact, unknown keys are refused, and it is never changed in place.

    Attributes:
        free_fields: The names of the fields that are mappings with arbitrary keys.
        further: Functions for `tagged_json.encode` and `tagged_json.decode` that know the types of Qiskit; the project,
            which is above the codecs, sets them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=True)

    free_fields: ClassVar[frozenset[str]] = frozenset()
    further: ClassVar[tuple[Extend | None, Restore | None]] = (None, None)

    _written: Written = PrivateAttr(default_factory=dict)
    """Values in which members of an ``Enum`` were read as their values, so that they are written as they were."""
    _unknown: dict[str, Scalar] = PrivateAttr(default_factory=dict)
    """Attributes that a later version has added, which are written as they were."""

    def to_attributes(self) -> dict[str, Scalar]:
        """Returns the document as attributes of an HDF5 group.

        Returns:
            Texts, integers and floats by name. A field that is ``None`` is left out. Values of other types become
            tagged JSON.

        Raises:
            UnsupportedTypeError: A value of a free field has a type that tagged JSON does not know.
        """
        attributes: dict[str, Scalar] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if name in self.free_fields:
                attributes |= _spread(name, value, self._written)
            elif isinstance(value, str | int | float):
                attributes[name] = value
            else:
                attributes[name] = to_text(value)
        return {**self._unknown, **attributes}

    @classmethod
    def from_attributes(
        cls, attributes: Mapping[str, Scalar | tuple[str, ...]], where: str, *, has_newer: bool = False
    ) -> Self:
        """Returns the document that is stored in a group.

        Args:
            attributes: The attributes of the group, by name.
            where: The path of the group, for error messages.
            has_newer: Whether unknown attributes are kept as they are, because a later version has added them.

        Raises:
            FormatError: An attribute is unknown, missing or of the wrong type. The message names it.
        """
        fields: dict[str, Any] = {name: {} for name in cls.free_fields}
        written: Written = {}
        unknown: dict[str, Scalar] = {}
        for name, value in attributes.items():
            if isinstance(value, tuple):
                raise FormatError(f"{where}@{name}: must be one text or number, not some texts")
            free, _, key = name.partition(".")
            base = free.removesuffix(_JSON)
            if base in cls.free_fields and (key or free.endswith(_JSON)):
                is_json, place = free.endswith(_JSON), f"{where}@{name}"
                found = _gather(key, value, is_json=is_json, where=place)
                fields[base] |= found
                if is_json and _ENUM in str(value):
                    tree = tagged_json.loads(str(value), place)
                    trees = {key: tree} if key else dict(tagged_json.items_of(tree))
                    written |= {(base, one): (found[one], trees[one]) for one in found}
            elif name in cls.free_fields:
                raise FormatError(f"{where}@{name}: has no place here; values of {name!r} are called '{name}.NAME'")
            elif name in cls.model_fields:
                fields[name] = _from_scalar(cls.model_fields[name].annotation, value, f"{where}@{name}")
            elif has_newer:
                unknown[name] = value
            else:
                fields[name] = value
        try:
            document = cls.model_validate(fields)
        except ValidationError as error:
            raise FormatError(f"{where}: {_describe(error)}") from error
        document._written, document._unknown = written, unknown
        return document

    def written_like(self, *others: Document) -> Self:
        """Returns this document with what other documents know of how it is to be written.

        This is how members of an ``Enum`` are written, and attributes of a later version.

        Args:
            *others: Documents of this class, from which values were taken; none: members are written as their values.
        """
        twin = self.model_copy()
        twin._written = {place: one for other in others for place, one in other._written.items()}
        twin._unknown = {name: value for other in others for name, value in other._unknown.items()}
        return twin

    @classmethod
    def checked(cls, **fields: Any) -> Self:
        """Returns a document with values that a user gave.

        Raises:
            InvalidInputError: A value has the wrong type. The message names the field.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            raise InvalidInputError(_describe(error)) from error


def _describe(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        try:
            shown = repr(problem["input"])
        except ValueError:  # Python converts no integer of more than 4,300 digits to text
            shown = "a very large number"
        parts.append(f"'{place}': {problem['msg']} (found {shown[:80]})")
    return "; ".join(parts)


def to_text(value: Any) -> str:
    """Returns a value as the tagged JSON of an attribute.

    Raises:
        UnsupportedTypeError: The value has a type that cannot be stored.
    """
    return _text(_encoded(value))


def _text(tree: Any) -> str:
    return json_text(tree, allow_nan=False, separators=(",", ":"))


def as_stored(value: Any) -> Any:
    """Returns a value as a document gives it back: a member of an ``Enum`` becomes its value.

    Raises:
        UnsupportedTypeError: The value has a type that cannot be stored.
    """
    return tagged_json.decode(_encoded(value), Document.further[1])


def _encoded(value: Any) -> Any:
    return tagged_json.encode(value, prefer=Document.further[0])


def _from_text(text: Scalar, where: str) -> Any:
    if not isinstance(text, str):
        raise FormatError(f"{where}: is a number, not the JSON text it should be")
    tree = tagged_json.loads(text, where)
    try:
        return tagged_json.decode(tree, Document.further[1])
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from error


def _spread(name: str, mapping: Mapping[str, Any], written: Written) -> dict[str, Scalar]:
    attributes: dict[str, Scalar] = {}
    rest: dict[str, Any] = {}
    places = {(name, key): value for key, value in mapping.items()}
    trees = {place[1]: tree for place, (value, tree) in written.items() if places.get(place) is value}
    for key, value in mapping.items():
        if len(attributes) >= layout.MAX_FREE_KEYS or not _KEY.match(key) or key == _TAKEN:
            rest[key] = value
        elif key in trees:
            attributes[f"{name}{_JSON}.{key}"] = _text(trees[key])
        elif type(value) in (str, float) or (type(value) is int and -(2**63) <= value < 2**64):
            attributes[f"{name}.{key}"] = value
        else:
            attributes[f"{name}{_JSON}.{key}"] = to_text(value)
    if rest:
        items = tagged_json.items_of(_encoded(rest))
        attributes[name + _JSON] = _text(tagged_json.mapping([(key, trees.get(key, tree)) for key, tree in items]))
    return attributes


def _gather(key: str, value: Scalar, *, is_json: bool, where: str) -> dict[str, Any]:
    if not is_json:
        return {key: value}
    decoded = _from_text(value, where)
    if key:
        return {key: decoded}
    if not isinstance(decoded, dict):
        raise FormatError(f"{where}: is not a mapping")
    return decoded


def _from_scalar(annotation: Any, value: Scalar, where: str) -> Any:
    kinds = set(typing.get_args(annotation)) if isinstance(annotation, types.UnionType) else {annotation}
    if bool in kinds:
        return bool(value) if isinstance(value, int) and value in (0, 1) else str(value)
    if float in kinds and int not in kinds and type(value) is int:
        return str(value)  # the model refuses the text: a float field must be stored as a float
    if kinds & {str, int, float} or any(typing.get_origin(kind) is typing.Literal for kind in kinds):
        return value
    return _from_text(value, where)
