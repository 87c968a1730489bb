#!/usr/bin/env bash
# make test: the linters, then every test; PYTEST_ARGS narrows or widens what pytest runs.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

# shellcheck source=scripts/test_tools.sh
source scripts/test_tools.sh

need_test_tools
guest/mini.sh
deploy/build.sh
scripts/lint.sh
say "pytest"
# shellcheck disable=SC2086 # several arguments in one variable are the point
exec .venv/bin/pytest -q ${PYTEST_ARGS:-}
