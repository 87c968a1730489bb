"""Sections of ContainerSSH's that restrict, authenticate or record stop the start by name; the rest is noted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sshore.config import Config, ConfigError, parse_config
from sshore.config.models import LogFormat, LogLevel


def read(**sections: Any) -> Config:
    return parse_config(json.dumps({"backend": "docker", **sections}), "c.json")


def said_about(**sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read(**sections)
    return str(caught.value)


def noted(**sections: Any) -> dict[str, str]:
    notes = {note.path: note.message for note in read(**sections).notes}
    return {path: note for path, note in notes.items() if path != "backend" and not path.startswith("docker.")}


RESTRICTING = {
    "the server of 0.4 that knows who may log in": ("auth.url", {"auth": {"url": "http://a", "pubkey": True}}),
    "a password server": ("auth.password", {"auth": {"password": {"method": "webhook", "webhook": {"url": "h"}}}}),
    "a server for keys": ("auth.publicKey", {"auth": {"publicKey": {"method": "webhook"}}}),
    "oauth2": ("auth.oauth2", {"auth": {"method": "oauth2", "oauth2": {"github": {}, "clientId": "x"}}}),
    "oauth2 of 0.5": ("auth.keyboardInteractive", {"auth": {"keyboardInteractive": {"method": "oauth2"}}}),
    "kerberos": ("auth.kerberos", {"auth": {"kerberos": {"keytab": "/etc/krb5.keytab"}}}),
    "gssapi": ("auth.gssapi", {"auth": {"gssapi": {"method": "kerberos"}}}),
    "authorization": ("auth.authz", {"auth": {"authz": {"method": "webhook", "webhook": {"url": "h"}}}}),
    "no authentication at all": ("auth.none", {"auth": {"none": {"enabled": True}}}),
    "a configuration server": ("configserver", {"configserver": {"url": "http://c"}}),
    "a configuration server in one word": ("configserver", {"configserver": "http://c"}),
    "an audit log": ("audit", {"audit": {"enable": True, "format": "binary", "storage": "s3"}}),
    "an audit log, perhaps": ("audit", {"audit": {"format": "binary"}}),
    "geoip": ("geoip", {"geoip": {"provider": "maxmind", "maxmind2-file": "/g.mmdb"}}),
    "a default policy": ("security.defaultMode", {"security": {"defaultMode": "disable"}}),
    "a forced command": ("security.forceCommand", {"security": {"forceCommand": "enable"}}),
    "variables": ("security.env", {"security": {"env": {"mode": "filter", "allow": ["LANG"]}}}),
    "denied variables": ("security.env", {"security": {"env": {"mode": "enable", "deny": ["LD_PRELOAD"]}}}),
    "commands": ("security.command", {"security": {"command": {"mode": "disable"}}}),
    "shells": ("security.shell", {"security": {"shell": {"mode": "disable"}}}),
    "subsystems": ("security.subsystem", {"security": {"subsystem": {"mode": "filter"}}}),
    "terminals": ("security.tty", {"security": {"tty": {"mode": "disable"}}}),
    "signals": ("security.signal", {"security": {"signal": {"mode": "disable"}}}),
    "a number of sessions": ("security.maxSessions", {"security": {"maxSessions": 10}}),
    "no session at all": ("security.maxSessions", {"security": {"maxSessions": 0}}),
    "a policy of tomorrow": ("security.quantum", {"security": {"quantum": {"mode": "disable"}}}),
    "a policy in one word": ("security", {"security": "strict"}),
    "another backend": ("backend", {"backend": "kubernetes", "kubernetes": {"pod": {}}}),
    "another backend of 0.3": ("backend", {"backend": "kuberun"}),
    "a proxy": ("backend", {"backend": "sshproxy", "sshproxy": {"server": "h"}}),
    "ciphers": ("ssh.ciphers", {"ssh": {"ciphers": ["aes256-ctr"]}}),
    "ciphers of 0.3": ("ssh.cipher", {"ssh": {"cipher": ["aes256-ctr"]}}),
    "a short key exchange": ("ssh.kex", {"ssh": {"kex": ["diffie-hellman-group1-sha1"]}}),
    "message codes": ("ssh.macs", {"ssh": {"macs": ["hmac-sha2-256"]}}),
    "the PROXY protocol": ("ssh.allowedProxies", {"ssh": {"allowedProxies": ["10.0.0.1"]}}),
    "metrics for some": ("metrics.clientcacert", {"metrics": {"enable": True, "clientcacert": "/ca.pem"}}),
    "metrics over TLS": ("metrics.cert", {"metrics": {"enable": True, "cert": "/c.pem", "key": "/k.pem"}}),
    "health over TLS": ("health.key", {"health": {"enable": True, "cert": "/c.pem", "key": "/k.pem"}}),
}


@pytest.mark.parametrize(("path", "sections"), RESTRICTING.values(), ids=RESTRICTING.keys())
def test_what_restricts_authenticates_or_records_stops_the_start_by_name(path: str, sections: dict[str, Any]) -> None:
    lines = said_about(**sections).splitlines()
    assert any(line.startswith(f"c.json:1: {path}: ") for line in lines)


@pytest.mark.parametrize("name", ["kubernetes", "kuberun", "sshproxy"])
def test_a_file_with_nothing_but_another_backend_does_not_start(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: sshore runs containers of Docker only"):
        parse_config(json.dumps({name: {"host": "x"}}), "c.json")


def test_a_refusal_says_what_to_do_instead() -> None:
    assert said_about(auth={"url": "http://a"}).endswith(
        "auth.url: this decides who may log in, and sshore has nothing like it yet; "
        "give 'authorizedKeys' or 'passwords' instead"
    )
    assert "docker.execution.disableCommand" in said_about(security={"command": {"mode": "disable"}})


HARMLESS = {
    "security that restricts nothing": (
        {"security": {"maxSessions": -1, "defaultMode": "enable", "shell": {"mode": ""}, "env": {"deny": []}}},
        {"security": "ignored, as it restricts nothing"},
    ),
    "forwardings": (
        {"security": {"forwarding": {"forwardingMode": "enable", "x11ForwardingMode": "disable"}}},
        {
            "security.forwarding": "ignored: sshore forwards nothing",
            "security": "ignored, as it restricts nothing",
        },
    ),
    "audit that is off": (
        {"audit": {"enable": False, "format": "none", "storage": "none"}},
        {"audit": "ignored: it is switched off"},
    ),
    "geoip without a provider": (
        {"geoip": {"maxmind-geoip2-file": "/g.mmdb"}},
        {"geoip": "ignored: it is switched off"},
    ),
    "geoip that is off": ({"geoip": {"provider": "dummy"}}, {"geoip": "ignored: it is switched off"}),
    "no configuration server": (
        {"configserver": {"url": "", "timeout": "2s"}},
        {"configserver": "ignored: there is no server to ask"},
    ),
    "a server that cleans up": (
        {"cleanupserver": {"url": "http://c"}},
        {
            "cleanupserver": "ignored: sshore asks no server to clean up; containers are removed by sshore itself",
        },
    ),
    "backends that are not used": (
        {"kubernetes": {"connection": {"host": "h"}}, "sshproxy": {"server": "h"}, "kuberun": {"pod": {"x": 1}}},
        dict.fromkeys(("kubernetes", "sshproxy", "kuberun"), "ignored: this backend is not used"),
    ),
    "dockerrun that is not used": (
        {"dockerrun": {"host": "tcp://x:1"}},
        {"dockerrun": "ignored: this backend is not used"},
    ),
    "methods that are off": (
        {"auth": {"password": {"method": "", "webhook": {"timeout": "2s"}}, "authz": {"method": ""}, "timeout": "2s"}},
        {"auth.timeout": "ignored: there is no server to ask"},
    ),
    "keepalive": (
        {"ssh": {"clientAliveInterval": "60s", "clientAliveCountMax": 3}},
        dict.fromkeys(
            ("ssh.clientAliveInterval", "ssh.clientAliveCountMax"),
            "ignored: give limits.clientAliveInterval and clientAliveCountMax instead",
        ),
    ),
    "what is shown above a question": (
        {"ssh": {"keyboardInteractiveName": "{{.Username}}"}},
        {"ssh.keyboardInteractiveName": "ignored: nobody is asked interactively"},
    ),
    "where the log goes": (
        {"log": {"destination": "file", "file": "/l", "syslog": {"facility": "auth"}}},
        dict.fromkeys(("log.destination", "log.file", "log.syslog"), "ignored: the log goes to stderr"),
    ),
    "metrics": (
        {"metrics": {"enable": True, "cert": "", "tlsVersion": "1.3"}},
        {
            "metrics.tlsVersion": "ignored: the endpoint is served without TLS",
            "metrics": "without 'listen' it is reached from this machine only; ContainerSSH takes every address",
        },
    ),
    "health": (
        {"health": {"enable": True, "listen": ":1", "client": {"url": "http://h"}}},
        {
            "health.client": "ignored: sshore does not ask its own endpoint",
            "health": "the paths are /healthz and /readyz",
        },
    ),
    "an older listen": ({"listen": ":1", "ssh": {"listen": ":2"}}, {"listen": "ignored: ssh.listen is given as well"}),
    "what is switched off and empty": (
        {"audit": {"enable": False}, "security": {}, "geoip": {}, "configserver": None, "ssh": {"ciphers": []}},
        {},
    ),
}


@pytest.mark.parametrize(("sections", "expected"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_has_no_meaning_here_is_noted(sections: dict[str, Any], expected: dict[str, str]) -> None:
    assert noted(**sections) == expected


def test_what_sshore_has_too_is_taken() -> None:
    config = read(
        ssh={"listen": "127.0.0.1:1", "serverVersion": "SSH-2.0-Harbour", "banner": "", "hostkeys": []},
        log={"level": "crit", "format": "ljson"},
        metrics={"enable": True, "listen": ":2", "path": "/m"},
        health={"enable": True, "listen": ":3"},
    )
    assert (config.ssh.listen, config.ssh.server_version, config.ssh.banner) == ("127.0.0.1:1", "Harbour", None)
    assert (config.log.level, config.log.format) == (LogLevel.CRITICAL, LogFormat.JSON)
    assert (config.metrics.listen, config.metrics.path, config.health.listen) == (":2", "/m", ":3")


@pytest.mark.parametrize(
    ("level", "word"), [(0, "critical"), (3, "error"), (4, "warning"), (5, "info"), (6, "info"), (7, "debug")]
)
def test_a_level_may_be_syslog_s_number(level: int, word: str) -> None:
    assert read(log={"level": level}).log.level == word


def test_the_listen_of_0_3_is_taken() -> None:
    assert read(listen="127.0.0.1:7").ssh.listen == "127.0.0.1:7"
    with pytest.raises(ConfigError, match=r"c\.yaml:2: listen: expected HOST:PORT"):
        parse_config("backend: docker\nlisten: nowhere\n", "c.yaml")


def test_sshore_s_own_logins_may_stand_in_the_file() -> None:
    config = read(auth={"authorizedKeys": "/keys/%u"})
    assert config.auth.authorized_keys == "/keys/%u"
    assert "auth.url" in said_about(auth={"authorizedKeys": "/keys/%u", "url": "http://a"})


def test_a_key_that_nobody_knows_is_refused_still() -> None:
    assert "dockr: unknown key, did you mean 'docker'?" in said_about(dockr={})
    assert "docker.execution.agentPaht: unknown key" in said_about(docker={"execution": {"agentPaht": "x"}})
    assert "metrics.enabel: unknown key, did you mean 'enable'?" in said_about(metrics={"enabel": True})


@pytest.mark.parametrize("name", ["ssh", "auth", "log", "metrics", "health"])
def test_a_section_that_is_no_mapping_is_refused(name: str) -> None:
    assert f"{name}: expected a mapping" in said_about(**{name: "x"})


def test_everything_that_stops_the_start_is_said_at_once() -> None:
    text = "backend: docker\nauth:\n  url: a\nssh:\n  macs: [a]\naudit:\n  enable: true\ndocker:\n  timeout: 5s\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (3, "auth.url"),
        (5, "ssh.macs"),
        (6, "audit"),
        (9, "docker.timeout"),
    ]
