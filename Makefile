# Every target sets up what it needs; nothing outside this folder is written to.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
# The other environment: make test CONSTRAINTS=constraints-prefect-3.9.txt VENV=.venv-prefect-3.9
CONSTRAINTS ?= constraints.txt
VENV ?= .venv
BIN := $(VENV)/bin
# A home for each environment: Prefect 3.9 brings its database to a form that 3.8.8 cannot open.
HOME_OF_PREFECT := .pressrun/prefect$(patsubst constraints%.txt,%,$(notdir $(CONSTRAINTS)))
DATABASE_OF_PREFECT := $(HOME_OF_PREFECT)/prefect.db
READY := $(VENV)/.ready-$(notdir $(CONSTRAINTS))
WORKERS ?= 4

export PREFECT_HOME := $(CURDIR)/$(HOME_OF_PREFECT)
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start hundreds of processes, each of which would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo up down test test-all pictures lint format clean

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

# Those of the documentation, in docs/.
pictures: $(READY)
	$(BIN)/python -m tests.browser.pictures

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Made while things are set up, so that the first start of Prefect is as quick as every other: it takes 7 s of CPU.
$(DATABASE_OF_PREFECT): $(READY)
	@echo "Creating Prefect's database (once)"
	@umask 077 && mkdir -p $(HOME_OF_PREFECT) && $(BIN)/prefect server database upgrade --yes >/dev/null

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
