# Sourced by the builders: an image carries the hash of what it was made from, and is made again when that changes.
# shellcheck shell=bash

RECIPE_LABEL=sshore.guest.recipe

# Print the hash of the named files: names and contents.
recipe_of() { sha256sum "$@" | sha256sum | cut -c1-16; }

# Does the image exist, made from this recipe?
is_current() {
    local made_from
    made_from=$(docker image inspect --format "{{index .Config.Labels \"$RECIPE_LABEL\"}}" "$1" 2>/dev/null) &&
        [ "$made_from" = "$2" ]
}

# Make an image from a tar of its root folder; further arguments are Dockerfile instructions.
import_image() {
    local image=$1 recipe=$2 tar=$3 instruction changes=()
    shift 3
    for instruction in "LABEL $RECIPE_LABEL=$recipe" "$@"; do changes+=(--change "$instruction"); done
    docker import "${changes[@]}" "$tar" "$image" >/dev/null
}

image_size() { docker image inspect --format '{{.Size}}' "$1" | awk '{printf "%.1f MB", $1 / 1e6}'; }
