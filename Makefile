# The front door. `make` alone lists what there is.
.DEFAULT_GOAL := help
.PHONY: help run dev manage setup test check access screenshots

PYTHON := .venv/bin/python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## set everything up and serve http://127.0.0.1:8000 (PORT=… for another port)
	@scripts/setup.sh run && exec $(PYTHON) scripts/run.py

dev: ## the same data behind a debug server that reloads
	@scripts/setup.sh all && exec $(PYTHON) scripts/run.py --dev

manage: ## a manage.py command on the data of `make run`: make manage ARGS="init --sample-data"
	@scripts/setup.sh run && exec $(PYTHON) scripts/run.py --manage $(ARGS)

setup: ## install everything needed to work on Gatehouse
	@scripts/setup.sh all

test: ## every test, on SQLite, PostgreSQL and MariaDB where one answers, with a browser too
	@scripts/setup.sh all && exec $(PYTHON) scripts/test.py

check: ## format, types, floors, templates, migrations and deployment settings
	@scripts/setup.sh all && exec $(PYTHON) scripts/check.py

access: ## who may do what into docs/access.md
	@scripts/setup.sh all && exec $(PYTHON) scripts/access_table.py

screenshots: ## pictures of the main pages into docs/screenshots
	@scripts/setup.sh all && exec $(PYTHON) scripts/screenshots.py
