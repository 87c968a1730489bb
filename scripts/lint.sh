#!/usr/bin/env bash
# make lint: style and format of all Python, types of the package.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

say "ruff check"
.venv/bin/ruff check .
say "ruff format --check"
.venv/bin/ruff format --check .
say "mypy --strict on sshore"
.venv/bin/mypy --strict
