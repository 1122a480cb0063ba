# `make help` says what there is. What each command does stands in scripts/; see docs/operations.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run up down reset scale integration dead-letters test simulate faults bench format lint prepare
# The runtime in the binary: a tenth less processor time, 2 to 4 MiB less memory, and no runtime to install; see docs/performance.md.
shipped := -c release --static-swift-stdlib
sources := Package.swift Services Shared Tests Benchmarks

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: prepare ## build and start everything, stay in front; Ctrl-C stops it
	@scripts/run.sh

up: prepare ## the same in the background
	@scripts/stack.sh .local up
	@scripts/welcome.sh

down: ## stop what `make up` started
	@scripts/stack.sh .local down

reset: ## stop everything and wipe .local/: data, passwords, logs
	@scripts/reset.sh

scale: ## run n instances of a service: make scale service=chats n=2 (service=messaging: with a report; load=1: under a load of its own)
	@MARTLET_SCALE_LOAD="$(load)" scripts/stack.sh .local scale "$$service" "$$n"

integration: ## give a program a queue of events: make integration name=billing patterns='chats.message.#'
	@scripts/stack.sh .local integration "$$name" $(if $(remove),--remove,--patterns "$$patterns" $(if $(bytes),--bytes "$$bytes"))

dead-letters: ## list what a service could not handle: make dead-letters service=chats (replay=all tries again, drop=all forgets)
	@scripts/stack.sh .local service "$$service" dead-letters \
	  $(if $(replay),replay $(replay:all=--all),$(if $(drop),drop $(drop:all=--all),list))

test: ## all tests, against servers of their own (filter=Bus: only some; release=1: services of the release build)
	@scripts/install.sh
	@MARTLET_TEST_RELEASE="$(release)" scripts/test.sh $(if $(filter),--filter "$$filter")

simulate: ## the services' rules under simulated trouble, without servers: make simulate seeds=1000 (seed=7: that one run again)
	@scripts/install.sh
	@MARTLET_TEST_SIMULATION_SEEDS="$(or $(seeds),200)" MARTLET_TEST_SIMULATION_SEED="$(seed)" scripts/simulate.sh

faults: ## kill everything in turn, under load, for so long: make faults minutes=10 (seed=7: the same order again; release=1)
	@scripts/install.sh
	@MARTLET_TEST_FAULTS_MINUTES="$(or $(minutes),5)" MARTLET_TEST_FAULTS_SEED="$(seed)" MARTLET_TEST_RELEASE="$(release)" \
	  scripts/test.sh --filter FaultTests.Faults/KillTests

bench: ## what each part reaches beside the bare parts below it, 9 minutes (only=<pattern>: some of it; quick=1: roughly)
	@scripts/install.sh wrk gcc libc6-dev
	@swift build $(shipped)
	@Benchmarks/bench.py $(if $(only),--only "$$only") $(if $(quick),--quick)

format: ## rewrite the sources in the house style
	@swift format --in-place --parallel --recursive $(wildcard $(sources))

lint: ## complain about what `make format` would change, and more
	@swift format lint --strict --parallel --recursive $(wildcard $(sources))

prepare:
	@scripts/install.sh
	@scripts/stack.sh .local check
	@swift build $(shipped)
