# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto
# Workers fill the cores; threads of BLAS within each of them would compete. Compiled modules are
# kept, whatever the surroundings say: workers and the programs that tests start share them.
ALONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.PHONY: help setup plan figures messages test test-slow fuzz mutate check lint types contract docs bench calibrate clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv and install the package with its pinned development tools

# Debian splits venv off python3: where it is absent, root installs it and others are told how.
$(STAMP): pyproject.toml requirements-dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || ( \
	  rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); \
	  else \
	    echo "python3 cannot make a virtual environment: apt install python3-venv"; exit 1; \
	  fi )
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The plan comes before the set-up, which a first run has to wait for.
plan:
	@test -f $(STAMP) || echo "First the set-up, once: .venv with all packages, 1.6 GB; about 5 minutes, depending on the connection. Then:"

figures: plan $(STAMP)  ## run the examples; all figures and tables are on one page, output/index.html
	@$(BIN)/python examples/run.py

messages: $(STAMP)  ## compile the catalogues of nqp_spatial/locale
	$(BIN)/python -m tests.messages

test: $(STAMP)  ## run the tests (without the slow ones)
	$(ALONE) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" -q

test-slow: $(STAMP)  ## run the calibration and other slow tests
	$(ALONE) $(BIN)/python -m pytest -n $(JOBS) -m slow -q

fuzz: $(STAMP)  ## every hostile call of every public function, counted by what comes of it
	$(ALONE) NQP_FUZZ=all $(BIN)/python -m pytest -n $(JOBS) -q tests/fuzz

mutate: $(STAMP)  ## change single operators and constants and see whether the tests notice: FOLDER=, N=, SEED=, AGAIN=1
	nice -n 10 $(BIN)/python -m benchmarks.mutate --folder "$(FOLDER)" --number $(or $(N),400) \
	  --seed $(or $(SEED),1) $(if $(filter-out auto,$(JOBS)),--jobs $(JOBS)) $(if $(AGAIN),--again) $(if $(WHOLE),--whole)

check: lint types contract docs  ## lint, types, import contract, docs

lint: $(STAMP)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

contract: $(STAMP)  ## import-linter: one river, no back-flow
	$(BIN)/lint-imports

docs: $(STAMP) figures  ## the site in docs/_build/html; what the documents say holds, their code runs
	$(BIN)/python -m pytest tests/test_docs.py -q
	$(BIN)/python -m sphinx -q -E -W --keep-going -b html docs docs/_build/html

bench: $(STAMP)  ## speed beside peers, as ratios
	$(BIN)/python -m benchmarks

calibrate: $(STAMP)  ## bias, coverage and size by simulation: several hours; DASK=tcp://HOST:8786 for a cluster
	$(ALONE) $(BIN)/python -m benchmarks.calibrate $(if $(DASK),--dask $(DASK))

clean:  ## remove what the targets made, .venv included
	rm -rf $(VENV) output docs/_build docs/_gallery docs/gallery.md docs/parity.md docs/_parity docs/reference .pytest_cache .mypy_cache .ruff_cache .hypothesis
