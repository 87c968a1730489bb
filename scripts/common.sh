# Sourced by every script: where things are, how to speak, how to install system packages.
# shellcheck shell=bash

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE=${SSHORE_STATE:-$ROOT/.state}
cd "$ROOT"

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

can_install() { [ "$(id -u)" = 0 ] && have apt-get; }

# Install Debian packages, or end with what the reader has to install himself.
need_packages() {
    can_install || die "these are missing: $*" \
        "on Debian or Ubuntu: sudo apt-get install $*" \
        "elsewhere: what your distribution calls them; then run this again"
    say "installing $* with apt-get"
    apt_get install --no-install-recommends "$@" >"$(log_file apt)" 2>&1 && return
    apt_update
    apt_get install --no-install-recommends "$@" >"$(log_file apt)" 2>&1 ||
        die "apt-get could not install $*" "$(tail -n 5 "$(log_file apt)")"
}

# Package lists may be absent (container images) or too old to fetch from: refresh them once per run.
apt_update() {
    [ -z "${APT_UPDATED:-}" ] || return 0
    say "refreshing the package lists with apt-get update"
    # One broken third-party source must not stop us: the install says what is really missing.
    apt_get update >"$(log_file apt)" 2>&1 || true
    APT_UPDATED=yes
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" </dev/null; }

log_file() {
    mkdir -p "$STATE/log"
    echo "$STATE/log/$1.log"
}
