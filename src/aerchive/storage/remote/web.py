"""A file behind an ``http`` or ``https`` URL, read with urllib3."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from aerchive.errors import FormatError, MissingExtraError, NotFoundError, ReadError, ReadOnlyError
from aerchive.storage.remote.address import Address
from aerchive.storage.remote.patience import AgainError, in_time, patience_s, seconds_of, tried
from aerchive.storage.remote.proxies import Connections
from aerchive.storage.remote.source import State, changed, cut_off, missing
from aerchive.storage.remote.web_errors import PROXY_FORBIDDEN, no_login_for_proxy, unconnected

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE_BYTES = 64 * 1024
_MOST_WHOLE_BYTES = 16 * 1024 * 1024
"""The largest file that is read as a whole from a server which knows no ranges."""
_MOST_REDIRECTS = 5
_CONNECT_S = 10.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be others a little later."""
_GONE = frozenset({404, 410})
_FORBIDDEN = frozenset({401, 403})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+)\s*\Z", re.ASCII | re.IGNORECASE)
_CHANGED = 412
_NOT_SATISFIABLE = 416


class WebSource:
    """A file behind a URL.

    Args:
        address: The URL; user and password in it are sent as basic authentication, to its host only.

    Attributes:
        name: See `Source`.
        key: See `Source`.
        requests: Number of requests that were sent.
    """

    def __init__(self, address: Address) -> None:
        self.name = address.shown
        self.key: str | None = address.key
        self.requests = 0
        self._address = address
        self._place: str | None = None
        self._connections = Connections()
        self._whole: tuple[State, bytes] | None = None

    def begin(self, length: int) -> tuple[State, bytes]:
        """See `Source`."""
        return tried(self.name, lambda: in_time(lambda: self._begun(length), length))

    def fetch(self, start: int, stop: int, state: State) -> bytes:
        """See `Source`."""
        if self._whole is not None:
            return self._whole[1][start:stop]
        return tried(self.name, lambda: in_time(lambda: self._fetched(start, stop, state), stop - start))

    def _begun(self, length: int) -> tuple[State, bytes]:
        with self._answer(0, length, None) as answer:
            if answer.status == 200:
                return self._taken_whole(answer)
            start, stop, size = self._range_of(answer)
            if start != 0 or stop != min(length, size):
                raise self._wrong_range(answer)
            return State(size, _mark_of(answer)), self._body(answer, stop)

    def _fetched(self, start: int, stop: int, state: State) -> bytes:
        with self._answer(start, stop, state) as answer:
            if answer.status == 200:
                raise changed(self.name) if _mark_of(answer) != state.mark else self._no_ranges()
            first, last, size = self._range_of(answer)
            if (size, _mark_of(answer)) != state:
                raise changed(self.name)
            if (first, last) != (start, stop):
                raise self._wrong_range(answer)
            return self._body(answer, stop - start)

    def _taken_whole(self, answer: BaseHTTPResponse) -> tuple[State, bytes]:
        """Reads all of a small file from a server that knows no ranges."""
        length = answer.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_WHOLE_BYTES:
            raise self._no_ranges()
        data = self._body(answer, int(length))
        self._whole = State(len(data), _mark_of(answer)), data
        return self._whole

    def _no_ranges(self) -> ReadError:
        return ReadError(
            f"{self.name}: this server does not send parts of a file (ranges), so that only files of up to "
            f"{_MOST_WHOLE_BYTES // 2**20} MiB are read from it; download the file, and open the download"
        )

    def _wrong_range(self, answer: BaseHTTPResponse) -> ReadError:
        given = answer.headers.get("Content-Range", "nothing")
        return ReadError(f"{self.name}: the server sent another part of the file than was asked for ({given!r})")

    def _range_of(self, answer: BaseHTTPResponse) -> tuple[int, int, int]:
        """The range of an answer: its first byte, the one after its last, and the size of the file."""
        found = _RANGE.match(answer.headers.get("Content-Range", ""))
        if found is None:
            raise self._wrong_range(answer)
        start, last, size = map(int, found.groups())
        return start, last + 1, size

    # -- one request

    @contextlib.contextmanager
    def _answer(self, start: int, stop: int, state: State | None) -> Iterator[BaseHTTPResponse]:
        """Sends a request, and gives the answer, of which the body is not read yet."""
        import urllib3

        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity", "User-Agent": "aerchive"}
        if state is not None and state.mark.startswith('"'):
            headers["If-Match"] = state.mark
        try:
            answer = self._sent(headers)
        except urllib3.exceptions.LocationValueError as error:
            why = self._address.without_secrets_in(str(error))
            raise NotFoundError(f"{self.name}: is not a URL that can be asked for ({why})") from None
        except urllib3.exceptions.HTTPError as error:
            self._place = None  # the next attempt asks for the way again
            raise unconnected(self.name, error) from error
        is_done = False
        try:
            self._check(answer, is_known=state is not None)
            yield answer
            is_done = True
        except urllib3.exceptions.HTTPError as error:
            raise unconnected(self.name, error) from error
        finally:
            if is_done:
                answer.release_conn()
            else:
                answer.close()  # what is left of the body is not read

    def _sent(self, headers: dict[str, str]) -> BaseHTTPResponse:
        """Sends a request, and follows redirections; the place that they lead to is asked directly the next time."""
        first = self._address.without_secrets
        url = self._place or first
        for _ in range(_MOST_REDIRECTS + 1):
            self.requests += 1
            answer = self._connections.manager(url).request(
                "GET",
                url,
                headers=headers | self._login(url),
                preload_content=False,
                retries=False,
                redirect=False,
                timeout=_timeout(),
            )
            if answer.status in _REDIRECTS and (target := answer.headers.get("Location")):
                answer.close()
                url = self._followed(url, target)
            elif url != first and url == self._place and answer.status >= 400 and answer.status not in _PASSING:
                answer.close()  # such places are often valid for a short time only
                self._place, url = None, first
            else:
                self._place = url if url != first else None
                return answer
        raise ReadError(f"{self.name}: the server redirects more than {_MOST_REDIRECTS} times")

    def _followed(self, url: str, target: str) -> str:
        import urllib3

        try:
            following = urljoin(url, target)
            urllib3.util.parse_url(following)
        except ValueError:  # whose text may have a signature
            raise ReadError(f"{self.name}: the server redirects to an address that cannot be asked for") from None
        old, new = urlsplit(url).scheme, urlsplit(following).scheme
        if new not in ("http", "https") or (old == "https" and new == "http"):
            raise ReadError(
                f"{self.name}: the server redirects from {old} to {new or 'nothing'}, which is not followed"
            )
        return following

    def _login(self, url: str) -> dict[str, str]:
        import urllib3

        secrets = self._address.secrets
        if secrets is None or urlsplit(url)[:2] != urlsplit(self._address.without_secrets)[:2]:
            return {}
        return urllib3.make_headers(basic_auth=":".join(secrets))

    def _check(self, answer: BaseHTTPResponse, *, is_known: bool) -> None:
        """Refuses answers that do not have the wanted bytes."""
        status = answer.status
        if status in _PASSING:
            raise AgainError(f"the server answered {status}", seconds_of(answer.headers.get("Retry-After")))
        if status in _GONE:
            raise missing(self.name)
        if status in _FORBIDDEN:
            raise ReadOnlyError(
                f"{self.name}: the server does not let this user read the file (answer {status}); look at the user "
                "and password in the URL, or ask for a new link"
            )
        if status == PROXY_FORBIDDEN:
            raise no_login_for_proxy(self.name)
        if status == _CHANGED:
            raise changed(self.name)
        if status == _NOT_SATISFIABLE:
            if answer.headers.get("Content-Range", "").endswith("/0"):
                raise FormatError(f"{self.name}: is empty, so not an aerchive project")
            raise changed(self.name) if is_known else self._wrong_range(answer)
        if status not in (200, 206):
            raise ReadError(f"{self.name}: the server answered {status}, which is not understood")
        if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            raise ReadError(
                f"{self.name}: the server compresses the file on the way, so that parts of it cannot be read; let it "
                "send this file as it is"
            )

    def _body(self, answer: BaseHTTPResponse, wanted: int) -> bytes:
        """Reads a body, which must have the right length, or is asked for again."""
        data = bytearray()
        while len(data) < wanted:
            piece = answer.read1(min(_PIECE_BYTES, wanted - len(data)))
            if not piece:
                raise AgainError(str(cut_off("the answer ended early", len(data), wanted)).rpartition(";")[0])
            data += piece
        return bytes(data)

    def __getstate__(self) -> dict[str, Any]:
        return {"_address": self._address}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, state["_address"])


def web_source(address: Address) -> WebSource:
    """A file behind an ``http`` or ``https`` URL.

    Raises:
        MissingExtraError: urllib3 is not installed.
        InvalidInputError: The URL cannot be taken apart.
    """
    try:
        import urllib3  # noqa: F401  (only to see whether it is there)
    except ImportError:
        raise MissingExtraError(
            f"{address.shown}: projects behind URLs need a package; pip install 'aerchive[remote]'"
        ) from None
    _ = address.parts
    return WebSource(address)


def _timeout() -> Any:
    import urllib3

    wait_s = patience_s()
    return urllib3.Timeout(connect=min(_CONNECT_S, wait_s), read=wait_s)


def _mark_of(answer: BaseHTTPResponse) -> str:
    """What an answer says of the state of the file: its strong ETag, or else its time of change."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else etag or answer.headers.get("Last-Modified", "")
