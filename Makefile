# PORT=8001 serves elsewhere; ARGS=... is handed on: `make demo ARGS=--once`, `make test ARGS="-k rules"`.
PORT ?= 8000
ARGS ?=
PYTHON := .venv/bin/python
STACK := $(PYTHON) -m config.embedded
# Side by side, a file's tests in one process: three for two cores, as many wait for other programs. In the order of
# tests/conftest.py rather than by the number of tests.
PYTEST := $(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -rs
# onnxruntime would report home otherwise.
export ORT_DISABLE_TELEMETRY := 1
# Hundreds of short programs run in the tests: each would compile our code anew.
unexport PYTHONDONTWRITEBYTECODE
MANAGE := $(PYTHON) manage.py
REQUIREMENTS := requirements.txt requirements-demo.txt

.DEFAULT_GOAL := help
.PHONY: help demo serve test check system-test chaos bench load pins clean
# A target that ends badly leaves no stamp.
.DELETE_ON_ERROR:

help:
	@echo "make demo     the whole site with real data on http://127.0.0.1:$(PORT)  (ARGS=--once: stop afterwards)"
	@echo "make serve    the whole site on the data that is there"
	@echo "make test     the tests                                        (ARGS= goes to pytest)"
	@echo "make check    format, lint, types, imports, migrations, tests"
	@echo "make system-test  a bounty on two web servers and two workers    (needs postgresql and redis-server)"
	@echo "make chaos    the same stack broken in fifteen ways            (ARGS=--short: three; --only NAME)"
	@echo "make bench    the benchmarks, into bench/out                   (ARGS= names some)"
	@echo "make load     500 people on the site as it runs for the public (ARGS=--short: 50 people, 20 s)"
	@echo "make pins     pin the requirements anew                        (ARGS=--upgrade: newest versions)"
	@echo "make clean    remove the environment and caches; data in var/ stay"

demo: .venv/installed
	@$(STACK) serve --port $(PORT) $(ARGS) -- $(MANAGE) demo $(ARGS)

serve: .venv/installed
	@$(STACK) serve --port $(PORT) $(ARGS)

test: .venv/installed-dev
	@$(STACK) run --temporary -- $(PYTEST) $(ARGS)

check: .venv/installed-dev
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/bandit --quiet --configfile pyproject.toml --recursive manage.py config bounty audits common fairness
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(STACK) run --temporary -- $(MANAGE) makemigrations --check --dry-run
	@$(STACK) run --temporary -- $(PYTEST) $(ARGS)

# A production stack beside whatever runs here: Debian's PostgreSQL and Redis, and storage with credentials.
system-test: .venv/installed-dev
	@$(STACK) run --temporary -- $(PYTHON) -m pytest -rs -m system tests/system $(ARGS)

chaos: .venv/installed-dev
	@$(PYTHON) -m tests.system.chaos $(ARGS)

# On data of its own, so that what is measured is not what has gathered in var/.
bench: export FAULTLINE_DATA := $(CURDIR)/var/bench
bench: export PEERS_PYTHON := $(if $(wildcard bench/peers-requirements.txt),$(CURDIR)/var/peers-venv/bin/python)
bench: .venv/installed-dev $(if $(wildcard bench/peers-requirements.txt),var/peers-venv/installed)
	@rm -rf $(FAULTLINE_DATA)
	@$(STACK) serve --once --port $(PORT) -- $(PYTHON) -m bench.run $(ARGS)

# On services and data of its own, whatever the environment names. As behind a proxy, so that each of the people has an
# address of its own.
load: export FAULTLINE_DATA := $(CURDIR)/var/load
load: export DEBUG := 0
load: export NUM_PROXIES := 1
load: export DJANGO_SETTINGS_MODULE := config.settings
load: .venv/installed-dev
	@rm -rf $(FAULTLINE_DATA)
	@env -u DATABASE_URL -u CELERY_BROKER_URL -u S3_BUCKET -u SITE_URL -u ALLOWED_HOSTS \
		$(STACK) serve --once --port $(PORT) -- $(PYTHON) -m bench.load $(ARGS); \
		code=$$?; rm -rf $(FAULTLINE_DATA); exit $$code

COMPILE := .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--python-version 3.11 --custom-compile-command "make pins" $(ARGS)
pins: .venv/installed-dev
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) --no-deps requirements-demo.in -o requirements-demo.txt
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/out
	find . -name __pycache__ -type d -not -path "./var/*" -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in python3.11 python3 python3.12 python3.13; do \
		$$python -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || continue; \
		exec $$python -m venv .venv; \
	done; echo "Faultline needs Python 3.11 or newer: none was found under the name python3." >&2; exit 1

.venv/installed: $(REQUIREMENTS) | .venv/bin/python
	@echo "Installing the requirements into .venv: once, about a minute"
	@$(PYTHON) -m pip install -qq --disable-pip-version-check -r requirements.txt
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --no-deps -r requirements-demo.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing the tools for tests and checks into .venv"
	@$(PYTHON) -m pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@touch $@

var/peers-venv/installed: bench/peers-requirements.txt | .venv/bin/python
	@echo "Installing the peers of the benchmarks into var/peers-venv"
	@$(PYTHON) -m venv var/peers-venv
	@var/peers-venv/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@
