"""Kills, faults, a network that goes away, disks that are full, a queue that is damaged: nothing is lost, everything is said."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import PROGRAMS, Davit, digest, make_file, until

BENCHMARKS = pathlib.Path(__file__).parents[2] / "Benchmarks"


def benchmark(name, *arguments, seconds=600):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *map(str, arguments)], env={**os.environ, "DAVIT_PROGRAMS": str(PROGRAMS)}, capture_output=True,
        text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_files(folder, count, size=500):
    for number in range(count):
        make_file(folder / f"{number:03}", size, seed=number)
    return folder


def log(davit):
    return (davit.home / "state" / "engine.log").read_text()


def test_ten_kills_at_random_moments_lose_nothing_and_send_little_again():
    benchmark("kills", "--rounds", 10, "--small", 300, "--large", 2, "--large-mib", 8)


def test_three_requests_in_ten_that_fail_lose_nothing():
    # How long it takes is for quiet machines: here only that everything arrives.
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "faults", "--gib", "0.06", "--small", "200", "--hole", "5"],
        env={**os.environ, "DAVIT_PROGRAMS": str(PROGRAMS)}, capture_output=True, text=True, timeout=600)
    assert "; 0 lost" in done.stdout, done.stdout + done.stderr


def test_six_of_ten_puts_refused_for_load_lose_nothing():
    benchmark("faults", "--throttled", "--small", 150)


def test_an_upload_goes_on_by_itself_when_the_network_is_back():
    out = benchmark("outage", "--seconds", 25, "--refuse", "--mib", 64)
    assert "held (network" in out


def end_engine(davit):
    """Stopped, and its process gone: the queue is one file again."""
    pid = davit.pid()
    davit.run("engine", "stop", "-q", check=0)
    until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), what="the end of the engine's process")


# MARK: the queue's file

def damage(path, how):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        if how == "cut off":
            file.truncate(size // 2 // 4096 * 4096)
        elif how == "zeroed":
            file.seek(size // 2 // 4096 * 4096)
            file.write(bytes(8192))
        elif how == "header":
            file.write(os.urandom(100))


@pytest.mark.parametrize("how", ["cut off", "zeroed", "header"])
def test_a_damaged_queue_is_put_aside_and_rebuilt_and_every_file_arrives(davit, sandbox, tmp_path, how):
    folder = make_files(tmp_path / "files", 300)
    davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/q/", "--paused", check=0)
    until(lambda: len(davit.uploads("state:paused")) == 300, what="300 paused uploads")
    end_engine(davit)
    state = davit.home / "state"
    damage(state / "davit.sqlite", how)

    davit.run("engine", "start", check=0)

    aside = [path for path in state.iterdir() if path.name.startswith("davit.sqlite.damaged-")]
    assert aside
    status = davit.run("status", check=0).stdout
    assert "notice" in status and str(aside[0]).removesuffix("-wal") in status
    assert "was damaged and is rebuilt" in log(davit)
    until(lambda: davit.json("status")["counts"]["scanning"] == 0, what="the end of the scan")
    davit.run("resume", "--all")
    davit.run("wait", check=0)
    assert len(sandbox.objects()) == 300


def test_a_queue_of_a_newer_davit_is_left_alone(davit):
    import sqlite3

    davit.run("engine", "start", check=0)
    end_engine(davit)
    database = davit.home / "state" / "davit.sqlite"

    def rows(change=None):
        connection = sqlite3.connect(database)
        if change:
            connection.execute(change)
            connection.commit()
        try:
            return list(connection.iterdump())
        finally:
            connection.close()

    before = rows("INSERT INTO grdb_migrations VALUES ('99 the future')")

    done = davit.run("status")
    refused = davit.run("engine", "start")

    assert refused.returncode in (2, 5) and "newer davit" in refused.stderr, (done, refused)
    in_front = subprocess.run(
        [PROGRAMS / "davit-engine", "run"], env=davit.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert in_front.returncode == 2 and in_front.stderr.count("\n") == 1 and "newer davit" in in_front.stderr, in_front
    assert rows() == before


# MARK: the disk

@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB that can be made full and read-only."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "davit-test", folder], capture_output=True).returncode:
        pytest.skip("needs a user who may mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def on(disk, sandbox, tmp_path):
    """davit whose queue lies on that disk."""
    home = tmp_path / "home"
    home.mkdir()
    (disk / "state").mkdir(mode=0o700)
    (home / "state").symlink_to(disk / "state")
    return Davit(home, sandbox.environment)


def test_a_full_disk_is_said_refuses_orders_and_loses_nothing(small_disk, sandbox, tmp_path):
    davit = on(small_disk, sandbox, tmp_path)
    try:
        folder = make_files(tmp_path / "files", 60, 5000)
        sandbox.fault({"effect": "delay", "delay": "300ms"})
        davit.run("slots", "--parts", "2")
        davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/f/", check=0)
        fill(small_disk)

        told = until(lambda: davit.json("status")["outage"], what="the full disk is said")
        assert "cannot be written" in told["reason"] and "nothing is lost" in told["reason"]
        refused = davit.run("add", make_file(tmp_path / "late", 10), f"oss://{sandbox.bucket}/late")
        assert refused.returncode == 1 and "cannot be written" in refused.stderr and refused.stderr.count("\n") == 1, refused
        assert "cannot be written" in davit.run("status", check=0).stdout

        (small_disk / "filler").unlink()
        davit.run("wait", check=0)
        assert len(sandbox.objects()) == 60
        assert davit.json("status")["outage"] is None
        davit.run("put", tmp_path / "late", f"oss://{sandbox.bucket}/late", check=0)
        assert "can be written again" in log(davit)
    finally:
        davit.stop()


def test_a_read_only_disk_is_said_in_one_line_and_keeps_what_it_has(small_disk, sandbox, tmp_path):
    davit = on(small_disk, sandbox, tmp_path)
    try:
        folder = make_files(tmp_path / "files", 20)
        davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/f/", "--paused", check=0)
        until(lambda: len(davit.uploads("state:paused")) == 20, what="20 paused uploads")
        end_engine(davit)
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

        refused = davit.run("add", folder / "000", f"oss://{sandbox.bucket}/late")
        assert refused.returncode != 0 and "ead-only file system" in refused.stderr and refused.stderr.count("\n") == 1, refused

        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        davit.run("resume", "--all", check=0)
        davit.run("wait", check=0)
        assert len(sandbox.objects()) == 20
    finally:
        davit.stop()


def test_orders_are_on_the_disk_before_they_are_answered(sandbox, tmp_path):
    """What a power cut may cost is what was not synced: seen in the engine's system calls."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    davit = Davit(tmp_path / "home", sandbox.environment)
    trace = tmp_path / "trace"
    engine = subprocess.Popen(
        ["strace", "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,write,sendto,writev,sendmsg", "-s", "300", "-o", trace,
         PROGRAMS / "davit-engine", "run"],
        env=davit.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: davit.run("engine", "status").returncode == 0, what="the engine")
        if not trace.exists() or not trace.read_text():
            pytest.skip("strace may not trace here")
        file = make_file(tmp_path / "file", 10)
        davit.run("add", file, f"oss://{sandbox.bucket}/k", "--paused", check=0)
        lines = trace.read_text().splitlines()
        answer = next(index for index, line in enumerate(lines) if "201 Created" in line)
        before = [line for line in lines[:answer] if "sync(" in line and "davit.sqlite-wal" in line]
        assert before, "the order was answered before its -wal was synced"
    finally:
        davit.stop()
        engine.terminate()
        engine.wait(20)
