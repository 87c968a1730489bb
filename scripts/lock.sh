#!/usr/bin/env bash
# make lock: pin every dependency in requirements.lock; hosts and index addresses stay out of it.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "writing requirements.lock"
CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --upgrade --extra dev --strip-extras --allow-unsafe \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
