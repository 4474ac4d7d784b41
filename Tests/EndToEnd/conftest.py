"""The real programs on loopback: sandbox, authorization server, engine, front end. Nothing is mocked."""
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

PROGRAMS = pathlib.Path(os.environ.get("DAVIT_PROGRAMS", pathlib.Path(__file__).parents[2] / ".build/release"))
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def pytest_configure(config):
    config.addinivalue_line("markers", "timing: takes long or needs a machine of its own; run by scripts/test-terminal alone")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("DAVIT_TIMINGS"):
        return
    timings = [item for item in items if item.get_closest_marker("timing")]
    items[:] = [item for item in items if item not in timings]
    config.hook.pytest_deselected(items=timings)


def until(condition, seconds=20.0, what="the condition"):
    """The value of `condition()` once it is true; fails when it never is."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


def first_line(process, seconds=30):
    """What a program prints once it answers: one JSON object on one line."""
    line = process.stdout.readline()
    assert line, f"{process.args[0]} ended at once: {process.stderr.read() if process.stderr else ''}"
    return json.loads(line)


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


@dataclasses.dataclass
class Sandbox:
    process: subprocess.Popen
    oss_endpoint: str
    sts_endpoint: str
    region: str
    bucket: str
    access_key_id: str
    access_key_secret: str
    role_arn: str
    data: str

    def control(self, method, path, json=None):
        import json as codec
        body = codec.dumps(json).encode() if json is not None else None
        request = urllib.request.Request(self.sts_endpoint + path, data=body, method=method)
        with OPENER.open(request, timeout=60) as answer:
            text = answer.read()
        return codec.loads(text) if text.strip() else None

    def objects(self):
        """Key to what is stored under it."""
        answer = self.control("GET", "/_sandbox/objects")
        return {item["key"]: item for item in (answer["objects"] if isinstance(answer, dict) else answer)}

    def uploads(self):
        answer = self.control("GET", "/_sandbox/uploads")
        return answer["uploads"] if isinstance(answer, dict) else answer

    def requests(self, operation=None):
        answer = self.control("GET", "/_sandbox/requests")
        items = answer["requests"] if isinstance(answer, dict) else answer
        return [item for item in items if operation in (None, item["operation"])]

    def fault(self, rule):
        return self.control("POST", "/_sandbox/faults", rule)

    @property
    def environment(self):
        return {
            "OSS_ACCESS_KEY_ID": self.access_key_id, "OSS_ACCESS_KEY_SECRET": self.access_key_secret,
            "OSS_REGION": self.region, "OSS_ENDPOINT": self.oss_endpoint,
        }


def start_sandbox(folder, *arguments):
    process = subprocess.Popen(
        [PROGRAMS / "davit-sandbox", "--data", str(folder), "--oss-port", "0", "--sts-port", "0", "--json", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    settings = first_line(process)
    names = [field.name for field in dataclasses.fields(Sandbox) if field.name != "process"]
    return Sandbox(process, **{name: settings[name] for name in names})


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


@pytest.fixture
def sandbox(tmp_path):
    sandbox = start_sandbox(tmp_path / "oss")
    yield sandbox
    stop(sandbox.process)


class Davit:
    """`davit` with a DAVIT_HOME of its own."""

    def __init__(self, folder, environment=None):
        self.home = pathlib.Path(folder)
        self.home.mkdir(parents=True, exist_ok=True)
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {**keep, "LC_ALL": "C.UTF-8", "DAVIT_HOME": str(self.home), **(environment or {})}

    def command(self, *arguments):
        return [str(PROGRAMS / "davit"), *map(str, arguments)]

    def run(self, *arguments, check=None, seconds=120, environment=None, cwd=None):
        """The finished command; with `check` its exit status must be that."""
        done = subprocess.run(
            self.command(*arguments), env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=seconds, cwd=cwd)
        if check is not None:
            assert done.returncode == check, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments, check=0):
        return json.loads(self.run(*arguments, "--json", check=check).stdout)

    def uploads(self, *query):
        done = self.run("queue", *query, "--json")
        # 4: nothing matches.
        assert done.returncode in (0, 4), done.stderr
        return json.loads(done.stdout)["items"]

    def pid(self):
        return self.json("engine", "status")["pid"]

    def stop(self):
        try:
            pid = self.pid()
        except AssertionError:
            return
        self.run("engine", "stop", "-q", seconds=30)
        # A wedged engine must not outlive its test.
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def configure(self, text):
        (self.home / "config.toml").write_text(text)


@pytest.fixture
def davit(tmp_path, sandbox):
    """davit with the sandbox's key in its environment."""
    davit = Davit(tmp_path / "home", sandbox.environment)
    yield davit
    davit.stop()


