"""What an operator gets wrong with endpoints, regions and addressing: the answer of OSS becomes one line that names the fix."""
import http.server
import threading

import pytest

from conftest import Davit, digest, make_file, start_sandbox, stop, until


def remote(davit, sandbox, **settings):
    """`it:` with the sandbox's key; what is said wins over what would be right."""
    secret = davit.home / "ak.secret"
    secret.write_text(sandbox.access_key_secret)
    secret.chmod(0o600)
    usual = {"bucket": sandbox.bucket, "region": sandbox.region, "endpoint": sandbox.oss_endpoint}
    lines = "\n".join(f'{name} = "{value}"' for name, value in {**usual, **settings}.items() if value)
    davit.configure(f"""
[remote.it]
{lines}
[remote.it.credentials]
kind = "static"
access-key-id = "{sandbox.access_key_id}"
access-key-secret-file = "ak.secret"
""")


def port(sandbox):
    return sandbox.oss_endpoint.rsplit(":", 1)[1]


@pytest.fixture
def world(tmp_path):
    """A sandbox that is as strict as the public service, and a davit for it."""
    sandbox = start_sandbox(
        tmp_path / "oss", "--bucket", "near-bucket", "--bucket", "far-bucket:cn-beijing", "--strict-addressing", "--v4-only",
        "--cname", "files.localhost=near-bucket")
    davit = Davit(tmp_path / "home")
    yield sandbox, davit
    davit.stop()
    stop(sandbox.process)


def refused(davit, file):
    """The one line that `put` says about it."""
    done = davit.run("put", file, "it:x.bin", check=1, seconds=60)
    lines = [line for line in done.stderr.splitlines() if "davit: error:" in line]
    assert len(lines) == 1 and ".." not in lines[0].replace("/../", ""), done.stderr
    return lines[0]


def test_a_bucket_elsewhere_names_its_endpoint(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, bucket="far-bucket")
    file = make_file(tmp_path / "x.bin", 1000)

    text = refused(davit, file)

    assert "AccessDenied" in text and "Set the endpoint to oss-cn-beijing.aliyuncs.com and the region to cn-beijing." in text
    # And that is the fix, with the name that this machine has for it.
    remote(davit, sandbox, bucket="far-bucket", region="cn-beijing", endpoint=f"http://oss-cn-beijing.localhost:{port(sandbox)}")
    davit.run("config", "check", check=0)
    davit.run("put", file, "it:x.bin", check=0)
    assert "Set the endpoint to oss-cn-beijing" in davit.run("ls", f"oss://far-bucket/", check=1, environment=sandbox.environment).stderr


def test_a_region_that_is_not_the_buckets_is_named(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, region="cn-shanghai")

    text = refused(davit, make_file(tmp_path / "x.bin", 1000))

    assert "region" in text.lower() and "cn-shanghai" in text


def test_path_style_where_the_service_forbids_it(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, endpoint=f"http://localhost:{port(sandbox)}", addressing="path")

    text = refused(davit, make_file(tmp_path / "x.bin", 1000))

    assert "SecondLevelDomainForbidden" in text and "virtual" in text


def test_version_1_where_only_version_4_is_taken(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, signature="v1")

    text = refused(davit, make_file(tmp_path / "x.bin", 1000))

    assert "Sign with version 4" in text


def test_a_bucket_that_does_not_exist(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, bucket="no-such-bucket")

    assert "NoSuchBucket" in refused(davit, make_file(tmp_path / "x.bin", 1000))


def test_a_custom_domain_stands_for_its_bucket(world, tmp_path):
    sandbox, davit = world
    remote(davit, sandbox, bucket="near-bucket", endpoint=f"http://files.localhost:{port(sandbox)}", addressing="cname")
    file = make_file(tmp_path / "x.bin", 300_000)

    davit.run("put", file, "it:x.bin", "--part-size", "100KiB", check=0)

    assert sandbox.objects()["x.bin"]["sha256"] == digest(file)


