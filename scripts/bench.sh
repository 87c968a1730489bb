#!/usr/bin/env bash
# make bench: every measurement, as tables and as the pictures of docs/performance.md; BENCH_ARGS narrows it.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

[ -x /usr/sbin/sshd ] || need_packages openssh-server
if [ requirements-bench.lock -nt .venv/.bench-installed ]; then
    say "installing what requirements-bench.lock names into .venv"
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
    touch .venv/.bench-installed
fi
mkdir -p "$STATE"
# Only a whole run is what the docs show.
pictures=docs/pictures
[ -z "${BENCH_ARGS:-}" ] || pictures=$STATE/pictures
# shellcheck disable=SC2086 # several arguments in one variable are the point
exec .venv/bin/python -m bench --pictures "$pictures" --markdown "$STATE/bench.md" --json "$STATE/bench.json" \
    ${BENCH_ARGS:-}
