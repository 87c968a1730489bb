"""The shell script that becomes a session's program, for any POSIX `/bin/sh` (dash, bash, busybox).

The *launcher* says the program's pid, sets the terminal's size and the login environment and becomes the program. It
uses builtins only where it can: a fork costs a millisecond on the way to the user's first byte.
"""

from __future__ import annotations

from dataclasses import dataclass

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

LAUNCHER = f"""\
[ "$1" = pid ] && echo $$
[ -n "$2" ] && stty cols "${{2%x*}}" rows "${{2#*x}}" 2>/dev/null
while read -r sshore_key sshore_uid sshore_rest; do
  [ "$sshore_key" = Uid: ] && break
done </proc/self/status
[ -r /etc/passwd ] && while IFS=: read -r sshore_user sshore_x sshore_id sshore_gid sshore_name sshore_home \\
  sshore_shell; do
  [ "$sshore_id" = "$sshore_uid" ] && break
done </etc/passwd
if [ "$sshore_id" = "$sshore_uid" ]; then
  export USER="${{USER-$sshore_user}}" LOGNAME="${{LOGNAME-$sshore_user}}" HOME="${{HOME-$sshore_home}}"
  SHELL=$sshore_shell
fi
[ -x "$SHELL" ] || SHELL={SHELL}
export SHELL
[ -t 0 ] && sshore_tty=$(tty 2>/dev/null) && export SSH_TTY="$sshore_tty"
[ "$PWD" = / ] && [ -d "$HOME" ] && cd "$HOME"
sshore_form=$3
shift 3
case $sshore_form in
  shell) exec "$SHELL" -l ;;
  command) exec "$SHELL" -c "$1" ;;
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


def launch_argv(program: Program, *, size: tuple[int, int] | None, say_pid: bool) -> tuple[str, ...]:
    """Return the argv that becomes `program`.

    With `say_pid` the first line of its stdout is its pid in the container's own numbering, in decimal; it leads a
    process group and a session of that number. `size` is columns × rows, set before the program's first
    instruction where the image has `stty`.
    """
    columns_x_rows = f"{size[0]}x{size[1]}" if size else ""
    return (SHELL, "-c", LAUNCHER, "sshore", "pid" if say_pid else "", columns_x_rows, *program.arguments())
