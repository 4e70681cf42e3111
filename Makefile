# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Everything that is done with this repository; "make help" lists it. CI calls .ci/run, which calls this.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

ifndef VERSION
VERSION := $(shell tools/version.sh)
endif
# Time stamps in what is built: that of the last commit.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 1700000000)
endif
export SOURCE_DATE_EPOCH

BINDIR ?= bin
HOSTARCH := $(shell go env GOHOSTARCH)
GOARCH ?= $(HOSTARCH)
LDFLAGS := -s -w -X main.version=$(VERSION)
LDFLAGS_NODED := $(LDFLAGS) -linkmode=external -extldflags=-Wl,-z,relro,-z,now
# Where nodectl runs: with the native engine it needs nothing of the system.
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64
PACKAGES ?= ./...
FUZZTIME ?= 10s
ENTRIES ?= 2000000
SEED ?= 1
BENCH ?= .
BENCHFLAGS ?=
TESTFLAGS ?=

GO_LINT := go tool -modfile=tools/lint/go.mod golangci-lint
GO_BUF := go tool -modfile=tools/buf/go.mod buf
SHELL_FILES := .ci/run test/deps.sh test/testnode/boot.sh test/containerd/run.sh test/docker/run.sh test/cgroup2/e2e.sh test/cgroup2/run.sh test/cgroup2/init.sh test/cgroup2/test.sh test/fuzz.sh test/demo/kubelet.sh tools/version.sh tools/generate.sh tools/verify.sh packaging/build.sh
SHELL_SNIPPETS := $(wildcard packaging/deb/p* packaging/rpm/p*)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.PHONY: build
build: ## Build bin/noded and bin/nodectl (VERSION=)
	@test/deps.sh build
	@$(MAKE) --no-print-directory binaries

# The programs for GOARCH in BINDIR. noded loads libsystemd at run time: to compile, its headers are enough, also for
# another architecture. nodectl is static.
.PHONY: binaries
binaries: export CGO_ENABLED := 1
ifneq ($(GOARCH),$(HOSTARCH))
ifeq ($(GOARCH),arm64)
binaries: export CC := aarch64-linux-gnu-gcc
else
binaries: export CC := x86_64-linux-gnu-gcc
endif
# After the compiler's own directories: only <systemd/...> is found there.
binaries: export CGO_CFLAGS := -O2 -g -idirafter /usr/include
endif
binaries:
	@mkdir -p "$(BINDIR)"
	GOARCH=$(GOARCH) go build -trimpath -buildvcs=false -buildmode=pie -ldflags '$(LDFLAGS_NODED)' -o "$(BINDIR)/" ./cmd/noded
	CGO_ENABLED=0 GOARCH=$(GOARCH) go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o "$(BINDIR)/" ./cmd/nodectl

.PHONY: cross
cross: ## Build nodectl for Linux, macOS and Windows in dist/cross
	@for platform in $(PLATFORMS); do \
		mkdir -p "dist/cross/$${platform/\//-}"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -trimpath -buildvcs=false \
			-ldflags '$(LDFLAGS)' -o "dist/cross/$${platform/\//-}/" ./cmd/nodectl; \
	done

.PHONY: deps
deps: ## Install what Debian 12 with Go and make lacks (needs root if something is missing)
	@test/deps.sh

.PHONY: test
test: deps unit metrics-server e2e ## Run all tests, those in a booted node too

.PHONY: containerd
containerd: ## Build the current containerd, which tests run next to the distribution's, in dist/containerd
	CGO_ENABLED=0 go build -modfile=tools/containerd/go.mod -trimpath -buildvcs=false -ldflags '-s -w' \
		-tags 'no_btrfs no_devmapper no_zfs' -o dist/containerd/ tool

.PHONY: unit
unit: deps containerd ## Run the tests that need no booted node (PACKAGES=, TESTFLAGS=)
	go test -count=1 -timeout 30m $(TESTFLAGS) $(PACKAGES)

.PHONY: metrics-server
metrics-server: ## Have noded's metrics scraped by the code of metrics-server, which is pinned in a module of its own
	cd test/metricsserver && go test -count=1 ./...

.PHONY: race
race: deps containerd ## Run the tests that need no booted node under the race detector
	go test -count=1 -race -timeout 60m $(TESTFLAGS) $(PACKAGES)

.PHONY: e2e
e2e: deps containerd dist/e2e ## Run the tests of the packages, in a booted node
	NODED_DIST=$(CURDIR)/dist go test -tags e2e -count=1 -timeout 30m -v $(TESTFLAGS) ./test/e2e/

