"""Keys, pastes, questions, the mouse: the acceptance checks 9 to 19 and 40."""
import random
import re
import time

import pytest

from conftest import make_file, until

OVERLAYS = {"?": "Help", ":": "", "f": "", "b": "limit", "x": "Cancel"}


def start_on(tmux, row):
    """The cursor on that row of the list, from 0."""
    tmux.shows("camera-03")
    tmux.keys("-N", str(row), "Down") if row else None
    until(lambda: tmux.cursor()[0] == 5 + row)


@pytest.mark.parametrize("screen", ["1", "2", *(pytest.param(other, marks=pytest.mark.timing) for other in "3456")])
def test_09_escape_closes_what_a_key_has_opened(play, window, screen):
    tmux = window(play("mix"))
    # A paused upload with more than 10 GiB stored: x asks.
    start_on(tmux, 15)
    if screen != "1":
        tmux.keys(screen)
    time.sleep(0.3)
    before = tmux.settled()
    for key in OVERLAYS if screen == "1" else "?:b":
        tmux.keys(key)
        until(lambda: tmux.settled(1) != before, 5, f"something after {key}")
        time.sleep(0.35)
        tmux.keys("Escape")
        until(lambda: tmux.settled(1) == before, 5, f"the screen before {key}; now\n{tmux.text()}\n")


@pytest.mark.timing
def test_09_escape_acts_within_50_ms(play, drive):
    driver = drive(play("mix"))
    driver.shows(b"camera-03")
    driver.write(b"j" * 15)
    driver.quiet()
    for key in (b"?", b":", b"f", b"b", b"x"):
        driver.write(key)
        driver.quiet(0.5)
        took = driver.answer(b"\x1b")
        driver.quiet()
        assert took is not None and took <= 0.055, f"{key}: {took}"


def test_10_a_storm_of_sizes_leaves_the_screen_as_it_was(play, window):
    tmux = window(play("mix"))
    start_on(tmux, 2)
    tmux.keys("Space", "Down")
    tmux.keys("f")
    tmux.type("state:queued,uploading")
    tmux.keys("Enter")
    tmux.shows("filter: state:queued,uploading")
    before = tmux.settled()
    numbers = random.Random(10)
    end = time.monotonic() + 2
    for _ in range(100):
        tmux.resize(numbers.randint(20, 300), numbers.randint(3, 100))
        time.sleep(max(0, min(0.02, end - time.monotonic())))
    tmux.resize(80, 24)
    try:
        until(lambda: tmux.settled(1) == before, 15, "the screen before")
    except AssertionError as late:
        raise AssertionError(f"{late}; now\n{tmux.text()}\nbefore\n" + "\n".join(before)) from None


def test_11_a_question_survives_a_window_that_is_too_small_for_it(play, window):
    played = play("crowd")
    tmux = window(played)
    tmux.shows("part-001")
    tmux.keys("V", "x")
    tmux.shows("Cancel 128 uploads?")
    before = tmux.settled()
    tmux.resize(30, 5)
    tmux.shows("need 40x8")
    tmux.resize(80, 24)
    until(lambda: tmux.settled(1) == before, 5, "the same question")
    assert "[ n" in tmux.text()
    assert all(item["state"] != "cancelled" for item in played.uploads())


PASTE = "".join(["ddxXy", "y\n", "q\n", "PVx\n"] * 200)[:2000]


def test_12_a_paste_runs_nothing(play, window):
    played = play("mix")
    before = played.uploads()
    tmux = window(played)
    tmux.shows("camera-03")
    tmux.paste(PASTE)
    tmux.shows("pasted 2,000 characters, ignored")
    assert re.search("pasted 2,000", tmux.lines()[22])
    assert played.uploads() == before
    tmux.keys("j")
    until(lambda: tmux.lines()[6].startswith(">"))


@pytest.mark.parametrize("term", ["vt100", "screen"])
def test_13_a_paste_without_marks_runs_nothing(play, drive, term):
    played = play("mix")
    before = played.uploads()
    driver = drive(played, term=term)
    driver.shows(b"camera-03")
    driver.quiet()
    driver.write(PASTE.replace("\n", "\r").encode())
    driver.shows(b"input burst ignored")
    assert played.uploads() == before
    assert driver.process.poll() is None


def test_14_pasted_paths_are_offered_and_not_queued(play, window, tmp_path):
    played = play("mix")
    one, two = make_file(tmp_path / "one file.mov", 10), make_file(tmp_path / "two.mov", 10)
    tmux = window(played)
    tmux.shows("camera-03")
    tmux.paste(f"'{one}'\n{two}\n")
    tmux.shows("a adds 2 pasted paths")
    assert len(played.uploads()) == 40
    tmux.keys("a")
    tmux.shows("Add to queue", "2 pasted paths")
    assert len(played.uploads()) == 40


