"""What the server of the web page lets in, and the headers of its answers.

The page shows texts of projects that may come from strangers, and other pages in the same browser may try to reach it.
So only requests of this page are answered, and the page can neither run scripts of others nor send anything away.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping

STYLE_HASHES: tuple[str, ...] = ()
"""Hashes of styles that libraries of the page put into it, as the content security policy writes them."""
_POLICY = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'", *STYLE_HASHES),
    "img-src": ("'self'", "data:", "blob:"),
    "connect-src": ("'self'",),
    "font-src": ("'self'",),
    "worker-src": ("'self'", "blob:"),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
    "frame-ancestors": ("'none'",),
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {' '.join(sources)}" for name, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer."""
_HTTP_PORT = 80


def why_refused(headers: Mapping[str, str], port: int) -> str | None:
    """Returns why a request is refused; ``None`` if it is let in.

    Args:
        headers: The headers of the request, by name in lower case.
        port: The port of the server.
    """
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
    hosts += ["127.0.0.1", "localhost"] if port == _HTTP_PORT else []
    if headers.get("host") not in hosts:  # a name that leads here, of a page that another server gave
        return "this server answers only requests to its own address"
    if "origin" in headers and headers["origin"] not in [f"http://{host}" for host in hosts]:
        return "this server answers only its own page"
    is_opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not is_opened:
        return "this server answers only its own page"
    return None


def is_token(given: str, token: str) -> bool:
    """Whether a text is the token, compared in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())
