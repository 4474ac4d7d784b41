"""The official Python SDKs against davit-sandbox: what OSS takes is taken, what OSS refuses is refused with OSS's code."""
import base64
import hashlib
import http.client
import json
import os
import socket
import subprocess
import urllib.parse

import alibabacloud_oss_v2 as oss
import oss2
import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdksts.request.v20150401.AssumeRoleRequest import AssumeRoleRequest

from conftest import start_sandbox, stop

PART = 102_400


def client(sandbox, key=None, secret=None, token=None, **options):
    """alibabacloud-oss-v2, which signs with version 4."""
    configuration = oss.config.load_default()
    configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(
        key or sandbox.access_key_id, secret or sandbox.access_key_secret, token)
    configuration.region = sandbox.region
    configuration.endpoint = sandbox.oss_endpoint
    configuration.retry_max_attempts = 1
    for name, value in options.items():
        setattr(configuration, name, value)
    return oss.Client(configuration)


def bucket(sandbox, key=None, secret=None, token=None, version="v4"):
    """oss2 with signatures of either version."""
    key, secret = key or sandbox.access_key_id, secret or sandbox.access_key_secret
    if token is not None:
        auth = oss2.StsAuth(key, secret, token, auth_version=version)
    else:
        auth = oss2.AuthV4(key, secret) if version == "v4" else oss2.Auth(key, secret)
    return oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)


def assume_role(sandbox, method="POST", key=None, secret=None, **parameters):
    """Credentials of AssumeRole, by the STS SDK."""
    endpoint = urllib.parse.urlparse(sandbox.sts_endpoint)
    # The key never leaves this machine: the SDK is told that the service is here.
    acs = AcsClient(key or sandbox.access_key_id, secret or sandbox.access_key_secret, sandbox.region, proxy={}, port=endpoint.port)
    request = AssumeRoleRequest()
    request.set_endpoint(endpoint.hostname)
    request.set_accept_format("json")
    request.set_protocol_type("http")
    request.set_method(method)
    request.set_RoleArn(sandbox.role_arn)
    request.set_RoleSessionName("alice")
    for name, value in parameters.items():
        getattr(request, f"set_{name}")(value)
    return json.loads(acs.do_action_with_exception(request))["Credentials"]


def refused(error):
    """(status, code) of an error of alibabacloud-oss-v2."""
    inner = error.value
    while not isinstance(inner, oss.exceptions.ServiceError):
        inner = inner.unwrap()
    return inner.status_code, inner.code


def crc64(data):
    crc = oss2.utils.Crc64()
    crc.update(data)
    return str(crc.crc)


DATA = bytes(range(256)) * 1000
# No dot segments: the HTTP library below both SDKs removes them after the request was signed.
KEYS = ["plain", "a b+c%d", "dir/é-e\u0301/😀", "a//b", ".c", "trailing/", "\x01control\t", "q?x=1&y#z"]


