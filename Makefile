# The front door: every target is one script in scripts/.
.DEFAULT_GOAL := help
.PHONY: help run test check bench clean-data

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Set up what is missing, build, and start the demo on this machine
	@scripts/run

test: ## Everything: format, tests on SQLite and PostgreSQL, contract, lints (what CI runs)
	@scripts/test

check: ## The quick part: format, lints, unit tests
	@scripts/check

bench: ## Benchmarks, optimised
	@scripts/bench

clean-data: ## Remove the local database in ./data (asks first)
	@scripts/clean-data
