# Needs Python 3.11 or later, make, and nothing else. `make help` lists what can be made.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: compiled-if-possible help setup run test check bench peers rehearse soak compiled triton mlserver stubs clean

# Which Python builds .venv: the first that runs and is new enough. Name another with `make setup PYTHON=...`.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
# Which Python builds .venv-triton: the system's own, since Triton's Python backend breaks on some other builds.
TRITON_PYTHON ?= /usr/bin/python3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
TRITON_VENV := .venv-triton
TRITON_STAMP := $(TRITON_VENV)/.made
# Two -q: pip is silent unless it fails. What takes long is announced here instead.
PIP := -m pip --disable-pip-version-check -qq

# What must be covered wholly, branches too, and how much of everything must be.
COVERED := proxy/routing/*,proxy/tiers/*,proxy/qos/*,proxy/offline/*
COVERAGE_PERCENT_MIN ?= 95

# Tests run in so many processes, a file in one of them. The long files come first.
JOBS ?= 2
PYTEST := -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

ONCE ?=
# Passed on to the story, pytest or the benchmarks; with ARGS, `make test` is a part and asks for no coverage.
ARGS ?=

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP) ## build .venv with everything that running and testing need (some minutes, once)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or later was found (looked for python3, python3.11 to python3.13)" >&2; exit 1; }
	@echo "setup 1/4: $(VENV) with $$($(PYTHON) -V)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "make: '$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup 2/4: PyTorch 2.13.0 (the largest download, 200 MB to 3 GB by machine)"
	@$(BIN)/python $(PIP) install -c constraints.txt torch==2.13.0
	@echo "setup 3/4: the other packages, models among them"
	@$(BIN)/python $(PIP) install -c constraints.txt -e '.[tensors,workers,test]'
	@echo "setup 4/4: done"
	@touch $@

run: setup ## real models, the proxy and real payloads, printed; then serves until Ctrl-C (ONCE=1: exits after the print)
	@$(BIN)/python -m sim.story $(if $(filter-out 0 no,$(ONCE)),--once) $(ARGS)

test: setup triton-if-possible ## all tests, and the coverage that the core must have
	$(BIN)/python $(PYTEST) --cov --cov-report= $(ARGS)
ifeq ($(strip $(ARGS)),)
	$(BIN)/coverage report --include='$(COVERED)' --skip-covered --show-missing --fail-under=100
	@echo "coverage in all, percent (at least $(COVERAGE_PERCENT_MIN)):"
	@$(BIN)/coverage report --format=total --fail-under=$(COVERAGE_PERCENT_MIN)
	@$(MAKE) --no-print-directory compiled-if-possible
endif

# The hot path compiled by mypyc, in a folder of its own, and the tests of what is in it: the plain files' twins.
COMPILED := build/compiled
COMPILED_TESTS := tests/unit/proxy/heads tests/unit/proxy/edge tests/unit/proxy/clusters tests/unit/proxy/tiers tests/unit/proxy/qos \
	tests/unit/proxy/test_pipeline.py tests/unit/proxy/test_timers.py tests/unit/proxy/test_labeling.py \
	tests/unit/proxy/test_watchdog.py tests/integration/test_founding_table.py tests/integration/test_attacks.py \
	tests/corpus tests/integration/test_http.py tests/integration/test_admin.py

compiled: $(COMPILED)/.made ## build/compiled: the proxy with its hot path compiled (needs a C compiler), and its tests
	PENSTOCK_COMPILED=1 $(BIN)/python $(PYTEST) -q -o pythonpath="$(COMPILED) ." $(COMPILED_TESTS)

$(COMPILED)/.made: $(STAMP) setup.py $(wildcard proxy/*.py proxy/*/*.py proxy/*/*.pyx labelers/*.py)
	@echo "compiling the hot path with mypyc (half a minute)"
	@rm -rf build
	@PENSTOCK_COMPILE=1 $(BIN)/python $(PIP) wheel . --no-deps --no-build-isolation -w build/wheel
	@$(BIN)/python $(PIP) install --no-deps --target $(COMPILED) build/wheel/*.whl
	@rm -rf $(COMPILED)/sim $(COMPILED)/workers  # not compiled: taken from the working tree
	@touch $@

compiled-if-possible:
	@if command -v cc >/dev/null && $(BIN)/python -c 'import pathlib, sys, sysconfig; \
	  sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'; \
	  then $(MAKE) --no-print-directory compiled; \
	  else echo "no C compiler, or no Python.h: the compiled hot path is not tested"; fi

check: setup ## lint, format, types, layering, tidiness of the source
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_tidy.py

peers: setup ## the data path beside nginx, HAProxy, Envoy and an aiohttp relay: .run/peers.* (22 minutes)
	$(BIN)/python $(PIP) install -c constraints.txt -e '.[bench]'
	@mkdir -p .run
	$(BIN)/python -m sim.bench.peers --picture .run/peers.svg --markdown .run/peers.md --json .run/peers.json $(ARGS)

rehearse: setup ## the named profiles against a fleet of stubs, live beside simulated; reports in .run/rehearsal
	$(BIN)/python -m sim.rehearsal $(ARGS)

soak: setup ## ten minutes at saturation: does the proxy keep its size?
	$(BIN)/python -m sim.bench.soak $(ARGS)

bench: setup ## every short benchmark in sim/bench, one after another
	@for bench in $$(grep -l __main__ sim/bench/*.py | grep -v soak); do \
	  module=$$(echo "$${bench%.py}" | tr / .); echo "== $$module"; $(BIN)/python -m "$$module" $(ARGS) || exit; done

triton: $(TRITON_STAMP) ## build .venv-triton: a real Triton server for tests/triton

$(TRITON_STAMP): constraints-triton.txt
	@echo "triton 1/2: $(TRITON_VENV) with $$($(TRITON_PYTHON) -V)"
	@test -x $(TRITON_VENV)/bin/python || $(TRITON_PYTHON) -m venv $(TRITON_VENV) || { rm -rf $(TRITON_VENV); \
	  echo "make: '$(TRITON_PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "triton 2/2: nvidia-pytriton (a Triton server and its Python backend)"
	@$(TRITON_VENV)/bin/python $(PIP) install --only-binary=:all: -r constraints-triton.txt
	@touch $@

MLSERVER_VENV := .venv-mlserver

mlserver: $(MLSERVER_VENV)/.made ## build .venv-mlserver: MLServer, which `python -m sim.bench.servers` compares ours with

$(MLSERVER_VENV)/.made: constraints-mlserver.txt
	@test -x $(MLSERVER_VENV)/bin/python || $(PYTHON) -m venv $(MLSERVER_VENV)
	@$(MLSERVER_VENV)/bin/python $(PIP) install -r constraints-mlserver.txt
	@touch $@

stubs: ## make oip/*_pb2.py anew from the .proto files (in an environment of its own)
	@test -x build/stubs/bin/python || $(PYTHON) -m venv build/stubs
	@build/stubs/bin/python $(PIP) install grpcio-tools==1.76.0
	oip/stubs.sh $(CURDIR)/build/stubs/bin/python

# Where the system's Python cannot make an environment the Triton tests are skipped, saying why.
# PENSTOCK_REQUIRE_TRITON=1 makes that a failure.
.PHONY: triton-if-possible
triton-if-possible:
	@$(MAKE) --no-print-directory triton || { test "$${PENSTOCK_REQUIRE_TRITON:-0}" != 1 && \
	  echo "make: no Triton server here: its tests will be skipped"; }

clean: ## remove what was built: both environments, caches, run files
	rm -rf $(VENV) $(TRITON_VENV) $(MLSERVER_VENV) build dist htmlcov .run .coverage .coverage.* *.egg-info \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
