# `make demo` and `make test` need Python 3.11 or newer and nothing else: they make .venv and install into it.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
INSTALL := -m pip install --quiet --disable-pip-version-check --no-input
PIP := $(BIN)/python $(INSTALL)
BENCH := $(VENV)-bench

.PHONY: demo test lint types mypy pyright torture bench format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	@$(BIN)/guideway demo

test: lint types
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "ruff format would change the files that \`ruff format --check .\` lists: make format"; exit 1; }

# Both at once: each uses one core.
types: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --jobs=2 mypy pyright

mypy:
	@MYPYPATH=$(VENV)/link $(BIN)/mypy --no-error-summary

pyright:
	@$(BIN)/pyright --pythonpath $(BIN)/python --warnings

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

# All that is killed, stopped and broken; then the laws, on many more examples than `make test` looks at.
LAWS := $(shell grep -rl --include='test_*.py' 'house import .*examples' tests 2>/dev/null)
torture: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q -n 2 -m torture
	@GUIDEWAY_EXAMPLES=20 $(BIN)/python -m pytest -q -n 2 $(LAWS)

# One row: make bench ROW=gates; fewer rounds: make bench ROUNDS=1; every sample: make bench JSON=bench.json.
bench: $(BENCH)/.installed
	@$(BENCH)/bin/python -m bench $(ROW:%=--row %) $(ROUNDS:%=--rounds %) $(JSON:%=--json %)

clean:
	rm -rf $(VENV) $(BENCH) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis guideway-demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The set-up, done again only when pyproject.toml changed. A stamp is written last, so a set-up that broke off is made whole.

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing guideway into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing guideway and its development tools into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@mkdir -p $(VENV)/link && ln -sfn "$(CURDIR)" $(VENV)/link/guideway
	@touch $(VENV)/.installed $@

# The peers that are measured live in an environment of their own: guideway never depends on them.
$(BENCH)/.installed: pyproject.toml bench/requirements.txt | $(BENCH)/bin/python
	@echo "installing guideway and the peers into $(BENCH) ..."
	@$(BENCH)/bin/python $(INSTALL) --requirement bench/requirements.txt --editable .
	@touch $@

$(VENV)/bin/python $(BENCH)/bin/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        "$$python" -m venv $(@:/bin/python=) && exit 0; \
	        rm -rf $(@:/bin/python=); \
	        echo "$$python cannot make an environment (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; \
	    fi; \
	done; \
	echo "guideway needs Python 3.11 or newer; $$(python3 --version 2>/dev/null || echo 'no python3') is what was found." >&2; \
	echo "Install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.11" >&2; exit 1
