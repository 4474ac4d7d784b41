"""The real terminal UI in a real tmux: browse, queue, watch, pause, resume; and what happens to the terminal at the end."""
import os
import signal
import subprocess
import time

import pytest

from conftest import make_file, until
from terminal import Tmux


@pytest.fixture
def terminal(broker, tmp_path):
    """Starts davit in a tmux of that size, with sample files as the working directory."""
    opened = []
    files = tmp_path / "files"
    make_file(files / "camera.mov", 48 << 20)
    make_file(files / "nested/inner.bin", 2000)
    make_file(files / "2024年度財務報告.xlsx", 3000)
    make_file(files / "evil\x1b[31mname.txt", 10)

    def open_terminal(columns=80, rows=24, term="tmux-256color", arguments="", **environment):
        tmux = Tmux(columns, rows, {**broker.environment, **environment}, term)
        opened.append(tmux)
        tmux.type(f"cd '{files}' && clear && '{broker.command()[0]}' {arguments}; echo \"exit $?\"")
        tmux.keys("Enter")
        tmux.shows("[1 Queue]")
        return tmux

    yield open_terminal
    for tmux in opened:
        tmux.end()


LOOKS = [
    dict(columns=80, rows=24), dict(columns=140, rows=40), dict(columns=80, rows=24, NO_COLOR="1"),
    dict(columns=80, rows=24, arguments="--symbols ascii"), dict(columns=140, rows=40, arguments="--theme default-light"),
]


@pytest.mark.parametrize("look", LOOKS, ids=["80x24", "140x40", "no colour", "ascii", "light 140x40"])
def test_files_are_browsed_queued_watched_paused_and_resumed(terminal, broker, sandbox, look):
    broker.run("limit", "8MiB", check=0)
    tmux = terminal(**look)
    tmux.shows("Nothing to upload")

    tmux.keys("2")
    tmux.shows("[2 Browse]", "camera.mov", "nested/")
    tmux.keys("V")
    tmux.keys("a")
    tmux.shows("Add to queue")
    time.sleep(0.7)
    tmux.keys("Enter")
    until(lambda: len(broker.uploads()) == 4, what="four queued uploads")
    tmux.keys("1")
    tmux.shows("[1 Queue]", "camera.mov", "%")
    tmux.keys("f")
    tmux.type("name:camera*")
    tmux.keys("Enter")
    until(lambda: any(u["state"] == "uploading" and u["sending"] + u["stored"] > 0 for u in broker.uploads("name:camera*")), what="uploading")
    tmux.keys("p")
    tmux.shows("paused")
    until(lambda: broker.uploads("name:camera*")[0]["state"] == "paused", what="paused")
    tmux.keys("Enter")
    tmux.shows("Parts")
    tmux.keys("q")
    tmux.keys("p")
    until(lambda: broker.uploads("name:camera*")[0]["state"] in ("queued", "uploading"), what="resumed")
    broker.run("limit", "none", check=0)
    broker.run("wait", check=0)
    tmux.shows("done")
    screen = tmux.text()
    for line in screen.split("\n"):
        assert len(line) <= look["columns"]
    if "NO_COLOR" in look:
        assert "\x1b[3" not in tmux.styled().replace("\x1b[39m", "").replace("\x1b[3m", "")
    tmux.keys("q")
    tmux.shows("exit 0")
    assert any(key.endswith("camera.mov") for key in sandbox.objects())


def test_a_hostile_name_reaches_the_screen_escaped(terminal):
    tmux = terminal()
    tmux.keys("2")

    screen = tmux.shows("evil^[[31mname.txt")

    assert "\x1b[31mname" not in tmux.styled()
    assert "2024年度財務報告.xlsx" in screen


def test_resizing_back_gives_the_same_screen(terminal):
    tmux = terminal()
    tmux.keys("2")
    tmux.shows("[2 Browse]", "camera.mov")
    time.sleep(0.5)
    before = tmux.lines()[1:]
    for columns, rows in [(30, 5), (20, 3), (200, 50), (40, 10), (80, 24)]:
        tmux.call("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))
        time.sleep(0.15)
    until(lambda: tmux.lines()[1:] == before, 5, "the same screen")


def test_too_small_a_window_says_what_it_needs(terminal):
    tmux = terminal()
    tmux.call("resize-window", "-t", "t", "-x", "30", "-y", "5")
    tmux.shows("need 40x8, have 30x5")


def test_pasted_text_runs_no_command(terminal, broker, tmp_path):
    tmux = terminal()
    tmux.call("set-buffer", "ddxXyq\nPPq\n")
    tmux.call("paste-buffer", "-p", "-t", "t")
    tmux.shows("pasted", "ignored")
    assert "[1 Queue]" in tmux.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV], ids=["SIGTERM", "crash"])
def test_the_terminal_is_restored_when_davit_is_killed(terminal, number):
    tmux = terminal()
    os.kill(tmux.pid(), number)

    tmux.shows("exit ")
    tmux.type("stty -a | grep -o ' echo ' | head -1; echo back")
    tmux.keys("Enter")
    tmux.shows(" echo", "back")
    assert "[1 Queue]" not in tmux.text()
    assert tmux.call("display-message", "-p", "-t", "t", "#{cursor_flag} #{mouse_any_flag}").split() == ["1", "0"]


def test_ctrl_z_suspends_and_fg_brings_it_back(terminal):
    tmux = terminal()
    tmux.keys("C-z")
    # `sh` prints its prompt again; the pipeline behind davit runs when it is back and done.
    tmux.shows("shell$")
    assert "[1 Queue]" not in tmux.text()
    tmux.type("fg")
    tmux.keys("Enter")
    tmux.shows("[1 Queue]")
    tmux.keys("q")
    tmux.shows("shell$")


def test_leaving_keeps_the_uploads_going_and_says_so(terminal, broker, sandbox, tmp_path):
    broker.run("limit", "8MiB", check=0)
    broker.run("add", tmp_path / "files/camera.mov", "ingest:x/", check=0)
    tmux = terminal()
    tmux.shows("camera.mov", "%")
    tmux.keys("q")

    tmux.shows("[detached:", "exit 0")
    broker.run("limit", "none", check=0)
    broker.run("wait", check=0)
    assert "uploads/camera-7/x/camera.mov" in sandbox.objects()


def test_the_front_end_stays_below_24_mib(terminal):
    tmux = terminal(140, 40)
    tmux.keys("2")
    tmux.shows("[2 Browse]")
    tmux.keys("1")
    with open(f"/proc/{tmux.pid()}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak / 1024 < 24, f"{peak / 1024:.1f} MiB"


def test_an_unknown_terminal_is_one_error(broker):
    import pty
    master, slave = pty.openpty()
    done = subprocess.run(
        broker.command(), env={**broker.environment, "TERM": "dumb"}, stdin=slave, stdout=slave, stderr=subprocess.PIPE, text=True, timeout=30)
    os.close(slave)
    os.close(master)
    assert done.returncode == 2 and "davit status" in done.stderr