def test_15_a_paste_into_a_prompt_submits_nothing(play, window):
    played = play("mix")
    tmux = window(played)
    tmux.shows("camera-03")
    tmux.keys("b")
    tmux.shows("limit")
    for _ in range(20):
        tmux.keys("BSpace")
    tmux.paste("50M\n")
    tmux.shows(": 50M")
    assert played.json("limit")["rate"] == 200 << 20
    tmux.keys("Enter")
    until(lambda: played.json("limit")["rate"] == 50 << 20)


def test_16_a_small_upload_is_cancelled_at_once_and_comes_back(play, window):
    played = play("mix")
    tmux = window(played)
    start_on(tmux, 3)
    before = played.json("show", "u-4")
    tmux.keys("x")
    tmux.shows("u undo")
    assert "u undo" in tmux.lines()[22] and "cancelled" in tmux.lines()[8]
    assert played.json("show", "u-4")["state"] == "cancelled"
    tmux.keys("u")
    until(lambda: played.json("show", "u-4")["state"] != "cancelled")
    assert played.json("show", "u-4")["stored"] == before["stored"]


def mark_128(tmux):
    """One by one, so that the front end has seen them all."""
    tmux.shows("part-001")
    for number in range(1, 17):
        # Rows that are not loaded yet cannot be marked one by one.
        tmux.keys("-N", "8", "Space")
        tmux.shows(f"{8 * number} marked")


@pytest.mark.parametrize("by", ["marks", "filter"])
def test_17_a_question_is_not_answered_by_the_key_that_asked(play, window, by):
    played = play("crowd")
    tmux = window(played)
    if by == "marks":
        mark_128(tmux)
    else:
        tmux.shows("part-001")
        tmux.keys("V")
    tmux.keys("x")
    screen = tmux.shows("Cancel 128 uploads?")
    assert re.search(r"3\d\d GiB, of which 10\d GiB is already stored", screen), screen
    time.sleep(0.4)
    tmux.keys("x")
    time.sleep(0.2)
    tmux.shows("Cancel 128 uploads?")
    tmux.keys("Enter")
    until(lambda: "Cancel 128" not in tmux.text())
    assert all(item["state"] != "cancelled" for item in played.uploads())


def test_18_what_cannot_be_undone_asks_for_its_number(play, window):
    played = play("crowd")
    tmux = window(played)
    tmux.shows("part-001")
    tmux.keys("V", "X")
    tmux.shows("Abort 128 uploads")
    time.sleep(0.4)
    tmux.type("12")
    tmux.keys("Enter")
    tmux.shows("12 is not 128")
    tmux.type("8")
    tmux.keys("Enter")
    until(lambda: {(item["state"], item["stored"]) for item in played.json("queue", "--limit", "200")["items"]} == {("cancelled", 0)})


@pytest.mark.parametrize("by", ["marks", "filter"])
def test_19_keys_typed_ahead_answer_no_question(play, window, by):
    played = play("crowd")
    tmux = window(played)
    if by == "marks":
        mark_128(tmux)
    else:
        tmux.shows("part-001")
        tmux.keys("V")
    tmux.type("xy")
    tmux.shows("Cancel 128 uploads?")
    time.sleep(0.5)
    assert "Cancel 128 uploads?" in tmux.text()
    assert all(item["state"] != "cancelled" for item in played.uploads())


def click(tmux, column, row, button=0):
    """Press and release, columns and rows from 1."""
    for letter in "Mm" if button < 64 else "M":
        text = f"\x1b[<{button};{column};{row}{letter}"
        tmux.keys("-H", *[f"{ord(c):02x}" for c in text])


def row_of(tmux):
    return next(number for number, line in enumerate(tmux.lines()) if line.startswith(">"))


def test_40_a_click_far_to_the_right_moves_the_cursor(play, window):
    tmux = window(play("mix"), 300, 100)
    tmux.shows("camera-03")
    tmux.settled()
    top = row_of(tmux)
    click(tmux, 250, top + 1 + 7)
    until(lambda: row_of(tmux) == top + 7)


def test_40_a_click_on_a_tab_opens_it(play, window):
    tmux = window(play("mix"), 300, 100)
    tmux.shows("camera-03")
    click(tmux, tmux.lines()[0].index("3 History") + 3, 1)
    tmux.shows("[3 History]")


def test_40_a_click_on_a_heading_sorts(play, window):
    tmux = window(play("mix"), 300, 100)
    tmux.shows("camera-03")
    number, heading = next((n, line) for n, line in enumerate(tmux.lines()) if "NAME" in line and "ETA" in line)
    click(tmux, heading.index("ETA") + 2, number + 1)
    tmux.shows("sort:eta", seconds=3)


def test_40_the_wheel_scrolls_and_keeps_the_upload_or_its_place(play, window):
    tmux = window(play("crowd"), 300, 40)
    tmux.shows("part-001")
    tmux.settled()
    top = row_of(tmux)
    for _ in range(10):
        click(tmux, 100, top + 5, 65)
    # 30 rows on: the cursor's upload has left the view, the cursor stands at the edge.
    until(lambda: "rest-31.bin" in tmux.lines()[top], 5, tmux.text())
    assert row_of(tmux) == top
