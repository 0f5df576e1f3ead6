"""Everything a reader of the documentation may copy is executed, and every link in it leads somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

import aerchive
import aerchive.aer
from aerchive.cli import COMMANDS, commands
from tests.conftest import NO_RUNTIME

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if not path.is_symlink())
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("schemas/**/*.md")])

STUDIES = {
    "variational_landscape.py": ["3", "2"],
    "trotter_evolution.py": ["4", "2"],
    "noise_study.py": ["2", "1", "2"],
}
"""The examples that are studies of many runs or large states, and the small sizes with which they are tested."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_NAME = re.compile(r"# ([a-z_]+\.py)\n")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_TIMEOUT_S = 300


class Block(NamedTuple):
    """A fenced block of a page; ``name`` if its first line is a comment with a file name."""

    line: int
    code: str
    name: str | None


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def python_blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    blocks = []
    for match in _BLOCK.finditer(text):
        if match[1] == "python":
            named = _FILE_NAME.match(match[2])
            line = text.count("\n", 0, match.start(2)) + 1
            blocks.append(Block(line, match[2], named[1] if named else None))
    return blocks


_NOT_OURS = [
    # IBM's package warns of one of its own devices whenever it lists them, and of its own primitives in local mode.
    *("-W", "ignore:Properties of fake_nighthawk"),
    *("-W", "ignore:The SamplerV2 class is deprecated"),
]
_WARM = """
import importlib, json, os, runpy, signal, sys
for name in ("qiskit", "qiskit_aer", *sys.argv[1:]):
    importlib.import_module(name)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    signal.alarm(asked["timeout_s"])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, name in enumerate([os.devnull, asked["stdout"], asked["stderr"]]):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY), number)
    sys.argv = asked["command"]
    sys.path[:0] = [os.path.dirname(sys.argv[0]), asked["folder"]]
    runpy.run_path(sys.argv[0], run_name="__main__")
    break
"""


class Python:
    """An interpreter that has imported Qiskit and more, warnings being errors: each script runs in a fork of it.

    A fork ends as any interpreter does, so what it says or loses at its end counts, too.
    """

    def __init__(self, *modules: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *_NOT_OURS, "-c", _WARM, *modules],
            env=environment(ROOT),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, *command: str | Path) -> str:
        """What a script prints; it must succeed, and leave nothing on standard error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.TemporaryDirectory() as told:
            out, err = Path(told, "out"), Path(told, "err")
            asked = {
                "command": [*map(str, command)],
                "folder": str(folder),
                "environment": environment(folder),
                "stdout": str(out),
                "stderr": str(err),
                "timeout_s": _TIMEOUT_S,
            }
            print(json.dumps(asked), file=self.process.stdin, flush=True)
            status = self.process.stdout.readline()
            assert status == "0\n", err.read_text("utf-8")
            assert not err.read_text("utf-8")
            return out.read_text("utf-8")


@pytest.fixture(scope="module")
def python() -> Iterator[Python]:
    interpreter = Python()
    with interpreter.process as process:
        yield interpreter
        assert process.communicate() == ("", "")
    assert process.returncode == 0


def environment(folder: Path) -> dict[str, str]:
    """That of somebody without settings; the package is this checkout's, the page's own modules are found, too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AERCHIVE_")}
    paths = [str(ROOT / "src"), str(folder)]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(example: Path, tmp_path: Path, python: Python) -> None:
    if example.name in STUDIES:
        pytest.importorskip("matplotlib")
    assert python.run(tmp_path, example, tmp_path, *STUDIES.get(example.name, ()))
    assert list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.read_text("utf-8").splitlines()) < 50


def scripts(blocks: list[Block]) -> Iterator[tuple[str, str]]:
    """The programs of a page in order: a named block is one, all blocks between two named ones are one."""
    waiting: list[Block] = []
    for block in blocks:
        if block.name is None:
            waiting.append(block)
            continue
        if waiting:
            yield joined(waiting)
            waiting = []
        yield block.name, block.code
    if waiting:
        yield joined(waiting)


def joined(blocks: list[Block]) -> tuple[str, str]:
    return f"lines_{blocks[0].line}.py", "\n".join(block.code for block in blocks)


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=page_id)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, python: Python) -> None:
    for name, code in scripts(python_blocks(page)):
        if "qiskit_ibm_runtime" in code:
            pytest.importorskip("qiskit_ibm_runtime", reason=NO_RUNTIME)
        script = tmp_path / name
        script.write_text(code, "utf-8")
        python.run(tmp_path, script)


def test_pages_with_python_are_found() -> None:
    executed = {page_id(page) for page in PAGES if python_blocks(page)}
    assert {
        "README.md",
        "docs/tutorials/first-project.md",
        "docs/how-to/choose-the-project.md",
        "docs/how-to/find-runs.md",
        "docs/how-to/open-in-a-viewer.md",
        "docs/how-to/read-without-qiskit.md",
    } <= executed


def anchors(page: Path) -> set[str]:
    """Names of the headings as links use them."""
    text = _BLOCK.sub("", page.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in _HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    named = {(index.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(index.read_text("utf-8"))}
    pages = {page for page in PAGES if page.is_relative_to(index.parent) and "changelog" not in page.parts}
    assert pages - {index} <= named


@pytest.mark.parametrize("name", [*aerchive.__all__, *aerchive.aer.__all__])
def test_the_reference_names_what_is_public(name: str) -> None:
    assert re.search(rf"`{name}\b", (ROOT / "docs" / "reference" / "python.md").read_text("utf-8"))


@pytest.mark.parametrize(
    "name", [name for name in [*aerchive.__all__, *aerchive.aer.__all__] if name.endswith(("Error", "Warning"))]
)
def test_the_reference_of_errors_names_each_with_its_code(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    error = getattr(aerchive, name) if name in aerchive.__all__ else getattr(aerchive.aer, name)
    assert f"`{name}`" in page
    if hasattr(error, "code") and error is not aerchive.AerchiveError:
        assert f"| `{name}` | `{error.code}` |" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_the_reference_has_every_command_and_no_option_that_is_not_there(command: str) -> None:
    page = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    section = re.search(rf"\n## `{command}`\n(.*?)(?=\n## |\Z)", page, re.DOTALL)
    assert section is not None
    made = commands.get_command(click.Context(commands), command)
    assert made is not None
    known = {word for one in made.params for word in one.opts if word.startswith("--")} - {"--project"}
    assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", re.sub(r"```.*?```", "", section[1], flags=re.DOTALL))) <= known
    assert all(one.help for one in made.params if isinstance(one, click.Option))  # for the page of the command
