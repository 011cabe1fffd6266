"""Code generation: from a layer to NumPy and torch functions, one for every schedule, and C++.

`generate(layer, target)` is the text; `check_generated(folder)` finds what has drifted.
"""

from .cpp_files import generate_cpp
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
    "Drift",
    "GeneratedDrift",
    "check_generated",
    "file_name",
    "free_gates",
    "generate",
    "generate_cpp",
    "generator_hash",
    "hashes",
    "program",
    "regenerate",
    "write",
]
