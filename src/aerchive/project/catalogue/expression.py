"""Conditions as text: ``num_qubits >= 20 and status == error and tags contains vqe``.

::

    expression := term ("or" term)*
    term       := factor ("and" factor)*
    factor     := "not" factor | "(" expression ")" | comparison
    comparison := column operator value | "noisy"
    column     := NAME | GROUP "." NAME | GROUP "[" TEXT "]"
    operator   := "==" | "=" | "!=" | "<" | "<=" | ">" | ">=" | ["not"] "in" | ["not"] "contains" | "startswith"
    value      := item | "[" item ("," item)* "]" | "(" item ("," item)* ")"
    item       := WORD | NUMBER | 'TEXT' | "TEXT"

The text is parsed by recursive descent, and never evaluated as code.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from aerchive.errors import InvalidInputError
from aerchive.models.catalogue import NUMBERS
from aerchive.project.catalogue.conditions import All, Clause, Condition, Not, any_of, is_column
from aerchive.project.catalogue.value_conditions import GROUPS, condition, condition_named, full_name

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
           |(?P<operator>==|!=|<=|>=|=|<|>)
           |(?P<mark>[()\[\],])
           |(?P<word>[^\s()\[\],=<>!'"]+))""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS = {"==": "eq", "=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_WORDS = ("in", "contains", "startswith")
_KEYWORDS = ("and", "or", "not", *_WORDS)
_CLOSING = {"(": ")", "[": "]"}
_PLAIN = {"true": True, "false": False, "none": None}
_MOST_NESTED = 50


class _Token(NamedTuple):
    """A token of the text.

    Attributes:
        kind: Kind of the token: ``text``, ``operator``, ``mark``, ``word`` or ``end``.
        value: The text of the token, without quotation marks.
        start: Index of the token's first character.
        stop: Index after the token's last character.
    """

    kind: str
    value: str
    start: int
    stop: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.value.lower() in words


def parse_expression(text: str, *, of_points: bool = False) -> Clause:
    """Parses conditions that are given as text.

    Args:
        text: The text.
        of_points: Whether the conditions are on single points of runs, as for `condition`.

    Raises:
        InvalidInputError: The text cannot be parsed; the message points at the place.
    """
    parser = _Parser(text, of_points=of_points)
    clause = parser.expression()
    if parser.now.kind != "end":
        parser.refuse(f"'and' or 'or' is expected before {parser.now.value!r}")
    return clause


def clause_of(expression: str | None, given: Mapping[str, Any], *, of_points: bool = False) -> Clause:
    """Combines the conditions of a call, which must all hold.

    Args:
        expression: Conditions as text.
        given: Conditions by keyword, as `condition_named` reads them.
        of_points: Whether the conditions are on single points of runs, as for `condition`.

    Raises:
        InvalidInputError: A condition cannot be read.
    """
    named: list[Clause] = [condition_named(name, wanted, of_points=of_points) for name, wanted in given.items()]
    return All(named if expression is None else [parse_expression(expression, of_points=of_points), *named])


class _Parser:
    def __init__(self, text: str, *, of_points: bool) -> None:
        self._text = text
        self._of_points = of_points
        self._tokens = self._split()
        self._position = 0
        self._nested = 0
        if self.now.kind == "end":
            self.refuse("there is no condition; write one such as num_qubits >= 20")

    @property
    def now(self) -> _Token:
        return self._tokens[self._position]

    def _next(self) -> _Token:
        token = self.now
        self._position += token.kind != "end"
        return token

    def _skip(self, word: str) -> bool:
        """Goes on to the next token if the present one is a word; returns whether it is."""
        return self.now.is_word(word) and bool(self._next())

    def _split(self) -> list[_Token]:
        tokens = []
        position = 0
        while position < len(self._text.rstrip()):
            match = _TOKEN.match(self._text, position)
            if match is None:
                start = position + len(self._text[position:]) - len(self._text[position:].lstrip())
                quote = self._text[start] in "'\""
                what = "this quotation mark is never closed" if quote else f"{self._text[start]!r} has no meaning here"
                self.refuse(what, _Token("end", "", start, start + 1))
            kind = str(match.lastgroup)
            value = match[kind]
            if kind == "text":
                value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
            tokens.append(_Token(kind, value, match.start(kind), match.end()))
            position = match.end()
        return [*tokens, _Token("end", "the end", len(self._text.rstrip()), len(self._text.rstrip()) + 1)]

    def refuse(self, problem: str, at: _Token | None = None) -> NoReturn:
        raise InvalidInputError(self.message(problem, at or self.now))

    def message(self, problem: str, at: _Token) -> str:
        """Makes the message of a problem: its description, and the text with a pointer to the place."""
        line = " ".join(self._text.splitlines()) if "\n" in self._text else self._text
        pointer = " " * at.start + "^" * max(1, at.stop - at.start)
        return f"condition, character {at.start + 1}: {problem}\n  {line}\n  {pointer}"

    # -- the grammar

    def expression(self) -> Clause:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            self.refuse(f"more than {_MOST_NESTED} conditions are nested")
        parts = [self._term()]
        while self._skip("or"):
            parts.append(self._term())
        self._nested -= 1
        return parts[0] if len(parts) == 1 else any_of(parts)

    def _term(self) -> Clause:
        parts = [self._factor()]
        while self._skip("and"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else All(parts)

    def _factor(self) -> Clause:
        negations = 0
        while self._skip("not"):
            negations += 1
        if self.now.value == "(" and self.now.kind == "mark":
            opening = self._next()
            clause = self.expression()
            self._close(opening)
        else:
            clause = self._comparison()
        return Not(clause) if negations % 2 else clause

    def _close(self, opening: _Token) -> None:
        if self.now.kind != "mark" or self.now.value != _CLOSING[opening.value]:
            self.refuse(f"{_CLOSING[opening.value]!r} is missing, for what was opened at character {opening.start + 1}")
        self._next()

    def _comparison(self) -> Clause:
        token = self._next()
        if token.kind != "word" or token.value.lower() in _KEYWORDS:
            self.refuse(f"a column is expected, found {token.value!r}", token)
        name = self._name(token)
        if name == "noisy" and (self.now.kind in ("end", "mark") or self.now.is_word("and", "or")):
            return Condition("noisy", "eq", 1)
        is_not = self._skip("not")
        comparison = self._operator(name, only_words=is_not)
        first = self.now
        wanted = self._value(name)
        last = self._tokens[self._position - 1]
        if comparison == "in" and not isinstance(wanted, list):
            wanted = [wanted]
        elif isinstance(wanted, list) and is_column(name) and name != "tags" and comparison != "in":
            self.refuse(f"several values can be compared with 'in', or if the column is tags, not {name}", first)
        try:
            message = functools.partial(self.message, at=token)
            clause = condition(name, comparison, wanted, of_points=self._of_points, message=message)
        except InvalidInputError as error:
            at = token if "column" in str(error) else first._replace(stop=last.stop)
            self.refuse(str(error), at)
        return Not(clause) if is_not else clause

    def _name(self, token: _Token) -> str:
        """The name of a column, or of values with their group."""
        name = token.value
        for group in GROUPS:
            start = group.replace(".", "__")
            if name.startswith(f"{start}__"):
                return f"{group}.{name[len(start) + 2 :]}"
        if name in GROUPS and self.now.value == "[":
            opening = self._next()
            parameter = self._next()
            if parameter.kind not in ("text", "word"):
                self.refuse(f"the name of a parameter is expected, found {parameter.value!r}", parameter)
            self._close(opening)
            return f"{name}.{parameter.value}"
        return full_name(name)

    def _operator(self, column: str, *, only_words: bool) -> str:
        token = self._next()
        if token.kind == "operator" and not only_words:
            if token.value in _OPERATORS:
                return _OPERATORS[token.value]
        elif token.is_word(*_WORDS):
            return token.value.lower()
        expected = ", ".join(_WORDS if only_words else (*_OPERATORS, *_WORDS))
        self.refuse(f"an operator is expected after {column}: {expected}", token)

    def _value(self, column: str) -> Any:
        if self.now.kind == "mark" and self.now.value in _CLOSING:
            opening = self._next()
            items = [self._item(column)]
            while self.now.kind == "mark" and self.now.value == ",":
                self._next()
                items.append(self._item(column))
            self._close(opening)
            return items
        return self._item(column)

    def _item(self, column: str) -> Any:
        token = self._next()
        if token.kind == "text":
            text = token.value
        elif token.kind == "word" and token.value.lower() not in _KEYWORDS:
            text = token.value
            while column == "created" and self.now.kind == "word" and not self.now.is_word(*_KEYWORDS):
                text += f" {self._next().value}"  # such as: 2 days ago
        else:
            self.refuse(f"a value is expected, found {token.value!r}; put text with spaces or signs in quotes", token)
        if column in NUMBERS:
            number = _number(text)
            if number is None:
                self.refuse(f"{column} is a number, and {text!r} is none", token)
            return number
        if not is_column(column) and token.kind == "word":
            number = _number(text)
            return _PLAIN.get(text.lower(), text) if number is None else number
        return text


def _number(text: str) -> int | float | None:
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
