# Everything that a person or CI does here. What a target needs is put into this folder (.venv, .venv-judges, .tools), nowhere else.
# What cannot be had on a machine is skipped loudly, by name, with the reason.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2

# More arguments for explore, lab and nextest: make explore ARGS="--help"
ARGS ?=
# dev is built once for tests, lab and explorer alike. The demo always runs the functions as they are deployed: release.
PROFILE ?= dev
TARGET := $(or $(CARGO_TARGET_DIR),target)

VENV := .venv
PYTHON := $(VENV)/bin/python
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/$(VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# sam asks for a region even where nothing is called.
export AWS_DEFAULT_REGION ?= eu-west-1

.PHONY: help
help: ## List the targets
	@echo "Steward: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: rust ## See it work: pushes, rollouts, crashes, rollbacks, migrations, five weeks of backups in the lab, without AWS or Docker
	@# On a terminal cargo shows how far it is; elsewhere a line says why nothing happens for a while.
	@[ -t 2 ] || echo "Building the functions as they are deployed (release, LTO) and the lab: minutes the first time, seconds later"
	@quiet=$$([ -t 2 ] || echo -q); cargo build $$quiet --locked --release -p deploy -p heal -p migrate -p snapshot; \
	  cargo build $$quiet --locked -p tests --bin demo
	@$(TARGET)/debug/demo $(TARGET)/release $(if $(PICTURE),--picture $(PICTURE))

.PHONY: test
test: lint unit template conformance built bench-check packaging demo-built sam-deploy sam-local ## Everything that must be green before a merge

.PHONY: lint
lint: rust deny ## Format, clippy with warnings as errors, licences and banned crates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: unit
unit: rust nextest ## Rust tests, documentation tests included
	cargo nextest run --locked --workspace $(ARGS)
	cargo test -q --locked --workspace --doc

.PHONY: template
template: venv judges checkov ## Tests of template.yaml: lint, scanner, expansion, permissions, keys, alarms, queries, parameters
	$(PYTHON) -m pytest -q tests/stack

.PHONY: parameters
parameters: venv ## Write docs/parameters.md anew from template.yaml
	$(PYTHON) tests/stack/parameters.py --write

.PHONY: queries
queries: venv ## Write docs/queries.md anew from template.yaml
	$(PYTHON) tests/stack/queries.py --write

.PHONY: records
records: rust venv ## Write the log lines anew on which the saved queries are tried, from the binaries; then the page
	cargo build -q --locked --workspace --bins
	$(PYTHON) tests/stack/records.py $(TARGET)/debug
	$(PYTHON) tests/stack/queries.py --write

.PHONY: explore
explore: rust ## Run the fault explorer: crashes, throttles, lost replies, duplicates, reordering
	cargo run -q --profile $(PROFILE) -p tests --bin explore -- --limit 120 $(ARGS)

.PHONY: scale
scale: rust built ## Measure ten thousand services and a thousand databases, and write docs/scale.md and docs/scale.svg anew
	cargo build -q --locked -p tests --bin scale
	$(TARGET)/debug/scale .aws-sam/binaries --write docs $(ARGS)

.PHONY: lab
lab: rust ## Start the lab on loopback for the AWS CLI, boto3 and the functions' binaries
	cargo run -q --profile $(PROFILE) -p tests --bin lab -- $(ARGS)

.PHONY: conformance
conformance: judged ## Let others judge: `judged`, and by botocore and the AWS CLI all that the lab answers
	cargo build -q --locked --workspace --bin lab
	LAB_BINARY=$(abspath $(TARGET))/debug/lab $(PYTHON) -m pytest -q tests/conformance

# The build is that of `unit`: with the features of the whole workspace.
.PHONY: judged
judged: rust venv judges ## Let moto and MiniStack judge what the real binaries call: each operation that they have
	cargo build -q --locked --workspace --bin deploy --bin heal --bin migrate --bin snapshot
	BINARIES=$(abspath $(TARGET))/debug $(PYTHON) -m pytest -q tests/judged $(ARGS)

.PHONY: conformance-page
conformance-page: ## Write docs/conformance.md anew, from what the binaries call
	$(MAKE) judged ARGS=--write-page

HERE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

# For the architecture that the template names, arm64, where nothing else is said. `sam deploy` must be told the same.
.PHONY: build
build: rust venv-build ## Build what is deployed, with `sam build` (ARCHITECTURE=x86_64 for that one)
	sam build $(if $(filter command environment,$(firstword $(origin ARCHITECTURE))),--parameter-overrides Architecture=$(ARCHITECTURE))

# One build for all that runs here what is deployed: its own tests, those of the package, the demo in CI, sam-deploy and sam-local.
.PHONY: built
built: rust venv-build ## Build what is deployed for this machine, and look at it: C library, architecture, no stale cache
	sam build --parameter-overrides Architecture=$(HERE)
	$(PYTHON) -m pytest -q tests/built
	@mkdir -p .aws-sam/binaries
	@for name in Deploy Heal Migrate Snapshot; do \
	  ln -sfn ../build/$${name}Function/bootstrap .aws-sam/binaries/$$(tr A-Z a-z <<<$$name); done

.PHONY: demo-built
demo-built: rust built ## The demo, of what `sam build` built
	cargo build -q --locked --workspace --bin demo
	$(TARGET)/debug/demo .aws-sam/binaries

.PHONY: sam-local
sam-local: rust built ## Run every function with every file of events/ under `sam local` (INSTALL=1 brings a Docker Engine)
	cargo build -q --locked --workspace --bin lab
	scripts/sam-local.sh $(ARGS)

.PHONY: sam-deploy
sam-deploy: rust built judges ## A real `sam deploy` into MiniStack: events through it, an upgrade, `sam delete`
	$(PYTHON) -m pytest -q tests/deployed

# ---- Performance: docs/performance.md ---------------------------------------------------------------------------------

# What is deployed, beside the floor.
DEPLOYED := --functions .aws-sam/binaries --bench $(TARGET)/debug/bench

.PHONY: bench
bench: floor venv-bench ## Measure the functions beside twins of them and write docs/performance.md (builds the twins: minutes)
	cd tests/bench/twins/sdk-defaults && env -u CARGO_TARGET_DIR cargo build -q --locked --release
	@# With SMALL=yes also with our release profile.
	$(if $(SMALL),cd tests/bench/twins/sdk-defaults && env -u CARGO_TARGET_DIR cargo build -q --locked --profile small)
	@if command -v npm >/dev/null; then cd tests/bench/twins/node && npm ci --silent --no-audit --no-fund && npm run --silent build; \
	  else echo "SKIPPED the Node twin: npm is missing (Debian: npm)" >&2; fi
	.venv-bench/bin/python -B tests/bench/bench.py $(DEPLOYED) $(ARGS)

.PHONY: floor
floor: rust built
	cargo build -q --locked --release -p floor
	cargo build -q --locked --workspace --bin bench
	@ln -sfn $(abspath $(TARGET))/release/floor .aws-sam/binaries/floor

.PHONY: bench-check
bench-check: floor venv ## Sizes and cold starts of what is deployed against tests/bench/baseline.json
	@# A workspace of its own, which nothing else builds: its lock file must know what the functions need today.
	cd tests/bench/twins/sdk-defaults && cargo update -q --workspace --locked
	$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/bench
	$(PYTHON) -B tests/bench/check.py $(DEPLOYED)

.PHONY: baseline
baseline: floor venv ## Make what is deployed now the baseline of bench-check
	$(PYTHON) -B tests/bench/check.py $(DEPLOYED) --write

# ---- Releases: docs/release.md ----------------------------------------------------------------------------------------

ARCHITECTURE ?= $(HERE)

.PHONY: package
package: rust venv-build venv-package ## Build the functions as they are released and pack them into dist/: zips, template, checksums, SBOM, licences
	packaging/build.sh $(ARCHITECTURE)
	$(PYTHON) -B packaging/package.py --binaries $(TARGET)/lambda --out dist

.PHONY: reproducible
reproducible: rust venv-build venv-package ## Build and pack twice what is committed, in two folders, and compare every byte (minutes)
	packaging/reproduce.sh $(ARCHITECTURE)

.PHONY: dist
dist: rust venv ## One release in dist/ of what was packed for each architecture into target/built/*
	$(PYTHON) -B packaging/package.py --merge target/built/* --out dist

.PHONY: sbom
sbom: rust venv ## What the functions are made of, as CycloneDX, in target/steward.cdx.json
	@mkdir -p target
	$(PYTHON) -B packaging/bom.py target/steward.cdx.json

.PHONY: terraform
terraform: venv ## Write the generated part of packaging/terraform anew from template.yaml
	$(PYTHON) -B packaging/terraform.py --write

# The binaries are as they are deployed, but for the paths of this machine that are still in them.
.PHONY: packaging
packaging: rust built venv venv-package venv-packaging judges ## Tests of the package: zips, template in MiniStack by plain CloudFormation, SBOM, Terraform, StackSet, workflows
	RELEASE_BINARIES=$(abspath .aws-sam/binaries) $(PYTHON) -m pytest -q -rs tests/packaging

.PHONY: advisories
advisories: rust ## Known vulnerabilities of the crates; fetches the database of RustSec, and so is no part of `test`
	@command -v cargo-deny >/dev/null || cargo install --root .tools --locked cargo-deny@$(DENY_VERSION)
	cargo deny --log-level error check advisories

.PHONY: deny
deny: rust ## Licences, sources and banned crates, with cargo-deny
	@command -v cargo-deny >/dev/null || cargo install --root .tools --locked cargo-deny@$(DENY_VERSION)
	cargo deny --log-level error check bans licenses sources

.PHONY: clean
clean: ## Remove what was built; the tools stay
	rm -rf .aws-sam
	cargo clean

# ---- What the targets above need -------------------------------------------------------------------------------------

.PHONY: rust
rust:
	@command -v rustc >/dev/null && command -v cargo >/dev/null || { \
	  echo "Rust is missing: install it from https://rustup.rs (or your distribution, 1.94.1 or newer)" >&2; exit 1; }

.PHONY: nextest
nextest: rust
	@command -v cargo-nextest >/dev/null || cargo install --root .tools --locked cargo-nextest@$(NEXTEST_VERSION)

.PHONY: venv
venv: $(VENV)/.requirements

.PHONY: judges
judges: .venv-judges/.requirements

.PHONY: venv-bench
venv-bench: .venv-bench/.requirements

.PHONY: checkov
checkov: .tools/checkov/.requirements

.PHONY: venv-build
venv-build: $(VENV)/.requirements-build

$(VENV)/.requirements: tests/python/requirements.txt
	@python3 -m venv $(VENV) || { echo "Python 3.10 or newer with venv is missing (Debian: python3-venv)" >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/.requirements-build: tests/python/requirements-build.txt $(VENV)/.requirements
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: venv-package
venv-package: $(VENV)/.requirements-package

.PHONY: venv-packaging
venv-packaging: $(VENV)/.requirements-packaging

$(VENV)/.requirements-package $(VENV)/.requirements-packaging: $(VENV)/.requirements%: tests/python/requirements%.txt $(VENV)/.requirements
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv-judges/.requirements: tests/python/requirements-judges.txt
	@python3 -m venv .venv-judges || { echo "Python 3.10 or newer with venv is missing (Debian: python3-venv)" >&2; exit 1; }
	.venv-judges/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv-bench/.requirements: tests/python/requirements-bench.txt
	@python3 -m venv .venv-bench || { echo "Python 3.10 or newer with venv is missing (Debian: python3-venv)" >&2; exit 1; }
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.tools/checkov/.requirements: tests/python/requirements-checkov.txt
	@python3 -m venv .tools/checkov || { echo "Python 3.10 or newer with venv is missing (Debian: python3-venv)" >&2; exit 1; }
	.tools/checkov/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
