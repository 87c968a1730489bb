"""The gateway's own logins, as Docker's client keeps them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sshore.engine import credentials
from sshore.engine.credentials import own_credentials
from sshore.engine.errors import Refused
from sshore.engine.image_names import registry_of, runs_on, tagged
from sshore.engine.types import RegistryAuth

HUB = "https://index.docker.io/v1/"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Docker's client would read, empty; programs in it can be run."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def write(folder: Path, content: Any) -> None:
    (folder / "config.json").write_text(json.dumps(content))


def helper(folder: Path, script: str) -> None:
    program = folder / "docker-credential-tests"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    write(folder, {"credsStore": "tests"})


def login(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize("content", [{}, {"auths": {}}, {"proxies": {"default": {}}}, {"auths": {"other.example": {}}}])
def test_without_a_login_it_is_nobody(folder: Path, content: dict[str, Any]) -> None:
    assert own_credentials("registry.example/x") is None
    write(folder, content)
    assert own_credentials("registry.example/x") is None


@pytest.mark.parametrize(
    ("key", "image"),
    [
        ("registry.example:5000", "registry.example:5000/team/x:1"),
        ("https://registry.example:5000/v2/", "registry.example:5000/team/x@sha256:ab"),
        ("localhost", "localhost/x"),
        (HUB, "busybox"),
        (HUB, "team/x:1"),
        (HUB, "docker.io/team/x:1"),
    ],
)
def test_a_login_belongs_to_its_registry(folder: Path, key: str, image: str) -> None:
    write(folder, {"auths": {key: login("u", "p:q"), "elsewhere.example": login("e", "e")}})
    found = own_credentials(image)
    assert found is not None
    assert (found.username, found.password) == ("u", "p:q")


def test_the_home_directory_is_the_usual_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    write(tmp_path / ".docker", {"auths": {"r.example": login("u", "p")}})
    assert own_credentials("r.example/x") == RegistryAuth("u", "p", "r.example")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "elsewhere"))
    assert own_credentials("r.example/x") is None


def test_a_token_of_an_earlier_login_is_passed_on(folder: Path) -> None:
    write(folder, {"auths": {"r.example": {"identitytoken": "secret"}}})
    assert own_credentials("r.example/x") == RegistryAuth(server="r.example", identity_token="secret")


@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"auths": {"r.example": {"auth": "?"}}}', '{"auths": {"r": 1}}'])
def test_a_file_that_is_none_is_told(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(Refused, match=r"config\.json"):
        own_credentials("r.example/x")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"Username": "u", "Secret": "s"}, RegistryAuth("u", "s", "r.example")),
        ({"Username": "<token>", "Secret": "s"}, RegistryAuth(server="r.example", identity_token="s")),
        ({"Username": "", "Secret": ""}, None),
    ],
)
def test_what_a_helper_answers(folder: Path, answer: dict[str, str], found: RegistryAuth | None) -> None:
    helper(folder, f"echo '{json.dumps(answer)}'")
    assert own_credentials("r.example/x") == found


def test_a_helper_is_asked_for_the_hub_by_its_old_address(folder: Path) -> None:
    helper(folder, 'read -r server; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$server\\"}"')
    found = own_credentials("busybox")
    assert found is not None
    assert (found.username, found.password) == ("get", HUB)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo the keychain is locked; exit 1", "ended with 1: the keychain is locked"),
        ("echo oops >&2; exit 2", "ended with 2: oops"),
        ("echo hush", "an answer that is no login"),
        ("echo '[]'", "an answer that is no login"),
    ],
)
def test_a_helper_that_fails_is_told(folder: Path, script: str, reason: str) -> None:
    helper(folder, script)
    with pytest.raises(Refused, match=f"docker-credential-tests.* {reason}") as caught:
        own_credentials("r.example/x")
    assert "hush" not in str(caught.value)


def test_a_helper_that_is_missing_is_told(folder: Path) -> None:
    write(folder, {"credHelpers": {"r.example": "absent"}})
    with pytest.raises(Refused, match="docker-credential-absent"):
        own_credentials("r.example/x")
    assert own_credentials("other.example/x") is None


def test_a_helper_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_HELPER_SECONDS", 0.2)
    helper(folder, "exec sleep 600")
    with pytest.raises(Refused, match=r"timed out after 0\.2 seconds"):
        own_credentials("r.example/x")


# Names.


@pytest.mark.parametrize(
    ("image", "name", "registry"),
    [
        ("busybox", "busybox:latest", "docker.io"),
        ("busybox:1", "busybox:1", "docker.io"),
        ("r.example:5000/x", "r.example:5000/x:latest", "r.example:5000"),
        ("r.example:5000/x:1", "r.example:5000/x:1", "r.example:5000"),
        ("r.example/x@sha256:ab", "r.example/x@sha256:ab", "r.example"),
        ("http://r.example/x", "http://r.example/x:latest", ""),
    ],
)
def test_what_a_name_says(image: str, name: str, registry: str) -> None:
    assert (tagged(image), registry_of(image)) == (name, registry)


@pytest.mark.parametrize(
    ("has", "wanted", "runs"),
    [
        ("linux/amd64", None, True),
        ("linux/amd64", "linux", True),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/amd64", "linux/arm64", False),
        ("", "linux/arm64", True),
    ],
)
def test_an_image_runs_on_its_platform(has: str, wanted: str | None, runs: bool) -> None:
    assert runs_on(has, wanted) is runs
