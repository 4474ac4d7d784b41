"""`-` as PATH: what is piped in is queued like a file, and nothing of it stays behind."""
import hashlib
import os
import signal
import stat
import subprocess

import pytest

from conftest import make_file, until


def pipe(davit, content, *arguments):
    return subprocess.run(davit.command(*arguments), env=davit.environment, input=content, capture_output=True, timeout=120)


def spooled(davit):
    folder = davit.home / "state/spool"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("size", [0, 5, 20 << 20])
def test_what_is_piped_in_arrives_and_leaves_no_copy(davit, sandbox, tmp_path, size):
    content = make_file(tmp_path / "f", size).read_bytes()

    done = pipe(davit, content, "put", "-", f"oss://{sandbox.bucket}/from/stdin.bin")

    assert done.returncode == 0, done.stderr
    assert sandbox.objects()["from/stdin.bin"]["sha256"] == hashlib.sha256(content).hexdigest()
    until(lambda: spooled(davit) == [], what="an empty spool")


def test_it_waits_in_a_private_file_and_survives_a_kill(davit, sandbox):
    done = pipe(davit, b"x" * 1000, "add", "-", f"oss://{sandbox.bucket}/later", "--paused")
    assert done.returncode == 0, done.stderr
    (file,) = spooled(davit)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    os.kill(davit.pid(), signal.SIGKILL)

    davit.run("resume", "--all", check=0)

    until(lambda: "later" in sandbox.objects(), what="the object")
    until(lambda: spooled(davit) == [], what="an empty spool")


@pytest.mark.parametrize("arguments, why", [
    (["-", "oss://BUCKET/folder/"], "names no key"), (["-", "oss://BUCKET"], "names no key"), (["-", "/etc/hostname", "oss://BUCKET/k"], "several"),
    (["-", "oss://BUCKET/k", "--dry-run"], "--dry-run"), (["-", "oss://BUCKET/k", "--files-from", "-"], "standard input cannot be"),
])
def test_where_it_cannot_be_a_source_it_is_refused_before_it_is_read(davit, sandbox, arguments, why):
    done = pipe(davit, b"content", "put", *[item.replace("BUCKET", sandbox.bucket) for item in arguments])

    assert done.returncode == 2 and why in done.stderr.decode()
    assert sandbox.objects() == {} and spooled(davit) == []


def test_what_a_killed_pipe_left_behind_is_cleared_away(davit, sandbox):
    front = subprocess.Popen(davit.command("put", "-", f"oss://{sandbox.bucket}/never"), env=davit.environment, stdin=subprocess.PIPE)
    front.stdin.write(b"half")
    front.stdin.flush()
    (file,) = until(lambda: spooled(davit), what="a spooled file")
    front.kill()
    front.wait()
    davit.run("queue", check=0)

    until(lambda: not file.exists(), 90, "the sweep")
    assert sandbox.objects() == {}
