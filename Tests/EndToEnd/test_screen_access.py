"""Profiles, settings and undo, changed in the terminal and kept by the engine in the configuration file."""
import stat
import time

import pytest

from conftest import Davit, make_file, until

MINE = """# kept by hand
[engine]
uploads = 3   # few

[remote.old]
bucket = "old-bucket"   # not to be touched
region = "cn-hangzhou"
"""


@pytest.fixture
def home(tmp_path):
    """davit without any key of its own, and a configuration that a person wrote."""
    davit = Davit(tmp_path / "home")
    davit.configure(MINE)
    yield davit
    davit.stop()


def config(davit):
    return (davit.home / "config.toml").read_text()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def fill(tmux, *fields):
    """Types each field and goes to the next one; `None` leaves it as it is."""
    for field in fields:
        if field:
            tmux.type(field)
        tmux.keys("Tab")


def test_a_profile_is_added_with_its_secret_tested_used_changed_and_removed(home, sandbox, window, tmp_path):
    tmux = window(home, 100, 40)
    tmux.keys("5")
    tmux.shows("[5 Access]")
    tmux.keys("a")
    tmux.shows("Add a profile")
    time.sleep(0.35)
    fill(tmux, "cold", None, sandbox.access_key_id, sandbox.access_key_secret, None, sandbox.bucket, sandbox.region)
    tmux.type(sandbox.oss_endpoint)
    assert sandbox.access_key_secret not in tmux.text() and "*" * len(sandbox.access_key_secret) in tmux.text()
    tmux.keys("Enter")
    tmux.shows("cold: test ok", "cold")

    text = config(home)
    assert text.startswith(MINE) and "[remote.cold]" in text and sandbox.access_key_secret not in text
    assert mode(home.home / "config.toml") == 0o600 and mode(home.home / "cold.secret") == 0o600
    assert (home.home / "cold.secret").read_text() == sandbox.access_key_secret
    home.run("put", make_file(tmp_path / "a.bin", 100_000), "cold:in/", check=0)
    assert "in/a.bin" in sandbox.objects()

    # Only the prefix.
    tmux.keys("g", "Enter")
    tmux.shows("Profile cold", "(kept)")
    time.sleep(0.35)
    tmux.keys("BTab", "BTab")
    tmux.type("below/")
    tmux.keys("Enter")
    tmux.shows("remote cold changed")
    until(lambda: 'prefix = "below/"' in config(home), what="the prefix in the file")
    home.run("put", make_file(tmp_path / "b.bin", 1000), "cold:in/", check=0)
    assert "below/in/b.bin" in sandbox.objects()

    tmux.keys("g", "x")
    tmux.shows("remote cold removed", "cold.secret")
    assert config(home) == MINE and (home.home / "cold.secret").exists()
    tmux.keys("u")
    tmux.shows("taken back: remote cold removed")
    assert 'prefix = "below/"' in config(home)
    assert sandbox.access_key_secret not in (home.home / "state/engine.log").read_text()


def test_a_wrong_value_is_said_with_its_line_and_nothing_is_written(home, window):
    tmux = window(home, 100, 40)
    tmux.keys("5", "a")
    tmux.shows("Add a profile")
    time.sleep(0.35)
    fill(tmux, "cold", None, "LTAI5tExample", "open-sesame", None, "Bad_Bucket!")
    tmux.keys("Enter")
    tmux.shows("config.toml:", "error:")
    assert config(home) == MINE and not (home.home / "cold.secret").exists()
    tmux.keys("Escape")


def test_a_profile_of_the_file_that_is_not_usable_is_said(home, window):
    tmux = window(home, 100, 40)
    tmux.keys("5")
    tmux.shows("old")
    home.configure(MINE + "wrong = [\n")
    tmux.keys("x")
    tmux.shows("config.toml:", "error:")
    assert config(home) == MINE + "wrong = [\n"


def test_settings_of_the_engine_change_at_once_and_stay(home, window):
    tmux = window(home, 100, 40)
    tmux.keys("6")
    tmux.shows("schedule", "parts at most")
    tmux.keys("g", "j", "j", "Enter")
    tmux.shows("schedule:")
    tmux.type("Mon-Fry 20MiB; else none")
    tmux.keys("Enter")
    tmux.shows('"rate-schedule" takes lines')
    assert config(home) == MINE
    tmux.keys("C-u")
    tmux.type("00:00-23:59 3MiB; else 3MiB")
    tmux.keys("Enter")
    tmux.shows("by the schedule", "u undo")
    assert home.json("limit")["rate"] == 3 << 20 and home.json("limit")["rate_by"] == "schedule"
    assert 'rate-schedule = ["00:00-23:59 3MiB", "else 3MiB"]' in config(home)
    assert config(home).startswith("# kept by hand\n[engine]\nuploads = 3   # few\n")


def test_limits_and_settings_are_taken_back_after_a_restart_of_the_engine(home, window):
    tmux = window(home, 100, 40, USER="ops")
    tmux.keys("6")
    tmux.shows("limit up")
    tmux.keys("g", "Enter")
    tmux.type("7M")
    tmux.keys("Enter")
    tmux.shows("limit up 7.00 MiB/s")
    home.run("limit", "9MiB", check=0)
    home.run("engine", "stop", check=0)
    home.run("engine", "start", check=0)
    tmux.shows("9.00 MiB/s", "limit up 7 MiB/s -> 9 MiB/s")

    # The older of the two: somebody has changed the limit since.
    tmux.keys("U")
    tmux.shows("limit up none -> 7 MiB/s", "ops")
    tmux.keys("j", "Enter")
    tmux.shows("nothing was taken back", "changed again")
    tmux.keys("U", "Enter")
    tmux.shows("taken back: limit up 7 MiB/s -> 9 MiB/s")
    assert home.json("limit")["rate"] == 7 << 20
    # Now the older one is as it was left.
    tmux.keys("U")
    tmux.shows("undone")
    tmux.keys("j", "Enter")
    until(lambda: home.json("limit")["rate"] is None, what="no limit")
    edits = home.json("undo", "--list")["items"]
    assert [edit["what"] for edit in edits] == ["limit up 7 MiB/s -> 9 MiB/s", "limit up none -> 7 MiB/s"]
    assert all(edit["undone"] for edit in edits) and edits[1]["by"] == "ops"


def test_what_one_front_end_changes_the_other_says(home, window):
    tmux = window(home, 100, 40, USER="ops")
    other = window(home, 80, 24, USER="ops2")
    other.keys("6")
    other.shows("[6 Settings]")
    tmux.keys("6")
    tmux.shows("history")
    tmux.keys("G", "g", *["j"] * 9, "Enter")
    tmux.shows("history:")
    tmux.keys("C-u")
    tmux.type("30d")
    tmux.keys("Enter")
    other.shows('ops: keep-history default -> "30d"', "30d")
