"""The first line of an exec's output, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.backend.pid_line import PidLine

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


def test_errors_are_no_pid_and_a_reason_when_none_comes() -> None:
    line = PidLine()
    line.hold(b"7\n")
    assert (line.pid, line.held, line.text) == (None, b"7\n", "7")
