# Two commands: `make demo` and `make test`. Both make .venv if it is not there, and do nothing twice.
#
# PYTHON=/path/to/python3 chooses the interpreter; otherwise the newest suitable python3 is taken.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml $(shell find avatar_engine audio2expr text_emotion renderer web_client -type f \
	-not -path '*/__pycache__/*' -not -path '*/training/*' -not -path '*/synthesis/*' 2>/dev/null)
SPEECH := examples/sense_and_sensibility

.PHONY: help demo test browser clean

help:
	@echo "make demo    renders $(SPEECH).flac to demo.mp4 (makes .venv first)"
	@echo "make test    ruff, mypy and all tests"
	@echo "make clean   removes .venv, demo.mp4 and caches"

# The demo uses the default install, as a user has it: no PyTorch, and the package copied, not linked.
demo: demo.mp4
	@echo "demo.mp4 is there: open it with any player"

demo.mp4: $(VENV)/.installed $(SPEECH).flac $(SPEECH).txt
	$(BIN)/avatar-engine render $(SPEECH).flac --text-file $(SPEECH).txt -o demo.mp4

$(VENV)/.created:
	@set -e; found=; \
	for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if command -v $$python >/dev/null 2>&1 \
			&& $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "make: needs Python 3.11 or newer with its venv module (Debian: apt-get install python3 python3-venv)" >&2; \
		echo "make: or name one: make demo PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "using $$($$found --version) in $(VENV)"; \
	$$found -m venv $(VENV)
	@touch $@

# setuptools would put what it finds in an old build folder into the package.
$(VENV)/.installed: $(VENV)/.created $(SOURCES)
	@rm -rf build
	$(BIN)/pip install --quiet --disable-pip-version-check .
	@touch $@

# PyTorch first and by itself, pinned to a version of which a CPU build is offered where this project is worked on:
# what pip would choose by itself brings gigabytes of CUDA that no test needs. Any other build does as well.
TORCH := torch==2.13.0

$(VENV)/.tested: $(VENV)/.created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[train,dev,voice]'
	@rm -f $(VENV)/.installed
	@touch $@

# Browser tests need Chromium. It is installed where that is possible; where it is not they are skipped, out loud,
# except where CI=true: there a missing browser is a failure.
browser:
	@if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 \
		|| command -v google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "installing Chromium for the browser tests"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || true; \
	fi; \
	if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 \
		|| command -v google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$CI" = true ]; then \
		echo "make: no Chromium and CI=true: browser tests must run here" >&2; exit 1; \
	else \
		echo "NO CHROMIUM: browser tests will be skipped"; \
	fi

test: $(VENV)/.tested browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest

clean:
	rm -rf $(VENV) demo.mp4 build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
