"""What an operator reads when the server cannot start: one sentence, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECONDS = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


def test_a_host_key_that_is_no_key_is_named(folder: Path) -> None:
    (folder / "host_key").write_text("nonsense\n")
    (folder / "host_key").chmod(0o600)
    said = _serve(folder, {"ssh": {"hostkeys": ["host_key"]}, "auth": {"authorizedKeys": "keys/%u"}})
    assert said.startswith(
        f"{folder}/sshore.json:1: ssh.hostkeys[0]: {folder}/host_key is not a private key without a passphrase: "
    )


def test_a_password_that_is_not_hashed_is_named(folder: Path) -> None:
    (folder / "htpasswd").write_text("alice:secret\n")
    (folder / "htpasswd").chmod(0o600)
    said = _serve(folder, {"auth": {"passwords": "htpasswd"}})
    assert said == (
        f"{folder}/sshore.json:1: auth.passwords: {folder}/htpasswd, line 1: crypt or plain text is not accepted; "
        "use bcrypt (htpasswd -B) or argon2id"
    )


def test_an_engine_that_cannot_be_reached_this_way_is_named(folder: Path) -> None:
    engine = {"connection": {"host": "tcp://engine.example/path"}}
    said = _serve(folder, {"auth": {"authorizedKeys": "keys/%u"}, "docker": engine})
    place = f"{folder}/sshore.json:1: docker.connection.host"
    assert said == f"{place}: 'tcp://engine.example/path' is no engine address: write tcp://host:port"


def _serve(folder: Path, settings: dict[str, Any]) -> str:
    """Start a server that cannot start; return its last words."""
    config = folder / "sshore.json"
    config.write_text(json.dumps({"ssh": {"listen": "127.0.0.1:0"}} | settings))
    done = subprocess.run(
        [sys.executable, "-m", "sshore", "serve", "--config", config, "--state", folder / "state"],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]
