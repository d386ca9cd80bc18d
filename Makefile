# Everything starts here; `make` alone lists it. Needs Rust (rustup.rs), Python 3.11 or newer and a C++ compiler, nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
LAKE_PORT ?= 4566
AUTH ?= false
# How files come in: direct, queue or workflow. Empty leaves it as it was, which is direct at first.
INGEST ?=
# Where the function will run: on AWS arm64 unless told otherwise, in the local lake on this machine.
ARCH ?= arm64
HOST_ARCH := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
FUNCTIONS := csv-to-parquet route-file detokenize-pii tokenize-pii
STACK ?= cleanzone
VAULT_STACK ?= cleanzone-vault
ENVIRONMENT ?= dev
# For `make fuzz`: how long each target runs, which one (all unless told), and files to try instead of new inputs.
SECONDS ?= 60
TARGET ?=
FILES ?=
# More template parameters for `make deploy`, such as PARAMETERS="NotificationEmail=me@example.com Timeout=300".
PARAMETERS ?=

VENV := .venv/.complete
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LAKE_PORT AUTH INGEST
export SAM_CLI_TELEMETRY := 0
# cargo-lambda looks for a newer release of itself otherwise.
export CARGO_LAMBDA_NO_UPDATE_CHECK := 1

.PHONY: help demo up down env watch build build-lake deploy deploy-vault test fuzz lint format bench pin clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: up ## Watch four files become tables in the local lake
	@.venv/bin/python scripts/demo.py

up: ## Start the local lake, build, deploy; run it again after a change (LAKE_PORT=4566 AUTH=false INGEST=direct|queue|workflow)
	@$(MAKE) build-lake
	@.venv/bin/python scripts/lake.py up

down: ## Stop the local lake
	@$(PYTHON) scripts/lake.py down

env: ## Print the lines that point a shell at the local lake: eval "$(make -s env)"
	@.venv/bin/python scripts/lake.py env

watch: up ## Rebuild on every change, while the local lake sends its events to what you edit
	@.venv/bin/python scripts/watch.py

# cargo first, for its progress; sam then only collects what cargo has built.
build: $(VENV) ## Build the functions for Lambda, as they are deployed (ARCH=arm64 or x86_64)
	@cargo lambda build --release $(FUNCTIONS:%=--bin %) $(if $(filter arm64,$(ARCH)),--arm64)
	@mkdir -p .aws-sam
	@sam build --build-dir .aws-sam/$(ARCH) --parameter-overrides Architecture=$(ARCH) >.aws-sam/$(ARCH).log 2>&1 \
		|| { cat .aws-sam/$(ARCH).log; exit 1; }
	@sam build --template-file vault.yaml --build-dir .aws-sam/vault-$(ARCH) --parameter-overrides Architecture=$(ARCH) \
		>.aws-sam/vault-$(ARCH).log 2>&1 || { cat .aws-sam/vault-$(ARCH).log; exit 1; }

# The same in less than half the time, for this machine and the local lake; in a folder of its own, so that neither is ever
# taken for the other.
build-lake: $(VENV) ## Build the functions for the local lake: quicker to build, slower to run
	@cargo lambda build --profile lake --lambda-dir target/lambda-lake $(FUNCTIONS:%=--bin %)
	@.venv/bin/python scripts/assemble.py target/lambda-lake $(HOST_ARCH)

deploy: build ## Deploy to AWS (STACK=cleanzone ENVIRONMENT=dev INGEST=direct PARAMETERS="Name=value ...")
	@[[ -z "$${AWS_ENDPOINT_URL:-}" ]] || { echo "AWS_ENDPOINT_URL is set: this shell points at a local lake."; exit 1; }
	sam deploy --template-file .aws-sam/$(ARCH)/template.yaml --stack-name $(STACK) --resolve-s3 \
		--capabilities CAPABILITY_IAM --confirm-changeset --no-fail-on-empty-changeset \
		--parameter-overrides Architecture=$(ARCH) EnvironmentName=$(ENVIRONMENT) $(INGEST:%=Ingest=%) $(PARAMETERS)

deploy-vault: build ## Deploy the PII stack to AWS, with the credentials of its own account (VAULT_STACK=cleanzone-vault PARAMETERS=...)
	@[[ -z "$${AWS_ENDPOINT_URL:-}" ]] || { echo "AWS_ENDPOINT_URL is set: this shell points at a local lake."; exit 1; }
	sam deploy --template-file .aws-sam/vault-$(ARCH)/template.yaml --stack-name $(VAULT_STACK) --resolve-s3 \
		--capabilities CAPABILITY_IAM --confirm-changeset --no-fail-on-empty-changeset \
		--parameter-overrides Architecture=$(ARCH) EnvironmentName=$(ENVIRONMENT) $(PARAMETERS)

# Doc tests are not nextest's business.
test: $(VENV) ## Run every test: unit, property, conformance, fuzzing, end to end
	@if command -v cargo-nextest >/dev/null; then \
		cargo nextest run --workspace --locked --no-fail-fast && cargo test --workspace --doc --quiet; \
	else \
		cargo test --workspace --locked --no-fail-fast; \
	fi
	@.venv/bin/python scripts/fuzz.py --bounded --seconds 20
	@$(MAKE) build-lake
	@.venv/bin/pytest tests

fuzz: $(VENV) ## Try inputs that nobody would send on all that reads them (SECONDS=60 TARGET=read|charset|archive FILES="...")
	@.venv/bin/python scripts/fuzz.py --seconds $(SECONDS) $(TARGET) $(FILES)

lint: $(VENV) ## Check format, lints, the template and the workflows
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets --all-features --locked --quiet -- -D warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --release --target-dir target/fuzz --locked --quiet -- -D warnings
	ruff format --check --quiet . && ruff check --quiet .
	cfn-lint --include-checks I -- template.yaml vault.yaml
	.venv/bin/python scripts/lint_workflows.py
	AWS_DEFAULT_REGION=us-east-1 sam validate --lint --template template.yaml
	AWS_DEFAULT_REGION=us-east-1 sam validate --lint --template vault.yaml

format: $(VENV) ## Format everything
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	ruff format . && ruff check --fix .

bench: $(VENV) ## Measure, beside the peers
	@benches/run

pin: ## Resolve requirements.in into requirements.txt (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.in -o requirements.txt

clean: down ## Remove everything that was built, and the local lake
	rm -rf .aws-sam .lake .venv target

$(VENV): requirements.txt
	@echo "Installing the tools into .venv (a minute)"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
