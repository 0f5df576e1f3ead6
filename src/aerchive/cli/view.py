"""``aerchive view``: shows a project in a web browser, on this machine only."""

from __future__ import annotations

import contextlib
import html
import signal
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, job_argument
from aerchive.cli.output import put
from aerchive.display.text import clean
from aerchive.settings import default_views, load_settings

_LOCK_S = 5.0
"""How long an answer waits until another program releases the file; then the page says so, and asks again."""
_LEADING_THERE = """<!doctype html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>aerchive</title>
<meta http-equiv="refresh" content="0; url={url}">
<a href="{url}">the project</a>
"""


@command("view", "aerchive view vqe.h5", "aerchive view vqe.h5 latest", "aerchive view vqe.h5 --no-browser --port 8080")
@job_argument(metavar="[JOB]", required=False)
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port; by default one that is free."
)
def run(path: str | None, *, job: str | None, no_browser: bool, port: int) -> int:
    """Answers the page until Ctrl-C."""
    project = open_path(path, "r", lock_timeout=min(load_settings().lock_timeout, _LOCK_S))
    one = None if job is None else project[job]
    from aerchive.view.arrays import ArrayViews
    from aerchive.view.interface import DataInterface
    from aerchive.view.keys import key_of
    from aerchive.view.server import ViewServer

    interface = DataInterface(project, ArrayViews(default_views()))
    with _until_stopped() as stopped, contextlib.closing(interface), ViewServer(interface, port) as server:
        url = server.url if one is None else f"{server.url}#/runs/{key_of(one.job_id)}"
        if no_browser:
            put(url)
            stopped.wait()
            return 0
        put(f"{clean(str(project.path))} is shown at {url} until Ctrl-C ends it")
        with tempfile.TemporaryDirectory(prefix="aerchive-view-") as folder:
            if not webbrowser.open(_page_leading_to(url, Path(folder)).as_uri()):
                put("no browser could be started: open the address in one", to_errors=True)
            stopped.wait()
    return 0


def _page_leading_to(url: str, folder: Path) -> Path:
    """A page that leads to an address: other users see the arguments of a browser, and must not see the token.

    Args:
        url: The address.
        folder: A folder that only this user may look into.
    """
    page = folder / "open.html"
    page.write_text(_LEADING_THERE.format(url=html.escape(url)), encoding="utf-8")
    return page


@contextlib.contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Gives what is set when a signal asks this process to end."""
    stopped = threading.Event()
    before = {one: signal.signal(one, lambda *_: stopped.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
