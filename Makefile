# make demo    checks the example layer
# make test    runs the linter, the type checker and the tests
# make book    builds the book
#
# All keep a virtual environment in .venv, which belongs to this Makefile:
# one that is broken, or was made for another folder, is removed and made anew.
# PYTHON names the interpreter to make it with:  make test PYTHON=python3.12

PYTHON ?= python3

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format clean venv install-fast install-dev install-book browser book book-pdf

# Run by the environment's own interpreter: fails unless the environment can
# install packages, lies where its scripts think it lies, and is for the Python
# that was asked for (argument 1: "3.12", or nothing when none was asked for).
define VENV_CHECK
import os, pathlib, shlex, sys
import pip
here = os.path.join(os.getcwd(), ".venv")
text = pathlib.Path(here, "bin", "activate").read_text()
made_for = [
    word.partition("=")[2]
    for line in text.splitlines() if "VIRTUAL_ENV=" in line and "$$(" not in line
    for word in shlex.split(line) if word.startswith("VIRTUAL_ENV=")
]
wanted = sys.argv[1]
ok = (
    sys.prefix == here
    and here in made_for
    and sys.version_info >= (3, 11)
    and wanted in ("", "%d.%d" % sys.version_info[:2])
)
sys.exit(not ok)
endef
export VENV_CHECK

# The same Python as PYTHON's is insisted on only where PYTHON was set by hand.
ifeq ($(origin PYTHON),file)
WANTED :=
else
WANTED := $$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
endif

# $(call install,EXTRA,STAMPS): installs the project with the extra, unless the
# stamp shows that it was installed from this pyproject.toml and constraints.txt.
# The stamp goes before the installation starts and comes back when it is done.
define install
@now=$$(cat pyproject.toml constraints.txt | cksum) && \
if test -x $(VENV)/bin/dsf && test "$$now" = "$$(cat $(VENV)/.stamp-$(1) 2>/dev/null)"; then \
	echo "==> The project and its [$(1)] packages are installed and up to date."; \
else \
	echo "==> Installing the project and its [$(1)] packages (up to a minute or so) ..."; \
	rm -f $(VENV)/.stamp-*; \
	$(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[$(1)]' || { \
		echo "==> The installation failed; see above. Nothing is marked as installed." >&2; exit 1; }; \
	for stamp in $(2); do echo "$$now" > $(VENV)/.stamp-$$stamp || exit 1; done; \
fi
endef

help:
	@echo "make demo    check examples/my_layer.py"
	@echo "make test    ruff check, mypy and pytest"
	@echo "make book    build the book; make book-pdf prints its chapters"
	@echo "make lint    ruff check, ruff format --check and mypy"
	@echo "make format  sort the imports and format the code"
	@echo "make clean   remove .venv, the caches and what was built"
	@echo "Each makes .venv and installs into it what it needs. PYTHON=... chooses the interpreter."

venv:
	@if $(PY) -c "$$VENV_CHECK" "$(WANTED)" 2>/dev/null; then \
		exit 0; \
	fi; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$("$(PYTHON)" --version 2>&1) || found="not there or does not run"; \
		echo "==> Python 3.11 or newer is needed, but '$(PYTHON)' is $$found." >&2; \
		echo "    Name another one, for instance: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; \
		exit 1; }; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "==> '$(PYTHON)' comes without the venv or the ensurepip module." >&2; \
		echo "    On Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; }; \
	if test -e $(VENV) || test -L $(VENV); then \
		echo "==> Making the virtual environment $(VENV) anew: the one here does not work or does not fit ..."; \
	else \
		echo "==> Making a virtual environment in $(VENV) ..."; \
	fi; \
	rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "==> The virtual environment could not be made; see above." >&2; \
		exit 1; }

install-fast: venv
	$(call install,fast,fast)

# dev contains book, and book contains fast, hence the stamps.
install-dev: venv
	$(call install,dev,dev book fast)

install-book: venv
	$(call install,book,book fast)

# The tests of the book look at it as a reader does. Without a browser they fail, and say so.
browser:
	@command -v chromium >/dev/null 2>&1 || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1 && \
		echo "==> Installing Chromium, with which the book is tested ..." && \
		apt-get update -qq >/dev/null && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	} || echo "==> Chromium is not installed; the tests of the book need it (apt-get install chromium)."

book: install-book
	@$(PY) -m book.build

book-pdf: install-book
	@$(PY) -m book.build --pdf

demo: install-fast
	@echo "==> Checking examples/my_layer.py ..."
	@$(VENV)/bin/dsf check examples/my_layer.py

test: install-dev browser
	@echo "==> Linting (ruff check) ..."
	@$(PY) -m ruff check
	@echo "==> Checking types (mypy) ..."
	@$(PY) -m mypy
	@echo "==> Running the tests (pytest -n 2; the slow studies are left out) ..."
	@$(PY) -m pytest -n 2

lint: install-dev
	@echo "==> Linting (ruff check) ..."
	@$(PY) -m ruff check
	@echo "==> Checking the formatting (ruff format --check) ..."
	@$(PY) -m ruff format --check
	@echo "==> Checking types (mypy) ..."
	@$(PY) -m mypy

format: install-dev
	@echo "==> Sorting imports and formatting (ruff) ..."
	@$(PY) -m ruff check --select I --fix
	@$(PY) -m ruff format

clean:
	@echo "==> Removing $(VENV), the caches and what was built ..."
	@rm -rf $(VENV) book/_build book/_facts book/catalogue book/reference book/*/node_modules tests/site_tools/node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
