# Every command a person types. Plain `make` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

POLICY ?= policies/demo.yaml
STACK ?= --all
DIST ?= dist
TESTS ?= tests emulator/tests
MODULES ?= evaluate checks calendars
# Twice as many as there are cores on the smallest machine: half of the time a worker waits for other programs.
WORKERS_OF_TESTS := 4
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Some machines set it: then every process compiles its modules anew, which took a third of the tests' time.
unexport PYTHONDONTWRITEBYTECODE
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS ?= 1
# Node 20 works; its end of life need not be announced at every synth.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
ifneq ($(PIP_INDEX_URL),) # whoever points pip at a mirror means uv too
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

BIN := .venv/bin
PYTHON_ENV := .venv/.made
CLI := .venv/.made-cli
DEV := .venv/.made-dev
COMPILED := .venv/.compiled
MINISTACK := .venv-ministack/.made
AWSCLI := .venv-awscli/.made
AWSCLI2 := .venv-awscli2/.made
RIE := .venv-rie/.made
PEERS := .venv-peers/.made
MUTATE := .venv-mutate/.made
NODE := node_modules/.made
CDK := node_modules/.bin/cdk

# ---------------------------------------------------------------- the commands

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# What waits for the network is named first, so that `make -j` starts it first.
.PHONY: setup
setup: $(NODE) $(AWSCLI2) $(DEV) $(MINISTACK) $(AWSCLI) $(RIE) ## Install everything into this directory: Python environments, the cdk command
	@echo "Ready: make demo, make test, make check"

.PHONY: demo
demo: $(CLI) $(AWSCLI) ## Watch jobs being evaluated on this machine, no AWS account needed (POLICY=file)
	@$(BIN)/batchgate demo $(if $(POLICY),--policy "$(POLICY)")

.PHONY: local
local: $(DEV) $(MINISTACK) $(NODE) ## Deploy the gate into a local AWS and serve it until Ctrl-C, no AWS account needed (POLICY=file PORT=number)
	@$(BIN)/batchgate local up $(if $(POLICY),--policy "$(POLICY)") $(if $(PORT),--port $(PORT))

.PHONY: test
test: $(COMPILED) $(MINISTACK) $(AWSCLI) $(AWSCLI2) $(RIE) $(NODE) ## Run all tests (TESTS=path for some of them)
	@case " $(TESTS)" in *" -"*) ;; *) for each in $(TESTS); do \
		[ -e "$${each%%::*}" ] || { echo "make: TESTS: expected paths of tests, and there is no $$each" >&2; exit 2; }; \
	done ;; esac
	$(BIN)/python -m pytest -q -n $(WORKERS_OF_TESTS) --dist loadgroup --no-loadscope-reorder $(TESTS)

.PHONY: quick
quick: $(DEV) ## Run the fast tests that need only Python: about a minute
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder -m "not slow" tests/unit $(wildcard tests/flow/test_review*.py) tests/flow/test_sweep.py
	@echo "Not run: tests marked slow, most of the flow, and those of the ports, emulator, stack, commands, documents and a deployed gate (make test)"

.PHONY: check
check: lint types imports ## Check formatting, lint, types and imports (-j2: in parallel)

.PHONY: lint
lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types types-gate types-emulator
types: types-gate types-emulator
types-gate: $(DEV)
	$(BIN)/mypy
types-emulator: types-gate # reads from its cache what both import
	cd emulator && ../$(BIN)/mypy --cache-dir ../.mypy_cache

.PHONY: imports
imports: $(DEV)
	$(BIN)/lint-imports

.PHONY: template
template: synth ## Check the template of the settings in cdk.json (tests check that of the defaults, and that with every option)
	$(BIN)/cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json

.PHONY: format
format: $(DEV) ## Put the code into its one format and fix what can be fixed
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: reference
reference: $(DEV) $(NODE) ## Write what is generated anew: the policy reference, its messages, the schemas, S3's request model, the template's snapshot
	$(BIN)/python docs/generate/request_model.py
	$(BIN)/python docs/generate/policy_reference.py
	$(BIN)/python docs/generate/policy_messages.py
	$(BIN)/python docs/generate/decision_event.py
	$(BIN)/python -m tests.infra.snapshot

