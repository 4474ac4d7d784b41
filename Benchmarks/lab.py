"""What the benchmarks that break things share: the real programs on loopback, as children of the script. Python's own library only."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

PROGRAMS = pathlib.Path(os.environ.get("DAVIT_PROGRAMS", pathlib.Path(__file__).parents[1] / ".build/release"))
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(condition, seconds, what):
    """The value of `condition()` once it is true."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)


def temporary_folder(size):
    """In memory where there is room for it twice: what is measured is davit, not this machine's disk."""
    place = "/dev/shm"
    if not os.access(place, os.W_OK) or shutil.disk_usage(place).free < 2 * size + (256 << 20):
        place = None
    return pathlib.Path(tempfile.mkdtemp(prefix="davit-lab-", dir=place))


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def make_file(path, size, seed):
    """Bytes that no two places share, the same for the same seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = random.Random(seed)
    block = generator.randbytes(min(size, 1 << 20))
    with open(path, "wb") as file:
        left, number = size, 0
        while left > 0:
            file.write((number.to_bytes(8, "big") + block)[: min(left, 1 << 20)])
            left -= min(left, 1 << 20)
            number += 1


class Sandbox:
    """A `davit-sandbox` of its own on free ports."""

    def __init__(self, folder, *arguments):
        self.process = subprocess.Popen(
            [PROGRAMS / "davit-sandbox", "--data", str(folder), "--oss-port", "0", "--sts-port", "0", "--json", *arguments],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("davit-sandbox ended at once")
        self.settings = json.loads(line)
        self.bucket = self.settings["bucket"]

    @property
    def environment(self):
        return {
            "OSS_ACCESS_KEY_ID": self.settings["access_key_id"], "OSS_ACCESS_KEY_SECRET": self.settings["access_key_secret"],
            "OSS_REGION": self.settings["region"], "OSS_ENDPOINT": self.settings["oss_endpoint"],
        }

    def control(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.settings["sts_endpoint"] + path, data=data, method=method)
        with OPENER.open(request, timeout=120) as answer:
            return json.loads(answer.read())

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Davit:
    """`davit` with a home of its own."""

    def __init__(self, home, environment):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {**keep, "LC_ALL": "C.UTF-8", "DAVIT_HOME": str(self.home), **environment}

    def run(self, *arguments, check=None, seconds=600):
        done = subprocess.run(
            [PROGRAMS / "davit", *map(str, arguments)], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds)
        if check is not None and done.returncode != check:
            raise SystemExit(f"davit {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json", check=0).stdout)

    def pid(self):
        """Of the engine, without asking it: it may be at any point of its life."""
        try:
            pid = int((self.home / "run" / "engine.lock").read_text().split()[0])
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError, IndexError):
            return None

    def kill(self):
        pid = self.pid()
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        while self.pid() == pid and pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[-1][0] not in "ZX":
            time.sleep(0.002)
        return True

    def stop(self):
        self.run("engine", "stop", "-q")
        self.kill()
