# Every command of this repository. `make help` lists them; only python3 (3.11 or newer), git and make must be there.

PORT ?= 8000
# Not taken from the environment: some shells put the machine's name into HOST.
HOST := 127.0.0.1
PY := .venv/bin/python
# One command writes both locks. No index URL may get into them: any registry or mirror serves.
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links
# `make test SLOW=1`, as CI runs it: also the tests marked slow.
SLOW ?=
QUICK := $(if $(SLOW),, and not slow)
# One process more than processors: the long tests wait a good part of their time; bombs do not.
PROCESSES := $(if $(SLOW),$(shell nproc),$(shell expr $$(nproc) + 1))
# Dozens of processes start from the same sources: whoever is first leaves its bytecode to the others.
export PYTHONDONTWRITEBYTECODE :=
# Where tests measure: they run before all others, with nothing beside them.
MEASURING := tests/bench_runner tests/adversary
SIDE_BY_SIDE := --quiet --numprocesses $(PROCESSES) --dist loadgroup --no-loadscope-reorder

# Where the two databases could differ: named constraints, compare-and-swap, who wins a race, full text.
RACES := $(wildcard tests/hub/*/test_constraints.py) tests/hub/claims tests/hub/rewards tests/hub/bench/test_claiming.py \
	tests/hub/test_flow_storm.py tests/hub/test_flow_merge.py tests/hub/catalog/test_search.py

.DEFAULT_GOAL := help
.PHONY: help up demo demo-data test test-postgres lint bench bench-judge bench-kernels bench-framework bench-gpu bench-pages bench-site screenshots check-gpu first-card lock doctor tasks-check prepare prepare-dev races chaos adversary

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up:  ## Install what is missing, start everything, print the address (PORT=8001, HOST=0.0.0.0)
	@python3 hub/bootstrap.py up --host $(HOST) --port $(PORT)

demo: prepare  ## Walk the whole path in the terminal: pushes, verdicts, board (starts the hub if none runs)
	@$(PY) manage.py demo

demo-data: prepare  ## Fill an empty database with a made-up community (SIZE=small, campus or mindspore; SEED=1)
	@$(PY) manage.py migrate --verbosity 0
	@$(PY) manage.py demo_data $(or $(SIZE),small) --seed $(or $(SEED),1)

test: prepare-dev  ## Lint, then the tests: races on PostgreSQL, all on SQLite (SLOW=1: the long ones too)
	@$(MAKE) --no-print-directory --jobs 2 lint races
	@$(PY) -m pytest --quiet -m "alone$(QUICK)" $(MEASURING)
	@$(PY) -m pytest $(SIDE_BY_SIDE) -m "not alone$(QUICK)"

races: prepare-dev
	@$(PY) -m tests.on_postgres $(RACES) $(SIDE_BY_SIDE) --numprocesses 2 -m "not alone$(QUICK)"

test-postgres: prepare-dev  ## The hub's whole test suite on PostgreSQL
	@$(PY) -m tests.on_postgres tests/hub $(SIDE_BY_SIDE)

lint: prepare-dev  ## Style, types, import contracts, missing migrations
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run

tasks-check: prepare  ## Validate every folder under tasks/ and run its examples against its reference
	@$(PY) -m tasks check

bench: prepare  ## Time the judge itself: from git push to verdict, and where the time goes
	@$(PY) -m tests.bench.push_to_verdict

bench-judge: prepare  ## Time a judged job by part, each start beside its peer without a sandbox; jobs a minute, memory
	@$(PY) -m tests.bench.judge

bench-kernels: prepare-dev  ## Time the operators beside NumPy and, where installed, torch, onnxruntime, bitsandbytes (OPS="softmax")
	@$(PY) -m kernels bench $(OPS)

bench-framework: prepare-dev  ## Time eager operators and compiled training steps beside torch, JAX, onnxruntime (STEPS="mlp-small")
	@$(PY) -m framework.bench $(STEPS)

bench-gpu: prepare-dev  ## Time the operators on an NVIDIA card beside torch, copy and matmul ceilings in the same run (OPS="softmax")
	@$(PY) -m kernels.bench.gpu $(OPS)

check-gpu: prepare-dev  ## Compile, test and time every kernel on an NVIDIA card, in less than eight minutes
	@$(PY) -m kernels.bench.on_card

first-card: prepare-dev  ## On a machine with an NVIDIA card: contract, labelled submissions, the judge's costs, bench-gpu; under eight minutes
	@$(PY) -m tests.bench.on_card

chaos: prepare-dev  ## Judge 500 jobs while everything around them is killed, cut and filled; print the ledger (SEED=2)
	@$(PY) -m tests.chaos --seed $(or $(SEED),1)

adversary: prepare-dev  ## Judge honest, wrong and cheating submissions; fail unless each gets its verdict (RUNS=3)
	@$(PY) -m tests.adversary --runs $(or $(RUNS),3)

bench-pages: prepare-dev  ## Time the first paint of each page in Chromium, count what it loads, keep both in docs/pages.json
	@$(PY) -m tests.bench.pages

bench-site: prepare-dev  ## Time the site's pages at 40 views a second beside a judge: PostgreSQL, 37,000 people (SIZE=campus: SQLite, 500)
	@$(PY) -m tests.bench.site $(or $(SIZE),mindspore)

screenshots: prepare-dev  ## Photograph ten pages, light and dark, wide and narrow, in both languages: docs/screenshots
	@$(PY) -m tests.browser.screenshots

doctor: prepare  ## Say what is missing here, with its cure (peaks: python -m bench_runner doctor --calibrate)
	@$(PY) manage.py doctor; hub=$$?; $(PY) -m bench_runner doctor && exit $$hub

lock: prepare-dev  ## Recreate requirements.lock and requirements-dev.lock from pyproject.toml
	@$(PY) -m pip install --quiet uv
	@$(COMPILE) pyproject.toml --extra postgres --output-file requirements.lock
	@$(COMPILE) pyproject.toml --extra dev --extra postgres --constraint requirements.lock --output-file requirements-dev.lock

prepare:
	@python3 hub/bootstrap.py prepare

prepare-dev:
	@python3 hub/bootstrap.py prepare --dev
