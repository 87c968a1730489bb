#!/usr/bin/env bash
# make gateway-image: the image sshore/gateway:latest, from deploy/Dockerfile and the wheels that requirements.lock names.
# Its base is debian:bookworm-slim where that can be had, else the same from this machine's own apt sources.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/../scripts/common.sh"
# shellcheck source=guest/recipe.sh
source guest/recipe.sh
# shellcheck source=guest/bootstrap.sh
source guest/bootstrap.sh

RECIPE_LABEL=sshore.image.recipe
IMAGE=sshore/gateway:latest
BASE=debian:bookworm-slim
OWN_BASE=sshore/gateway-base:latest
OWN_BASE_RECIPE=$(recipe_of guest/bootstrap.sh)
WHEELS=dist/gateway

main() {
    local sources=()
    mapfile -t sources < <(package_files)
    local recipe
    recipe=$(recipe_of .dockerignore deploy/Dockerfile deploy/*.py deploy/build.sh requirements.lock pyproject.toml "${sources[@]}")
    if is_current "$IMAGE" "$recipe"; then
        say "image $IMAGE is up to date"
        return
    fi
    if ! { have_base "$BASE" && build_on "$BASE" "$recipe"; }; then
        make_own_base
        build_on "$OWN_BASE" "$recipe" || die "the end of the log:" "$(tail -n 8 "$(log_file gateway-image)")"
    fi
    say "image $IMAGE is ready, $(image_size "$IMAGE")"
}

build_on() {
    local base=$1 recipe=$2
    collect_wheels "$(python_of "$base")" || die "pip could not collect the wheels"
    say "building $IMAGE from deploy/Dockerfile on $base"
    docker build --label "$RECIPE_LABEL=$recipe" --build-arg "BASE=$base" -t "$IMAGE" -f deploy/Dockerfile . \
        >"$(log_file gateway-image)" 2>&1 && return
    say "docker build failed, its log is $(log_file gateway-image)"
    return 1
}

# The base's Python decides about the wheels, whatever this machine's is; where it has none it gets Debian 12's.
python_of() {
    docker run --rm --network none --entrypoint python3 "$1" \
        -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo 3.11
}

package_files() {
    find __init__.py __main__.py py.typed actors backend config engine metrics ssh -name '*.py' -o -name py.typed | sort
}

# In three folders, so that what seldom changes is a layer of its own; pip is there to install the rest.
collect_wheels() {
    local python=$1
    say "collecting the wheels that requirements.lock names, for Python $python"
    # build/ is where setuptools keeps files of modules that are gone.
    rm -rf "$WHEELS" build
    PYTHONWARNINGS=ignore .venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --wheel-dir "$WHEELS/sshore" . &&
        download "$python" "$WHEELS/pip" --no-deps pip &&
        # By its file: another package of that name, from wherever, is not looked at.
        download "$python" "$WHEELS/dependencies" "$WHEELS"/sshore/*.whl &&
        rm "$WHEELS"/dependencies/sshore-*.whl &&
        check_hashes "$WHEELS"/{pip,dependencies}/*.whl
}

# pip checks no hashes where one requirement, sshore's own wheel, has none.
check_hashes() {
    local wheel sum
    for wheel in "$@"; do
        sum=$(sha256sum "$wheel")
        grep -q -- "--hash=sha256:${sum%% *}\( \|$\)" requirements.lock ||
            die "requirements.lock has no hash of $(basename "$wheel")" "run make lock, if that file is as it should be"
    done
}

download() {
    local python=$1 folder=$2 tag platforms=()
    shift 2
    for tag in manylinux2014 manylinux_2_17 manylinux_2_28 manylinux_2_34; do
        platforms+=(--platform "${tag}_$(uname -m)")
    done
    mkdir -p "$WHEELS"
    sed -n 's/^\([^ #]*==[^ ]*\).*/\1/p' requirements.lock >"$WHEELS/pins.txt"
    .venv/bin/pip download --quiet --disable-pip-version-check --only-binary=:all: --python-version "$python" \
        "${platforms[@]}" --constraint "$WHEELS/pins.txt" --dest "$folder" "$@"
}

make_own_base() {
    if is_current "$OWN_BASE" "$OWN_BASE_RECIPE"; then
        say "image $OWN_BASE is up to date"
        return
    fi
    have mmdebstrap || need_packages mmdebstrap
    local tar=$STATE/gateway-base.tar log
    log=$(log_file gateway-base)
    say "building $OWN_BASE from this machine's apt sources, about half a minute"
    bootstrap "$tar" --variant=essential --include=openssh-client,passwd,python3 >"$log" 2>&1 ||
        die "mmdebstrap failed; the end of $log:" "$(tail -n 8 "$log")"
    import_image "$OWN_BASE" "$OWN_BASE_RECIPE" "$tar" 'CMD ["/bin/sh"]'
    rm -f "$tar"
}

main
