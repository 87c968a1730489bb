#!/usr/bin/env bash
# make lock: pin every dependency in requirements.lock, and what only `make bench` needs in requirements-bench.lock, each
# with the hashes of its files; hosts and index addresses stay out of them.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

compile() {
    CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" pyproject.toml
}

say "writing requirements.lock"
compile --extra dev --output-file requirements.lock
say "writing requirements-bench.lock"
compile --extra bench --constraint requirements.lock --output-file requirements-bench.lock
