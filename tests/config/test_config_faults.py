"""Broken files: each fault is named by its key and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshore.config import ConfigError, load_config, parse_config, require_serving

BROKEN = {
    "an unknown key": (
        "docker:\n  execution:\n    mod: session\n",
        "c.yaml:3: docker.execution.mod: unknown key, did you mean 'mode'?",
    ),
    "an unknown section": ("dockr: {}\n", "c.yaml:1: dockr: unknown key, did you mean 'docker'?"),
    "a key in the wrong section": (
        "docker:\n  mode: session\n",
        "c.yaml:2: docker.mode: unknown key here, did you mean 'docker.execution.mode'?",
    ),
    "the attribute's spelling": (
        "ssh:\n  server_version: x\n",
        "c.yaml:2: ssh.server_version: unknown key, did you mean 'serverVersion'?",
    ),
    "a section that is no mapping": (
        "log: debug\n",
        "c.yaml:1: log: expected a mapping, not text",
    ),
    "a number where text belongs": (
        "ssh:\n  banner: 5\n",
        "c.yaml:2: ssh.banner: expected text, not a number: put it in quotes",
    ),
    "a banner that clients need not take": (
        f"ssh:\n  banner: {'x' * 32_001}\n",
        "c.yaml:2: ssh.banner: it has 32001 bytes, and no client has to take more than 32000",
    ),
    "a word for a flag": (
        "metrics:\n  enable: yes\n",
        "c.yaml:2: metrics.enable: expected true or false, not text: 'yes' is a word here",
    ),
    "a misspelled choice": (
        "log:\n  format: jsno\n",
        "c.yaml:2: log.format: expected one of 'text' or 'json', not 'jsno', did you mean 'json'?",
    ),
    "a listen without a port": (
        "ssh:\n  listen: localhost\n",
        "c.yaml:2: ssh.listen: expected HOST:PORT such as '0.0.0.0:2222', not 'localhost'",
    ),
    "a bare number of seconds": (
        "docker:\n  timeouts:\n    window: 60\n",
        "c.yaml:3: docker.timeouts.window: expected a duration such as '60s' or '1m30s'; "
        "a bare number counts nanoseconds, and this is out of range (1ms to 720h)",
    ),
    "a fraction of what": (
        "docker:\n  timeouts:\n    http: 1.5\n",
        "c.yaml:3: docker.timeouts.http: expected a duration such as '60s' or '1m30s', not the bare number 1.5",
    ),
    "an unknown scheme": (
        "docker:\n  connection:\n    host: unx:///run/docker.sock\n",
        "c.yaml:3: docker.connection.host: unknown scheme 'unx', did you mean 'unix'?; "
        "there are unix://, tcp://, http://, https://, ssh://",
    ),
    "a certificate for a unix socket": (
        "docker:\n  connection:\n    cacert: /x\n",
        "c.yaml:3: docker.connection.cacert: TLS is for tcp:// and https://, and the host is unix://",
    ),
    "a certificate without its key": (
        "docker:\n  connection:\n    host: tcp://h:1\n    cacert: /x\n    cert: /x\n",
        "c.yaml:5: docker.connection.cert: needs 'key' as well",
    ),
    "a certificate without an authority": (
        "docker:\n  connection:\n    host: tcp://h:1\n    key: /x\n    cert: /x\n",
        "c.yaml:5: docker.connection.cert: needs 'cacert' as well",
    ),
    "an idle command in session mode": (
        "docker:\n  execution:\n    mode: session\n    idleCommand: [cat]\n",
        "c.yaml:4: docker.execution.idleCommand: there is no idle command in session mode; "
        "did you mean 'shellCommand'?",
    ),
    "a pool in session mode": (
        "docker:\n  execution:\n    mode: session\n    pool:\n      size: 2\n",
        "c.yaml:5: docker.execution.pool.size: there is no pool in session mode: a container is made for its one "
        "program",
    ),
    "a pool of half a container": (
        "docker:\n  execution:\n    pool:\n      size: 0.5\n",
        "c.yaml:4: docker.execution.pool.size: expected a whole number from 0 to 2147483647",
    ),
    "a pool whose containers are too old at once": (
        "docker:\n  execution:\n    pool:\n      maxAge: 500ms\n",
        "c.yaml:4: docker.execution.pool.maxAge: expected at least 1s: nothing would wait long enough for a user",
    ),
    "both names of the idle command": (
        "docker:\n  execution:\n    idleProgram: [cat]\n    idleCommand: [cat]\n",
        "c.yaml:3: docker.execution.idleProgram: older name of 'idleCommand', which is given as well",
    ),
    "an empty command": (
        "docker:\n  execution:\n    shellCommand: []\n",
        "c.yaml:3: docker.execution.shellCommand: names no program; expected a list such as ['/bin/sh', '-l']",
    ),
    "two listeners on one address": (
        "metrics: {enable: true}\nhealth:\n  enable: true\n  listen: 0.0.0.0:9100\n",
        "c.yaml:4: health.listen: 0.0.0.0:9100 is taken by metrics.listen (127.0.0.1:9100)",
    ),
    "an unknown placeholder": (
        "auth:\n  authorizedKeys: /home/%h/keys\n",
        "c.yaml:2: auth.authorizedKeys: '%h' means nothing here; there are %u (the user) and %% (a percent sign)",
    ),
    "a file that is not there": (
        "auth:\n  passwords: /nowhere/htpasswd\n",
        "c.yaml:2: auth.passwords: '/nowhere/htpasswd': No such file or directory",
    ),
    "half of the registry's credentials": (
        "docker:\n  execution:\n    auth:\n      username: me\n",
        "c.yaml:4: docker.execution.auth.username: needs 'password' as well",
    ),
    "a subsystem without a program": (
        "docker:\n  execution:\n    subsystems:\n      sftp: ''\n",
        "c.yaml:4: docker.execution.subsystems.sftp: expected the path of a program in the image",
    ),
    "a key given twice": (
        "ssh:\n  listen: :22\n  banner: x\n  listen: :23\n",
        "c.yaml:4: ssh.listen: given twice, first in line 2",
    ),
    "an object of a foreign type": (
        "ssh:\n  banner: !!python/object:os.system x\n",
        "c.yaml:2: ssh.banner: the tag '!!python/object:os.system' is not understood here",
    ),
}

UNREADABLE = {
    "nothing": ("", "c.yaml: the file is empty"),
    "only a comment": ("# ssh:\n", "c.yaml: the file is empty"),
    "a list": ("- ssh\n", "c.yaml:1: expected a mapping with sections such as 'ssh:' and 'docker:'"),
    "a NUL": ("ssh:\n  x: \0\n", "c.yaml:2: the character U+0000 does not belong in text: is this a binary file?"),
    "a tab": ("ssh:\n\tlisten: x\n", "c.yaml:2: a tab cannot indent YAML: use spaces"),
    "two documents": ("ssh: {}\n---\nlog: {}\n", "c.yaml:2: a second document begins here, and there can only be one"),
    "broken JSON": ('{"ssh": {},\n "log": ]}', "c.yaml:2: not valid JSON: Expecting value"),
    "an alias of itself": ("ssh: &a\n  x: *a\n", "c.yaml: line 1 has an alias of what it is itself a part of"),
    "no end of brackets": ("[" * 100_000, "c.yaml: nested too deeply"),
    "too much": ("#" * 1_100_000, "c.yaml: larger than 1 MiB: this is no configuration"),
}


def said_about(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml")
    return str(caught.value)


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_the_key_and_the_line(text: str, sentence: str) -> None:
    assert sentence in said_about(text).splitlines()


@pytest.mark.parametrize(("text", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_configuration_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    assert said_about(text) == sentence


def test_aliases_that_multiply_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert said_about("\n".join(lines)) == "c.yaml: more than 50000 values: its aliases blow this file up"


def test_all_problems_are_reported_at_once_in_the_order_of_their_lines() -> None:
    text = """\