@pytest.mark.parametrize("addressing", ["virtual", "path"])
def test_version_1_does_the_whole_job(sandbox, tmp_path, addressing):
    davit = Davit(tmp_path / "home")
    remote(davit, sandbox, signature="v1", region=None, addressing=addressing, endpoint=f"http://localhost:{port(sandbox)}")
    small, large = make_file(tmp_path / "ü &+.bin", 1000), make_file(tmp_path / "large.bin", 5 << 20, seed=1)
    try:
        davit.run("put", small, large, "it:a b/", "--part-size", "1MiB", "--meta", "k=v", "--tag", "t=1", check=0)

        objects = sandbox.objects()
        assert objects["a b/ü &+.bin"]["sha256"] == digest(small) and objects["a b/large.bin"]["sha256"] == digest(large)
        assert "a b/large.bin" in davit.run("ls", "it:a b/", check=0).stdout
    finally:
        davit.stop()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Something in front of OSS that answers pages of its own."""
    status, page = 502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        while length > 0:
            length -= len(self.rfile.read(min(length, 65536)) or b"x" * length)
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        try:
            self.wfile.write(self.page)
        except OSError:
            pass

    do_PUT = do_POST = do_GET = do_HEAD = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("status, page", [
    (502, Proxy.page), (503, b""), (200, b"<html>Please log in</html>"), (504, b"<Error><Code>Slow"), (500, b"<" * (10 << 20)),
    (503, b"\xff\xfe" * 1000)])
def test_pages_of_a_proxy_are_waited_out(sandbox, tmp_path, status, page):
    handler = type("Answer", (Proxy,), {"status": status, "page": page})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    davit = Davit(tmp_path / "home")
    remote(davit, sandbox, endpoint=f"http://127.0.0.1:{server.server_port}")
    try:
        davit.run("add", make_file(tmp_path / "x.bin", 1000), "it:x.bin", check=0)

        waiting = until(lambda: [one for one in davit.uploads() if one["state"] in ("retrying", "held", "failed")], what="a wait")[0]
        assert waiting["state"] != "failed", waiting
        assert len(waiting["last_error"]["message"]) < 1000 and "\x1b" not in waiting["last_error"]["message"]
    finally:
        davit.stop()
        server.shutdown()
        server.server_close()


def test_a_wrong_key_that_somebody_asks_with_does_not_become_that_of_the_uploads(davit, sandbox, big_file, tmp_path):
    davit.run("limit", "40MiB", check=0)
    davit.run("add", big_file, f"oss://{sandbox.bucket}/big.mov", check=0)
    until(lambda: any(u["parts"]["stored"] >= 1 for u in davit.uploads()), what="a stored part")
    typo = {"OSS_ACCESS_KEY_SECRET": "typo"}

    assert davit.run("ls", f"oss://{sandbox.bucket}/", environment=typo).returncode != 0
    davit.run("put", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", "--plan", environment=typo)
    davit.run("limit", "none", check=0)

    davit.run("wait", check=0)
    assert sandbox.objects()["big.mov"]["sha256"] == digest(big_file)


@pytest.mark.parametrize("name", ["nosuch\x1b[31m:k", "no\x1b]0;title\x07such"])
def test_a_name_that_would_colour_the_terminal_is_shown_and_not_obeyed(davit, name):
    done = davit.run("ls", name)

    assert done.returncode == 2 and "such" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_limits_of_a_remote_count_when_the_configuration_is_read_anew(davit, sandbox, tmp_path):
    remote(davit, sandbox)
    davit.configure((davit.home / "config.toml").read_text().replace("[remote.it]\n", '[remote.it]\nrate-limit = "0"\n'))
    davit.run("add", make_file(tmp_path / "f", 1000), "it:f", check=0)
    until(lambda: davit.json("status")["counts"]["queued"] == 1, what="the file waits")

    remote(davit, sandbox)
    davit.run("config", "check", check=0)

    davit.run("wait", check=0)
    assert "f" in sandbox.objects()
