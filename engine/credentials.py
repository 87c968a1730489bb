"""The gateway's own logins to registries: what `docker login` left behind for the user who runs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.auth import INDEX_NAME, INDEX_URL, TOKEN_USERNAME, AuthConfig, load_config

from ..config.plain_files import read_plain
from .errors import Refused
from .image_names import registry_of
from .types import RegistryAuth

_HELPER_PREFIX = "docker-credential-"
_HELPER_SECONDS = 20.0
_NOT_FOUND = "credentials not found"
_SHOWN = 300


def own_credentials(image: str) -> RegistryAuth | None:
    """Return the login to the image's registry, None where there is none.

    From `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`, as Docker's client has it: `credHelpers`,
    `credsStore`, then `auths`. Read anew each time. Blocks: a credential helper may take 20 s. Raises Refused where
    the file or the helper is of no use.
    """
    file = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser() / "config.json"
    registry = registry_of(image)
    if not registry or not file.exists():
        return None
    logins = _read(file)
    helper = logins.get_credential_store(registry)
    return (helper and _ask(str(helper), registry)) or _kept(logins, registry)


def _read(file: Path) -> AuthConfig:
    try:
        content = json.loads(read_plain(file))
        if not isinstance(content, dict):
            raise ValueError("not a mapping")
        return load_config(config_dict=content) if content else AuthConfig({})
    except Exception as error:  # docker-py lets whatever it stumbles over out
        raise Refused("image_pull", f"the registry logins in {file} cannot be read: {error}") from error


def _kept(logins: AuthConfig, registry: str) -> RegistryAuth | None:
    found = AuthConfig({"auths": logins.auths}).resolve_authconfig(registry)
    if not found:
        return None
    return RegistryAuth(
        username=found.get("username") or "",
        password=found.get("password") or "",
        server=registry,
        identity_token=found.get("IdentityToken") or "",
    )


def _ask(helper: str, registry: str) -> RegistryAuth | None:
    """https://github.com/docker/docker-credential-helpers: `get`, the address on stdin, JSON or a reason on stdout."""
    address = INDEX_URL if registry == INDEX_NAME else registry
    program = f"{_HELPER_PREFIX}{helper}"
    try:
        done = subprocess.run(
            [program, "get"], input=address.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused("image_pull", f"{program}: {error}") from error
    if done.returncode == 0:
        return _login(program, done.stdout, registry)
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    if _NOT_FOUND in said:
        return None
    raise Refused("image_pull", f"{program} ended with {done.returncode}: {said[:_SHOWN]}")


def _login(program: str, answer: bytes, registry: str) -> RegistryAuth | None:
    try:
        found: Mapping[str, Any] = json.loads(answer)
        name, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, KeyError, TypeError):
        # Not a word of the answer: it may be the secret.
        raise Refused("image_pull", f"{program} gave an answer that is no login") from None
    if not secret:
        return None
    if name == TOKEN_USERNAME:
        return RegistryAuth(server=registry, identity_token=secret)
    return RegistryAuth(username=name, password=secret, server=registry)
