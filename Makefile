# The commands of this project. `make help` lists them; each first makes or mends the environment that it needs.
# ARGS reaches the program behind a command: make tables ARGS="--format json", make test ARGS="-k gap".

VENV := .venv
PY := $(VENV)/bin/python

# Any Python >= 3.11 will do, the user's own `python3` first. A name is tried by running it, because a version manager
# leaves names on the path of versions that are not active.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)

# A stamp is named after what the environment was made from: where the checkout lies (an editable install points there)
# and the two files that say what to install. When one of them changes, the stamp has another name and is not there.
KEY := $(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | tr ' ' '-')
CORE := $(VENV)/.core-$(KEY)
ALL := $(VENV)/.all-$(KEY)

CORE_MODULES := numpy, scipy.special, mpmath, sympy, flint
ALL_MODULES := $(CORE_MODULES), torch, sklearn, tqdm, h5py, PIL, submitit, matplotlib, sphinx, furo, myst_nb, pytest, \
	hypothesis, ipykernel, nbclient, nbformat, build, setuptools

.DEFAULT_GOAL := help
# Two goals share one environment: they wait for each other, under `make -j` as well.
.NOTPARALLEL:
.PHONY: help tables gradients ledger study figures notebooks docs site-check test test-thorough bench clean unsound

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*##\(.*\)/  make \1\t\2/p' Makefile | expand -t 24

tables: $(CORE)  ## print Tables 1 and 2 with certified digits (installs the core alone)
	@$(PY) -m gammaprob.tables $(ARGS)

gradients: $(ALL)  ## check every gradient three ways (installs all extras)
	@$(PY) -m gradients $(ARGS)

ledger: $(CORE)  ## run the ledger of claims, every record with its witness
	@$(PY) -m paper_tables.ledger $(ARGS)

test: $(ALL)  ## run the tests (installs all extras)
	@$(PY) -m pytest -q $(ARGS)

test-thorough: $(ALL)  ## run the tests with the thorough Hypothesis profile
	@$(PY) -m pytest -q --hypothesis-profile=thorough $(ARGS)

study: $(ALL)  ## run the pose study at smoke size; ARGS="--preset desk" half an hour
	@$(PY) -m experiments table3 --preset smoke $(ARGS)

figures: $(ALL)  ## draw every figure; ARGS="--format png --out DIR"
	@$(PY) -m figures $(ARGS)

notebooks: $(ALL)  ## execute the notebooks and store their outputs
	@$(PY) -m tests.notebooks $(ARGS)

docs: $(ALL)  ## build the site in docs/_build/html, warnings are errors, after running every example in the documents
	@$(PY) -m pytest -q gammaprob paper_tables gradients experiments figures tests/test_docs.py
	@$(PY) -m figures --out docs/_generated/figures --theme light,dark >/dev/null
	@rm -rf docs/_build
	@$(PY) -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

site-check: docs  ## look at every page of the site in Chromium, as wide as a phone
	@$(PY) -m tests.browser_check

bench: $(ALL)  ## measure speed, memory and accuracy against the targets and the peers
	@$(PY) -m tests.bench $(ARGS)

clean:  ## remove the environment and everything made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis docs/_build docs/_generated docs/api docs/notebooks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CORE):
	@.ci/environment "$(PYTHON)" . "$(CORE_MODULES)"
	@rm -f $(VENV)/.core-* $(VENV)/.all-*
	@touch $(CORE)

$(ALL):
	@.ci/environment "$(PYTHON)" ".[figures,docs,dev]" "$(ALL_MODULES)"
	@rm -f $(VENV)/.core-* $(VENV)/.all-*
	@touch $(CORE) $(ALL)

# A stamp counts only while the environment's Python runs.
ifneq ($(shell $(PY) -c 'import pip; print("runs")' 2>/dev/null),runs)
$(CORE) $(ALL): unsound
unsound:
endif
