# make demo   the whole pipeline on the embedded study, from a fresh clone
# make test   lint, types and all tests
# make studies  every published study at toy size, in one table
# make test-scaling  processes, Ray, Dask and two training processes: the same results
# make bench  the shard builder against the published way, as ratios in one run
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PYTHON ?= python3
export PATH := $(BIN):$(PATH)
READY := $(VENV)/.ready

.PHONY: demo test test-scaling bench studies install lint results clean
.DELETE_ON_ERROR:

demo: install
	dvc repro
	@$(MAKE) --no-print-directory results
	@echo "Read report/index.html in a browser. Decisions: data/decisions.parquet, figures: metrics/, networks: models/"

results:
	@facesift results

test: lint
	pytest -n 2 --dist loadfile --ignore tests/scaling

test-scaling: install
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[ray,dask]'
	pytest -n 0 --durations 5 tests/scaling

studies: install
	python -m bench.studies

lint: install
	ruff check .
	ruff format --check .
	mypy

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[train,screen,review,dev]'
	touch $(READY)

clean:
	rm -rf .work .mypy_cache .pytest_cache .ruff_cache
