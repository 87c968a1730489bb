"""The first line of an exec's output, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.backend.pid_line import MOST_ERRORS, MOST_OUTPUT, PidLine

SPEECH = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda pid, end, rest: str(pid).encode() + end + rest,
        st.integers(0, 2**40),
        st.sampled_from([b"\n", b"\r\n"]),
        st.binary(max_size=200),
    ),
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=50), st.integers(1, 300)),
)


def feed(pieces: list[bytes]) -> tuple[int | None, bytes, str]:
    """Return the pid, what is output, and what was said when no pid came."""
    line = PidLine()
    for number, piece in enumerate(pieces):
        rest = line.feed(piece)
        if rest is not None:
            return line.pid, rest + b"".join(pieces[number + 1 :]), ""
    return line.pid, b"", line.text


@given(SPEECH, st.data())
def test_every_cut_of_the_bytes_gives_the_same(speech: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(speech)), max_size=20)))
    pieces = [speech[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(speech)], strict=True)]
    assert feed(pieces) == feed([speech])
    assert feed([memoryview(piece) for piece in pieces][:1] + pieces[1:]) == feed([speech])


@pytest.mark.parametrize(
    ("speech", "result"),
    [
        (b"7\n", (7, b"", "")),
        (b"4711\r\nhello", (4711, b"hello", "")),
        (b"7\n\n8\n", (7, b"\n8\n", "")),
        (b"7", (None, b"", "7")),
        (b"", (None, b"", "")),
        (b"\n7\n", (7, b"", "")),
        (b"sh: warning: no such locale\r\n7\r\n$ ", (7, b"$ ", "")),
        (b"-7\n", (None, b"", "-7")),
        (b"7 x\n", (None, b"", "7 x")),
        (b"7 15:4026531840 15:4026531841\nhello", (7, b"hello", "")),
        (b"7 15:4026531840 15:4026531841 piped\n", (7, b"", "")),
        (b"7 apart\nhello", (7, b"hello", "")),
        (b"7 8\n", (None, b"", "7 8")),
        (b"9" * 33 + b"\n", (None, b"", "9" * 33)),
        ("٣\n".encode(), (None, b"", "٣")),
        (b'exec: "vi": not found\r\n', (None, b"", 'exec: "vi": not found')),
        (b"caf\xe9\n", (None, b"", "caf\ufffd")),
    ],
)
def test_only_a_line_of_digits_is_a_pid(speech: bytes, result: tuple[int | None, bytes, str]) -> None:
    assert feed([speech]) == result


def test_a_long_complaint_is_kept_in_part() -> None:
    line = PidLine()
    for _ in range(1000):
        assert line.feed(b"x" * 1000) is None
    assert line.text == "x" * 4096


def test_what_comes_in_the_lines_place_is_kept_in_part_however_it_comes() -> None:
    for piece in (b"x" * 200_000, b"\n" * 200_000, b"\n", b"x" * 127 + b"\n"):
        line = PidLine()
        for _ in range(2 * MOST_OUTPUT // len(piece) + 2):
            assert line.feed(piece) is None
        assert line.flooded
        assert len(line.seen) == MOST_OUTPUT
        assert line.feed(b"\n7\n") is None


def test_output_that_came_with_the_line_is_all_there_however_much_it_is() -> None:
    line = PidLine()
    assert line.feed(b"sh: warning\n" + b"7\n" + b"x" * 200_000) == b"x" * 200_000
    assert not line.flooded


def test_errors_before_the_line_are_kept_up_to_a_mebibyte() -> None:
    line = PidLine()
    for _ in range(MOST_ERRORS // 65536):
        line.hold(b"e" * 65536)
    assert not line.flooded
    line.hold(b"e")
    assert line.flooded
    assert len(line.held) == MOST_ERRORS


def test_errors_are_no_pid_and_a_reason_when_none_comes() -> None:
    line = PidLine()
    line.hold(b"7\n")
    assert (line.pid, line.held, line.text) == (None, b"7\n", "7")
