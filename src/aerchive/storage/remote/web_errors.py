"""What goes wrong between this program and a web server, as our errors; none of their texts has the URL's secrets."""

from __future__ import annotations

import ssl

from aerchive.errors import ReadError, ReadOnlyError
from aerchive.storage.remote.patience import AgainError, patience_s

PROXY_FORBIDDEN = 407


def unconnected(name: str, error: Exception) -> Exception:
    """The error for a request that urllib3 could not send, or an answer that it could not read.

    Args:
        name: The address without passwords.
        error: The error of urllib3.

    Returns:
        `AgainError` for what may pass.
    """
    import urllib3

    if isinstance(error, urllib3.exceptions.SSLError):
        return _insecure(name, error)
    if isinstance(error, urllib3.exceptions.ProxyError) and f" {PROXY_FORBIDDEN}" in str(error.original_error):
        return no_login_for_proxy(name)
    return AgainError(_why(error))


def no_login_for_proxy(name: str) -> ReadOnlyError:
    """The error for a proxy that asks for a password."""
    return ReadOnlyError(
        f"{name}: the proxy does not let this user pass (answer {PROXY_FORBIDDEN}); give it a user and a password, as "
        "in HTTPS_PROXY=http://user:password@proxy.example.org:3128"
    )


def _insecure(name: str, error: Exception) -> Exception:
    """The error for a connection by TLS that was not made."""
    why = error.args[0] if error.args else error
    if isinstance(why, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return AgainError("the connection broke")
    if isinstance(why, ssl.SSLCertVerificationError):
        return ReadError(f"{name}: the certificate of the server could not be verified ({why})")
    return ReadError(f"{name}: no secure connection could be made ({why}); look whether the server has https there")


def _why(error: Exception) -> str:
    """What happened on the network, as the end of a sentence."""
    import urllib3

    if isinstance(error, urllib3.exceptions.ProxyError) and "Tunnel" in str(error.original_error):
        return "the proxy did not connect to the server"
    kinds: list[tuple[type[Exception], str]] = [
        (urllib3.exceptions.NameResolutionError, "no machine of this name was found"),
        (urllib3.exceptions.NewConnectionError, "the server refused the connection"),
        (urllib3.exceptions.ConnectTimeoutError, "the server could not be reached in time"),
        (urllib3.exceptions.ReadTimeoutError, f"no answer came within {patience_s():g} s"),
        (urllib3.exceptions.ProxyError, "the proxy could not be reached"),
    ]
    return next((text for kind, text in kinds if isinstance(error, kind)), "the connection broke")
