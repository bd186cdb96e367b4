# The commands of a working day. Each says what it does when run; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: ## Install what is missing, build, start two rehearsal nodes and the console
	@scripts/up.sh

demo: ## Walk the whole path through the HTTP API: train, gather, export, deploy, ask (console and nodes of its own)
	@scripts/demo.sh

down: ## Stop the rehearsal nodes and the jobs on them, the demo's too
	@scripts/down.sh

reset: ## Ask, then stop everything and delete all data
	@scripts/reset.sh

build: ## Build the console, the rehearsal and the browser half
	@scripts/build.sh

check: ## Format, clippy for host and wasm, boundaries, unit tests: before each commit
	@scripts/check.sh

test: ## Everything CI runs: check, supervisor and API tests, browser walks
	@scripts/test.sh

test-full: ## What is too slow for CI: the dataset is learnt, real torch and transformers read our files
	@scripts/test_full.sh

fuzz: ## Feed the readers of event files, logs and client requests with damage for an hour, or FUZZ_SECS
	@scripts/fuzz.sh

bench: ## Measure, and write docs/benchmarks.md and .json; BENCH_COLD=1 also what a fresh clone takes
	@scripts/bench.sh

.PHONY: help up demo down reset build check test test-full fuzz bench
