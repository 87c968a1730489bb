#!/usr/bin/env bash
# test_worker.sh ARGUMENTS…: .venv's python, in a world of its own, as a worker of pytest-xdist.
#
# In it are a network with nothing but loopback and what the engine makes there, no process but its own, its mounts, and a
# Docker Engine of its own with the images of $SSHORE_TESTS_ROOM. All of it ends with the worker, however that ends: the
# kernel ends whatever is left in a process namespace whose first process is gone. Where there are no images there is no
# engine.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

ROOM=$SSHORE_TESTS_ROOM

if [ "${1:-}" != --inside ]; then
    # Whoever started this, too: it does not outlive that one.
    exec setpriv --pdeathsig KILL unshare --net --pid --mount --fork --kill-child --mount-proc "$0" --inside "$@"
fi
shift

main() {
    # Its standard input and output are pytest-xdist's.
    settle >"$FOLDER/log" 2>&1 </dev/null || die "a worker has no engine" "$(tail -n 20 "$FOLDER/log")"
}

settle() {
    ip link set lo up
    hide /run/netns /run/containerd /run/systemd /dev/shm
    [ -e "$ROOM/images.tar" ] || return 0
    SSHORE_STATE=$FOLDER/state SSHORE_ENGINE_SOCKET=$FOLDER/docker.sock SSHORE_ENGINE_ARGS="--data-root $FOLDER/data" \
        scripts/engine.sh start
    DOCKER_HOST=unix://$FOLDER/docker.sock docker load <"$ROOM/images.tar"
    # Published configurations name the usual socket: here it is this engine's.
    [ ! -e /run/docker.sock ] || mount --bind "$FOLDER/docker.sock" /run/docker.sock
}

# Names of network namespaces; the machine's own containerd, which an engine would use; its systemd, which an engine would
# ask for cgroups, and which knows these processes by other numbers; the locks of podman.
hide() {
    local folder
    for folder in "$@"; do
        mkdir -p "$folder"
        mount -t tmpfs tmpfs "$folder"
    done
}

FOLDER=$(mktemp -d "$ROOM/XXX")
chmod 711 "$FOLDER"
unset DOCKER_HOST
main
[ ! -e "$ROOM/images.tar" ] || export DOCKER_HOST=unix://$FOLDER/docker.sock
export TMPDIR=$FOLDER
# Not exec: the first process has to wait for those that lose their parents.
.venv/bin/python "$@"
exit "$?"
