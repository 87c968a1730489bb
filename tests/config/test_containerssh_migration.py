"""`sshore migrate-config` prints a file of the same effect; notes reach the operator wherever a file is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from sshore.__main__ import main
from sshore.config import Config, ConfigError, effective, load_config, parse_config
from sshore.config.docker_api import CONTAINER, HOST
from sshore.config.migrate import migrated
from sshore.config.problems import DANGEROUS

FIXTURES = sorted((Path(__file__).parent / "containerssh").iterdir())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def same(one: Config, other: Config) -> bool:
    return one.model_dump() == other.model_dump()


@pytest.mark.parametrize("old", FIXTURES, ids=[file.name for file in FIXTURES])
def test_a_migrated_file_is_loaded_without_notes_and_has_the_same_effect(old: Path, tmp_path: Path) -> None:
    result = run("migrate-config", str(old))
    assert result.exit_code == 0
    new = tmp_path / "new.yaml"
    new.write_text(result.stdout)
    assert same(load_config(new), load_config(old))
    assert [note for note in load_config(new).notes if not note.message.startswith(DANGEROUS)] == []


def test_the_notes_are_comments_with_their_lines(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text("backend: docker\ndocker:\n  execution:\n    container: {image: shell:1}\n    disableAgent: true\n")
    assert (
        run("migrate-config", str(old)).stdout
        == """\
# From old.yaml.
# 1: backend: read as a configuration of ContainerSSH, because it has 'backend'
# 5: docker.execution.disableAgent: ignored: sshore needs no agent in the image, and signals work without one
docker:
  execution:
    container:
      Image: shell:1
"""
    )


def test_relative_paths_and_secrets_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN X-----\n-----END X-----\n")
    old = tmp_path / "old.json"
    execution = {"auth": {"username": "me", "password": "hush"}, "container": {"image": "a:1"}}
    old.write_text(json.dumps({"ssh": {"hostkeys": ["key"]}, "docker": {"execution": execution}}))
    text = migrated(old)
    assert "- key\n" in text
    assert "password: hush\n" in text


def test_what_cannot_be_had_is_not_migrated(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text("backend: docker\nconfigserver: {url: 'http://c'}\n")
    result = run("migrate-config", str(old))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{old}:2: configserver: a server that configures each user" in result.stderr


def test_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    labels = {"a": "1e3", "b": "0o17", "c": "yes", "d": "12:30", "e": "null", "f": "<<", "g": "0x1", "h": "a\nb\n"}
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"docker": {"execution": {"container": {"Labels": labels}}}}))
    assert parse_config(migrated(old), "n.yaml").docker.execution.container["Labels"] == labels


def test_a_file_of_sshore_s_own_is_printed_without_comments(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text("ssh:\n  listen: :22\n")
    assert migrated(old) == "ssh:\n  listen: :22\n"


def test_check_config_tells_the_notes_apart_from_the_configuration(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    execution = "{container: {image: shell:1}, exposeAuthMetadataAsEnv: true}"
    old.write_text(f"backend: docker\ndocker:\n  execution: {execution}\n")
    result = run("check-config", "--embedded", str(old))
    assert result.stdout == effective(load_config(old))
    assert f"{old}:3: docker.execution.exposeAuthMetadataAsEnv: ignored: logins have no metadata" in result.stderr


def test_notes_do_not_change_what_a_configuration_is() -> None:
    config = Config()
    noted = config.with_notes(parse_config("backend: docker", "c.yaml").notes)
    assert noted.notes
    assert not config.notes
    assert same(config, noted)


WORDS = """
    backend dockerrun docker config connection execution timeouts host container network platform resources image Image
    memory Memory cmd tty mode method url enable auth security audit geoip configserver ssh ciphers log level listen
    timeout disableCommand agentPath idleCommand containerName containername networkDisabled provider endpointsconfig
    subsystems diskquota labels user env
"""
KEYS = st.sampled_from([*WORDS.split(), *CONTAINER.keys, *HOST.keys])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.just("enable"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_file_is_answered_and_what_is_taken_can_be_migrated(
    tmp_path_factory: pytest.TempPathFactory, sections: dict[str, Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps({"backend": "docker", **sections}))
    config = taken(file)
    assert config is None or same(parse_config(migrated(file), str(file)), config)


def taken(file: Path) -> Config | None:
    try:
        return load_config(file)
    except ConfigError:
        return None
