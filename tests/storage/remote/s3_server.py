"""A real S3 server for tests: the gateway of Ceph (``radosgw``), over one monitor and one store in memory.

On Debian: ``apt-get install --no-install-recommends radosgw ceph-mon ceph-osd``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "ceph", "radosgw-admin", "monmaptool")
_WAIT_S = 120

_CONF = """
[global]
fsid = {fsid}
mon initial members = a
mon host = v1:127.0.0.1:{mon_port}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
ms bind msgr2 = false
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
[mon]
mon data = {folder}/mon
mon data avail crit = 0
mon data avail warn = 0
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw ops log rados = false
log to file = true
"""


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: Its URL.
        key: The access key of its user.
        secret: The secret key of its user.
        log: The log of the gateway, with a line for each request.
    """

    endpoint: str
    key: str
    secret: str
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which s3fs finds the server."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def requests(self) -> list[str]:
        """The lines of requests in the log so far."""
        return [line for line in self.log.read_text("utf-8", "replace").splitlines() if "beast: " in line]


def missing_programs() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """Starts the server, with one user, and stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="s3") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for one in ("mon", "osd", "rgw", "run", "log"):
            (folder / one).mkdir()
        fsid, mon_port, port = str(uuid.uuid4()), _free_port(), _free_port()
        conf = folder / "ceph.conf"
        conf.write_text(_CONF.format(fsid=fsid, folder=folder, mon_port=mon_port, port=port))

        def start(*command: str) -> None:
            with (folder / f"{command[0]}.out").open("wb") as out:
                process = subprocess.Popen([command[0], "-c", conf, *command[1:], "-f"], stdout=out, stderr=out)
            stack.callback(process.wait)
            stack.callback(process.terminate if command[0] != "ceph-osd" else process.kill)

        def call(*command: str) -> None:
            subprocess.run(
                [command[0], "-c", conf, *command[1:]], check=True, capture_output=True, timeout=_WAIT_S, text=True
            )

        address = f"[v1:127.0.0.1:{mon_port}]"
        subprocess.run(
            ["monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, folder / "map"],
            check=True,
            capture_output=True,
        )
        call("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(folder / "map"))
        start("ceph-mon", "-i", "a")
        store = str(uuid.uuid4())
        call("ceph", "osd", "new", store)
        call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store)
        call("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=here")
        start("ceph-osd", "-i", "0")
        start("radosgw", "-n", "client.rgw")
        key, secret = "reader", uuid.uuid4().hex
        call(
            *("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=reader", "--display-name=reader"),
            *(f"--access-key={key}", f"--secret-key={secret}"),
        )
        endpoint = f"http://127.0.0.1:{port}"
        _wait_for(endpoint)
        yield S3Server(endpoint, key, secret, folder / "log" / "client.rgw.log")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(endpoint: str) -> None:
    end = time.monotonic() + _WAIT_S
    while True:
        try:
            with urllib.request.urlopen(endpoint, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    with s3_server() as server:
        print("\n".join(f"export {name}={value}" for name, value in server.environment.items()), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            os.pause() if hasattr(os, "pause") else time.sleep(10**6)
