"""The command line `dsf`. Commands load the library when they run, so that `--help` is quick."""

from __future__ import annotations

from .app import main, run

__all__ = ["main", "run"]
