# Every target sets up what it needs; nothing outside this folder is written to.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
HOME_OF_PREFECT := .pressrun/prefect
DATABASE_OF_PREFECT := $(HOME_OF_PREFECT)/prefect.db
READY := $(VENV)/.ready
WORKERS ?= 4

export PREFECT_HOME := $(CURDIR)/$(HOME_OF_PREFECT)
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo up down test test-all lint format clean

demo: $(READY) | $(DATABASE_OF_PREFECT)
	$(BIN)/pressrun build examples/harbour-bakery.yaml --out demo --simulate --fresh
	@echo
	@echo "The site and its cost report are under $(CURDIR)/demo/."

up: $(READY) | $(DATABASE_OF_PREFECT)
	@$(BIN)/pressrun up

down: $(READY)
	@$(BIN)/pressrun down

# Half of the time a test waits, so there are more workers than cores.
test: $(READY)
	$(BIN)/pytest tests -n $(WORKERS) -m 'not slow'

test-all: $(READY)
	$(BIN)/pytest tests -n $(WORKERS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Made while things are set up, so that the first start of Prefect is as quick as every other: it takes 7 s of CPU.
$(DATABASE_OF_PREFECT): $(READY)
	@mkdir -p $(HOME_OF_PREFECT)
	@echo "Creating Prefect's database (once)"
	@$(BIN)/prefect server database upgrade --yes >/dev/null

clean:
	rm -rf $(VENV) .pressrun demo build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted installation is done again.
$(READY): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" >/dev/null || { echo "Pressrun needs Python 3.11 or newer; there is no '$(PYTHON)'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "Pressrun needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$("$(PYTHON)" --version 2>&1). Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(READY)
