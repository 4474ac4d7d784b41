"""The theme that goes by the terminal's background, and its file that is edited meanwhile."""
import re
import threading
import time

import pytest

from conftest import until

LIGHT = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
DARK = b"\x1b]11;rgb:1010/1616/1d1d\x07"


def backgrounds(output):
    """The background colours of the 256 that were used."""
    return {int(number) for number in re.findall(rb"48;5;(\d+)", output)}


@pytest.fixture
def colours(play, drive):
    """Background colours of a theme by its name."""
    played = play("mix")

    def find(*arguments):
        driver = drive(played, term="xterm-256color", arguments=arguments)
        driver.shows(b"camera-03")
        driver.quiet()
        found = backgrounds(driver.output)
        driver.end()
        return found

    return {"light": find("attach", "--theme", "default-light"), "dark": find("attach", "--theme", "default-dark")}


def answering(driver, background, pause=0.0):
    """The terminal's two answers in turn; the driver itself gives none."""
    def answer():
        end, asked = time.monotonic() + 20, 0
        while time.monotonic() < end and driver.isOpen:
            output = driver.output
            if background and asked == 0 and b"\x1b]11;?" in output:
                time.sleep(pause)
                driver.write(background)
                background_sent.set()
            count = output.count(b"\x1b[5n")
            if count > asked:
                driver.write(b"\x1b[0n" * (count - asked))
                asked = count
            time.sleep(0.001)
    background_sent = threading.Event()
    threading.Thread(target=answer, daemon=True).start()


@pytest.mark.parametrize(("background", "theme"), [(LIGHT, "light"), (DARK, "dark")])
def test_auto_goes_by_what_the_terminal_says(play, drive, colours, background, theme):
    driver = drive(play("mix"), term="xterm-256color", answers=False)
    answering(driver, background)
    driver.shows(b"camera-03")
    driver.quiet()
    assert backgrounds(driver.output) == colours[theme], "not one cell of the other theme"


def test_a_terminal_that_says_nothing_of_it_gets_what_the_environment_says(play, drive, colours):
    driver = drive(play("mix"), term="xterm-256color", COLORFGBG="0;15")
    driver.shows(b"camera-03")
    driver.quiet()
    assert backgrounds(driver.output) == colours["light"]


def test_an_answer_that_comes_late_is_no_keys_and_changes_the_theme(play, drive, colours):
    driver = drive(play("mix"), term="xterm-256color")
    driver.shows(b"camera-03")
    driver.quiet()
    assert backgrounds(driver.output) == colours["dark"]
    sent = len(driver.output)
    for piece in (LIGHT[:9], LIGHT[9:15], LIGHT[15:]):
        driver.write(piece)
        time.sleep(0.1)
    # A key that is none says so: after it everything before has been read.
    driver.write(b"k")
    driver.quiet()
    assert b"no such key" not in driver.output[sent:], "a piece of the answer was a key"
    # One that comes whole is heard, however late.
    driver.write(LIGHT)
    until(lambda: colours["light"] <= backgrounds(driver.output[sent:]), 5, "the light theme")
    assert b"no such key" not in driver.output[sent:]


@pytest.mark.parametrize("term", ["vt100", "screen", "linux"])
def test_a_terminal_that_would_print_the_question_is_not_asked(play, drive, term):
    driver = drive(play("mix"), term=term)
    driver.shows(b"camera-03")
    assert b"]11;" not in driver.output


def test_without_colour_nothing_is_asked(play, drive):
    driver = drive(play("mix"), arguments=("attach", "--color", "never"))
    driver.shows(b"camera-03")
    assert b"]11;" not in driver.output


def whole(tmux):
    """The screen when it is not in the middle of being drawn."""
    last = None
    while last != (last := tmux.styled()):
        time.sleep(0.2)
    return last


def test_a_theme_file_and_what_it_inherits_from_are_read_anew_when_they_are_written(play, window):
    played = play("mix")
    themes = played.home / "themes"
    themes.mkdir()
    base = 'format = 1\nname = "Base"\nkind = "dark"\ninherits = "builtin:default-dark"\n[roles]\n"title" = { fg = "%s" }\n'
    (themes / "base.toml").write_text(base % "#ff0000")
    (themes / "mine.toml").write_text('format = 1\nname = "Mine"\nkind = "dark"\ninherits = "base"\n')
    tmux = window(played, arguments="attach --theme mine", term="tmux-256color")
    tmux.keys("j", "j")
    tmux.keys("6")
    tmux.shows("[6 Settings]")
    first = tmux.styled()

    (themes / "unrelated.toml").write_text("nonsense")
    (themes / "base.toml").write_text(base % "#00ff00")
    until(lambda: tmux.styled() != first, 2, "other colours")
    assert "nonsense" not in tmux.text() and "error" not in tmux.text()
    # An editor writes beside and renames; an error leaves the colours as they are.
    before = whole(tmux)
    (themes / "base.toml.new").write_text(base % "#0000ff" + '"text" = { fg = "bluw" }\n')
    (themes / "base.toml.new").rename(themes / "base.toml")
    tmux.shows("base.toml:7:", "error")
    tmux.keys("Escape")
    until(lambda: tmux.styled() == before, 5, "the colours before")
    tmux.keys("1")
    tmux.shows("[1 Queue]")
    assert tmux.cursor()[0] == 5 + 2, "the cursor has moved"
