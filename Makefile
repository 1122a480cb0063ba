# `make help` lists the commands. The scripts in scripts/ implement them; docs/operations.md describes their use.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run up down reset scale integration dead-letters test simulate faults bench format lint prepare
# Release binaries contain the Swift runtime. That takes a tenth less processor time and 2 to 4 MiB less memory,
# and the host needs no Swift runtime. See docs/performance-findings.md.
shipped := -c release --static-swift-stdlib
sources := Package.swift Services Shared Tests Benchmarks

# `target: ## text` describes a target. Lines of `## variable=value -- text` below it describe its variables.
help: ## list the commands
	@awk -F ':.*## |^## | -- ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 } \
	  /^## / { printf "  %-21s %-26s  %s\n", "", $$2, $$3 }' $(MAKEFILE_LIST)

run: prepare ## build and start everything in the foreground; Ctrl-C stops it
	@scripts/run.sh

up: prepare ## build and start everything in the background
	@scripts/stack.sh .local up
	@scripts/welcome.sh

down: ## stop what `make up` started
	@scripts/stack.sh .local down

reset: ## stop everything and delete .local/ with all data, passwords and logs
	@scripts/reset.sh

scale: ## run n instances of a service
## service=chats n=2 -- the service, and the number of instances from 0 to 20
## load=1 -- service=messaging: run a load meanwhile and report its results
	@MARTLET_SCALE_LOAD="$(load)" scripts/stack.sh .local scale "$$service" "$$n"

integration: ## create a queue of events for an external program, and a user to read it
## name=billing -- the queue is named integration.billing
## patterns='chats.message.#' -- routing keys of the events, separated by commas
## bytes=67108864 -- size limit of the queue; the default is 64 MiB
## remove=yes -- remove the queue and its user
	@scripts/stack.sh .local integration "$$name" $(if $(remove),--remove,--patterns "$$patterns" $(if $(bytes),--bytes "$$bytes"))

dead-letters: ## list the events that a service failed to handle
## service=chats -- the service
## replay=all -- return them to their queues; replay=<event id> returns one
## drop=all -- delete them; drop=<event id> deletes one
	@scripts/stack.sh .local service "$$service" dead-letters \
	  $(if $(replay),replay $(replay:all=--all),$(if $(drop),drop $(drop:all=--all),list))

test: ## run all tests against a stack of their own
## filter=Bus -- only the tests whose name matches this regular expression
## release=1 -- test the services of the release build
	@scripts/install.sh
	@MARTLET_TEST_RELEASE="$(release)" scripts/test.sh $(if $(filter),--filter "$$filter")

simulate: ## test the services' rules under simulated failures, without servers
## seeds=1000 -- number of runs; the default is 200
## seed=7 -- repeat the run with this seed
	@scripts/install.sh
	@MARTLET_TEST_SIMULATION_SEEDS="$(or $(seeds),200)" MARTLET_TEST_SIMULATION_SEED="$(seed)" scripts/simulate.sh

faults: ## kill each server and service in turn, under load
## minutes=10 -- duration; the default is 5
## seed=7 -- repeat the order of this seed
## release=1 -- test the services of the release build
	@scripts/install.sh
	@MARTLET_TEST_FAULTS_MINUTES="$(or $(minutes),5)" MARTLET_TEST_FAULTS_SEED="$(seed)" MARTLET_TEST_RELEASE="$(release)" \
	  scripts/test.sh --filter FaultTests.Faults/KillTests

bench: ## measure each part beside a baseline; takes about 9 minutes
## only='history|sends' -- only the figures whose name matches this regular expression
## quick=1 -- one short pass of each figure
	@scripts/install.sh wrk gcc libc6-dev
	@swift build $(shipped)
	@Benchmarks/bench.py $(if $(only),--only "$$only") $(if $(quick),--quick)

format: ## format the Swift sources
	@swift format --in-place --parallel --recursive $(wildcard $(sources))

lint: ## check the format and style of the Swift sources
	@swift format lint --strict --parallel --recursive $(wildcard $(sources))

prepare:
	@scripts/install.sh
	@scripts/stack.sh .local check
	@swift build $(shipped)
