"""What stands on the screen, in every size, colour depth and character set: the acceptance checks 1 to 4, 22 to 28."""
import os
import re

import pytest

from conftest import until
from terminal import width

SYMBOLS = "~·↑≡↻◇‖✗✓⊘»"
LETTERS = "squvrhpFdck"
STATUS = re.compile(r"scanning|queued|verifying|retry|held|paused|FAILED|done|cancelled|skipped|[0-9.]+%")
THEMES = "default-dark default-light contrast mono safe tidewater ember violet-hour".split()
COLORS = re.compile(rb"\x1b\[(?:[0-9]*;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:[;:][0-9]*)*m")


def list_rows(lines, columns, rows):
    """The rows of uploads at that size (3, "Heights")."""
    if columns < 60 or rows < 16:
        return lines[2:rows - 1]
    if columns >= 100 and rows >= 36:
        header = 6
    else:
        header = 3 if rows >= 24 else 2
    top = 1 + header + 1
    bottom = rows - 2 - (8 if rows >= 36 else 1 if rows >= 24 else 0)
    return lines[top:bottom]


def cells(text, start, end):
    """The characters in those cells."""
    place, out = 0, ""
    for character in text:
        if start <= place < end:
            out += character
        place += width(character)
    return out


def check_mix_80x24(lines):
    assert "[1 Queue]" in lines[0]
    assert "MiB/s" in lines[1] and "ETA" in lines[1]
    assert "4 FAILED" in lines[2]
    assert "engine ok" in lines[3] and "token" in lines[3]
    assert "NAME" in lines[4]
    for line in lines[5:21]:
        assert STATUS.search(line), line
    assert lines[23].rstrip().endswith("? help")


def test_01_the_first_screen_holds_what_an_operator_asks_first(play, window):
    tmux = window(play("mix"))
    tmux.shows("4 FAILED", "camera-03")

    check_mix_80x24(tmux.settled())


@pytest.mark.timing
@pytest.mark.parametrize("isRunning", [True, False])
def test_01_the_first_screen_is_there_in_time(play, davit, drive, isRunning):
    """150 ms with the engine running, 600 ms when it must be started."""
    played = play("mix") if isRunning else davit
    times = []
    for _ in range(7):
        if not isRunning:
            davit.run("engine", "stop", "-q")
        driver = drive(played)
        driver.shows(b" help" if isRunning else b" leave", 10)
        driver.quiet(0.15)
        # The last byte before the first pause: the whole first screen.
        first = [at for at, _ in driver.chunks if at - driver.began < 5]
        ends = [a for a, b in zip(first, first[1:] + [first[-1] + 9]) if b - a > 0.1]
        times.append(ends[0] - driver.began)
        driver.end()
    print(sorted(round(t * 1000) for t in times), "ms")
    assert sorted(times)[3] <= (0.150 if isRunning else 0.600)


def look_at_size(tmux, columns, rows):
    lines = tmux.settled(2)
    lines = lines[:rows]
    for line in lines:
        assert width(line) <= columns, f"{columns}x{rows}: {line!r}"
    found = [line for line in list_rows(lines, columns, rows) if line.strip("│▐ ")]
    assert found, f"{columns}x{rows} shows no upload"
    for line in found:
        assert line[2] in SYMBOLS, f"{columns}x{rows}: no state in {line!r}"
        assert STATUS.search(line), f"{columns}x{rows}: no status in {line!r}"
    hints = lines[rows - 1].rstrip()
    if columns < 60:
        assert "?" in hints
    else:
        assert hints.endswith("? help") and (rows < 16 or "[1 Queue]" in lines[0]), f"{columns}x{rows}: {hints!r}"


SIZES = [(40, 8), (47, 13), (61, 18), (75, 23), (96, 33), (103, 38), (145, 43), (166, 58), (300, 100)]


def test_02_every_row_fits_and_names_its_state_at_any_size(play, window):
    played = play("mix")
    for columns, rows in SIZES[::4]:
        look_at_size(window(played, columns, rows), columns, rows)
    tmux = window(played)
    for columns, rows in SIZES:
        tmux.resize(columns, rows)
        until(lambda: len(tmux.lines()) >= rows and "?" in tmux.lines()[rows - 1])
        look_at_size(tmux, columns, rows)


@pytest.mark.timing
def test_02_every_row_fits_at_all_of_722_sizes(play, window):
    tmux = window(play("mix"))
    for columns in range(40, 301, 7):
        for rows in range(8, 101, 5):
            tmux.resize(columns, rows)
            until(lambda: "?" in tmux.lines()[rows - 1])
            look_at_size(tmux, columns, rows)


