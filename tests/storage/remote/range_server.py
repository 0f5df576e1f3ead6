"""A small HTTP server with ranges, which can be told to misbehave: what real servers do only now and then."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.storage.remote.serving import serving

Fault = Callable[["Handler", bytes, int, int], bool]
"""What a server does instead of a right answer: it gets the file and the range, and returns whether it has answered."""


class RangeServer(ThreadingHTTPServer):
    """Serves the files of a folder.

    Attributes:
        folder: The folder.
        faults: What happens to the next requests, one each; then all goes well.
        always: What happens to each request when there are no faults left.
        requests: First and last byte of each range that was asked for; (-1, -1) without a range.
        headers: The headers of each request.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.requests: list[tuple[int, int]] = []
        self.headers: list[dict[str, str]] = []

    def url(self, name: str) -> str:
        """The URL of a file."""
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: clients that close connections are a part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    server: RangeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Sends a file, or a range of it."""
        server = self.server
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        first, last = -1, -1
        if (wanted := self.headers.get("Range")) is not None:
            first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        server.requests.append((first, last))
        path = server.folder / self.path.split("?")[0].strip("/")
        if not path.is_file():
            self.answer(404, b"")
            return
        data = path.read_bytes()
        fault = server.faults.pop(0) if server.faults else server.always
        if fault is not None and fault(self, data, first, last):
            return
        self.send_range(data, first, last)

    def send_range(self, data: bytes, first: int, last: int, **headers: str) -> None:
        """Sends what was asked for."""
        if first < 0:
            self.answer(200, data, **headers)
        else:
            part = data[first : last + 1]
            place = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
            self.answer(206, part, **{"Content-Range": place, "ETag": etag(data), **headers})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Sends an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


def etag(data: bytes) -> str:
    """The ETag of a file."""
    return f'"{hashlib.sha256(data).hexdigest()[:16]}"'


def status(code: int, **headers: str) -> Fault:
    """Answers with a status alone."""

    def fault(handler: Handler, _data: bytes, _first: int, _last: int) -> bool:
        handler.answer(code, b"", **headers)
        return True

    return fault


def breaks_off(handler: Handler, data: bytes, first: int, last: int) -> bool:
    """Sends a half of the body, and closes the connection."""
    part = data[first : last + 1]
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(part)))
    handler.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
    handler.send_header("ETag", etag(data))
    handler.end_headers()
    handler.wfile.write(part[: len(part) // 2])
    handler.close_connection = True
    return True


def hangs(handler: Handler, _data: bytes, _first: int, _last: int) -> bool:
    """Sends nothing for long."""
    time.sleep(3)
    handler.close_connection = True
    return True


def drips(handler: Handler, data: bytes, first: int, last: int) -> bool:
    """Sends a byte now and then."""
    part = data[first : last + 1]
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(part)))
    handler.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
    handler.end_headers()
    for number in range(40):
        handler.wfile.write(part[number : number + 1])
        handler.wfile.flush()
        time.sleep(0.1)
    handler.close_connection = True
    return True


def without_ranges(handler: Handler, data: bytes, _first: int, _last: int) -> bool:
    """Sends all of the file, as simple servers do."""
    handler.answer(200, data)
    return True


def compresses(handler: Handler, data: bytes, first: int, last: int) -> bool:
    """Says that the body is compressed."""
    handler.send_range(data, first, last, **{"Content-Encoding": "gzip"})
    return True


def another_range(handler: Handler, data: bytes, first: int, last: int) -> bool:
    """Sends bytes beside those that were asked for."""
    part = data[first + 1 : last + 1]
    handler.answer(206, part, **{"Content-Range": f"bytes {first + 1}-{last}/{len(data)}", "ETag": etag(data)})
    return True


def redirects(target: str) -> Fault:
    """Sends the client elsewhere."""
    return status(302, Location=target)


@contextlib.contextmanager
def range_server(folder: Path) -> Iterator[RangeServer]:
    """Starts the server, and stops it at the end."""
    with serving(RangeServer(folder)) as server:
        yield server
