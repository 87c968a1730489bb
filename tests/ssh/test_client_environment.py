"""Which of a client's variables a program gets."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.actors.messages import RunExec, RunShell
from sshore.config.load import parse_config
from sshore.config.problems import ConfigError
from sshore.ssh.client_environment import AcceptedNames, SessionEnvironment, ShownNames
from sshore.ssh.key_options import UNRESTRICTED, KeyPermissions

REFUSED = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_", "BASH_ENV", "ENV", "IFS", "SHELLOPTS"),
    *("HOME", "LOGNAME", "PATH", "SHELL", "SSH_TTY", "USER"),
)
ODD = ("a", "Ä", "A.B", "A-B", "npm_config_x", "ENVY", "LDX", "PS4", "BASHOPTS", "GIT_DIR", "x\ny", "\udcff", "[a]")


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("rules", [AcceptedNames(), AcceptedNames(("*",)), AcceptedNames(forced=True)])
def test_these_are_never_the_clients(name: str, rules: AcceptedNames) -> None:
    assert not rules.accept(name)


@pytest.mark.parametrize("name", ODD)
def test_any_other_is_accepted(name: str) -> None:
    assert AcceptedNames().accept(name)
    assert AcceptedNames(("*",)).accept(name)


@pytest.mark.parametrize("name", ODD)
def test_with_a_forced_command_only_harmless_ones_are(name: str) -> None:
    assert not AcceptedNames(forced=True).accept(name)
    assert AcceptedNames(forced=True).accept("LC_ALL")


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("LC_*", ["LC_ALL", "LC_"], ["LC", "XLC_ALL", "lc_all"]),
        ("LANG", ["LANG"], ["LANGUAGE"]),
        ("A?C", ["ABC", "A?C", "A\nC"], ["AC", "ABBC"]),
        ("[ab]", ["[ab]"], ["a", "b"]),
        ("*_?*", ["a_b", "_x"], ["a_", "ab"]),
        ("!X", ["!X"], ["Y"]),
    ],
)
def test_patterns_are_those_of_sshd(pattern: str, taken: list[str], left: list[str]) -> None:
    rules = AcceptedNames((pattern,))
    assert [name for name in [*taken, *left] if rules.accept(name)] == taken


def test_patterns_narrow_what_a_forced_command_accepts() -> None:
    rules = AcceptedNames(("LANG", "PS*"), forced=True)
    assert [name for name in ("LANG", "LC_ALL", "PS4") if rules.accept(name)] == ["LANG"]


@given(st.text())
def test_no_pattern_accepts_none(name: str) -> None:
    assert not AcceptedNames(()).accept(name)


def test_no_name_makes_a_pattern_slow() -> None:
    began = time.process_time()
    assert not AcceptedNames(("*A*A*A*A*A*B",)).accept("A" * 200_000)
    assert time.process_time() - began < 2.0


def test_the_terminals_type_is_not_of_them() -> None:
    environment = SessionEnvironment(AcceptedNames(()), UNRESTRICTED, {"SSH_CLIENT": "here"})
    sent = {b"TERM": b"x", b"A": b"1", b"SSH_CLIENT": b"there"}
    assert environment.variables(sent, "vt100", RunShell()) == {"TERM": "vt100", "SSH_CLIENT": "here"}
    assert environment.variables(sent, None, RunShell()) == {"SSH_CLIENT": "here"}


def test_a_keys_variables_win_and_the_servers_win_over_those() -> None:
    permissions = KeyPermissions(command="forced", environment={"A": "key", "SSH_CLIENT": "key"})
    environment = SessionEnvironment(AcceptedNames(), permissions, {"SSH_CLIENT": "server"})
    sent = {b"A": b"client", b"B\xff": b"\xfe", b"SSH_ORIGINAL_COMMAND": b"forged"}
    assert environment.variables(sent, None, RunExec("asked")) == {
        "A": "key",
        "B\udcff": "\udcfe",
        "SSH_CLIENT": "server",
        "SSH_ORIGINAL_COMMAND": "asked",
    }


def shown(names: Iterable[str]) -> str:
    line = ShownNames()
    for name in names:
        line.add(name)
    return str(line)


def test_many_and_long_names_are_shown_in_a_short_line() -> None:
    assert not ShownNames()
    assert shown(["B", "A"]) == "A B"
    many = shown(f"N{number:05}" + "x" * 1000 for number in range(1000))
    assert many.endswith(" and 980 more")
    assert len(many) < 1000


@pytest.mark.parametrize("pattern", ["", "A=B", "LANG LC_*", "A\\nB", "A\\0B", "Ä"])
def test_a_pattern_that_could_not_be_meant_is_refused_with_its_place(pattern: str) -> None:
    text = f'docker: {{execution: {{acceptEnv: ["LANG", "{pattern}"]}}}}'
    with pytest.raises(ConfigError, match=r"c\.yaml:1: docker\.execution\.acceptEnv\[1\]: expected one pattern"):
        parse_config(text, "c.yaml")


def test_by_default_there_are_no_patterns() -> None:
    assert parse_config("docker: {}", "c.yaml").docker.execution.accept_env is None
    assert parse_config("docker: {execution: {acceptEnv: []}}", "c.yaml").docker.execution.accept_env == []
