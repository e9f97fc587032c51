# `make demo` and `make test` are all that a newcomer needs. `make help` lists
# the rest.

# The drivers, and the drop-in for redsync with the drivers under its names. They
# require the oldest version of their client library that they work with; in the
# workspace (go.work) they get the newest, which integration requires.
DRIVERS := pool/goredis pool/rueidis pool/valkeygo \
	redsync/redis/goredis redsync/redis/goredis/v7 redsync/redis/goredis/v8 redsync/redis/goredis/v9 \
	redsync/redis/rueidis redsync/redis/valkeygo

# Those whose client library has no newer version any more.
FROZEN := redsync/redis/goredis redsync/redis/goredis/v7 redsync/redis/goredis/v8

# Every module of this repository whose tests need Go alone. Those of integration
# need Docker, and say so where it is missing.
MODULES := . cmd/redlatch redsync bench $(DRIVERS)

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The packages of the given modules, for a command in the workspace.
packages = $(patsubst %,./%/...,$(1))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## replicas take turns under one lock; ARGS='--nodes 3', '--help'
	@go build -o bin/redlatch ./cmd/redlatch
	@bin/redlatch demo $(ARGS)

.PHONY: test
test: lint ## everything that has to pass: lint, and every module's tests
	go test -race $(call packages,$(MODULES))
	@# And with the oldest version of each client library, where there is an older one.
	@printf '%s\n' $(filter-out $(FROZEN),$(DRIVERS)) | xargs -P 3 -I MODULE sh -c 'cd MODULE && GOWORK=off go test ./...'
	@# Without an argument go test passes on what a test prints: how many containers
	@# were used, or which tests were left out for want of them.
	cd integration && go test -race ./soak && go test -race -timeout 10m

# How many fixed seeds are played, and how long fresh ones after them: none in CI, where a
# change is to be judged, and not what was there before.
SIM_SEEDS ?= $(if $(CI),30000,5000)
SIM_FOR ?= $(if $(CI),0s,1m)
.PHONY: sim
sim: ## random scenarios in virtual time; SIM_FOR=1h for a night, SIM_SEED=1 tells one
	@go test -count=1 -timeout 0 -v -run '^TestSim$$' ./internal/sim -args -sim.for $(SIM_FOR) -sim.seeds $(SIM_SEEDS) \
		-sim.seed '$(or $(SIM_SEED),0)' -sim.drop '$(SIM_DROP)'

# Five servers, and up to 64 processes at a time: on a machine that does nothing else.
.PHONY: bench
bench: ## measure beside other locks, for docs/bench; QUICK=1 for under two minutes
	@go build -o bin/bench ./bench
	@bin/bench -module bench -out docs/bench $(if $(QUICK),-quick) $(ARGS)

.PHONY: mutants
mutants: ## whether the simulator finds each of a list of bugs
	@go run ./internal/sim/mutants

# Among all tests it runs for some seconds.
SOAK_FOR ?= 5m
.PHONY: soak
soak: ## random faults on real servers; SOAK_FOR=5m, SOAK_SEED=1 for the same again
	@cd integration && SOAK_FOR=$(SOAK_FOR) SOAK_SEED=$(SOAK_SEED) REDLATCH_DOCKER=require \
		go test -race -count=1 -timeout 0 -run '^TestSoak$$'

# How long each target is run.
FUZZ_FOR ?= 10s

.PHONY: fuzz
fuzz: ## every fuzz target for a while, one after the other; FUZZ_FOR=1m
	@# The list is the names of a package's targets, then "ok" and the package. What a target
	@# finds interesting is minimized for a moment only: the default is a minute each.
	@list=$$(go test -list '^Fuzz' $(call packages,$(MODULES))) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ_FOR) -fuzzminimizetime 100x $$package </dev/null || exit 1; \
	done

.PHONY: lint
lint: imports ## gofmt, vet, staticcheck, and which package may import which
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet $(call packages,$(MODULES) integration)
	$(STATICCHECK) $(call packages,$(MODULES) integration)

.PHONY: imports
imports: ## which package may import which
	@./.ci/imports

.PHONY: images
images: ## give the local Docker engine the test servers' images, where no registry can be reached
	@integration/images.sh

.PHONY: tidy
tidy: ## bring every module's go.mod and go.sum up to date
	@for module in . redsync $(DRIVERS) integration bench; do (cd $$module && GOWORK=off go mod tidy) || exit 1; done
	@# What `go install` can install must not have a replace; tidying it before
	@# the version that it requires is published needs one.
	cd cmd/redlatch && cp go.mod tidy.mod && cp go.sum tidy.sum && \
		GOWORK=off go mod edit -replace github.com/redlatch/redlatch=../.. tidy.mod && \
		GOWORK=off go mod tidy -modfile=tidy.mod && \
		GOWORK=off go mod edit -dropreplace github.com/redlatch/redlatch tidy.mod && \
		mv tidy.mod go.mod && mv tidy.sum go.sum

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