@dataclasses.dataclass
class Authorization:
    process: subprocess.Popen
    url: str
    token: str
    folder: pathlib.Path

    def audit(self):
        path = self.folder / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def call(self, method, path, body=None, token=None):
        """(status, parsed answer)"""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            self.url + path, data=json.dumps(body).encode() if body is not None else None, method=method, headers=headers)
        try:
            with OPENER.open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")


def start_authorization(
        folder, sandbox, verbs=("upload", "get", "list"), duration="1h", before=None, head="", grant="", more="", environment=None):
    """`before` runs in the server's process before the server does; `head`, `grant` and `more` go into `authd.toml` at the top, into
    the client's grant and at the end."""
    folder.mkdir(exist_ok=True)
    token = json.loads(subprocess.check_output([PROGRAMS / "davit-authd", "token", "new", "camera-7", "--json"], text=True))
    secret = folder / "ak.secret"
    secret.write_text(sandbox.access_key_secret)
    secret.chmod(0o600)
    (folder / "authd.toml").write_text(f"""
listen = "127.0.0.1:0"
audit-log = "audit.jsonl"
{head}
[sts]
endpoint = "{sandbox.sts_endpoint}"
region = "{sandbox.region}"
role-arn = "{sandbox.role_arn}"
[sts.credentials]
kind = "static"
access-key-id = "{sandbox.access_key_id}"
access-key-secret-file = "ak.secret"
[[client]]
name = "camera-7"
token-hash = "{token['token-hash']}"
[[client.grant]]
bucket = "{sandbox.bucket}"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
prefix = "uploads/{{client}}/"
verbs = {json.dumps(list(verbs))}
duration = "{duration}"
requests-per-minute = 600
{grant}
{more}
""")
    process = subprocess.Popen(
        [PROGRAMS / "davit-authd", "--config", folder / "authd.toml", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=before, env=environment)
    return Authorization(process, first_line(process)["url"].rstrip("/"), token["token"], folder)


@pytest.fixture
def authorization(tmp_path, sandbox):
    server = start_authorization(tmp_path / "authd", sandbox)
    yield server
    stop(server.process)


def remote(davit, sandbox, authorization, kind):
    """Configures `ingest:` with that kind of credentials."""
    token = davit.home / "ingest.token"
    token.write_text(authorization.token)
    token.chmod(0o600)
    davit.configure(f"""
default-remote = "ingest"
[remote.ingest]
bucket = "{sandbox.bucket}"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
[remote.ingest.credentials]
kind = "{kind}"
url = "{authorization.url}"
token-file = "ingest.token"
""")


@pytest.fixture
def broker(tmp_path, sandbox, authorization):
    """davit that holds no key, only a bearer token; gets temporary credentials."""
    davit = Davit(tmp_path / "home")
    remote(davit, sandbox, authorization, "broker")
    yield davit
    davit.stop()


@pytest.fixture
def signed(tmp_path, sandbox, authorization):
    """davit that never sees a credential: the authorization server signs each request."""
    davit = Davit(tmp_path / "home")
    remote(davit, sandbox, authorization, "signed-url")
    yield davit
    davit.stop()


def make_file(path, size, seed=0):
    """A file of `size` bytes that do not repeat, the same for the same seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = hashlib.shake_256(str(seed).encode()).digest(min(size, 1 << 20)) if size else b""
    with open(path, "wb") as file:
        left, number = size, 0
        while left > 0:
            part = (number.to_bytes(8, "big") + block)[: min(left, 1 << 20)]
            file.write(part)
            left -= len(part)
            number += 1
    return path


@pytest.fixture(scope="session")
def big_file(tmp_path_factory):
    """300 MiB."""
    path = make_file(tmp_path_factory.mktemp("big") / "camera-03_interview.mov", 300 << 20, seed=300)
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture
def play(tmp_path):
    """Starts an engine that plays a script of Tests/Terminal/Scripts."""
    from terminal import Played
    started = []

    def start(name, **changes):
        started.append(Played(tmp_path / f"played-{len(started)}", name, **changes))
        return started[-1]

    yield start
    for played in started:
        played.stop()


@pytest.fixture
def window(tmp_path):
    """Opens a front end of that davit in a tmux of that size."""
    from terminal import Tmux
    opened = []

    def open_window(davit, columns=80, rows=24, term="tmux-256color", arguments="", folder=None, shows="1 Queue", **environment):
        tmux = Tmux(columns, rows, {**davit.environment, **environment}, term)
        opened.append(tmux)
        tmux.type(f"cd '{folder or tmp_path}' && clear && '{davit.command()[0]}' {arguments}; echo \"exit $?\"")
        tmux.keys("Enter")
        tmux.shows(shows)
        return tmux

    yield open_window
    for tmux in opened:
        tmux.end()


@pytest.fixture
def drive():
    """Runs a front end of that davit on a pty."""
    from terminal import Driver
    opened = []

    def start(davit, *arguments, **keywords):
        opened.append(Driver(davit, *arguments, **keywords))
        return opened[-1]

    yield start
    for driver in opened:
        driver.end()