def test_03_the_cursor_is_where_it_is_shown(play, window):
    played = play("mix")
    dests = [item["dest"] for item in played.uploads()]
    tmux = window(played)
    tmux.shows("camera-03")
    place = 0
    for key, target in [("Down", +1)] * 20 + [("G", 39), ("g", 0)]:
        tmux.keys(key)
        place = place + 1 if target == 1 and key == "Down" else target
        bucket = dests[place].split("/")[2]
        until(lambda: f"oss://{bucket[:5]}" in tmux.lines()[21], 5, f"{bucket} in the focus line after {key}:\n{tmux.text()}")
        lines = tmux.settled()
        marked = [number for number, line in enumerate(lines) if line.startswith(">")]
        assert len(marked) == 1
        assert tmux.cursor()[0] == marked[0]


def test_04_rates_add_up_and_counts_agree_with_the_queue(play, window):
    played = play("mix")
    tmux = window(played)
    lines = tmux.shows("camera-03").split("\n")
    unit = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
    number = re.compile(r"(\d[\d.]*)(Ki|Mi|Gi)?$")
    at = lines[4].index("RATE/s")
    rates = [number.search(cells(line, at, at + 6).strip()) for line in lines[5:21]]
    total = sum(float(rate[1]) * unit[rate[2] or ""] for rate in rates if rate)
    header = re.search(r"([\d.]+) (Ki|Mi|Gi)B/s", lines[1])
    assert total == pytest.approx(float(header[1]) * unit[header[2]], rel=0.01)

    counts = {}
    for item in played.uploads():
        counts[item["state"]] = counts.get(item["state"], 0) + 1
    wanted = {
        "active": counts["uploading"] + counts["verifying"], "queued": counts["queued"], "paused": counts["paused"],
        "held": counts["held"], "retrying": counts["retrying"], "FAILED": counts["failed"], "done": counts["done"],
    }
    shown = {word: int(count.replace(",", "")) for count, word in re.findall(r"([\d,]+) (\w+)", lines[2])}
    assert {word: shown.get(word) for word in wanted} == wanted


# Colour and characters.

def visit_every_screen(driver):
    """The keys of all screens, of help, a prompt and a detail, with time to draw each."""
    driver.shows(b"camera")
    for key in (b"2", b"3", b"4", b"5", b"6", b"1", b"?", b"\x1b", b"\r", b"q", b"b", b"\x1b", b"j", b"j"):
        driver.write(key)
        driver.quiet(0.12)


PLAIN = [
    dict(NO_COLOR="1"), dict(term="xterm-mono"), dict(term="vt100"), dict(arguments=("--color", "never")),
]


@pytest.mark.parametrize("look", PLAIN, ids=["NO_COLOR", "xterm-mono", "vt100", "never"])
def test_22_without_colour_no_colour_is_sent(play, drive, look):
    driver = drive(play("mix"), **look)
    visit_every_screen(driver)

    assert COLORS.findall(driver.output) == []


@pytest.mark.parametrize("look", [dict(term="xterm-mono"), dict(term="vt100"), dict(NO_COLOR="1")], ids=["mono", "vt100", "NO_COLOR"])
def test_22_without_colour_the_first_screen_says_the_same(play, window, look):
    tmux = window(play("mix"), **look)
    tmux.shows("4 FAILED", "camera-03")

    lines = tmux.settled()

    check_mix_80x24(lines)
    tmux.keys("Down")
    until(lambda: tmux.lines()[6].startswith(">"))
    assert tmux.cursor()[0] == 6


def marked_screen(tmux):
    """A cursor that moved, a mark, and a question with its focus."""
    tmux.shows("camera-03")
    tmux.keys("Down", "Space", "Down", "X")
    tmux.shows("Abort")
    return tmux.settled()


def test_23_colour_alone_says_nothing(play, window):
    played = play("mix")
    plain = marked_screen(window(played, arguments="--color never"))
    looks = [(theme, "tmux-256color") for theme in THEMES[:2] + THEMES[4:]] + [("default-dark", "tmux-direct"), ("safe", "tmux")]
    for theme, term in looks:
        assert marked_screen(window(played, term=term, arguments=f"--theme {theme}")) == plain, f"{theme} on {term}"
    text = "\n".join(plain)
    assert "[1 Queue]" in text and re.search(r"^[ >]\*", text, re.M) and "[ n" in text


@pytest.mark.timing
@pytest.mark.parametrize("term", ["tmux-direct", "tmux-256color", "tmux", "xterm-16color"])
def test_23_colour_alone_says_nothing_in_any_theme_and_depth(play, window, term):
    played = play("mix")
    plain = marked_screen(window(played, arguments="--color never"))
    for theme in THEMES:
        assert marked_screen(window(played, term=term, arguments=f"--theme {theme}")) == plain, theme


def without_names(text, names):
    """The screen without letters that stand in names."""
    letters = {c for name in names for c in name if ord(c) > 127}
    return "".join(c for c in text if c not in letters)


