"""What goes to the engine that creates a container or an exec."""

from __future__ import annotations

from sshore.engine.creation import container_body, exec_body
from sshore.engine.types import ContainerSpec, ExecSpec

SIZE = (132, 43)


def test_an_engine_that_knows_console_sizes_is_given_rows_and_columns() -> None:
    host = {"AutoRemove": True}
    body = container_body(ContainerSpec("box", {"HostConfig": host}, size=SIZE), sized=True)
    assert body["HostConfig"] == {"AutoRemove": True, "ConsoleSize": [43, 132]}
    assert host == {"AutoRemove": True}
    assert exec_body(ExecSpec(("sh",), tty=True, size=SIZE), sized=True)["ConsoleSize"] == [43, 132]


def test_an_older_engine_is_not_told() -> None:
    assert container_body(ContainerSpec("box", {"Tty": True}, size=SIZE), sized=False) == {"Tty": True}
    assert "ConsoleSize" not in exec_body(ExecSpec(("sh",), tty=True, size=SIZE), sized=False)


def test_a_program_without_a_terminal_has_no_size() -> None:
    assert container_body(ContainerSpec("box", {}), sized=True) == {}
    assert "ConsoleSize" not in exec_body(ExecSpec(("sh",)), sized=True)


def test_the_body_of_an_exec_is_what_docker_asks_for() -> None:
    spec = ExecSpec(("sh", "-c", "true"), ("A=1",), "1000", "/tmp", tty=True, stdin=False)
    assert exec_body(spec, sized=True) == {
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": True,
        "Cmd": ["sh", "-c", "true"],
        "Env": ["A=1"],
        "User": "1000",
        "WorkingDir": "/tmp",
        "DetachKeys": ",".join(["ctrl-@", "ctrl-^"] * 8),
    }


def test_no_engine_holds_back_a_nul_that_a_program_without_a_terminal_is_sent() -> None:
    assert exec_body(ExecSpec(()), sized=False)["DetachKeys"].split(",")[0] != "ctrl-@"
