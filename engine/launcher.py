"""The shell script that becomes a session's program, for any POSIX `/bin/sh` (dash, bash, busybox).

The *launcher* sets the umask and the terminal, says the program's pid, makes the login environment and becomes the
program. It uses builtins only, but for one `stty` with a terminal: a fork costs a millisecond on the way to the user's
first byte.

Told of named pipes (`NamedPipes`) it moves its stdin, stdout and stderr to them, and only then says its pid, on the
stdout that it came with. A directory of the same name on another host or in a virtual machine has no pipe of these
names, or its kernel another boot id.
"""

from __future__ import annotations

from dataclasses import dataclass

from .tty_modes import stty_settings

SHELL = "/bin/sh"
PID_LINE_LIMIT = 128
PIPED, APART, CLOSED = "piped", "apart", "closed"
"""What a launcher that was told of named pipes says behind its pid: it uses them, the directory is not there or is
another host's, or it may not open them."""
ARGUMENT_LIMIT = 131_071
"""The kernel's limit for one argument or one environment string, in bytes, its NUL not counted."""
UMASK_OF_SSHD = "go-w"
"""What sshd leaves of the umask that it was started with, as POSIX's `umask` takes it: at least 022.

An engine's own is 0, and newer runtimes pass it on to what is exec'd (runc 1.5).
"""

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
sshore_say=$1 sshore_tty=$2 sshore_stay=$3 sshore_fifos=$4 sshore_boot=$5 sshore_must=$6 sshore_form=$8
umask "$7"
shift 8
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
sshore_carrier=
if [ -n "$sshore_fifos" ]; then
  sshore_carrier={APART}
  {{ read -r sshore_host </proc/sys/kernel/random/boot_id; }} 2>/dev/null
  exec 7<&0 8>&1 9>&2
  if [ "$sshore_host" = "$sshore_boot" ] && [ -p "$sshore_fifos.in" ]; then
    sshore_carrier={CLOSED}
    if [ -r "$sshore_fifos.in" ] && [ -w "$sshore_fifos.out" ] && [ -w "$sshore_fifos.err" ] &&
      command exec <"$sshore_fifos.in" >"$sshore_fifos.out" 2>"$sshore_fifos.err"; then
      sshore_carrier={PIPED}
    else
      exec <&7 >&8 2>&9
    fi
  fi
  exec 7<&- 9>&-
  if [ -n "$sshore_must" ] && [ $sshore_carrier != {PIPED} ]; then
    echo "sshore: the named pipes cannot be used ($sshore_carrier)" >&2
    exit 126
  fi
fi
if [ -n "$sshore_say" ]; then
  sshore_files=
  [ -t 1 ] || for sshore_fd in 1 2; do
    while read -r sshore_key sshore_value; do
      case $sshore_key in
        mnt_id:) sshore_mount=$sshore_value ;;
        ino:) sshore_files="$sshore_files $sshore_mount:$sshore_value" ;;
      esac
    done </proc/self/fdinfo/$sshore_fd
  done
  [ -n "$sshore_fifos" ] || exec 8>&1
  echo "$$$sshore_files${{sshore_carrier:+ $sshore_carrier}}" >&8
  exec 8>&-
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
[ -n "$TERM" ] || unset TERM
case $SHELL in "" | */nologin | */false) SHELL=$sshore_shell ;; esac
export SHELL
[ -z "$sshore_stay" ] && [ "$PWD" = / ] && [ -d "$HOME" ] && cd "$HOME" 2>/dev/null && unset OLDPWD
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
      [ -x "$sshore_file" ] && exec "$sshore_file" "$@"
    done
    echo "sshore: this image has no sftp-server" >&2
    exit 127 ;;
esac
"""

BEGINNING = (SHELL, "-c", LAUNCHER, "sshore")
"""What every launcher's argv begins with."""


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
    """OpenSSH's sftp-server, wherever the image keeps it, with its `options` (sftp-server(8))."""

    options: tuple[str, ...] = ()

    def arguments(self) -> tuple[str, ...]:
        return ("sftp", *self.options)


Program = LoginShell | Command | Argv | Sftp


@dataclass(frozen=True, slots=True)
class Tty:
    """A terminal of the client's.

    `size` is columns × rows, None where the engine sets it; `modes` are RFC 4254 §8's pairs of opcode and argument.
    They are set where the image has `stty`, by a single call unless that does not know all of them.
    """

    size: tuple[int, int] | None
    modes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class NamedPipes:
    """Where a launcher without a terminal finds `PATH.in`, `PATH.out` and `PATH.err`.

    `boot_id` is the kernel's that they are on. With `must` a launcher that cannot use them ends with 126 in place of
    going on without.
    """

    path: str
    boot_id: str
    must: bool = False


def launch_argv(
    program: Program,
    *,
    tty: Tty | None = None,
    stay: bool = False,
    say_pid: bool = False,
    pipes: NamedPipes | None = None,
    umask: str = UMASK_OF_SSHD,
) -> tuple[str, ...]:
    """Return the argv that becomes `program`, with this `umask`: octal digits, or what POSIX's `umask` takes besides.

    With `say_pid`, or told of `pipes`, the first line of its stdout is its pid in the container's own numbering, in
    decimal; it leads a process group and a session of that number. Without a terminal its stdout and stderr follow as
    `MOUNT:INODE`, where Linux tells them (5.14), and what became of the pipes: PIPED, APART or CLOSED. `tty` is told
    where stdin is a terminal, and set up before that line. With `stay` it begins in `/` if it is started there, else in
    the home directory.
    """
    settings = stty_settings(tty.size, tty.modes) if tty else ""
    words = ("pid" if say_pid or pipes else "", settings, "stay" if stay else "")
    carrier = (pipes.path, pipes.boot_id, "must" if pipes.must else "") if pipes else ("", "", "")
    return (*BEGINNING, *words, *carrier, umask, *program.arguments())
