from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerchive.display import progress
from aerchive.display.progress import ProgressBar, ProgressOf
from tests.drafts import draft_of, project_at

SLOW = """
    import threading, time
    from aerchive.display.progress import ProgressOf

    def slow():
        for number in range(15):
            time.sleep(0.1)
            yield number

    assert list(ProgressOf("fidelity")(slow(), 15)) == list(range(15))
    assert threading.active_count() == 1
"""


def on_a_terminal(script: str, **environment: str) -> str:
    """What a script shows on standard error, if that is a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | environment,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, shown.decode()
    assert not out
    return shown.decode()


def test_what_takes_a_second_shows_a_bar_on_a_terminal() -> None:
    shown = on_a_terminal(SLOW)

    assert "fidelity" in shown
    assert re.search(r"1[0-5]/15", shown)
    assert shown.count("\n") == 1, "one line"
    assert shown.endswith("\x1b[1A\x1b[2K"), "and that is wiped at the end"


def test_what_is_quick_shows_nothing() -> None:
    assert on_a_terminal(SLOW.replace("0.1", "0.01")) == ""


def test_the_setting_turns_it_off() -> None:
    assert on_a_terminal(SLOW, AERCHIVE_PROGRESS="false") == ""


def test_bytes() -> None:
    shown = on_a_terminal("""
        import time
        from aerchive.display.progress import ProgressBar

        with ProgressBar("copied", "B") as bar:
            for number in range(1, 13):
                time.sleep(0.1)
                bar.show(number << 28, 12 << 28)
    """)

    assert re.search(r"copied.*2\.\d/3\.0 GiB", shown)


def test_nothing_is_shown_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)

    assert list(ProgressOf("norm")(iter("abc"), 3)) == ["a", "b", "c"]

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_bar_that_is_left_early_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        n = closed = 0

        def show(self, done: int, _total: int) -> None:
            self.n = done

        def close(self) -> None:
            self.closed += 1

    bar = Bar()
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(ProgressBar, "_make", lambda _self, _done, _total: bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def items() -> Iterator[int]:
        for number in range(10):
            time.sleep(0.001)
            yield number

    for number in ProgressOf("norm")(items(), 10):
        if number == 6:
            break

    assert bar.closed == 1
    assert bar.n >= 5  # the first one or two went by before it was there


def test_waiting_for_a_lock_shows_a_bar(tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    project_at(path).archive(draft_of(0))

    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        shown = on_a_terminal(
            f"""
            from aerchive.cli import main
            from aerchive.display import progress
            progress.PATIENCE_S = 0.2
            assert main(["-p", {str(path)!r}, "ls"]) == 1
        """,
            AERCHIVE_LOCK_TIMEOUT="0.6",
        )

    assert re.search(rf"waiting: {re.escape(str(path))[:20]}", shown)
    assert "waited 0.6 s" in shown.replace("\r\n", " ")
