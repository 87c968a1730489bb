"""The docker section of ContainerSSH 0.4 and 0.5 means here what it meant there, or a note says what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sshore.config import Config, ConfigError, load_config, parse_config
from sshore.config.models import LogFormat, LogLevel, Mode, PullPolicy

FIXTURES = Path(__file__).parent / "containerssh"


def read(**execution: Any) -> Config:
    """Return a file of ContainerSSH's with this execution section."""
    container = {"image": "shell:1", **execution.pop("container", {})}
    file = {"backend": "docker", "docker": {"execution": {**execution, "container": container}}}
    return parse_config(json.dumps(file), "c.json")


def notes(config: Config) -> dict[str, str]:
    """Return the notes by key, but for the one that tells whose file it is."""
    found = [note for note in config.notes if not note.message.startswith("read as a configuration of")]
    assert len({note.path for note in found}) == len(found)
    return {note.path.removeprefix("docker.execution."): note.message for note in found}


def test_a_file_of_0_5_in_yaml_is_read_as_it_is() -> None:
    config = load_config(FIXTURES / "docker-0.5.yaml")
    connection, execution, timeouts = config.docker.connection, config.docker.execution, config.docker.timeouts
    assert connection.host == "tcp://engine.example:2376"
    assert str(connection.key).startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert execution.container == {
        "Image": "registry.example:5000/team/shell:3",
        "Hostname": "pier",
        "Env": ["TEAM=blue"],
        "User": "1000",
        "WorkingDir": "/srv",
        "Labels": {"cost-centre": "4711"},
    }
    assert execution.host == {
        "Binds": ["/srv/data:/data:ro"],
        "Mounts": [{"Target": "/scratch", "Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 0o755}}],
        "Tmpfs": {"/run": "rw,noexec,nosuid,size=65536k"},
        "StorageOpt": {"size": "524288000"},
        "ReadonlyRootfs": True,
        "UsernsMode": "host",
        "OomScoreAdj": 500,
        "Memory": 26214400,
        "MemorySwappiness": 0,
        "CpusetCpus": "1-3,5",
        "PidsLimit": 1000,
        "OomKillDisable": True,
        "BlkioDeviceReadBps": [{"Path": "/dev/vda", "Rate": 1000}],
    }
    assert execution.network == {"EndpointsConfig": {"harbour": {"Aliases": ["pier"]}}}
    assert execution.platform == "linux/arm64/v8"
    assert (execution.containername, execution.mode) == ("pier", Mode.CONNECTION)
    assert execution.shell_command == ["/bin/bash"]
    assert execution.subsystems == {"sftp": "/usr/lib/openssh/sftp-server"}
    assert execution.image_pull_policy is PullPolicy.IF_NOT_PRESENT
    assert execution.auth is not None
    assert (execution.auth.username, execution.auth.password.get_secret_value()) == ("puller", "hush:hush")
    assert timeouts.model_dump() == {
        "container_start": 90.0,
        "image_pull": 3600.0,
        "image_pull_stall": 120.0,
        "container_stop": 30.0,
        "command_start": 60.0,
        "signal": 0.5,
        "window": 3600.0,
        "http": 15.0,
    }
    assert (config.ssh.listen, config.ssh.server_version) == ("127.0.0.1:2022", "Harbour")
    assert config.ssh.banner == "Welcome aboard.\n"
    assert (config.log.level, config.log.format) == (LogLevel.DEBUG, LogFormat.JSON)


def test_the_notes_of_a_file_have_keys_and_lines() -> None:
    config = load_config(FIXTURES / "docker-0.5.yaml")
    assert [(note.line, note.path) for note in sorted(config.notes, key=lambda note: note.line or 0)] == [
        (10, "log.destination"),
        (11, "backend"),
        (42, "docker.execution.container.cmd"),
        (59, "docker.execution.host.usernsmode"),
        (78, "docker.execution.containername"),
        (80, "docker.execution.idleCommand"),
        (89, "docker.execution.agentPath"),
        (90, "docker.execution.disableAgent"),
        (94, "docker.execution.exposeAuthMetadataAsEnv"),
    ]


def test_a_file_of_0_4_in_json_is_read_as_it_is() -> None:
    config = load_config(FIXTURES / "docker-0.4.json")
    execution = config.docker.execution
    assert execution.container == {"Image": "shell:4"}
    assert execution.host == {"Memory": 67108864}
    assert (execution.mode, execution.image_pull_policy) == (Mode.SESSION, PullPolicy.NEVER)
    assert (execution.idle_command, execution.shell_command) == (None, ["/bin/sh"])
    assert execution.platform is None
    six = config.docker.timeouts.model_dump(exclude={"image_pull", "image_pull_stall"})
    assert set(six.values()) == {60.0, 15.0}
    assert notes(config).keys() == {"agentPath", "disableAgent", "idleCommand"}


def test_a_file_without_a_key_of_containerssh_is_read_strictly_and_without_notes() -> None:
    with pytest.raises(ConfigError, match="put it in quotes"):
        parse_config("docker: {execution: {container: {User: 1000}}}", "c.yaml")
    assert parse_config("docker: {execution: {container: {Image: a}}}", "c.yaml").notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "backend: docker",
        "docker: {execution: {agentPath: /usr/bin/containerssh-agent}}",
        "docker: {execution: {disableAgent: true}}",
        "docker: {execution: {host: {resources: {memory: 5}}}}",
        "docker: {execution: {container: {image: shell}}}",
        "ssh: {clientAliveInterval: 60s}",
        "log: {destination: stdout}",
    ],
)
def test_a_file_is_known_by_any_key_that_only_containerssh_has(text: str) -> None:
    assert parse_config(text, "c.yaml").notes[0].message.startswith("read as a configuration of ContainerSSH, because")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("agentPath", "/usr/bin/containerssh-agent", "ignored: sshore needs no agent in the image"),
        ("disableAgent", True, "ignored: sshore needs no agent in the image, and signals work without one"),
        ("disableAgent", False, "ignored: sshore needs no agent in the image, and signals work without one"),
        ("exposeAuthMetadataAsEnv", True, "ignored: logins have no metadata here, so there is nothing to expose"),
        ("containername", "pier", "names begin with it: two containers cannot have the same"),
        ("containerName", "pier", "names begin with it: two containers cannot have the same"),
        ("subsystems", {"netconf": "/bin/n"}, "sftp is offered as well where the image has it"),
        (
            "idleCommand",
            ["/usr/bin/containerssh-agent", "wait-signal"],
            "ignored: sshore's own idle program needs nothing but /bin/sh in the image",
        ),
        (
            "idleProgram",
            ["/bin/sleep", "infinity"],
            "kept; if it does not end when its stdin ends, signals and clean-up take a slower way",
        ),
    ],
)
def test_what_has_another_or_no_meaning_here_is_accepted_with_a_note(key: str, value: Any, sentence: str) -> None:
    assert notes(read(**{key: value})) == {key: sentence}


