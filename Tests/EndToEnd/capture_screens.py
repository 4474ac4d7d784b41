"""The main screens as they are: a played engine, a front end in tmux, and what tmux has on its screen.

    python capture_screens.py          writes docs/screens/NAME-COLUMNSxROWS.txt and the block of README.md between its marks
    python capture_screens.py --check  says which of them are no longer so, and exits 1
"""
import os
import pathlib
import re
import shutil
import sys
import time

from conftest import Davit, start_sandbox, stop, until
from terminal import Played, Tmux

SOURCES = pathlib.Path(__file__).parents[2]
SCREENS = SOURCES / "docs/screens"
README = SOURCES / "README.md"
BEGIN, END = "<!-- docs/screens/queue-80x24.txt, written by scripts/capture-screens -->", "<!-- end of the screen -->"
SIZES = [(80, 24), (140, 40)]
# Always the same place: paths stand on the screens.
PLACE = pathlib.Path("/tmp/davit-screens")
MIB = 1 << 20
# Sparse: some of it is uploaded to a sandbox for the Browse screen.
MEDIA = {
    "raw/camera-01_b-roll.mov": 24 * MIB, "raw/camera-02_master_v7.mov": 31 * MIB, "raw/camera-03_interview-full_master_v7.mov": 40 * MIB,
    "raw/audio-mix_v3.wav": 9 * MIB, "raw/2024年度財務報告書及び監査経理部確認用.xlsx": 3 * MIB, "raw/نسخة_احتياطية_نهائية.zip": 8 * MIB,
    "raw/notes\r.txt": 1126, "raw/stills/0001.png": MIB, "sent/camera-01_b-roll.mov": 24 * MIB,
    "sent/camera-03_interview-full_master_v7.mov": 38 * MIB, "sent/storyboard.pdf": 2 * MIB, "sent/proxy/camera-01.mp4": 2 * MIB,
}
CONFIGURATION = """
[remote.prod]
bucket = "media-prod"
region = "cn-hangzhou"
prefix = "2026/11/"
[remote.prod.credentials]
kind = "process"
command = ["corp-sts", "--role", "uploader"]
[remote.backup]
bucket = "backup-cold"
region = "cn-shanghai"
[remote.backup.credentials]
kind = "ecs-role"
"""
LOG = """
2026-11-23T05:57:01.120Z info started upload=u-1 slot=2
2026-11-23T05:57:02.004Z info resumed: 204 parts found on the server upload=u-1 upload_id=0004B9
2026-11-23T05:58:40.551Z info stored upload=u-33 crc64=11833419021
2026-11-23T05:59:01.300Z info credentials renewed, valid 5h06m remote=backup
2026-11-23T06:01:58.012Z info limit up 150 MiB/s -> 200 MiB/s by=ops2
2026-11-23T06:02:41.777Z error the role may not put to photos/2019/. Ask for oss:PutObject there, then r upload=u-8 code=AccessDenied request_id=65A3BF77
2026-11-23T06:02:58.410Z warning part 301: connection reset after 11.2 MiB, sent again upload=u-1
2026-11-23T06:03:10.900Z warning part 316: waits 2.1 s (try 2 of 8) upload=u-1 code=SlowDown request_id=65A3C0E1D2
2026-11-23T06:03:12.100Z info stored upload=u-34 crc64=98120044117
"""


# Name: the keys that lead there.
WAYS = {
    "queue": lambda tmux: tmux.keys("Down", "Space", "Space", "Up", "Up"),
    "detail": lambda tmux: tmux.keys("Enter"),
    "history": lambda tmux: tmux.keys("3"),
    "log": lambda tmux: tmux.keys("4"),
    "access": lambda tmux: tmux.keys("5"),
    "settings": lambda tmux: tmux.keys("6"),
    "help": lambda tmux: (tmux.keys("?"), tmux.type("pri")),
    "palette": lambda tmux: (tmux.keys(":"), tmux.type("pause st")),
    "question": lambda tmux: tmux.keys("V", "x"),
    "prompt": lambda tmux: (tmux.keys("b"), tmux.type("20Mb"), tmux.keys("Enter")),
}


DAY = "2026-11-23"


def today():
    """Where the front end is: eight hours ahead. What happened on another day is shown with its date, so the script plays today."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))


def steady(text):
    """With the clock at the top, which is this machine's, set to that of the played engine, and without blanks at the ends."""
    lines = text.rstrip("\n").replace(today(), DAY).split("\n")
    lines[0] = re.sub(r"(?<![+\d])\d\d:\d\d(:\d\d)?", lambda found: "14:03:22"[:len(found[0])], lines[0])
    text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"
    # What is left of the token counts down between two words of the engine; the end of the queue is told by this machine's clock too.
    return re.sub(r"\(about \d\d:\d\d\)", "(about 17:40)", re.sub(r"41m\d\ds", "41m12s", text))


