PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# transformers.js for the tests that run it; they are skipped where there is no npm.
NODE := $(if $(shell command -v npm),$(VENV)/node/.ready)
export ZOO_NODE_MODULES := $(CURDIR)/$(VENV)/node/node_modules

.PHONY: demo test test-fast test-all test-hub lint format types imports wheel-test clean

## Set up, then fine-tune, export, verify and predict on photos that come with a package.
demo: $(VENV)/.demo
	rm -rf zoo-demo
	$(BIN)/zoo demo

## Set up, then run the suite.
test: $(VENV)/.test $(NODE)
	$(BIN)/python -m pytest -m "not exhaustive"

## The suite, and every backbone of the registry forward, backward and through ONNX.
test-all: $(VENV)/.test $(NODE)
	$(BIN)/python -m pytest

## The suite without its long tests.
test-fast: $(VENV)/.test $(NODE)
	$(BIN)/python -m pytest -m "not slow and not exhaustive"

## What talks to the Hub, with the oldest official client that zoo allows.
test-hub: $(VENV)/.test
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --upgrade \
	  --target $(VENV)/hub1 huggingface-hub==1.33.0 httpx==0.28.1 httpcore==1.0.9 certifi
	PYTHONPATH=$(VENV)/hub1 $(BIN)/python -m pytest tests/hub tests/zoo/hub \
	  --ignore tests/zoo/hub/interchange -m "not slow"

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.test
	$(BIN)/mypy

imports: $(VENV)/.test
	$(BIN)/lint-imports

## Build the wheel, install it elsewhere, and use it from outside the checkout.
wheel-test: $(VENV)/.test
	$(BIN)/python -m pytest tests/test_wheel.py

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/node/.ready: tests/hub/package.json | $(VENV)/bin/python
	mkdir -p $(@D)
	cp $< $(@D)
	cd $(@D) && ONNXRUNTIME_NODE_INSTALL=skip npm install --no-audit --no-fund --loglevel=error \
	  && touch .ready || echo "transformers.js is not to be had: tests that run it are skipped"
