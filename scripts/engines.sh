#!/usr/bin/env bash
# Engines of other Debians, for the tests: each of the named ones into a folder of .state/engines; without names, all.
# `--missing` says why none can be had here, or fails. docker-26 and docker-28 are dockerd and containerd, which run
# beside this machine's own runc; podman-5 is a root of its own.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
# shellcheck source=scripts/debian.sh
source scripts/debian.sh

ENGINES=$STATE/engines
declare -A DOCKER_OF=([docker-26]=trixie [docker-28]=sid)
PROGRAMS=(usr/sbin/dockerd usr/sbin/docker-proxy usr/bin/containerd usr/bin/containerd-shim-runc-v2)
PODMAN_OF=trixie
PODMAN_PACKAGES=podman,catatonit,runc,netavark,nftables,iptables

main() {
    local name names=("$@") cause
    if cause=$(why_not); then
        [ "${1:-}" != --missing ] || { echo "$cause" && exit 0; }
        die "$cause"
    fi
    [ "${1:-}" != --missing ] || exit 1
    [ $# -gt 0 ] || names=(docker-26 docker-28 podman-5)
    for name in "${names[@]}"; do
        [ -e "$ENGINES/$name/.complete" ] || fetch "$name"
    done
}

why_not() {
    if ! can_install; then
        echo "only root can take them from Debian's packages"
    elif ! { debian_source sid || { apt_update >&2 && debian_source sid; }; } >/dev/null; then
        echo "this machine's apt sources are not Debian's"
    else
        return 1
    fi
}

fetch() {
    local name=$1 folder=$ENGINES/$1 log
    log=$(log_file "$name")
    say "fetching $name"
    rm -rf --one-file-system "$folder"
    mkdir -p "$folder"
    case $name in
    docker-*) fetch_docker "${DOCKER_OF[$name]}" "$folder" ;;
    podman-5) debian_root "$PODMAN_OF" "$folder/root" "$PODMAN_PACKAGES" ;;
    *) die "no such engine: $name" ;;
    esac >"$log" 2>&1 || die "$name could not be had; the end of $log:" "$(tail -n 5 "$log")"
    touch "$folder/.complete"
}

# Its runc would need another glibc, and so would its init.
fetch_docker() {
    local unpacked=$2/unpacked program
    unpack_debian "$1" "$unpacked" docker.io containerd || return
    mkdir "$2/bin"
    for program in "${PROGRAMS[@]}"; do mv "$unpacked/$program" "$2/bin/" || return; done
    rm -rf "$unpacked"
}

main "$@"
