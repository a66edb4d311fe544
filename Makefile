# Everything lives in .venv; targets can be repeated at once, set-up runs only when what it installs has changed.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export MMVD_TEST_DATA ?= $(realpath ../shared/data)

.PHONY: setup pretrain test lint doctor clean

setup: $(STAMP)

$(STAMP): setup.py constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --progress-bar off -c constraints.txt -e '.[onedl,test,real,lint]'
	touch $@

pretrain: $(STAMP)
	$(PY) tools/train.py configs/vd/pretrain_tiny_pde_rooms.py $(ARGS)

test: $(STAMP)
	$(PY) -m pytest -q tests $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .

doctor: $(STAMP)
	$(PY) -m mmvd doctor

clean:
	rm -rf $(VENV) work_dirs
