"""Multipart uploads that somebody began and nobody ended: gone on with, found, aborted, never forgotten."""
import os
import signal

import alibabacloud_oss_v2 as oss

from conftest import digest, make_file, start_sandbox, stop, until

PART = 5 << 20


def client(sandbox):
    configuration = oss.config.load_default()
    configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(sandbox.access_key_id, sandbox.access_key_secret)
    configuration.region, configuration.endpoint = sandbox.region, sandbox.oss_endpoint
    return oss.Client(configuration)


def begin_elsewhere(sandbox, key, parts):
    """The upload id of an upload begun with the official SDK; part number to bytes."""
    other = client(sandbox)
    upload = other.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=sandbox.bucket, key=key)).upload_id
    for number, body in parts.items():
        other.upload_part(oss.UploadPartRequest(bucket=sandbox.bucket, key=key, upload_id=upload, part_number=number, body=body))
    return upload


def part_of(path, number):
    with open(path, "rb") as file:
        file.seek((number - 1) * PART)
        return file.read(PART)


def test_an_upload_begun_elsewhere_is_adopted_and_only_its_gaps_are_sent(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f.mov", 32 << 20, seed=3)
    wrong = b"x" * PART
    begin_elsewhere(sandbox, "f.mov", {1: part_of(path, 1), 3: part_of(path, 3), 4: wrong, 7: part_of(path, 7)})
    before = len(sandbox.requests("UploadPart"))

    listed = davit.json("orphans", f"oss://{sandbox.bucket}/")["items"]
    adopted = davit.json("orphans", f"oss://{sandbox.bucket}/f.mov", "--adopt")["items"]
    davit.run("put", path, f"oss://{sandbox.bucket}/f.mov", check=0)

    assert [item["owner"] for item in listed] == ["other"] and "adopted" not in listed[0]
    assert adopted[0]["adopted"] is True
    assert sorted(item["part_number"] for item in sandbox.requests("UploadPart")[before:]) == [2, 4, 5, 6]
    assert sandbox.objects()["f.mov"]["sha256"] == digest(path) and sandbox.uploads() == []
    assert len(sandbox.requests("InitiateMultipartUpload")) == 1


def test_nothing_is_adopted_unasked(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f.mov", 20 << 20, seed=3)
    other = begin_elsewhere(sandbox, "f.mov", {1: part_of(path, 1)})

    davit.run("put", path, f"oss://{sandbox.bucket}/f.mov", check=0)

    assert [item["upload_id"] for item in sandbox.uploads()] == [other]


def test_a_list_of_parts_that_fails_never_starts_over(davit, sandbox, big_file):
    davit.run("limit", "40MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    until(lambda: any(u["parts"]["stored"] >= 4 for u in davit.uploads()), what="four stored parts")
    os.kill(davit.pid(), signal.SIGKILL)
    stored = {item["part_number"] for item in sandbox.requests("UploadPart") if item["status"] == 200}
    before = len(sandbox.requests("UploadPart"))
    sandbox.fault({"operation": "ListParts", "effect": "status", "status": 500, "code": "InternalError", "count": 3})

    davit.run("limit", "none", check=0)
    davit.run("wait", check=0, seconds=120)

    assert len(sandbox.requests("InitiateMultipartUpload")) == 1 and len(sandbox.requests("ListParts")) >= 4
    assert not stored & {item["part_number"] for item in sandbox.requests("UploadPart")[before:]}
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file) and sandbox.uploads() == []


def test_a_lost_answer_to_initiate_leaves_nothing_behind(davit, sandbox, tmp_path):
    path = make_file(tmp_path / "f", 20 << 20, seed=1)
    sandbox.fault({"operation": "InitiateMultipartUpload", "effect": "lost-answer", "count": 2})

    davit.run("put", path, f"oss://{sandbox.bucket}/f", check=0)

    assert sandbox.uploads() == [] and sandbox.objects()["f"]["sha256"] == digest(path)
    assert len(sandbox.requests("InitiateMultipartUpload")) == 1


def test_an_abort_that_nobody_answered_is_paid_later(davit, sandbox, tmp_path, big_file):
    davit.run("limit", "40MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    until(lambda: any(u["parts"]["stored"] >= 2 for u in davit.uploads()), what="two stored parts")
    port, sts = sandbox.oss_endpoint.rsplit(":", 1)[1], sandbox.sts_endpoint.rsplit(":", 1)[1]
    stop(sandbox.process)

    davit.run("abort", "--all", "--yes", check=0)
    os.kill(davit.pid(), signal.SIGKILL)
    again = start_sandbox(tmp_path / "oss", "--oss-port", port, "--sts-port", sts)
    try:
        assert len(again.uploads()) == 1
        davit.run("queue", check=0)
        until(lambda: again.uploads() == [], 60, "the abort")
        assert davit.json("orphans", f"oss://{sandbox.bucket}/")["items"] == [] and again.objects() == {}
    finally:
        stop(again.process)
