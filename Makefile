# Every target sets up what it needs; nothing outside this folder is written to.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
# The other environment: make test CONSTRAINTS=constraints-prefect-3.9.txt VENV=.venv-prefect-3.9
CONSTRAINTS ?= constraints.txt
VENV ?= .venv
BIN := $(VENV)/bin
# A home for each environment: Prefect 3.9 brings its database to a form that 3.8.8 cannot open.
HOME_OF_PREFECT := .pressrun/prefect$(patsubst constraints%.txt,%,$(notdir $(CONSTRAINTS)))
READY := $(VENV)/.ready-$(notdir $(CONSTRAINTS))

export PREFECT_HOME := $(CURDIR)/$(HOME_OF_PREFECT)
# The first start makes Prefect's database: 12 seconds on an idle machine, where Prefect gives up after 20.
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS := 120
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo up down test lint format clean

demo: $(READY) | $(HOME_OF_PREFECT)
	$(BIN)/pressrun build examples/harbour-bakery.yaml --out demo --simulate --fresh
	@echo
	@echo "The site and its cost report are under $(CURDIR)/demo/."

up: $(READY) | $(HOME_OF_PREFECT)
	@$(BIN)/pressrun up

down: $(READY)
	@$(BIN)/pressrun down

test: $(READY) | $(HOME_OF_PREFECT)
	$(BIN)/pytest tests

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Prefect makes only the last folder of this path, and cannot start when the first is missing.
$(HOME_OF_PREFECT):
	@mkdir -p $@

clean:
	rm -rf $(VENV) .pressrun demo build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted installation is done again; other constraints need one of their own.
$(READY): pyproject.toml $(CONSTRAINTS)
	@command -v "$(PYTHON)" >/dev/null || { echo "Pressrun needs Python 3.11 or newer; there is no '$(PYTHON)'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "Pressrun needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" --version 2>&1). Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@rm -f $(VENV)/.ready*
	$(BIN)/pip install --quiet -c $(CONSTRAINTS) -e '.[dev]'
	@touch $(READY)