.PHONY: bench
bench: $(PEERS) $(CLI) $(AWSCLI) ## Measure evaluating, the sweep, reading manifests, the cold start and the command beside their peers, and the emulator (OUTPUT=json)
	@missed=0; \
	PYTHONPATH=functions .venv-peers/bin/python -m benchmarks.evaluation --output $(or $(OUTPUT),table) || missed=1; \
	PYTHONPATH=functions $(BIN)/python benchmarks/worst_document.py || missed=1; \
	$(BIN)/python benchmarks/cli.py --output $(or $(OUTPUT),table) || missed=1; \
	$(BIN)/python benchmarks/emulator.py --output $(or $(OUTPUT),table) || missed=1; \
	$(BIN)/python benchmarks/sweep.py --output $(or $(OUTPUT),table) || missed=1; \
	$(BIN)/python benchmarks/replay.py --output $(or $(OUTPUT),table) || missed=1; \
	$(BIN)/python benchmarks/manifests.py --peers .venv-peers/bin/python --output $(or $(OUTPUT),table) || missed=1; \
	$(BIN)/python benchmarks/cold_start.py --output $(or $(OUTPUT),table) || missed=1; \
	exit $$missed

.PHONY: oracle
oracle: $(DEV) ## Compare the evaluating core with the independent reading of the language on 100,000 random jobs
	ORACLE_DOCUMENTS=6250 $(BIN)/python -m pytest -q -n 2 --timeout 0 tests/unit/policy/test_language_agrees_with_oracle.py

.PHONY: soak
soak: $(DEV) $(MINISTACK) ## Drive the whole gate through random histories under faults (HISTORIES=1000 SEED=0 WORKERS=2 SLOW=1)
	$(BIN)/python -m tests.verification.soak.soak --histories $(or $(HISTORIES),1000) --seed $(or $(SEED),0) --workers $(or $(WORKERS),2) \
		$(if $(KEEP),--keep $(KEEP)) $(if $(SLOW),--slow) --part $(or $(PART),histories)

.PHONY: mutate
mutate: $(DEV) $(MUTATE) ## Change the evaluating core in some 1,650 small ways and see that a test fails each time (MODULES="evaluate checks")
	@mkdir -p build
	@$(foreach module,$(MODULES),.venv-mutate/bin/python tests/verification/mutation/mutants.py functions/batchgate/policy/$(module).py >build/$(module).mutants &&) \
	PYTHONHASHSEED=0 $(BIN)/python tests/verification/mutation/run.py $(MODULES:%=build/%.mutants)

.PHONY: model
model: ## Check the decision protocol exhaustively, and that each of its rules is needed (QUICK=1: a part of it; needs cc)
	@python3 docs/protocol/check.py $(if $(QUICK),--quick) $(if $(TRACES),--traces)

.PHONY: pictures
pictures: $(DEV) $(NODE) ## Draw the dashboard after a day of the gate, and a replay's report, into build/ (needs Chromium)
	@$(BIN)/python -m tests.docs.pictures.dashboard
	@$(BIN)/python -m tests.docs.pictures.replay_report

.PHONY: recordings
recordings: $(DEV) ## Make the example recordings and their report in docs/examples/replay anew (takes minutes)
	$(BIN)/python docs/generate/recordings.py
	cd docs/examples/replay && $(CURDIR)/$(BIN)/batchgate policy replay stricter.yaml --jobs quarter.ndjson.gz --against in-force.yaml --html report.html

