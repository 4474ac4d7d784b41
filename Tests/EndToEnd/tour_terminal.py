"""A tour of every screen under valgrind: what memcheck finds, and whether a tour leaves memory behind.

One tour and five are compared: what is lost for good or still held at the end must not grow with the number of tours.

    python tour_terminal.py [FOLDER]      the logs of valgrind stay in FOLDER
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from conftest import PROGRAMS
from terminal import Driver, Played

THEMES = "default-dark default-light contrast mono safe tidewater ember violet-hour".split()
SIZES = [(140, 40), (300, 100), (40, 10), (30, 5), (20, 3), (80, 24)]
# Held back until the screen rests after each: a frame that is never drawn shows nothing.
KEYS = [
    # Queue: movement, marks, range, find, filter, sort, tree, questions that are not answered.
    b"j", b"\x1b[6~", b"G", b"g", b" ", b"vjv", b"V", b"*", b"\x1b", b"/camera\r", b"n", b"\x1b", b"fstate:queued\r", b"\x1b", b"fsize>>1",
    b"\x1b", b"s", b"\x1b", b"t", b"t", b"z", b"z", b"V", b"x", b"\x1b", b"X", b"12", b"\x1b", b"\x1b", b"b", b"20Mb", b"\x1b", b"c", b"\x1b",
    b"?pri", b"\x1b", b":pause st", b"\x1b", b"Q", b"\x1b", b"!", b"\x1b", b"y", b"i", b"p", b"u",
    # Detail, every section.
    b"g\r", b"\t", b"\t", b"\t", b"\t", b"hjkl", b"z", b"z", b"]", b"[", b"?", b"\x1b", b"1",
    # The other screens.
    b"2", b"j", b"\t", b"j", b"o\x15/etc\r", b"G", b"fpass", b"\x1b", b" ", b"a", b"\t\t", b"\x1b", b"=", b".", b"R", b"\x1b",
    b"3", b"j", b"\r", b"3", b"]", b"[", b"\x1b", b"4", b"e", b"E", b"/a\r", b"w", b"F", b"\x1b", b"5", b"j", b"\r", b"\x1b",
    b"6", b"jjj", b"\r", b"\x1b", b"1",
    # A paste, the mouse, what is no key.
    b"\x1b[200~ddxXy\r\x1b[201~", b"\x1b[200~/etc/passwd\x1b[201~", b"\x1b[<0;10;9M\x1b[<0;10;9m", b"\x1b[<65;10;9M", b"\x1b[<64;10;9M",
    b"\x1b[<0;60;5M\x1b[<0;60;5m", b"\x1b", b"\x0c",
]


class Wrapped:
    """davit as valgrind runs it: without its debug information, of which valgrind 3.19 cannot read version 5."""

    def __init__(self, played, folder, log):
        self.environment = played.environment
        self.program = folder / "bin/davit"
        self.log = log
        if not self.program.exists():
            self.program.parent.mkdir()
            subprocess.run(["strip", "--strip-debug", "-o", self.program, PROGRAMS / "davit"], check=True)
            (self.program.parent / "davit-engine").symlink_to(PROGRAMS / "davit-engine")
            (self.program.parent / "themes").symlink_to(pathlib.Path(__file__).parents[2] / "themes")

    def command(self, *arguments):
        return [
            "valgrind", f"--log-file={self.log}", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=none",
            "--num-callers=25", "--suppressions=" + str(pathlib.Path(__file__).with_name("valgrind.supp")), str(self.program), *map(str, arguments)]


def tour(driver, quiet):
    for key in KEYS:
        driver.write(key)
        quiet()
        if driver.process.poll() is not None:
            raise SystemExit(f"davit ended at {key!r}: {driver.output[-500:]!r}")
    for size in SIZES:
        driver.resize(*size)
        quiet()
    for theme in THEMES:
        driver.write(f":theme {theme}\r".encode())
        quiet()


def run(rounds, folder):
    """Figures of memcheck after so many tours."""
    log = folder / f"valgrind-{rounds}.log"
    played = Played(folder / f"home-{rounds}", "mix", moves=True)
    driver = Driver(Wrapped(played, folder, log))

    def quiet():
        # The clock ticks, so it never rests for long: an answer, and what comes with it, is waited for.
        asked, number = time.monotonic(), len(driver.chunks)
        while time.monotonic() < asked + 5:
            isAnswered = len(driver.chunks) > number or time.monotonic() > asked + 0.6
            if isAnswered and time.monotonic() - driver.chunks[-1][0] > 0.1:
                return
            time.sleep(0.02)

    try:
        driver.shows(b"camera", 120)
        for _ in range(rounds):
            tour(driver, quiet)
        driver.write(b"\x1b\x1b")
        time.sleep(0.5)
        driver.write(b"1q")
        status = driver.process.wait(120)
        if status != 0:
            raise SystemExit(f"davit ended with {status}: {driver.output[-500:]!r}")
    finally:
        driver.end()
        played.stop()
    text = log.read_text()

    def number(what):
        found = re.search(what + r": +([\d,]+)(?: bytes)?", text)
        return int(found[1].replace(",", "")) if found else 0

    return {
        "allocations": number("total heap usage"), "errors": int(re.search(r"ERROR SUMMARY: (\d+) errors", text)[1]),
        "definitely lost": number("definitely lost"), "indirectly lost": number("indirectly lost"), "possibly lost": number("possibly lost"),
        "still reachable": number("still reachable"), "caches": number("suppressed"),
    }


# Tasks under way and the last frame of another moment: not the same to the byte twice.
SLACK = 16 << 10


def main():
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is not installed")
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="davit-tour-"))
    folder.mkdir(exist_ok=True)
    one, five = run(1, folder), run(5, folder)
    for name in one:
        print(f"{name:16} {one[name]:>12,} after one tour {five[name]:>12,} after five")
    bad = []
    if one["errors"] or five["errors"]:
        bad.append("memcheck found errors")
    for name in ("definitely lost", "indirectly lost", "possibly lost", "still reachable"):
        if five[name] - one[name] > (0 if name.startswith("def") else SLACK):
            bad.append(f"{name} grows with the tours")
    print("; ".join(bad) + f" (see {folder})" if bad else "no error, nothing that grows")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