@pytest.mark.parametrize("key", KEYS)
def test_v2_puts_heads_gets_and_deletes(sandbox, key):
    v2 = client(sandbox)

    put = v2.put_object(oss.PutObjectRequest(sandbox.bucket, key, body=DATA, metadata={"camera": "7"}, storage_class="IA"))

    assert put.etag == f'"{hashlib.md5(DATA).hexdigest().upper()}"'
    assert put.content_md5 == base64.b64encode(hashlib.md5(DATA).digest()).decode()
    assert str(put.hash_crc64) == crc64(DATA)
    head = v2.head_object(oss.HeadObjectRequest(sandbox.bucket, key))
    assert (head.content_length, head.object_type, head.storage_class, head.metadata["camera"]) == (len(DATA), "Normal", "IA", "7")
    assert v2.get_object(oss.GetObjectRequest(sandbox.bucket, key)).body.content == DATA
    part = v2.get_object(oss.GetObjectRequest(sandbox.bucket, key, range_header="bytes=10-19"))
    assert (part.status_code, part.body.content, part.content_range) == (206, DATA[10:20], f"bytes 10-19/{len(DATA)}")
    meta = v2.get_object_meta(oss.GetObjectMetaRequest(sandbox.bucket, key))
    assert meta.content_length == len(DATA) and str(meta.hash_crc64) == crc64(DATA)
    assert [item.key for item in v2.list_objects_v2(oss.ListObjectsV2Request(sandbox.bucket)).contents] == [key]
    assert v2.delete_object(oss.DeleteObjectRequest(sandbox.bucket, key)).status_code == 204
    with pytest.raises(oss.exceptions.OperationError) as gone:
        v2.head_object(oss.HeadObjectRequest(sandbox.bucket, key))
    assert refused(gone) == (404, "NoSuchKey")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_does_the_same_with_both_signatures(sandbox, version):
    oss_bucket = bucket(sandbox, version=version)

    for key in KEYS:
        oss_bucket.put_object(key, DATA, headers={"x-oss-tagging": "k1=v1&k%202=v%2B2"})
        assert oss_bucket.get_object(key).read() == DATA
        assert oss_bucket.head_object(key).etag == hashlib.md5(DATA).hexdigest().upper()
        assert oss_bucket.get_object_tagging(key).tag_set.tagging_rule == {"k1": "v1", "k 2": "v+2"}

    assert [item.key for item in oss2.ObjectIterator(oss_bucket, max_keys=2)] == sorted(KEYS, key=str.encode)
    assert oss_bucket.get_bucket_info().name == sandbox.bucket
    assert sandbox.bucket in [item.name for item in oss2.BucketIterator(oss2.Service(oss_bucket.auth, sandbox.oss_endpoint, region=sandbox.region))]


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_a_signed_url_works_until_it_expires_and_not_with_a_byte_changed(sandbox, version):
    oss_bucket = bucket(sandbox, version=version)
    url = oss_bucket.sign_url("PUT", "dir/signed +.bin", 60, slash_safe=True)

    def put(url):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request("PUT", f"{parts.path}?{parts.query}", body=DATA)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    assert put(url)[0] == 200
    assert oss_bucket.get_object("dir/signed +.bin").read() == DATA
    status, text = put(url.replace("signed", "signeD"))
    assert status == 403 and "SignatureDoesNotMatch" in text
    sandbox.control("POST", "/_sandbox/clock", {"offset": 61})
    status, text = put(url)
    assert status == 403 and "AccessDenied" in text and "expired" in text


def test_v2_uploads_in_parts_and_the_whole_has_the_combined_crc(sandbox):
    v2 = client(sandbox)
    data = os.urandom(PART * 3 + 7)

    upload = v2.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(sandbox.bucket, "big +.bin", content_type="video/mp4"))
    parts = []
    for number, start in enumerate(range(0, len(data), PART), 1):
        sent = v2.upload_part(oss.UploadPartRequest(
            sandbox.bucket, "big +.bin", upload_id=upload.upload_id, part_number=number, body=data[start:start + PART]))
        parts.append(oss.UploadPart(part_number=number, etag=sent.etag))
    listed = v2.list_parts(oss.ListPartsRequest(sandbox.bucket, "big +.bin", upload_id=upload.upload_id, max_parts=2))
    uploads = v2.list_multipart_uploads(oss.ListMultipartUploadsRequest(sandbox.bucket))
    done = v2.complete_multipart_upload(oss.CompleteMultipartUploadRequest(
        sandbox.bucket, "big +.bin", upload_id=upload.upload_id, complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts)))

    assert [(part.part_number, part.size) for part in listed.parts] == [(1, PART), (2, PART)]
    assert listed.is_truncated and listed.next_part_number_marker == 2
    assert [item.key for item in uploads.uploads] == ["big +.bin"]
    assert str(done.hash_crc64) == crc64(data)
    head = v2.head_object(oss.HeadObjectRequest(sandbox.bucket, "big +.bin"))
    assert (head.object_type, head.content_type, head.content_length) == ("Multipart", "video/mp4", len(data))
    assert head.content_md5 is None and str(head.hash_crc64) == crc64(data)
    assert v2.get_object(oss.GetObjectRequest(sandbox.bucket, "big +.bin")).body.content == data
    stored = next(item for item in sandbox.control("GET", "/_sandbox/objects")["objects"] if item["key"] == "big +.bin")
    assert stored["sha256"] == hashlib.sha256(data).hexdigest()
    assert sandbox.control("GET", "/_sandbox/uploads")["uploads"] == []


def test_the_sdk_uploaders_and_oss2_resumable_upload_work(sandbox, tmp_path):
    file = tmp_path / "file.bin"
    data = os.urandom(1_000_000)
    file.write_bytes(data)

    client(sandbox).uploader(part_size=PART, parallel_num=3).upload_file(
        oss.PutObjectRequest(sandbox.bucket, "uploader"), filepath=str(file))
    oss2.resumable_upload(
        bucket(sandbox), "resumable", str(file), store=oss2.ResumableStore(root=str(tmp_path)), multipart_threshold=PART, part_size=PART)

    for key in ("uploader", "resumable"):
        assert bucket(sandbox).get_object(key).read() == data


