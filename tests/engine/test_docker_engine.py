"""What only the real engine can show; what every engine has to do is in the contract tests."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import Conflict, NotFound, Refused, TimedOut, Unavailable
from sshore.engine.events import EventDecoder
from sshore.engine.types import (
    ContainerDied,
    ContainerGone,
    ContainerSpec,
    EventsLost,
    ExecSpec,
    MemoryExhausted,
    PullProgress,
    RegistryAuth,
)

pytestmark = pytest.mark.engine

LABEL = "engine-test"


def spec(name: str, *argv: str, **config: Any) -> ContainerSpec:
    host = {"NetworkMode": "none", **config.pop("HostConfig", {})}
    return ContainerSpec(
        name,
        {"Image": "sshore/mini", "Cmd": list(argv or ("sleep", "1000")), "Labels": {LABEL: name}, "HostConfig": host}
        | config,
    )


def test_a_container_goes_through_its_life(engine: DockerEngine, name: str) -> None:
    before = time.time()
    container = engine.create_container(spec(name), timeout=10)
    assert not engine.inspect_container(name, timeout=5).running
    [row] = engine.list_containers({LABEL: name}, timeout=5)
    assert (row.id, row.name, row.state, row.labels[LABEL]) == (container, name, "created", name)
    assert before - 2 <= row.created <= time.time() + 2
    engine.start_container(container, timeout=20)
    engine.start_container(container, timeout=20)
    assert engine.inspect_container(name, timeout=5).running
    engine.kill_container(name, "KILL", timeout=5)
    engine.remove_container(name, timeout=10)
    with pytest.raises(NotFound):
        engine.inspect_container(container, timeout=5)
    assert engine.list_containers({LABEL: name}, timeout=5) == []


def test_a_listing_matches_every_label_and_any_value_where_none_is_given(engine: DockerEngine, name: str) -> None:
    container = engine.create_container(spec(name, Labels={LABEL: name, "engine-test.b": "2"}), timeout=10)
    found = [{LABEL: name, "engine-test.b": ""}, {LABEL: name, "engine-test.b": "3"}]
    assert [[row.id for row in engine.list_containers(labels, timeout=5)] for labels in found] == [[container], []]


def test_a_name_that_is_taken_is_a_conflict_and_a_stopped_container_cannot_be_signalled(
    engine: DockerEngine, name: str
) -> None:
    engine.create_container(spec(name), timeout=10)
    with pytest.raises(Conflict):
        engine.create_container(spec(name), timeout=10)
    with pytest.raises(Conflict):
        engine.kill_container(name, "TERM", timeout=5)


def test_a_bad_configuration_is_refused_and_a_missing_image_not_found(engine: DockerEngine, name: str) -> None:
    contradiction = {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}
    with pytest.raises(Refused):
        engine.create_container(spec(name, HostConfig=contradiction), timeout=10)
    with pytest.raises(NotFound):
        engine.create_container(spec(name, Image="no-such-image"), timeout=10)
    with pytest.raises(NotFound):
        engine.inspect_image("no-such-image", timeout=5)


def test_many_threads_use_one_engine(engine: DockerEngine, name: str) -> None:
    engine.create_container(spec(name), timeout=10)
    engine.start_container(name, timeout=20)

    def round_trip(number: int) -> bool:
        exec_id = engine.create_exec(name, ExecSpec(("true",), env=(f"N={number}",)), timeout=20)
        return engine.inspect_exec(exec_id, timeout=20).running

    with ThreadPoolExecutor(20) as threads:
        assert not any(threads.map(round_trip, range(100)))


def test_an_exec_tells_whether_it_runs_and_how_it_ended(engine: DockerEngine, name: str) -> None:
    engine.create_container(spec(name), timeout=10)
    engine.start_container(name, timeout=20)
    events = engine.events({LABEL: name}, timeout=5)
    program = ExecSpec(
        ("sh", "-c", 'read line; [ "$A" = "b c" ] && [ "$PWD" = /tmp ] && exit 7'), ("A=b c",), "0", "/tmp"
    )
    exec_id = engine.create_exec(name, program, timeout=5)
    assert engine.inspect_exec(exec_id, timeout=5).exit_code is None
    control = engine.start_control(exec_id, timeout=5)
    state = engine.inspect_exec(exec_id, timeout=5)
    assert (state.running, state.exit_code) == (True, None)
    control.send_line("go", timeout=5)
    next(iter(events))
    events.close()
    control.close()
    state = engine.inspect_exec(exec_id, timeout=5)
    assert (state.running, state.exit_code) == (False, 7)


def test_a_window_is_resized(engine: DockerEngine, address: EngineAddress, name: str) -> None:
    engine.create_container(spec(name, Tty=True), timeout=10)
    engine.start_container(name, timeout=20)
    engine.resize_container(name, 100, 30, timeout=5)
    exec_id = engine.create_exec(name, ExecSpec(("stty", "-F", "/proc/1/fd/0", "size"), tty=False), timeout=5)
    sock = _hijack(address, exec_id, tty=False)
    assert _read_all(sock).endswith(b"30 100\n")


def test_on_a_tty_control_p_is_a_key_like_any_other(engine: DockerEngine, address: EngineAddress, name: str) -> None:
    engine.create_container(spec(name), timeout=10)
    engine.start_container(name, timeout=20)
    reader = ExecSpec(("sh", "-c", "stty raw -echo; echo ready; head -c 4 | od -An -tx1"), tty=True)
    sock = _hijack(address, engine.create_exec(name, reader, timeout=5), tty=True)
    seen = b""
    while b"ready" not in seen:
        seen += sock.recv(4096)
    sock.sendall(b"\x10\x11\x10\x10")
    assert b"10 11 10 10" in _read_all(sock)


def test_an_image_tells_its_user_and_folder(engine: DockerEngine, docker_client: DockerClient, name: str) -> None:
    container = docker_client.api.create_container(
        "sshore/mini", ["true"], name=name, user="nobody", working_dir="/tmp"
    )
    docker_client.api.commit(container, repository=name)
    try:
        info = engine.inspect_image(name, timeout=5)
        assert (info.user, info.workdir) == ("nobody", "/tmp")
        assert info.id.startswith("sha256:")
    finally:
        docker_client.api.remove_image(name)


def test_a_network_is_made_once_however_many_ask(engine: DockerEngine, docker_client: DockerClient, name: str) -> None:
    options = {"com.docker.network.bridge.enable_icc": "false"}
    try:
        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(engine.ensure_network, name, options, {LABEL: name}, timeout=30) for _ in range(4)]
            assert [one.result() for one in asked] == [None] * 4
        [network] = [row for row in docker_client.api.networks(names=[name]) if row["Name"] == name]
        assert (network["Options"], network["Labels"], network["Driver"]) == (options, {LABEL: name}, "bridge")
    finally:
        docker_client.api.remove_network(name)


def test_events_tell_an_end_for_want_of_memory(engine: DockerEngine, name: str) -> None:
    hog = spec(name, "sh", "-c", "exec tail /dev/zero", HostConfig={"Memory": 8 << 20, "MemorySwap": 8 << 20})
    container = engine.create_container(hog, timeout=10)
    events = engine.events({LABEL: name}, timeout=5)
    engine.start_container(name, timeout=20)
    assert list(islice(events, 2)) == [(container, MemoryExhausted()), (container, ContainerDied(137, oom=True))]
    events.close()


def test_closing_a_subscription_wakes_its_reader_and_leaves_no_connection(engine: DockerEngine) -> None:
    engine.ping(timeout=5)
    before = _open_files()
    events = engine.events({LABEL: ""}, timeout=5)
    read: list[object] = []
    reader = threading.Thread(target=lambda: read.extend(events))
    reader.start()
    events.close()
    events.close()
    reader.join(5)
    assert not reader.is_alive()
    assert read == []
    engine.events({LABEL: ""}, timeout=5).close()
    assert _open_files() == before


def test_podmans_names_for_the_same_events_are_understood() -> None:
    decoder = EventDecoder()
    died = {"exitCode": "", "containerExitCode": "3", "execID": "e1"}
    assert decoder.decode(_message("exec_died", died)) is not None
    assert decoder.decode(_message("died", {"containerExitCode": "4"})) == ("c1", ContainerDied(4, oom=False))
    assert decoder.decode(_message("remove", {})) == ("c1", ContainerGone())
    assert decoder.decode(_message("die", {})) == ("c1", EventsLost())
    assert decoder.decode(_message("start", {})) is None


def test_an_engine_that_accepts_and_never_answers_times_out_everywhere(tmp_path: Path) -> None:
    with _silent_engine(tmp_path) as engine:
        for call in (
            lambda: engine.ping(timeout=0.2),
            lambda: engine.events({LABEL: ""}, timeout=0.2),
            lambda: engine.attach_control("x", timeout=0.2),
            lambda: engine.pull_image("x", None, None, timeout=0.2, stall=9, progress=print),
        ):
            started = time.monotonic()
            with pytest.raises(TimedOut):
                call()
            assert time.monotonic() - started < 2


def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    engine = DockerEngine(EngineAddress(path=str(tmp_path / "none.sock")))
    for call in (
        lambda: engine.ping(timeout=5),
        lambda: engine.events({LABEL: ""}, timeout=5),
        lambda: engine.attach_control("x", timeout=5),
        lambda: engine.pull_image("x", None, None, timeout=5, stall=9, progress=print),
    ):
        with pytest.raises(Unavailable):
            call()


class _Script:
    """An engine that tells its version, then answers one call with `lines`."""

    def __init__(self, folder: Path, lines: bytes) -> None:
        self.request = b""
        self._lines = lines
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "script.sock"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.engine = DockerEngine(EngineAddress(path=str(folder / "script.sock")))

    def __enter__(self) -> _Script:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        for body in (b'{"ApiVersion":"1.41"}', self._lines):
            connection, _ = self._listener.accept()
            self.request = connection.recv(65_536)
            connection.sendall(head + body)
            connection.close()


def test_a_pull_tells_its_progress_and_carries_the_credentials(tmp_path: Path) -> None:
    lines = b'{"status":"Downloading","id":"a1","progressDetail":{"current":3,"total":9}}\r\n{"status":"Done"}\r\n'
    told: list[PullProgress] = []
    with _Script(tmp_path, lines) as script:
        auth = RegistryAuth("u", "p~~~???", "https://r")
        script.engine.pull_image("r:5000/x@sha256:ab", "linux/arm64", auth, timeout=5, stall=5, progress=told.append)
    assert told == [PullProgress("a1", "Downloading", 3, 9), PullProgress("", "Done", 0, 0)]
    target = script.request.split()[1].decode()
    assert target == "/v1.41/images/create?fromImage=r%3A5000%2Fx&tag=sha256%3Aab&platform=linux%2Farm64"
    [header] = [line for line in script.request.split(b"\r\n") if line.lower().startswith(b"x-registry-auth:")]
    # The URL alphabet of base64 (RFC 4648, section 5) is the one that the engine reads.
    assert b"-" in header.split()[1] or b"_" in header.split()[1]
    fields = {"username": "u", "password": "p~~~???", "serveraddress": "https://r"}
    assert json.loads(base64.urlsafe_b64decode(header.split()[1])) == fields
    assert "p~~~" not in repr(auth)


def test_an_error_inside_a_pulls_stream_is_raised(tmp_path: Path) -> None:
    line = b'{"status":"Pulling"}\n{"errorDetail":{"message":"m"},"error":"manifest for x not found"}\n'
    with _Script(tmp_path, line) as script, pytest.raises(NotFound, match="manifest for x"):
        script.engine.pull_image("x", None, None, timeout=5, stall=5, progress=lambda _: None)


def test_a_container_that_lost_its_name_goes_by_its_id(tmp_path: Path) -> None:
    row = {"Id": "a1", "Names": [], "Image": "x", "State": "dead", "Created": 1, "Labels": {}}
    with _Script(tmp_path, json.dumps([row]).encode()) as script:
        [summary] = script.engine.list_containers({}, timeout=5)
    assert (summary.id, summary.name) == ("a1", "a1")


def _message(action: str, attributes: dict[str, str]) -> dict[str, Any]:
    return {"Type": "container", "Action": action, "Actor": {"ID": "c1", "Attributes": attributes}}


@contextlib.contextmanager
def _silent_engine(folder: Path) -> Iterator[DockerEngine]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "silent.sock"))
        listener.listen()
        yield DockerEngine(EngineAddress(path=str(folder / "silent.sock")))


def _hijack(address: EngineAddress, exec_id: str, *, tty: bool) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(address.path)
    body = b'{"Detach":false,"Tty":%s}' % str(tty).lower().encode()
    head = b"POST /exec/%s/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" % exec_id.encode()
    sock.sendall(head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return sock


def _read_all(sock: socket.socket) -> bytes:
    seen = b""
    with sock:
        while data := sock.recv(65_536):
            seen += data
    return seen


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
