# Sourced by the scripts that test: the programs that the tests drive, and a PATH that has no others.
# shellcheck shell=bash

# A program by which it shows whether the packages behind it are there. What tests call and the base system of Debian
# does not have must be here: they see nothing else.
TEST_TOOLS=(
    "busybox busybox"
    "catatonit catatonit"
    "dbclient dropbear-bin"
    "docker-compose docker-compose"
    "docker-registry docker-registry"
    "git git"
    "ip iproute2"
    "nft nftables"
    "openssl openssl"
    "podman podman"
    "ps procps"
    "psftp putty-tools"
    "rsync rsync"
    "ssh openssh-client"
    "sshd openssh-server"
    "systemd-analyze systemd"
)
# What the steps before the tests have needed.
EARLIER_TOOLS=(docker dockerd iptables make)

need_test_tools() {
    local tool missing=()
    for tool in "${TEST_TOOLS[@]}"; do
        # shellcheck disable=SC2086 # a program and its packages
        set -- $tool
        has_program "$1" || missing+=("${@:2}")
    done
    [ ${#missing[@]} -eq 0 ] || need_packages "${missing[@]}"
}

# /usr/sbin is not on everybody's PATH.
has_program() { PATH=$PATH:/usr/sbin:/sbin have "$1"; }

# From here on only those programs are found that the set-up has installed, and the base system's. What somebody has
# installed by hand cannot hide a missing step. Where there is no dpkg to ask, nothing changes.
confine_path() {
    local folder
    have dpkg-query || return 0
    folder=$(.venv/bin/python scripts/programs.py "$STATE/programs" "${TEST_TOOLS[@]%% *}" "${EARLIER_TOOLS[@]}")
    export PATH=$ROOT/.venv/bin:$folder
}
