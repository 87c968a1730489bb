# Sourced by the scripts that test: installs the programs that the tests drive.
# shellcheck shell=bash

need_test_tools() {
    local missing=()
    have ssh || missing+=(openssh-client)
    have rsync || missing+=(rsync)
    have git || missing+=(git)
    have docker-registry || missing+=(docker-registry)
    have docker-compose || missing+=(docker-compose)
    have dbclient || missing+=(dropbear-bin)
    have psftp || missing+=(putty-tools)
    have podman || missing+=(podman catatonit)
    have systemd-analyze || missing+=(systemd)
    [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
    [ ${#missing[@]} -eq 0 ] || need_packages "${missing[@]}"
}
