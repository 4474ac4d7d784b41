"""The engine as a service: its log, its signs to systemd, its one place a user, its open calls, its followers."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

from conftest import PROGRAMS, Davit, make_file, start_sandbox, stop, until

ROOT = pathlib.Path(__file__).parents[2]


def call(davit, method, path, body=None, headers=(), raw=None, seconds=10):
    """(status, headers, body) of one call over the socket; `raw` bytes are sent as they are."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    connection.connect(str(davit.home / "run/engine.sock"))
    if raw is None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        head = [f"{method} {path} HTTP/1.1", "Host: engine", f"Content-Length: {len(data)}", "Connection: close", *headers]
        raw = "\r\n".join(head).encode() + b"\r\n\r\n" + data
    try:
        connection.sendall(raw)
    except BrokenPipeError:
        pass
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except (ConnectionResetError, TimeoutError):
        pass
    connection.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]) if lines[0] else 0, fields, rest


class Service:
    """`davit engine run` with a notify socket of ours, as systemd starts it."""

    def __init__(self, davit, abstract=False, **environment):
        self.davit = davit
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"\0davit-test-{os.getpid()}-{id(self)}" if abstract else str(davit.home / "notify")
        self.notify.bind(name)
        self.notify.settimeout(30)
        self.messages = []
        self.process = subprocess.Popen(
            davit.command("engine", "run"), env={**davit.environment, "NOTIFY_SOCKET": name.replace("\0", "@"), **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, word):
        """The message that holds that line; those before it are kept too."""
        while True:
            message = dict(line.split("=", 1) for line in self.notify.recv(4096).decode().strip().split("\n"))
            self.messages.append(message)
            if word in message:
                return message

    def stop(self):
        stop(self.process)
        self.notify.close()


@pytest.fixture
def lone(tmp_path):
    """davit without a sandbox."""
    davit = Davit(tmp_path / "home")
    yield davit
    davit.stop()


@pytest.fixture
def service(davit):
    services = []

    def start(**options):
        services.append(Service(davit, **options))
        return services[-1]

    yield start
    for item in services:
        item.stop()


# Under systemd


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_it_is_ready_reloads_lives_and_stops(davit, service, abstract):
    engine = service(abstract=abstract, WATCHDOG_USEC="400000")

    ready = engine.wait_for("READY")
    assert ready["MAINPID"] == str(engine.process.pid)
    assert davit.json("engine", "status")["pid"] == engine.process.pid
    engine.wait_for("WATCHDOG")
    engine.wait_for("WATCHDOG")

    engine.process.send_signal(signal.SIGHUP)
    assert int(engine.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
    engine.wait_for("READY")

    engine.process.terminate()
    engine.wait_for("STOPPING")
    assert engine.process.wait(15) == 0
    assert not (davit.home / "run/engine.sock").exists()


def test_a_service_ends_within_ten_seconds_though_the_network_is_dead(davit, service, sandbox, tmp_path):
    for index in range(4):
        make_file(tmp_path / f"big/{index}", 20 << 20, seed=index)
    engine = service()
    engine.wait_for("READY")
    # A multipart upload that is being begun is waited for, as its id must not get lost; here the answer never comes.
    sandbox.fault({"effect": "black-hole", "operation": "InitiateMultipartUpload"})
    davit.run("add", f"{tmp_path}/big/", f"oss://{sandbox.bucket}/", check=0)
    until(lambda: davit.json("status")["counts"]["uploading"] > 0, what="uploads under way")
    time.sleep(0.5)

    begun = time.monotonic()
    engine.process.terminate()
    status = engine.process.wait(30)

    assert time.monotonic() - begun < 10
    assert status == 0
    assert davit.json("queue")["total"] == 4


def test_lines_for_the_journal_have_their_priorities(davit, tmp_path):
    with open(tmp_path / "journal", "wb") as journal:
        information = os.fstat(journal.fileno())
        engine = subprocess.Popen(
            davit.command("engine", "run"), env={**davit.environment, "JOURNAL_STREAM": f"{information.st_dev}:{information.st_ino}"},
            stderr=journal, stdin=subprocess.DEVNULL)
    until(lambda: davit.run("engine", "status").returncode == 0, what="an engine")
    davit.configure("nonsense = 1\n")
    engine.send_signal(signal.SIGHUP)
    until(lambda: b"<3>" in (tmp_path / "journal").read_bytes(), what="an error in the journal")
    stop(engine)

    lines = (tmp_path / "journal").read_text().splitlines()
    assert all(line[0] == "<" and line[1] in "234567" and line[2] == ">" for line in lines)
    assert any(line.startswith("<5>the engine starts") for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", sorted((ROOT / "packaging/systemd").glob("*.service")), ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_the_units(unit, tmp_path):
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/davit", str(PROGRAMS / "davit")))

    done = subprocess.run(["systemd-analyze", "--user", "verify", "--man=no", str(copy)], capture_output=True, text=True,
                          env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})

    assert done.returncode == 0 and unit.name not in done.stderr, done.stderr


def test_the_hard_limit_of_descriptors_is_taken(davit):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))

    subprocess.run(davit.command("engine", "start"), env=davit.environment, preexec_fn=limit, check=True, capture_output=True)

    limits = pathlib.Path(f"/proc/{davit.pid()}/limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert line.split()[3] == line.split()[4] != "256"


def test_with_few_descriptors_uploads_wait_for_one_another_and_none_fails(davit, sandbox, tmp_path):
    for index in range(300):
        make_file(tmp_path / f"files/small/{index:03d}", 2000, seed=index)
    for index in range(4):
        make_file(tmp_path / f"files/large/{index}", 20 << 20, seed=index)
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    subprocess.run(davit.command("engine", "start"), env=davit.environment, preexec_fn=few, check=True, capture_output=True)
    davit.run("slots", "8", "--parts", "100", check=0)
    watchers = [subprocess.Popen(davit.command("watch", "-q"), env=davit.environment, stdout=subprocess.DEVNULL) for _ in range(4)]

    done = davit.run("put", "-q", f"{tmp_path}/files/", f"oss://{sandbox.bucket}/", seconds=300)

    assert done.returncode == 0, done.stderr
    assert len(sandbox.objects()) == 304
    assert "few files and connections may be open" in davit.run("log", "--level", "warning").stdout
    assert any(line.startswith("64 ") or " 64 " in line for line in [open(f"/proc/{davit.pid()}/limits").read()])
    for watcher in watchers:
        watcher.terminate()
        watcher.wait()


# One a home


def test_the_second_of_two_ends_with_one_clear_line(davit):
    engines = [
        subprocess.Popen(davit.command("engine", "run"), env=davit.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    second = until(lambda: next((engine for engine in engines if engine.poll() is not None), None), what="the end of one of them")

    assert second.returncode == 1
    line = second.stderr.read()
    assert line.count("\n") == 1 and "already running" in line and "davit engine stop" in line
    assert davit.json("engine", "status")["pid"] in [engine.pid for engine in engines]
    for engine in engines:
        stop(engine)


def test_the_socket_of_a_killed_engine_is_replaced(davit):
    davit.run("engine", "start", check=0)
    os.kill(davit.pid(), signal.SIGKILL)
    until(lambda: davit.run("engine", "status").returncode == 5, what="no engine")
    assert (davit.home / "run/engine.sock").exists()

    davit.run("engine", "start", check=0)

    assert davit.pid() > 0
    assert stat.S_IMODE((davit.home / "run/engine.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((davit.home / "run").stat().st_mode) == 0o700


def test_a_long_home_has_its_socket_elsewhere(tmp_path):
    davit = Davit(tmp_path / ("long-" * 20) / "home")
    davit.run("engine", "start", check=0)
    try:
        line = json.loads(davit.run("log", "--json").stdout.splitlines()[0])
        assert len(line["socket"]) <= 107 and not line["socket"].startswith(str(davit.home))
        assert stat.S_IMODE(os.stat(os.path.dirname(line["socket"])).st_mode) == 0o700
    finally:
        davit.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_though_the_folders_are_open(davit):
    davit.run("engine", "start", check=0)
    path = davit.home / "run/engine.sock"
    # Somebody has opened up everything; what is left is the check of who asks.
    folder = path.parent
    while folder != pathlib.Path("/"):
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    path.chmod(0o666)

    done = subprocess.run(
        ["curl", "-s", "--max-time", "10", "--unix-socket", path, "http://engine/v1/status"], user=65534, group=65534, extra_groups=[],
        capture_output=True, text=True)

    assert json.loads(done.stdout)["error"]["code"] == "NotYours"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_run_folder_of_somebody_else_is_refused(davit):
    (davit.home / "run").mkdir(mode=0o700)
    os.chown(davit.home / "run", 65534, 65534)

    done = davit.run("engine", "start")

    assert done.returncode == 2
    assert "another user" in done.stderr and done.stderr.count("\n") == 1


def test_finish_ends_after_the_uploads_that_run(davit, sandbox, tmp_path):
    make_file(tmp_path / "one", 30 << 20)
    davit.run("limit", "10MiB", check=0)
    davit.run("add", tmp_path / "one", f"oss://{sandbox.bucket}/one", check=0)
    until(lambda: davit.json("status")["counts"]["uploading"] == 1, what="the upload")

    davit.run("engine", "finish", check=0, seconds=60)

    assert davit.run("engine", "status").returncode == 5
    assert sandbox.objects()["one"]["size"] == 30 << 20


@pytest.mark.parametrize("text, word", [("nonsense = 1\n", "nonsense"), ('[engine]\nlog-format = "xml"\n', "json"), ("[engine]\nlog-keep = 0\n", "log-keep")])
def test_an_engine_that_cannot_run_ends_with_two_and_one_line(lone, text, word):
    lone.configure(text)

    done = lone.run("engine", "run")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and word in done.stderr and "config.toml:" in done.stderr


# The log


def test_the_log_tells_a_failed_request_with_its_ids_and_no_secret(davit, sandbox, tmp_path):
    make_file(tmp_path / "one", 1000)
    sandbox.fault({"effect": "status", "status": 503, "code": "SlowDown", "operation": "PutObject", "count": 1})
    davit.run("put", tmp_path / "one", f"oss://{sandbox.bucket}/one", "-v", check=0)
    upload = davit.uploads()[0]["id"]
    davit.run("engine", "stop", check=0)

    lines = [json.loads(line) for line in davit.run("log", "--json", "--upload", upload, check=0).stdout.splitlines()]
    failed = next(line for line in lines if line["message"] == "a request failed")
    assert failed["http"] == "503" and failed["code"] == "SlowDown" and len(failed["request_id"]) > 5
    assert all(line["upload"] == upload for line in lines)
    everything = davit.run("log").stdout
    assert sandbox.access_key_secret not in everything and "Signature=" not in everything
    assert davit.run("log", "--level", "error").stdout == ""
    assert davit.run("log", "--since", "2099-01-01").stdout == ""
    for since in ("1h", "2020-01-01", "2020-01-01T10:00", "2020-01-01T10:00:00Z"):
        assert davit.run("log", "--since", since).stdout == everything
    assert len(davit.run("log", "-n", "1").stdout.splitlines()) == 1
    assert davit.run("log", "--level", "loud").returncode == 2
    assert davit.run("log", "--since", "yesterdayish").returncode == 2


def test_names_from_outside_cannot_write_to_a_terminal(davit, sandbox, tmp_path):
    name = "a\x1b[2J\x9b\n2026-01-01T00:00:00.000Z error forged upload=u-1"
    (tmp_path / name).write_bytes(b"x")
    davit.configure('[engine]\nlog-level = "debug"\nlog-format = "json"\n')

    davit.run("put", tmp_path / name, f"oss://{sandbox.bucket}/", check=0)

    raw = (davit.home / "state/engine.log").read_bytes()
    assert b"\x1b" not in raw and "\x9b".encode() not in raw
    assert all(json.loads(line) for line in raw.splitlines())
    assert not any(line.startswith("2026-01-01") for line in davit.run("log").stdout.splitlines())


def test_the_log_is_followed_over_rotations(davit, tmp_path):
    davit.configure('[engine]\nlog-level = "debug"\nlog-size = "64KiB"\nlog-keep = 2\n')
    davit.run("engine", "start", check=0)
    output = tmp_path / "followed"
    follower = subprocess.Popen(davit.command("log", "-f", "--json", "-n", "1"), env=davit.environment, stdout=open(output, "wb"))
    until(lambda: output.stat().st_size > 0, what="the last line so far")

    for index in range(1200):
        call(davit, "GET", f"/v1/uploads/none-{index}")
    davit.run("engine", "stop", check=0)
    time.sleep(1)
    follower.send_signal(signal.SIGINT)
    assert follower.wait(20) == 130

    seen = [line["call"] for line in map(json.loads, output.read_text().splitlines()) if "none-" in line.get("call", "")]
    assert seen == [f"GET /v1/uploads/none-{index}" for index in range(1200)]
    files = sorted((davit.home / "state").glob("engine.log*"))
    assert [file.name for file in files][:2] == ["engine.log", "engine.log.1"] and len(files) <= 3
    assert all(file.stat().st_size < (64 << 10) + 1000 and stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_a_log_that_is_not_there_is_said(lone):
    done = lone.run("log")

    assert done.returncode == 5 and "no log yet" in done.stderr


# doctor


def test_the_doctor_finds_nothing_where_all_is_well(broker):
    done = broker.run("doctor", "--json")

    checks = {item["check"]: item for item in json.loads(done.stdout)["items"]}
    assert done.returncode == 0, done.stdout
    assert {"configuration", "files", "disk", "database", "log", "limits", "memory", "engine", "clock", "terminal"} <= checks.keys()
    assert checks["ingest endpoint"]["state"] == checks["ingest credentials"]["state"] == checks["ingest put"]["state"] == "ok"


def test_the_doctor_names_what_is_ill_and_what_to_do(broker, authorization):
    broker.run("engine", "start", check=0)
    (broker.home / "state/davit.sqlite").chmod(0o644)
    stop(authorization.process)
    broker.run("engine", "stop", check=0)
    shutil.rmtree(broker.home / "state/credentials")
    begun = time.monotonic()

    done = broker.run("doctor", "--timeout", "5s")

    assert done.returncode == 1 and time.monotonic() - begun < 40
    lines = done.stdout.splitlines()
    assert any(line.startswith("FAIL") and "davit.sqlite" in line and "chmod 600" in line for line in lines)
    assert any(line.startswith("FAIL") and "ingest" in line for line in lines)
    assert authorization.token not in done.stdout + done.stderr


def test_the_doctor_says_that_a_configuration_is_wrong_and_starts_nothing(lone):
    lone.configure("nonsense = 1\n")

    done = lone.run("doctor")

    assert done.returncode == 1
    assert any(line.startswith("FAIL  configuration") and "config.toml:1" in line for line in done.stdout.splitlines())
    assert lone.run("engine", "status").returncode == 5


def test_the_doctor_finds_a_damaged_queue(davit, sandbox, tmp_path):
    for index in range(300):
        make_file(tmp_path / f"many/{index:04d}-{'x' * 150}", 1)
    davit.run("add", f"{tmp_path}/many/", f"oss://{sandbox.bucket}/", "--paused", check=0)
    until(lambda: davit.json("queue")["total"] == 300, what="the scan")
    davit.run("engine", "stop", check=0)
    path = davit.home / "state/davit.sqlite"
    # Else what is damaged could be a page whose newer text lies in the journal.
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    done = davit.run("doctor", "--json")

    checks = {item["check"]: item for item in json.loads(done.stdout)["items"]}
    assert checks["database"]["state"] == "fail"
    assert done.returncode == 1


# Metrics


def test_prometheus_reads_the_metrics(davit, sandbox, tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    make_file(tmp_path / "one", 20 << 20)
    sandbox.fault({"effect": "status", "status": 503, "code": "SlowDown", "operation": "UploadPart", "count": 2})
    davit.run("put", tmp_path / "one", f"oss://{sandbox.bucket}/one", check=0)

    status, headers, body = call(davit, "GET", "/metrics")

    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in parser.text_string_to_metric_families(body.decode())}
    value = lambda name, **labels: sum(
        sample.value for family in families.values() for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items())
    assert value("davit_uploads_ended_total", state="done") == 1
    assert value("davit_acknowledged_bytes_total") == 20 << 20
    assert value("davit_sent_bytes_total") >= 20 << 20
    assert value("davit_requests_total", operation="part", **{"class": "ok"}) == value("davit_requests_total", operation="part") - 2
    assert value("davit_retries_total", code="SlowDown") == 2
    assert value("process_open_fds") > 5 and value("process_cpu_seconds_total") > 0 and value("process_resident_memory_bytes") > 1 << 20
    assert all(family.documentation and family.type in ("gauge", "counter") for family in families.values())


# The control API


BAD = [
    b"\0\0\0\0", b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /v1/status HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST /v1/jobs HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /v1/status HTTP/1.1\r\nbad header\r\n\r\n", b"GET /v1/status HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    b"GET /v1/status HTTP/1.1\r\nA: " + b"x" * 200_000 + b"\r\n\r\n", b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"POST /v1/jobs HTTP/1.1\r\nHost: e\r\nContent-Length: 99999999999999999999\r\n\r\n",
]


@pytest.mark.parametrize("raw", BAD, ids=range(len(BAD)))
def test_what_is_no_http_is_refused_and_harms_nobody(lone, raw):
    lone.run("engine", "start", check=0)
    pid = lone.pid()

    status, headers, body = call(lone, "", "", raw=raw, seconds=3)

    # Nothing at all is an answer too, to what may still become a request, or to a request of which the body is broken.
    assert status == 0 or 400 <= status < 500
    if body:
        assert headers["davit-api"] == "1" and json.loads(body)["error"]["message"]
    assert lone.pid() == pid


def test_calls_have_their_version_and_their_errors(lone):
    lone.run("engine", "start", check=0)

    for method, path, body, expected in [
        ("GET", "/v1/status", None, 200), ("HEAD", "/v1/status", None, 200), ("HEAD", "/v1/none", None, 404), ("DELETE", "/v1/status", None, 405),
        ("PUT", "/v1/limits", {"rate": "fast"}, 400), ("PUT", "/v1/limits", {"uploads": 0}, 400), ("PUT", "/v1/limits", {"parts": 257}, 400),
        ("PUT", "/v1/limits", {"rate": "16Mbit", "uploads": 3, "parts": 8, "unknown": 1}, 200), ("POST", "/v1/jobs", b"[" * 100_000, 400),
        ("POST", "/v1/list", b"x" * (5 << 20), 413), ("GET", "/v1/events?since=x", None, 400), ("GET", "/v1/uploads?query=%28", None, 400),
        ("PATCH", "/v1/status", None, 405),
    ]:
        status, headers, answer = call(lone, method, path, body)
        assert status == expected, (method, path, status, answer)
        assert headers["davit-api"] == "1"
        if method == "HEAD":
            assert answer == b""
        elif status >= 400:
            error = json.loads(answer)["error"]
            assert error["code"] and error["message"] and error["exit"] > 0
    limits = json.loads(call(lone, "GET", "/v1/limits")[2])
    assert {"schema": 1, "rate": 2_000_000, "uploads": 3, "parts": 8}.items() <= limits.items()


def test_the_examples_with_curl_work(lone):
    lone.run("engine", "start", check=0)
    curl = ["curl", "-sf", "--max-time", "10", "--unix-socket", str(lone.home / "run/engine.sock")]

    status = json.loads(subprocess.check_output([*curl, "http://engine/v1/status"]))
    limits = json.loads(subprocess.check_output([*curl, "-X", "PUT", "-d", '{"rate":"50MiB"}', "http://engine/v1/limits"]))

    assert status["schema"] == 1 and limits["rate"] == 50 << 20


def test_a_body_that_never_comes_holds_nobody_up(lone):
    lone.run("engine", "start", check=0)
    waiting = []
    for _ in range(50):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(lone.home / "run/engine.sock"))
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: e\r\nContent-Length: 100\r\n\r\n{")
        waiting.append(connection)

    status, _, _ = call(lone, "GET", "/v1/status")
    assert status == 200
    lone.run("engine", "stop", check=0, seconds=20)
    for connection in waiting:
        connection.close()


# Events


class Stream:
    """Server-sent events over the socket."""

    def __init__(self, davit, path, last=None):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(20)
        self.connection.connect(str(davit.home / "run/engine.sock"))
        extra = f"Last-Event-ID: {last}\r\n" if last else ""
        self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: engine\r\n{extra}\r\n".encode())
        self.file = self.connection.makefile("rb")
        while self.file.readline().strip():
            pass

    def next(self):
        """(id, event, data); the framing of chunks is skipped over."""
        found = {}
        while True:
            name, _, value = self.file.readline().decode().strip().partition(": ")
            if name in ("id", "event", "data"):
                found[name] = value
            if name == "data":
                return int(found["id"]), found["event"], json.loads(found["data"])

    def until(self, predicate):
        while True:
            event = self.next()
            if predicate(event):
                return event

    def close(self):
        self.file.close()
        self.connection.close()


def test_a_stream_is_taken_up_where_it_ended(davit, sandbox, tmp_path):
    for name in "ab":
        make_file(tmp_path / name, 10)
    davit.run("engine", "start", check=0)
    stream = Stream(davit, "/v1/events?kinds=upload")
    davit.run("put", tmp_path / "a", f"oss://{sandbox.bucket}/a", check=0)
    last, _, _ = stream.until(lambda event: event[1] == "upload" and event[2]["state"] == "done")
    stream.close()
    davit.run("put", tmp_path / "b", f"oss://{sandbox.bucket}/b", check=0)

    for stream in (Stream(davit, "/v1/events?kinds=upload", last=last), Stream(davit, f"/v1/events?kinds=upload&since={last}")):
        seen = []
        while not seen or not (seen[-1][2].get("key") == "b" and seen[-1][2]["state"] == "done"):
            seen.append(stream.next())
        stream.close()
        assert all(event == "ready" or data["key"] == "b" for _, event, data in seen)
        assert all(id >= last for id, _, _ in seen)

    davit.run("engine", "stop", check=0)
    davit.run("engine", "start", check=0)
    stream = Stream(davit, "/v1/events?kinds=upload", last=last)
    assert stream.until(lambda event: event[1] != "ready")[1] == "missed"
    stream.close()


def test_watch_shows_what_matches_as_it_changes(davit, sandbox, tmp_path):
    make_file(tmp_path / "good", 10)
    make_file(tmp_path / "bad", 10)
    sandbox.fault({"effect": "status", "status": 403, "code": "AccessDenied", "operation": "PutObject", "key": "bad"})
    davit.run("engine", "start", check=0)
    start = lambda *words: subprocess.Popen(davit.command("watch", *words), env=davit.environment, stdout=subprocess.PIPE, text=True)
    watchers = [start("--json"), start("--plain", "state:failed"), start()]
    until(lambda: davit.json("status")["engine"]["front_ends"] == 3, what="three watchers")
    # Looking on goes behind all that works: the thread that it began with, and the one that reads.
    nice = lambda thread: int((thread / "stat").read_text().rsplit(")", 1)[1].split()[16])
    named = lambda watcher: [thread for thread in pathlib.Path(f"/proc/{watcher.pid}/task").iterdir() if "davit" in (thread / "comm").read_text()]
    until(lambda: all({nice(thread) for thread in named(watcher)} == {15} for watcher in watchers), what="low priorities")

    davit.run("put", tmp_path / "good", tmp_path / "bad", f"oss://{sandbox.bucket}/", check=3)
    time.sleep(1)
    davit.run("engine", "stop", check=0)
    everything, failed, plain = [watcher.communicate(timeout=20)[0] for watcher in watchers]

    states = {(item["key"], item["state"]) for item in map(json.loads, everything.splitlines())}
    assert {("good", "done"), ("bad", "failed")} <= states
    assert failed.count("\n") >= 1 and all(line.split("\t")[1] == "failed" and "/bad" in line for line in failed.splitlines())
    assert "good" in plain and "bad" in plain
    assert [watcher.returncode for watcher in watchers] == [5, 5, 5]
    assert davit.run("watch").returncode == 5
    davit.run("engine", "start", check=0)
    refused = davit.run("watch", "(")
    assert refused.returncode == 2 and "character" in refused.stderr


def resident(pid):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")).split()[1]) << 10


def processor_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_stopped_watcher_costs_nothing_and_catches_up(davit, sandbox, tmp_path):
    for index in range(1500):
        make_file(tmp_path / f"many/{index:04d}", 10)
    davit.run("engine", "start", check=0)
    watchers = [
        subprocess.Popen(davit.command("watch", "--json"), env=davit.environment, stdout=open(tmp_path / f"watch-{index}", "wb"),
                         stderr=subprocess.DEVNULL)
        for index in range(20)
    ]
    until(lambda: davit.json("status")["engine"]["front_ends"] == 20, what="twenty watchers")
    pid = davit.pid()
    before = resident(pid)
    stopped = watchers[0]
    stopped.send_signal(signal.SIGSTOP)

    davit.run("put", "-q", f"{tmp_path}/many/", f"oss://{sandbox.bucket}/many/", check=0, seconds=300)
    begun = time.monotonic()
    assert davit.json("status")["counts"]["done"] == 1500
    assert time.monotonic() - begun < 5
    # What one that is stopped may cost is bounded by what waits for it: a thousand states.
    assert resident(pid) - before < 100 << 20

    make_file(tmp_path / "last", 10)
    stopped.send_signal(signal.SIGCONT)
    davit.run("put", "-q", tmp_path / "last", f"oss://{sandbox.bucket}/last", check=0)
    caught_up = lambda path: '"key":"last"' in path.read_text() and '"state":"done"' in path.read_text().splitlines()[-1]
    until(lambda: all(caught_up(tmp_path / f"watch-{index}") for index in range(20)), seconds=60, what="all twenty up to date")

    # At rest they cost nothing: one clock tick is 10 ms of processor time.
    time.sleep(2)
    ticks = processor_ticks(pid)
    time.sleep(5)
    assert processor_ticks(pid) - ticks <= 15
    for watcher in watchers:
        watcher.terminate()
        watcher.wait()
