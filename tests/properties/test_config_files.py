"""A configuration file of any bytes: a configuration or a clear error, soon, and never another exception."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.config import ConfigError, load_config
from support.corpus import files_of
from support.effort import in_time, tries

pytestmark = in_time

EXAMPLE = b"""\
ssh: {listen: "127.0.0.1:2222", banner: hello}
auth: {authorizedKeys: keys/%u}
log: {level: info, format: json}
docker:
  connection: {host: "unix:///var/run/docker.sock"}
  timeouts: {http: 5s, containerStart: 1m30s}
  execution:
    mode: session
    container: {Image: "a:b", Env: [A=b], Labels: {x: "y"}}
    host: {Binds: ["/a:/b:ro"], NetworkMode: none, Memory: 268435456}
"""
SECONDS = 30.0

places = st.integers(0, len(EXAMPLE))
pieces = st.binary(max_size=6) | st.sampled_from(
    [
        b"&a ",
        b"*a",
        b"!!python/object ",
        b"<<: *a",
        b"1e400",
        b"-",
        b"9" * 5000,
        b"\xff",
        b"\0",
        b"{" * 200,
        b"? ",
        b"---",
    ]
)


def answer(path: Path) -> str:
    try:
        config = load_config(path)
    except ConfigError as error:
        return str(error)
    return type(config).__name__


def answered(path: Path) -> None:
    began = time.monotonic()
    said = answer(path)
    assert said
    assert all(line.isprintable() for line in said.split("\n"))
    assert time.monotonic() - began < SECONDS


@files_of("config")
def test_every_file_of_the_corpus_is_answered(path: Path) -> None:
    answered(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config.yaml"


@tries(150)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_answered(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    answered(file)


@tries(150)
@given(changes=st.lists(st.tuples(places, st.integers(0, 30), pieces), min_size=1, max_size=4))
def test_any_change_of_a_good_file_is_answered(file: Path, changes: list[tuple[int, int, bytes]]) -> None:
    data = EXAMPLE
    for start, length, piece in changes:
        data = data[:start] + piece + data[start + length :]
    file.write_bytes(data)
    answered(file)
