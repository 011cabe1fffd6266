"""Code generation: from a layer to NumPy and torch functions by schedule, C++ and CUDA C.

`generate(layer, target)` is the text; `check_generated(folder)` finds what has drifted.
"""

from .cpp.files import generate_cpp
from .cuda.files import CudaSource, cuda_source, generate_cuda
from .files import (
    SCHEDULES,
    TARGETS,
    Drift,
    GeneratedDrift,
    check_generated,
    file_name,
    generate,
    generator_hash,
    hashes,
    regenerate,
    write,
)
from .lower import program
from .opaque import free_gates

__all__ = [
    "SCHEDULES",
    "TARGETS",
    "CudaSource",
    "Drift",
    "GeneratedDrift",
    "check_generated",
    "cuda_source",
    "file_name",
    "free_gates",
    "generate",
    "generate_cpp",
    "generate_cuda",
    "generator_hash",
    "hashes",
    "program",
    "regenerate",
    "write",
]
