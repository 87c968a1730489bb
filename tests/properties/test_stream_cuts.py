"""What comes from the engine in pieces: however it is cut, and whatever it is, the outcome is the same."""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from sshore.backend.pid_line import PidLine
from sshore.engine.demux import Demux, FrameError
from support.corpus import files_of
from support.effort import in_time, tries

pytestmark = in_time

frames = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=40)), max_size=8)
cuts = st.lists(st.integers(0, 400), max_size=20)
headers = st.builds(struct.pack, st.just(">BxxxI"), st.integers(0, 4), st.integers(0, 2**32 - 1))
junk = st.lists(st.binary(max_size=12) | headers, max_size=8).map(b"".join)

Seen = tuple[bytes, bytes, bool, str]


def encoded(pieces: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack(">BxxxI", kind, len(payload)) + payload for kind, payload in pieces)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place for place in places if place < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def demultiplexed(pieces: list[bytes]) -> Seen:
    """Return stdout, stderr, whether the end would cut a frame, and what was wrong."""
    output = {False: bytearray(), True: bytearray()}
    demux = Demux(lambda data, stderr: output[stderr].extend(data))
    try:
        for piece in pieces:
            demux.feed(memoryview(piece))
    except FrameError as error:
        return bytes(output[False]), bytes(output[True]), True, str(error)
    return bytes(output[False]), bytes(output[True]), demux.inside_frame, ""


@tries(150)
@example(data=b"\x01\0\0\0\0\0\0\x00" * 3, places=[7, 8, 9])
@example(data=b"\x01\0\0\0\xff\xff\xff\xffx", places=[4])
@example(data=b"\x03", places=[])
@given(data=junk | frames.map(encoded), places=cuts)
def test_any_bytes_cut_anyhow_are_the_same_output_and_the_same_error(data: bytes, places: list[int]) -> None:
    assert demultiplexed(cut(data, places)) == demultiplexed([data])


@files_of("engine-streams")
def test_every_stream_of_the_corpus_is_the_same_wherever_it_is_cut(path: Path) -> None:
    data = path.read_bytes()
    whole = demultiplexed([data])
    assert demultiplexed([data[place : place + 1] for place in range(len(data))]) == whole
    for place in range(min(len(data), 200)):
        assert demultiplexed(cut(data, [place])) == whole


_LINE = re.compile(rb"([0-9]{1,20})( [0-9]+:[0-9]+)*( piped| apart| closed)?")


@tries(150)
@example(pid=7, terminal=True, output=b"", places=[1, 2])
@example(pid=7, terminal=False, output=b"\n", places=[1, 2])
@given(pid=st.integers(1, 2**22), terminal=st.booleans(), output=st.binary(max_size=60), places=cuts)
def test_the_pid_is_cut_off_and_nothing_else(pid: int, terminal: bool, output: bytes, places: list[int]) -> None:
    line, rest = PidLine(), []
    for piece in cut(f"{pid}".encode() + (b"\r\n" if terminal else b"\n") + output, places):
        fed = line.feed(piece) if line.pid is None else piece
        rest.append(fed or b"")
    assert (line.pid, b"".join(rest)) == (pid, output)


@tries(150)
@example(said="²\n".encode(), places=[])
@example(said="²\n".encode("latin-1"), places=[])
@example(said=b"1 2a\n3 4:5 6:7 piped\r\n5\n", places=[3])
@example(said=b"1 2\n3 4: \n5 apart\n", places=[3])
@given(said=st.binary(max_size=80) | st.text("0123: \r\nx", max_size=20).map(str.encode), places=cuts)
def test_whatever_comes_in_place_of_a_pid_is_a_number_or_a_reason(said: bytes, places: list[int]) -> None:
    line = PidLine()
    for piece in cut(said, places):
        if line.pid is None:
            line.feed(piece)
    lines = (_LINE.fullmatch(words.strip()) for words in said.split(b"\n")[:-1])
    numbers = [int(said_so[1]) for said_so in lines if said_so]
    assert line.pid == (numbers[0] if numbers else None)
    assert line.text == said.decode(errors="replace").strip() or line.pid is not None
