# Every command of the project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export TULLE_CACHE ?= $(HOME)/.cache/tulle
export TULLE_VENV ?= $(TULLE_CACHE)/venv
BIN := $(TULLE_VENV)/bin
PY := $(BIN)/python
UV := $(TULLE_CACHE)/uv/bin/uv
export PATH := $(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup demo demo-stop test check lint types contracts generated unit root e2e soak bench generate format lock images kubernetes

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}'

setup: ## install the system packages and the locked Python environment
	@tools/setup

demo: setup ## bring up the embedded cluster with Tulle installed and show it serve (root)
	@$(PY) -m e2e.demo up

demo-stop: setup ## take the demo's cluster down
	@$(PY) -m e2e.demo down

test: setup check root e2e ## all tests, on a fresh machine too (root)

check: setup lint types contracts generated unit ## the quick part: no root, a minute and a half once everything is built

lint: setup ## ruff: rules and format
	@ruff check . && ruff format --check .

types: setup ## mypy, strict
	@mypy

contracts: setup ## who may import whom
	@lint-imports --no-cache

generated: setup ## generated files are what their generators make
	@tools/generated

unit: setup kubernetes ## tests without root
	@pytest -q tests -m 'not root' -n 3 --dist loadfile

kubernetes: setup ## build Kubernetes and its runtime for the embedded cluster, once (ten minutes the first time)
	@$(PY) -c 'from e2e.lab.build import ensure; ensure()'

root: setup kubernetes ## tests in network namespaces (root)
	@pytest -q tests -m root

e2e: setup ## tests on the embedded cluster (root)
	@pytest -q e2e -m 'not soak'

soak: setup ## long runs: chaos and big suites (root)
	@pytest -q e2e -m soak

bench: setup ## one benchmark against its peers: make bench NAME=xds-change
	@$(PY) -m e2e.bench $(NAME)

generate: setup ## regenerate CRDs, reference docs, protobuf, chart copies
	@$(PY) -m operators.node_api.generate
	@$(PY) -m envoy_xds.generate
	@$(PY) -m crds.generate
	@$(PY) -m docs.generate
	@$(PY) -m deploy.generate

format: setup ## format and mend what ruff can
	@ruff format . && ruff check --fix .

images: setup ## build the container images (root)
	@$(PY) -m e2e.images

lock: setup ## resolve the dependencies again
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group dev pyproject.toml -o requirements.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml -o deploy/containers/tulle/requirements.lock