.PHONY: wheels
wheels: $(CLI) ## Build wheels of batchgate and its emulator, for machines without a checkout, into dist/ (DIST=directory)
	@rm -rf build/sdist && mkdir -p build/sdist "$(DIST)"
	@cd emulator && $(CURDIR)/$(BIN)/python -m hatchling build -d "$(abspath $(DIST))" -t wheel
	@$(BIN)/python -m hatchling build -d build/sdist -t sdist
	@tar -xzf build/sdist/*.tar.gz -C build/sdist --strip-components 1 # a wheel of the checkout would name its directory
	@cd build/sdist && $(CURDIR)/$(BIN)/python -m hatchling build -d "$(abspath $(DIST))" -t wheel
	@echo "To install them: pip install --find-links $(DIST) batchgate"

.PHONY: synth
synth: $(DEV) $(NODE) ## Make the CloudFormation template in cdk.out (needs no account)
	@rm -rf cdk.out
	$(CDK) synth --quiet
	@echo "The template is cdk.out/batchgate.template.json"

.PHONY: bootstrap
bootstrap: $(DEV) $(NODE) ## Prepare the account and Region of your AWS credentials for any CDK app, once (cdk bootstrap)
	$(CDK) bootstrap

.PHONY: deploy
deploy: $(DEV) $(NODE) ## Deploy to the account of your AWS credentials (what it makes and costs: README.md)
	$(CDK) deploy $(STACK)

.PHONY: destroy
destroy: $(DEV) $(NODE) ## Remove what deploy made
	@echo "What remains: the table of decisions (unless keep_ledger is false), logs, the policies that were in force, and where"
	@echo "there are any the customer's key and the trail's bucket. Waiting jobs stay Suspended until a person confirms them."
	$(CDK) destroy $(STACK)

.PHONY: lock
lock: $(DEV) ## Bring the pinned requirements up to pyproject.toml (UPGRADE=--upgrade: and to what is newest)
	$(call compile,dev,requirements-dev.txt)
	$(call compile,synth,requirements.txt) -c requirements-dev.txt
	$(call compile,lambda,functions/requirements.txt) -c requirements-dev.txt
	$(call compile,cli,requirements/cli.txt) -c requirements-dev.txt
	$(call compile,uv,requirements/uv.txt) -c requirements-dev.txt
	$(call compile,ministack,requirements/ministack.txt)
	$(call compile,awscli,requirements/awscli.txt)
	$(call compile,rie,requirements/rie.txt) --no-deps
	$(call compile,peers,requirements/peers.txt)
	$(call compile,cold-start,requirements/cold-start.txt) -c requirements-dev.txt
	$(call compile,mutate,requirements/mutate.txt)
	npm install --package-lock-only --omit-lockfile-registry-resolved

.PHONY: clean
clean: ## Remove everything that these commands made
	rm -rf .venv .venv-ministack .venv-awscli .venv-awscli2 .venv-rie .venv-peers .venv-mutate node_modules cdk.out build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks

# ---------------------------------------------------------------- what they stand on

compile = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE) --custom-compile-command "make lock" --group pyproject.toml:$(1) -o $(2)

# $(call install,ENVIRONMENT,REQUIREMENTS,OPTIONS,BYTECODE): with uv because it takes seconds; with pip where uv is not to
# be had. Bytecode is compiled here, so that no first command waits for it, nor each where PYTHONDONTWRITEBYTECODE is set.
define install
$(BIN)/uv pip install -q $(or $(4),--compile-bytecode) --python $(1)/bin/python --require-hashes $(3) -r $(2) \
	|| { echo "uv could not install; trying pip"; \
		$(BIN)/python -m pip --python $(1)/bin/python install -q --compile --require-hashes $(3) -r $(2); }
endef

# $(call environment,DIRECTORY): a virtual environment without pip, which saves two seconds. Where uv fails, the pip of
# .venv installs into it. One without pyvenv.cfg, or whose Python is gone, is made anew: to install into the former would
# change the Python that it links to.
environment = $(1)/bin/python -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null \
	|| $(BIN)/python -m venv --clear --without-pip $(1)

# A version manager's shim may stand in the path and refuse to run, so each candidate is run before it is believed.
$(PYTHON_ENV): requirements/uv.txt
	@if [ ! -x $(BIN)/python ]; then \
		python=$$( \
			for name in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
				for directory in $$(echo "$$PATH" | tr ':' ' '); do \
					case $$name in */*) candidate=$$name ;; *) candidate=$$directory/$$name ;; esac; \
					if [ -x "$$candidate" ] && "$$candidate" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' \
						>/dev/null 2>&1; then echo "$$candidate"; exit; fi; \
				done; \
			done); \
		if [ -z "$$python" ]; then \
			echo "make: no working Python 3.11 or newer with venv and ensurepip was found (tried python3.13, python3.12," >&2; \
			echo "      python3.11 and python3 in the path). Install one (Debian: python3 python3-venv), or name one:" >&2; \
			echo "      make setup PYTHON=/usr/local/bin/python3.13" >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$python ($$("$$python" -V))"; \
		"$$python" -m venv .venv; \
	fi
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/uv.txt \
		|| echo "uv could not be installed; pip will be used instead"
	@touch $@

