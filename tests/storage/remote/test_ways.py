"""The way to a file behind a URL: proxies, redirections, addresses with secrets, and the cache on this machine."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError, ReadError, ReadOnlyError, WriteError
from aerchive.storage.medium.disk import read_bytes
from aerchive.storage.medium.opening import open_file
from aerchive.storage.remote import cache, patience
from aerchive.storage.remote.address import Address
from aerchive.storage.remote.opening import fetched_of, open_url
from tests.storage.remote.proxy_server import proxy_server
from tests.storage.remote.range_server import RangeServer, range_server, redirects

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    (tmp_path / "file").write_bytes(CONTENT)
    with range_server(tmp_path) as started:
        yield started


def read(url: str) -> bytes:
    path = open_url(url)
    fd = open_file(path, os.O_RDONLY)
    try:
        return read_bytes(fd, 0, len(CONTENT))
    finally:
        os.close(fd)


def test_proxies_of_the_environment_get_their_password_and_no_other_requests(
    server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_server("me@lab:s c") as proxy:
        monkeypatch.setenv("http_proxy", f"me%40lab:s%20c@{proxy.place}")
        assert read(server.url("file")) == CONTENT
        assert proxy.asked == [server.url("file")] * len(server.requests)
        gc.collect()
        number = len(proxy.asked)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        read(server.url("file"))
        monkeypatch.delenv("no_proxy")
        assert len(proxy.asked) == number
        monkeypatch.delenv("http_proxy")
        monkeypatch.setenv("all_proxy", f"http://{proxy.place}")
        with pytest.raises(ReadOnlyError, match=r"the proxy does not let this user pass .* a user and a password"):
            read(server.url("file"))


@pytest.mark.parametrize("proxy", ["socks5://user:secret@127.0.0.1:1", "http://user:secret@host:port"])
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_password(
    server: RangeServer, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(InvalidInputError, match="the proxy in the environment") as raised:
        read(server.url("file"))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("http://[secret", "redirects to an address that cannot be asked for"),
        ("http://host:99999/x?secret", "redirects to an address that cannot be asked for"),
        ("https://{place}/x?secret", "no secure connection could be made"),
        ("http://user:secret@127.0.0.1:9/x?secret", "asked 4 times, but the server refused the connection"),
    ],
)
def test_a_redirection_to_nowhere_is_an_error_without_the_target(server: RangeServer, target: str, what: str) -> None:
    server.always = redirects(target.format(place=f"127.0.0.1:{server.server_address[1]}"))
    with pytest.raises(ReadError, match=what) as raised:
        read(server.url("file"))
    assert "secret" not in str(raised.value)


def test_a_place_that_has_gone_is_asked_for_again_at_the_address(server: RangeServer, tmp_path: Path) -> None:
    with range_server(tmp_path) as other:
        server.always = redirects(other.url("file"))
        path = open_url(server.url("file"))
    server.always = None
    fd = open_file(path, os.O_RDONLY)
    assert read_bytes(fd, 100_000, 256) == CONTENT[100_000:100_256]
    os.close(fd)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:sec/ret@host/x.h5", "http://host/x.h5"),
        ("zip://x.h5::https://user:secret@host/x.zip?sig=secret", "zip://x.h5::https://host/x.zip?..."),
        ("simplecache::s3://lab/x.h5", "simplecache::s3://lab/x.h5"),
        ("http://[::1]:80/x.h5?secret", "http://[::1]:80/x.h5?..."),
    ],
)
def test_no_form_of_an_address_shows_its_secrets(url: str, shown: str) -> None:
    assert Address(url).shown == shown
    assert Address(url).without_secrets_in(f"no {url}") == f"no {shown}"


def test_the_errors_of_file_systems_are_given_without_secrets() -> None:
    with pytest.raises(AerchiveError, match=r"zip://x\.h5::memory://lab/x\.zip\?\.\.\.") as raised:
        open_url("zip://x.h5::memory://lab/x.zip?sig=secret")
    assert "secret" not in str(raised.value)


def test_a_cache_that_was_removed_is_made_again_when_the_url_is_opened_again(server: RangeServer) -> None:
    path = open_url(server.url("file"))
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "aerchive" / "remote")
    with pytest.raises(NotFoundError, match="what was kept of it on this machine was removed; open it again"):
        open_file(path, os.O_RDONLY)
    assert read(server.url("file")) == CONTENT


def test_a_cache_to_which_others_may_write_is_not_used(server: RangeServer) -> None:
    path = open_url(server.url("file"))
    folder = Path(os.fspath(path)).parent
    del path
    gc.collect()
    folder.chmod(0o777)
    with pytest.raises(WriteError, match="because other users could change it; name another folder"):
        open_url(server.url("file"))


def test_states_that_nobody_uses_make_room_while_another_one_grows(
    server: RangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_LOOK_BYTES", 0)
    monkeypatch.setenv("AERCHIVE_REMOTE_CACHE_BYTES", "300000")
    (tmp_path / "other").write_bytes(CONTENT[::-1])
    path = open_url(server.url("other"))
    read(server.url("file"))
    gc.collect()
    root = Path(os.environ["XDG_CACHE_HOME"]) / "aerchive" / "remote"
    assert len([*root.iterdir()]) == 2
    fd = open_file(path, os.O_RDONLY)
    assert read_bytes(fd, 0, len(CONTENT)) == CONTENT[::-1]
    os.close(fd)
    assert len([*root.iterdir()]) == 1


def test_an_attempt_that_hangs_in_a_file_system_does_not_hold_up_the_next_one(
    server: RangeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/lab/file", CONTENT)
    real, waits = type(memory).info, [threading.Event()]

    def info(self: Any, path: str, **options: Any) -> Any:
        if waits:
            waits.pop().wait(60)
        return real(self, path, **options)

    monkeypatch.setattr(type(memory), "info", info)
    monkeypatch.setattr(patience, "_SLOWEST", 2**30)
    monkeypatch.setenv("AERCHIVE_REMOTE_TIMEOUT", "0.3")
    event = waits[0]
    assert read("memory://lab/file") == CONTENT
    event.set()


def test_who_reads_one_piece_after_another_asks_for_several_at_a_time(server: RangeServer, tmp_path: Path) -> None:
    content = os.urandom(6_000_000)
    (tmp_path / "file").write_bytes(content)
    parts = fetched_of(open_url(server.url("file")))
    assert parts is not None
    view = bytearray(100_000)
    for place in range(1_000_000, 5_000_000, len(view)):
        parts.expect([(place, len(view))])
        parts.read(memoryview(view), place)
        assert view == content[place : place + len(view)]
    assert len(server.requests) <= 10
    before = parts.fetched[1]
    for place in (5_900_000, 100_000, 600_000):  # here and there
        parts.expect([(place, len(view))])
    assert parts.fetched[1] - before <= 3 * (len(view) + 2 * 16384)
