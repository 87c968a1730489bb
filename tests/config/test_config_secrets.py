"""What `check-config` shows of a configuration is no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml
from click.testing import CliRunner
from sshore.__main__ import main
from sshore.config.secrets import MASK, without_secrets

SECRET = "hushhush"


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        (f"DB_PASSWORD={SECRET}", f"DB_PASSWORD={MASK}"),
        (f"DB_PASSWORD={SECRET}, and {SECRET}", f"DB_PASSWORD={MASK}"),
        (f"AWS_SECRET_ACCESS_KEY={SECRET}", f"AWS_SECRET_ACCESS_KEY={MASK}"),
        (f"OPENAI_KEY={SECRET}", f"OPENAI_KEY={MASK}"),
        (f"DATABASE_URL=postgres://me:{SECRET}@db/x?a=b", f"DATABASE_URL=postgres://me:{MASK}@db/x?a=b"),
        (f"username=me,password={SECRET},uid=0", f"username=me,password={MASK},uid=0"),
        (f"serve --token={SECRET} -v", f"serve --token={MASK} -v"),
        ({"splunk-token": SECRET, "tag": "x"}, {"splunk-token": MASK, "tag": "x"}),
        ({"o": [f"pass={SECRET}"]}, {"o": [f"pass={MASK}"]}),
        ({"key": "", "PidsLimit": 5, "Password": None}, {"key": "", "PidsLimit": 5, "Password": None}),
    ],
)
def test_a_secret_is_not_shown(shown: Any, masked: Any) -> None:
    assert without_secrets(shown) == masked


@pytest.mark.parametrize(
    "text",
    ["LANG=C.UTF-8", "http://host:80/x@y", "MONKEY=banana", "PASSWORD=", "no-new-privileges", "/a:/b:ro", "KEYMAP=de"],
)
def test_what_is_none_is_shown(text: str) -> None:
    assert without_secrets(text) == text


def test_check_config_shows_no_secret_of_any_section(tmp_path: Path) -> None:
    pem = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    key_lines = pem.splitlines()[1:-1]
    volume = {"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Options": {"o": f"pass={SECRET}"}}}}
    file = tmp_path / "sshore.json"
    file.write_text(
        json.dumps(
            {
                "ssh": {"hostkeys": [pem]},
                "docker": {
                    "execution": {
                        "container": {"Env": [f"API_TOKEN={SECRET}"], "Labels": {"db.password": SECRET}},
                        "host": {"LogConfig": {"Type": "x", "Config": {"splunk-token": SECRET}}, "Mounts": [volume]},
                        "auth": {"username": "me", "password": SECRET, "identitytoken": SECRET},
                    },
                },
            }
        )
    )
    done = CliRunner().invoke(main, ["check-config", "--embedded", str(file)])
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    assert not any(line in done.output for line in key_lines)
    assert yaml.safe_load(done.output)["ssh"]["hostkeys"] == [MASK]


@pytest.mark.parametrize(
    "section",
    [
        {"docker": {"execution": {"auth": {"password": [SECRET]}}}},
        {"docker": {"execution": {"auth": {"password": SECRET}}}},
        {"docker": {"execution": {"auth": {"auth": SECRET, "password": SECRET}}}},
        {"docker": {"execution": {"container": {"Env": {"TOKEN": SECRET}}}}},
        {"docker": {"connection": {"host": f"tcp://me:{SECRET}@engine:2376"}}},
        {"docker": {"connection": {"host": f"ssh://me:{SECRET}@engine"}}},
        {"ssh": {"hostkeys": [f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n"]}},
    ],
)
def test_no_complaint_about_a_faulty_file_holds_a_secret(tmp_path: Path, section: dict[str, Any]) -> None:
    file = tmp_path / "sshore.json"
    file.write_text(json.dumps(section))
    done = CliRunner().invoke(main, ["check-config", str(file)])
    assert SECRET not in done.output
    if "ssh" not in section:
        assert done.exit_code == 1
