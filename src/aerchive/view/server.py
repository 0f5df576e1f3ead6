"""The server of the web page: one project, for one user of this machine, read only.

Its address has a random token, without which nothing is answered. See `aerchive.view.policy`.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Self

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError
from aerchive.view.answer import JSON, Answer, json_bytes, status_of
from aerchive.view.interface import DataInterface
from aerchive.view.policy import HEADERS, is_token, why_refused

logger = logging.getLogger("aerchive")

HOST = "127.0.0.1"
_DATA = "data/"
_INDEX = "index.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": JSON,
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}
"""The types of the files of the page, by suffix; other files are not a part of it."""
_FIXED = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"
_NEVER_KEPT = "no-store"
_ENDING_S = 2
"""How long requests that are being answered are waited for when the server ends."""


def page_files(folder: Traversable) -> dict[str, Answer]:
    """The files of the built page, by their path in its folder.

    Args:
        folder: The folder.

    Raises:
        NotFoundError: The page is not there: this is a checkout in which it was not built.
    """
    found = {path: Answer.of(file.read_bytes(), _TYPES[path.rpartition(".")[2]]) for path, file in _walk(folder, "")}
    if _INDEX not in found:
        raise NotFoundError(f"{folder}: the web page is not there; it is a part of the installed package")
    return found


def _walk(folder: Traversable, path: str) -> Any:
    for one in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
        if one.is_dir():
            yield from _walk(one, f"{path}{one.name}/")
        elif one.name.rpartition(".")[2] in _TYPES:
            yield f"{path}{one.name}", one


class PageApp:
    """The ASGI application that answers the page and its data.

    Args:
        interface: The answers about the project.
        files: The files of the page, see `page_files`.
        token: The first part of each path.
        port: The port of the server.
    """

    def __init__(self, interface: DataInterface, files: Mapping[str, Answer], token: str, port: int) -> None:
        self._interface = interface
        self._files = files
        self._token = token
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            response = await run_in_threadpool(self._answer, request)
            await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        reason = why_refused(request.headers, self._port)
        if reason is not None:
            return _refusal(403, reason)
        if request.method not in ("GET", "HEAD"):
            return _refusal(405, "this server only answers questions; nothing can be changed", {"Allow": "GET, HEAD"})
        token, slash, path = request.url.path.removeprefix("/").partition("/")
        if not is_token(token, self._token):
            return _refusal(404, "the address has another token; aerchive view prints the right one when it starts")
        if not slash:  # without it the addresses of the page would lead elsewhere
            return _refusal(404, "the address of the page ends with a slash")
        try:
            if path.startswith(_DATA):
                return _response(self._interface.answer(path.removeprefix(_DATA)), request)
            answer = self._files.get(path or _INDEX)
        except AerchiveError as error:
            return _refusal(status_of(error), str(error))
        except Exception:  # the page must be told, and the other answers go on
            logger.exception("no answer to the page")
            return _refusal(500, "aerchive made a mistake here; the terminal in which it runs says which")
        if answer is None:
            return _refusal(404, f"{path[:200]!r} is not a part of the page")
        return _response(answer, request)


def _response(answer: Answer, request: Request) -> Response:
    tag = f'"{answer.etag}"'
    kept = _FIXED if answer.is_fixed else _ASK_AGAIN
    headers = {**HEADERS, "ETag": tag, "Cache-Control": kept}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _refusal(status: int, sentence: str, more: Mapping[str, str] | None = None) -> Response:
    body = json_bytes({"error": sentence})
    return Response(body, status, {**HEADERS, "Cache-Control": _NEVER_KEPT, **(more or {})}, JSON)


class ViewServer:
    """A running server, to be used in a ``with`` block: it answers until the block ends.

    Args:
        interface: The answers about the project.
        port: The port; 0 for one that is free.
        page: The folder of the built page; by default that of the package.

    Raises:
        InvalidInputError: The port cannot be used.
        NotFoundError: The page is not there.
    """

    def __init__(self, interface: DataInterface, port: int = 0, page: Traversable | None = None) -> None:
        files = page_files(resources.files("aerchive.view").joinpath("page") if page is None else page)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((HOST, port))
        except (OSError, OverflowError) as error:
            self._socket.close()
            reason = getattr(error, "strerror", None) or error
            raise InvalidInputError(
                f"port {port} of {HOST} cannot be used: {reason}; leave it out to get a free one"
            ) from None
        self.port: int = self._socket.getsockname()[1]
        self.token = secrets.token_urlsafe(32)
        app = PageApp(interface, files, self.token, self.port)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,  # the token is in each path
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_ENDING_S,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what others send must not fill the terminal
        self._server = uvicorn.Server(config)
        # Only in the main thread would the server take over the handling of signals.
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def __enter__(self) -> Self:
        self._socket.listen()  # what is asked before the thread runs waits there
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
