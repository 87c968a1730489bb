"""The shell script that stays when a container's main program has ended, for any POSIX `/bin/sh` (dash, bash, busybox).

With a container's main process everything in it ends. So where there is no terminal the *keeper* is that process: it
runs the launcher as its child, and ends with the program's status once nobody holds its stdout or stderr open any
more, as sshd waits for them. It has the program's process group, and outlives every signal that the group gets;
docker-init sends the group what the engine is told to send (`KILLS_GROUP`), else the program would get none. Nothing
may stand in front of it: what an ENTRYPOINT runs holds the same stdout, and may wait for the keeper itself.

Under a terminal there is none: who has not left its foreground group gets HUP at its leader's end, under sshd as well.
"""

from __future__ import annotations

KILLS_GROUP = ("TINI_KILL_PROCESS_GROUP", "1")
"""A variable of the container's that docker-init obeys. The program does not get it."""

KEEPER = f"""\
sshore_launcher=$1 sshore_linger=$2 sshore_cut=$3 sshore_pipes=${{7%/*}}
shift 3
unset {KILLS_GROUP[0]}
exec 9>&2 2>/dev/null
sshore_signal=1
while [ $sshore_signal -le 64 ]; do
  case $sshore_signal in 9 | 17 | 19) ;; *) trap : $sshore_signal ;; esac
  sshore_signal=$((sshore_signal + 1))
done
(
  exec 2>&9 9>&-
  eval "$sshore_launcher"
)
sshore_status=$?
sshore_mount=
[ -z "$sshore_pipes" ] || while read -r sshore_id sshore_x sshore_x sshore_x sshore_point sshore_x; do
  [ "$sshore_point" != "$sshore_pipes" ] || sshore_mount=$sshore_id
done </proc/self/mountinfo
sshore_writes() {{
  sshore_ours=$2
  while read -r sshore_key sshore_value; do
    case $sshore_key in
      flags:) sshore_flags=$sshore_value ;;
      mnt_id:) [ "$sshore_value" != "$sshore_mount" ] || sshore_ours=yes ;;
    esac
  done <"$1"
  case $sshore_ours$sshore_flags in yes*[12]) return 0 ;; esac
  return 1
}}
sshore_held() {{
  for sshore_process in /proc/[0-9]*; do
    case $sshore_process in /proc/$PPID | /proc/$$) continue ;; esac
    for sshore_file in "$sshore_process"/fd/*; do
      sshore_same=
      if [ "$sshore_file" -ef /proc/$$/fd/1 ] || [ "$sshore_file" -ef /proc/$$/fd/9 ]; then
        sshore_same=yes
      elif [ -z "$sshore_mount" ]; then
        continue
      fi
      sshore_writes "$sshore_process/fdinfo/${{sshore_file##*/}}" "$sshore_same" && return 0
    done
  done
  return 1
}}
sshore_past=0
set -- 020 050 100 100 200 200 500
while sshore_held; do
  if [ $sshore_linger != 0 ] && [ $sshore_past -ge $sshore_linger ]; then
    echo "$sshore_cut" >&9
    break
  elif [ $# = 0 ]; then
    sleep 1 || break
    sshore_past=$((sshore_past + 1000))
  else
    sleep "0.$1" || sleep 1 || break
    sshore_past=$((sshore_past + 1$1 - 1000))
    shift
  fi
done
exit $sshore_status
"""


def kept_argv(argv: tuple[str, ...], *, linger: float = 0.0, cut: str = "") -> tuple[str, ...]:
    """Return the argv of a keeper for this launcher (`launch_argv`).

    It waits for at most `linger` seconds, 0 for as long as it takes; if that is too short it says `cut` on stderr.
    """
    shell, option, launcher, name, *words = argv
    return (shell, option, KEEPER, name, launcher, str(round(linger * 1000)), cut, *words)
