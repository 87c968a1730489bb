"""What the kernel's terminal does for a fake engine's programs: whole lines, an echo, Ctrl-C and Ctrl-D."""

from __future__ import annotations

from collections.abc import Callable

from .pipes import InputPipe, OutputPipe

_INTERRUPT = 0x03
_END_OF_FILE = 0x04


class Terminal:
    """Stands before a program's stdin, in cooked mode. Any thread, one at a time."""

    def __init__(self, stdin: InputPipe, stdout: OutputPipe, signal: Callable[[str], None]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._signal = signal
        self._line = bytearray()

    def feed(self, data: bytes) -> bool:
        """Take what was typed; return whether the program's stdin is full."""
        full = False
        for byte in data.replace(b"\r", b"\n"):
            if byte == _INTERRUPT:
                self._line.clear()
                self._echo(b"^C")
                self._signal("INT")
            elif byte == _END_OF_FILE:
                full = self._end_of_file()
            else:
                full = self._typed(byte)
        return full

    def _typed(self, byte: int) -> bool:
        self._line.append(byte)
        if byte != ord("\n"):
            self._echo(bytes([byte]))
            return False
        self._echo(b"\r\n")
        return self._hand_over()

    def _end_of_file(self) -> bool:
        if self._line:
            return self._hand_over()
        self._stdin.end()
        return False

    def _hand_over(self) -> bool:
        line = bytes(self._line)
        self._line.clear()
        return self._stdin.feed(line)

    def _echo(self, data: bytes) -> None:
        self._stdout.put(data, stderr=False)
