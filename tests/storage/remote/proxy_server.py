"""A small proxy for http, which asks for a user and a password."""

from __future__ import annotations

import base64
import contextlib
import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.storage.remote.serving import serving

_KEPT = ("Content-Range", "Content-Length", "ETag")


class ProxyServer(ThreadingHTTPServer):
    """Forwards requests of one user.

    Attributes:
        asked: The URLs that were asked for.
    """

    daemon_threads = True

    def __init__(self, login: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.login = f"Basic {base64.b64encode(login.encode()).decode()}"
        self.asked: list[str] = []
        self.place = f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ProxyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.headers.get("Proxy-Authorization") != self.server.login:
            self._answer(407, b"", {"Content-Length": "0"})
            return
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(parts.netloc)
        connection.request("GET", parts.path, headers={"Range": self.headers["Range"]})
        answer = connection.getresponse()
        body = answer.read()
        self._answer(answer.status, body, {name: answer.headers[name] for name in _KEPT if name in answer.headers})
        connection.close()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@contextlib.contextmanager
def proxy_server(login: str) -> Iterator[ProxyServer]:
    """Starts the proxy, and stops it at the end."""
    with serving(ProxyServer(login)) as server:
        yield server
