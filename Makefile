# What a newcomer runs: `make demo` and `make test`. `make help` lists the rest.

MODULES := . cmd/redlatch integration

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: tidy
tidy: ## bring every module's go.mod and go.sum up to date
	GOWORK=off go mod tidy
	cd integration && GOWORK=off go mod tidy
	@# What `go install` can install must not have a replace; tidying it before
	@# the version it requires is published needs one.
	cd cmd/redlatch && cp go.mod tidy.mod && touch go.sum && cp go.sum tidy.sum && \
		GOWORK=off go mod edit -replace github.com/redlatch/redlatch=../.. tidy.mod && \
		GOWORK=off go mod tidy -modfile=tidy.mod && \
		GOWORK=off go mod edit -dropreplace github.com/redlatch/redlatch tidy.mod && \
		mv tidy.mod go.mod && mv tidy.sum go.sum
