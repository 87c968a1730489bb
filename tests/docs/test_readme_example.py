"""The embedding example of the README is a program that works."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest
from support.documents import page

SECONDS = 20.0
LOGIN = {"username": "alice", "known_hosts": None, "client_keys": None, "agent_path": None, "config": None}


@pytest.mark.engine
async def test_the_embedding_example_lets_alice_into_a_container(
    mini_image: str, engine_host: str, tmp_path: Path
) -> None:
    async with _example(mini_image, engine_host, tmp_path) as port:
        async with asyncssh.connect("127.0.0.1", port, password="wonderland", **LOGIN) as connection:
            said = await connection.run("echo out; echo err >&2; cat /proc/1/comm; exit 7", check=False)
        with pytest.raises(asyncssh.PermissionDenied):
            async with asyncssh.connect("127.0.0.1", port, password="wrong", **LOGIN):
                pass
    assert (said.exit_status, said.stdout, said.stderr) == (7, "out\ndocker-init\n", "err\n")


@asynccontextmanager
async def _example(image: str, engine: str, folder: Path) -> AsyncIterator[int]:
    """Run the README's program in this folder, on a free port, and stop it as Ctrl-C does."""
    (folder / "sshore.yaml").write_text(
        f"docker: {{connection: {{host: '{engine}'}}, execution: {{container: {{Image: '{image}'}}}}}}"
    )
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / "host_key")
    port = _free_port()
    [program] = page("README.md").blocks("python")
    (folder / "server.py").write_text(program.replace("2222", str(port)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "server.py", cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    try:
        await _until_open(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    assert errors.rstrip().endswith(b"KeyboardInterrupt"), errors.decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _until_open(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            assert process.returncode is None, (await process.communicate())[1].decode()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
