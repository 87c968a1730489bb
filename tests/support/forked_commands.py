"""Run by `commands.py`: forks once for each line of its stdin, says the pid, and then the exit status."""

from __future__ import annotations

import json
import os
import sys

import sshore.ssh.service
import sshore.ssh.start_checks
from sshore.__main__ import main


def command(argv: list[str], out: str, err: str, ready: str) -> None:
    """Run the command line with its output in files; ends the process."""
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ["NOTIFY_SOCKET"] = ready
    main(argv)


if __name__ == "__main__":
    assert sshore.ssh.service
    assert sshore.ssh.start_checks
    while line := sys.stdin.readline():
        pid = os.fork()
        if not pid:
            command(*json.loads(line))
            sys.exit()
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
