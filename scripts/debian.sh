# Sourced by scripts: what another Debian has, without installing it: packages unpacked into a folder, or a root of its own.
# shellcheck shell=bash

# shellcheck source=guest/bootstrap.sh
source guest/bootstrap.sh

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Print the line of sources for the Debian $1, at the mirror of this machine's own sources; fail if they are not Debian's.
debian_source() {
    local mirror
    # shellcheck disable=SC2016 # apt's own fields
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 !~ /-/ { print $3; exit }')
    [ -n "$mirror" ] && [ -f "$KEYRING" ] && echo "deb [signed-by=$KEYRING] $mirror $1 main"
}

# Unpack packages of the Debian $1 into the folder $2; the machine's own lists and packages stay as they are.
unpack_debian() {
    local release=$1 folder=$2 apt options deb
    shift 2
    apt=$STATE/apt-$release
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} "$folder"
    debian_source "$release" >"$apt/sources.list" || return
    mapfile -t options < <(apt_options | sed 's/^--aptopt=\(.*\) "\(.*\)";$/-o\1=\2/')
    options+=("-oDir::Etc::SourceList=$apt/sources.list" -oDir::Etc::SourceParts=- "-oDir::State::Lists=$apt/lists"
        "-oDir::Cache=$apt/cache" -oAcquire::Languages=none -oAPT::Sandbox::User=root
        -oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    apt-get -q "${options[@]}" update && (cd "$apt/debs" && apt-get -q "${options[@]}" download "$@") || return
    for deb in "$apt"/debs/*.deb; do dpkg -x "$deb" "$folder" || return; done
    rm -rf "$apt"
}

# Bootstrap the Debian $1 into the folder $2 with the packages $3 (a,b,c).
debian_root() {
    local options
    mapfile -t options < <(apt_options)
    have mmdebstrap || need_packages mmdebstrap
    mmdebstrap "${options[@]}" --quiet --variant=minbase --include="$3" "$1" "$2" "$(debian_source "$1")"
}
