# Every command sets up what it needs first: uv, or a Python from 3.11 with venv, is all that has to be there.

DATA ?= ../shared/data/online_retail_2010-12.jsonl.gz
VENV = .venv
PYTHON =
REQUIREMENTS =
ARGS =

RUN = VENV="$(abspath $(VENV))" PYTHON="$(PYTHON)" REQUIREMENTS="$(REQUIREMENTS)" ./run
SET_UP = VENV="$(VENV)" PYTHON="$(PYTHON)" REQUIREMENTS="$(REQUIREMENTS)" sh scripts/set-up.sh
SET_UP_FILES = pyproject.toml scripts/set-up.sh $(REQUIREMENTS)

.PHONY: help serve test example check lint types imports fresh wheel docs api format requirements release data

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  Variables: DATA=FILE (example), ARGS=... (arguments for the service, or for pytest),'
	@echo '             PYTHON=INTERPRETER, VENV=FOLDER (.venv), REQUIREMENTS=requirements/ci.txt (pinned, as in CI)'

example: data $(VENV)/.ready-project ## run the example on DATA, a file of orders
	@"$(VENV)/bin/python" -m examples.online_retail "$(DATA)"

serve: ## start the service; the same as ./run serve
	@$(RUN) serve $(ARGS)

test: ## run all tests; the same as ./run test
	@$(RUN) test $(ARGS)

check: lint types imports fresh wheel ## every check that is not a test: the five below

lint: $(VENV)/.ready-dev ## ruff, its rules and its format; the words of the glossary
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .
	"$(VENV)/bin/python" docs/words.py

types: $(VENV)/.ready-dev ## mypy and pyright, and whether every type is known
	"$(VENV)/bin/mypy"
	"$(VENV)/bin/pyright" --pythonpath "$(VENV)/bin/python"
	@for package in order_engine order_engine_adapters; do \
	  PATH="$(abspath $(VENV))/bin:$$PATH" pyright --ignoreexternal --verifytypes "$$package" >"$(VENV)/types.txt" || { \
	    grep -A 1 ' error' "$(VENV)/types.txt"; exit 1; }; \
	  grep 'Type completeness score' "$(VENV)/types.txt"; \
	done

imports: $(VENV)/.ready-dev ## the import contracts
	"$(VENV)/bin/lint-imports"

fresh: $(VENV)/.ready-dev ## the generated docs match the code
	"$(VENV)/bin/python" docs/generate.py --check
	"$(VENV)/bin/python" docs/public_api.py --check

wheel: $(VENV)/.ready-dev ## build the wheel and the sdist, install the wheel alone
	sh scripts/check-wheel.sh "$(VENV)/bin/python"

docs: $(VENV)/.ready-dev ## write the generated parts of the docs
	@"$(VENV)/bin/python" docs/generate.py

api: $(VENV)/.ready-dev ## write the public interface to tests/unit/doors/public_api.txt
	@"$(VENV)/bin/python" docs/public_api.py

format: $(VENV)/.ready-dev ## format the code and fix what ruff can fix
	@"$(VENV)/bin/ruff" check --fix .
	@"$(VENV)/bin/ruff" format .

requirements: $(VENV)/.ready-project ## pin the packages of CI: requirements/ci.txt
	@sh scripts/requirements.sh "$(VENV)/bin/python"

release: ## build and check a release into dist; ARGS=--draft for any tree
	@sh scripts/release.sh $(ARGS)

data:
	@test -r "$(DATA)" || { \
	  echo 'No orders at $(DATA): examples/online_retail/README.md explains where to get them. Then: make example DATA=FILE' >&2; \
	  exit 2; }

$(VENV)/.ready-project: $(SET_UP_FILES)
	@$(SET_UP) project

$(VENV)/.ready-dev: $(SET_UP_FILES)
	@$(SET_UP) dev
