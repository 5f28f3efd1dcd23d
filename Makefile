# make setup | demo | demo-all | papers-small | own-method | test | lint | documents: each makes .venv first if it is not there or older than the pins.
PYTHON ?= python3
BIN := .venv/bin
# Scripts run as `python workflow/scripts/NAME.py`: this environment's python must come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
SNAKEMAKE = snakemake --profile profiles/local --configfile config/demo.yaml --config "run=[$(NAME)]"

.PHONY: setup demo demo-all papers-small own-method test test-slow lint format documents

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: NAME := demo
demo-all: NAME := demo_all
# Without a GPU to share, two networks train side by side, one core each: faster than one after the other on both.
demo demo-all: setup
	$(SNAKEMAKE) --resources gpu=2 --set-threads train=1 sample=1 --quiet rules -- all scans
	@$(SNAKEMAKE) --quiet all --report results/$(NAME)-report.html
	@cat results/$(NAME)/tables/comparison.md
	@echo
	@$(BIN)/python benchmarks/against_truth.py --scan results/scans/sub-new01 --truth results/simulated/new-01/truth
	@echo
	@echo "table    results/$(NAME)/tables/comparison.md (.csv, .tex; tests between methods: .tests.csv)"
	@echo "figures  results/$(NAME)/figures/, results/cohorts/demo/*/mask.png, results/$(NAME)/fold-1/losses.png"
	@echo "scan     results/scans/sub-new01/scan.html: a new patient at 16x16, super-resolved by FTDDM (all: results/scans/index.html)"
	@echo "report   results/$(NAME)-report.html"

# The papers' study on phantoms with small networks: every table and figure, in an hour and a half on two cores. An
# interrupted run goes on where it was.
papers-small: SNAKEMAKE = snakemake --profile profiles/local --configfile config/papers_small.yaml
papers-small: setup
	$(SNAKEMAKE) --resources gpu=2 --set-threads train=1 sample=1 --quiet rules -- all evidence
	@$(SNAKEMAKE) --quiet all --report results/papers-small-report.html
	@echo "evidence results/evidence.md: every table and figure, published numbers beside these"
	@echo "report   results/papers-small-report.html"

# Our own method against FTDDM and plain baselines on phantoms (docs/our_method.md): under three hours on two cores.
own-method: SNAKEMAKE = snakemake --profile profiles/local --configfile config/own_method.yaml
own-method: setup
	$(SNAKEMAKE) --resources gpu=2 --set-threads train=1 sample=1 --quiet rules -- all
	@echo "tables   results/own_method_*/tables/, calibration results/own_method_final/calibration/"

test: setup
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

test-slow: setup
	$(BIN)/python -m pytest -m slow

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint --configfile config/demo.yaml

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow/rules

# The tables of config/README.md and config/schema.json, from the settings' classes.
documents: setup
	$(BIN)/python -m mrsi_sr.settings.documents
