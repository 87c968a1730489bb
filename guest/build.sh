#!/usr/bin/env bash
# make image: the guest image sshore/guest:latest, from guest/Dockerfile where debian:bookworm-slim can be had,
# else the same content from this machine's own apt sources.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/../scripts/common.sh"
# shellcheck source=guest/recipe.sh
source guest/recipe.sh
# shellcheck source=guest/bootstrap.sh
source guest/bootstrap.sh

IMAGE=sshore/guest:latest
BASE=debian:bookworm-slim
RECIPE=$(recipe_of guest/Dockerfile guest/bootstrap.sh guest/build.sh guest/packages.txt guest/setup.sh)

main() {
    if is_current "$IMAGE" "$RECIPE"; then
        say "image $IMAGE is up to date"
        return
    fi
    if ! { have_base "$BASE" && build_from_base; }; then
        build_offline
    fi
    say "image $IMAGE is ready, $(image_size "$IMAGE")"
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
    bootstrap_guest "$tar" >"$(log_file guest)" 2>&1 ||
        die "mmdebstrap failed; the end of $(log_file guest):" "$(tail -n 8 "$(log_file guest)")"
    import_image "$IMAGE" "$RECIPE" "$tar" \
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'ENV LANG=C.UTF-8' 'CMD ["/bin/bash"]'
    rm -f "$tar"
}

# shellcheck disable=SC2016 # the hook's $1 is mmdebstrap's
bootstrap_guest() {
    bootstrap "$1" --variant=minbase --include="$(paste -sd, guest/packages.txt)" \
        --customize-hook='copy-in guest/setup.sh /run' \
        --customize-hook='chroot "$1" sh /run/setup.sh && rm "$1/run/setup.sh"'
}

main
