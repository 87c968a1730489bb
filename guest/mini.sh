#!/usr/bin/env bash
# The image sshore/mini:latest for tests and measurements: busybox, sftp-server, terminfo; made in about a second.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/../scripts/common.sh"
# shellcheck source=guest/recipe.sh
source guest/recipe.sh

IMAGE=sshore/mini:latest
RECIPE=$(recipe_of guest/mini.sh)
WORK=$STATE/mini
DEBS=$WORK/debs
IMAGE_ROOT=$WORK/root

main() {
    if is_current "$IMAGE" "$RECIPE"; then
        say "image $IMAGE is up to date"
        return
    fi
    say "building $IMAGE from Debian's busybox"
    rm -rf "$WORK"
    mkdir -p "$DEBS/unpacked" "$IMAGE_ROOT"/{bin,dev,etc,home/sshore,lib/terminfo,proc,root,sys,tmp,usr/lib/openssh}
    fetch_debs
    add_busybox
    add_sftp_server
    add_accounts
    add_terminals
    pack
    import_image "$IMAGE" "$RECIPE" "$WORK/root.tar" 'ENV PATH=/bin' 'CMD ["/bin/sh"]'
    rm -rf "$WORK"
    say "image $IMAGE is ready, $(image_size "$IMAGE")"
}

# Downloaded and unpacked, not installed: the machine itself stays as it is.
fetch_debs() {
    local packages=(busybox-static ncurses-base openssh-sftp-server) deb
    if ! download "${packages[@]}"; then
        can_install || die "apt-get download ${packages[*]} failed" "sudo apt-get update, then run this again"
        apt_update
        download "${packages[@]}" || die "apt-get download ${packages[*]} failed" "$(tail -n 3 "$(log_file mini)")"
    fi
    for deb in "$DEBS"/*.deb; do dpkg -x "$deb" "$DEBS/unpacked"; done
}

download() {
    (cd "$DEBS" && apt-get -q download "$@") >"$(log_file mini)" 2>&1
}

add_busybox() {
    local applet
    cp "$(unpacked bin/busybox)" "$IMAGE_ROOT/bin/busybox"
    for applet in $("$IMAGE_ROOT/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$IMAGE_ROOT/bin/$applet"
    done
    ln -s ../bin "$IMAGE_ROOT/usr/bin"
}

add_sftp_server() {
    local server=$DEBS/unpacked/usr/lib/openssh/sftp-server library
    cp "$server" "$IMAGE_ROOT/usr/lib/openssh/"
    ! ldd "$server" | grep 'not found' || die "sftp-server needs these libraries" "sudo apt-get install openssh-client"
    for library in $(ldd "$server" | grep -o '/[^ ]*'); do
        mkdir -p "$IMAGE_ROOT$(dirname "$library")"
        cp -L "$library" "$IMAGE_ROOT$library"
    done
}

add_terminals() { cp -RL "$(unpacked lib/terminfo share/terminfo)/." "$IMAGE_ROOT/lib/terminfo/"; }

# Print where the first of these is that the packages have, below / or, since Debian 13, below /usr.
unpacked() {
    local name prefix
    for name in "$@"; do
        for prefix in "$DEBS/unpacked" "$DEBS/unpacked/usr"; do
            [ ! -e "$prefix/$name" ] || { echo "$prefix/$name"; return; }
        done
    done
    die "the downloaded packages have none of these: $*"
}

add_accounts() {
    printf '%s\n' root:x:0:0:root:/root:/bin/sh sshore:x:1000:1000::/home/sshore:/bin/sh >"$IMAGE_ROOT/etc/passwd"
    printf '%s\n' root:x:0: sshore:x:1000: >"$IMAGE_ROOT/etc/group"
    chmod 1777 "$IMAGE_ROOT/tmp"
}

pack() {
    local options=(--directory "$IMAGE_ROOT" --numeric-owner --file "$WORK/root.tar")
    tar "${options[@]}" --create --owner=0 --group=0 --exclude=./home/sshore .
    tar "${options[@]}" --append --owner=1000 --group=1000 ./home/sshore
}

main
