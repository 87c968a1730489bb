"""The shell scripts that obey the gateway inside a container, for any POSIX `/bin/sh` (dash, bash, busybox).

The *control shell* is the idle program of connection mode: it obeys the lines that the gateway writes to its stdin and
ends with it. The *guard* is the control shell of session mode: when its stdin ends it kills everything else.
"""

from __future__ import annotations

_SESSION_FUNCTIONS = """\
session() {
  signal=$1 sid=$2
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    set -- ${line##*) }
    [ "$4" = "$sid" ] || continue
    pid=${stat#/proc/}
    kill -s "$signal" "${pid%/stat}" 2>/dev/null
  done
}
hangup() {
  session HUP "$1"
  { sleep 1; session KILL "$1"; } &
}
signal_group() { kill -s "$1" -- "-$2" 2>/dev/null; }
signal_main() {
  IFS=' ' read -r main rest </proc/1/task/1/children
  [ -n "$main" ] && signal_group "$1" "$main"
}
while IFS= read -r line; do eval "$line"; done
"""

CONTROL_SHELL = _SESSION_FUNCTIONS
GUARD_SHELL = _SESSION_FUNCTIONS + "kill -9 -1\n"


def hangup_line(pid: int) -> str:
    """For a control shell: HUP to every process of the session that `pid` leads, KILL a second later."""
    return f"hangup {pid}"


def signal_line(signal: str, pid: int) -> str:
    """For a control shell: `signal` (`USR1`, without SIG) to the process group that `pid` leads."""
    return f"signal_group {signal} {pid}"


def signal_main_line(signal: str) -> str:
    """For a guard: `signal` to the process group of the container's main program, the init's first child."""
    return f"signal_main {signal}"
