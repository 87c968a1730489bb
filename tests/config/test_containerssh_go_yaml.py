"""Values of ContainerSSH's files as its own reader, Go's yaml.v3, has them; and where it listens."""

from __future__ import annotations

import pytest
from sshore.config.go_yaml import as_flag, as_nanoseconds, as_number
from sshore.config.load import parse_config
from sshore.config.models import Config
from sshore.config.problems import ConfigError

OWN = "backend: docker\n"


def read(text: str) -> Config:
    return parse_config(OWN + text, "old.yaml")


@pytest.mark.parametrize("word", ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True"])
def test_words_for_true(word: str) -> None:
    config = read(f"metrics: {{enable: {word}, listen: ':1'}}\ndocker: {{execution: {{disableCommand: {word}}}}}\n")
    assert config.metrics.enable
    assert config.docker.execution.disable_command


@pytest.mark.parametrize("word", ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false"])
def test_words_for_false(word: str) -> None:
    config = read(
        f"audit: {{enable: {word}}}\nhealth: {{enable: {word}}}\n"
        f"docker: {{execution: {{host: {{privileged: {word}, readonlyrootfs: {word}}}}}}}\n"
    )
    assert not config.health.enable
    assert not config.docker.execution.host.get("Privileged")


@pytest.mark.parametrize("word", ["yES", "oN", "tRUE", "enabled", "1"])
def test_other_words_are_none(word: str) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.enable"):
        read(f"metrics: {{enable: {word}}}\n")


def test_sshores_own_files_have_no_such_words() -> None:
    with pytest.raises(ConfigError, match=r"metrics\.enable"):
        parse_config("metrics: {enable: yes}\n", "c.yaml")


def test_words_stay_text_where_text_belongs() -> None:
    config = read("docker: {execution: {container: {image: on, hostname: 1_000, env: [A=yes, no]}}}\n")
    container = config.docker.execution.container
    assert (container["Image"], container["Hostname"], container["Env"]) == ("on", "1_000", ["A=yes", "no"])


def test_numbers_may_be_grouped() -> None:
    config = read("docker: {execution: {host: {resources: {memory: 1_000_000, pidslimit: 1_0}}}}\n")
    assert (config.docker.execution.host["Memory"], config.docker.execution.host["PidsLimit"]) == (1_000_000, 10)
    assert (as_number("0x_ff"), as_number("-1_0"), as_number("0b1_1"), as_number("1_x")) == (255, -10, 3, "1_x")


def test_the_times_of_a_health_check_may_be_durations() -> None:
    config = read(
        "docker: {execution: {container: {healthcheck: {test: [CMD, 'true'], interval: 30s, timeout: 1m30s, "
        "startperiod: 1_000, retries: 1_0}}}}\n"
    )
    check = config.docker.execution.container["Healthcheck"]
    assert check == {
        "Test": ["CMD", "true"],
        "Interval": 30 * 10**9,
        "Timeout": 90 * 10**9,
        "StartPeriod": 1000,
        "Retries": 10,
    }
    assert as_nanoseconds("soon") == "soon"


def test_a_duration_is_none_where_a_number_belongs() -> None:
    with pytest.raises(ConfigError, match="stoptimeout"):
        read("docker: {execution: {container: {stoptimeout: 30s}}}\n")


@pytest.mark.parametrize("value", [None, 1, 1.5, [], {}, "", "text", True])
def test_what_is_no_such_word_stays(value: object) -> None:
    assert as_flag(value) is value
    assert as_number(value) is value


@pytest.mark.parametrize("section", ["geoip: {}", "geoip: {maxmind-geoip2-file: /g.mmdb}", "geoip: {provider: ''}"])
def test_geoip_without_a_provider_is_off(section: str) -> None:
    assert [note.path for note in read(section).notes if note.path == "geoip"] in ([], ["geoip"])


def test_a_password_server_alone_says_whose_file_it_is() -> None:
    with pytest.raises(ConfigError, match=r"auth\.password: this decides who may log in") as refused:
        parse_config("auth: {password: {method: webhook, webhook: {url: 'http://a'}}}\n", "old.yaml")
    assert "did you mean" not in str(refused.value)
    config = parse_config("auth: {password: {method: ''}, authorizedKeys: /k/%u}\n", "old.yaml")
    assert "because it has 'auth.password'" in config.notes[0].message


def test_a_misspelled_path_of_passwords_is_still_one() -> None:
    with pytest.raises(ConfigError, match=r"auth\.password: unknown key, did you mean 'passwords'"):
        parse_config("auth: {password: /etc/htpasswd}\n", "c.yaml")


@pytest.mark.parametrize("listen", ["0.0.0.0:2222", "[::]:2222", ":2222"])
def test_a_wildcard_is_one_of_both_families(listen: str) -> None:
    config = read(f"ssh: {{listen: '{listen}'}}\nmetrics: {{enable: true, listen: '{listen.replace('2222', '1')}'}}\n")
    assert (config.ssh.listen, config.metrics.listen) == (":2222", ":1")
    noted = {note.path for note in config.notes if "IPv4 and IPv6" in note.message}
    assert noted == (set() if listen.startswith(":") else {"ssh.listen", "metrics.listen"})


def test_the_older_listen_is_one_too() -> None:
    config = parse_config("listen: '0.0.0.0:2222'\ndockerrun: {config: {}}\n", "old.yaml")
    assert config.ssh.listen == ":2222"
    assert [note.path for note in config.notes if "IPv4 and IPv6" in note.message] == ["listen"]


@pytest.mark.parametrize("listen", ["127.0.0.1:2222", "[::1]:2222", "localhost:2222"])
def test_an_address_stays(listen: str) -> None:
    assert read(f"ssh: {{listen: '{listen}'}}\n").ssh.listen == listen


def test_sshores_own_wildcards_stay_what_they_are() -> None:
    assert parse_config("ssh: {listen: '0.0.0.0:2222'}\n", "c.yaml").ssh.listen == "0.0.0.0:2222"