ssh:
  listn: x
  banner: [a]
docker:
  connection: {host: "unix:///x", cert: /a.pem}
  execution:
    container:
      Memory: 5
    host:
      autoremove: false
  timeouts:
    http: soon
"""
    paths = [line.split(": ")[1] for line in said_about(text).splitlines()]
    assert paths == [
        "ssh.listn",
        "ssh.banner",
        "docker.connection.cert",
        "docker.execution.container.Memory",
        "docker.execution.host.AutoRemove",
        "docker.timeouts.http",
    ]


def test_a_misspelled_key_is_not_blamed_on_what_depends_on_it() -> None:
    text = "docker:\n  execution:\n    mod: session\n    container: {Cmd: [bash]}\n"
    assert said_about(text) == "c.yaml:3: docker.execution.mod: unknown key, did you mean 'mode'?"


def test_a_problem_holds_path_line_and_message() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("log:\n  levle: info\n", "c.yaml")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == ("log.levle", 2)
    assert problem.message == "unknown key, did you mean 'level'?"


def test_no_message_holds_a_secret_or_a_word_of_the_validating_library() -> None:
    said = said_about("docker:\n  execution:\n    auth: {password: 8472635, registrytoken: [hush]}\n")
    assert "8472635" not in said
    assert "hush" not in said
    assert "pydantic" not in said
    assert "Input should" not in said


def test_control_characters_of_a_key_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in said_about('{"ssh": {"\\u001b[2J": 1}}')


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\x7fELF\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"c\.yaml:1: not UTF-8 text: is this a binary file\?"):
        load_config(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: it is a folder, not a file"):
        load_config(tmp_path)


def test_serving_needs_a_way_to_log_in() -> None:
    config = parse_config("ssh: {}\n", "c.yaml")
    with pytest.raises(ConfigError, match=r"^c\.yaml: auth: nobody could log in"):
        require_serving(config, "c.yaml")
    require_serving(parse_config("auth: {authorizedKeys: /keys/%u}\n", "c.yaml"))
