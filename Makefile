# make demo, make test: everything included. Set-up happens once per extra and again when
# pyproject.toml changes; .venv/.EXTRA marks it done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out

.PHONY: demo test fresh check bench memory mutate accuracy coverage clean

demo: $(VENV)/.demos
	$(BIN)/python -m demos assignment --out $(OUT)/assignment

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile

# The generated tests on examples that nobody has seen; SEED repeats a run, FRESH_SECONDS bounds it.
FRESH_SECONDS ?= 150
fresh: $(VENV)/.test
	@seed=$${SEED:-$$($(BIN)/python -c "import secrets; print(secrets.randbelow(2**32))")}; \
	echo "fresh seeds: make fresh SEED=$$seed repeats this run"; \
	HYPOTHESIS_PROFILE=fresh FRESH_SECONDS=$(FRESH_SECONDS) \
	$(BIN)/python -m pytest -n auto -m hypothesis -rs --hypothesis-seed=$$seed tests

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m tests.benchmarks

memory: $(VENV)/.test
	$(BIN)/python -m tests.memory

accuracy: $(VENV)/.test
	$(BIN)/python -m tests.accuracy

coverage: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term tests/agreement tests/autograd tests/nn tests/test_wrong_calls.py autograd nn

mutate: $(VENV)/.test
	$(BIN)/python -m tests.mutation

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	touch $@

.PRECIOUS: $(VENV)/.%
