"""Names that users chose with care: in labels, container names, `sshore ps`, the log, and never in a shell."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from docker import DockerClient
from sshore.actors.messages import RunExec
from sshore.backend.backend import Backend
from sshore.config.load import parse_config
from sshore.config.logs import configure_logging
from sshore.config.models import LogConfig
from support.client import Client

pytestmark = pytest.mark.engine

NASTY = {
    "a newline": "a\nevent=forged level=info",
    "a carriage return": "a\rforged",
    "an escape sequence": "\x1b[2J\x1b]0;owned\x07",
    "C1 controls": "\x9b2J",
    "a NUL": "a\0b",
    "quotes": "a'b\"c`d",
    "a command": "$(touch /tmp/owned); touch /tmp/owned; `touch /tmp/owned`",
    "a path": "../../etc/passwd",
    "right to left": "a\u202egnp.exe\u2066",
    "a line separator": "a\u2028b\x85c",
    "not UTF-8": "a\udcff\udcfeb",
    "nothing": "",
    "64 KiB": "x" * 65_536,
    "markup": "[red]a[/red]{0}%s%n",
}


@pytest.mark.parametrize("mode", ["connection", "session"])
@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
async def test_no_name_is_more_than_a_name(
    mode: str, name: str, mini_image: str, engine_host: str, docker_client: DockerClient, state_dir: Path
) -> None:
    log = io.StringIO()
    configure_logging(LogConfig.model_validate({"level": "debug"}), log)
    file = state_dir.parent / "sshore.json"
    execution = {"mode": mode, "container": {"Image": mini_image}, "host": {"NetworkMode": "none"}}
    file.write_text(json.dumps({"docker": {"connection": {"host": engine_host}, "execution": execution}}))
    docker = parse_config(file.read_text(), str(file)).docker
    try:
        async with Backend(docker, state_dir, log=structlog.get_logger()) as backend:
            label, listed = await look_at(backend, name, docker_client, file)
    finally:
        structlog.reset_defaults()
    assert label.isprintable()
    assert len(label) <= 256 * len("\\U0010ffff")
    assert listed.count("\n") == len([line for line in listed.splitlines() if line])
    assert [char for char in listed + log.getvalue() if not char.isprintable() and char != "\n"] == []
    assert [line for line in log.getvalue().splitlines() if line.startswith("event=")] == []


async def look_at(backend: Backend, name: str, client: DockerClient, file: Path) -> tuple[str, str]:
    """Run a program for this user; return his container's label and what `sshore ps` says."""
    connection = backend.connection(("192.0.2.7", 1), "c" * 32)
    connection.handshake_success(name)
    session, user = connection.program_session(0), Client()
    session.env("USER_NAME", name.replace("\0", ""))
    session.start(RunExec("ls /tmp/owned 2>&1; echo here; read x"), user)
    await user.until_stdout(b"here\n")
    assert b"No such file" in user.stdout
    found = await asyncio.to_thread(
        client.containers.list, all=True, filters={"label": f"sshore.connection={'c' * 32}"}
    )
    ours = [each for each in found if each.labels["sshore.client"] == "192.0.2.7:1"]
    ps = [sys.executable, "-m", "sshore", "ps", "--config", str(file)]
    listed = await asyncio.to_thread(subprocess.run, ps, check=True, capture_output=True, text=True)
    session.write_eof()
    await user.until_end()
    connection.disconnect()
    await connection.wait_ended()
    (container,) = ours
    return container.labels["sshore.user"], listed.stdout
