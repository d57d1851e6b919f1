# make repro: install and rebuild the table; make test: install and run the tests; make help: everything else.
.DEFAULT_GOAL := help
.PHONY: help setup repro test bench lint clean

PYTHON ?= python3
# Another build of torch than the locked one: cpu, cu128, ... (whatever uv's --torch-backend knows).
TORCH ?=
VENV := .venv
UV := $(VENV)/bin/uv pip
READY := $(VENV)/.ready
CPU_LOCK := $(VENV)/requirements.without-torch
UV_VERSION = $$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)
VERSIONS = $$(sed -n 's/^\(torch\|torchvision\)==\([^ ;]*\).*/\1==\2/p' requirements.lock)

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Importing torch without cached byte code takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*##/  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "  Variables: PYTHON=python3.12 (3.11 or newer), TORCH=cpu (a smaller torch without CUDA)"
	@echo "  Both count when .venv is made: make clean first to change them."

setup: $(READY)  ## Make .venv and install the pinned dependencies

$(READY): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"error: Python 3.11 or newer needed, this is {v.major}.{v.minor}; call make PYTHON=...")'
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
ifeq ($(TORCH),)
	@$(UV) sync --quiet --require-hashes requirements.lock
else
	@awk '/^[a-z0-9]/ { drop = /^(torch|torchvision|triton|nvidia-[a-z0-9-]*|cuda-[a-z0-9-]*)==/ } !drop' requirements.lock > $(CPU_LOCK)
	@$(UV) sync --quiet --require-hashes $(CPU_LOCK)
	@$(UV) install --quiet --torch-backend=$(TORCH) $(VERSIONS)
endif
	@$(UV) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

repro: $(READY)  ## Rebuild everything that changed and print the answers
	@if test ! -e .git; then dvc config --local core.no_scm true; \
	elif grep -qs no_scm .dvc/config.local; then dvc config --local --unset core.no_scm; fi
	counterweight repro
	@counterweight report --no-open

test: $(READY)  ## Run the whole test suite
	python -m pytest --numprocesses auto --no-loadscope-reorder

bench: $(READY)  ## Measure speeds beside what one would use instead, on an idle machine, and write docs/speed.md
	@$(UV) install --quiet --no-deps --group bench
	python -m benchmarks.bench --page docs/speed.md

lint: $(READY)  ## Check style, types and which way imports go
	ruff check
	ruff format --check
	mypy
	lint-imports

clean:  ## Delete .venv and everything that can be rebuilt, but no metrics
	rm -rf $(VENV) counterweight.egg-info data models plots checkpoints dvc_plots .dvc/cache .dvc/tmp .mypy_cache .pytest_cache .ruff_cache
