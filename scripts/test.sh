#!/usr/bin/env bash
# make test: the linters, then every test; PYTEST_ARGS narrows or widens what pytest runs.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

missing=()
have ssh || missing+=(openssh-client)
have rsync || missing+=(rsync)
have git || missing+=(git)
have docker-registry || missing+=(docker-registry)
have dbclient || missing+=(dropbear-bin)
have psftp || missing+=(putty-tools)
have podman || missing+=(podman catatonit)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
[ ${#missing[@]} -eq 0 ] || need_packages "${missing[@]}"

guest/mini.sh
scripts/lint.sh
say "pytest"
# shellcheck disable=SC2086 # several arguments in one variable are the point
exec .venv/bin/pytest -q ${PYTEST_ARGS:-}
