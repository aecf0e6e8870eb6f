# Every target is one line that calls a script. PYTHON is the only prerequisite, with venv and a package index.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ALL := tooling dagster airflow prefect embedded

.PHONY: check test test-fast bench site site-build dist environments clean
check: environments  ## prove every snippet and example, print the report
	@.venv/bin/python scripts/check.py

test: environments  ## lint, types, all tests, and the checker over the whole pack
	@.venv/bin/python scripts/run_tests.py

test-fast: environments  ## without servers and dbt, for the inner loop
	@.venv/bin/python scripts/run_tests.py --fast

bench: environments  ## ratios measured in one run
	@.venv/bin/python benchmarks/harness_cost.py
	@.venv/bin/python benchmarks/bench.py
	@.venv/bin/python benchmarks/projects.py

site: environments  ## serve the site with live reload
	@.venv/bin/python scripts/build_site.py --serve

site-build: environments  ## build the site, strict: a dead link or anchor fails
	@.venv/bin/python scripts/build_site.py

dist: environments  ## build the zip for uploads
	@.venv/bin/python scripts/make_dist.py

environments:  ## build the locked environments that are missing or out of date
	@$(PYTHON) scripts/prepare.py $(ALL)

clean:  ## remove environments and caches
	@rm -rf .venv .venv-building .tools .cache examples/*/.venv examples/*/.venv-building
