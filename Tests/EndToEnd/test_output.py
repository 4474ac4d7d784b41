"""What commands print: whole, safe, and an error where it did not arrive."""
import json
import os
import subprocess

import pytest

from conftest import make_file


@pytest.mark.parametrize("words", [
    ["receipt", "j-1"], ["queue", "--json"], ["queue", "--plain"], ["queue", "-0"], ["history", "--json"], ["status"], ["log"], ["show", "j-1"],
    ["presign", "oss://BUCKET/k"], ["config", "show"], ["config", "path"], ["--version"], ["completion", "bash"], ["add", "FILE", "oss://BUCKET/again"],
], ids=" ".join)
def test_a_result_that_cannot_be_written_is_an_error(davit, sandbox, tmp_path, words):
    file = make_file(tmp_path / "f", 10)
    davit.run("put", file, f"oss://{sandbox.bucket}/f", check=0)
    words = [word.replace("BUCKET", sandbox.bucket).replace("FILE", str(file)) for word in words]

    with open("/dev/full", "w") as full:
        done = subprocess.run(davit.command(*words), env=davit.environment, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)

    errors = [line for line in done.stderr.splitlines() if "cannot be written" in line]
    assert done.returncode == 1 and len(errors) == 1 and "No space left" in errors[0], done.stderr


def test_whoever_stops_reading_is_told_nothing(davit, sandbox, tmp_path):
    for number in range(300):
        make_file(tmp_path / f"d/{'long' * 40}{number}", 1)
    davit.run("put", f"{tmp_path}/d/", f"oss://{sandbox.bucket}/", check=0)
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        davit.command("queue", "--json"), env=davit.environment, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)

    assert done.stderr == ""


def test_paths_come_with_the_bytes_they_have(davit, sandbox, tmp_path):
    folder = os.fsencode(tmp_path / "d")
    os.mkdir(folder)
    name = folder + b"/bad\xff.txt"
    open(name, "wb").close()
    davit.run("put", os.fsdecode(folder) + "/", f"oss://{sandbox.bucket}/", "--encode-names", "percent", check=0)

    done = subprocess.run(davit.command("queue", "-0"), env=davit.environment, capture_output=True, timeout=60)

    assert done.returncode == 0 and done.stdout == name + b"\0"


def test_a_query_without_matches_is_no_success(davit, sandbox, tmp_path):
    assert davit.run("queue").returncode == 0
    for options in [[], ["--json"], ["--plain"], ["-0"]]:
        assert davit.run("queue", "state:failed", *options).returncode == 4, options
    assert json.loads(davit.run("queue", "state:failed", "--json").stdout) == {"schema": 1, "items": [], "total": 0, "truncated": False}


def test_a_long_queue_is_printed_page_by_page_and_each_upload_once(davit, sandbox, tmp_path):
    for number in range(2500):
        make_file(tmp_path / f"d/f{number}", 1)
    davit.run("add", f"{tmp_path}/d/", f"oss://{sandbox.bucket}/", check=0)

    # It moves meanwhile.
    for query in [[], ["name:f*"], ["--sort", "name"]]:
        listed = davit.json("queue", *query)
        names = [item["path"] for item in listed["items"]]
        assert len(names) == len(set(names)) == listed["total"] and not listed["truncated"]
        if query != ["--sort", "name"]:
            assert len(names) == 2500, query
    davit.run("wait", check=0)
    some = davit.json("queue", "--limit", "1200")
    assert len(some["items"]) == 1200 and some["total"] == 2500 and some["truncated"]


def test_json_holds_nothing_that_a_terminal_obeys(davit, sandbox, tmp_path):
    name = "a\u009b31m\u202egpj.exe"
    davit.run("put", make_file(tmp_path / name, 1), f"oss://{sandbox.bucket}/", check=0)

    for words in [["queue", "--json"], ["history", "--json"], ["receipt", "j-1"]]:
        text = davit.run(*words, check=0).stdout
        assert "\u009b" not in text and "\u202e" not in text and "\\u009b31m\\u202egpj" in text


def test_what_is_done_is_done_in_full(davit, sandbox, tmp_path):
    davit.run("put", make_file(tmp_path / "f", 100_000), f"oss://{sandbox.bucket}/f", check=0)

    assert "100%" in davit.run("show", "j-1", check=0).stdout
    assert "100%" in davit.run("status", check=0).stdout