$(CLI): $(PYTHON_ENV) requirements/cli.txt pyproject.toml
	@echo "Installing the batchgate command into .venv"
	@$(call install,.venv,requirements/cli.txt)
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e emulator -e . \
		|| $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e emulator -e .
	@$(BIN)/python -m compileall -q functions cli emulator/s3batch_emulator
	@touch $@

$(DEV): $(CLI) requirements-dev.txt
	@echo "Installing what tests, checks and synth need into .venv"
	@# Compiling all of it takes 43 s of the processor, most of them for parts of aws_cdk that nothing imports.
	@$(call install,.venv,requirements-dev.txt,,--no-compile-bytecode)
	@touch $@

# Listing the tests compiles them and what they import. Without this, each worker of `make test` compiles all of it.
$(COMPILED): $(DEV)
	@echo "Compiling the tests"
	@$(BIN)/python -m pytest -q --collect-only tests emulator/tests >/dev/null 2>&1 || true # `make test` tells why
	@touch $@

# Both pin botocore, so neither can live beside the gate; ministack runs functions in its own interpreter, so the same one.
$(MINISTACK): $(PYTHON_ENV) requirements/ministack.txt
	@echo "Installing ministack, the local AWS, into .venv-ministack"
	@$(call environment,.venv-ministack)
	@$(call install,.venv-ministack,requirements/ministack.txt)
	@touch $@

$(AWSCLI): $(PYTHON_ENV) requirements/awscli.txt
	@echo "Installing the AWS CLI into .venv-awscli"
	@$(call environment,.venv-awscli)
	@$(call install,.venv-awscli,requirements/awscli.txt)
	@touch $@

# Version 2 is not on PyPI. Where Debian's package can't be had, .venv-awscli2/missing says why, and its tests are skipped.
$(AWSCLI2): emulator/tests/debian_awscli.sh $(wildcard /usr/bin/python3)
	@echo "Unpacking Debian's AWS CLI, version 2, into .venv-awscli2"
	@sh emulator/tests/debian_awscli.sh .venv-awscli2

# Of aws-sam-cli only a program is needed, so its hundred packages are not. Where Lambda's runtime can't run,
# .venv-rie/missing says why, and its tests are skipped.
$(RIE): $(PYTHON_ENV) requirements/rie.txt
	@echo "Installing Lambda's Runtime Interface Emulator into .venv-rie"
	@$(call environment,.venv-rie)
	@rm -f .venv-rie/missing
	@if .venv-rie/bin/python -c 'import sys; sys.exit(sys.platform != "linux" or sys.version_info[:2] != (3, 13))'; then \
		$(call install,.venv-rie,requirements/rie.txt,--no-deps); \
	else \
		echo "it takes Linux and Python 3.13, and .venv was made with $$(.venv-rie/bin/python -V)" >.venv-rie/missing; \
	fi
	@touch $@

$(PEERS): $(PYTHON_ENV) requirements/peers.txt
	@echo "Installing what the benchmarks compare with into .venv-peers"
	@$(call environment,.venv-peers)
	@$(call install,.venv-peers,requirements/peers.txt)
	@touch $@

$(MUTATE): $(PYTHON_ENV) requirements/mutate.txt
	@echo "Installing what makes mutants into .venv-mutate"
	@$(call environment,.venv-mutate)
	@$(call install,.venv-mutate,requirements/mutate.txt)
	@touch $@

$(NODE): package.json package-lock.json
	@node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo "make: the cdk command needs Node 20 or newer with npm, and none was found in the path" >&2; exit 1; }
	@echo "Installing the cdk command, the YAML language server, the AWS SDK for JavaScript and Chart.js into node_modules"
	@npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@
