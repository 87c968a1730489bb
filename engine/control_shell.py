"""The shell scripts that obey the gateway inside a container, for any POSIX `/bin/sh` (dash, bash, busybox).

The *control shell* obeys the lines that the gateway writes to its stdin and ends with it. It is the idle program of
connection mode, or an exec beside an operator's own one. The *guard* is the control shell of session mode: when its
stdin ends it kills everything else. Either says READY when it obeys.
"""

from __future__ import annotations

from collections.abc import Iterable

READY = "sshore obeys"
HANGUP_SECONDS = 1
"""Between HUP and KILL."""

_OBEY = f"""\
session() {{
  signal=$1 sid=$2
  for stat in /proc/[0-9]*/stat; do
    {{ IFS= read -r line <"$stat"; }} 2>/dev/null || continue
    set -- ${{line##*) }}
    [ "$4" = "$sid" ] || continue
    pid=${{stat#/proc/}}
    kill -s "$signal" "${{pid%/stat}}" 2>/dev/null
  done
}}
of_another() {{
  {{ IFS= read -r line <"/proc/$1/stat"; }} 2>/dev/null || return
  set -- "$2" ${{line##*) }}
  [ "$5" = "$1" ] && return 1
  {{ IFS= read -r line <"/proc/$5/stat"; }} 2>/dev/null || return
  set -- ${{line##*) }}
  [ "$2" = 0 ]
}}
end_holders() {{
  leader=$1
  shift
  for info in /proc/[0-9]*/fdinfo/[12]; do
    while read -r key value; do
      [ "$key" = mnt_id: ] && mount=$value
      [ "$key" = ino: ] || continue
      for file; do
        [ "$file" = "$mount:$value" ] || continue
        pid=${{info#/proc/}}
        pid=${{pid%%/*}}
        of_another "$pid" "$leader" || kill -s KILL "$pid"
      done
    done <"$info"
  done 2>/dev/null
}}
end_left() {{
  [ -e "/proc/$1" ] && return
  end_holders "$@"
}}
hangup() {{
  if [ -e "/proc/$1" ]; then
    session HUP "$1"
    {{ sleep {HANGUP_SECONDS}; session KILL "$1"; end_holders "$@"; }} &
  else
    end_left "$@"
  fi
}}
hangup_all() {{ kill -s HUP -- -1; }}
signal_group() {{ kill -s "$1" -- "-$2" 2>/dev/null; }}
signal_main() {{
  IFS=' ' read -r main rest </proc/1/task/1/children
  [ -n "$main" ] && signal_group "$1" "$main"
}}
continue_stopped() {{
  IFS=' ' read -r main rest </proc/1/task/1/children
  for stat in /proc/[0-9]*/stat; do
    {{ IFS= read -r line <"$stat"; }} 2>/dev/null || continue
    pid=${{stat#/proc/}}
    pid=${{pid%/stat}}
    set -- ${{line##*) }}
    [ "$1" = T ] && [ "$3" = "$main" ] || continue
    case ${{50}}:$pid in
      20:* | 21:* | 22:* | 0:"$main") ;;
      *) continue ;;
    esac
    kill -s CONT -- "-$main"
    return
  done
}}
echo {READY}
while IFS= read -r line; do eval "$line"; done
"""

CONTROL_SHELL = _OBEY
GUARD_SHELL = _OBEY + "kill -9 -1\n"
GUARD_WITHOUT_INIT = _OBEY + "kill -s TERM 1\nkill -s HUP 1\nkill -9 -1\n"
"""Where the program is pid 1 it gets only what it takes: the kernel keeps everything else from it, KILL too."""


CONTINUE_LINE = "continue_stopped"
"""For a guard: continue the main program's process group if SIGTSTP, SIGTTIN or SIGTTOU stopped any of it.

Where Linux does not tell which signal it was (before 6.8, or of another's processes): if the main process is stopped.
"""


def hangup_line(pid: int, files: Iterable[str] = ()) -> str:
    """For a control shell: HUP to every process of the session that `pid` leads, KILL a second later.

    If `pid` has ended by itself, only what still holds its `files` is killed, as by `end_left_line`.
    """
    return " ".join(("hangup", str(pid), *files))


def hangup_all_line() -> str:
    """For a guard: HUP to every process of the container."""
    return "hangup_all"


def end_left_line(pid: int, files: Iterable[str]) -> str:
    """For a control shell: if `pid` has ended, KILL to what still holds its `files` as stdout or stderr.

    They are what the launcher said, `MOUNT:INODE`: inodes alone are other files' as well. A later session's FIFO may
    have got the same inode, so nothing is killed of a session that another exec leads: the parent of its leader is 0.
    Linux tells them in `/proc/PID/fdinfo` since 5.14, and to the same uid only: nothing happens before, or to the
    processes of a user who is not root.
    """
    return " ".join(("end_left", str(pid), *files))


def signal_line(signal: str, pid: int) -> str:
    """For a control shell: `signal` (`USR1`, without SIG) to the process group that `pid` leads."""
    return f"signal_group {signal} {pid}"


def signal_main_line(signal: str) -> str:
    """For a guard: `signal` to the process group of the container's main program, the init's first child."""
    return f"signal_main {signal}"
