"""Where a program's output and end go: what a transport implements to get a session."""

from __future__ import annotations

from typing import Protocol

from ..actors.refusals import Refused


class ProgramSink(Protocol):
    """Called in the loop only. After `exited` or `refused` nothing else is called."""

    def output_received(self, data: bytes | memoryview, *, stderr: bool) -> None:
        """Some output; `data` is valid during the call only. Use the session's `pause_output` to get no more."""

    def pause_input(self) -> None:
        """Stop passing input: the program reads slower than it comes, or does not run yet."""

    def resume_input(self) -> None:
        """Pass input on."""

    def exited(self, status: int, notice: str) -> None:
        """The program ended, all of its output was delivered. `notice` is a sentence for the user, or empty."""

    def refused(self, refused: Refused) -> None:
        """The program did not start, or was lost: `refused.user` is for the user."""
