#!/usr/bin/env bash
# make install: sshore, its dependencies and its tools in .venv, from requirements.lock.
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

works() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local python
    for python in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if have "$python" && works "$python"; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

create_venv() {
    # A half-made .venv (an interrupted run) has a python but no pip.
    [ -x .venv/bin/pip ] && works .venv/bin/python && return
    local python
    if ! python=$(find_python); then
        need_packages python3 python3-venv
        python=$(find_python) || die "Python 3.11 or newer is needed, here is $(python3 --version 2>&1)"
    fi
    say "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

create_venv
say "installing what requirements.lock names into .venv"
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
# The lock brings setuptools, so that this needs no second, isolated environment.
PYTHONWARNINGS=ignore .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

# The root folder is the package: mypy needs a folder in which it is called sshore.
mkdir -p .types
ln -sfn .. .types/sshore
touch .venv/.installed
say "installed: $(.venv/bin/python -c 'import importlib.metadata as m; print("sshore", m.version("sshore"))')"
