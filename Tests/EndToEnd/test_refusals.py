"""Attempts to get more than granted: each is refused with the right status, and each decision stands in the audit log."""
import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import start_authorization, start_sandbox, stop
from test_identity import ISSUER, Issuer, grant, hmac_token, jwk, new_key, public_pem, token

UPLOAD_ID = "0004B9895DBBB6EC98E36"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server with `camera-7` (upload below its prefix) and an issuer of JWTs, for all attempts."""
    issuer = Issuer()
    key = new_key("RS256")
    issuer.keys = [jwk(key, "1")]
    sandbox = start_sandbox(tmp_path_factory.mktemp("oss") / "oss")
    server = start_authorization(
        tmp_path_factory.mktemp("refusals") / "authd", sandbox, verbs=("upload",), more=f"""
[[client]]
name = "camera-8"
jwt-issuer = "{ISSUER}"
""" + grant(sandbox, "uploads/{client}/", "[[client.grant]]") + f"""
[[jwt]]
issuer = "{ISSUER}"
audience = "davit"
jwks-url = "{issuer.url}"
""" + grant(sandbox, "jwt/{client}/", claims='claims = { groups = "cameras" }'))
    server.key, server.sandbox = key, sandbox
    yield server
    stop(server.process)
    stop(sandbox.process)
    issuer.server.shutdown()


def order(operation="put", key="uploads/camera-7/a", **more):
    return {"requests": [{"operation": operation, "key": key, **more}]}


PREFIXES = [
    "uploads/camera-8/", "uploads/camera-70/", "uploads/camera-", "uploads/", "/", "/uploads/camera-7/", "uploads/camera-7/../camera-8/",
    "uploads/camera-7/./", "uploads/camera-7//x/", "uploads/camera-7/*", "uploads/camera-7/?/", "uploads/camera-7/${oss:x}/",
    "uploads/Camera-7/", "uploads/camera-7\u0000/", "uploads/camera-7/a\nb/", "uploads/сamera-7/", "uploads/camera\u20117/",
    "uploads\\camera-7\\", "..", "uploads/camera-7%2f..%2fcamera-8/../", "uploads/camera-7/" + "x" * 1000,
]
KEYS = [
    "uploads/camera-8/a", "uploads/camera-70/a", "uploads/camera-7/", "uploads/camera-7", "uploads/camera-7/../camera-8/a",
    "uploads/camera-7/./a", "/uploads/camera-7/a", "a", "uploads/сamera-7/a", "uploads/camera-7/" + "x" * 1100,
]
HEADERS = [
    {"x-oss-copy-source": "/media/secret"}, {"host": "other.example.com"}, {"x-oss-security-token": "CAIS"}, {"authorization": "x"},
    {"x-oss-date": "20260101T000000Z"}, {"x-oss-meta-a\r\nx-oss-copy-source": "/b/k"}, {"x-oss-meta-a": "1\r\nx-oss-copy-source: /b/k"},
    {"x-oss-symlink-target": "secret"}, {"x-oss-process": "x"},
]

# (what, path, body, status)
ASKED = (
    [(f"prefix {prefix[:40]!r}", "/v1/credentials", {"prefix": prefix}, 403) for prefix in PREFIXES]
    + [(f"verbs {verbs}", "/v1/credentials", {"verbs": verbs}, status) for verbs, status in [
        (["get"], 403), (["list"], 403), (["delete"], 403), (["upload", "get"], 403), (["*"], 400), (["oss:*"], 400), ([], 400)]]
    + [("another bucket", "/v1/credentials", {"bucket": "secrets"}, 403), ("no life", "/v1/credentials", {"duration_seconds": 0}, 400),
       ("a life before now", "/v1/credentials", {"duration_seconds": -900}, 400), ("a life that overflows", "/v1/credentials", {"duration_seconds": 1 << 40}, 400)]
    + [(f"key {key[:40]!r}", "/v1/signed-urls", order(key=key), 403) for key in KEYS]
    + [(f"header {next(iter(headers))!r}", "/v1/signed-urls", order(headers=headers), 400) for headers in HEADERS]
    + [("head without the verb get", "/v1/signed-urls", order("head"), 403), ("get", "/v1/signed-urls", order("get"), 400),
       ("delete", "/v1/signed-urls", order("delete"), 400), ("a part without an upload id", "/v1/signed-urls", order("part", part_number=1), 400),
       ("part 0", "/v1/signed-urls", order("part", upload_id=UPLOAD_ID, part_number=0), 400),
       ("part 10001", "/v1/signed-urls", order("part", upload_id=UPLOAD_ID, part_number=10001), 400),
       ("an upload id with a query", "/v1/signed-urls", order("part", upload_id="a b&x=1", part_number=1), 400),
       ("one foreign key among many", "/v1/signed-urls", {"requests": order()["requests"] * 50 + order(key="uploads/camera-8/a")["requests"]}, 403),
       ("URLs that never end", "/v1/signed-urls", {**order(), "expires_in": 1 << 31}, 400),
       ("URLs that have ended", "/v1/signed-urls", {**order(), "expires_in": 0}, 400),
       ("more than a batch", "/v1/signed-urls", {"requests": order()["requests"] * 1001}, 400)])


@pytest.mark.parametrize("what,path,body,status", ASKED, ids=[case[0] for case in ASKED])
def test_more_than_granted_is_refused(place, what, path, body, status):
    before = len(place.audit())

    got, answer = place.call("POST", path, body)

    assert got == status, answer
    assert set(answer) == {"error"} and "uploads/camera-8" not in answer["error"]["message"]
    line, = place.audit()[before:]
    assert (line["decision"], line["status"], line["client"]) == ("refused", status, "camera-7")


def test_a_longer_life_is_cut_and_said(place):
    status, answer = place.call("POST", "/v1/credentials", {"duration_seconds": 1 << 30})
    assert status == 200 and answer["NarrowedDurationSeconds"] == 3600


def strangers(place):
    key, other, now = place.key, new_key("RS256"), int(time.time())
    header, payload, signature = token(key, "RS256", groups=["cameras"]).split(".")
    mine = place.token
    return {
        "no token": None, "an empty token": "", "a token of nobody": "davit_camera-9_" + "0" * 64,
        "my name, another token": "davit_camera-7_" + "0" * 64, "my token for another name": mine.replace("camera-7", "camera-8"),
        "my token cut": mine[:-1], "my token and more": mine + "0", "upper case": mine.upper(), "two tokens": mine + " " + mine,
        "an expired JWT": token(key, "RS256", groups=["cameras"], exp=now - 3600),
        "a JWT of another key": token(other, "RS256", groups=["cameras"]),
        "a JWT without algorithm": "eyJhbGciOiJub25lIn0." + payload + ".", "a JWT signed with the public key": hmac_token(
            key.public_key().public_bytes(*public_pem()), payload),
        "a JWT with another's payload": ".".join([header, token(other, "RS256", groups=["admins"]).split(".")[1], signature]),
        "a JWT for others": token(key, "RS256", groups=["cameras"], aud="x"), "a JWT as camera-7": token(key, "RS256", sub="camera-7"),
        "a JWT of 100 KiB": token(key, "RS256", groups=["x" * 100_000]),
    }


def test_strangers_get_nothing_and_stand_in_the_audit_log(place):
    for what, text in strangers(place).items():
        before = len(place.audit())
        request = urllib.request.Request(place.url + "/v1/credentials", headers={} if text is None else {"Authorization": f"Bearer {text}"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        # A header that does not fit is refused before anything is read of it.
        expected = (401,) if len(text or "") < 10_000 else (400, 431)
        assert refused.value.code in expected, what
        if refused.value.code == 401:
            assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
            line, = place.audit()[before:]
            assert line["decision"] == "refused" and line["status"] == 401 and line["stranger"] and "client" not in line, what


def test_a_jwt_reaches_its_own_prefix_and_no_other_clients(place):
    for name, status in [("camera-9", 200), ("../camera-7", 200), ("camera-7", 401)]:
        got, answer = place.call("POST", "/v1/credentials", {}, token=token(place.key, "RS256", sub=name, groups=["cameras"]))
        assert got == status, answer
        if status == 200:
            assert answer["Prefix"].startswith("jwt/") and answer["Prefix"].count("/") == 2
    assert place.call("POST", "/v1/credentials", {"prefix": "jwt/camera-9/"}, token=token(place.key, "RS256", sub="camera-10", groups=["cameras"]))[0] == 403
    assert place.call("POST", "/v1/credentials", {}, token=token(place.key, "RS256", groups=["doors"]))[0] == 403


def raw(place, data):
    """Sends bytes as they are; the status of the first answer and how many answers came."""
    host, port = place.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def head(*lines):
    return "\r\n".join([*lines, "", ""]).encode()


def test_no_request_is_smuggled_behind_another(place):
    inner = head("GET /v1/credentials HTTP/1.1", "Host: x", f"Authorization: Bearer {place.token}")
    smuggled = [
        head("POST /v1/credentials HTTP/1.1", "Host: x", "Content-Length: 0", f"Content-Length: {len(inner)}") + inner,
        head("POST /v1/credentials HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n" + inner,
        head("POST /v1/credentials HTTP/1.1", "Host: x", "Transfer-Encoding: xchunked") + inner,
        head("POST /v1/credentials HTTP/1.1", "Host: x", "Transfer-Encoding : chunked") + b"0\r\n\r\n" + inner,
        head("POST /v1/credentials HTTP/1.1", "Host: x", "Content-Length: +0") + inner,
        head("GET /v1/credentials HTTP/1.1", "Host: x", "X: y\rAuthorization: Bearer z") + inner,
    ]
    for data in smuggled:
        # What stands behind a head that can be read two ways is never answered.
        assert 200 not in raw(place, data), data
    twice = head("GET /v1/credentials HTTP/1.1", "Host: x", "Authorization: Bearer wrong", f"Authorization: Bearer {place.token}", "Connection: close")
    assert raw(place, twice) == [401]
    folded = head("GET /v1/credentials HTTP/1.1", "Host: x", "Authorization: Bearer", f" {place.token}", "Connection: close")
    assert 200 not in raw(place, folded)


def test_what_a_signed_url_stands_for_cannot_be_changed(place):
    status, answer = place.call("POST", "/v1/signed-urls", {"requests": [
        {"operation": "put", "key": "uploads/camera-7/signed", "headers": {"content-type": "text/plain"}}]})
    assert status == 200, answer
    url = answer["urls"][0]["url"]
    parts = urllib.parse.urlsplit(url)

    def ask(method, target, headers=None):
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.request(method, target, body=b"x", headers=headers or {"Content-Type": "text/plain"})
        return connection.getresponse().status

    target = f"{parts.path}?{parts.query}"
    expires = dict(urllib.parse.parse_qsl(parts.query))["x-oss-expires"]
    for what, method, changed, headers in [
        ("another key", "PUT", target.replace("signed?", "other?"), None), ("another method", "DELETE", target, None),
        ("another method", "GET", target, None), ("another type", "PUT", target, {"Content-Type": "text/html"}),
        ("a header more", "PUT", target, {"Content-Type": "text/plain", "x-oss-object-acl": "public-read"}),
        ("a longer life", "PUT", target.replace(f"x-oss-expires={expires}", "x-oss-expires=9999"), None),
        ("a parameter more", "PUT", target + "&acl", None), ("no signature", "PUT", target.split("&x-oss-signature=")[0], None),
        ("another signature", "PUT", target[:-1] + ("0" if target[-1] != "0" else "1"), None),
    ]:
        assert ask(method, changed, headers) in (400, 403), what
    assert ask("PUT", target) == 200
    assert ask("PUT", target) == 200, "until it ends"
    place.sandbox.control("POST", "/_sandbox/clock", {"offset": 901})
    assert ask("PUT", target) == 403, "replayed after its end"
    place.sandbox.control("POST", "/_sandbox/clock", {"offset": 0})
    assert place.sandbox.objects()["uploads/camera-7/signed"]["size"] == 1
