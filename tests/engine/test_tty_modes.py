"""A client's terminal modes in the words of `stty`."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.engine.tty_modes import stty_settings
from support.terminal import Terminal

EVERY_OPCODE = (*range(1, 19), *range(30, 43), *range(50, 63), *range(70, 76), *range(90, 94))


def test_a_client_that_says_nothing_changes_nothing() -> None:
    assert stty_settings(None, ()) == ""


@pytest.mark.parametrize(
    ("size", "settings"),
    [
        ((80, 24), "cols 80,rows 24"),
        ((1, 1), "cols 1,rows 1"),
        ((0, 0), ""),
        ((0, 24), "rows 24"),
        ((65535, 65535), "cols 65535,rows 65535"),
    ],
)
def test_a_size_of_0_is_left_as_it_is(size: tuple[int, int], settings: str) -> None:
    assert stty_settings(size, ()) == settings


@pytest.mark.parametrize(
    ("code", "word"), [(0, "^@"), (3, "^C"), (28, "^\\"), (31, "^_"), (32, "32"), (65, "65"), (127, "^?"), (255, "^-")]
)
def test_a_control_character_is_written_so_that_no_shell_minds(code: int, word: str) -> None:
    assert stty_settings(None, [(1, code)]) == f"intr {word}"


def test_switches_are_on_or_off_and_speeds_are_numbers() -> None:
    modes = [(53, 0), (51, 1), (42, 7), (128, 9600), (129, 38400)]
    assert stty_settings(None, modes) == "-echo,icanon,iutf8,38400"


@pytest.mark.parametrize("opcode", [0, 11, 15, 17, 18, 62, 90, 91, 92, 93, 128, 200, 2**32])
def test_what_a_pseudo_terminal_does_not_have_is_ignored(opcode: int) -> None:
    assert stty_settings(None, [(opcode, 1)]) == ""


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1) | st.sampled_from(EVERY_OPCODE), st.integers(0, 2**32 - 1))))
def test_nothing_that_a_client_sends_has_a_meaning_for_a_shell(modes: list[tuple[int, int]]) -> None:
    words = stty_settings((80, 24), modes).replace(",", " ").split(" ")
    assert all(word.lstrip("-").isalnum() or (len(word) == 2 and word.startswith("^")) for word in words)


def test_gnu_stty_takes_every_word_at_once() -> None:
    modes = [(opcode, 1) for opcode in EVERY_OPCODE] + [(129, 115200)]
    settings = stty_settings((80, 24), modes).replace(",", " ").split(" ")
    with Terminal(["stty", *settings]) as terminal:
        assert terminal.wait() == 0, terminal.screen


@pytest.mark.engine
def test_busybox_stty_takes_every_word_at_once(mini_image: str) -> None:
    modes = [(opcode, 1) for opcode in EVERY_OPCODE] + [(129, 115200)]
    settings = stty_settings((80, 24), modes).replace(",", " ").split(" ")
    argv = ["docker", "run", "--rm", "-t", "--network=none", mini_image, "stty", *settings]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
