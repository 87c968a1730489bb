#!/usr/bin/env bash
# make test: the linters, then every test. make unit: the same without the tests that need an engine. make conformance:
# every cell of the conformance suite, every exit code, every engine's contract. PYTEST_ARGS narrows or widens what pytest runs.
#
# The tests run side by side, each worker in a world of its own (scripts/test_worker.sh). SSHORE_TESTS_WORKERS says how
# many there are, by default as many as processors. With 0, without root or with a DOCKER_HOST they run one after the
# other, at the engine that there is.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# shellcheck source=scripts/test_tools.sh
source scripts/test_tools.sh

IMAGES=(sshore/guest:latest sshore/mini:latest)

main() {
    local part=${1:-all}
    local selection=() given
    need_test_tools
    case $part in
    all)
        guest/mini.sh
        fetch_engines docker-28 podman-5
        deploy/build.sh
        IMAGES+=(sshore/gateway:latest)
        scripts/lint.sh
        ;;
    conformance)
        guest/mini.sh
        fetch_engines docker-26 docker-28 podman-5
        export SSHORE_CONFORMANCE=all
        selection=(tests/conformance tests/engine/contract)
        ;;
    unit)
        scripts/lint.sh
        selection=(-m "not engine")
        ;;
    *) die "usage: scripts/test.sh [all|conformance|unit]" ;;
    esac
    # As a shell reads it: -m "not engine" is two arguments.
    eval "given=(${PYTEST_ARGS:-})"
    confine_path
    run "$part" "${selection[@]}" "${given[@]}"
}

# Where there is no Debian to take them from, the tests of these engines are skipped; the others run as they do.
fetch_engines() {
    local cause
    if cause=$(scripts/engines.sh --missing); then
        say "engines of other Debians are left out: $cause"
        export SSHORE_TESTS_OWN_ENGINES=1
    else
        scripts/engines.sh "$@"
    fi
}

run() {
    local part=$1 workers=${SSHORE_TESTS_WORKERS:-$(number_of_workers "$1")}
    shift
    if [ "$workers" = 0 ]; then
        say "pytest"
        exec .venv/bin/pytest -q "$@"
    fi
    make_room
    # The workers' engines get these. Where there are none a worker has no engine.
    [ "$part" = unit ] || docker save -o "$SSHORE_TESTS_ROOM/images.tar" "${IMAGES[@]}"
    say "pytest, $workers workers"
    .venv/bin/pytest -q --tx "$workers*popen//python=$ROOT/scripts/test_worker.sh" --dist worksteal \
        --basetemp "$SSHORE_TESTS_ROOM/p" "$@"
}

number_of_workers() {
    if [ "$(id -u)" != 0 ] || { [ "$1" != unit ] && [ -n "${DOCKER_HOST:-}" ]; }; then echo 0; else nproc; fi
}

# A folder for all that the workers write. Its path is short: a socket's has 107 bytes at most. Who has it holds a lock,
# which ends with the last of the run's processes: a folder without one is what a killed run has left.
make_room() {
    local old
    for old in /var/tmp/sshore.*; do
        if [ -d "$old" ] && flock --nonblock "$old" true; then remove_room "$old"; fi
    done
    SSHORE_TESTS_ROOM=$(mktemp -d /var/tmp/sshore.XXX)
    # The root of a container that is nobody here has to come to its own.
    chmod 711 "$SSHORE_TESTS_ROOM"
    export SSHORE_TESTS_ROOM
    exec 9<"$SSHORE_TESTS_ROOM"
    flock 9
    trap 'remove_room "$SSHORE_TESTS_ROOM"' EXIT
}

# The second time for what a worker that is being killed has written meanwhile.
remove_room() { rm -rf --one-file-system "$1" 2>/dev/null || { sleep 1 && rm -rf --one-file-system "$1"; }; }

main "$@"
