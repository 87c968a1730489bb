"""A very small `sh` for a fake engine: enough for tests to say what they mean, and loud about the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .process import FakeProcess

_TOKEN = re.compile(
    r"""[ \t]*(?:
      (?P<operator>&&|\|\||;|\n|&(?!\d))
    | (?P<redirect>[012]?>(?:&[12]|\s*/dev/null))
    | (?P<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;&|'"\\<>])+)
    | (?P<unknown>\S.*)
    | $)""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"""'(?P<raw>[^']*)'|"(?P<quoted>(?:\\.|[^"\\])*)"|\\(?P<escaped>.)|(?P<bare>[^'"\\]+)""", re.S)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<name>\w+|[$?]))")
_SYNTAX_ERROR = 2
_NOT_FOUND = 127


@dataclass(slots=True)
class Call:
    """One command of a script: its process, its arguments without the name, and where its output goes."""

    process: FakeProcess
    arguments: tuple[str, ...]
    shell: Shell
    stdout: str = "1"
    stderr: str = "2"

    def say(self, data: str | bytes, *, stderr: bool = False) -> None:
        """Write to the command's stdout or stderr, wherever these lead."""
        target = self.stderr if stderr else self.stdout
        if target in ("1", "2"):
            encoded = data.encode() if isinstance(data, str) else data
            self.process.write(encoded, stderr=target == "2")


Command = Callable[[Call], int]


class ShellLeft(Exception):  # noqa: N818 - it is no error
    """Leaves the shell, from any depth."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


@dataclass
class Shell:
    """Runs scripts in the thread of its process: commands with quotes, `$VAR`, `$$`, `$?`, `;`, `&&`, `||`,
    `>&2`, `2>&1` and `>/dev/null`. What stands before `&` is not run at all."""

    process: FakeProcess
    commands: Mapping[str, Command]
    status: int = field(default=0, init=False)

    def run(self, script: str) -> int:
        """Return the exit status of `script`; `exit` in it raises ShellLeft."""
        wanted = True
        for step in _steps(script):
            if wanted and step.words and step.operator != "&":
                self.status = self._execute(step)
            wanted = self._goes_on(step.operator)
        return self.status

    def _goes_on(self, operator: str) -> bool:
        if operator in ("&&", "||"):
            return (self.status == 0) == (operator == "&&")
        return True

    def _execute(self, step: _Step) -> int:
        name, *arguments = [self._expand(word) for word in step.words]
        call = Call(self.process, tuple(arguments), self)
        for redirect in step.redirects:
            _redirect(call, redirect)
        if step.unknown:
            call.say(f"sh: the fake shell does not know {step.unknown!r}\n", stderr=True)
            return _SYNTAX_ERROR
        command = self.commands.get(name.rpartition("/")[2])
        if command is None:
            call.say(f"sh: {name}: not found\n", stderr=True)
            return _NOT_FOUND
        return command(call)

    def _expand(self, word: str) -> str:
        return "".join(self._expand_part(part) for part in _PART.finditer(word))

    def _expand_part(self, part: re.Match[str]) -> str:
        kind, text = part.lastgroup, part.group(part.lastgroup or 0)
        if kind in ("raw", "escaped"):
            return text
        expanded = _VARIABLE.sub(self._variable, text)
        return re.sub(r'\\([\\"$`])', r"\1", expanded) if kind == "quoted" else expanded

    def _variable(self, match: re.Match[str]) -> str:
        name = match["braced"] or match["name"]
        special = {"$": str(self.process.pid), "?": str(self.status)}
        return special.get(name) or self.process.env.get(name, "")


@dataclass(slots=True)
class _Step:
    words: list[str] = field(default_factory=list)
    redirects: list[str] = field(default_factory=list)
    operator: str = ";"
    unknown: str = ""


def _steps(script: str) -> Iterator[_Step]:
    step = _Step()
    for match in _TOKEN.finditer(script.strip()):
        kind, text = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "word":
            step.words.append(text)
        elif kind == "redirect":
            step.redirects.append(text)
        elif kind == "unknown":
            step.words, step.unknown = [*step.words, text], text
        elif kind == "operator":
            step.operator = text
            yield step
            step = _Step()
    yield step


def _redirect(call: Call, redirect: str) -> None:
    source, _, target = redirect.partition(">")
    target = {"&1": call.stdout, "&2": call.stderr}.get(target.strip(), "")
    if source == "2":
        call.stderr = target
    else:
        call.stdout = target
