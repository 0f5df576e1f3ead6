"""nginx, as it is installed, with the files of a folder over https."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CONF = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    log_format ranges '$request_method $status $body_bytes_sent $http_range';
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        access_log {folder}/access.log ranges; root {root};
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx.

    Attributes:
        url: The URL of the folder, without a slash at the end.
        certificate: The file with its certificate, for ``SSL_CERT_FILE``.
        log: Its log, with a line for each request: method, status, bytes of the body, and the range.
    """

    url: str
    certificate: Path
    log: Path

    def requests(self) -> list[tuple[str, int, int]]:
        """Method, status and bytes of the body of each request so far."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [(method, int(status), int(nbytes)) for method, status, nbytes, *_ in lines]


def is_installed() -> bool:
    """Whether nginx, and openssl for its certificate, are installed."""
    return all(shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in ("nginx", "openssl"))


@contextlib.contextmanager
def nginx_server(root: Path) -> Iterator[Nginx]:
    """Starts nginx, and stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="nginx") as name:
        folder = Path(name)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        (folder / "nginx.conf").write_text(_CONF.format(folder=folder, port=port, root=root))
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin") or "nginx"
        with subprocess.Popen(
            [program, "-p", folder, "-c", folder / "nginx.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait_for(port)
                yield Nginx(f"https://localhost:{port}", folder / "cert.pem", folder / "access.log")
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
