"""Debian's Chromium on pages of ``aerchive view``, which runs as a process of its own; it notes what goes wrong."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian package chromium)")

MOST_TILE_BYTES = 16 * 1024
"""Four arrays of 1,024 numbers of four bytes."""


@dataclass
class Problems:
    """What a page must not do.

    Attributes:
        said: Errors in the console, among them breaches of the content policy, exceptions, and dialogs.
        outside: Addresses outside the server that were asked for.
        large: Tiles with more numbers than a request may have.
        asked: All addresses that were asked for, below that of the page.
    """

    home: str
    said: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self, page: object) -> None:
        """Notes what a page of Playwright does from now on."""
        on = page.on  # type: ignore[attr-defined]
        on("console", lambda message: message.type == "error" and self.said.append(message.text))
        on("pageerror", lambda error: self.said.append(str(error)))
        on("dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        on("request", lambda request: self._asks(request.url))
        on("response", self._gets)

    def _asks(self, url: str) -> None:
        if url.startswith(("data:", "blob:")):
            return
        home, one = urlsplit(self.home), urlsplit(url)
        if (home.scheme, home.netloc) != (one.scheme, one.netloc):
            self.outside.append(url)
        self.asked.append(url.removeprefix(self.home))

    def _gets(self, response: object) -> None:
        url, headers = response.url, response.headers  # type: ignore[attr-defined]
        if url.endswith(".f32") and int(headers.get("content-length", 0)) > MOST_TILE_BYTES:
            self.large.append(url)

    def check(self) -> None:
        """Fails if there was a problem, and forgets all."""
        found = (list(self.said), list(self.outside), list(self.large))
        for one in (self.said, self.outside, self.large, self.asked):
            one.clear()
        assert found == ([], [], []), found


@contextlib.contextmanager
def viewing(path: Path, *words: str) -> Iterator[str]:
    """Runs ``aerchive view`` in a process of its own, and gives the address of its page; it must end well."""
    command = [sys.executable, "-m", "aerchive", "view", str(path), "--no-browser", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), server.communicate(timeout=30)
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            rest, errors = server.communicate(timeout=60)
    assert (server.returncode, rest, errors) == (0, "", "")