# The package under test twice, for reproducibility, and once as a newer version, for upgrades.
.PHONY: dist/e2e
dist/e2e:
	rm -rf dist/e2e && mkdir -p dist/e2e/new dist/e2e/again
	VERSION=$(VERSION) packaging/build.sh dist/e2e deb $(HOSTARCH)
	VERSION=$(VERSION) packaging/build.sh dist/e2e rpm $(HOSTARCH)
	VERSION=$(VERSION) packaging/build.sh dist/e2e/again deb $(HOSTARCH)
	VERSION=$(VERSION) packaging/build.sh dist/e2e/again rpm $(HOSTARCH)
	VERSION=99.0.0 packaging/build.sh dist/e2e/new deb $(HOSTARCH)
	VERSION=99.0.0 packaging/build.sh dist/e2e/new rpm $(HOSTARCH)

.PHONY: e2e-cgroup2
e2e-cgroup2: deps containerd ## Run noded on cgroup v2 with systemd, in a virtual machine (PACKAGES=, TESTFLAGS=-test.run=...)
	@test/deps.sh cgroup2
	VERSION=$(VERSION) TESTFLAGS="$(TESTFLAGS)" test/cgroup2/e2e.sh $(filter-out ./...,$(PACKAGES))

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME
	FUZZTIME=$(FUZZTIME) test/fuzz.sh $(PACKAGES)

.PHONY: digest
digest: deps ## Compare the journal engines over ENTRIES generated entries (SEED=)
	go test ./test/digest -count=1 -v -timeout 120m -run 'TestDigest$$' -args -entries=$(ENTRIES) -seed=$(SEED)

.PHONY: verify-follow
verify-follow: deps ## Follow a container through 1,000 rotations, 50 restarts and 20 kills of noded (SEED=)
	go test ./test/logs -count=1 -v -timeout 60m -run 'TestFollowNoded$$' -args -long -seed=$(SEED)

.PHONY: bench
bench: deps build ## Compare nodectl with journalctl on the same 2,000,000 entries (BENCHFLAGS='-entries 300000')
	go run ./test/bench -bin "$(BINDIR)" $(BENCHFLAGS)

.PHONY: bench-many
bench-many: deps build ## Measure the last lines of 1,500 files (BENCHFLAGS=)
	go run ./test/bench -bin "$(BINDIR)" -many $(BENCHFLAGS)

.PHONY: bench-follow
bench-follow: deps build ## Measure following in a booted node: losses, delays, processor time (BENCHFLAGS=)
	go run ./test/bench -bin "$(BINDIR)" -follow $(BENCHFLAGS)

.PHONY: bench-logs
bench-logs: deps build ## Compare nodectl logs with the kubelet's reader on 500 MB, and follow many containers (BENCHFLAGS=)
	go run ./test/bench -bin "$(BINDIR)" -logs $(BENCHFLAGS)

.PHONY: bench-stats
bench-stats: deps build ## Compare the cost of usage figures with cAdvisor's, and measure noded alone and watched on a full node (BENCHFLAGS=)
	go run ./test/bench -bin "$(BINDIR)" -stats $(BENCHFLAGS)

.PHONY: microbench
microbench: deps ## Run the benchmarks of the packages (BENCH=regexp, PACKAGES=)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m $(PACKAGES)

.PHONY: lint
lint: verify ## Check style, import rules, API rules and scripts
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted" >&2; exit 1; fi
	go vet -tags e2e,cgroup2 ./...
	cd test/metricsserver && go vet ./... && go mod tidy -diff
	$(GO_LINT) run ./...
	$(GO_BUF) lint proto
	$(GO_BUF) breaking proto --against proto/noded/v1/noded.v1.binpb
	shellcheck $(SHELL_FILES)
	shellcheck --shell=sh $(SHELL_SNIPPETS)

.PHONY: verify
verify: ## Check that generated files are up to date
	tools/verify.sh

.PHONY: update
update: ## Generate code, man pages, completions and the default configuration again
	tools/generate.sh .

.PHONY: api-image
api-image: ## Accept the current API as the one that later changes must not break
	$(GO_BUF) build proto --as-file-descriptor-set --exclude-source-info -o proto/noded/v1/noded.v1.binpb

.PHONY: deb
deb: ## Build dist/noded_*.deb for amd64 and arm64
	VERSION=$(VERSION) packaging/build.sh dist deb amd64
	VERSION=$(VERSION) packaging/build.sh dist deb arm64

.PHONY: rpm
rpm: ## Build dist/noded-*.rpm for x86_64 and aarch64
	VERSION=$(VERSION) packaging/build.sh dist rpm amd64
	VERSION=$(VERSION) packaging/build.sh dist rpm arm64

.PHONY: packages
packages: deb rpm ## Build all packages

.PHONY: demo
demo: deps ## Boot a node, install the package in it and read the kubelet's journal through noded
	rm -rf dist/demo && VERSION=$(VERSION) packaging/build.sh dist/demo deb $(HOSTARCH)
	go run ./test/demo dist/demo/*.deb

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
