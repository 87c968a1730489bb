#!/usr/bin/env bash
# make engine: a Docker Engine that answers. `engine.sh start` (the default) or `engine.sh stop`.
#
# Uses DOCKER_HOST or the usual socket when something answers there; else, as root on Debian or Ubuntu, installs
# docker.io and starts it. `stop` ends only a dockerd that `start` started.
# For tests: SSHORE_ENGINE_SOCKET is the socket, SSHORE_ENGINE_ARGS what dockerd gets besides.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

SOCKET=${SSHORE_ENGINE_SOCKET:-/var/run/docker.sock}
ADDRESS=${DOCKER_HOST:-unix://$SOCKET}
# Where the engine keeps what lives as long as it does: beside its socket, as it does by itself.
RUNTIME=${SOCKET%.sock}
# The engine notes its pid in $RUNTIME.pid; only what stands in this one is ours to stop.
PIDFILE=$STATE/engine/dockerd.pid
LOG=$STATE/engine/dockerd.log
START_SECONDS=60
STOP_SECONDS=30

# /usr/sbin is not on everybody's PATH, and dockerd needs iptables from there.
have iptables || PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# The engine's `top` is a ps, which cuts its lines where these say that a terminal ends.
unset COLUMNS LINES

main() {
    case ${1:-start} in
    start) start ;;
    stop) stop ;;
    *) die "usage: scripts/engine.sh [start|stop]" ;;
    esac
}

start() {
    if ! have_client; then
        # docker.io recommends its client as a package of its own since Debian 13, and contains it before.
        need_client
    fi
    if answers; then
        say "engine $(version) answers at $ADDRESS"
        return
    fi
    [ -z "${DOCKER_HOST:-}" ] || die "nothing answers at DOCKER_HOST=$DOCKER_HOST" "$(complaint)" \
        "start that engine, or unset DOCKER_HOST"
    [ ! -S "$SOCKET" ] || [ -w "$SOCKET" ] || die "this user may not open $SOCKET" \
        "sudo usermod -aG docker $(id -un), then log in again; or set DOCKER_HOST"
    [ "$(id -u)" = 0 ] || die "no Docker Engine answers at $ADDRESS, and only root can start one" \
        "on Debian or Ubuntu: sudo make engine, or sudo apt-get install docker.io" \
        "elsewhere: https://docs.docker.com/engine/install/; or set DOCKER_HOST"
    have dockerd || install_engine
    start_engine
}

have_client() { have docker; }

need_client() {
    can_install || die "the docker client is missing" \
        "on Debian or Ubuntu: sudo apt-get install docker.io (since Debian 13 docker-cli, too)"
    install_engine
}

install_engine() {
    can_install || die "dockerd is not installed" \
        "see https://docs.docker.com/engine/install/; or set DOCKER_HOST to an engine elsewhere"
    [ -n "$(apt-cache search --names-only '^docker\.io$')" ] || apt_update
    local packages=(docker.io iptables ca-certificates)
    [ -z "$(apt-cache search --names-only '^docker-cli$')" ] || packages+=(docker-cli)
    need_packages "${packages[@]}"
}

start_engine() {
    if [ -d /run/systemd/system ] && [ -z "${SSHORE_ENGINE_SOCKET:-}" ]; then
        say "starting docker with systemctl"
        systemctl start docker || die "systemctl could not start docker" "see: journalctl -u docker"
        wait_for_answer systemctl is-active --quiet docker
    elif another_runs; then
        # The package's own init script may have started one that does not answer yet.
        say "waiting for the dockerd that is starting"
        wait_for_answer another_runs
    else
        spawn
        wait_for_answer ours_runs
    fi
    say "engine $(version) answers at $ADDRESS"
}

spawn() {
    mkdir -p "$(dirname "$PIDFILE")" "$(dirname "$SOCKET")"
    mount_cgroups
    forget_the_dead "$PIDFILE" "$RUNTIME.pid" "$RUNTIME/containerd/containerd.pid"
    say "starting dockerd in the background, its log is $LOG"
    # A session of its own: Ctrl-C in `make run` must end the server, not the engine.
    # shellcheck disable=SC2016,SC2086 # expanded inside; several arguments in one variable
    setsid sh -c 'echo $$ >"$1"; shift; exec dockerd "$@"' sh \
        "$PIDFILE" -H "unix://$SOCKET" --pidfile "$RUNTIME.pid" --exec-root "$RUNTIME" ${SSHORE_ENGINE_ARGS:-} </dev/null >"$LOG" 2>&1 &
    until [ -s "$PIDFILE" ]; do pause; done
}

# A killed engine leaves its pid files. As long as nobody reaps the zombies, and some containers' init never does,
# the next engine takes them for living processes and does not start.
forget_the_dead() {
    local file
    for file in "$@"; do
        [ ! -s "$file" ] || grep -qs . "/proc/$(<"$file")/cmdline" || rm -f "$file"
    done
}

# Without an init system nobody may have mounted what dockerd limits containers with.
mount_cgroups() {
    grep -q ' /sys/fs/cgroup' /proc/mounts && return
    say "mounting /sys/fs/cgroup"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || die "dockerd needs cgroups, and /sys/fs/cgroup could not be mounted"
}

# Wait until the engine answers, as long as the given command says that somebody is at it.
wait_for_answer() {
    local deadline=$((SECONDS + START_SECONDS))
    until answers; do
        "$@" || fail_start "dockerd ended while it was starting"
        [ "$SECONDS" -lt "$deadline" ] || fail_start "dockerd did not answer within $START_SECONDS s"
        pause
    done
}

fail_start() {
    [ ! -s "$LOG" ] || die "$1; the end of $LOG:" "$(tail -n 8 "$LOG")"
    die "$1" "$(complaint)"
}

stop() {
    if ! ours_runs; then
        say "no dockerd of ours is running"
        rm -f "$PIDFILE"
        return
    fi
    local pid deadline=$((SECONDS + STOP_SECONDS))
    pid=$(<"$PIDFILE")
    say "stopping dockerd ($pid)"
    kill "$pid"
    while ours_runs; do
        [ "$SECONDS" -lt "$deadline" ] || die "dockerd ($pid) did not end within $STOP_SECONDS s"
        pause
    done
    rm -f "$PIDFILE"
}

ours_runs() { [ -s "$PIDFILE" ] && is_dockerd "$(<"$PIDFILE")"; }

another_runs() { [ -s "$RUNTIME.pid" ] && is_dockerd "$(<"$RUNTIME.pid")"; }

# A pid alone proves nothing: after a reboot it belongs to somebody else. A zombie has no command line.
is_dockerd() { grep -qs dockerd "/proc/$1/cmdline"; }

answers() { version >/dev/null 2>&1; }

version() { timeout 10 docker -H "$ADDRESS" version --format '{{.Server.Version}}'; }

complaint() { version 2>&1 | tail -n 1; }

pause() { sleep 0.1; }

main "$@"
