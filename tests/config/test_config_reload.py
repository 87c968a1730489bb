"""What of a changed configuration waits for a restart, and the paths that systemd gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshore.config.load import parse_config
from sshore.config.models import Config
from sshore.config.printing import effective
from sshore.config.problems import ConfigError
from sshore.config.reload import reloaded


def config(text: str) -> Config:
    return parse_config(text, "c.yaml")


def test_what_a_server_opens_once_keeps_its_value_and_is_named() -> None:
    old = config("health: {listen: ':7001'}")
    new = config(
        "ssh: {listen: ':22', banner: hello}\n"
        "metrics: {enable: true, path: /m}\n"
        "docker: {connection: {host: 'unix:///other'}, timeouts: {http: 3s}, "
        "execution: {pipesDirectory: /p, pipes: on}}\n"
    )
    result, waiting = reloaded(old, new)
    listeners = ["ssh.listen", "metrics.enable", "metrics.path", "health.listen"]
    assert waiting == [*listeners, "docker.connection.host", "docker.execution.pipesDirectory"]
    assert (result.docker.execution.pipes_directory, str(result.docker.execution.pipes)) == (None, "on")
    assert (result.ssh.listen, result.health.listen) == (old.ssh.listen, ":7001")
    assert (result.metrics, result.docker.connection) == (old.metrics, old.docker.connection)
    assert (result.ssh.banner, result.docker.timeouts.http) == ("hello", 3.0)


def test_nothing_waits_when_nothing_of_it_changed() -> None:
    assert reloaded(config("log: {level: debug}"), config("limits: {maxEnv: 3}"))[1] == []


def test_the_notes_are_those_of_the_new_file() -> None:
    new = config("ssh: {listen: ':22'}").with_notes(())
    assert reloaded(Config(), new)[0].notes == new.notes


@pytest.mark.parametrize("value", ["0", "0s"])
def test_a_drain_may_be_none(value: str) -> None:
    assert config(f"ssh: {{drainTime: {value}}}").ssh.drain_time == 0.0


def test_a_drain_is_printed_as_it_is_written() -> None:
    assert "drainTime: 90s" in effective(config("ssh: {drainTime: 1m30s}"))


def test_a_path_may_begin_in_the_folder_of_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "key").touch()
    (tmp_path / "htpasswd").touch()
    made = config(
        'ssh: {hostkeys: ["${CREDENTIALS_DIRECTORY}/key"]}\n'
        'auth: {passwords: "${CREDENTIALS_DIRECTORY}/htpasswd", authorizedKeys: "${CREDENTIALS_DIRECTORY}/%u"}\n'
    )
    assert made.ssh.hostkeys == [str(tmp_path / "key")]
    assert made.auth.passwords == tmp_path / "htpasswd"
    assert made.auth.authorized_keys == f"{tmp_path}/%u"


def test_outside_of_systemd_there_is_no_such_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match=r"ssh\.hostkeys\[0\]: CREDENTIALS_DIRECTORY is not set: systemd sets it"):
        config('ssh: {hostkeys: ["${CREDENTIALS_DIRECTORY}/key"]}')
