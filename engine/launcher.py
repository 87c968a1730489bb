"""The shell script that becomes a session's program, for any POSIX `/bin/sh` (dash, bash, busybox).

The *launcher* sets the terminal up, says the program's pid, makes the login environment and becomes the program. It
uses builtins only, but for one `stty` with a terminal: a fork costs a millisecond on the way to the user's first byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from .tty_modes import stty_settings

SHELL = "/bin/sh"
PID_LINE_LIMIT = 32
ARGUMENT_LIMIT = 131_071
"""The kernel's limit for one argument or one environment string, in bytes, its NUL not counted."""

SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
)
"""Where Debian, Alpine and Arch, Fedora, and others keep OpenSSH's sftp-server."""

_LOGIN_SHELLS = "ash | bash | csh | dash | fish | ksh | mksh | rbash | sh | tcsh | yash | zsh"
"""Those that become a login shell by `-l`. sshd writes a `-` in front of argv[0], which no POSIX shell can."""

LAUNCHER = f"""\
sshore_say=$1 sshore_tty=$2 sshore_stay=$3 sshore_form=$4
shift 4
if [ -n "$sshore_tty" ]; then
  set -f
  IFS=' ,'
  stty $sshore_tty 2>/dev/null || {{
    IFS=,
    for sshore_setting in $sshore_tty; do
      IFS=' '
      stty $sshore_setting 2>/dev/null
    done
  }}
  unset IFS
  set +f
fi
[ -t 0 ] && for sshore_file in /dev/pts/[0-9]*; do
  [ "$sshore_file" -ef /proc/self/fd/0 ] && export SSH_TTY="$sshore_file" && break
done
if [ -n "$sshore_say" ]; then
  sshore_pipes=
  [ -t 1 ] || for sshore_fd in 1 2; do
    while read -r sshore_key sshore_inode; do
      [ "$sshore_key" = ino: ] && sshore_pipes="$sshore_pipes $sshore_inode"
    done </proc/self/fdinfo/$sshore_fd
  done
  echo $$$sshore_pipes
fi
while read -r sshore_key sshore_uid sshore_rest; do
  [ "$sshore_key" = Uid: ] && break
done </proc/self/status
[ -r /etc/passwd ] && while IFS=: read -r sshore_user sshore_x sshore_id sshore_gid sshore_name sshore_home \\
  sshore_shell; do
  [ "$sshore_id" = "$sshore_uid" ] && break
done </etc/passwd
if [ "$sshore_id" = "$sshore_uid" ]; then
  export USER="${{USER:-$sshore_user}}" LOGNAME="${{LOGNAME:-$sshore_user}}" HOME="${{HOME:-$sshore_home}}"
else
  sshore_shell=
fi
case $sshore_shell in */nologin | */false) sshore_shell= ;; esac
[ -x "$sshore_shell" ] || sshore_shell={SHELL}
case $SHELL in "" | */nologin | */false) SHELL=$sshore_shell ;; esac
export SHELL
[ -z "$sshore_stay" ] && [ "$PWD" = / ] && [ -d "$HOME" ] && cd "$HOME" 2>/dev/null
case $sshore_form in
  shell)
    case ${{sshore_shell##*/}} in
      {_LOGIN_SHELLS}) exec "$sshore_shell" -l ;;
      *) exec "$sshore_shell" ;;
    esac ;;
  command) exec "$sshore_shell" -c "$1" ;;
  argv) exec "$@" ;;
  sftp)
    for sshore_file in {" ".join(SFTP_SERVERS)}; do
      [ -x "$sshore_file" ] && exec "$sshore_file"
    done
    echo "sshore: this image has no sftp-server" >&2
    exit 127 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class LoginShell:
    """The container user's own shell from `/etc/passwd`, as a login shell."""

    def arguments(self) -> tuple[str, ...]:
        return ("shell",)


@dataclass(frozen=True, slots=True)
class Command:
    """One command line for the container user's own shell (`shell -c COMMAND`)."""

    line: str

    def arguments(self) -> tuple[str, ...]:
        return ("command", self.line)


@dataclass(frozen=True, slots=True)
class Argv:
    """A program with its arguments, not seen by any shell."""

    words: tuple[str, ...]

    def arguments(self) -> tuple[str, ...]:
        return ("argv", *self.words)


@dataclass(frozen=True, slots=True)
class Sftp:
    """OpenSSH's sftp-server, wherever the image keeps it."""

    def arguments(self) -> tuple[str, ...]:
        return ("sftp",)


Program = LoginShell | Command | Argv | Sftp


@dataclass(frozen=True, slots=True)
class Tty:
    """A terminal of the client's.

    `size` is columns × rows, None where the engine sets it; `modes` are RFC 4254 §8's pairs of opcode and argument.
    They are set where the image has `stty`, by a single call unless that does not know all of them.
    """

    size: tuple[int, int] | None
    modes: tuple[tuple[int, int], ...] = ()


def launch_argv(
    program: Program, *, tty: Tty | None = None, stay: bool = False, say_pid: bool = False
) -> tuple[str, ...]:
    """Return the argv that becomes `program`.

    With `say_pid` the first line of its stdout is its pid in the container's own numbering, in decimal; it leads a
    process group and a session of that number. Without a terminal the inodes of its stdout and stderr follow,
    where Linux tells them (5.14). `tty` is told where stdin is a terminal, and set up before that line.
    With `stay` it begins in `/` if it is started there, else in the home directory.
    """
    settings = stty_settings(tty.size, tty.modes) if tty else ""
    words = ("pid" if say_pid else "", settings, "stay" if stay else "", *program.arguments())
    return (SHELL, "-c", LAUNCHER, "sshore", *words)