def test_an_idle_command_is_kept_in_connection_mode_and_ignored_in_session_mode() -> None:
    kept = read(idleCommand=["/bin/sleep", "infinity"])
    assert kept.docker.execution.idle_command == ["/bin/sleep", "infinity"]
    ignored = read(idleCommand=["/bin/sleep", "infinity"], mode="session")
    assert ignored.docker.execution.idle_command is None
    assert notes(ignored) == {"idleCommand": "ignored: in session mode nothing idles"}


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("container", "tty", True),
        ("container", "openstdin", True),
        ("container", "attachstdout", True),
        ("host", "init", False),
    ],
)
def test_keys_that_sshore_owns_are_ignored_as_containerssh_did(section: str, key: str, value: bool) -> None:
    config = read(**{section: {key: value}})
    own = {"openstdin": {}}.get(key, {f"{section}.{key}": "ignored: sshore decides this by itself for every session"})
    assert notes(config) == own


def test_in_connection_mode_cmd_and_entrypoint_are_ignored_as_containerssh_did() -> None:
    container = {"cmd": ["/menu"], "entrypoint": ["/tini"]}
    config = read(container=container)
    assert config.docker.execution.container == {"Image": "shell:1"}
    assert set(notes(config).values()) == {"ignored: in connection mode the idle program is the main process"}
    assert read(container=container, mode="session").docker.execution.container["Cmd"] == ["/menu"]


def test_what_go_leaves_empty_says_nothing() -> None:
    container = {"hostname": "", "tty": False, "env": [], "labels": {}, "healthcheck": None, "stoptimeout": None}
    host = {"autoremove": False, "memory": 0, "logconfig": {"type": "", "config": {}}, "consolesize": [0, 0]}
    config = read(
        container=container, host=host, network={"endpointsconfig": {}}, shellCommand=[], mode="", platform={"os": ""}
    )
    assert config.docker.execution.container == {"Image": "shell:1"}
    assert config.docker.execution.host == {}
    assert config.docker.execution.network == {}
    assert config.docker.execution.shell_command is None
    assert notes(config) == {}


def test_what_go_can_leave_out_says_something_even_when_it_is_empty() -> None:
    host = {"memoryswappiness": 0, "oomkilldisable": False, "pidslimit": 0}
    container = {"entrypoint": [], "stoptimeout": 0}
    execution = read(container=container, host=host, mode="session").docker.execution
    assert execution.host == {"MemorySwappiness": 0, "OomKillDisable": False, "PidsLimit": 0}
    assert execution.container == {"Image": "shell:1", "Entrypoint": [], "StopTimeout": 0}


