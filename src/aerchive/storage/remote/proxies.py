"""Connections to web servers, through the proxies that the environment names."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from aerchive.errors import InvalidInputError

if TYPE_CHECKING:
    from urllib3 import PoolManager

_CONNECTIONS = 8
"""Connections to one server that are kept."""


class Connections:
    """The connections of this process: those of its parent are not for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._managers: dict[str | None, PoolManager] = {}

    def manager(self, url: str) -> PoolManager:
        """What sends requests for a URL.

        Raises:
            InvalidInputError: The environment names a proxy that cannot be used.
        """
        proxy = _proxy_of(url)
        with self._lock:
            if self._process != os.getpid():
                self._process, self._managers = os.getpid(), {}
            if proxy not in self._managers:
                self._managers[proxy] = _manager(proxy)
            return self._managers[proxy]


def _proxy_of(url: str) -> str | None:
    """The proxy for a URL, such as ``http://proxy.example.org:3128``; ``None`` if the server is asked directly."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme.lower()) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _manager(proxy: str | None) -> PoolManager:
    import urllib3

    if proxy is None:
        return urllib3.PoolManager(maxsize=_CONNECTIONS)
    try:
        login = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=_CONNECTIONS)
    except urllib3.exceptions.LocationValueError:  # whose text may have the password
        raise InvalidInputError(
            "the proxy in the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be used; it must be an address "
            "such as http://user:password@proxy.example.org:3128"
        ) from None