@pytest.mark.parametrize("look", [dict(term="linux"), dict(arguments="--symbols ascii")], ids=["linux", "ascii"])
def test_24_the_plain_set_is_plain_besides_names(play, window, look):
    played = play("mix")
    names = [item["path"] for item in played.uploads()]
    tmux = window(played, **look)
    tmux.shows("camera-03")
    for key in "1234561":
        tmux.keys(key)
        screen = "\n".join(tmux.settled())
        assert without_names(screen, names).isascii(), screen
    lines = tmux.lines()
    assert lines[5][2] == "u" and "####" in lines[5] and "..." in lines[5]
    for line in [line for line in lines[5:21] if line.strip()]:
        assert line[2] in LETTERS, line


def test_24_wide_ambiguous_characters_give_the_plain_set(play, window):
    played = play("mix")
    played.stop()
    played.configure("[terminal]\nambiguous-width = 2\n")
    played.begin()
    names = [item["path"] for item in played.uploads()]
    tmux = window(played)
    assert tmux.shows("camera-03").split("\n")[5][2] == "u"
    for key in "1234561":
        tmux.keys(key)
        screen = "\n".join(tmux.settled())
        assert without_names(screen, names).isascii(), screen


@pytest.mark.parametrize("cells", [1, 2])
def test_24_in_an_east_asian_locale_the_terminal_is_asked_for_the_width(play, drive, cells):
    driver = drive(play("mix"), cells=cells, LC_ALL="ja_JP.UTF-8")
    driver.shows(b"camera-03")
    driver.quiet()
    assert driver.output.count(b"\x1b[6n") == 1
    assert ("↑".encode() in driver.output) == (cells == 1)


def test_24_a_key_typed_while_the_terminal_is_asked_is_not_lost(play, drive):
    driver = drive(play("mix"), cells=None, LC_ALL="ja_JP.UTF-8")
    driver.shows(b"\x1b[6n")
    driver.write(b"?")
    driver.shows(b"Help: Queue")


def test_24_elsewhere_the_terminal_is_not_asked(play, drive):
    driver = drive(play("mix"))
    driver.shows(b"camera-03")
    driver.quiet()
    assert b"\x1b[6n" not in driver.output


def test_25_a_terminal_without_utf8_gets_ascii_alone(play, drive):
    driver = drive(play("mix"), LC_ALL="C", LANG="C")
    visit_every_screen(driver)

    assert max(driver.output) < 0x80
    assert b"????" in driver.output, "names in other scripts are shown as ?"


def test_25_a_terminal_without_utf8_is_told_so_once(play, window):
    tmux = window(play("mix"), LC_ALL="C", LANG="C")
    assert "not UTF-8" in tmux.shows("camera-03").split("\n")[22]
    tmux.keys("j")
    tmux.keys("Escape")
    until(lambda: "UTF-8" not in tmux.text())


# Names.

NAMES = [
    b"esc\x1b]0;EVIL\x07end.txt", b"csi\x1b[31mred.txt", b"bell\x07.txt", b"line\nfeed.txt", b"tab\tstop.txt", b"carriage\rreturn.txt",
    "rtl\u202egnp.txt".encode(), "zero\u200bwidth.txt".encode(), b"long-" + b"x" * 200 + b".tiff", "財務報告書二〇二四年度監査経理部確認用.xlsx".encode(),
    "한국어_파일이름이_아주_길어서_잘려야_하는_경우.mp4".encode(), "نسخة_احتياطية_نهائية.zip".encode(), "עברית_גיבוי.zip".encode(),
    "family-\U0001f468\u200d\U0001f469\u200d\U0001f467.png".encode(), "e\u0301\u0302\u0303\u0304\u0305\u0306marks.txt".encode(), b"bad-\xff\xfe-utf8.bin",
    b" leading.txt", b"trailing.txt ", b"-rf", b"~", b"#hash#.txt", b"%41percent.txt", b"quo\"te'd.txt", "c1-\u009b31m.txt".encode(),
]


@pytest.fixture
def named(davit, sandbox, tmp_path):
    """The names as files, and all but those that cannot be keys in a queue that stands still."""
    folder = os.fsencode(tmp_path / "names")
    os.mkdir(folder)
    for name in NAMES:
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"x" * (1000 + len(name)))
    davit.configure(f"""
default-remote = "lab"
[remote.lab]
bucket = "{sandbox.bucket}"
region = "{sandbox.region}"
endpoint = "{sandbox.oss_endpoint}"
[remote.lab.credentials]
kind = "env"
""")
    davit.run("pause", "--all", "--yes")
    davit.run("limit", "0")
    done = davit.run("add", "--encode-names", "percent", str(tmp_path / "names") + "/", "lab:n/")
    assert done.returncode in (0, 1), done.stderr
    until(lambda: len(davit.uploads()) >= 20, what="the names in the queue")
    return davit


