"""What an argv means inside a fake engine's container: a command, `sh -c`, or one of sshore's own scripts."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping

from ..control_shell import CONTROL_SHELL, GUARD_SHELL, HANGUP_SECONDS, READY
from ..keeper import KEEPER
from ..launcher import APART, LAUNCHER, SHELL
from ..primed_shell import PRIMED_SHELL
from .process import FakeProcess
from .shell import Call, Command, Shell, ShellLeft

FakeProgram = Callable[[FakeProcess], int]
"""Runs in a thread of its own and returns the exit code."""


def find_program(argv: tuple[str, ...], commands: Mapping[str, Command]) -> FakeProgram | None:
    """Return what `argv` runs, None when an image with these commands has no such program."""
    name = argv[0].rpartition("/")[2] if argv else ""
    if name == "sh":
        return lambda process: _shell(process, process.argv[1:], commands)
    if name not in commands:
        return None
    return lambda process: _leaving(lambda: commands[name](Call(process, argv[1:], Shell(process, commands))))


def _leaving(run: Callable[[], int]) -> int:
    try:
        return run()
    except ShellLeft as leave:
        return leave.exit_code


def _shell(process: FakeProcess, arguments: tuple[str, ...], commands: Mapping[str, Command]) -> int:
    if arguments[:1] != ("-c",):
        return _leaving(lambda: _interactive(process, commands))
    script = arguments[1]
    if script == LAUNCHER:
        return _launch(process, arguments[3:], commands)
    if script == KEEPER:
        return _launch(process, arguments[6:], commands)
    if script == PRIMED_SHELL:
        return _await_order(process, arguments[3], commands)
    if script in (CONTROL_SHELL, GUARD_SHELL):
        return _leaving(lambda: _obey(process, commands, guard=script == GUARD_SHELL))
    return _leaving(lambda: Shell(process, commands).run(script))


def _interactive(process: FakeProcess, commands: Mapping[str, Command]) -> int:
    shell = Shell(process, commands)
    while True:
        if process.tty:
            process.write(b"$ ")
        line = process.read_line()
        if not line:
            return shell.status
        shell.run(line.decode())


def _launch(process: FakeProcess, arguments: tuple[str, ...], commands: Mapping[str, Command]) -> int:
    say_pid, _, _, fifos, _, must, _, form, *words = arguments
    if fifos and must:
        process.write(f"sshore: the named pipes cannot be used ({APART})\n".encode(), stderr=True)
        return 126
    if say_pid:
        process.write(f"{process.pid} {APART if fifos else ''}\n".encode())
    argv = {
        "shell": (SHELL, "-l"),
        "command": (SHELL, "-c", *words),
        "argv": tuple(words),
        "sftp": ("sftp-server",),
    }[form]
    program = find_program(argv, commands)
    if program is None:
        process.write(f"sshore: {argv[0]}: not found\n".encode(), stderr=True)
        return 127
    process.argv = argv
    return program(process)


def _await_order(process: FakeProcess, fifo: str, commands: Mapping[str, Command]) -> int:
    path = process.neighbours.shared_path(fifo)
    if path is None:
        return 0
    process.write(f"{process.pid}\n".encode())
    words = shlex.split(process.read_fifo(path).decode())
    if not words:
        return 0
    begin = words.index("set")
    process.env |= dict(word.partition("=")[::2] for word in words[:begin] if "=" in word)
    return _launch(process, tuple(words[begin + 2 :]), commands)


def _obey(process: FakeProcess, commands: Mapping[str, Command], *, guard: bool) -> int:
    shell = Shell(process, {**commands, **_CONTROL_COMMANDS})
    process.write(f"{READY}\n".encode())
    while line := process.read_line():
        shell.run(line.decode())
    if guard:
        process.neighbours.signal_main("KILL")
    return 0


def _hangup(call: Call) -> int:
    pid = int(call.arguments[0])
    neighbours = call.process.neighbours
    neighbours.signal_process(pid, "HUP")
    killer = threading.Timer(HANGUP_SECONDS, neighbours.signal_process, (pid, "KILL"))
    killer.daemon = True
    killer.start()
    return 0


def _hangup_all(call: Call) -> int:
    call.process.neighbours.signal_main("HUP")
    return 0


def _signal_group(call: Call) -> int:
    signal, pid = call.arguments
    return 0 if call.process.neighbours.signal_process(int(pid), signal) else 1


def _signal_main(call: Call) -> int:
    call.process.neighbours.signal_main(call.arguments[0])
    return 0


_CONTROL_COMMANDS: Mapping[str, Command] = {
    "continue_stopped": lambda call: 0,
    "end_left": lambda call: 0,
    "hangup": _hangup,
    "hangup_all": _hangup_all,
    "signal_group": _signal_group,
    "signal_main": _signal_main,
}
