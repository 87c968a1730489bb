"""Docker's stream format, taken apart."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.engine.demux import Demux, FrameError, Raw

frames = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=60)), max_size=12)
cuts = st.lists(st.integers(min_value=0, max_value=800), max_size=40)


def encoded(pieces):
    return b"".join(struct.pack(">BxxxI", kind, len(payload)) + payload for kind, payload in pieces)


class Sink:
    def __init__(self):
        self.stdout, self.stderr, self.pieces = bytearray(), bytearray(), []

    def __call__(self, data, stderr):
        assert data, "an empty piece"
        self.pieces.append((bytes(data), stderr))
        (self.stderr if stderr else self.stdout).extend(data)


def feed_cut(demux, data, places):
    edges = sorted({0, len(data), *(place for place in places if place < len(data))})
    for start, end in itertools.pairwise(edges):
        demux.feed(memoryview(data)[start:end])


@given(frames, cuts)
def test_however_the_bytes_are_cut_the_output_is_the_same(pieces, places):
    sink = Sink()
    demux = Demux(sink)
    feed_cut(demux, encoded(pieces), places)
    assert sink.stdout == b"".join(payload for kind, payload in pieces if kind != 2)
    assert sink.stderr == b"".join(payload for kind, payload in pieces if kind == 2)
    assert not demux.inside_frame


@given(frames.filter(bool), st.data())
def test_a_stream_that_stops_short_is_inside_a_frame(pieces, data):
    whole = encoded(pieces)
    borders = {len(encoded(pieces[:count])) for count in range(len(pieces) + 1)}
    end = data.draw(st.integers(min_value=0, max_value=len(whole)))
    demux = Demux(Sink())
    demux.feed(memoryview(whole)[:end])
    assert demux.inside_frame is (end not in borders)


def test_a_payload_is_handed_on_without_a_copy():
    data = memoryview(bytearray(encoded([(1, b"abc")])))
    seen = []
    Demux(lambda piece, stderr: seen.append(piece.obj is data.obj)).feed(data)
    assert seen == [True]


def test_part_of_a_frame_is_handed_on_before_the_rest_comes():
    sink = Sink()
    Demux(sink).feed(memoryview(encoded([(2, b"abcdef")]))[:-3])
    assert sink.pieces == [(b"abc", True)]


def test_order_between_stdout_and_stderr_is_kept():
    sink = Sink()
    Demux(sink).feed(memoryview(encoded([(1, b"a"), (2, b"b"), (1, b"c")])))
    assert sink.pieces == [(b"a", False), (b"b", True), (b"c", False)]


@pytest.mark.parametrize("cut", [0, 3])
def test_an_unknown_stream_type_is_an_error(cut):
    demux = Demux(Sink())
    data = memoryview(encoded([(7, b"abc")]))
    demux.feed(data[:cut])
    with pytest.raises(FrameError, match="7"):
        demux.feed(data[cut:])


def test_with_a_tty_everything_is_stdout():
    sink = Sink()
    raw = Raw(sink)
    raw.feed(memoryview(b"\x02\x00\x00\x00\x00\x00\x00\x01x"))
    assert sink.stdout == b"\x02\x00\x00\x00\x00\x00\x00\x01x"
    assert not raw.inside_frame
