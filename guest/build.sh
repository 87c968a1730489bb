#!/usr/bin/env bash
# make image: the guest image sshore/guest:latest, from guest/Dockerfile where debian:bookworm-slim can be had,
# else the same content from this machine's own apt sources.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/../scripts/common.sh"
# shellcheck source=guest/recipe.sh
source guest/recipe.sh

IMAGE=sshore/guest:latest
BASE=debian:bookworm-slim
# An engine behind a firewall that drops packets would try for minutes.
PULL_SECONDS=30
RECIPE=$(recipe_of guest/Dockerfile guest/build.sh guest/packages.txt guest/setup.sh)

main() {
    if is_current "$IMAGE" "$RECIPE"; then
        say "image $IMAGE is up to date"
        return
    fi
    if ! { have_base && build_from_base; }; then
        build_offline
    fi
    say "image $IMAGE is ready, $(image_size "$IMAGE")"
}

have_base() {
    docker image inspect "$BASE" >/dev/null 2>&1 && return
    say "pulling $BASE"
    timeout "$PULL_SECONDS" docker pull -q "$BASE" >/dev/null 2>&1 && return
    say "$BASE cannot be pulled here"
    return 1
}

build_from_base() {
    say "building $IMAGE from guest/Dockerfile"
    docker build --label "$RECIPE_LABEL=$RECIPE" -t "$IMAGE" guest >"$(log_file guest)" 2>&1 && return
    say "docker build failed, its log is $(log_file guest)"
    return 1
}

build_offline() {
    local tar=$STATE/guest/root.tar
    have mmdebstrap || need_packages mmdebstrap
    mkdir -p "$STATE/guest"
    say "building $IMAGE from this machine's apt sources, about a minute"
    bootstrap "$tar" >"$(log_file guest)" 2>&1 ||
        die "mmdebstrap failed; the end of $(log_file guest):" "$(tail -n 8 "$(log_file guest)")"
    import_image "$IMAGE" "$RECIPE" "$tar" \
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'ENV LANG=C.UTF-8' 'CMD ["/bin/bash"]'
    rm -f "$tar"
}

bootstrap() {
    local sources options=()
    mapfile -t sources < <(apt_sources)
    mapfile -t options < <(apt_options)
    # The path rules are those of Debian's own slim images.
    # shellcheck disable=SC2016 # the hook's $1 is mmdebstrap's
    mmdebstrap --variant=minbase --include="$(paste -sd, guest/packages.txt)" "${options[@]}" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        --customize-hook='copy-in guest/setup.sh /run' \
        --customize-hook='chroot "$1" sh /run/setup.sh && rm "$1/run/setup.sh"' \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1" "${sources[@]}"
}

# The distribution's own sources; those of third parties are not the guest's business.
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

main
