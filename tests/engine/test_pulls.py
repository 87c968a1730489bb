"""Pulls from a real registry through the real engine."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sshore.engine.address import EngineAddress
from sshore.engine.docker_engine import DockerEngine
from sshore.engine.errors import EngineError, NotFound, Refused, RegistryDenied, TimedOut
from sshore.engine.types import PullProgress, RegistryAuth
from support.registry import PASSWORD, USERNAME, Pushed, Registry

pytestmark = pytest.mark.engine

SECONDS = 20.0
LOGIN = RegistryAuth(USERNAME, PASSWORD)
NOBODY = RegistryAuth()


@pytest.fixture
def engine(engine_host: str) -> Iterator[DockerEngine]:
    made = DockerEngine(EngineAddress.parse(engine_host))
    yield made
    made.close()


@pytest.fixture(scope="module")
def made(registry: Registry, mini_image: str) -> Iterator[Pushed]:
    with registry.pushed(mini_image) as pushed:
        yield pushed


@pytest.fixture
def pushed(made: Pushed, registry: Registry) -> Pushed:
    """An image that the engine does not have."""
    registry.forget(made.repository)
    return made


def pull(engine: DockerEngine, image: str, auth: RegistryAuth | None = LOGIN, **more: float) -> list[PullProgress]:
    said: list[PullProgress] = []
    bounds = {"timeout": SECONDS, "stall": SECONDS} | more
    engine.pull_image(image, None, auth, progress=said.append, **bounds)
    return said


def test_a_name_without_a_tag_is_its_latest(engine: DockerEngine, pushed: Pushed) -> None:
    said = pull(engine, pushed.repository)
    assert engine.inspect_image(pushed.name, timeout=SECONDS).platform.startswith("linux/")
    assert {"Pulling fs layer", "Pull complete"} <= {line.status for line in said}


def test_an_image_by_its_digest(engine: DockerEngine, pushed: Pushed) -> None:
    for name in (f"{pushed.repository}@{pushed.digest}", f"{pushed.name}@{pushed.digest}"):
        assert engine.find_image(name, None, timeout=SECONDS) is None
        pull(engine, name)
        found = engine.find_image(f"{pushed.repository}@{pushed.digest}", None, timeout=SECONDS)
        assert found is not None
        pushed.registry.forget(pushed.repository)
        assert engine.find_image(found.id, None, timeout=SECONDS) is None


def test_an_image_for_another_platform_is_not_found(engine: DockerEngine, pushed: Pushed) -> None:
    pull(engine, pushed.name)
    assert engine.find_image(pushed.name, "linux", timeout=SECONDS)
    assert engine.find_image(pushed.name, "linux/s390x", timeout=SECONDS) is None


@pytest.mark.parametrize("auth", [NOBODY, RegistryAuth(USERNAME, "wrong"), RegistryAuth("nobody", PASSWORD)])
def test_a_registry_that_refuses_is_told_from_a_missing_image(
    engine: DockerEngine, pushed: Pushed, auth: RegistryAuth
) -> None:
    with pytest.raises(RegistryDenied, match=r"(?i)unauthorized|no basic auth credentials"):
        pull(engine, pushed.name, auth)


@pytest.mark.parametrize("name", ["{0}:other", "{0}-other:1", "{0}@sha256:" + "0" * 64])
def test_a_missing_image_is_not_found(engine: DockerEngine, pushed: Pushed, name: str) -> None:
    with pytest.raises(NotFound, match=r"manifest unknown|not found"):
        pull(engine, name.format(pushed.repository))


def test_a_name_that_is_none_is_refused(engine: DockerEngine) -> None:
    with pytest.raises(EngineError, match="invalid reference format") as caught:
        pull(engine, "No/Such Name")
    assert type(caught.value) is Refused


def test_a_registry_that_falls_silent_is_given_up(engine: DockerEngine, registry: Registry, mini_image: str) -> None:
    with registry.pushed(mini_image, 3_000_000) as large:
        registry.tap.hold(1_000_000)
        try:
            with pytest.raises(TimedOut, match=r"nothing came for 0\.5 s"):
                pull(engine, large.name, stall=0.5)
            with pytest.raises(TimedOut, match="not over in time"):
                pull(engine, large.name, timeout=0.5)
        finally:
            registry.tap.release()
        pull(engine, large.name)


def test_a_progress_that_raises_ends_the_pull(engine: DockerEngine, pushed: Pushed) -> None:
    def enough(_: PullProgress) -> None:
        raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        engine.pull_image(pushed.name, None, LOGIN, timeout=SECONDS, stall=SECONDS, progress=enough)
    assert time.monotonic() - began < SECONDS


# The gateway's own logins.


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Docker's client would read, empty; programs in it can be run."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def helper(folder: Path, script: str, name: str = "tests") -> None:
    """Write a credential helper that is this shell script."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def knows(registry: Registry) -> str:
    answer = json.dumps({"ServerURL": registry.address, "Username": USERNAME, "Secret": PASSWORD})
    return f"""
[ "$1" = get ] || exit 3
read -r server
[ "$server" = {registry.address} ] || {{ echo credentials not found in native keychain; exit 1; }}
echo '{answer}'"""


def test_the_own_login_is_used_where_no_other_is_given(
    engine: DockerEngine, pushed: Pushed, registry: Registry, docker_config: Path
) -> None:
    with pytest.raises(RegistryDenied):
        pull(engine, pushed.name, None)
    registry.docker_config(docker_config)
    pull(engine, pushed.name, None)
    with pytest.raises(RegistryDenied):
        pull(engine, pushed.name, NOBODY)


@pytest.mark.parametrize("form", ["credsStore", "credHelpers"])
def test_a_credential_helper_is_asked(
    engine: DockerEngine, pushed: Pushed, registry: Registry, docker_config: Path, form: str
) -> None:
    helper(docker_config, knows(registry))
    content = {"credsStore": "tests"} if form == "credsStore" else {"credHelpers": {registry.address: "tests"}}
    registry.docker_config(docker_config, **content)
    pull(engine, pushed.name, None)


def test_a_helper_that_does_not_know_leaves_it_to_the_file(
    engine: DockerEngine, pushed: Pushed, registry: Registry, docker_config: Path
) -> None:
    helper(docker_config, "echo credentials not found in native keychain; exit 1")
    login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    registry.docker_config(docker_config, credsStore="tests", auths={f"http://{registry.address}/v2/": {"auth": login}})
    pull(engine, pushed.name, None)
