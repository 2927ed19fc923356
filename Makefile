# longtake. `make` alone says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ROOMS := schemas media engine model curate recaption train eval
BENCHES := startup scan jobs memory kill frames ingest download train_packing eval_cached
VIDEOS ?=

# Compiled modules are kept even where the environment says otherwise: tests start many processes, and compiling torch
# and transformers anew takes each of them ten seconds.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint bench docs lock clean

help: ## say what the targets do
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv and install longtake in it, with networks and what its tests need

# The versions are those of requirements.lock. PIP_USER: a person's pip may be told to install for the user, which a
# venv refuses. uv is quick but does not read pip's settings, so where only pip knows the registry, pip installs.
$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	PIP_USER=0 $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c requirements.lock -e '.[dev,model,train,ui,ocr,youtube]' \
		|| PIP_USER=0 $(BIN)/python -m pip install --quiet -c requirements.lock -e '.[dev,model,train,ui,ocr,youtube]'
	touch $@

demo: setup ## make videos with a known truth, curate them, compare; VIDEOS=folder curates that as well
	PATH="$(CURDIR)/$(BIN):$$PATH" VIDEOS="$(VIDEOS)" bash runs/demo.sh

test: lint ## everything: the checks of `check`, and all tests
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

check: lint ## the quick half: format, lint, types, import layers, docs
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_docs.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: setup ## measure what README and docs claim, beside the peers; JSON in bench/out
	mkdir -p bench/out
	for bench in $(BENCHES); do $(BIN)/python -m bench.$$bench || exit 1; done
	$(BIN)/python -m bench.catalogue --json bench/out/catalogue.json
	$(BIN)/python -m bench.recaption_gpu --shape tiny

docs: setup ## print docs/tables.md from the code, and run the commands in the docs again for their output
	$(BIN)/python -m docs.pages

lock: setup ## resolve requirements.lock anew, all extras
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-header --no-annotate \
		--output-file requirements.lock pyproject.toml

clean: ## remove what was made here, the venv too
	rm -rf $(VENV) demo bench/out dist build .pytest_cache .ruff_cache .hypothesis
	find $(ROOMS) tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
