#!/usr/bin/env bash
# make conformance: every cell of the conformance suite and every exit code; PYTEST_ARGS narrows it (-k tls).
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
# shellcheck source=scripts/test_tools.sh
source scripts/test_tools.sh

need_test_tools
guest/mini.sh
say "pytest tests/conformance, whole"
# shellcheck disable=SC2086 # several arguments in one variable are the point
SSHORE_CONFORMANCE=all exec .venv/bin/pytest -q tests/conformance ${PYTEST_ARGS:-}
