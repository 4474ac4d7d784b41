"""What the official packages sign and ask for, against davit-sandbox: URLs, forms, STS in both styles, identity tokens, metadata."""
import base64
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import string
import subprocess
import threading
import urllib.parse

import alibabacloud_oss_v2 as oss
import oss2
import pytest
import requests
from alibabacloud_credentials.provider import EcsRamRoleCredentialsProvider, OIDCRoleArnCredentialsProvider, RamRoleArnCredentialsProvider
from alibabacloud_credentials.provider import StaticAKCredentialsProvider
from alibabacloud_sts20150401.client import Client as STSClient
from alibabacloud_sts20150401 import models as sts
from alibabacloud_tea_openapi.models import Config
from Tea.core import TeaCore
from Tea.exceptions import TeaException

from conftest import start_sandbox, stop
from test_sandbox_sdks import assume_role, bucket, client

KEY = "dir é/a +&=%.bin"
HEADERS = {"Content-Type": "image/png", "x-oss-meta-camera": "7 b"}
DATA = bytes(range(256)) * 40


def send(method, url, data=None, headers=None):
    """(status, body); nothing is sent but what is said here, no Content-Type of a library's own."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body=data, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def keys(sandbox, temporary):
    if not temporary:
        return sandbox.access_key_id, sandbox.access_key_secret, None
    token = assume_role(sandbox)
    return token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"]


def signed_url(sandbox, signer, method, key, headers=None, temporary=False, seconds=60):
    """The URL that one of the two SDKs makes with that version."""
    sdk, version = signer
    credentials = keys(sandbox, temporary)
    headers = headers or {}
    if sdk == "oss2":
        return bucket(sandbox, *credentials, version=version).sign_url(method, key, seconds, headers=headers, slash_safe=True)
    meta = {name.removeprefix("x-oss-meta-"): value for name, value in headers.items() if name.startswith("x-oss-meta-")}
    request = {
        "PUT": lambda: oss.PutObjectRequest(sandbox.bucket, key, content_type=headers.get("Content-Type"), metadata=meta or None),
        "GET": lambda: oss.GetObjectRequest(sandbox.bucket, key),
        "HEAD": lambda: oss.HeadObjectRequest(sandbox.bucket, key),
    }[method]()
    return client(sandbox, *credentials, signature_version=version).presign(request, expires=datetime.timedelta(seconds=seconds)).url


SIGNERS = [("oss2", "v1"), ("oss2", "v4"), ("v2", "v1"), ("v2", "v4")]


@pytest.mark.parametrize("temporary", [False, True], ids=["key", "token"])
@pytest.mark.parametrize("signer", SIGNERS, ids="-".join)
def test_signed_urls_of_the_sdks_work_with_what_they_sign_and_until_they_end(sandbox, signer, temporary):
    put = signed_url(sandbox, signer, "PUT", KEY, HEADERS, temporary)
    get = signed_url(sandbox, signer, "GET", KEY, None, temporary)

    assert send("PUT", put, DATA)[0] == 403
    assert send("PUT", put, DATA, {**HEADERS, "x-oss-meta-camera": "8"})[0] == 403
    assert send("PUT", put, DATA, HEADERS)[0] == 200
    assert send("GET", get) == (200, DATA)
    assert send("GET", put)[0] == 403
    stored = sandbox.objects()[KEY]
    assert (stored["content_type"], stored["meta"]) == ("image/png", {"camera": HEADERS["x-oss-meta-camera"]})
    sandbox.control("POST", "/_sandbox/clock", {"offset": 50})
    assert send("GET", get)[0] == 200
    sandbox.control("POST", "/_sandbox/clock", {"offset": 62})
    status, text = send("GET", get)
    assert status == 403 and b"<Code>AccessDenied</Code>" in text and b"expired" in text


@pytest.mark.parametrize("signer", SIGNERS, ids="-".join)
def test_no_byte_of_a_signed_url_can_be_changed(sandbox, signer):
    url = urllib.parse.urlsplit(signed_url(sandbox, signer, "PUT", "a/b c.bin", temporary=signer == ("v2", "v4"), seconds=600))
    target = f"{url.path}?{url.query}"
    connection = http.client.HTTPConnection(url.netloc, timeout=30)

    def put(target):
        connection.request("PUT", target, body=b"x")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    accepted = []
    # The signature and everything before the token byte by byte, the long token itself in steps.
    places = [place for place in range(1, len(target)) if place < 400 or place > len(target) - 120 or place % 11 == 0]
    for place in places:
        was = target[place]
        # Digits of an escape may be written in either case: that is the same URL.
        other = "1" if was == "0" else "0" if was in string.hexdigits else "Z" if was != "Z" else "Y"
        if put(target[:place] + other + target[place + 1:]) == 200:
            accepted.append((place, was, other))

    assert accepted == [] and sandbox.objects() == {}
    assert put(target) == 200


def test_curl_uploads_by_a_signed_url(sandbox, tmp_path):
    file = tmp_path / "file.bin"
    file.write_bytes(DATA)
    for signer in SIGNERS:
        url = signed_url(sandbox, signer, "PUT", "by-curl")
        status = subprocess.check_output(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-T", file, url], text=True)
        assert status == "200"
    assert sandbox.objects()["by-curl"]["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_a_signed_url_dies_with_its_token(sandbox):
    url = signed_url(sandbox, ("v2", "v4"), "PUT", "k", temporary=True)
    sandbox.control("POST", "/_sandbox/tokens/expire")
    status, text = send("PUT", url, b"x")
    assert status == 403 and b"<Code>SecurityTokenExpired</Code>" in text and b"<EC>0002-00000007</EC>" in text


# Forms


def form(sandbox, version, conditions, token=None, seconds=60, region=None):
    """The fields that the official samples put into a form."""
    key = token or {"AccessKeyId": sandbox.access_key_id, "AccessKeySecret": sandbox.access_key_secret}
    now = datetime.datetime.now(datetime.timezone.utc)
    fields = {}
    if version == "v4":
        day, region = now.strftime("%Y%m%d"), region or sandbox.region
        fields = {
            "x-oss-signature-version": "OSS4-HMAC-SHA256", "x-oss-credential": f"{key['AccessKeyId']}/{day}/{region}/oss/aliyun_v4_request",
            "x-oss-date": now.strftime("%Y%m%dT%H%M%SZ")}
    else:
        fields = {"OSSAccessKeyId": key["AccessKeyId"]}
    if token:
        fields["x-oss-security-token"] = token["SecurityToken"]
    named = [{name: value} for name, value in fields.items() if name.startswith("x-oss-")] if version == "v4" else []
    policy = {
        "expiration": (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "conditions": [{"bucket": sandbox.bucket}, *conditions, *named]}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    if version == "v4":
        secret = b"aliyun_v4" + key["AccessKeySecret"].encode()
        for part in (day, region, "oss", "aliyun_v4_request"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        fields["x-oss-signature"] = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    else:
        fields["Signature"] = base64.b64encode(hmac.new(key["AccessKeySecret"].encode(), text.encode(), hashlib.sha1).digest()).decode()
    return {**fields, "policy": text}


def post(sandbox, fields, data=DATA, name="cat.jpg"):
    session = requests.Session()
    session.trust_env = False
    return session.post(
        f"{sandbox.oss_endpoint}/{sandbox.bucket}", data=fields, files={"file": (name, data, "image/jpeg")}, allow_redirects=False, timeout=30)


@pytest.mark.parametrize("temporary", [False, True], ids=["key", "token"])
@pytest.mark.parametrize("version", ["v1", "v4"])
def test_a_form_uploads_within_its_policy(sandbox, version, temporary):
    token = assume_role(sandbox) if temporary else None
    data = DATA * 100
    signed = form(sandbox, version, [["starts-with", "$key", "in/"], ["content-length-range", 1, len(data)]], token)

    answer = post(sandbox, {"key": "in/${filename}", "success_action_status": "201", "x-oss-meta-a": "1", **signed}, data)

    assert answer.status_code == 201 and "<Key>in/cat.jpg</Key>" in answer.text, answer.text
    stored = sandbox.objects()["in/cat.jpg"]
    assert (stored["sha256"], stored["content_type"], stored["meta"]) == (hashlib.sha256(data).hexdigest(), "image/jpeg", {"a": "1"})
    for fields, size, code, status in [
        ({"key": "out/x"}, 1, "AccessDenied", 403), ({"key": "in/x"}, len(data) + 1, "AccessDenied", 403),
        ({"key": "in/x", "policy": signed["policy"][:-4] + "AAAA"}, 1, "SignatureDoesNotMatch", 403), ({}, 1, "InvalidArgument", 400),
    ]:
        wrong = post(sandbox, {**signed, **fields}, b"x" * size)
        assert wrong.status_code == status and f"<Code>{code}</Code>" in wrong.text, (fields, wrong.text)
    sandbox.control("POST", "/_sandbox/clock", {"offset": 61})
    late = post(sandbox, {"key": "in/late", **signed})
    assert late.status_code == 403 and "<Code>AccessDenied</Code>" in late.text and "expired" in late.text
    assert set(sandbox.objects()) == {"in/cat.jpg"}


def test_a_form_without_a_signature_needs_a_public_bucket(sandbox):
    assert post(sandbox, {"key": "k"}).status_code == 403
    bucket(sandbox).put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ_WRITE)
    assert post(sandbox, {"key": "k", "success_action_redirect": "http://127.0.0.1/done"}).headers["Location"].startswith(
        f"http://127.0.0.1/done?bucket={sandbox.bucket}&key=k&etag=")


def test_a_form_calls_back(sandbox):
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            calls.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"ok":true}')

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        order = {"callbackUrl": f"http://127.0.0.1:{server.server_port}/", "callbackBody": "k=${object}&s=${size}&who=${x:who}"}
        callback = base64.b64encode(json.dumps(order).encode()).decode()
        answer = post(sandbox, {"key": "a b", "callback": callback, "x:who": "alice", **form(sandbox, "v4", [])}, b"12345")
    finally:
        server.shutdown()
        server.server_close()

    assert (answer.status_code, answer.text) == (200, '{"ok":true}')
    assert calls == ["k=a%20b&s=5&who=alice"]


# STS


def sts_client(sandbox, key=None, secret=None, token=None):
    """The generated SDK, which signs with ACS3."""
    endpoint = urllib.parse.urlparse(sandbox.sts_endpoint).netloc
    return STSClient(Config(
        access_key_id=key or sandbox.access_key_id, access_key_secret=secret or sandbox.access_key_secret, security_token=token,
        endpoint=endpoint, protocol="HTTP", no_proxy="127.0.0.1"))


def assume(sandbox, *key, role=None, **more):
    request = sts.AssumeRoleRequest(role_arn=role or sandbox.role_arn, role_session_name="alice", **more)
    return sts_client(sandbox, *key).assume_role(request).body.credentials


def test_both_sts_packages_get_credentials_that_work_within_their_policy(sandbox):
    policy = json.dumps({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "oss:PutObject", "Resource": f"acs:oss:*:*:{sandbox.bucket}/users/alice/*"}]})

    rpc = assume_role(sandbox, Policy=policy, DurationSeconds=900)
    acs3 = assume(sandbox, policy=policy, duration_seconds=900)

    for key in [
        (rpc["AccessKeyId"], rpc["AccessKeySecret"], rpc["SecurityToken"]),
        (acs3.access_key_id, acs3.access_key_secret, acs3.security_token),
    ]:
        for version in ("v1", "v4"):
            bucket(sandbox, *key, version=version).put_object("users/alice/k", b"x")
            with pytest.raises(oss2.exceptions.AccessDenied):
                bucket(sandbox, *key, version=version).put_object("users/alice2/k", b"x")
        client(sandbox, *key).put_object(oss.PutObjectRequest(sandbox.bucket, "users/alice/k", body=b"x"))


@pytest.mark.parametrize("wrong, code", [
    ({"secret": "wrong"}, "SignatureDoesNotMatch"), ({"key": "nobody"}, "InvalidAccessKeyId.NotFound"),
    ({"duration_seconds": 899}, "InvalidParameter.DurationSeconds"), ({"policy": "{}"}, "InvalidParameter.PolicyGrammar"),
    ({"role": "acs:ram::1234567890123456:role/nobody"}, "EntityNotExist.Role"),
])
def test_the_generated_sts_package_is_told_what_is_wrong(sandbox, wrong, code):
    key = (wrong.pop("key", None), wrong.pop("secret", None))
    with pytest.raises(TeaException) as error:
        assume(sandbox, *key, **wrong)
    assert error.value.code == code


def test_roles_chain_and_ask_for_their_external_id(tmp_path):
    policy = tmp_path / "chain.json"
    policy.write_text(json.dumps({"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram::*:role/second"}]}))
    sandbox = start_sandbox(
        tmp_path / "oss", "--role-policy", policy, "--role", "second", "--role", "third", "--role-external-id", "ticket-7")
    try:
        with pytest.raises(TeaException) as error:
            assume(sandbox)
        assert error.value.code == "NoPermission"
        first = assume(sandbox, external_id="ticket-7")
        first = (first.access_key_id, first.access_key_secret, first.security_token)
        second = assume(sandbox, *first, role="acs:ram::1234567890123456:role/second")
        with pytest.raises(TeaException) as error:
            assume(sandbox, *first, role="acs:ram::1234567890123456:role/third")
        assert error.value.code == "NoPermission"
        second = (second.access_key_id, second.access_key_secret, second.security_token)
        bucket(sandbox, *second).put_object("k", b"x")
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket(sandbox, *first).put_object("k", b"x")
        assert sts_client(sandbox, *second).get_caller_identity().body.arn == "acs:ram::1234567890123456:assumed-role/second/alice"
    finally:
        stop(sandbox.process)


class Provider(oss2.credentials.CredentialsProvider):
    """oss2 with credentials of the credentials package."""

    def __init__(self, provider):
        self.provider = provider

    def get_credentials(self):
        found = self.provider.get_credentials()
        return oss2.credentials.Credentials(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token())


def put_by(provider, sandbox, key):
    oss2.Bucket(oss2.ProviderAuthV4(Provider(provider)), sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region).put_object(key, b"x")


@pytest.fixture
def plain(monkeypatch):
    """The credentials package insists on TLS for STS; on loopback there is none."""
    real = TeaCore.do_action

    def do_action(request, *rest):
        request.protocol = "http"
        return real(request, *rest)

    monkeypatch.setattr(TeaCore, "do_action", do_action)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_the_credentials_package_uses_the_metadata_service(sandbox, plain):
    def provider(**options):
        made = EcsRamRoleCredentialsProvider(async_update_enabled=False, **options)
        made._EcsRamRoleCredentialsProvider__metadata_service_host = urllib.parse.urlparse(sandbox.sts_endpoint).netloc
        return made

    put_by(provider(), sandbox, "found")
    put_by(provider(role_name="sandbox-uploader"), sandbox, "named")
    sandbox.control("POST", "/_sandbox/settings", {"metadata_token_required": True})
    put_by(provider(disable_imds_v1=True), sandbox, "token")
    sandbox.fault("status status=200 code=Failed operation=MetadataCredentials")
    with pytest.raises(Exception, match="Failed to get RAM session credentials"):
        provider().get_credentials()

    assert set(sandbox.objects()) == {"found", "named", "token"}


def test_the_credentials_package_uses_an_identity_token(sandbox, plain, tmp_path):
    given = sandbox.control("POST", "/_sandbox/oidc/tokens", {"subject": "pod", "seconds": 60})
    file = tmp_path / "token"

    def provider():
        return OIDCRoleArnCredentialsProvider(
            role_arn=sandbox.role_arn, oidc_provider_arn=given["provider_arn"], oidc_token_file_path=str(file), role_session_name="pod-1",
            sts_endpoint=urllib.parse.urlparse(sandbox.sts_endpoint).netloc)

    file.write_text(given["token"])
    put_by(provider(), sandbox, "pod")
    file.write_text(given["token"][:-1])
    with pytest.raises(Exception, match="AuthenticationFail.OIDCToken.Invalid"):
        provider().get_credentials()
    file.write_text(given["token"])
    sandbox.control("POST", "/_sandbox/clock", {"offset": 61})
    with pytest.raises(Exception, match="AuthenticationFail.OIDCToken.Expired"):
        provider().get_credentials()
    assert set(sandbox.objects()) == {"pod"}


def test_the_credentials_package_assumes_the_role(sandbox, plain):
    provider = RamRoleArnCredentialsProvider(
        credentials_provider=StaticAKCredentialsProvider(
            access_key_id=sandbox.access_key_id, access_key_secret=sandbox.access_key_secret),
        role_arn=sandbox.role_arn, role_session_name="alice", sts_endpoint=urllib.parse.urlparse(sandbox.sts_endpoint).netloc)

    put_by(provider, sandbox, "assumed")

    assert [item["access_key_id"][:4] for item in sandbox.requests("PutObject")] == ["STS."]


# Where a bucket is, and who may come in


def test_a_bucket_in_another_region_names_its_endpoint(tmp_path):
    sandbox = start_sandbox(tmp_path / "oss", "--bucket", "far-bucket:cn-beijing")
    try:
        far = oss2.Bucket(oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret), sandbox.oss_endpoint, "far-bucket", region="cn-beijing")
        with pytest.raises(oss2.exceptions.AccessDenied) as error:
            far.put_object("k", b"x")
        assert (error.value.details["EC"], error.value.details["Endpoint"]) == ("0003-00001403", "oss-cn-beijing.aliyuncs.com")
        wrong = oss2.Bucket(oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret), sandbox.oss_endpoint, sandbox.bucket, region="cn-beijing")
        with pytest.raises(oss2.exceptions.ServerError) as error:
            wrong.put_object("k", b"x")
        assert (error.value.status, error.value.code, error.value.details["EC"]) == (400, "InvalidArgument", "0002-00000226")
        found = {item.name: item.region for item in client(sandbox).list_buckets(oss.ListBucketsRequest()).buckets}
        assert found == {sandbox.bucket: sandbox.region, "far-bucket": "cn-beijing"}
    finally:
        stop(sandbox.process)


def test_strict_addressing_version_4_only_and_custom_domains(tmp_path):
    sandbox = start_sandbox(
        tmp_path / "oss", "--strict-addressing", "--v4-only", "--cname", "files.example.com=sandbox-bucket", "--cname", "b.example.com=sandbox-bucket")
    try:
        port = urllib.parse.urlsplit(sandbox.oss_endpoint).port
        bucket(sandbox).put_object("k", DATA)
        with pytest.raises(oss2.exceptions.ServerError) as error:
            bucket(sandbox, version="v1").put_object("k", b"x")
        assert error.value.details["EC"] == "0002-00000034"

        def get(host, path):
            return send("GET", f"{sandbox.oss_endpoint}{path}", headers={"Host": host})

        assert b"<Code>SecondLevelDomainForbidden</Code>" in get(f"localhost:{port}", f"/{sandbox.bucket}/k")[1]
        assert b"<Code>NonStandardHostForbidden</Code>" in get("other.example.com", "/k")[1]
        cname = oss2.Bucket(
            oss2.AuthV4(sandbox.access_key_id, sandbox.access_key_secret), "http://files.example.com", sandbox.bucket, is_cname=True,
            region=sandbox.region)
        for host in ("files.example.com", "b.example.com"):
            url = urllib.parse.urlsplit(cname.sign_url("GET", "k", 60))
            assert get(host, f"{url.path}?{url.query}") == (200, DATA)
    finally:
        stop(sandbox.process)


def test_without_a_signature_only_what_is_public_can_be_reached(sandbox):
    private, nobody = bucket(sandbox), oss2.Bucket(oss2.AnonymousAuth(), sandbox.oss_endpoint, sandbox.bucket)
    private.put_object("k", DATA)

    with pytest.raises(oss2.exceptions.AccessDenied) as error:
        nobody.get_object("k")
    assert error.value.details["EC"] == "0003-00001201"
    private.put_object_acl("k", oss2.OBJECT_ACL_PUBLIC_READ)
    assert nobody.get_object("k").read() == DATA
    private.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ_WRITE)
    nobody.put_object("new", b"x")
    with pytest.raises(oss2.exceptions.AccessDenied):
        nobody.put_object("k", b"x")
    with pytest.raises(oss2.exceptions.AccessDenied):
        nobody.list_objects()
    assert private.get_bucket_acl().acl == "public-read-write" and private.get_object_acl("k").acl == "public-read"


def test_the_other_operations_of_the_sdks_work(sandbox):
    v1, v2 = bucket(sandbox, version="v1"), client(sandbox)
    first = v1.append_object("log", 0, DATA)
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as error:
        v1.append_object("log", 1, b"x")
    assert error.value.next_position == len(DATA)
    second = v2.append_object(oss.AppendObjectRequest(sandbox.bucket, "log", position=first.next_position, body=b"end"))
    assert second.next_position == len(DATA) + 3 and v1.get_object("log").read() == DATA + b"end"

    v1.copy_object(sandbox.bucket, "log", "copy é")
    v2.copy_object(oss.CopyObjectRequest(
        sandbox.bucket, "copy 2", source_key="copy é", metadata_directive="REPLACE", metadata={"a": "1"}))
    assert v2.get_object(oss.GetObjectRequest(sandbox.bucket, "copy 2")).body.content == DATA + b"end"
    assert v2.head_object(oss.HeadObjectRequest(sandbox.bucket, "copy 2")).metadata == {"a": "1"}
    upload = v1.init_multipart_upload("whole").upload_id
    part = v1.upload_part_copy(sandbox.bucket, "log", (0, 99), "whole", upload, 1)
    v1.complete_multipart_upload("whole", upload, [oss2.models.PartInfo(1, part.etag)])
    assert v1.get_object("whole").read() == (DATA + b"end")[:100]

    stat = v2.get_bucket_stat(oss.GetBucketStatRequest(sandbox.bucket))
    assert (stat.object_count, stat.storage) == (4, 3 * (len(DATA) + 3) + 100)
    info = v2.get_bucket_info(oss.GetBucketInfoRequest(sandbox.bucket)).bucket_info
    assert (info.name, info.location, info.acl) == (sandbox.bucket, f"oss-{sandbox.region}", "private")
    assert v2.is_bucket_exist(sandbox.bucket) and not v2.is_bucket_exist("absent-bucket")
    assert v1.get_bucket_location().location == f"oss-{sandbox.region}"
    gone = v1.batch_delete_objects(["log", "copy é", "absent"])
    assert sorted(gone.deleted_keys) == ["absent", "copy é", "log"]
    v2.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(sandbox.bucket, objects=[oss.DeleteObject("copy 2")]))
    assert set(sandbox.objects()) == {"whole"}


def test_appended_and_public_objects_survive_a_kill(tmp_path):
    sandbox = start_sandbox(tmp_path / "oss", "--bucket", "far-bucket:cn-beijing")
    try:
        first = bucket(sandbox).append_object("log", 0, DATA)
        bucket(sandbox).append_object("log", first.next_position, b"end")
        assert post(sandbox, {"key": "form", "x-oss-object-acl": "public-read", **form(sandbox, "v4", [])}).status_code == 204
        bucket(sandbox).put_object("small", b"x")
        bucket(sandbox).put_object_acl("small", oss2.OBJECT_ACL_PUBLIC_READ)
    finally:
        sandbox.process.kill()
        stop(sandbox.process)

    sandbox = start_sandbox(tmp_path / "oss")
    try:
        nobody = oss2.Bucket(oss2.AnonymousAuth(), sandbox.oss_endpoint, sandbox.bucket)
        assert nobody.get_object("form").read() == DATA and nobody.get_object("small").read() == b"x"
        assert bucket(sandbox).append_object("log", len(DATA) + 3, b"!").next_position == len(DATA) + 4
        assert bucket(sandbox).get_object("log").read() == DATA + b"end!"
        assert "far-bucket" in [item.name for item in client(sandbox).list_buckets(oss.ListBucketsRequest()).buckets]
    finally:
        stop(sandbox.process)
