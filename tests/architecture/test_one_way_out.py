"""Commands print through one module, which escapes what could control a terminal."""

from __future__ import annotations

import ast
from pathlib import Path

CLI = Path(__file__).resolve().parents[2] / "src" / "aerchive" / "cli"
WAY_OUT = "output.py"
ELSEWHERE = {
    ("__init__.py", "stdout"): "sets how characters are written that the terminal lacks",
    ("__init__.py", "stderr"): "the same, and closes it if nobody reads the output",
    ("bars.py", "stdout"): "asks whether it can write the signs of bars",
    ("demo.py", "stdout"): "asks whether it is a terminal",
}


def test_no_command_prints_in_another_way() -> None:
    found = set()
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "__stdout__", "__stderr__"):
                found.add((path.name, node.attr))
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path.name}:{node.lineno}"
    assert {pair for pair in found if pair[0] != WAY_OUT} == ELSEWHERE.keys()
    assert (WAY_OUT, "stdout") in found
