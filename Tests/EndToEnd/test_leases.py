"""Leases over their lives: revoked in the middle, kept over a restart, renewed by a person, and seen by nobody."""
import json
import os
import pty
import subprocess
import time

import pytest

from conftest import Davit, digest, make_file, remote, start_authorization, stop, until
from test_signed_urls import bench, close, environment, found, memory, on_disk, shown, watching

PART = 1 << 20
PARTS = 40


def begin(davit, tmp_path, rate):
    file = make_file(tmp_path / "long.mov", PART * PARTS, seed=11)
    davit.run("limit", str(rate), check=0)
    davit.run("add", file, "ingest:long.mov", "--part-size", str(PART), check=0)
    return file


def stored(sandbox):
    return len([item for item in sandbox.requests("UploadPart") if item["status"] == 200])


@pytest.mark.parametrize("kind", ["broker", "signed-url"])
def test_an_upload_outlives_the_revocation_of_its_tokens(tmp_path, sandbox, kind):
    """All tokens are revoked twice in the middle. The authorization server keeps its token and does not know: the engine tells it."""
    made = bench(tmp_path, sandbox, kind)
    try:
        file = begin(made.davit, tmp_path, 4 << 20)
        for parts in (6, 20):
            until(lambda: stored(sandbox) >= parts, 30, f"{parts} parts")
            sandbox.control("POST", "/_sandbox/tokens/expire")
        made.davit.run("wait", check=0, seconds=120)

        assert sandbox.objects()["uploads/camera-7/long.mov"]["sha256"] == digest(file)
        view = made.davit.uploads("state:done")[0]
        assert view["last_error"] is None
        numbers = [item["part_number"] for item in sandbox.requests("UploadPart") if item["status"] == 200]
        assert sorted(numbers) == list(range(1, PARTS + 1)), "each part is stored once"
        # What was in flight is refused once; nothing loops.
        refused = [item for item in sandbox.requests() if item["status"] == 403]
        assert 2 <= len(refused) <= 24, len(refused)
        assert 3 <= len(sandbox.requests("AssumeRole")) <= 5
        assert len(made.authorization.audit()) <= (12 if kind == "broker" else 60)
    finally:
        close(made)


def test_a_restart_goes_on_with_the_lease_that_is_held(broker, sandbox, authorization, tmp_path):
    broker.run("put", make_file(tmp_path / "a.bin", 1000, seed=1), "ingest:a.bin", check=0)
    asked = len(authorization.audit())
    broker.stop()

    broker.run("put", make_file(tmp_path / "b.bin", 1000, seed=2), "ingest:b.bin", check=0)

    assert len(authorization.audit()) == asked, "the living lease was used"
    for path in (broker.home / "state/credentials").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("damage", ["open", "garbage", "huge"])
def test_a_cache_that_cannot_be_trusted_costs_one_fetch_and_no_upload(broker, sandbox, authorization, tmp_path, damage):
    broker.run("put", make_file(tmp_path / "a.bin", 1000, seed=1), "ingest:a.bin", check=0)
    asked = len(authorization.audit())
    broker.stop()
    [cache] = (broker.home / "state/credentials").glob("lease-*")
    if damage == "open":
        cache.chmod(0o644)
    else:
        cache.write_bytes(b"{" * (5000 if damage == "garbage" else 1 << 20))

    broker.run("put", make_file(tmp_path / "b.bin", 1000, seed=2), "ingest:b.bin", check=0)

    assert len(authorization.audit()) == asked + 1
    assert cache.stat().st_mode & 0o777 == 0o600
    assert json.loads(cache.read_bytes())["scope"] == "ingest"


def test_a_revoked_lease_is_not_used_by_the_next_engine(broker, sandbox, authorization, tmp_path):
    broker.run("put", make_file(tmp_path / "a.bin", 1000, seed=1), "ingest:a.bin", check=0)
    time.sleep(1.1)
    sandbox.control("POST", "/_sandbox/tokens/expire")
    broker.run("put", make_file(tmp_path / "b.bin", 1000, seed=2), "ingest:b.bin", check=0)
    broker.stop()

    broker.run("put", make_file(tmp_path / "c.bin", 1000, seed=3), "ingest:c.bin", check=0)

    assert [item["status"] for item in sandbox.requests("PutObject")].count(403) == 1
    assert len(sandbox.requests("AssumeRole")) == 2


