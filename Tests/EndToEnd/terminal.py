"""A front end under test: in a tmux of its own, which shows what is on the screen, or on a pty, which shows what was sent and when."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import termios
import threading
import time
import uuid

from conftest import Davit, until

SCRIPTS = pathlib.Path(__file__).parents[1] / "Terminal/Scripts"
WORDS = (
    "scanning", "queued", "verifying", "retry", "held", "paused", "FAILED", "done", "cancelled", "skipped", "%")


class Tmux:
    """A private tmux server with one window that runs a shell."""

    def __init__(self, columns, rows, environment, term="tmux-256color"):
        self.socket = f"davit-{uuid.uuid4().hex[:8]}"
        self.environment = {**environment, "TERM": "xterm-256color"}
        self.call("new-session", "-d", "-x", str(columns), "-y", str(rows), "-s", "t", "env", f"TERM={term}", "PS1=shell$ ", "sh")
        until(lambda: "shell$" in self.text(), what="a shell")

    def call(self, *arguments):
        return subprocess.run(
            ["tmux", "-L", self.socket, "-f", "/dev/null", *arguments], env=self.environment, capture_output=True, text=True, check=True).stdout

    def keys(self, *keys):
        self.call("send-keys", "-t", "t", *keys)

    def type(self, text):
        self.call("send-keys", "-t", "t", "-l", text)

    def text(self):
        return self.call("capture-pane", "-p", "-t", "t")

    def styled(self):
        return self.call("capture-pane", "-p", "-e", "-t", "t")

    def lines(self):
        return self.text().split("\n")

    def shows(self, *texts, seconds=20):
        def there():
            screen = self.text()
            return all(text in screen for text in texts)
        try:
            until(there, seconds)
        except AssertionError:
            raise AssertionError(f"the screen never showed {texts}:\n{self.text()}") from None
        return self.text()

    def pid(self):
        """Of the davit that runs in the window."""
        shell = self.call("display-message", "-p", "-t", "t", "#{pane_pid}").strip()
        return int(subprocess.check_output(["pgrep", "-P", shell, "-x", "davit"], text=True))

    def end(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True)

    # What the screen says.

    def settled(self, seconds=5):
        """The screen once two looks at it are the same, as lines; what a clock changes is masked."""
        before = None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = [masked(line) for line in self.lines()]
            if now == before:
                return now
            before = now
            time.sleep(0.08)
        return before

    def resize(self, columns, rows):
        self.call("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def cursor(self):
        """(row, column) of the hardware cursor, from 0."""
        row, column = self.call("display-message", "-p", "-t", "t", "#{cursor_y} #{cursor_x}").split()
        return int(row), int(column)

    def go_to(self, place):
        """In Browse: the prompt holds where one is, so it is emptied first."""
        self.keys("o", "C-u")
        self.type(place)
        self.keys("Enter")

    def paste(self, text):
        subprocess.run(
            ["tmux", "-L", self.socket, "load-buffer", "-"], env=self.environment, input=text, text=True, check=True)
        self.call("paste-buffer", "-p", "-t", "t")


def masked(line):
    """Without what a second changes on a queue that stands still."""
    line = re.sub(r"\d\d:\d\d(:\d\d)?", "hh:mm", line)
    line = re.sub(r"\d+ front ends?", "N front ends", line)
    line = re.sub(r"(token|renews in|engine ok|retry|TOKEN ENDS) <?[0-9dhms]+", r"\1 T", line)
    return re.sub(r"\d+s ago", "Ns ago", line)


def width(text):
    """Cells that tmux gives the text: wide letters two, marks none."""
    import unicodedata
    return sum(
        0 if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text)


class Played(Davit):
    """davit with an engine that plays a script in place of a queue."""

    def __init__(self, folder, name, environment=None, **changes):
        super().__init__(folder, {"TZ": "CST-8", "USER": "ops", **(environment or {})})
        script = json.loads((SCRIPTS / f"{name}.json").read_text())
        self.script = self.home / "script.json"
        self.script.write_text(json.dumps({**script, **changes}))
        self.begin()

    def begin(self):
        self.run("engine", "start", "--script", self.script, check=0)


class Driver:
    """davit on a pty of that size: every byte it sends, with its time."""

    def __init__(self, davit, columns=80, rows=24, term="tmux-256color", arguments=(), drain=None, answers=True, cells=1, **environment):
        self.chunks = []
        self.answers = answers
        # Of a character whose width Unicode leaves open; None: the terminal does not say where its cursor is.
        self.cells = cells
        self.drain = drain
        master, slave = pty.openpty()
        self.master = master
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            davit.command(*arguments), env={**davit.environment, "TERM": term, **environment}, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.slave = slave
        self.isOpen = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        """At most `drain` bytes a second, as a slow line would."""
        tail = b""
        while self.isOpen:
            try:
                ready, _, _ = select.select([self.master], [], [], 0.2)
                if not ready:
                    continue
                data = os.read(self.master, 65536 if self.drain is None else max(1, self.drain // 20))
            except (OSError, ValueError):
                return
            if not data:
                return
            if self.drain is not None:
                time.sleep(len(data) / self.drain)
            self.chunks.append((time.monotonic(), data))
            # A terminal says that it is there, when it comes to the question.
            asked = (tail + data).count(b"\x1b[5n")
            isAsked = b"\x1b[c" in tail[-2:] + data
            if b"\x1b[6n" in tail + data and self.cells and self.answers:
                os.write(self.master, b"\x1b[1;%dR" % (1 + self.cells))
            tail = (tail + data)[-3:]
            if asked and self.answers:
                os.write(self.master, b"\x1b[0n" * asked)
            if isAsked and self.answers:
                os.write(self.master, b"\x1b[?62;22c")

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def output(self):
        return b"".join(data for _, data in self.chunks)

    def sent(self):
        return sum(len(data) for _, data in self.chunks)

    def write(self, keys):
        os.write(self.master, keys)

    def shows(self, text, seconds=20):
        return until(lambda: text in self.output, seconds, f"{text!r} in the output")

    def quiet(self, pause=0.3, seconds=20):
        """Waits until nothing was sent for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            last = self.chunks[-1][0] if self.chunks else self.began
            if time.monotonic() - last > pause:
                return
            time.sleep(0.02)
        raise AssertionError("the output never came to rest")

    def answer(self, keys, within=2.0):
        """Seconds from the key to the first byte of the answer; `None` when none came."""
        number = len(self.chunks)
        asked = time.monotonic()
        self.write(keys)
        while time.monotonic() - asked < within:
            if len(self.chunks) > number:
                return self.chunks[number][0] - asked
            time.sleep(0.0005)
        return None

    def wait(self, seconds=10):
        status = self.process.wait(seconds)
        time.sleep(0.1)
        return status

    def resident(self):
        """MiB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def processor(self):
        """Seconds of the processor so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def isCooked(self):
        now = termios.tcgetattr(self.slave)
        return now[3] == self.before[3]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.isOpen = False
        time.sleep(0.05)
        for descriptor in (self.slave, self.master):
            try:
                os.close(descriptor)
            except OSError:
                pass


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def middle(values):
    return statistics.median(values)
