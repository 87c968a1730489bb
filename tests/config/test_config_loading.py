"""What a good file means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from sshore.config import ConfigError, effective, load_config, parse_config, schema
from sshore.config.listen import host_and_port, overlap, parse_listen
from sshore.config.models import AuthConfig, Config, LogLevel, Mode, PullPolicy, SshConfig
from sshore.config.pem import pem_text
from sshore.config.reference import EXAMPLE, reference

PEM = "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n"
REPOSITORY = Path(__file__).resolve().parents[2]


def parsed(text: str) -> Config:
    return parse_config(text, "c.yaml")


def test_everything_may_be_left_out() -> None:
    config = parsed("{}")
    assert config == Config()
    assert config.ssh.listen == "0.0.0.0:2222"
    assert config.docker.connection.host == "unix:///var/run/docker.sock"
    assert config.docker.execution.image == "sshore/guest"
    assert config.docker.execution.mode is Mode.CONNECTION
    assert config.docker.timeouts.http == 15.0


def test_an_empty_section_is_as_good_as_none() -> None:
    assert parsed("auth:\nssh:\n  listen:\ndocker:\n  execution:\n    host:\n") == Config()


def test_json_with_tabs_and_escapes_means_the_same_as_yaml() -> None:
    text = '{\n\t"ssh": {"banner": "\\ud83d\\ude00\\t"},\n\t"docker": {"timeouts": {"http": "500ms"}}\n}\n'
    config = parsed(text)
    assert config.ssh.banner == "\U0001f600\t"
    assert config.docker.timeouts.http == 0.5


def test_a_fault_in_json_has_its_line() -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:3: log\.levle"):
        parsed('{\n\t"ssh": {},\n\t"log": {"levle": "info"}\n}')


def test_yaml_is_read_as_its_version_1_2() -> None:
    text = "docker: {execution: {container: {Labels: {a: no, b: 2024-01-01, c: 22:22}}}}"
    assert parsed(text).docker.execution.container["Labels"] == {"a": "no", "b": "2024-01-01", "c": "22:22"}


def test_aliases_and_merges_are_followed() -> None:
    text = "metrics: &m\n  enable: true\n  listen: :1\nhealth:\n  <<: *m\n  listen: :2\n"
    with pytest.raises(ConfigError, match="x: unknown key"):
        parsed("x: 1\n" + text)
    assert parsed(text).health.enable
    assert parsed(text).health.listen == ":2"


def test_words_are_taken_in_any_letter_case() -> None:
    config = parsed("log: {level: WARN}\ndocker: {execution: {imagePullPolicy: never, mode: Session}}")
    assert config.log.level is LogLevel.WARNING
    assert config.docker.execution.image_pull_policy is PullPolicy.NEVER
    assert config.docker.execution.mode is Mode.SESSION


def test_the_older_name_of_the_idle_command_is_taken() -> None:
    assert parsed("docker: {execution: {idleProgram: [cat]}}").docker.execution.idle_command == ["cat"]


def test_the_prefix_of_the_server_version_is_optional() -> None:
    assert SshConfig(server_version="SSH-2.0-shore").server_version == "shore"
    assert SshConfig(server_version="shore").server_version == "shore"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    for name in ("key.pem", "htpasswd"):
        (tmp_path / name).write_text(PEM)
    file = tmp_path / "c.yaml"
    file.write_text("ssh: {hostkeys: [key.pem]}\nauth: {authorizedKeys: keys/%u, passwords: htpasswd}\n")
    config = load_config(file)
    assert config.ssh.hostkeys == [str(tmp_path / "key.pem")]
    assert pem_text(config.ssh.hostkeys[0]) == PEM
    assert config.auth.passwords == tmp_path / "htpasswd"
    assert config.auth.authorized_keys == str(tmp_path / "keys" / "%u")


def test_pem_may_be_the_text_itself() -> None:
    config = parse_config(json.dumps({"ssh": {"hostkeys": [PEM]}}), "c.json")
    assert pem_text(config.ssh.hostkeys[0]) == PEM


def test_percent_signs_of_the_keys_path() -> None:
    assert AuthConfig(authorized_keys="/a%%u/%u.pub").authorized_keys == "/a%%u/%u.pub"
    assert AuthConfig().authorized_keys is None


def test_registry_credentials_in_one_are_taken_apart() -> None:
    auth = parsed("docker: {execution: {auth: {auth: bWU6YTpi}}}").docker.execution.auth
    assert auth is not None
    assert (auth.username, auth.password.get_secret_value()) == ("me", "a:b")


@pytest.mark.parametrize(
    ("value", "platform"),
    [("linux/arm64", "linux/arm64"), ("{OS: linux, Architecture: arm, variant: v7}", "linux/arm/v7"), ("{}", None)],
)
def test_a_platform_is_text_or_the_structure_of_the_api(value: str, platform: str | None) -> None:
    assert parsed(f"docker: {{execution: {{platform: {value}}}}}").docker.execution.platform == platform


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:22", ("0.0.0.0", 22)),
        (":22", ("", 22)),
        ("[::1]:0", ("::1", 0)),
        ("shore.example:2222", ("shore.example", 2222)),
    ],
)
def test_a_listen_address_is_taken_apart(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address
    assert parse_listen(host_and_port(*address)) == address


@pytest.mark.parametrize("text", ["", "22", "a:", "a:x", "::1:22", "a:65536", "a b:1", "[::g]:1", "1.2.3:1", "a:٢"])
def test_what_is_no_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_listen(text)


def test_listeners_overlap_on_one_port_of_one_address() -> None:
    assert overlap("0.0.0.0:1", "127.0.0.1:1")
    assert overlap(":1", "[::1]:1")
    assert not overlap("127.0.0.1:1", "127.0.0.2:1")
    assert not overlap("0.0.0.0:1", "[::]:1")
    assert not overlap("127.0.0.1:0", "127.0.0.1:0")


def test_the_effective_configuration_hides_secrets() -> None:
    execution = {
        "auth": {"username": "me", "password": "hush1", "registrytoken": "hush2"},
        "container": {"Env": ["DB_PASSWORD=hush3", "LANG=C"]},
    }
    config = {"ssh": {"hostkeys": [PEM]}, "docker": {"execution": execution}}
    text = effective(parse_config(json.dumps(config), "c.json"))
    assert "hush" not in text
    printed = yaml.safe_load(text)
    assert printed["ssh"]["hostkeys"] == ["***"]
    assert printed["docker"]["execution"]["auth"]["password"] == "***"
    assert printed["docker"]["execution"]["container"]["Env"] == ["DB_PASSWORD=***", "LANG=C"]
    assert printed["docker"]["timeouts"]["http"] == "15s"


def test_the_effective_configuration_is_a_configuration_of_the_same_effect() -> None:
    text = effective(parsed(EXAMPLE))
    assert effective(parsed(text)) == text


def test_the_schema_describes_every_key() -> None:
    for definition in schema()["$defs"].values():
        for field in definition.get("properties", {}).values():
            assert "description" in field or "$ref" in field
    assert "imagePullPolicy" in schema()["$defs"]["ExecutionConfig"]["properties"]


def test_the_committed_reference_is_current() -> None:
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == reference()


@pytest.mark.parametrize(
    "text",
    ["0o17", "1e3", "1.5e3", "yes", "22:22", "~", "true", "007", "", " a ", "a: b", "#", "\x85", "a\u2028b", "<<"],
)
def test_whatever_text_is_printed_is_read_back_as_it_was(text: str) -> None:
    labels = {"value": text, f"key {text}": "x"}
    config = parse_config(json.dumps({"docker": {"execution": {"container": {"Image": "a", "Labels": labels}}}}), "c")
    assert parse_config(effective(config), "c").docker.execution.container == config.docker.execution.container
