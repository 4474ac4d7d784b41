"""Temporary credentials and signed URLs: what a client may do, and what it may not."""
import json
import resource
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from conftest import PROGRAMS, Davit, digest, make_file, start_authorization, stop, until


def test_with_signed_urls_the_client_holds_no_key(signed, sandbox, big_file, tmp_path):
    folder = tmp_path / "files"
    files = [make_file(folder / f"{number:02}.bin", 1000 * number + 1, seed=number) for number in range(50)]

    signed.run("put", f"{folder}/", "ingest:many/", check=0)
    signed.run("put", big_file, "ingest:big.mov", check=0, seconds=300)

    objects = sandbox.objects()
    for file in files:
        assert objects[f"uploads/camera-7/many/{file.name}"]["sha256"] == digest(file)
    assert objects["uploads/camera-7/big.mov"]["sha256"] == digest(big_file)
    # Nothing in the client's home is an access key, a secret or a token of OSS.
    for path in signed.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert sandbox.access_key_secret.encode() not in content and b"STS." not in content, path


def test_a_broker_token_writes_nothing_outside_its_prefix(broker, sandbox, authorization, tmp_path):
    import oss2
    file = make_file(tmp_path / "data.bin", 1000)

    broker.run("put", file, "ingest:inside.bin", check=0)
    status, token = authorization.call("POST", "/v1/credentials", {})

    assert status == 200 and token["Prefix"] == "uploads/camera-7/"
    assert len(token["Policy"]) <= 2048
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"], auth_version="v4")
    bucket = oss2.Bucket(auth, sandbox.oss_endpoint, sandbox.bucket, region=sandbox.region)
    bucket.put_object("uploads/camera-7/allowed", b"yes")
    for key in ["outside", "uploads/camera-70/x", "uploads/camera-7", "uploads/camera-8/x", "uploads/"]:
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.put_object(key, b"no")
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.init_multipart_upload(key)
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.delete_object("uploads/camera-7/allowed")
    assert set(sandbox.objects()) == {"uploads/camera-7/inside.bin", "uploads/camera-7/allowed"}


@pytest.mark.parametrize(
    "body", [{"prefix": "uploads/camera-8/"}, {"prefix": "../camera-8/"}, {"prefix": "uploads/camera-70"}, {"verbs": ["delete"]}])
def test_what_the_grant_does_not_allow_is_refused(authorization, body):
    assert authorization.call("POST", "/v1/credentials", body)[0] == 403


def test_an_unknown_token_is_refused_and_both_decisions_are_audited(authorization):
    assert authorization.call("POST", "/v1/credentials", {}, token="wrong")[0] == 401
    assert authorization.call("POST", "/v1/credentials", {})[0] == 200

    text = (authorization.folder / "audit.jsonl").read_text()
    assert len(text.splitlines()) == 2
    assert authorization.token not in text and "CAIS" not in text


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_half_a_line_of_the_audit_log_is_ended_before_the_next(sandbox, tmp_path):
    """The disk fills up in the middle of a line, has room again, and the file is opened anew."""
    server = start_authorization(tmp_path / "authd", sandbox, before=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
    try:
        assert server.call("POST", "/v1/credentials", {})[0] == 200
        size = (server.folder / "audit.jsonl").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
        assert server.call("POST", "/v1/credentials", {})[0] == 503
        assert (server.folder / "audit.jsonl").stat().st_size == size + 20
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        urllib.request.urlopen(server.url + "/readyz", timeout=10).close()
        assert server.call("POST", "/v1/credentials", {})[0] == 200
    finally:
        stop(server.process)

    lines = (server.folder / "audit.jsonl").read_text().splitlines()
    assert len(lines) == 3 and len(lines[1]) == 20 and json.loads(lines[2])["decision"] == "allowed"


def test_connections_beyond_the_open_files_do_not_spin(sandbox, tmp_path):
    server = start_authorization(tmp_path / "authd", sandbox, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)))
    connections = []
    try:
        host, port = server.url.removeprefix("http://").split(":")
        for _ in range(200):
            connections.append(socket.create_connection((host, int(port)), timeout=10))
        before = processor_seconds(server.process.pid)
        time.sleep(1)
        assert processor_seconds(server.process.pid) - before < 0.5
        for connection in connections:
            connection.close()
        assert server.call("POST", "/v1/credentials", {})[0] == 200
    finally:
        stop(server.process)


def test_a_hundred_requests_cost_one_call_to_sts(authorization, sandbox):
    for _ in range(100):
        assert authorization.call("POST", "/v1/credentials", {})[0] == 200

    assert len(sandbox.requests("AssumeRole")) == 1


def test_an_upload_outlives_its_tokens(sandbox, big_file, tmp_path):
    """Tokens that live 5 s while 300 MiB go out for 40 s."""
    sandbox.control("POST", "/_sandbox/tokens/life", {"seconds": 5})
    authorization = start_authorization(tmp_path / "authd", sandbox)
    davit = Davit(tmp_path / "home")
    from conftest import remote
    remote(davit, sandbox, authorization, "broker")
    try:
        davit.run("limit", "7.5MiB", check=0)
        import time
        begun = time.monotonic()
        davit.run("put", big_file, "ingest:long.mov", "--part-size", "1MiB", check=0, seconds=200)
        took = time.monotonic() - begun
        assert took > 30
        assert sandbox.objects()["uploads/camera-7/long.mov"]["sha256"] == digest(big_file)
        asked = [line for line in authorization.audit() if line.get("decision", "allowed").startswith("allow")]
        lives = took / 5
        # About one request a token life: an early refresh at 0.8 of it makes 1.25, the first and last add a little.
        assert lives * 0.8 <= len(asked) <= lives * 1.6 + 3, (len(asked), lives)
        assert len(sandbox.requests("UploadPart")) >= 300
    finally:
        davit.stop()
        stop(authorization.process)


def test_no_secret_is_readable_anywhere(broker, sandbox, authorization, tmp_path):
    file = make_file(tmp_path / "data.bin", 1000)
    broker.environment["DAVIT_LOG"] = "debug"
    broker.run("put", file, "ingest:x", check=0)
    broker.run("auth", "status", check=0)

    _, token = authorization.call("POST", "/v1/credentials", {})
    secrets = [token["AccessKeySecret"], token["SecurityToken"], authorization.token]
    texts = [json.dumps(broker.json(*words)) for words in (["auth", "status"], ["status"], ["queue"])]
    texts += [(broker.home / "state/engine.log").read_text()]
    texts += [path.read_bytes().decode("latin-1") for path in (broker.home / "state").glob("davit.sqlite*")]
    texts += [subprocess.check_output(["ps", "axww", "-o", "args"], text=True), (authorization.folder / "audit.jsonl").read_text()]
    for text in texts:
        for secret in secrets:
            assert secret not in text
    for path in (broker.home / "state/credentials").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