def test_a_part_too_small_is_refused_at_complete(sandbox):
    oss_bucket = bucket(sandbox)
    upload = oss_bucket.init_multipart_upload("small")
    parts = [
        oss2.models.PartInfo(number, oss_bucket.upload_part("small", upload.upload_id, number, b"x" * 1000).etag) for number in (1, 2)]

    with pytest.raises(oss2.exceptions.ServerError) as error:
        oss_bucket.complete_multipart_upload("small", upload.upload_id, parts)

    assert (error.value.status, error.value.code) == (400, "EntityTooSmall")
    assert error.value.details["MinSizeAllowed"] == "102400" and error.value.details["PartNumber"] == "1"
    assert not oss_bucket.object_exists("small")


@pytest.mark.parametrize("wrong, code", [("etag", "InvalidPart"), ("order", "InvalidPartOrder"), ("missing", "InvalidPart"), ("gone", "NoSuchUpload")])
def test_complete_holds_to_the_rules_for_parts(sandbox, wrong, code):
    oss_bucket = bucket(sandbox)
    upload_id = oss_bucket.init_multipart_upload("k").upload_id
    etags = [oss_bucket.upload_part("k", upload_id, number, bytes([number]) * PART).etag for number in (1, 2)]
    parts = [oss2.models.PartInfo(1, etags[0]), oss2.models.PartInfo(2, etags[1])]
    if wrong == "etag":
        parts[1].etag = etags[0]
    if wrong == "order":
        parts[0].part_number, parts[1].part_number = 2, 2
        parts[0].etag = etags[1]
    if wrong == "missing":
        parts.append(oss2.models.PartInfo(3, etags[1]))
    if wrong == "gone":
        oss_bucket.abort_multipart_upload("k", upload_id)

    with pytest.raises(oss2.exceptions.ServerError) as error:
        oss_bucket.complete_multipart_upload("k", upload_id, parts)

    assert error.value.code == code


def test_a_wrong_secret_is_refused(sandbox):
    with pytest.raises(oss.exceptions.OperationError) as error:
        client(sandbox, secret="wrong").put_object(oss.PutObjectRequest(sandbox.bucket, "k", body=b"x"))
    assert refused(error) == (403, "SignatureDoesNotMatch")
    with pytest.raises(oss.exceptions.OperationError) as error:
        client(sandbox, key="LTAInobody").put_object(oss.PutObjectRequest(sandbox.bucket, "k", body=b"x"))
    assert refused(error) == (403, "InvalidAccessKeyId")
    for version in ("v1", "v4"):
        with pytest.raises(oss2.exceptions.ServerError) as error:
            bucket(sandbox, secret="wrong", version=version).put_object("k", b"x")
        assert (error.value.status, error.value.code) == (403, "SignatureDoesNotMatch")


