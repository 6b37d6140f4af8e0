# make run and make test set up what they need, in the checkout alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The machines whose history is shipped; the README and docs/README.md show the first.
SHIPPED := epyc-zen4 epyc-zen3 epyc-zen5

.PHONY: run history test test-fast lint setup shown figures clean

run: setup
	$(BIN)/vggbench first-run

history: setup
	$(BIN)/vggbench history

# As many tests at a time as there are processors, up to four, because a framework uses all of them.
PYTEST := $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadgroup

test: setup lint
	$(PYTEST) --durations=10 --durations-min=1

test-fast: setup lint
	$(PYTEST) -m "not asv and not browser and not numerics and not tensorflow and not theano and not torch and not jax"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m vggbench.web lint

setup: $(VENV)/made
	@$(BIN)/python -m vggbench.web

# In a copied or moved checkout, the old environment would run the code of the other folder.
ifneq ($(shell cat $(VENV)/made 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/made
endif

$(VENV)/made: pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "vggbench needs Python 3.10 or later as PYTHON: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@echo '$(CURDIR)' > $@

# What the docs show of the shipped history.
shown: setup
	$(BIN)/vggbench plot tensorflow --machine $(firstword $(SHIPPED)) \
	  --configuration 'NHWC none off' --chain --log -o docs/tensorflow.svg
	$(BIN)/vggbench findings $(SHIPPED:%=--machine %) --picture tensorflow.svg \
	  -o docs/findings.md
	$(BIN)/vggbench findings --machine $(firstword $(SHIPPED)) --into docs/README.md

# The figures that need no hours, in one table.
figures: setup
	$(BIN)/python perf/figures.py

clean:
	rm -rf $(VENV) .asv web/node_modules
