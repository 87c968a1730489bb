"""Process 1 of the gateway's container: runs the command in its arguments and ends with that command's status.

Its signals are handed on, and orphans are reaped, as any init does. What others do not do: it outlives its command for
as long as the janitor needs, which is an orphan then. The kernel kills whatever is in a container when process 1
ends, so with another init a gateway that crashes would take its janitor along, and leave its users' containers.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from types import FrameType

ORPHANS_SECONDS = 30
"""How long the janitor may take; a container that waits for its restart stays down for so long at most."""

ENOUGH_DESCRIPTORS = 65536

HANDED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    """Run the command; there is no way back."""
    command = sys.argv[1:]
    if os.getpid() != 1:
        # Under `docker run --init`, say: orphans go to that one, so there is nothing to do here.
        os.execvp(command[0], command)
    raise_descriptor_limit()
    status = run(command)
    reap_the_others()
    sys.exit(status)


def raise_descriptor_limit() -> None:
    """Engines differ in the soft limit they give; a connection takes a few descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(command: list[str]) -> int:
    """Run it to its end; return its status as a shell does, 128+n for a signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)
    # A process group of its own: a terminal's Ctrl-C comes to this process only, which hands it on, once.
    pid = os.posix_spawnp(command[0], command, os.environ, setpgroup=0, setsigmask=())

    def hand_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in HANDED_ON:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def reap_the_others() -> None:
    """End what is left, as systemd does: TERM, which the janitor ignores, and KILL (by the kernel) when time is up."""
    signal.signal(signal.SIGALRM, lambda number, frame: _time_is_up())
    signal.alarm(ORPHANS_SECONDS)
    # There may be nobody, or only somebody else's processes.
    with contextlib.suppress(OSError):
        os.kill(-1, signal.SIGTERM)
    with contextlib.suppress(ChildProcessError, TimeoutError):
        while True:
            os.wait()


def _time_is_up() -> None:
    raise TimeoutError


if __name__ == "__main__":
    main()
