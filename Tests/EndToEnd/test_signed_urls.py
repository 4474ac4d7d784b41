"""The authorization server signs each request: URLs that live 10 s, a client that holds no key, and nothing to be found on its side."""
import contextlib
import dataclasses
import http.server
import re
import select
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from conftest import OPENER, Davit, digest, make_file, remote, start_authorization, stop, until

PART = 1 << 20
PARTS = 40


class RecordingSTS:
    """Stands between the authorization server and STS and notes what STS hands out, so that it can be looked for elsewhere."""

    def __init__(self, target):
        record = self
        self.secrets, self.tokens = [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "content-length")}
                request = urllib.request.Request(target + self.path, data=body or None, headers=headers, method=self.command)
                try:
                    answer = OPENER.open(request, timeout=30)
                except urllib.error.HTTPError as error:
                    answer = error
                text = answer.read()
                record.secrets += re.findall(rb'AccessKeySecret"?\s*[:>]\s*"?([^"<]+)', text)
                record.tokens += re.findall(rb'SecurityToken"?\s*[:>]\s*"?([^"<]+)', text)
                self.send_response(answer.status)
                for name in ("Content-Type", "Date", "x-acs-request-id"):
                    if answer.headers.get(name):
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = handle_any

            def send_response(self, code, message=None):
                self.send_response_only(code, message)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def memory(pid):
    """All that a process holds in memory, region by region."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as content:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(number, 16) for number in span.split("-"))
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            try:
                content.seek(begin)
                yield content.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue


def found(regions, needles):
    """Which of them are in there."""
    hits = set()
    for region in regions:
        hits |= {needle for needle in needles if needle in region}
    return hits


def environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def control(davit, path, seconds=10):
    """What the control API answers; the events of a second."""
    return subprocess.run(
        ["curl", "-s", "-N", "--max-time", str(seconds), "--unix-socket", davit.home / "run/engine.sock", f"http://engine{path}"],
        capture_output=True).stdout


def on_disk(davit):
    """Database, its write-ahead log and the log, by name."""
    state = davit.home / "state"
    return {path.name: path.read_bytes() for path in state.rglob("*") if path.is_file()}


def shown(davit):
    """All that the engine tells anybody."""
    answers = {path: control(davit, path) for path in ("/v1/status", "/v1/auth", "/v1/uploads", "/v1/settings", "/metrics")}
    answers["/v1/events"] = control(davit, "/v1/events", 1)
    assert all(answers.values()), {path: len(text) for path, text in answers.items()}
    return answers


@contextlib.contextmanager
def watching(davit, folder):
    """`davit watch`, once it has been told of something."""
    process = subprocess.Popen(
        davit.command("watch", "--json"), env=davit.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    try:
        for number in range(20):
            davit.run("add", make_file(folder / f"event-{number}", 1), f"ingest:event-{number}", check=0)
            if select.select([process.stdout], [], [], 1)[0]:
                break
        assert process.stdout.readline() and process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclasses.dataclass
class Bench:
    davit: Davit
    sandbox: object
    authorization: object
    sts: RecordingSTS

    def secrets(self):
        """What no client of signed URLs may ever see."""
        return {self.sandbox.access_key_secret.encode(), *self.sts.secrets}

    def refused(self):
        return [item for item in self.sandbox.requests() if item["status"] == 403]


def bench(tmp_path, sandbox, kind, **variables):
    sts = RecordingSTS(sandbox.sts_endpoint)
    authorization = start_authorization(tmp_path / "authd", dataclasses.replace(sandbox, sts_endpoint=sts.url))
    davit = Davit(tmp_path / "home", {"DAVIT_LOG": "debug", **variables})
    remote(davit, sandbox, authorization, kind)
    return Bench(davit, sandbox, authorization, sts)


def close(bench):
    bench.davit.stop()
    stop(bench.authorization.process)
    bench.sts.close()


@pytest.fixture
def signing(tmp_path, sandbox):
    """URLs of 10 s, as the client asks for them."""
    made = bench(tmp_path, sandbox, "signed-url", DAVIT_URL_LIFE="10s")
    yield made
    close(made)


def upload_folder(bench, tmp_path, count=200):
    folder = tmp_path / "files"
    files = [make_file(folder / f"{number:03}.bin", 700 * number + 1, seed=number) for number in range(count)]
    bench.davit.run("put", f"{folder}/", "ingest:many/", check=0)
    objects = bench.sandbox.objects()
    for file in files:
        assert objects[f"uploads/camera-7/many/{file.name}"]["sha256"] == digest(file), file.name


def upload_parts(bench, tmp_path, seconds):
    """40 parts that take so long."""
    file = make_file(tmp_path / "long.mov", PART * PARTS, seed=7)
    bench.davit.run("limit", str(PART * PARTS // seconds), check=0)
    begun = time.monotonic()
    bench.davit.run("add", file, "ingest:long.mov", "--part-size", str(PART), check=0)
    yield
    bench.davit.run("wait", check=0, seconds=120)
    assert time.monotonic() - begun > seconds * 0.7
    assert bench.sandbox.objects()["uploads/camera-7/long.mov"]["sha256"] == digest(file)


def test_urls_of_ten_seconds_carry_a_folder_and_forty_parts_and_the_client_holds_no_key(signing, tmp_path):
    upload_folder(signing, tmp_path)
    questions = len([line for line in signing.authorization.audit() if line["request"] == "signed-urls"])
    # 200 files, several at a time: what is asked for at once goes out together.
    assert questions < 60, questions

    upload = upload_parts(signing, tmp_path, seconds=20)
    next(upload)
    until(lambda: len(signing.sandbox.requests("UploadPart")) > PARTS // 2, 60, "half of the parts")
    engine = signing.davit.pid()
    lease = next(item for item in signing.davit.json("auth", "status")["leases"] if item["kind"] == "signed-url")
    assert "URL" in lease["identity"] and 0 < lease["left"] <= 10 and lease["renews_in"] <= 5, lease
    # In the middle of it: memory, environment, answers, database and log.
    secrets = signing.secrets()
    assert len(secrets) >= 2, "STS has handed out a secret"
    held = found(memory(engine), secrets | {signing.sandbox.bucket.encode()})
    assert held == {signing.sandbox.bucket.encode()}, "the search works, and no secret is in the engine"
    assert not found([environment(engine)], secrets) and b"DAVIT_URL_LIFE=10s" in environment(engine)
    with watching(signing.davit, tmp_path) as watch:
        unwanted = secrets | set(signing.sts.tokens)
        assert not found([*memory(watch.pid), environment(watch.pid)], unwanted), "the front end knows nothing of it"
    assert len(signing.sandbox.requests("UploadPart")) < PARTS, "all that was in the middle of it"
    next(upload, None)

    # A URL holds the token that the server signs with; neither is shown, logged or written down.
    for name, text in {**shown(signing.davit), **on_disk(signing.davit)}.items():
        assert not found([text], signing.secrets() | set(signing.sts.tokens) | {b"x-oss-signature="}), name
    assert b"debug" in on_disk(signing.davit)["engine.log"].lower()
    requests = signing.sandbox.requests()
    assert signing.refused() == []
    parts = [item for item in requests if item["operation"] == "UploadPart"]
    assert [item["status"] for item in parts] == [200] * PARTS, "each part was sent once"
    assert all(item["status"] < 300 for item in requests if item["operation"] in ("PutObject", "InitiateMultipartUpload", "UploadPart"))
    # Tokens of an hour: URLs come and go, STS is asked once.
    assert len([item for item in requests if item["operation"] == "AssumeRole"]) == 1


def test_urls_that_die_with_tokens_of_ten_seconds_carry_forty_parts_too(tmp_path, sandbox):
    """No wish at all: the server's tokens live 10 s, and a URL lives no longer than its token."""
    sandbox.control("POST", "/_sandbox/tokens/life", {"seconds": 10})
    made = bench(tmp_path, sandbox, "signed-url")
    try:
        for _ in upload_parts(made, tmp_path, seconds=20):
            pass
        assert made.refused() == []
        assert len(sandbox.requests("UploadPart")) == PARTS
        # A token is renewed by the server when three tenths are left.
        assert len(sandbox.requests("AssumeRole")) <= 8
    finally:
        close(made)


def test_an_expired_url_is_replaced_without_failing_the_part(tmp_path, sandbox):
    """The server's clock jumps ahead: all URLs at hand are dead at once."""
    made = bench(tmp_path, sandbox, "signed-url", DAVIT_URL_LIFE="60s")
    try:
        upload = upload_parts(made, tmp_path, seconds=8)
        next(upload)
        until(lambda: len(sandbox.requests("UploadPart")) > 8, 30, "some parts")
        sandbox.control("POST", "/_sandbox/clock", {"offset": 120})
        next(upload, None)

        refused = made.refused()
        assert 1 <= len(refused) <= 40, len(refused)
        view = made.davit.uploads("state:done")[0]
        assert view["last_error"] is None
        numbers = [item["part_number"] for item in sandbox.requests("UploadPart") if item["status"] == 200]
        assert sorted(numbers) == list(range(1, PARTS + 1)), "each part is stored once"
    finally:
        close(made)
