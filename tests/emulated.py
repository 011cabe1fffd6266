"""CUDA kernels on the CPU, as they are and with another text: what their tests run."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dsf_sym.errors import DsfError
from numeric.cuda import CudaKernel
from numeric.cuda_emulated import EmulatedDevice
from numeric.emulation import available

try:
    available()
except DsfError as missing:
    pytest.skip(str(missing), allow_module_level=True)


def folder():
    return Path(os.environ["XDG_CACHE_HOME"]) / "emulated"


def emulated(layer, sanitizer="", order="forward", **settings):
    """The kernels of a layer on the CPU."""
    return CudaKernel(layer, EmulatedDevice(folder(), sanitizer, order), **settings)


def with_text(made, text):
    """The same kernels with another text."""
    other = replace(made)
    other.__dict__["source"] = replace(made.source, text=text)
    return other


def changed(made, old, new, *, after="", last=False):
    """The kernels with one place changed: the first after a text, or the last of all."""
    text = made.source.text
    start = text.index(after)
    assert old in text[start:]
    at = text.rindex(old) if last else text.index(old, start)
    return with_text(made, text[:at] + new + text[at + len(old) :])
