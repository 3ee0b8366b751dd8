# make demo   the whole pipeline on the embedded study, from a fresh clone
# make study NAME=rff_celeba_fine_tuned SET="stack.c=0.1 split.near_duplicate_bits=32"  write a study's params.yaml; without NAME: list them
# make check-data DATA=march.zip  what a study would find in a folder or archive, and the file that makes a study of it
# make test   lint, types and all tests
# make studies  every published study at toy size, in one table
# make compare-training JOBS=2  ways of re-sampling x random and pretrained weights x seeds, into docs/training.md
# make train JOBS=2  the members side by side; the rest of the pipeline before and after
# make experiments  what each experiment changed and reached; SPLIT=test for test images
# make sweep  resampling ratios x losses, as experiments; SWEEP='--members convnext2' and other options of workflow/sweep.py
# make search  Optuna over experiments; SEARCH='--trials 9 members.convnext2.optimizer.lr=0.0005:0.01:log'
# make stability SEEDS=5  the study trained again with other seeds: how far its headline figures move; JOBS=2 at a time
# make pull  fetch what the present study needs from the team's remote, so that nothing is trained twice
# make status  what would run, where the remote is, what is not pushed, what is not committed
# make clean-cache  free the cache of what nothing refers to; FORCE=1 does not ask
# make check  name damaged files: outputs, DVC's cache, people's answers
# make check-remote  name damaged objects in the remote; FORCE=1 deletes them there
# make test-container  what deploy/Dockerfile installs, in an environment of its own: it serves without torch
# make test-scaling  processes, Ray, Dask and two training processes: the same results
# make test-remotes  the shared cache against a directory, an SSH server and an S3 server, all on this machine
# make test-experiments  every command of docs/experiments.md, and the targets above, on a tiny study
# make test-faults  kills, damage, full disks, bombs, two of everything; FAULTS=small; WRITE=1 writes docs/reliability.md
# make sbom  the bill of materials, build/sbom.json; make licences, make audit: licences and known flaws of all packages
# make lock  constraints.txt, the exact versions, anew for the ranges of pyproject.toml; UPGRADE=1 takes the newest
# make docs  the documentation site in build/site; its links, the commands that its pages show, and its notebook are tried
# make load  the service under load on loopback: throughput, latency, swap, slow clients, overload, soak; SOAK=600
# make bench  our ways against others as ratios, into docs/performance.md; bench-NAME: one of them; bench-small: in CI
# make growth  every stage on 6,250 to 100,000 generated images: time an image, memory; into docs/performance.md
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PYTHON ?= python3
export PATH := $(BIN):$(PATH)
READY := $(VENV)/.ready

SLOW := container experiments faults remotes scaling site

.PHONY: demo study check-data test $(SLOW:%=test-%) bench bench-small docs studies install lint lock results clean audit
.PHONY: growth load compare-training train experiments sweep search stability pull status clean-cache check check-remote
.PHONY: licences sbom
.DELETE_ON_ERROR:

demo: install
	@python -m workflow.demo

study: install
	@facesift study $(NAME) $(SET)

results:
	@facesift results

check-data: install
	@test -n "$(DATA)" || { echo 'make check-data DATA=FOLDER: the folder or archive to look at is missing'; exit 2; }
	@facesift inspect $(DATA)

test: lint
	OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile --no-loadscope-reorder $(SLOW:%=--ignore=tests/%)

test-scaling: install
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[ray,dask]'
	pytest -n 0 --durations 5 tests/scaling

test-remotes: install
	pytest -n 0 tests/remotes

test-container: install
	pytest -n 0 tests/container

test-experiments: install
	pytest -n 0 tests/experiments

test-site: docs

docs: install
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	zensical build --clean --strict
	pytest -n 0 tests/site

test-faults: install
	pytest -n 2 --dist loadfile --no-loadscope-reorder tests/faults $(if $(WRITE),--write)

JOBS ?= 2
SPLIT ?= val

train: install
	python -m workflow.train --jobs $(JOBS)

compare-training: install
	python -m bench.compare_training --jobs $(JOBS)

experiments: install
	@python -m workflow.experiments --split $(SPLIT)

sweep: install
	python -m workflow.sweep --jobs $(JOBS) $(SWEEP)

search: install
	python -m workflow.search $(SEARCH)

SEEDS ?= 5

stability: install
	python -m workflow.stability --seeds $(SEEDS) --jobs $(JOBS)

SOAK ?= 60

load: install
	python -m bench.load --soak $(SOAK)

.PHONY: bench-install
bench-install: install
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[bench]'

# One thread: two ways are compared, not two numbers of threads.
bench: bench-install
	OMP_NUM_THREADS=1 python -m bench.ratios

bench-small: bench-install
	OMP_NUM_THREADS=1 python -m bench.ratios --small

bench-%: bench-install
	OMP_NUM_THREADS=1 python -m bench.ratios $*

growth: install
	python -m bench.growth

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
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[train,screen,serve,face,heic,review,remotes,weights,dev]'
	$(BIN)/python -m workflow.vega_bundle
	touch $(READY)

# With the oldest Python that is supported, so that every later one has these versions, too.
lock:
	@test -x $(BIN)/python || $(MAKE) --no-print-directory install
	python -m workflow.lock $(if $(UPGRADE),--upgrade)
	python -m workflow.supply_chain hashes

sbom: install
	@python -m workflow.supply_chain sbom

licences: install
	@python -m workflow.supply_chain licences

audit: install
	@python -m workflow.supply_chain audit

clean:
	rm -rf .work .mypy_cache .pytest_cache .ruff_cache

pull:
	@python -m workflow.store --pull

status:
	@echo "Would run, with what follows:"
	@dvc status
	@python -m workflow.store
	@echo "Not pushed:"
	@dvc status --cloud
	@echo "Not committed:"
	@git status --short

# What a commit, branch, tag, experiment or the work tree refers to is kept.
clean-cache:
	dvc gc --workspace --all-branches --all-tags --all-commits --all-experiments $(if $(FORCE),--force)

# Reads every byte of what dvc.lock pins, of DVC's cache and of the answers: bit rot is seen by nothing else.
check:
	@python -m workflow.check

check-remote:
	@python -m workflow.check_remote $(if $(FORCE),--delete)
