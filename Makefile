# sshore: `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help install lock engine image gateway-image run lint unit test conformance bench soak clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS=$$'\t' read -r target text; do \
		printf 'make %-14s %s\n' "$$target" "$$text"; done

install: $(INSTALLED) ## sshore and its tools into .venv, from requirements.lock

$(INSTALLED): requirements.lock pyproject.toml scripts/install.sh
	@scripts/install.sh

lock: $(INSTALLED) ## write requirements.lock anew from pyproject.toml
	@scripts/lock.sh

engine: ## a Docker Engine that answers: use the one there is, else install and start it
	@scripts/engine.sh start

image: engine ## the guest image sshore/guest
	@guest/build.sh

gateway-image: engine install ## a container image of the gateway itself, sshore/gateway
	@deploy/build.sh

run: image install ## a server on loopback, and the ssh command to copy
	@scripts/run.sh

lint: install ## ruff, and mypy --strict over the package
	@scripts/lint.sh

unit: install ## the linters and the tests that need no engine, in a few minutes
	@scripts/test.sh unit

test: image install ## the linters and all tests, against a real engine
	@scripts/test.sh

conformance: image install ## five SSH clients at every kind of engine, in every mode and image
	@scripts/test.sh conformance

bench: image install ## measure sshore beside the raw engine, bare SSH and sshd
	@scripts/bench.sh

soak: image install ## hammer a server with SOAK_ARGS, by default 10,000 cycles, and draw what it held
	@guest/mini.sh
	@mkdir -p .state
	@$(BIN)/python -m bench.soak --picture .state/soak.svg $(SOAK_ARGS)

clean: ## remove .venv, caches, what `make run` wrote and the tests' engines; leave images and a started engine
	rm -rf .venv .types .state/run .state/guest .state/engines build dist ./*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
