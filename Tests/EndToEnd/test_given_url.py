"""`--signed-url URL`: one file, one request, and the URL is a secret."""
import pytest

from conftest import Davit, digest, make_file, until


@pytest.fixture
def keyless(tmp_path):
    davit = Davit(tmp_path / "keyless")
    yield davit
    davit.stop()


def presigned(davit, sandbox, key, *more):
    return davit.json("presign", f"oss://{sandbox.bucket}/{key}", *more)["url"]


@pytest.mark.parametrize("size", [0, 1000, 40 << 20])
def test_whoever_has_a_url_puts_one_file_without_a_key(davit, keyless, sandbox, tmp_path, size):
    path = make_file(tmp_path / "report.pdf", size)
    url = presigned(davit, sandbox, "in box/report 1.pdf")

    keyless.run("put", path, "--signed-url", url, check=0)

    assert sandbox.objects()["in box/report 1.pdf"]["sha256"] == digest(path)
    assert len(sandbox.requests("PutObject")) == 1 and sandbox.requests("InitiateMultipartUpload") == []


def test_a_url_whose_time_is_over_fails_with_its_reason(davit, keyless, sandbox, tmp_path):
    path = make_file(tmp_path / "f", 1000)
    url = presigned(davit, sandbox, "f", "--expires", "60s")
    sandbox.control("POST", "/_sandbox/clock", {"offset": 3600})

    done = keyless.run("put", path, "--signed-url", url)

    assert done.returncode == 1 and sandbox.objects() == {}
    assert keyless.uploads()[0]["state"] == "failed"


def test_the_url_is_seen_nowhere(davit, keyless, sandbox, tmp_path):
    path = make_file(tmp_path / "f", 1000)
    url = presigned(davit, sandbox, "f")
    secret = [item.split("=", 1)[1] for item in url.split("?")[1].split("&") if "signature" in item.lower() and len(item) > 60][0]

    done = keyless.run("add", path, "--signed-url", url, "--paused", "-v", environment={"DAVIT_LOG": "debug"}, check=0)
    shown = done.stdout + done.stderr + keyless.run("queue", "--json").stdout + keyless.run("status").stdout
    keyless.run("resume", "--all", check=0)
    until(lambda: "f" in sandbox.objects(), what="the object")

    assert secret not in shown
    keyless.run("engine", "stop", check=0)
    holding = [file for file in keyless.home.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    assert [file.parent.name for file in holding] == ["credentials"] and holding[0].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("arguments", [["FILE", "oss://b/k"], ["FOLDER"], ["FILE", "--existing", "skip"]])
def test_what_one_url_cannot_do_is_refused(davit, keyless, sandbox, tmp_path, arguments):
    make_file(tmp_path / "folder/f", 10)
    names = {"FILE": str(tmp_path / "folder/f"), "FOLDER": str(tmp_path / "folder")}

    done = keyless.run("put", *[names.get(item, item) for item in arguments], "--signed-url", presigned(davit, sandbox, "f"))

    assert done.returncode == 2 and sandbox.objects() == {}


def test_a_text_that_is_no_signed_url_is_refused_and_not_repeated(keyless, tmp_path):
    path = make_file(tmp_path / "f", 10)

    for url in ("not a url", "https://bucket.oss-cn-hangzhou.aliyuncs.com/key", "ftp://x/y?Signature=s3cr3t"):
        done = keyless.run("put", path, "--signed-url", url)
        assert done.returncode == 2 and "s3cr3t" not in done.stderr and "--signed-url" in done.stderr
