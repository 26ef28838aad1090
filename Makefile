# Needs make and Python 3.11 to 3.13, no more. Each command makes .venv and installs what it needs;
# a second call starts at once.
#
#     make demo      train, evaluate, draw, export and check on real digits
#     make test      the tests                    (one file: make test ARGS=tests/vae_tf/test_model.py)
#     make test-browser   what TensorBoard shows, in Chromium
#     make lint      ruff and mypy
#     make bench     this library beside its peers, in .venv-bench: half an hour (other images: DATA=FILE.npz)
#     make lowest    the tests with the lowest versions that setup.cfg allows, in .venv-lowest
#     make clean     removes what these made, except runs/ and serving/
#
# Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DIGITS = runs/demo
DATA ?= mnist

# TensorFlow's greetings are left out.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-browser lint bench measure lowest clean

help:
	@sed -n -e '/^$$/q' -e 's/^# \{0,1\}//p' Makefile

demo: $(VENV)/installed-demo
	$(BIN)/vae-tf train --recipe digits --run $(DIGITS) --overwrite
	$(BIN)/vae-tf evaluate $(DIGITS) --samples 500
	$(BIN)/vae-tf draw $(DIGITS) --what samples --out $(DIGITS)/pictures/samples.png
	$(BIN)/vae-tf draw $(DIGITS) --what reconstructions --out $(DIGITS)/pictures/reconstructions.png
	$(BIN)/vae-tf draw $(DIGITS) --what traversal --out $(DIGITS)/pictures/traversal.png
	$(BIN)/vae-tf draw $(DIGITS) --what interpolation --out $(DIGITS)/pictures/interpolation.png
	$(BIN)/vae-tf export $(DIGITS) --to serving --name digits
	$(BIN)/vae-tf check serving/digits
	@printf '\nMade:\n'
	@printf '  %-38s %s\n' \
	    $(DIGITS)/model.keras 'the model, for keras.saving.load_model' \
	    $(DIGITS)/recipe.yaml 'all that was decided' \
	    $(DIGITS)/history.csv 'one row an epoch' \
	    $(DIGITS)/results.json 'what was measured on the test set' \
	    $(DIGITS)/tensorboard/ 'curves and pictures of each epoch' \
	    $(DIGITS)/pictures/ 'samples, reconstructions, traversal, interpolation' \
	    serving/digits/ "versions for TF Serving, the newest: $$(ls serving/digits | sort -n | tail -n 1)"
	@printf '\nNext:\n'
	@printf '  %s\n      %s\n' \
	    '$(BIN)/vae-tf watch runs' \
	    'the curves and pictures in TensorBoard' \
	    '$(BIN)/vae-tf serve serving' \
	    'the model behind http://localhost:8501/v1/models/digits, by Docker; with --host 0.0.0.0 by a tensorflow_model_server' \
	    '$(BIN)/vae-tf train --recipe digits --data FOLDER --run runs/mine' \
	    'the same on your own images: a folder, an .npz or an .npy'

test: $(VENV)/installed-test
	$(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder $(ARGS)

# Playwright drives the system's Chromium and downloads none.
test-browser: $(VENV)/installed-browser
	@command -v chromium > /dev/null || { \
	    echo 'There is no chromium: install it, on Debian with: apt-get install chromium'; exit 1; }
	$(BIN)/pytest -m browser tests/browser $(ARGS)

# mypy does not follow the editable install, and the packages' folders have other names: it reads an installed wheel.
lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@rm -rf build .types
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --target .types .
	MYPYPATH=.types $(BIN)/mypy -p vae_tf -p vae_tf_cli -p vae_tf_client

bench:
	@$(MAKE) VENV=.venv-bench measure

measure: $(VENV)/installed-demo $(VENV)/peers
	$(BIN)/python benchmarks/speed.py --data $(DATA)
	$(BIN)/python benchmarks/first_step.py --data $(DATA)
	$(BIN)/python benchmarks/memory.py --data $(DATA)
	$(BIN)/python benchmarks/step_profile.py --data $(DATA)
	$(BIN)/python benchmarks/likelihood.py --data $(DATA)
	$(BIN)/python benchmarks/kills.py --data $(DATA)
	$(BIN)/python benchmarks/serving.py

$(VENV)/peers: benchmarks/requirements.txt $(VENV)/installed-demo
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --requirement $<
	@touch $@

lowest:
	@mkdir -p build
	sed -nE 's/^ +([a-zA-Z-]+)(\[[a-z]+\])?>=([0-9.]+)(,.*)?$$/\1==\3/p' setup.cfg > build/lowest.txt
	PIP_CONSTRAINT=build/lowest.txt $(MAKE) test VENV=.venv-lowest

clean:
	rm -rf .venv .venv-* .types build dist vae_tf.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Asked of $(PYTHON) before a virtual environment is made: is it there, of a version that works, and whole?
$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON): install Python 3.11, 3.12 or 3.13."; exit 1; }
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit( \
	    "$(PYTHON) is Python %d.%d, and TensorFlow with Keras 3.15 needs 3.11, 3.12 or 3.13: install one and name it, " \
	    "as in: make $(MAKECMDGOALS) PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "$(PYTHON) lacks the module venv: install it, on Debian and Ubuntu with: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# One stamp for each set of extras; pip's lines are cut down to those that take time.
$(VENV)/installed-%: setup.cfg pyproject.toml | $(VENV)/pyvenv.cfg
	@rm -f $@
	@echo 'Installing vae_tf[$*] into $(VENV): up to 2 GB with TensorFlow, the first time some minutes.'
	@{ $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable '.[$*]' && touch $@; } \
	    | sed -n -e 's/^ *\(Downloading .*[0-9] [MG]B)\).*/  \1/p' -e 's/^\(Installing\) collected .*/  \1 .../p'
	@test -f $@
