# `make demo` and `make test` are all that a newcomer needs. `make help` lists
# the rest.

# Every module of this repository. The tests of the root need Go alone; those of
# integration need Docker, and say so where it is missing.
MODULES := . cmd/redlatch integration

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# For a module at a time: $(call each,COMMAND).
each = @for module in $(MODULES); do (cd $$module && $(1)) || exit 1; done

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## replicas take turns under one lock; ARGS='--nodes 3', '--help'
	@go build -o bin/redlatch ./cmd/redlatch
	@bin/redlatch demo $(ARGS)

.PHONY: test
test: lint ## everything that has to pass: lint, and every module's tests
	go test -race ./...
	cd cmd/redlatch && go test -race ./...
	@# Without an argument go test passes on what a test prints: how many containers
	@# were used, or which tests were left out for want of them.
	cd integration && go test -race -timeout 10m

.PHONY: lint
lint: imports ## gofmt, vet, staticcheck, and which package may import which
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(call each,go vet ./...)
	$(call each,$(STATICCHECK) ./...)

.PHONY: imports
imports: ## which package may import which
	@./.ci/imports

.PHONY: images
images: ## give the local Docker engine the test servers' images, where no registry can be reached
	@integration/images.sh

.PHONY: tidy
tidy: ## bring every module's go.mod and go.sum up to date
	GOWORK=off go mod tidy
	cd integration && GOWORK=off go mod tidy
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
