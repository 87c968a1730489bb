"""What is named in a configuration and is no file: it is refused at once, with its key, and nobody waits for it."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sshore.config.load import load_config
from sshore.config.plain_files import MOST_BYTES, read_file_or_pipe, read_plain
from sshore.config.problems import ConfigError
from sshore.engine.credentials import own_credentials
from sshore.engine.errors import Refused
from sshore.ssh.hostkeys import HostKeyError, load_host_keys

pytestmark = pytest.mark.timeout(20)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "is not a regular file but a named pipe"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file but a device"),
    "terminal": (lambda path: path.symlink_to("/dev/tty"), "is not a regular file but a device|No such device"),
    "folder": (Path.mkdir, "is a folder, not a file"),
    "socket": (make_socket, "is not a regular file but a socket|No such device"),
    "loop of links": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "nothing": (lambda path: None, "No such file or directory"),
}


@pytest.fixture(params=KINDS)
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    make, fault = KINDS[request.param]
    make(tmp_path / "it")
    return tmp_path / "it", fault


@pytest.mark.parametrize("key", ["ssh.hostkeys.0", "auth.passwords", "docker.connection.cacert"])
def test_a_configuration_that_names_it_is_refused_with_the_key(
    no_file: tuple[Path, str], tmp_path: Path, key: str
) -> None:
    path, fault = no_file
    sections = {
        "ssh.hostkeys.0": {"ssh": {"hostkeys": [str(path)]}},
        "auth.passwords": {"auth": {"passwords": str(path)}},
        "docker.connection.cacert": {"docker": {"connection": {"host": "tcp://x:1", "cacert": str(path)}}},
    }[key]
    execution = {"docker": {"execution": {"container": {"Image": "x"}}}}
    (tmp_path / "c.json").write_text(json.dumps({**execution, **sections}))
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "c.json")
    [problem] = [one for one in refused.value.problems if "Image" not in one.message]
    assert problem.path.replace("[", ".").replace("]", "") == key
    assert re.search(fault, problem.message)


def test_nobody_waits_for_it_where_it_is_read(
    no_file: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fault = no_file
    with pytest.raises(OSError, match=fault):
        read_plain(path)
    with pytest.raises(HostKeyError, match=fault):
        load_host_keys([str(path)], tmp_path)
    if path.exists():
        (tmp_path / "config.json").symlink_to(path)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with pytest.raises(Refused, match=fault):
            own_credentials("registry.example/x")


def test_a_configuration_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As from `<(…)` of a shell."""
    os.mkfifo(tmp_path / "pipe")
    writing = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x" * 200_000,))
    writing.start()
    assert read_file_or_pipe(tmp_path / "pipe", MOST_BYTES) == b"x" * 200_000
    writing.join()


def test_a_pipe_without_a_writer_or_without_an_end_is_given_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match=r"its end did not come within 0\.1 s"):
        read_file_or_pipe(pipe, MOST_BYTES, 0.1)
    writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    os.write(writer, b"ssh:")
    with pytest.raises(OSError, match=r"its end did not come within 0\.1 s"):
        read_file_or_pipe(pipe, MOST_BYTES, 0.1)
    os.write(writer, b"ssh:")
    with pytest.raises(OSError, match="it is larger than 3 bytes"):
        read_file_or_pipe(pipe, 3)
    os.close(writer)


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    assert read_plain(tmp_path / "file", 100) == b"x" * 100
    with pytest.raises(OSError, match="it is larger than 99 bytes"):
        read_plain(tmp_path / "file", 99)
    # It says that it has no size.
    assert read_plain(Path("/proc/self/stat"))
