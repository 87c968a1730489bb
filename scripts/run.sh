#!/usr/bin/env bash
# make run: a server on loopback that lets a freshly made key in, and the ssh command to copy.
# Keys, configuration and the server's state are in .state/run; Ctrl-C ends the server.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

RUN=$STATE/run
KEY=$RUN/client_key
READY_SECONDS=60

main() {
    have ssh-keygen || need_packages openssh-client
    umask 077
    mkdir -p "$RUN/authorized_keys"
    let_key_in
    local ssh_port metrics_port health_port
    ssh_port=$(free_port 2222)
    metrics_port=$(free_port 9100)
    health_port=$(free_port 7000)
    write_config "$ssh_port" "$metrics_port" "$health_port" >"$RUN/sshore.yaml"
    say "starting the server; its configuration is $RUN/sshore.yaml"
    # Twice in the background: the server takes over this process and should have no child it does not know.
    (announce $$ "$ssh_port" "$health_port" "$metrics_port" &)
    exec .venv/bin/sshore serve --config "$RUN/sshore.yaml" --state "$RUN"
}

let_key_in() {
    local user
    if [ ! -s "$KEY" ]; then
        say "making the key pair $KEY"
        ssh-keygen -q -t ed25519 -N '' -C 'sshore make run' -f "$KEY"
    fi
    for user in root demo "$(id -un)"; do cp "$KEY.pub" "$RUN/authorized_keys/$user"; done
}

# Print the first port from $1 on that nobody listens on.
free_port() {
    .venv/bin/python - "$1" <<'PYTHON'
import socket, sys

for port in range(int(sys.argv[1]), 65536):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        sys.exit(print(port))
PYTHON
}

write_config() {
    cat <<YAML
# Written by \`make run\` every time; to change something, copy it and start \`sshore serve --config COPY\`.
ssh:
  listen: 127.0.0.1:$1
  drainTime: 0
auth:
  authorizedKeys: authorized_keys/%u
metrics:
  enable: true
  listen: 127.0.0.1:$2
health:
  enable: true
  listen: 127.0.0.1:$3
docker:
  execution:
    container:
      Image: sshore/guest:latest
    pool:
      size: 2
YAML
}

# Say how to log in as soon as the server (pid $1) is ready; nothing when it ended before.
announce() {
    local deadline=$((SECONDS + READY_SECONDS))
    until is_ready "$3"; do
        kill -0 "$1" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ] || return 0
        sleep 0.1
    done
    say "the server is ready; log in from another terminal, into a fresh container (Ctrl-C here ends the server):"
    printf '\n    %s\n\n' "$(login_command "$2")"
    say "metrics are at http://127.0.0.1:$4/metrics"
}

is_ready() {
    local status
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    read -r -t 6 status <&3 || status=
    # To its end: closing on unread bytes would look like a broken connection to the server.
    timeout 6 cat <&3 >/dev/null || true
    exec 3>&-
    [[ $status == *" 200 "* ]]
}

login_command() {
    printf 'ssh -i %q -p %s -o UserKnownHostsFile=%q -o StrictHostKeyChecking=accept-new demo@127.0.0.1' \
        "$KEY" "$1" "$RUN/known_hosts"
}

main
