"""An engine that gives root of every container a number without rights on the host (`--userns-remap`)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from support.engines import copy_image
from support.own_engine import OwnEngine
from support.server import Server, Serving
from support.source_tree import ROOT
from support.terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

FIRST, COUNT = 100_000, 65_536
WITH_THESE_NUMBERS = 'mount --bind "$1" /etc/subuid; mount --bind "$1" /etc/subgid; exec "$2" start'


class MappedEngine(OwnEngine):
    """A dockerd that maps users; the machine's own files about subordinate users are left alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, arguments=["--userns-remap=nobody:nogroup"])
        self._numbers = folder / "numbers"
        self._numbers.write_text(f"nobody:{FIRST}:{COUNT}\nnogroup:{FIRST}:{COUNT}\n")
        # The mapped root looks for its containers' files below it.
        folder.chmod(0o711)

    def start(self) -> str:
        command = ["unshare", "--net", "--mount", "sh", "-ec", WITH_THESE_NUMBERS, "sh"]
        return self._run(*command, str(self._numbers), str(ROOT / "scripts" / "engine.sh"))


@pytest.fixture(scope="module")
def mapped(mini_image: str, guest_image: str, engine_host: str) -> Iterator[MappedEngine]:
    folder = Path(tempfile.mkdtemp(prefix="sshore-"))
    engine = MappedEngine(folder)
    try:
        engine.start()
        copy_image(guest_image, engine_host, engine.host)
        yield engine
    finally:
        engine.discard()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def there(mapped: MappedEngine, mode: str, guest_image: str, serving: Serving) -> Iterator[Server]:
    """A server of each mode in front of it."""
    client = DockerClient(base_url=mapped.host, version="auto")
    execution = {"mode": mode, "container": {"Image": guest_image}, "host": {"NetworkMode": "none"}}
    with serving(execution, host=mapped.host, client=client) as server:
        yield server
    client.close()


def test_root_of_a_container_is_nobody_on_the_host(there: Server) -> None:
    done = there.ssh("cat /proc/self/uid_map; id -u; grep NoNewPrivs /proc/self/status; exit 3")
    assert done.stdout.split() == [b"0", b"%d" % FIRST, b"%d" % COUNT, b"0", b"NoNewPrivs:", b"1"]
    assert done.returncode == 3


def test_sessions_are_as_elsewhere(there: Server) -> None:
    assert there.ssh("cat", stdin=b"in").stdout == b"in"
    with Terminal(there.ssh_argv("stty size", options=["-tt"])) as terminal:
        terminal.expect("24 80", 60)
        assert terminal.wait(60) == 0
    done = there.ssh("touch /tmp/a; chown 1000 /tmp/a; su sshore -s /bin/sh -c id; stat -c %u /tmp/a")
    assert done.stdout.splitlines()[-1] == b"1000"


async def test_so_are_signals(there: Server) -> None:
    async with there.connect() as connection:
        process = await connection.create_process('trap "exit 7" USR1; echo ready; while :; do sleep 0.1; done')
        assert await process.stdout.readline() == "ready\n"
        process.send_signal("USR1")
        assert (await process.wait()).exit_status == 7
