# make demo: train and compare on MovieLens 100K, write runs/demo/report.html
# make test: format, lint, types, floors and tests; what .ci/run calls
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check audit fast worlds format lock clean

demo: $(VENV)/.ready
	$(BIN)/maxella compare configs/demo.toml --out runs/demo --overwrite

# One torch thread a test process: the processes already use every core.
test: check audit
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not study" tests
	$(BIN)/python -m pytest --doctest-modules src/maxella

# The part of the tests to run while working.
fast: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not slow" tests

# All planted worlds: is a baseline ahead anywhere? Five minutes.
worlds: $(VENV)/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto tests/experiment/test_planted_worlds.py

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Known weaknesses of what is installed; says so and goes on where nobody can be asked.
audit: $(VENV)/.ready-dev
	$(BIN)/python .ci/audit.py

# What `pip install --no-deps --require-hashes -r` takes: all but torch, of which each machine wants
# another build, and what its CUDA build brings. Wants uv (pip install uv).
lock:
	uv pip compile pyproject.toml -c constraints.txt --universal --python-version 3.11 --quiet \
		--upgrade --generate-hashes --no-header --no-annotate \
		| awk '/^[a-z]/ { keep = !/^(torch|triton|cuda|nvidia)[-=]/ } keep' > requirements.lock

format: $(VENV)/.ready-dev
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/maxella options > docs/options.md

$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	touch $@

clean:
	rm -rf $(VENV) runs
