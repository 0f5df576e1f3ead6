"""The page of the examples: what each of them shows, and the programs themselves."""

from __future__ import annotations

import ast
import json
from pathlib import Path

DOCUMENT = "examples/index"


def page(examples: Path) -> str:
    """Returns the text of the page for a folder of examples."""
    lines = ["# Examples", "", "Each is executed by a test.", "", "## Notebooks", ""]
    lines += [f"- [{title(notebook)}]({notebook.name})" for notebook in sorted(examples.glob("*.ipynb"))]
    lines += ["", "## Programs", ""]
    for program in sorted(examples.glob("*.py")):
        about = ast.get_docstring(ast.parse(program.read_text("utf-8"))) or ""
        lines += [f"### `{program.name}`", "", about.replace("\n", " "), ""]
        lines += [f"```{{literalinclude}} {program.name}", ":language: python", "```", ""]
    return "\n".join(lines)


def title(notebook: Path) -> str:
    """Returns the first heading of a notebook."""
    first = json.loads(notebook.read_text("utf-8"))["cells"][0]["source"][0]
    return str(first).removeprefix("# ").strip()
