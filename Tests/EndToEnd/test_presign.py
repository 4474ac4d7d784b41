"""Signed URLs: curl uses them, the official signers get the same signature, and no byte of them can be changed."""
import datetime
import string
import subprocess
import urllib.parse

import pytest

from conftest import Davit, digest, make_file

KEY = "up/réport +&=%.pdf"


def curl(url, *arguments):
    """The status that curl gets."""
    return int(subprocess.check_output(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *map(str, arguments), url], text=True))


def presign(davit, sandbox, key, *arguments):
    return davit.run("presign", f"oss://{sandbox.bucket}/{key}", *arguments, check=0).stdout.strip()


@pytest.fixture(params=["v4", "v1"])
def signer(request, davit, sandbox):
    """davit with a remote of either signature version, and a function that signs for it."""
    secret = davit.home / "ak.secret"
    secret.write_text(sandbox.access_key_secret)
    secret.chmod(0o600)
    davit.configure(f"""
[remote.it]
bucket = "{sandbox.bucket}"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
signature = "{request.param}"
[remote.it.credentials]
kind = "static"
access-key-id = "{sandbox.access_key_id}"
access-key-secret-file = "ak.secret"
""")
    davit.version = request.param
    return davit


def official(url, sandbox, version, headers=None, token=None, method="PUT"):
    """The signature that the official Python SDK puts into that URL."""
    from alibabacloud_oss_v2.signer.v1 import SignerV1
    from alibabacloud_oss_v2.signer.v4 import SignerV4
    from alibabacloud_oss_v2.types import Credentials, HttpRequest, SigningContext

    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    key = urllib.parse.unquote(parts.path).removeprefix(f"/{sandbox.bucket}/")
    request = HttpRequest(method, f"{parts.scheme}://{parts.netloc}{parts.path}", headers=headers)
    context = SigningContext(
        product="oss", region=sandbox.region, bucket=sandbox.bucket, key=key, request=request,
        credentials=token or Credentials(sandbox.access_key_id, sandbox.access_key_secret))
    context.auth_method_query = True
    utc = datetime.timezone.utc
    if version == "v4":
        begin = datetime.datetime.strptime(query["x-oss-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=utc)
        context.signing_time = begin
        context.expiration_time = begin + datetime.timedelta(seconds=int(query["x-oss-expires"]))
        SignerV4().sign(context)
    else:
        context.expiration_time = datetime.datetime.fromtimestamp(int(query["Expires"]), utc)
        SignerV1().sign(context)
    name = {"v4": "x-oss-signature", "v1": "Signature"}[version]
    theirs = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))
    return query[name], theirs[name]


def test_curl_uploads_and_the_official_signer_agrees(signer, sandbox, tmp_path):
    file = make_file(tmp_path / "report.pdf", 5000)

    url = signer.run("presign", f"it:{KEY}", "--expires", "1h", check=0).stdout.strip()

    assert curl(url, "-T", file) == 200
    assert sandbox.objects()[KEY]["sha256"] == digest(file)
    ours, theirs = official(url, sandbox, signer.version)
    assert ours == theirs
    assert curl(signer.run("presign", f"it:{KEY}", "--method", "get", check=0).stdout.strip()) == 200


def test_metadata_is_signed_and_must_be_sent(signer, sandbox, tmp_path):
    file = make_file(tmp_path / "report.pdf", 500)

    answer = signer.json("presign", "it:meta.pdf", "--meta", "camera=7", "--content-type", "application/pdf")

    assert {name.lower(): value for name, value in answer["headers"].items()} == {
        "x-oss-meta-camera": "7", "content-type": "application/pdf"}
    send = [word for name, value in answer["headers"].items() for word in ("-H", f"{name}: {value}")]
    assert curl(answer["url"], "-T", file) == 403
    assert curl(answer["url"], "-T", file, *send) == 200
    ours, theirs = official(answer["url"], sandbox, signer.version, answer["headers"])
    assert ours == theirs


def test_no_byte_can_be_changed(signer, sandbox, tmp_path):
    """Every byte of path and query, one after the other, in one curl."""
    file = make_file(tmp_path / "x", 10)
    url = signer.run("presign", "it:a/b c.bin", "--expires", "1h", check=0).stdout.strip()
    start = url.index("/", len("http://"))
    changed = []
    for place in range(start + 1, len(url)):
        was = url[place]
        # Digits of an escape may be written in either case: that is the same URL.
        other = "1" if was == "0" else "0" if was in string.hexdigits else "Z" if was != "Z" else "Y"
        changed.append(url[:place] + other + url[place + 1:])
    configuration = tmp_path / "curl.conf"
    configuration.write_text("\nnext\n".join(
        f'url = "{one}"\nupload-file = "{file}"\noutput = "/dev/null"\nwrite-out = "%{{http_code}}\\n"\ngloboff' for one in changed))

    statuses = subprocess.check_output(["curl", "-s", "-K", configuration], text=True).split()

    assert len(statuses) == len(changed) > 100
    accepted = [one for one, status in zip(changed, statuses) if status == "200"]
    assert accepted == []
    assert sandbox.objects() == {}
    assert curl(url, "-T", file) == 200


def test_a_second_after_its_end_it_is_refused(signer, sandbox, tmp_path):
    file = make_file(tmp_path / "x", 10)
    url = signer.run("presign", "it:brief", "--expires", "1h", check=0).stdout.strip()

    sandbox.control("POST", "/_sandbox/clock", {"offset": 3590})
    assert curl(url, "-T", file) == 200
    sandbox.control("POST", "/_sandbox/clock", {"offset": 3601})
    assert curl(url, "-T", file) == 403


def test_a_url_of_temporary_credentials_names_their_token(sandbox, authorization, tmp_path):
    from alibabacloud_oss_v2.types import Credentials
    _, token = authorization.call("POST", "/v1/credentials", {})
    temporary = Davit(tmp_path / "home", {
        "OSS_ACCESS_KEY_ID": token["AccessKeyId"], "OSS_ACCESS_KEY_SECRET": token["AccessKeySecret"],
        "OSS_SESSION_TOKEN": token["SecurityToken"], "OSS_REGION": sandbox.region, "OSS_ENDPOINT": sandbox.oss_endpoint})
    file = make_file(tmp_path / "x", 10)
    try:
        url = presign(temporary, sandbox, "uploads/camera-7/x")
        outside = presign(temporary, sandbox, "elsewhere/x")

        assert curl(url, "-T", file) == 200
        assert curl(outside, "-T", file) == 403
        credentials = Credentials(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
        ours, theirs = official(url, sandbox, "v4", token=credentials)
        assert ours == theirs
        sandbox.control("POST", "/_sandbox/tokens/expire")
        assert curl(url, "-T", file) == 403
    finally:
        temporary.stop()


@pytest.mark.parametrize("arguments", [["--expires", "8d"], ["--expires", "0s"], ["--method", "delete"], ["--meta", "novalue"]])
def test_what_cannot_be_signed_is_said(davit, sandbox, arguments):
    done = davit.run("presign", f"oss://{sandbox.bucket}/k", *arguments, check=2)
    assert done.stdout == "" and done.stderr.startswith("davit: error: ")