@pytest.mark.parametrize("kind", ["broker", "signed-url"])
def test_a_renewal_lets_held_uploads_go_on_at_once_and_says_when_it_cannot(tmp_path, sandbox, authorization, kind):
    davit = Davit(tmp_path / "home")
    remote(davit, sandbox, authorization, kind)
    token = davit.home / "ingest.token"
    try:
        token.write_text("not-the-token")
        # Where it goes is not known yet, so the order is taken only once the server has said so.
        refused = davit.run("auth", "renew", "ingest")
        assert refused.returncode == 6 and "ingest" in refused.stderr and "401" in refused.stderr, refused.stderr
        token.write_text(authorization.token)
        renewed = davit.run("auth", "renew", "ingest", check=0)
        assert "ingest" in renewed.stdout and kind in renewed.stdout
        davit.run("put", make_file(tmp_path / "a.bin", 1000, seed=1), "ingest:a.bin", check=0)

        # Held: the lease is revoked and the server does not know the client any more.
        token.write_text("not-the-token")
        time.sleep(1.1)
        sandbox.control("POST", "/_sandbox/tokens/expire")
        davit.run("add", make_file(tmp_path / "b.bin", 1000, seed=2), "ingest:b.bin", check=0)
        held = until(lambda: davit.uploads("state:held"), 20, "an upload that is held")[0]
        assert held["held_reason"] == "credentials"
        # A person repairs it and says so: nobody waits for the engine to look by itself.
        token.write_text(authorization.token)
        davit.run("auth", "renew", check=0)
        begun = time.monotonic()
        davit.run("wait", "--timeout", "5s", check=0)
        assert time.monotonic() - begun < 5
        assert sandbox.objects()["uploads/camera-7/b.bin"]["sha256"] == digest(tmp_path / "b.bin")
    finally:
        davit.stop()


def test_an_unknown_remote_cannot_be_renewed(broker):
    done = broker.run("auth", "renew", "elsewhere", check=2)

    assert "elsewhere" in done.stderr and done.stderr.count("\n") <= 2
    assert broker.run("auth", "status", "elsewhere").returncode == 2


def test_what_is_held_is_shown_with_its_life_and_its_renewal(broker, tmp_path):
    broker.run("put", make_file(tmp_path / "a.bin", 1000), "ingest:a.bin", check=0)

    [lease] = broker.json("auth", "status", "ingest")["leases"]
    assert lease["kind"] == "broker" and lease["state"] == "held" and lease["identity"].startswith("STS.")
    assert 3000 < lease["left"] <= 3600 and 2000 < lease["renews_in"] < 3100
    text = broker.run("auth", "status", check=0).stdout
    assert "RENEWS IN" in text and "broker" in text


def test_with_a_broker_secrets_are_in_the_engine_and_its_cache_and_nowhere_else(tmp_path, sandbox):
    made = bench(tmp_path, sandbox, "broker")
    try:
        begin(made.davit, tmp_path, 2 << 20)
        until(lambda: stored(sandbox) >= 2, 30, "two parts")
        secrets = made.secrets() | set(made.sts.tokens) | {made.authorization.token.encode()}
        issued = set(made.sts.secrets)
        engine = made.davit.pid()
        assert found(memory(engine), issued) == issued, "the search finds what is there"
        assert not found([environment(engine)], secrets)

        primary, secondary = pty.openpty()
        terminal = subprocess.Popen(
            made.davit.command("attach"), env={**made.davit.environment, "TERM": "xterm-256color"}, stdin=secondary, stdout=secondary,
            stderr=secondary, start_new_session=True)
        os.close(secondary)
        try:
            assert os.read(primary, 1 << 16)
            with watching(made.davit, tmp_path) as watch:
                for process in (watch, terminal):
                    assert process.poll() is None
                    assert not found([*memory(process.pid), environment(process.pid)], secrets), process.args
        finally:
            terminal.kill()
            terminal.wait()
            os.close(primary)

        for name, text in shown(made.davit).items():
            assert not found([text], secrets), name
        for name, text in on_disk(made.davit).items():
            if not name.startswith("lease-"):
                assert not found([text], secrets), name
        processes = subprocess.check_output(["ps", "axwwe", "-o", "args"])
        assert not found([processes], secrets)
        assert not found([(made.authorization.folder / "audit.jsonl").read_bytes()], secrets)
    finally:
        close(made)