def size_ends(lines, heading):
    """Where the size column ends on each row that has one, in cells."""
    end = width(heading[:heading.index("SIZE")]) + 4
    out = []
    for line in lines:
        text = cells(line, end - 6, end)
        if re.search(r"\d", text):
            out.append((line, bool(re.search(r"[\dBi]$", text)) and cells(line, end, end + 1) in (" ", "")))
    return out


def no_name_acts(driver):
    for bad in (b"\x1b]0;EVIL", b"\x1b[31mred", b"\x07", b"\xc2\x9b", b"\xe2\x80\xae", b"\xe2\x80\x8b"):
        assert bad not in driver.output, bad


def test_26_no_name_reaches_the_terminal_as_anything_but_text(named, drive, tmp_path):
    driver = drive(named, arguments=("--color", "never"))
    driver.shows(b"? help")
    driver.quiet()
    for _ in range(24):
        driver.write(b"j")
        driver.quiet(0.06)
    driver.write(b"\r")
    driver.quiet()
    driver.write(b"\t")
    driver.quiet()
    driver.write(b"q")
    driver.quiet()
    driver.write(b"2")
    driver.quiet()
    driver.write(b"o\x15")
    driver.write(str(tmp_path / "names").encode() + b"\r")
    driver.quiet()
    for _ in range(26):
        driver.write(b"j")
        driver.quiet(0.06)
    driver.write(b"1")
    driver.quiet()
    driver.write(b"x")
    driver.quiet(0.5)
    driver.write(b"4")
    driver.quiet()
    driver.write(b"q")
    driver.wait()

    no_name_acts(driver)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_26_no_name_shifts_a_column(named, window, tmp_path, size):
    tmux = window(named, *size)
    tmux.shows("SIZE")
    for screen in ("queue", "browse"):
        if screen == "browse":
            browse_names(tmux, tmp_path)
        for key in ("g", "G"):
            tmux.keys(key)
            lines = tmux.settled()
            heading = next(number for number, line in enumerate(lines) if "SIZE" in line)
            end = next(number for number, line in enumerate(lines) if line.startswith(("──", "--", " →")) and number > heading)
            found = size_ends(lines[heading + 1:end], lines[heading])
            assert len(found) >= 8, "\n".join(lines)
            assert all(isAligned for _, isAligned in found), "\n".join(line for line, ok in found if not ok)


def test_26_a_mark_behind_a_right_to_left_name_shifts_nothing(play, window):
    """A terminal that reorders would draw the size column into the name without it."""
    screens = []
    for setting in ("mark", "off"):
        played = play("mix")
        played.stop()
        played.configure(f'[terminal]\nright-to-left = "{setting}"\n')
        played.begin()
        tmux = window(played)
        tmux.shows("camera-03")
        screens.append(tmux.settled())
    marked, plain = screens
    assert [line for line in marked if "\u200e" in line] == [line for line in marked if "نسخة" in line] != []
    assert [line.replace("\u200e", "") for line in marked] == plain


def browse_names(tmux, tmp_path):
    tmux.keys("2")
    tmux.go_to(str(tmp_path / "names"))
    tmux.shows("leading.txt")


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.timing)])
def test_27_nothing_is_left_behind_by_wide_or_joined_characters(named, window, tmp_path, step):
    tmux = window(named)
    tmux.shows("SIZE")
    for screen in ("queue", "browse"):
        if screen == "browse":
            browse_names(tmux, tmp_path)
        for number, key in enumerate(["j"] * 26 + ["k"] * 26, 1):
            tmux.keys(key)
            if number % step:
                continue
            before = tmux.settled()
            tmux.keys("C-l")
            assert tmux.settled() == before


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.timing)])
def test_28_names_are_cut_between_characters_and_keep_their_extension(named, window, step):
    tmux = window(named)
    tmux.shows("SIZE")
    endings = [".xlsx", ".mp4", ".tiff"]
    for columns in range(40, 141, step):
        tmux.resize(columns, 35)
        until(lambda: len(tmux.lines()) >= 35 and tmux.lines()[34].strip() and ("NAME" in tmux.text()) == (columns >= 60))
        lines = tmux.settled()
        for line in lines:
            assert width(line) <= columns and "\ufffd" not in line
        # Under 60 columns there are only name and status.
        if columns >= 60:
            heading = next((number for number, line in enumerate(lines) if "NAME" in line), None)
            assert heading is not None, "\n".join(lines)
            found = size_ends(list_rows(lines, columns, 35), lines[heading])
            assert found and all(isAligned for _, isAligned in found), "\n".join(line for line, ok in found if not ok)
        text = "\n".join(lines)
        for ending in endings:
            assert ending in text, f"{ending} at {columns}:\n{text}"
