"""Commands about the queue and about davit itself, as a script meets them."""
import datetime
import json
import pathlib
import re
import subprocess

import pytest

from conftest import PROGRAMS, make_file, until

COMMANDS = [
    "attach", "put", "add", "queue", "show", "status", "watch", "wait", "pause", "resume", "retry", "cancel", "abort", "remove", "priority",
    "move", "undo", "history", "receipt", "verify", "limit", "slots", "ls", "presign", "orphans", "auth status", "auth renew", "auth test",
    "log", "doctor", "engine run", "engine start", "engine stop", "engine finish", "engine status", "config check", "config path", "config show",
    "theme list", "theme show", "theme check", "keys list", "keys check", "completion",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, tmp_path):
    done = subprocess.run([PROGRAMS / "davit", *command.split(), "--help"], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0 and done.stderr == ""
    assert "USAGE" in done.stdout and f"davit {command}" in done.stdout
    assert re.search(r"Examples?:", done.stdout), done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(shell, davit):
    script = davit.run("completion", shell, check=0).stdout

    for command in {name.split()[0] for name in COMMANDS}:
        assert command in script


def paused(davit, sandbox, tmp_path, *names, folder="d", more=()):
    """The job's id: its uploads stand still."""
    for name in names:
        make_file(tmp_path / folder / name, 100)
    return davit.run("add", f"{tmp_path}/{folder}/", f"oss://{sandbox.bucket}/", "--paused", *more, check=0).stdout.strip()


def keys(davit, *query):
    return [item["key"] for item in davit.uploads(*query)]


def test_move_and_priority_change_the_order_and_undo_gives_it_back(davit, sandbox, tmp_path):
    job = paused(davit, sandbox, tmp_path, "a", "b", "c")
    ids = {item["key"]: item["id"] for item in davit.uploads()}

    davit.run("move", "front", ids["c"], check=0)
    assert keys(davit) == ["c", "a", "b"]
    davit.run("move", "back", ids["a"], check=0)
    assert keys(davit) == ["c", "b", "a"]
    davit.run("priority", "high", ids["a"], check=0)
    assert keys(davit) == ["a", "c", "b"]
    for expected in [["c", "b", "a"], ["c", "a", "b"], ["a", "b", "c"]]:
        davit.run("undo", check=0)
        assert keys(davit) == expected
    assert job.startswith("j-")


def test_an_edit_is_taken_back_by_its_id(davit, sandbox, tmp_path):
    paused(davit, sandbox, tmp_path, "a", "b")
    ids = [item["id"] for item in davit.uploads()]
    davit.run("cancel", ids[0], check=0)
    davit.run("priority", "low", ids[1], check=0)

    edits = davit.json("undo", "--list")["items"]
    assert [edit["action"] for edit in edits] == ["priority", "cancel"] and not edits[1]["undone"]
    davit.run("undo", edits[1]["id"], check=0)

    assert {item["id"]: (item["state"], item["priority"]) for item in davit.uploads()} == {
        ids[0]: ("paused", "normal"), ids[1]: ("paused", "low")}
    assert [edit["undone"] for edit in davit.json("undo", "--list")["items"]] == [False, True]
    assert davit.run("undo", "999").returncode == 4
    assert davit.run("undo", "x").returncode == 2 and davit.run("undo", "--list", "1").returncode == 2


def test_only_the_last_twenty_edits_are_kept(davit, sandbox, tmp_path):
    paused(davit, sandbox, tmp_path, "a")
    upload = davit.uploads()[0]["id"]
    for number in range(25):
        davit.run("priority", ["high", "low"][number % 2], upload, "-q", check=0)

    assert len(davit.json("undo", "--list")["items"]) == 20


def test_a_jobs_id_stands_for_its_uploads(davit, sandbox, tmp_path):
    first = paused(davit, sandbox, tmp_path, "a", "b", folder="one")
    second = paused(davit, sandbox, tmp_path, "c", folder="two")

    assert set(keys(davit, first)) == {"a", "b"} and keys(davit, second) == ["c"]
    shown = davit.json("show", first)
    assert shown["job"] == first and shown["total"] == 2 and shown["counts"] == {"paused": 2} and shown["bytes"] == 200
    assert "2 paused" in davit.run("show", first, check=0).stdout
    davit.run("cancel", second, check=0)
    assert davit.uploads(second)[0]["state"] == "cancelled"
    davit.run("undo", check=0)
    davit.run("resume", first, check=0)
    davit.run("wait", first, check=0)
    assert davit.json("show", first)["counts"] == {"done": 2} and davit.json("show", second)["counts"] == {"paused": 1}
    davit.run("resume", first, second)
    davit.run("wait", second, check=0)
    assert davit.run("show", "j-99").returncode == 4


def test_pause_and_resume_of_one_of_a_query_and_of_all(davit, sandbox, tmp_path):
    davit.run("limit", "0", check=0)
    for name in ["a.mov", "b.mov", "c.txt"]:
        make_file(tmp_path / "d" / name, 100)
    davit.run("add", f"{tmp_path}/d/", f"oss://{sandbox.bucket}/", check=0)
    until(lambda: len(davit.uploads()) == 3, what="three rows")
    ids = {item["key"]: item["id"] for item in davit.uploads()}

    davit.run("pause", ids["c.txt"], check=0)
    davit.run("pause", "name:*.mov", "--dry-run", check=0)
    assert [item["key"] for item in davit.uploads("state:paused")] == ["c.txt"]
    davit.run("pause", "name:*.mov", check=0)
    assert len(davit.uploads("state:paused")) == 3
    davit.run("resume", "mov", check=0)
    assert [item["key"] for item in davit.uploads("state:paused")] == ["c.txt"]
    davit.run("pause", "--all", check=0)
    assert davit.json("status")["queue_paused"]
    davit.run("resume", "--all", check=0)
    davit.run("limit", "none", check=0)
    davit.run("resume", ids["c.txt"], check=0)
    davit.run("wait", check=0)
    assert len(sandbox.objects()) == 3
    assert davit.run("pause", "nothing-like-it").returncode == 4
    assert davit.run("pause").returncode == 2


def test_a_retry_that_is_taken_back_has_its_error_again(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "effect": "status", "status": 403, "code": "AccessDenied"})
    davit.run("put", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", check=1)
    davit.run("limit", "0", check=0)
    davit.run("retry", "state:failed", check=0)
    assert davit.uploads()[0]["last_error"] is None

    davit.run("undo", check=0)

    upload = davit.uploads()[0]
    assert upload["state"] == "failed" and upload["last_error"]["code"] == "AccessDenied"


# MARK: times

@pytest.mark.parametrize("text,seconds", [("+2h", 7200), ("+90m", 5400), ("+1d", 86400)])
def test_an_order_may_start_after_a_while(davit, sandbox, tmp_path, text, seconds):
    davit.run("add", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", "--at", text, check=0)

    upload = davit.uploads()[0]
    start = datetime.datetime.fromisoformat(upload["next_try"].replace("Z", "+00:00"))
    left = (start - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert upload["state"] == "held" and upload["held_reason"] == "schedule" and seconds - 60 < left <= seconds


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_a_clock_time_is_that_of_the_caller(davit, sandbox, tmp_path, zone):
    davit.environment["TZ"] = zone
    local = subprocess.check_output(["date", "-d", "tomorrow 06:00", "+%s"], env={"TZ": zone, "PATH": "/usr/bin:/bin"}, text=True)

    davit.run("add", make_file(tmp_path / "f", 10), f"oss://{sandbox.bucket}/f", "--at", "tomorrow 06:00", check=0)

    start = datetime.datetime.fromisoformat(davit.uploads()[0]["next_try"].replace("Z", "+00:00"))
    assert start.timestamp() == int(local)


def test_an_offset_counts_and_a_time_that_is_none_is_refused(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    davit.run("add", file, f"oss://{sandbox.bucket}/f", "--at", "2099-01-01T06:00:00+08:00", check=0)
    assert davit.uploads()[0]["next_try"].startswith("2098-12-31T22:00:00")

    for text in ["25:00", "noon", "2099-02-30 10:00", "2099-01-01T06:00:00", "+", "+2x", "tomorrow", ""]:
        done = davit.run("add", file, f"oss://{sandbox.bucket}/g", "--at", text)
        assert done.returncode == 2 and "--at" in done.stderr, text
    skipped = davit.run(
        "add", file, f"oss://{sandbox.bucket}/g", "--at", "2027-03-14 02:30", environment={"TZ": "America/New_York"})
    assert skipped.returncode == 2 and "put forward" in skipped.stderr


# MARK: themes and keys

def test_a_theme_is_shown_so_that_it_can_be_copied(davit):
    names = davit.run("theme", "list", check=0).stdout.split()
    assert "default-dark" in names and davit.json("theme", "list")["items"] == names

    text = davit.run("theme", "show", "default-dark", check=0).stdout
    own = davit.home / "themes"
    own.mkdir()
    (own / "mine.toml").write_text(text)

    davit.run("theme", "check", "mine", check=0)
    assert "mine" in davit.run("theme", "list", check=0).stdout.split()
    assert davit.run("theme", "show", "nothing").returncode == 2


def test_keys_are_listed_and_a_file_of_keys_is_checked(davit):
    listed = davit.json("keys", "list")["items"]
    pause = next(item for item in listed if item["action"] == "pause")
    assert pause["keys"] == ["p"] and "queue" in pause["screens"]
    davit.run("keys", "check", check=0)

    file = davit.home / "keys.toml"
    file.write_text('pause = "Ctrl-P"\n[queue]\nundo = ["F3", "F2"]\n')
    davit.run("keys", "check", check=0)
    assert next(item for item in davit.json("keys", "list")["items"] if item["action"] == "pause")["keys"] == ["Ctrl-P"]

    file.write_text('pause = "Ctrl-P"\npuase = "x"\n[queue]\nretry = "Ctrl-P"\nundo = "Hyper-X"\n[nowhere]\nadd = "a"\n')
    done = davit.run("keys", "check")
    assert done.returncode == 2
    for place in [f"{file}:2:1: error: ", f"{file}:4:", f"{file}:5:", f"{file}:6:"]:
        assert place in done.stdout, done.stdout
    assert "pause" in done.stdout


# MARK: global options

def test_quiet_says_nothing_and_socket_and_config_are_taken(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    done = davit.run("put", "-q", file, f"oss://{sandbox.bucket}/f", check=0)
    assert done.stdout == "" and done.stderr == ""
    assert davit.run("status", "--socket", davit.home / "run/engine.sock", check=0).stdout
    assert davit.run("status", "--socket", tmp_path / "other.sock").returncode == 5
    assert davit.run("config", "path", "--config", tmp_path / "own.toml", check=0).stdout.strip().endswith("own.toml")


def test_timeout_and_no_input(davit, sandbox, tmp_path):
    sandbox.fault({"operation": "PutObject", "effect": "black-hole"})
    file = make_file(tmp_path / "f", 10)
    assert davit.run("put", file, f"oss://{sandbox.bucket}/f", "--timeout", "1s").returncode == 8
    assert davit.run("wait", "--timeout", "1s").returncode == 8
    assert davit.run("put", file, f"oss://{sandbox.bucket}/f", "--timeout", "soon").returncode == 2
    refused = davit.run("abort", "--all", "--no-input")
    assert refused.returncode == 7 and "--yes" in refused.stderr
    assert davit.run("abort", "--all", "--dry-run", check=0)
    davit.run("abort", "--all", "--yes", check=0)


def test_the_same_submission_id_queues_once(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    jobs = {davit.run("add", file, f"oss://{sandbox.bucket}/f", "--submission-id", "night-1", check=0).stdout for _ in range(2)}
    assert len(jobs) == 1 and len(davit.uploads()) == 1


def test_a_submission_id_that_was_another_order_is_refused(davit, sandbox, tmp_path):
    first, second = make_file(tmp_path / "f", 10), make_file(tmp_path / "g", 10)
    davit.run("put", first, f"oss://{sandbox.bucket}/f", "--submission-id", "night-1", check=0)

    refused = davit.run("put", second, f"oss://{sandbox.bucket}/g", "--submission-id", "night-1")

    assert refused.returncode == 1 and "was another order (j-1)" in refused.stderr
    assert list(sandbox.objects()) == ["f"]


def test_a_dry_run_says_what_is_missing_by_its_exit_status(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    for command in ["put", "add"]:
        some = davit.run(command, file, tmp_path / "none", f"oss://{sandbox.bucket}/", "--dry-run")
        assert some.returncode == 3 and "would queue 1 files" in some.stdout, command


def test_rates_and_sizes_are_read_alike_everywhere(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    for rate, bytes_a_second in [("16Mbit", 2_000_000), ("5MiB", 5 << 20), ("none", None), ("800kbit/s", 100_000)]:
        job = davit.json("add", file, f"oss://{sandbox.bucket}/f", "--limit", rate, "--paused")
        davit.run("limit", rate, job["uploads"][0], check=0)
        assert davit.json("show", job["uploads"][0])["limit" if bytes_a_second else "schema"] == (bytes_a_second or 1)
    for option in ["--limit", "--part-size", "--min-size"]:
        refused = davit.run("add", file, f"oss://{sandbox.bucket}/f", option, "5Mb")
        assert refused.returncode == 2 and option in refused.stderr and "bits or bytes" in refused.stderr
    davit.run("add", file, f"oss://{sandbox.bucket}/f", "--part-size", "1.5 MiB", "--paused", check=0)


def test_a_timeout_ends_any_question_to_the_engine(davit, sandbox, tmp_path):
    davit.run("queue", check=0)
    sandbox.fault({"operation": "ListMultipartUploads", "effect": "black-hole"})
    sandbox.fault({"operation": "ListObjectsV2", "effect": "black-hole"})
    for words in [["orphans", f"oss://{sandbox.bucket}/"], ["ls", f"oss://{sandbox.bucket}/"]]:
        done = davit.run(*words, "--timeout", "1s", seconds=30)
        assert done.returncode == 8 and "--timeout" in done.stderr, done.stderr


def test_dry_run_queues_nothing(davit, sandbox, tmp_path):
    file = make_file(tmp_path / "f", 10)
    assert "would queue 1 files" in davit.run("add", file, f"oss://{sandbox.bucket}/f", "--dry-run", check=0).stdout
    assert davit.uploads() == [] and davit.json("history")["total"] == 0
