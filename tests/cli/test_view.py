"""``aerchive view``."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import aerchive
from aerchive.cli import main
from tests.jobs import make_result
from tests.processes import start

VIEW = """
import pathlib, sys, webbrowser
import aerchive.view.server as server
from aerchive.cli import main
server.page_files = lambda folder: {"index.html": server.Answer.of(b"the page", "text/html")}
webbrowser.open = lambda url: print("opened", pathlib.Path(url.removeprefix("file://")).read_text(), flush=True)
sys.exit(main(["view", *sys.argv[1:]]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    aerchive.open(path).save(make_result("../job"), name="first")
    return path


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def test_the_page_is_answered_until_ctrl_c_ends_it_well(path: Path) -> None:
    with start(VIEW, path, "--no-browser") as process:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{40,}/", url)
        assert read(url) == b"the page"
        assert b'"name":"project.h5"' in read(f"{url}data/project.json")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_browser_is_led_to_the_run_and_its_command_line_has_no_token(path: Path) -> None:
    with start(VIEW, path, "first") as process:
        said = process.stdout.readline()
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/[\w-]{40,}/#/runs/~[\w-]+", said)
        assert said == f"{path} is shown at {url} until Ctrl-C ends it\n"
        page = [process.stdout.readline() for _ in range(5)]
        assert f'content="0; url={url}"' in "".join(page)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert err == "no browser could be started: open the address in one\n"


def test_what_is_no_project_is_named(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.h5"
    assert main(["view", str(other)]) == 1
    assert "no such" in capsys.readouterr().err
    other.write_text("text")
    assert main(["view", str(other)]) == 1
    assert str(other) in capsys.readouterr().err
    assert main(["view", str(path), "nothing", "--no-browser"]) == 1
    assert "no run with id 'nothing'" in capsys.readouterr().err
    assert main(["view", str(path), "--port", "99999"]) == 2
    assert "65535" in capsys.readouterr().err


def test_other_commands_do_not_load_the_server() -> None:
    script = "import aerchive.cli.view, sys; assert not {'starlette', 'uvicorn', 'qiskit'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})
