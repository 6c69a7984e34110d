"""What the server answers before any page is asked."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from tests.config.test_run import running

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
LIMIT = 2_621_440
CHUNK = 65_536


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with running(tmp_path_factory.mktemp("door"), port):
        yield port


@pytest.fixture
def server(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    yield connection
    connection.close()


def said(server: http.client.HTTPConnection) -> tuple[int, str]:
    response = server.getresponse()
    return response.status, response.read().decode()


def test_a_body_up_to_the_limit_comes_to_its_page(server: http.client.HTTPConnection) -> None:
    server.request("POST", "/login/", b"x" * LIMIT, {"Content-Type": FORM})
    assert said(server)[0] == 403, "without its token the form is refused by the page"


def test_more_is_refused_before_it_is_sent(server: http.client.HTTPConnection) -> None:
    server.request("POST", "/login/", headers={"Content-Type": FORM, "Content-Length": str(10**12)})
    status, words = said(server)
    assert status == 413
    assert words.replace("\xa0", " ") == "This is more than can be sent at once, which is 2.5 MB. Nothing was changed."


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://127.0.0.1:{port}/settings/import/", "/settings/import/"),
        ("http://127.0.0.1:{port}//elsewhere.example/", "/elsewhere.example/"),
        ("http://elsewhere.example/settings/import/", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_a_person_who_sends_more_reads_a_page(
    server: http.client.HTTPConnection, port: int, referer: str, back: str
) -> None:
    headers = {"Content-Type": MULTIPART, "Content-Length": str(LIMIT + 1), "Accept": "text/html,*/*;q=0.8"}
    server.request("POST", "/settings/import/", headers=headers | {"Referer": referer.format(port=port)})
    status, page = said(server)
    assert status == 413
    assert "At most 2.5\xa0MB can be sent at once" in page
    assert f'<a class="btn primary" href="{back}">' in page
    assert 'rel="stylesheet"' in page


def test_a_script_that_sends_more_reads_a_sentence(server: http.client.HTTPConnection) -> None:
    headers = {"Content-Type": FORM, "Content-Length": str(LIMIT + 1), "Accept": "text/html", "HX-Request": "true"}
    server.request("POST", "/settings/import/", headers=headers)
    status, words = said(server)
    assert status == 413
    assert words.startswith("This is more than can be sent at once")


def test_what_comes_in_pieces_is_read_only_up_to_the_limit(server: http.client.HTTPConnection) -> None:
    server.putrequest("POST", "/login/")
    server.putheader("Content-Type", FORM)
    server.putheader("Transfer-Encoding", "chunked")
    server.endheaders()
    piece = b"%x\r\n%s\r\n" % (CHUNK, b"x" * CHUNK)
    for _number in range(LIMIT // CHUNK + 1):
        server.send(piece)
    # The body has no end yet: only a server that stops reading can answer.
    status, words = said(server)
    assert status == 413
    assert "more than can be sent" in words


@pytest.mark.parametrize("kind", [FORM, MULTIPART])
@pytest.mark.parametrize(
    "charset", ["base64", "hex", "idna", "undefined", "rot13", "zlib", "utf-7", "nonsense", "\xe9"]
)
def test_a_charset_that_is_not_utf_8_is_refused(server: http.client.HTTPConnection, kind: str, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="login"\r\n\r\n\xff\r\n--b--\r\n'
    server.request("POST", "/login/", body, {"Content-Type": f"{kind}; charset={charset}"})
    status, words = said(server)
    assert status == 400
    assert "UTF-8" in words


@pytest.mark.parametrize("content_type", [f"{FORM}; charset*=base64''x", f"{FORM}; a*=undefined''x"])
def test_a_content_type_nobody_can_read_is_refused(server: http.client.HTTPConnection, content_type: str) -> None:
    server.request("POST", "/login/", b"x=1", {"Content-Type": content_type})
    assert said(server)[0] == 400


def test_a_websocket_is_refused(server: http.client.HTTPConnection) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    server.request("GET", "/login/", headers=headers | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    assert said(server)[0] == 403


@pytest.mark.parametrize("content_type", [f"{FORM}; charset=UTF-8", f'{MULTIPART}; charset="utf8"', "text/plain", ""])
def test_anything_else_comes_to_its_page(server: http.client.HTTPConnection, content_type: str) -> None:
    server.request("POST", "/login/", b"x=1", {"Content-Type": content_type})
    assert said(server)[0] == 403
