"""What must not be in any log, at whatever level."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import asyncssh
import pytest
import structlog
from docker import DockerClient
from sshore.backend.backend import Backend
from sshore.config.load import parse_config
from sshore.config.logs import configure_logging
from sshore.config.models import LogConfig
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import EngineError
from sshore.engine.types import RegistryAuth
from support.front_desk import PASSWORD, USER, FrontDesk

SECRET = "hushhush"


@pytest.mark.parametrize("form", ["text", "json"])
async def test_neither_passwords_nor_commands_nor_values_are_logged(tmp_path: Path, form: str) -> None:
    stream = io.StringIO()
    configure_logging(LogConfig.model_validate({"format": form, "level": "debug"}), stream)
    try:
        desk = FrontDesk(tmp_path, {})
        desk.book.log = structlog.get_logger()
        async with desk.open():
            async with desk.login(client_keys=None, password=PASSWORD) as connection:
                await connection.run(f"echo {SECRET}", env={"TOKEN": SECRET})
                await connection.run(f"cat {SECRET}", input=SECRET)
            with pytest.raises(asyncssh.Error):
                await desk.login(client_keys=None, password=SECRET)
    finally:
        structlog.reset_defaults()
    log = stream.getvalue()
    assert "New SSH session requested" in log
    host_key = desk.config.ssh.hostkeys[0].splitlines()[1:-1]
    stored = (tmp_path / "htpasswd").read_text().strip().partition(":")[2]
    assert [word for word in (SECRET, PASSWORD, stored, *host_key) if word in log] == []


@pytest.mark.engine
async def test_what_a_registry_is_told_is_not_logged(
    engine_host: str, docker_client: DockerClient, state_dir: Path
) -> None:
    """docker-py and urllib3 log requests at debug."""
    stream = io.StringIO()
    configure_logging(LogConfig.model_validate({"level": "debug"}), stream)
    login = {"username": USER, "password": SECRET}
    header = base64.urlsafe_b64encode(json.dumps(login).encode()).decode()[:20]
    try:
        engine = DockerEngine(EngineAddress.parse(engine_host))
        auth = RegistryAuth(username=USER, password=SECRET, identity_token=SECRET, registry_token=SECRET)
        with pytest.raises(EngineError) as failed:
            engine.pull_image("127.0.0.1:1/missing:1", None, auth, timeout=30, stall=30, progress=lambda progress: None)
        engine.close()
        section = {"container": {"Image": "127.0.0.1:1/missing:1"}, "auth": login}
        text = json.dumps({"docker": {"connection": {"host": engine_host}, "execution": section}})
        docker = parse_config(text, "c.json").docker
        async with Backend(docker, state_dir, log=structlog.get_logger()) as backend:
            connection = backend.connection(("192.0.2.7", 1), "c" * 32)
            connection.handshake_success(USER)
            await backend.is_ready()
            connection.disconnect()
            await connection.wait_ended()
    finally:
        structlog.reset_defaults()
    log = stream.getvalue()
    assert "urllib3" in log or "GET /" in log
    assert SECRET not in log + str(failed.value) + repr(auth) + repr(docker)
    assert header not in log
