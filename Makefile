# Everything runs from here. `make` alone says what there is.
PYTHON ?= python3
VENV ?= .venv
UV ?= uv
RUN := $(VENV)/bin/python
export VENV

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs format lock clean environment-demo environment-test

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

environment-demo environment-test:
	@$(PYTHON) tools/environment.py $(@:environment-%=%)

demo: environment-demo ## a guarded API, toured over real HTTP; stays up until Ctrl-C (ONCE=1: exits after the tour)
	@$(RUN) -m tools.demo $(if $(ONCE),--once)

test: environment-test ## everything CI runs: lint, types, contracts, tests, documentation, defences
	@$(RUN) tools/gate.py test

check: environment-test ## the part of it for in between: lint, types, contracts, fast tests
	@$(RUN) tools/gate.py check

bench: environment-test ## measure, and print the table into docs/benchmarks.md (QUICK=1: fewer rounds; ROWS=a,b: only these)
	@$(RUN) -m bench $(if $(QUICK),--quick) $(if $(ROWS),--rows $(ROWS))

docs: environment-test ## write the generated pages of docs/ anew
	@$(RUN) -m tools.docs

format: environment-test ## let the formatter have its way
	@$(RUN) -m ruff check --quiet --fix . ; $(RUN) -m ruff format .

lock: ## resolve the locks anew (needs uv); commit what changes
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv make lock"; exit 1; }
	@for lock in demo test; do \
	  $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE) \
	    --extra server --group $$lock pyproject.toml -o requirements/$$lock.txt && echo "▸ requirements/$$lock.txt"; \
	done

clean: ## remove the environment and every cache
	@rm -rf $(VENV) .demo .scratch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
