"""The check of a generated program before it is handed out: it must consist of what the writer meant, and no more.

The texts of a file become literals and comments of the program, each through one function of this module.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Collection, Iterable

from aerchive.display.text import clean
from aerchive.errors import UnsafeContentError

_NODES = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.Expr, ast.For),
    *(ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.USub),
    *(ast.List, ast.Tuple, ast.Dict, ast.Load, ast.Store),
)
"""The kinds of syntax that a program consists of."""
_MODULES = frozenset(
    {
        *("aerchive", "qiskit", "qiskit.circuit", "qiskit.primitives", "qiskit.transpiler"),
        *("qiskit_aer", "qiskit_aer.primitives"),
    }
)
_FUNCTIONS = frozenset({"float", "complex", "print"})
_METHODS = frozenset(
    {
        *("run", "result", "get_counts", "open", "rerun", "circuits", "pubs", "noise_model", "parameter_binds"),
        *("from_backend", "items"),
    }
)
_PRIVATE = frozenset({"_target", "_cached_basis_gates"})
"""Attributes of a simulator that a program sets."""


def quoted(text: str) -> str:
    """The literal of a text: no character of the text can end it, hide a part of it or reverse its order."""
    return repr(str(text))


def comment(text: str) -> str:
    """A comment line with a text: no character of the text can end it, hide a part of it or reverse its order."""
    return f"# {clean(text)}"


def checked_program(
    lines: Iterable[str], comments: Collection[str], texts: Collection[str], methods: Collection[str]
) -> str:
    """Joins the lines of a program, and checks that the program has the meant statements, comments and literals only.

    Args:
        lines: Comments, empty lines and statements; a statement may have several lines.
        comments: The comments that are meant, from `comment`.
        texts: The texts that are meant as literals.
        methods: Names of the methods of a circuit that the program calls.

    Raises:
        UnsafeContentError: The program has something else.
    """
    pieces = list(lines)
    program = "\n".join(pieces)
    try:
        tree = ast.parse(program)
        tokens = list(tokenize.generate_tokens(io.StringIO(program).readline))
        bodies = [ast.parse(piece).body for piece in _statements(pieces)]
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise _refused(f"it is not Python ({clean(str(error))})") from error
    if [ast.dump(one) for body in bodies for one in body] != [ast.dump(one) for one in tree.body]:
        raise _refused("its lines are not its statements")
    if any(len(body) != 1 for body in bodies):
        raise _refused("a line has several statements")
    if [token.string for token in tokens if token.type == tokenize.COMMENT] != list(comments):
        raise _refused("its comments are not those that were meant")
    _check_nodes(tree, texts, frozenset(methods) | _METHODS)
    return program


def _statements(pieces: list[str]) -> list[str]:
    """The statements among the pieces; lines that are indented belong to the statement before."""
    found: list[str] = []
    for piece in pieces:
        if piece.startswith(" "):
            found[-1] += f"\n{piece}"
        elif piece and not piece.startswith("#"):
            found.append(piece)
    return found


def _check_nodes(tree: ast.Module, texts: Collection[str], methods: frozenset[str]) -> None:
    imported: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise _refused(f"it has a {type(node).__name__}")
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            if not _MODULES.issuperset(modules):
                raise _refused(f"it imports {', '.join(modules)}")
            imported.update(one.name for one in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and node.value not in texts:
            raise _refused("one of its literals was not meant")
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr not in _PRIVATE:
            raise _refused(f"it has the attribute {node.attr}")
        if isinstance(node, ast.Call):
            function = node.func
            is_named = isinstance(function, ast.Name) and function.id in imported | _FUNCTIONS
            if not is_named and not (isinstance(function, ast.Attribute) and function.attr in methods):
                raise _refused(f"it calls {clean(ast.unparse(function))}")


def _refused(why: str) -> UnsafeContentError:
    return UnsafeContentError(
        f"the program of this run is not handed out, because {why}: a text of the file would change what it does"
    )
