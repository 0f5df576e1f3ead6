"""The server: whom it answers, and what it says to all others."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import aerchive
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.view.server import ViewServer
from tests.jobs import make_result
from tests.view.conftest import Reader


class Said(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A built page."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "page-1a2b.js").write_text("true")
    (folder / "secret.py").write_text("no part of the page")
    (tmp_path / "outside.txt").write_text("outside")
    return folder


@pytest.fixture
def server(reader: Reader, page: Path) -> Iterator[ViewServer]:
    with ViewServer(reader.interface, page=page) as server:
        yield server


def ask(server: ViewServer, path: str, method: str = "GET", **headers: str) -> Said:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Said(response.status, found, response.read())
    finally:
        connection.close()


def test_page_and_data_are_answered_below_the_token(server: ViewServer, reader: Reader) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}/{server.token}/"
    page = ask(server, f"/{server.token}/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    script = ask(server, f"/{server.token}/assets/page-1a2b.js")
    assert (script.status, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    data = ask(server, f"/{server.token}/data/project.json")
    assert json.loads(data.body)["runs"] == len(reader.project)
    assert len(server.token) >= 40


@pytest.mark.parametrize("path", ["/", "/data/project.json", "/wrong/", "/wrong/data/project.json", "//", "/%00/"])
def test_without_the_token_nothing_is_answered(server: ViewServer, path: str) -> None:
    assert ask(server, path).status == 404
    assert ask(server, f"/{server.token[:-1]}/").status == 404
    assert ask(server, f"/{server.token}").status == 404


def test_requests_of_other_pages_and_names_are_refused(server: ViewServer) -> None:
    address = f"/{server.token}/data/project.json"
    own = f"127.0.0.1:{server.port}"
    assert ask(server, address, Host=f"localhost:{server.port}").status == 200
    assert ask(server, address, Origin=f"http://{own}", Sec_Fetch_Site="same-origin").status == 200
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.port}"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{own}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    ):
        said = ask(server, address, **headers)
        assert (said.status, "only" in said.error) == (403, True), headers
    is_opened = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask(server, f"/{server.token}/", **is_opened).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(server: ViewServer, method: str) -> None:
    said = ask(server, f"/{server.token}/data/project.json", method)
    assert (said.status, said.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "%2e%2e/outside.txt", "assets/../../outside.txt", "..%2foutside.txt", "/etc/passwd", "secret.py",
     "assets", "assets/", "data/../index.html", "data/%2e%2e/project.json", "index.html%00", "data/runs/..%2fx.json"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(server: ViewServer, path: str) -> None:
    assert ask(server, f"/{server.token}/{path}").status == 404


def test_every_answer_has_the_strict_headers(server: ViewServer) -> None:
    for path in ("", "data/project.json", "data/nothing.json", "nothing"):
        headers = ask(server, f"/{server.token}/{path}").headers
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert not any("unsafe" in source for source in policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers
        assert server.token not in str(headers)


def test_what_has_not_changed_is_not_sent_again(server: ViewServer) -> None:
    address = f"/{server.token}/data/project.json"
    first = ask(server, address)
    again = ask(server, address, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert ask(server, address, If_None_Match='"another"').status == 200
    assert "no-cache" in first.headers["cache-control"]
    column = ask(server, f"/{server.token}/data/{json.loads(first.body)['columns'][0]['address']}")
    assert "immutable" in column.headers["cache-control"]
    head = ask(server, address, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(first.body)))


def test_errors_have_a_status_and_a_sentence(server: ViewServer, reader: Reader) -> None:
    missing = ask(server, f"/{server.token}/data/runs/nothing.json")
    assert (missing.status, "nothing" in missing.error, missing.headers["cache-control"]) == (404, True, "no-store")
    sweep = reader.run("Rabi sweep")["key"]
    assert ask(server, f"/{server.token}/data/runs/{sweep}/arrays/0/info.json").status == 422


def test_damage_has_the_status_500(tmp_path: Path, page: Path) -> None:
    project = aerchive.open(tmp_path / "project.h5")
    project.save(make_result("job"))
    with ViewServer(Reader(aerchive.open(project.path, "r")).interface, page=page) as server:
        assert ask(server, f"/{server.token}/data/project.json").status == 200
        content = project.path.read_bytes()
        project.path.write_bytes(b"\0" * len(content))
        said = ask(server, f"/{server.token}/data/project.json")
        assert (said.status, str(project.path) in said.error) == (500, True)
        project.path.write_bytes(content)
        assert ask(server, f"/{server.token}/data/project.json").status == 200


def test_a_mistake_of_ours_is_told_as_one(
    server: ViewServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aerchive.view.interface.counts_view", lambda *_: {}["typing error"])
    said = ask(server, f"/{server.token}/data/runs/hostile-1/counts/0.json")
    assert (said.status, "aerchive made a mistake" in said.error) == (500, True)
    assert "default-src 'none'" in said.headers["content-security-policy"]
    assert "typing error" in caplog.text
    assert server.token not in caplog.text


def test_many_requests_at_a_time_are_answered_alike(server: ViewServer, reader: Reader) -> None:
    addresses = [column["address"] for column in reader.json("project.json")["columns"]][::4]
    addresses += [f"runs/{key}.json" for key in reader.texts("key")[::2]]
    expected = {address: reader.bytes(address) for address in addresses}
    ask(server, f"/{server.token}/data/project.json")
    wrong: list[str] = []

    def look() -> None:
        for address in addresses:
            said = ask(server, f"/{server.token}/data/{address}")
            if (said.status, said.body) != (200, expected[address]):
                wrong.append(address)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_port_that_is_taken_is_named(server: ViewServer, reader: Reader, page: Path) -> None:
    with pytest.raises(InvalidInputError, match=f"port {server.port}.*leave it out"):
        ViewServer(reader.interface, server.port, page)


def test_a_page_that_is_not_built_is_named(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="the web page is not there"):
        ViewServer(reader.interface, page=tmp_path)


def test_garbage_is_refused_and_not_printed(server: ViewServer, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01garbage\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert ask(server, f"/{server.token}/").status == 200
    assert capfd.readouterr() == ("", "")
