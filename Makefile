# make repro   from photos to reports/report.html, several stages at a time
# make test    the tests, several files at a time; one file: `python -m pytest tests/test_intervals.py`
# make check   formatting, lint, types, and who may import whom
# make faults  kills, full disks, broken files: what is lost; hours, see docs/reliability.md
# make bench   how fast it is here, beside the plain way; without a GPU it takes long, and less by
#              `python -m bench --sizes small --seconds 0`: see docs/performance.md
# make image   a container for one stage of a cloud, where docker is; see docs/clusters.md
# make docs    the site of docs/, in site/
# make ui      the runs in this folder's MLflow, whatever server MLFLOW_TRACKING_URI names, at
#              http://127.0.0.1:5000; it prints the addresses of its pages
# Each but `image` sets up .venv first where it is missing or older than pyproject.toml.

PYTHON ?= python3
PORT ?= 5000
VENV := .venv
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export NO_MKDOCS_2_WARNING := 1
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

.PHONY: repro test check format faults bench image docs ui

repro: $(READY)
	python -m pkdn repro

test: $(READY)
	python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

check: $(READY)
	ruff format --check .
	ruff check .
	mypy
	lint-imports

format: $(READY)
	ruff format .
	ruff check --fix .

faults: $(READY)
	python -m faults

bench: $(READY)
	python -m bench

image:
	docker build --tag pkdn .

docs: $(READY)
	python -m mkdocs build --strict
	@echo "site/index.html; with search: python -m http.server --directory site"

ui: $(READY)
	case "$$MLFLOW_TRACKING_URI" in http*) unset MLFLOW_TRACKING_URI;; esac; \
	python -m pkdn sync --server http://127.0.0.1:$(PORT) && \
	mlflow server --workers 1 --port $(PORT) --artifacts-destination mlartifacts \
		--backend-store-uri $${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name it with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
