"""The address of a project behind a URL: its parts with and without secrets."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from aerchive.errors import InvalidInputError

_WEB = ("http", "https")
_CHAINED = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*(?::/|::))")
"""Between a file in an archive, and the archive, which fsspec takes as one URL: ``zip://x.h5::https://host/x.zip``."""
_SECRET = 4
"""Characters of the shortest secret that is looked for in the texts of others."""
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Address:
    """A URL.

    Attributes:
        url: The URL as it was given.
    """

    url: str

    @property
    def parts(self) -> SplitResult:
        """The parts of the URL.

        Raises:
            InvalidInputError: It cannot be taken apart.
        """
        try:
            parts = urlsplit(self.url)
            _ = parts.port  # raises if it is not a number
        except ValueError:
            raise InvalidInputError(
                f"{self.shown}: is not a URL that can be read; look at the host and the port, and write / and @ in a "
                "password as %2F and %40"
            ) from None
        return parts

    @property
    def is_web(self) -> bool:
        """Whether it is read by HTTP; all others are read through fsspec."""
        return self.url.split(":", 1)[0].lower() in _WEB

    @property
    def shown(self) -> str:
        """The URL for messages: without user and password, and without the query, which may be a signature."""
        return "::".join(map(_shown, _CHAINED.split(self.url)))

    def without_secrets_in(self, text: str) -> str:
        """A text of another program, such as the message of an error, in which the URL is as `shown`."""
        for one in _CHAINED.split(self.url):
            text = text.replace(one, _shown(one))
            query = one.partition("?")[2].partition("#")[0]
            login = re.match(r"[^:/]*://([^/]*)@", one)
            for secret in (query, login[1] if login else "", login[1].partition(":")[2] if login else ""):
                text = text.replace(secret, "...") if len(secret) >= _SECRET else text
        return text

    @property
    def secrets(self) -> tuple[str, str] | None:
        """User and password, if the URL has them."""
        parts = self.parts
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None

    @property
    def without_secrets(self) -> str:
        """The URL that is asked for: without user, password and fragment."""
        parts = self.parts
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))

    @property
    def key(self) -> str:
        """What tells the address from others: a digest, so that no signature or password is written to the disk."""
        return hashlib.sha256(self.url.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def file_name(self) -> str:
        """A name for a file, from the last part of the path."""
        last = posixpath.basename(unquote(self.url.split("?", 1)[0].rstrip("/")))
        return _SAFE.sub("_", last)[-80:].lstrip(".") or "project.h5"


def _shown(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # not a number: a part of a password, which has a slash
    except ValueError:
        return re.sub(r"//.*@", "//", url.split("?", 1)[0], flags=re.DOTALL)
    place = parts.netloc.rpartition("@")[2]
    query = "..." if parts.query else ""
    return urlunsplit((parts.scheme, place, parts.path, query, "")) if place else url.split("?", 1)[0]
