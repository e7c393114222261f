# Two commands do everything: `make run` and `make test`. The rest is for those who work on Groundswell.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UP := $(if $(PORT),--port $(PORT)) $(if $(DATA),--data $(DATA)) $(if $(SOURCE),--source $(SOURCE)) \
      $(if $(RATE),--rate $(RATE)) $(if $(ONCE),--once) $(if $(COMBINED),--combined) $(ARGS)

.PHONY: help run test check up down container-test torture mcp-conformance english llm contract-fuzz bench budget-proof momentum-score search-score pictures show lock generated clean cost scaling ui-bench

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18
	@echo
	@echo "Options of make run: PORT=8420 DATA=folder SOURCE=simulator|jetstream|nostr|sealed|file:PATH RATE=50 ONCE=1 COMBINED=1 PYTHON=python3.12"

run: ## Install what is missing and start Groundswell
	@$(PYTHON) infra/bootstrap.py run
	@exec $(BIN)/groundswell up $(UP)

test: ## Run every check and every test
	@$(PYTHON) infra/bootstrap.py test
	@$(MAKE) --no-print-directory check
	@cd services/frontend && PATH="$(CURDIR)/.venv-node/bin:$$PATH" npm run --silent check && PATH="$(CURDIR)/.venv-node/bin:$$PATH" npm test --silent
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

up: ## Start the whole stack in containers and wait until it is healthy (SOURCE=simulator WITHOUT=qdrant PROFILE=observability GPU=1)
	@$(PYTHON) infra/stack.py up $(if $(GPU),--gpu) $(if $(SOURCE),--source $(SOURCE)) $(foreach name,$(WITHOUT),--without $(name)) $(foreach name,$(PROFILE),--profile $(name))

down: ## Stop the stack in containers; the data stay
	@$(PYTHON) infra/stack.py down

container-test: ## Test the stack in containers: start in every order, losses, health (needs Docker)
	@GROUNDSWELL_TEST_CONTAINERS=1 $(BIN)/python -m pytest -q --timeout 1200 tests/containers

check: ## Lint, types and import contracts
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

torture: ## Kill and fool the relay for SECONDS=60, then judge the record (SEED=n REPORT=folder)
	@$(BIN)/python -m tests.support.torture --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT))

mcp-conformance: ## Run MCP's own conformance tests against the API (they come from npm)
	@PATH="$(CURDIR)/.venv-node/bin:$$PATH" $(BIN)/python -m tests.support.mcp_conformance

english: ## Install the English embedding model (then set GROUNDSWELL_EMBEDDING_MODEL=english)
	@$(PYTHON) infra/bootstrap.py english

llm: ## Install what asks Claude and knows prices (then set GROUNDSWELL_LLM_...; see docs/llm.md)
	@$(PYTHON) infra/bootstrap.py llm

budget-proof: ## Try to overspend: 8 processes x 200 calls at once against $$1, a fake provider's bill (SEEDS=100)
	@$(BIN)/python -m tests.support.budget_proof --seeds $(or $(SEEDS),100) $(ARGS)

contract-fuzz: ## Try to break the API by its own description, and the decoders by mangled frames (CASES=60 FRAMES=20000 SEED=1)
	@$(PYTHON) infra/bootstrap.py fuzz
	@$(BIN)/python -m tests.support.contract_fuzz --cases $(or $(CASES),60) --seed $(or $(SEED),1) $(ARGS)
	@GROUNDSWELL_FUZZ_FRAMES=$(or $(FRAMES),20000) $(BIN)/python -m pytest -q -p no:cacheprovider tests/unit/relay/test_fuzz_frames.py --timeout 3600

bench: ## Measure speed as ratios against a peer in the same run
	@$(PYTHON) infra/bootstrap.py bench
	@$(BIN)/python -m bench

momentum-score: ## Score the momentum engine and plain peers on streams with planted truth
	@$(BIN)/python -m bench.momentum_score $(ARGS)

search-score: ## Score the order of search results: words, meaning, both (ARGS=--each)
	@$(BIN)/python -m bench.search_score $(ARGS)

cost: ## Compute the monthly bills from what was measured, into docs/cost.md (MINUTES=4 measures anew first)
	@$(if $(MINUTES),$(BIN)/python -m infra.cost measure --minutes $(MINUTES))
	@$(BIN)/python -m infra.cost write
	@$(BIN)/python -m infra.cost table

scaling: ## Compute what posts a second and posts kept take, into docs/scaling.md
	@$(BIN)/python -m infra.scaling --write

pictures: ## Make the documentation's pictures anew, from the real stack (needs chromium)
	@cd services/frontend && export PATH="$(CURDIR)/.venv-node/bin:$$PATH" && npm run --silent build && npm run --silent real-shots -- --out ../../docs/images

ui-bench: ## Measure the dashboard in Chromium: script, first content, frames, memory, accessibility (ONLY=load,live,memory,axe)
	@cd services/frontend && export PATH="$(CURDIR)/.venv-node/bin:$$PATH" && npm run --silent build > /dev/null && npm run --silent ui-bench -- $(if $(ONLY),--only $(ONLY))

show: ## Run an agent and each pipeline on the simulator, without a model and with a fake one; PDFs as pictures, texts in .build/show
	@$(BIN)/python -m tests.support.show $(ARGS)

lock: ## Make the lock files anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra fallback pyproject.toml -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra fallback --extra fastembed --extra english --extra llm --extra test -c requirements/run.lock pyproject.toml -o requirements/test.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra bench --extra fastembed --extra english -c requirements/test.lock pyproject.toml -o requirements/bench.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra english -c requirements/test.lock pyproject.toml -o requirements/english.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/run.lock requirements/render-node.in -o requirements/render-node.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra llm -c requirements/test.lock pyproject.toml -o requirements/llm.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra fuzz -c requirements/test.lock pyproject.toml -o requirements/fuzz.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra cuda -c requirements/run.lock pyproject.toml -o requirements/cuda.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/node.in -o requirements/node.lock

generated: ## Write the generated texts: env template, configuration, metrics and operations pages, OpenAPI, typed client
	$(BIN)/groundswell env template > env/example.env
	$(BIN)/groundswell env docs > docs/configuration.md
	$(BIN)/groundswell env metrics > docs/metrics.md
	$(BIN)/groundswell op docs > docs/operations.md
	$(BIN)/groundswell op contract > services/worker/agents/operations.json
	$(BIN)/groundswell openapi > services/frontend/openapi.json
	cd services/frontend && npm run --silent api

clean: ## Remove what was built (not your data)
	rm -rf .venv .venv-node .build services/frontend/node_modules services/frontend/dist
