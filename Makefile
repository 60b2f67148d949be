# make demo   a new .venv, everything installed, a network trained on real digits, 20 predictions shown
# make learn  the guide, in your browser: how a computer tells pictures apart
# make test   the same with the test extra, then lint, types and every test, in WORKERS processes (2)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2
# PyTorch's CPU build where pip knows of one, else PyPI's.
TORCH ?= torch$(shell $(BIN)/python -m pip index versions torch 2>/dev/null | grep -q +cpu && echo -cpu)

.PHONY: demo learn test test-long lint clean

demo: $(VENV)/installed
	@$(BIN)/tellapart demo
	@echo 'How it does that:  make learn'
	@echo 'So that the shell finds tellapart:  . $(BIN)/activate'

# While all is being installed the reader has the same pages from the disk.
learn:
	@test -e $(VENV)/installed || { echo 'While tellapart is being installed, the guide from the disk: docs/guide/index.html'; \
	  $(PYTHON) -m webbrowser -t "file://$(CURDIR)/docs/guide/index.html" >/dev/null 2>&1 || true; }
	@$(MAKE) --no-print-directory --silent $(VENV)/installed
	@trap : INT; $(BIN)/tellapart learn || test $$? -eq 130

test: $(VENV)/installed-test lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# Proofs of minutes each: processes that are killed at random, trainings by the clock.
test-long: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tellapart needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo 'Installing into $(VENV): 1.3 GB, or more with a PyTorch for GPUs; a minute or several, this once.'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@$(PIP) -c constraints.txt -e .
	@touch $@

# Only files whose hashes are locked, none of which runs code while it is installed.
$(VENV)/installed-test: $(VENV)/bin/python pyproject.toml $(wildcard requirements*.lock)
	@$(PIP) --require-hashes --only-binary :all: --no-deps -r requirements.lock -r requirements-$(TORCH).lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
