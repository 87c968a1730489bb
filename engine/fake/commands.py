"""The commands that a fake engine's images have."""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping

from .shell import Call, Command, ShellLeft

_BLOCK = 64 * 1024


def _true(call: Call) -> int:
    return 0


def _false(call: Call) -> int:
    return 1


def _exit(call: Call) -> int:
    raise ShellLeft(int(call.arguments[0]) if call.arguments else call.shell.status)


def _echo(call: Call) -> int:
    words = call.arguments
    newline = words[:1] != ("-n",)
    call.say(" ".join(words if newline else words[1:]) + ("\n" if newline else ""))
    return 0


def _printf(call: Call) -> int:
    text = call.arguments[0].encode().decode("unicode_escape")
    for word in call.arguments[1:]:
        text = text.replace("%s", word, 1).replace("%d", word, 1)
    call.say(text)
    return 0


def _cat(call: Call) -> int:
    while data := call.process.read():
        call.say(data)
    return 0


def _wc(call: Call) -> int:
    size = 0
    while data := call.process.read():
        size += len(data)
    call.say(f"{size}\n")
    return 0


def _yes(call: Call) -> int:
    line = (" ".join(call.arguments) or "y") + "\n"
    block = line.encode() * (_BLOCK // len(line))
    while True:
        call.say(block)


def _head(call: Call) -> int:
    left = int(call.arguments[1])
    while left:
        size = min(left, _BLOCK)
        data = bytes(size) if call.arguments[2:] == ("/dev/zero",) else call.process.read(size)
        if not data:
            break
        call.say(data)
        left -= len(data)
    return 0


def _read(call: Call) -> int:
    line = call.process.read_line()
    if call.arguments:
        call.process.env[call.arguments[-1]] = line.decode().rstrip("\n")
    return 0 if line.endswith(b"\n") else 1


def _sleep(call: Call) -> int:
    call.process.sleep(float(call.arguments[0]))
    return 0


def _wait(call: Call) -> int:
    call.process.wait_for_signal()
    return 0


def _trap(call: Call) -> int:
    script, *names = call.arguments
    for name in names:
        call.process.traps[name] = lambda: void(call.shell.run(script))
    return 0


def void(_: object) -> None:
    """Drop a result."""


def _kill(call: Call) -> int:
    """`kill [-s SIGNAL | -SIGNAL] [--] PID…`: a group is its leader, and -1 everybody else."""
    words = [word for word in call.arguments if word != "--"]
    name = "TERM"
    if words[0] == "-s":
        name, words = words[1], words[2:]
    elif words[0].startswith("-") and len(words) > 1:
        name, words = words[0][1:], words[1:]
    name = signals.Signals(int(name)).name.removeprefix("SIG") if name.isdigit() else name
    neighbours = call.process.neighbours
    if words == ["-1"]:
        neighbours.signal_main(name)
        return 0
    found = [neighbours.signal_process(abs(int(word)), name) for word in words]
    return 0 if all(found) else 1


def _printenv(call: Call) -> int:
    env = call.process.env
    if not call.arguments:
        call.say("".join(f"{name}={value}\n" for name, value in env.items()))
        return 0
    if call.arguments[0] not in env:
        return 1
    call.say(env[call.arguments[0]] + "\n")
    return 0


def _pwd(call: Call) -> int:
    call.say((call.process.workdir or "/") + "\n")
    return 0


def _whoami(call: Call) -> int:
    call.say((call.process.user or "root") + "\n")
    return 0


COMMANDS: Mapping[str, Command] = {
    ":": _true,
    "true": _true,
    "false": _false,
    "exit": _exit,
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "wc": _wc,
    "yes": _yes,
    "head": _head,
    "read": _read,
    "sleep": _sleep,
    "wait": _wait,
    "trap": _trap,
    "kill": _kill,
    "env": _printenv,
    "printenv": _printenv,
    "pwd": _pwd,
    "whoami": _whoami,
}