def place():
    shutil.rmtree(PLACE, ignore_errors=True)
    for name, size in MEDIA.items():
        path = PLACE / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(size)
        os.utime(path, (1795413600, 1795413600))
    for folder in (PLACE / "media").glob("**/"):
        os.utime(folder, (1795413600, 1795413600))
    played = Played(PLACE / "davit", "mix", {"HOME": str(PLACE), "USER": "ops"}, clock=f"{today()}T06:03:22Z")
    played.stop()
    played.configure(CONFIGURATION)
    played.begin()
    log = played.home / "state/engine.log"
    log.write_text(LOG.lstrip().replace(DAY, today()))
    return played


def shot(davit, name, columns, rows, shows, way):
    """The screen that the keys lead to, in a front end of its own."""
    until(lambda: davit.json("status")["engine"]["front_ends"] == 0, what="an engine without a front end")
    tmux = Tmux(columns, rows, davit.environment)
    try:
        tmux.type(f"cd '{PLACE}' && clear && '{davit.command()[0]}' attach --view {name}-{columns}")
        tmux.keys("Enter")
        tmux.shows(*shows)
        way(tmux)
        time.sleep(0.3)
        tmux.settled()
        return steady(tmux.text())
    finally:
        tmux.end()


def browse(tmux):
    tmux.go_to(str(PLACE / "media/raw"))
    tmux.shows("camera-02")
    tmux.keys("Tab")
    tmux.go_to("oss://media-prod/raw/")
    tmux.shows("storyboard")
    tmux.keys("Tab", "=")
    tmux.settled()
    tmux.keys("g", "Down", "Down", "Down", "Space", "Space", "Space")


def capture_browse():
    """Both panes, with a sandbox in the place of OSS: a played engine has no network."""
    sandbox = start_sandbox(PLACE / "oss", "--bucket", "media-prod")
    davit = Davit(PLACE / "browsing", {**sandbox.environment, "HOME": str(PLACE), "USER": "ops", "TZ": "CST-8"})
    texts = {}
    try:
        davit.configure(f"""
default-remote = "prod"
[remote.prod]
bucket = "media-prod"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
[remote.prod.credentials]
kind = "env"
""")
        davit.run("put", "-q", str(PLACE / "media/sent") + "/", "oss://media-prod/raw/", check=0)
        for columns, rows in SIZES:
            texts[f"browse-{columns}x{rows}"] = shot(davit, "browse", columns, rows, ["? help"], lambda tmux: (tmux.keys("2"), browse(tmux)))
    finally:
        davit.stop()
        stop(sandbox.process)
    # When they were listed and stored is told by this machine's clock.
    return {
        name: re.sub(r"listed \d\d:\d\d:\d\d", "listed 14:03:11", re.sub(DAY + r" \d\d:\d\d(?!:)", DAY + " 13:40", text))
        for name, text in texts.items()}


def capture():
    """Name to text of every screen."""
    played = place()
    texts = {}
    try:
        texts.update(capture_browse())
        for columns, rows in SIZES:
            for name, way in WAYS.items():
                texts[f"{name}-{columns}x{rows}"] = shot(played, name, columns, rows, ["camera-03", "? help"], way)
    finally:
        played.stop()
        shutil.rmtree(PLACE, ignore_errors=True)
    return texts


def readme(text):
    """README.md with that queue in it."""
    before, rest = README.read_text().split(BEGIN, 1)
    return before + BEGIN + "\n```text\n" + text + "```\n" + END + rest.split(END, 1)[1]


def differences(texts):
    """Which files are not what the program shows."""
    names = {path.stem for path in SCREENS.glob("*.txt")}
    old = [name for name, text in texts.items() if name not in names or (SCREENS / f"{name}.txt").read_text() != text]
    old += [name for name in names if name not in texts]
    if readme(texts["queue-80x24"]) != README.read_text():
        old.append("README.md")
    return sorted(old)


def main():
    texts = capture()
    if "--check" in sys.argv:
        old = differences(texts)
        print("current" if not old else "not current: " + ", ".join(old) + ". Run scripts/capture-screens")
        sys.exit(1 if old else 0)
    SCREENS.mkdir(exist_ok=True)
    for path in SCREENS.glob("*.txt"):
        path.unlink()
    for name, text in texts.items():
        (SCREENS / f"{name}.txt").write_text(text)
    README.write_text(readme(texts["queue-80x24"]))
    print(f"{len(texts)} screens in docs/screens")


if __name__ == "__main__":
    main()
