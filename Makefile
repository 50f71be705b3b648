# make demo, make test: everything included. Set-up happens once per extra and again when
# pyproject.toml changes; .venv/.EXTRA marks it done. The engine is compiled with it, and again when its
# sources change; .venv/.engine marks that.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TOLD := $(BIN)/python -c "from autograd import engine; \
	engine.compiled or print('the engine is not compiled here, and runs as plain Python')"
PLAIN := AUTOGRAD_PURE_PYTHON=1
# Bytecode is kept whatever the user's settings: hundreds of processes would each compile the same sources.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
ON_ALL_CORES := -n auto --dist worksteal
FEW_EXAMPLES := HYPOTHESIS_PROFILE=quick
ENGINE := setup.py $(wildcard autograd/engine/*.py autograd/engine/*.pxd)
ifneq ($(wildcard $(VENV)/.engine),)  # a file that is gone, or came with an older time, is seen only as an import sees it
ENGINE += $(shell $(BIN)/python -W error -c "import runpy; runpy.run_path('autograd/engine/kind.py')['choose']([])" \
	2>/dev/null || echo stale)
endif
ENGINE_TESTS := autograd/engine tests/autograd/engine tests/test_readme.py tests/agreement/test_machine.py \
	tests/agreement/test_random_graphs.py

.NOTPARALLEL:
.PHONY: stale demo quick test test-all plain fresh check docs bench memory mutate accuracy coverage clean

demo: $(VENV)/.demos $(VENV)/.engine
	$(BIN)/python -m demos assignment --out $(OUT)/assignment

# Engine and nn, with no package beyond pytest, hypothesis and mpmath, and without what takes seconds: compiled
# trainings, long chains, a million nodes, special operands of every row, interrupts at any moment, pictures.
quick: $(VENV)/.quick $(VENV)/.engine
	$(FEW_EXAMPLES) $(PYTEST) -m "not slow" -k "not million and not chain and not any_moment and not special_operand" \
	autograd/engine nn tests/autograd/engine tests/nn $(patsubst %,--ignore=%.py,nn/exploration \
	tests/autograd/engine/test_size tests/nn/test_compiled tests/nn/test_kept)

# Every kind of check; test-all has the ones that take long too, all cases of each test (here six), and more
# examples of those that are generated.
test: $(VENV)/.test $(VENV)/.engine
	$(FEW_EXAMPLES) $(PYTEST) $(ON_ALL_CORES) -m "not slow"

test-all: $(VENV)/.test $(VENV)/.engine
	$(PYTEST) $(ON_ALL_CORES)

# The engine's tests once more, on its sources as they are.
plain: $(VENV)/.test
	$(PLAIN) $(PYTEST) $(ON_ALL_CORES) $(ENGINE_TESTS)

# The generated tests on examples that nobody has seen; SEED repeats a run, FRESH_SECONDS bounds it.
FRESH_SECONDS ?= 100
fresh: $(VENV)/.test $(VENV)/.engine
	@seed=$${SEED:-$$($(BIN)/python -c "import secrets; print(secrets.randbelow(2**32))")}; \
	echo "fresh seeds: make fresh SEED=$$seed repeats this run"; \
	HYPOTHESIS_PROFILE=fresh FRESH_SECONDS=$(FRESH_SECONDS) \
	$(PYTEST) -n auto -m hypothesis --hypothesis-seed=$$seed tests

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in $(OUT)/docs. Its examples run; a warning is an error.
docs: $(VENV)/.docs $(VENV)/.engine
	$(BIN)/python -m sphinx --quiet --fail-on-warning --fresh-env --doctree-dir $(OUT)/doctrees docs $(OUT)/docs
	@echo "$(OUT)/docs/index.html"

bench: $(VENV)/.bench $(VENV)/.engine
	$(BIN)/python -m tests.benchmarks

memory: $(VENV)/.test $(VENV)/.engine
	$(BIN)/python -m tests.memory

accuracy: $(VENV)/.test $(VENV)/.engine
	$(BIN)/python -m tests.accuracy

# These two look into the engine's Python.
coverage: $(VENV)/.test
	$(PLAIN) $(PYTEST) $(ON_ALL_CORES) --cov --cov-report=term tests/agreement tests/autograd tests/nn tests/test_wrong_calls.py autograd nn

mutate: $(VENV)/.test
	$(PLAIN) $(BIN)/python -m tests.mutation

clean:
	rm -rf $(VENV) $(OUT) autograd/engine/_compiled build dist *.egg-info .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable ".[$*]"
	@$(TOLD)
	touch $@ $(VENV)/.engine

$(VENV)/.engine: $(ENGINE)
	$(INSTALL) --no-deps --editable .
	@$(TOLD)
	touch $@

.PRECIOUS: $(VENV)/.%
