"""The terminal under random input, and its captures in the documents. scripts/fuzz-terminal does it for as long as wanted."""
import pytest

import capture_screens
from fuzz_terminal import fuzz


@pytest.mark.parametrize("seconds", [15, pytest.param(120, marks=pytest.mark.timing)])
def test_random_input_crashes_nothing_and_changes_nothing_unasked(tmp_path, seconds):
    figures = fuzz(seconds, 7, tmp_path)
    print(figures)
    assert figures["inputs"] > 100 and figures["looks at the queue"] > 3


def test_the_screens_in_the_documents_are_those_of_the_program():
    assert capture_screens.differences(capture_screens.capture()) == [], "run scripts/capture-screens"
