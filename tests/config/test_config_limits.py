from __future__ import annotations

import pytest
from sshore.config.load import parse_config
from sshore.config.models import LimitsConfig
from sshore.config.printing import effective
from sshore.config.problems import ConfigError


def limits(text: str) -> LimitsConfig:
    return parse_config(f"limits: {text}", "c.yaml").limits


def test_the_defaults_are_those_of_sshd_where_it_has_one() -> None:
    defaults = LimitsConfig()
    assert (defaults.max_startups, defaults.login_grace_time, defaults.max_auth_tries) == (100, 120.0, 6)
    assert (defaults.client_alive_interval, defaults.client_alive_count_max) == (0.0, 3)
    assert (defaults.idle_timeout, defaults.session_timeout) == (0.0, 0.0)


def test_a_connection_has_more_channels_than_sshds_and_they_wait() -> None:
    """Whoever is refused one opens another connection, which is another container here."""
    assert (LimitsConfig().max_sessions, LimitsConfig().session_wait) == (64, 10.0)


def test_an_address_is_not_limited_unless_configured() -> None:
    assert (LimitsConfig().max_connections_per_address, LimitsConfig().ban_after) == (0, 0)


@pytest.mark.parametrize("none", ["0", '"0"', "0s"])
def test_zero_switches_a_time_off(none: str) -> None:
    assert limits(f"{{loginGraceTime: {none}, handshakeTime: 30s}}").login_grace_time == 0.0


def test_zero_switches_a_number_off() -> None:
    assert limits("{maxStartups: 0}").max_startups == 0


@pytest.mark.parametrize("wrong", ["-1", "many", "1.5", "true", "2147483648", "'6'"])
def test_a_number_is_a_whole_one(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:1: limits\.maxAuthTries: expected a whole number from 0 to"):
        limits(f"{{maxAuthTries: {wrong}}}")


@pytest.mark.parametrize("wrong", ["-1s", "10", "true", "{}", "0.0001s", "1.5"])
def test_a_time_is_a_duration(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.yaml:1: limits\.idleTimeout: expected a duration"):
        limits(f"{{idleTimeout: {wrong}}}")


def test_a_handshake_does_not_outlast_the_login() -> None:
    with pytest.raises(ConfigError, match=r"limits\.handshakeTime: is longer than loginGraceTime"):
        limits("{handshakeTime: 2m, loginGraceTime: 1m}")
    assert limits("{loginGraceTime: 5s}").login_grace_time == 5.0


def test_what_is_printed_is_read_back() -> None:
    config = parse_config("limits: {idleTimeout: 30m, maxEnv: 0, clientAliveInterval: 500ms}", "c.yaml")
    assert parse_config(effective(config), "printed.yaml").limits == config.limits
