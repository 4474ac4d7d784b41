"""Large orders: a scan that a kill cuts off, what is counted, lists of names."""
import os
import signal
import sqlite3
import subprocess

from conftest import make_file, until

FILES = 20_000


def rows(davit, sql):
    """Asked beside the engine."""
    database = sqlite3.connect(f"file:{davit.home}/state/davit.sqlite?mode=ro", uri=True, timeout=30)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_a_scan_cut_off_by_a_kill_goes_on_and_queues_every_file_once(davit, sandbox, tmp_path):
    folder = tmp_path / "files"
    for number in range(FILES):
        if number % 500 == 0:
            (folder / f"{number // 500:03}").mkdir(parents=True)
        (folder / f"{number // 500:03}" / f"{number:05}").touch()
    davit.run("engine", "start", check=0)
    pid = davit.pid()
    davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/q/", "--paused", check=0)
    until(lambda: rows(davit, "SELECT COUNT(*) FROM uploads")[0][0] >= 2_000, what="the first rows")
    os.kill(pid, signal.SIGKILL)
    kept = [path for path, in rows(davit, "SELECT path FROM uploads")]
    # Whoever looks at them again finds pipes.
    for path in kept:
        os.unlink(path)
        os.mkfifo(path)

    davit.run("engine", "start", check=0)
    until(lambda: davit.json("status")["counts"]["scanning"] == 0, seconds=60, what="the end of the scan")

    paths = [path for path, in rows(davit, "SELECT path FROM uploads")]
    assert len(paths) == FILES and len(set(paths)) == FILES
    assert rows(davit, "SELECT COUNT(*) FROM refused")[0][0] == 0
    assert davit.json("status")["counts"]["paused"] == FILES


def test_what_is_no_file_is_counted_and_named(davit, sandbox, tmp_path):
    folder = tmp_path / "files"
    make_file(folder / "a", 10)
    make_file(folder / "b.tmp", 10)
    os.mkfifo(folder / "pipe")
    os.symlink("a", folder / "link")

    done = davit.run("add", f"{folder}/", f"oss://{sandbox.bucket}/", "--paused", "--exclude", "*.tmp", "--json", check=3)

    import json
    job = json.loads(done.stdout)
    assert job["skipped"] == {"pipes": 1, "links": 1, "filtered": 1} and job["total"] == 1
    assert "pipe" in done.stderr and done.stderr.count("link") == 2, "one line, about what to do"


def test_a_list_of_names_keeps_its_order_and_its_folders(davit, sandbox, tmp_path):
    for name in ("z/same", "a/same", "with\nnewline"):
        make_file(tmp_path / name, 10)
    names = b"z/same\0a/same\0gone\0with\nnewline\0"

    done = subprocess.run(
        davit.command("add", "--paused", "--files-from", "-", "-0", f"oss://{sandbox.bucket}/in/"), input=names, env=davit.environment,
        cwd=tmp_path, capture_output=True)

    assert done.returncode == 3 and b"gone" in done.stderr
    assert [upload["key"] for upload in davit.uploads()] == ["in/z/same", "in/a/same", "in/with\nnewline"]


def test_a_name_that_is_not_utf8_goes_up_when_it_may_be_encoded(davit, sandbox, tmp_path):
    folder = tmp_path / "files"
    make_file(folder / "good", 10)
    with open(os.fsencode(folder) + b"/bad\xff", "wb") as file:
        file.write(b"hello")

    refused = davit.run("put", f"{folder}/", f"oss://{sandbox.bucket}/a/", check=3)
    davit.run("put", "--encode-names", "percent", f"{folder}/", f"oss://{sandbox.bucket}/b/", check=0)

    assert "bad\\xFF" in refused.stderr and "--encode-names" in refused.stderr
    assert sandbox.objects()["b/bad%FF"]["size"] == 5
    upload = next(upload for upload in davit.uploads() if upload["key"] == "b/bad%FF")
    import base64
    assert base64.b64decode(upload["path_b64"]) == os.fsencode(folder) + b"/bad\xff"


def test_a_name_that_is_not_utf8_may_be_given_by_itself(davit, sandbox, tmp_path):
    folder = os.fsencode(tmp_path) + b"/dir\xfe"
    os.mkdir(folder)
    for name in (b"/plain", b"/bad\xff"):
        with open(folder + name, "wb") as file:
            file.write(b"hello")
    bad, plain = os.fsdecode(folder + b"/bad\xff"), os.fsdecode(folder + b"/plain")

    # The folders above a file are no part of its key.
    davit.run("put", plain, f"oss://{sandbox.bucket}/a/", check=0)
    refused = davit.run("put", bad, plain, f"oss://{sandbox.bucket}/b/", check=3)
    davit.run("put", "--encode-names", "percent", bad, f"oss://{sandbox.bucket}/c/", check=0)
    davit.run("put", "--encode-names", "percent", os.fsdecode(folder), f"oss://{sandbox.bucket}/d/", check=0)
    davit.run("put", "--encode-names", "percent", "bad\udcff", f"oss://{sandbox.bucket}/e/", check=0, cwd=folder)
    (tmp_path / "list").write_bytes(folder + b"/bad\xff\n")
    davit.run("put", "--encode-names", "percent", "--files-from", tmp_path / "list", f"oss://{sandbox.bucket}/f/", check=0)
    absent = davit.run("put", bad + "x", f"oss://{sandbox.bucket}/g/", check=2)
    dest = davit.run("put", plain, f"oss://{sandbox.bucket}/\udcff/", check=2)

    assert "bad\\xFF" in refused.stderr and "--encode-names" in refused.stderr and "bad\\xFFx" in absent.stderr and "DEST" in dest.stderr
    assert {"a/plain", "b/plain", "c/bad%FF", "d/dir%FE/bad%FF", "d/dir%FE/plain", "e/bad%FF", "f/bad%FF"} == set(sandbox.objects())
    import base64
    upload = next(upload for upload in davit.uploads() if upload["key"] == "c/bad%FF")
    assert base64.b64decode(upload["path_b64"]) == folder + b"/bad\xff"


def test_the_schedule_of_rates_is_written_by_the_command_line(davit, sandbox):
    davit.configure("# mine\n[engine]\nuploads = 2  # few\n")
    davit.run("limit", "--schedule", "00:00-23:59 5MiB; else 5MiB", check=0)
    assert davit.json("limit")["rate"] == 5 << 20
    assert (davit.home / "config.toml").read_text() == (
        '# mine\n[engine]\nuploads = 2  # few\nrate-schedule = ["00:00-23:59 5MiB", "else 5MiB"]\n')
    wrong = davit.run("limit", "--schedule", "whenever 5MiB")
    assert wrong.returncode == 2 and "config.toml:4:" in wrong.stderr and "rate-schedule" in wrong.stderr
    davit.run("undo", check=0)
    assert (davit.home / "config.toml").read_text() == "# mine\n[engine]\nuploads = 2  # few\n"
    assert davit.json("limit")["rate"] is None
