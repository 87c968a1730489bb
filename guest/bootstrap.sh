# Sourced by the builders: a base image that can be pulled, or Debian's root folder from this machine's own apt sources.
# shellcheck shell=bash

# An engine behind a firewall that drops packets would try for minutes.
PULL_SECONDS=30

have_base() {
    docker image inspect "$1" >/dev/null 2>&1 && return
    say "pulling $1"
    timeout "$PULL_SECONDS" docker pull -q "$1" >/dev/null 2>&1 && return
    say "$1 cannot be pulled here"
    return 1
}

# Print how this machine's release is called, which is the one that gets built.
own_release() { . /etc/os-release && echo "$VERSION_CODENAME"; }

# Bootstrap into the tar $1; further arguments are mmdebstrap's options. The path rules are those of Debian's own slim images.
bootstrap() {
    local tar=$1 sources options=()
    shift
    mapfile -t sources < <(apt_sources)
    mapfile -t options < <(apt_options)
    mmdebstrap "${options[@]}" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        "$@" "$(own_release)" "$tar" "${sources[@]}"
}

# The distribution's own sources; those of third parties are not the image's business.
apt_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
        [ ! -s "$file" ] || echo "$file"
    done
}

# How this machine reaches its sources: proxies, certificates, and whether they may be old.
apt_options() {
    apt-config dump |
        sed -nE 's/^(Acquire::(https?::(.*::)?(Proxy|CaInfo|Verify-.*)|Check-(Valid-Until|Date)) ".+";)$/--aptopt=\1/p'
}
