# `make` alone lists what there is. Only Python 3.11 to 3.14 and make are needed; everything else goes into .venv.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-services check docs accept torture bench hourly dist lock clean

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
# The first interpreter that fits; choose another with `make setup PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(FITS)' >/dev/null 2>&1 && { echo $$p; break; }; done)
PY := .venv/bin/python
STAMP := .venv/.installed
BENCH := build/bench/venv
SPARK := build/spark/venv
OUTSIDE := build/outside/venv
# Two processes take one file after the other, in the order of the folders, which has the longest ones first: so nothing
# that the tests of a file share is made twice, and neither process is left with a long file at the end.
SHARED := -n 2 --dist loadfile --no-loadscope-reorder

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## make .venv with the pinned dependencies and this project; does nothing when up to date

# uv comes from the lock file itself, hash-checked. It takes seconds where pip takes half a minute; pip is the way out
# where uv cannot install, for instance behind an index that only pip is configured for.
$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
		echo "Tillage needs Python 3.11 to 3.14; '$(or $(PYTHON),python3)' is: $$($(or $(PYTHON),python3) -V 2>&1 | head -n 1)"; \
		echo "Install one of them (for instance: apt install python3.12 python3.12-venv, or brew install python@3.12),"; \
		echo "then: make setup PYTHON=/path/to/python3.12"; exit 1; }
	"$(PYTHON)" -m venv .venv
	@sed -n '/^uv==/,/# via/p' requirements-dev.lock > .venv/uv.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	$(PY) -m uv pip sync --quiet --compile-bytecode --require-hashes requirements-dev.lock \
		|| $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q src  # else the first command after setup pays for it
	@touch $@

demo: setup  ## a shop's files in, totals to the cent out, in the folder demo/
	$(PY) -m tillage.cli.demo demo

test: setup  ## every test that needs no server of its own, acceptance included; TESTS=path takes a part
	$(PY) -m pytest $(SHARED) --durations=25 --durations-min=15 -m "not services and not clone" $(TESTS)

test-services: setup $(SPARK)/.installed $(OUTSIDE)/.installed  ## the tests that need other engines, servers and browsers; TESTS=path takes a part
	$(PY) -m pytest -m services $(TESTS)

check: setup  ## lint, format, types, import rules, lock files, documents; reports every failure
	$(PY) scripts/check.py

docs: setup  ## the documents as a site that needs no server and no network: build/docs/index.html
	$(PY) scripts/docs.py
	$(PY) scripts/links.py

accept: setup $(OUTSIDE)/.installed  ## one line for each numbered claim: number, claim, seconds, result
	$(PY) -m pytest -m accept -q

torture: setup  ## random houses, killed and stopped at random, beside a model in plain Python; SEED=7 ROUNDS=50 PEOPLE=1
	$(PY) -m tests.torture$(if $(PEOPLE),.people) $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(AT_ONCE),--at-once $(AT_ONCE))

bench: setup $(BENCH)/.installed  ## our time by that of others on one file, into BENCHMARKS.md; SCALE=1 takes 1 GB
	$(PY) -m benchmarks $(if $(SCALE),--scale $(SCALE))

hourly: setup  ## what a load of one small file costs after many; LOADS=n of them, after HISTORY=n hours
	$(PY) -m benchmarks.hourly $(if $(LOADS),--loads $(LOADS)) $(if $(HISTORY),--history $(HISTORY))

# Environments of their own: the peers that are measured and not used (bench), Spark, which comes as source and needs
# Java (spark), and what looks at the server from outside, such as the driver of a browser (outside).
build/%/venv/.installed: requirements-%.lock $(STAMP)
	"$(PYTHON)" -m venv $(@D)
	$(PY) -m uv pip sync --quiet --python $(@D)/bin/python --require-hashes $< \
		|| $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

dist: setup  ## sdist and wheel into dist/, and the demo from the wheel alone, in a new environment elsewhere
	$(PY) scripts/dist.py

lock: setup  ## rewrite the lock files from pyproject.toml; UPGRADE=1 takes the newest versions
	$(PY) scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove .venv, the demo and all caches
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