def test_a_header_changed_on_the_way_is_refused(sandbox):
    v2 = client(sandbox)
    signed = v2.presign(oss.PutObjectRequest(sandbox.bucket, "k", content_type="text/plain", metadata={"camera": "7"}))
    parts = urllib.parse.urlsplit(signed.url)

    def put(headers):
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request("PUT", f"{parts.path}?{parts.query}", body=b"x", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    status, text = put({**signed.signed_headers, "x-oss-meta-camera": "8"})
    assert status == 403 and "SignatureDoesNotMatch" in text
    status, text = put({"Content-Type": "text/plain"})
    assert status == 403 and "SignatureDoesNotMatch" in text
    assert put(signed.signed_headers)[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_of_assume_role_works_within_its_policy(sandbox, method):
    policy = {"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": [f"acs:oss:*:*:{sandbox.bucket}/users/alice/*"]}]}

    token = assume_role(sandbox, method, Policy=json.dumps(policy), DurationSeconds=900)

    key = (token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
    client(sandbox, *key).put_object(oss.PutObjectRequest(sandbox.bucket, "users/alice/a b", body=b"x"))
    with pytest.raises(oss.exceptions.OperationError) as error:
        client(sandbox, *key).put_object(oss.PutObjectRequest(sandbox.bucket, "users/alice2/a", body=b"x"))
    assert refused(error) == (403, "AccessDenied")
    for version in ("v1", "v4"):
        bucket(sandbox, *key, version=version).put_object("users/alice/b", b"y")
        with pytest.raises(oss2.exceptions.ServerError) as error:
            bucket(sandbox, *key, version=version).get_object("users/alice/b")
        assert (error.value.status, error.value.code) == (403, "AccessDenied")


def test_a_token_dies_with_its_time_its_key_and_a_changed_byte(sandbox):
    token = assume_role(sandbox)
    key = (token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
    other = assume_role(sandbox)

    def put(*key):
        client(sandbox, *key).put_object(oss.PutObjectRequest(sandbox.bucket, "k", body=b"x"))

    put(*key)
    for wrong in [token["SecurityToken"][:-4] + "AAAA", other["SecurityToken"], "CAIS"]:
        with pytest.raises(oss.exceptions.OperationError) as error:
            put(key[0], key[1], wrong)
        assert refused(error) == (403, "InvalidSecurityToken")
    with pytest.raises(oss.exceptions.OperationError) as error:
        put(key[0], key[1])
    assert refused(error) == (403, "InvalidAccessKeyId")
    sandbox.control("POST", "/_sandbox/tokens/expire", {"access_key_id": key[0]})
    with pytest.raises(oss.exceptions.OperationError) as error:
        put(*key)
    assert refused(error) == (403, "SecurityTokenExpired")
    put(other["AccessKeyId"], other["AccessKeySecret"], other["SecurityToken"])
    sandbox.control("POST", "/_sandbox/tokens/expire")
    with pytest.raises(oss.exceptions.OperationError) as error:
        put(other["AccessKeyId"], other["AccessKeySecret"], other["SecurityToken"])
    assert refused(error) == (403, "SecurityTokenExpired")


def test_a_short_life_for_tokens_is_told_by_their_expiration(sandbox):
    sandbox.control("POST", "/_sandbox/tokens/life", {"seconds": 5})
    token = assume_role(sandbox, DurationSeconds=3600)
    now = sandbox.control("GET", "/_sandbox/clock")["now"]

    assert token["Expiration"][:11] == now[:11]
    sandbox.control("POST", "/_sandbox/clock", {"offset": 6})
    with pytest.raises(oss.exceptions.OperationError) as error:
        client(sandbox, token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"]).put_object(
            oss.PutObjectRequest(sandbox.bucket, "k", body=b"x"))
    assert refused(error) == (403, "SecurityTokenExpired")


@pytest.mark.parametrize("parameters, code", [
    ({"DurationSeconds": 899}, "InvalidParameter.DurationSeconds"),
    ({"DurationSeconds": 3601}, "InvalidParameter.DurationSeconds"),
    ({"RoleSessionName": "a"}, "InvalidParameter.RoleSessionName"),
    ({"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
    ({"RoleArn": "acs:ram::1234567890123456:role/nobody"}, "EntityNotExist.Role"),
    ({"RoleArn": "nonsense"}, "InvalidParameter.RoleArn"),
    ({"Policy": "{}"}, "InvalidParameter.PolicyGrammar"),
    ({"Policy": " " * 2049}, "InvalidParameter.PolicySize"),
])
def test_assume_role_refuses_what_sts_refuses(sandbox, parameters, code):
    with pytest.raises(ServerException) as error:
        assume_role(sandbox, **parameters)

    assert error.value.get_error_code() == code


def test_sts_refuses_wrong_keys_and_secrets(sandbox):
    for wrong, code in [({"secret": "wrong"}, ("SignatureDoesNotMatch", "IncompleteSignature")), ({"key": "nobody"}, ("InvalidAccessKeyId.NotFound",))]:
        with pytest.raises(ServerException) as error:
            assume_role(sandbox, **wrong)
        assert error.value.get_error_code() in code


def test_a_clock_beyond_15_minutes_is_told_the_servers_time(sandbox):
    sandbox.control("POST", "/_sandbox/clock", {"offset": 1200})

    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket(sandbox).put_object("k", b"x")

    assert (error.value.status, error.value.code) == (403, "RequestTimeTooSkewed")
    assert error.value.details["MaxAllowedSkewMilliseconds"] == "900000" and "ServerTime" in error.value.details
    # This client corrects its clock by that and goes on.
    sandbox.control("POST", "/_sandbox/clock", {"offset": 600})
    bucket(sandbox).put_object("k", b"x")


def test_listings_fold_at_the_delimiter_and_page(sandbox):
    oss_bucket = bucket(sandbox)
    for key in ["a/1", "a/2", "b/1", "c", "d e/+"]:
        oss_bucket.put_object(key, b"x")

    folded = oss_bucket.list_objects_v2(delimiter="/")
    assert folded.prefix_list == ["a/", "b/", "d e/"] and [item.key for item in folded.object_list] == ["c"]
    seen = [item.key for item in oss2.ObjectIteratorV2(oss_bucket, delimiter="/", max_keys=1)]
    assert seen == ["a/", "b/", "c", "d e/"]
    v2 = client(sandbox)
    pages = [page.key_count for page in v2.list_objects_v2_paginator(limit=2).iter_page(oss.ListObjectsV2Request(sandbox.bucket, start_after="a/1"))]
    assert pages == [2, 2]


def test_forbid_overwrite_and_checksums_are_kept_to(sandbox):
    oss_bucket = bucket(sandbox)
    oss_bucket.put_object("k", b"first")
    for wrong, code in [
        ({"x-oss-forbid-overwrite": "true"}, "FileAlreadyExists"), ({"Content-MD5": base64.b64encode(b"0" * 16).decode()}, "InvalidDigest"),
        ({"Content-MD5": "nonsense"}, "InvalidDigest"), ({"x-oss-hash-crc64ecma": "1"}, "InvalidCRC64"),
        ({"x-oss-storage-class": "Cold"}, "InvalidArgument"), ({"x-oss-server-side-encryption": "DES"}, "InvalidEncryptionAlgorithmError"),
        ({"If-Match": "x"}, "NotImplemented"),
    ]:
        with pytest.raises(oss2.exceptions.ServerError) as error:
            oss_bucket.put_object("k", b"second", headers=wrong)
        assert error.value.code == code, wrong
    assert oss_bucket.get_object("k").read() == b"first"


def test_buckets_are_made_and_removed(sandbox):
    v2 = client(sandbox)
    v2.put_bucket(oss.PutBucketRequest("another-bucket"))
    assert "another-bucket" in [item.name for item in v2.list_buckets(oss.ListBucketsRequest()).buckets]
    v2.put_object(oss.PutObjectRequest("another-bucket", "k", body=b"x"))
    with pytest.raises(oss.exceptions.OperationError) as error:
        v2.delete_bucket(oss.DeleteBucketRequest("another-bucket"))
    assert refused(error) == (409, "BucketNotEmpty")
    v2.delete_object(oss.DeleteObjectRequest("another-bucket", "k"))
    v2.delete_bucket(oss.DeleteBucketRequest("another-bucket"))
    with pytest.raises(oss.exceptions.OperationError) as error:
        v2.put_object(oss.PutObjectRequest("another-bucket", "k", body=b"x"))
    assert refused(error) == (404, "NoSuchBucket")


def test_nothing_acknowledged_is_lost_and_nothing_torn_kept_when_the_sandbox_is_killed(tmp_path):
    sandbox = start_sandbox(tmp_path / "oss")
    try:
        oss_bucket = bucket(sandbox)
        objects = {f"dir/{size}": os.urandom(size) for size in (0, 1, 40_000, 300_000)}
        for key, data in objects.items():
            oss_bucket.put_object(key, data)
        upload_id = oss_bucket.init_multipart_upload("big").upload_id
        first = oss_bucket.upload_part("big", upload_id, 1, b"1" * PART)
        token = assume_role(sandbox)
        url = urllib.parse.urlsplit(oss_bucket.sign_url("PUT", "torn", 60))
        half = socket.create_connection((url.hostname, url.port))
        half.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 500_000)
    finally:
        sandbox.process.kill()
        stop(sandbox.process)

    sandbox = start_sandbox(tmp_path / "oss")
    try:
        oss_bucket = bucket(sandbox)
        assert {key: oss_bucket.get_object(key).read() for key in objects} == objects
        assert [item["key"] for item in sandbox.control("GET", "/_sandbox/objects")["objects"]] == sorted(objects)
        second = oss_bucket.upload_part("big", upload_id, 2, b"2")
        oss_bucket.complete_multipart_upload(
            "big", upload_id, [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)])
        assert oss_bucket.get_object("big").read() == b"1" * PART + b"2"
        bucket(sandbox, token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"]).put_object("by-token", b"x")
    finally:
        stop(sandbox.process)


def test_a_bucket_answers_under_its_own_host_name(sandbox, tmp_path):
    file = tmp_path / "file.bin"
    file.write_bytes(DATA)
    url = urllib.parse.urlsplit(bucket(sandbox).sign_url("PUT", "dir/a b", 60, slash_safe=True))
    path = url.path.removeprefix(f"/{sandbox.bucket}")

    # curl knows that names below localhost are this machine.
    status = subprocess.check_output([
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type:", "-T", file,
        f"http://{sandbox.bucket}.localhost:{url.port}{path}?{url.query}"], text=True)

    assert status == "200"
    assert bucket(sandbox).get_object("dir/a b").read() == DATA
