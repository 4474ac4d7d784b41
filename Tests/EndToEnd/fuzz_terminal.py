"""A front end under random keys, mouse events, sizes, pastes and signals, while the queue of a played engine moves.

What must hold, whatever is typed: the program ends only when it was told to and with the status that says so; a terminal that it has
left, or is suspended in, is as it was before; it always answers; and no upload is changed by a person without a line in the engine's
record of actions, nor at all by what can only look.

    python fuzz_terminal.py SECONDS [SEED]
"""
import collections
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

from terminal import Driver, Played

SIZES = [(80, 24), (140, 40), (40, 8), (30, 5), (20, 3), (200, 60), (300, 100), (61, 17), (10, 1), (1, 1), (99, 35)]
# Keys by which nothing is changed, run or answered, whatever is open: text stays text without Enter, and no question has them for an answer.
LOOKING = [
    b"j", b"k", b"g", b"G", b"1", b"2", b"3", b"4", b"6", b"?", b"/", b"\x1b", b"\x1b", b"\x04", b"\x15", b"\x0c", b"\t", b"\x1b[A",
    b"\x1b[B", b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F", b"\x1b[Z", b"[", b"]", b"J", b"K", b"e", b"E", b"w", b"F", b"z",
]
EVERY = [bytes([code]) for code in range(1, 127) if code != 0x1A] + [
    b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F", b"\x1b[3~", b"\x1b[2~", b"\x1b[Z",
    b"\x1bOP", b"\x1b[20~", b"\x1b[21~", b"\x1b[19~", "é".encode(), "日".encode(), b"\xff", b"\x80",
]
# What a person is after: random letters alone seldom get through a question or a prompt.
PHRASES = [
    b"x\x00y", b"X\x00y", b"Vx\x00y", b"VX\x0040\r", b"bnone\r", b"b50M\r", b"b\x1b[A\r", b":pause state:uploading\r", b":resume all\r",
    b":sort size-\r", b":view save a\r", b":view a\r", b":theme ember\r", b"fstate:queued\r", b"fsize>>1\r", b"f\x15\r", b"/camera\rnN",
    b"vjjv", b"*", b"yp", b"yu", b"ye", b"u", b"uuu", b"p", b"P", b"r", b"+", b"-", b"<", b">", b"t", b"s\r", b"S", b"a", b"2a\r",
    b"2o\x15/tmp\r", b"2o\x15oss://\r", b"2=", b"5t", b"5r", b"6jj\r", b"6+", b"6-", b"6D", b"B", b"c3\r", b"Q\x1b", b"\r\t\t\thlhl", b"!",
    b"!q", b"?pri\r", b":\t\t\r",
]
GARBAGE = [
    b"\x1b[", b"\x1b[9999;9999R", b"\x1b[0n", b"\x1b]11;rgb:ffff/ffff/ffff\x07", b"\x1bP1$r\x1b\\", b"\x1b[I", b"\x1b[O", b"\x1b[<64;5;5",
    b"\x1b[?2026;2$y", b"\x1b[<0;0;0M", b"\x1b[<99;-3;1M", b"\x1b[200~", b"\x1b[201~", b"\x1b[M   ",
]
OFF = {b"\x1b[?1049h": b"\x1b[?1049l", b"\x1b[?2004h": b"\x1b[?2004l", b"\x1b[?1000h": b"\x1b[?1000l", b"\x1b[?1006h": b"\x1b[?1006l"}


class Finding(Exception):
    """Something that must never be."""


class Fuzz:
    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = pathlib.Path(folder)
        self.played = None
        self.driver = None
        self.homes = 0
        self.history = collections.deque(maxlen=150)
        self.figures = collections.Counter()
        self.most = self.resident = 0
        self.isLooking = False

    # One engine, one front end.

    def begin(self):
        if self.played is None or not self.is_played():
            self.homes += 1
            if self.played:
                self.played.stop()
            # Of another name each time: an engine that was started in the place of the played one has a queue, which is nobody's script.
            self.played = Played(self.folder / f"home-{self.homes}", "mix", moves=True, timeline=self.timeline())
            self.read = 0
        columns, rows = self.random.choice(SIZES)
        term = self.random.choice(["tmux-256color", "tmux-256color", "tmux-256color", "xterm-256color", "vt100", "linux", "screen"])
        arguments = self.random.choice([(), (), (), ("--color", "never"), ("--quiet-ui",), ("--symbols", "ascii"), ("--read-only",)])
        arguments = ("attach", *arguments) if arguments else ()
        self.note(f"start {columns}x{rows} {term} {' '.join(arguments)}")
        self.driver = Driver(self.played, columns, rows, term, arguments=arguments, LC_ALL=self.random.choice(["C.UTF-8", "C.UTF-8", "zh_CN.UTF-8", "C"]))
        self.figures["starts"] += 1
        self.await_output(0)
        self.before, self.idsBefore = self.uploads(), set()

    def timeline(self):
        """Changes of the engine's own, some a second."""
        changes = []
        for second in range(2, 600, 3):
            row = self.random.randint(1, 20)
            state = self.random.choice(["failed", "retrying", "held", "queued", "uploading", "done"])
            changes.append({"at": second, "row": row, "change": {"state": state, "rate": 0 if state != "uploading" else 9 << 20}, "text": "by the script\x1b[31m"})
        return changes

    def is_played(self):
        return (self.played.home / "state/davit.sqlite").exists() is False and self.answer("/v1/status") is not None

    def answer(self, path):
        """Parsed; `None` when there is no engine."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(10)
                line.connect(str(self.played.home / "run/engine.sock"))
                line.sendall(f"GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while block := line.recv(1 << 16):
                    data += block
                    head, _, body = data.partition(b"\r\n\r\n")
                    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), None)
                    if length is not None and len(body) >= length:
                        break
            return json.loads(body)
        except (OSError, ValueError):
            return None

    # What must hold.

    def uploads(self):
        answer = self.answer("/v1/uploads?limit=1000")
        return {row["id"]: (row["state"], row["priority"]) for row in answer["items"]} if answer else {}

    def recorded(self):
        """Ids that actions were recorded for since the last look, and the actions."""
        path = self.played.home / "state/actions.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        new, self.read = lines[self.read:], len(lines)
        records = [json.loads(line) for line in new]
        self.figures["actions"] += len(records)
        return {name for record in records for name in record["ids"]}, [record["action"] for record in records]

    def judge(self):
        if not self.is_played():
            return
        now = self.uploads()
        ids, actions = self.recorded()
        # By a person alone: the script pauses, cancels and lifts nothing.
        for name, (state, priority) in now.items():
            was = self.before.get(name, (state, priority))
            stopped = ("paused", "cancelled")
            byPerson = was[1] != priority or was[0] != state and (state in stopped or was[0] in stopped and not self.script_touches(name))
            # What was recorded between the two questions of the look before belongs to this one.
            if byPerson and name not in ids | self.idsBefore:
                raise Finding(f"{name} went from {was} to {(state, priority)}; recorded were {actions} for {sorted(ids)}")
        if self.isLooking and actions:
            raise Finding(f"only looking, and yet {actions} for {sorted(ids)}")
        self.before, self.idsBefore = now, ids
        self.figures["looks at the queue"] += 1

    def script_touches(self, name):
        """The timeline may change rows that a person has changed: the first twenty."""
        return int(name[2:]) <= 20

    def judge_terminal(self, what):
        output = self.driver.output
        for on, off in OFF.items():
            if output.rfind(on) > output.rfind(off):
                raise Finding(f"{what}: {on!r} is not taken back")
        if output.rfind(b"\x1b[?25l") > max(output.rfind(b"\x1b[?25h"), output.rfind(b"\x1b[34h\x1b[?25h")):
            raise Finding(f"{what}: the cursor is hidden")
        if not self.driver.isCooked():
            raise Finding(f"{what}: the terminal is not as it was")

    def await_output(self, number, seconds=15):
        """It is there: after Ctrl-L it draws. Where sequences that nobody finishes have eaten what the terminal answers, it asks again after
        2 s.

        `number`: how many pieces had come before: in a small window the answer is there at once, and nothing after it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.driver.chunks) > number or self.has_ended():
                return
            time.sleep(0.005)
        raise Finding(f"no answer for {seconds} s")

    def has_ended(self):
        return self.driver.process.poll() is not None

    def ended(self, wanted=None):
        """The front end is gone: was it told to?"""
        status = self.driver.process.wait(10)
        time.sleep(0.05)
        # Ctrl-\\ is the kernel's again once the terminal is as it was, before the last line is written.
        isQuit = status == -signal.SIGQUIT and b"\x1b[?1049l" in self.driver.output[-4096:]
        if status not in (0, 1, 143) and not isQuit if wanted is None else status != wanted:
            raise Finding(f"it ended with {status}: {self.driver.output[-600:]!r}")
        self.judge_terminal(f"after the end with {status}")
        self.most = max(self.most, self.resident)
        if self.is_played():
            self.judge()
        self.driver.end()
        self.driver = None
        self.figures["ends"] += 1

    # What is done to it.

    def note(self, text):
        self.history.append(text)

    def send(self, data):
        self.note(repr(data))
        self.figures["inputs"] += 1
        for piece in data.split(b"\x00"):
            if piece:
                try:
                    os.write(self.driver.master, piece)
                except OSError:
                    return
            if b"\x00" in data:
                # A question takes no answer in its first moments.
                time.sleep(0.35)

    def mouse(self, wheel):
        button = self.random.choice([64, 65]) if wheel else self.random.choice([0, 0, 0, 1, 2, 64, 65, 4, 32])
        place = f"{self.random.randint(1, self.random.choice([80, 320]))};{self.random.randint(1, self.random.choice([24, 110]))}"
        data = f"\x1b[<{button};{place}M".encode()
        return data if wheel or self.random.random() < 0.2 else data + f"\x1b[<{button};{place}m".encode()

    def paste(self):
        text = b"".join(self.random.choice(EVERY) for _ in range(self.random.choice([1, 5, 40, 400]))).replace(b"\x1b", b"")
        text = self.random.choice([text, b"dd" + text + b"y\rq\n", b"/etc/passwd\n/tmp\n", b"50M\r", b"y\r"])
        return b"\x1b[200~" + text + b"\x1b[201~"

    def resize(self):
        size = self.random.choice([self.random.choice(SIZES), (self.random.randint(1, 320), self.random.randint(1, 110))])
        self.note(f"size {size}")
        self.driver.resize(*size)
        self.figures["sizes"] += 1

    def suspend(self):
        self.note("Ctrl-Z")
        os.write(self.driver.master, b"\x1a")
        end = time.monotonic() + 5
        while time.monotonic() < end and not self.has_ended():
            state = pathlib.Path(f"/proc/{self.driver.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            if state == "T":
                time.sleep(0.05)
                self.judge_terminal("suspended")
                self.driver.process.send_signal(signal.SIGCONT)
                self.figures["suspended"] += 1
                return
            time.sleep(0.01)

    def step(self):
        dice = self.random.random()
        if self.isLooking:
            for _ in range(self.random.randint(1, 12)):
                choice = self.random.random()
                self.send(self.random.choice(LOOKING) if choice < 0.7 else self.paste() if choice < 0.8 else self.mouse(True) if choice < 0.95 else self.random.choice(GARBAGE[1:3] + GARBAGE[5:7]))
            if self.random.random() < 0.2:
                self.resize()
        elif dice < 0.35:
            for _ in range(self.random.randint(1, 25)):
                self.send(self.random.choice(EVERY))
        elif dice < 0.65:
            # Out of whatever swallows letters, most times.
            for _ in range(self.random.choice([0, 1, 2, 3])):
                self.send(b"\x1b")
                time.sleep(0.06)
            if self.random.random() < 0.4:
                self.send(b"1")
            self.send(self.random.choice(PHRASES))
        elif dice < 0.8:
            for _ in range(self.random.randint(1, 10)):
                self.send(self.mouse(False))
        elif dice < 0.87:
            for _ in range(self.random.randint(1, 8)):
                self.resize()
        elif dice < 0.93:
            self.send(self.paste())
        elif dice < 0.97:
            self.send(self.random.choice(GARBAGE))
        elif dice < 0.985:
            self.suspend()
        else:
            self.note("SIGTERM")
            self.driver.process.send_signal(signal.SIGTERM)
            try:
                self.ended(143)
            except subprocess.TimeoutExpired:
                raise Finding("SIGTERM does not end it") from None

    def run(self, seconds):
        end = time.monotonic() + seconds
        number = 0
        while time.monotonic() < end:
            if self.driver is None:
                self.begin()
            if number % 80 in (0, 60):
                self.change_of_manners()
            number += 1
            self.step()
            time.sleep(self.random.choice([0, 0.01, 0.03, 0.06]))
            if self.driver is None:
                continue
            if self.has_ended():
                self.ended()
                continue
            try:
                self.resident = self.driver.resident()
            except (OSError, StopIteration):
                pass
            if number % 8 == 0:
                time.sleep(0.1)
                # Out of an unfinished sequence or paste, and something to draw.
                self.send(b"\x1b[201~")
                come = len(self.driver.chunks)
                self.send(b"\x0c")
                self.await_output(come)
                if self.driver and not self.has_ended():
                    self.judge()
        self.figures["steps"] = number
        self.close()

    def change_of_manners(self):
        """A stretch in which only what looks is sent, then one of everything. Between them nothing is left open."""
        for _ in range(12):
            self.send(b"\x1b[201~\x1b")
            time.sleep(0.06)
        if self.has_ended():
            return
        time.sleep(0.4)
        self.judge()
        self.isLooking = not self.isLooking
        self.note("only looking" if self.isLooking else "everything")

    def close(self):
        if self.driver:
            if not self.has_ended():
                self.driver.process.send_signal(signal.SIGTERM)
            self.ended()
        if self.played:
            self.played.stop()

    def abandon(self):
        if self.driver:
            self.driver.end()
        if self.played:
            self.played.stop()


def fuzz(seconds, seed, folder):
    """Figures of a run without a finding; raises `Finding` with what led to it."""
    fuzz = Fuzz(seed, folder)
    try:
        fuzz.run(seconds)
    except Finding as finding:
        raise Finding(f"seed {seed}: {finding}\nthe last of it:\n  " + "\n  ".join(fuzz.history)) from None
    finally:
        fuzz.abandon()
    return {**fuzz.figures, "MiB at most": round(fuzz.most)}


if __name__ == "__main__":
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="davit-fuzz-") as folder:
        try:
            print(", ".join(f"{name}: {value}" for name, value in fuzz(float(sys.argv[1]), seed, folder).items()))
        except Finding as finding:
            print(f"FOUND {finding}")
            sys.exit(1)