def test_what_is_empty_inside_of_the_operators_own_mappings_and_lists_stays() -> None:
    container = {"labels": {"a": ""}, "exposedports": {"80/tcp": {}}, "cmd": ["printf", ""]}
    execution = read(container=container, network={"endpointsconfig": {"n": {}}}, mode="session").docker.execution
    assert execution.container["Labels"] == {"a": ""}
    assert execution.container["ExposedPorts"] == {"80/tcp": {}}
    assert execution.container["Cmd"] == ["printf", ""]
    assert execution.network == {"EndpointsConfig": {"n": {}}}


def test_a_number_where_text_belongs_is_taken_as_it_is_spelled() -> None:
    text = """\
backend: docker
docker:
  execution:
    mode: session
    container: {image: 3.10, user: 0755, labels: {a: 1e3, b: true, c: 0}, cmd: [sleep, 0x10]}
"""
    assert parse_config(text, "c.yaml").docker.execution.container == {
        "Image": "3.10",
        "User": "0755",
        "Labels": {"a": "1e3", "b": "true", "c": "0"},
        "Cmd": ["sleep", "0x10"],
    }


def test_a_number_that_a_merge_would_bring_does_not_count_where_there_is_one() -> None:
    text = """\
backend: docker
docker:
  execution:
    container: {<<: &base {image: 2, user: 2000}, user: 1000}
"""
    assert parse_config(text, "c.yaml").docker.execution.container == {"Image": "2", "User": "1000"}


def test_limits_are_taken_from_resources_and_from_beside_it() -> None:
    assert read(host={"resources": {"memory": 5}, "Memory": 5}).docker.execution.host == {"Memory": 5}
    with pytest.raises(
        ConfigError, match=r"resources\.memory: Memory is given beside resources as well, with another value"
    ):
        read(host={"resources": {"memory": 5}, "Memory": 6})


def test_a_fault_below_resources_is_named_where_it_stands() -> None:
    text = "backend: docker\ndocker:\n  execution:\n    host:\n      resources:\n        memory: 5g\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "c.yaml")
    assert str(caught.value) == ("c.yaml:6: docker.execution.host.resources.memory: expected a whole number, not text")


def test_a_misspelled_limit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"resources\.memry: unknown key .* did you mean 'Memory'\?"):
        read(host={"resources": {"memry": 5}})


def test_keys_of_published_examples_that_the_docker_api_does_not_have_are_noted() -> None:
    config = read(host={"resources": {"cpurealtimequota": 1000, "diskquota": 0}, "initpath": "/sbin/init"})
    assert config.docker.execution.host == {}
    assert notes(config).keys() == {"host.resources.cpurealtimequota", "host.initpath"}


def test_a_network_that_is_disabled_below_host_is_disabled() -> None:
    config = read(host={"networkDisabled": True})
    assert config.docker.execution.container == {"Image": "shell:1", "NetworkDisabled": True}
    assert notes(config).keys() == {"host.networkDisabled"}


@pytest.mark.parametrize(("image", "noted"), [("a", True), ("r:5000/a", True), ("a:latest", True), ("a:1", False)])
def test_a_moving_image_under_if_not_present_is_noted(image: str, noted: bool) -> None:
    assert ("imagePullPolicy" in notes(read(container={"image": image}))) is noted
    assert notes(read(container={"image": image}, imagePullPolicy="Always")) == {}


def test_without_an_image_containerssh_s_own_is_used() -> None:
    config = parse_config("backend: docker", "c.yaml")
    assert config.docker.execution.image == "containerssh/containerssh-guest-image"


def test_an_engine_without_a_scheme_is_a_tcp_engine() -> None:
    config = parse_config("backend: docker\ndocker: {connection: {host: '127.0.0.1:2375'}}", "c.yaml")
    assert config.docker.connection.host == "tcp://127.0.0.1:2375"
    assert config.notes[1].in_file("c.yaml") == (
        "c.yaml:2: docker.connection.host: taken as tcp://, as it has no scheme"
    )


def test_an_engine_directly_below_docker_is_taken() -> None:
    config = parse_config("backend: docker\ndocker: {host: 'unix:///run/d.sock', cacert: ''}", "c.yaml")
    assert config.docker.connection.host == "unix:///run/d.sock"
    assert [note.path for note in config.notes[1:3]] == ["docker.host", "docker.cacert"]


def test_a_value_of_the_wrong_kind_anywhere_is_named_and_never_a_traceback() -> None:
    wrong = {"docker": [1, [], {"connection": 1}, {"execution": []}, {"execution": {"host": {"resources": 5}}}]}
    for value in wrong["docker"]:
        with pytest.raises(ConfigError, match="docker"):
            parse_config(json.dumps({"backend": "docker", "docker": value or [1]}), "c.json")
