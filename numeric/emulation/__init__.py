"""CUDA C kernels run on the CPU, thread by thread, with or without a sanitizer."""

from .module import (
    ORDERS,
    Divergence,
    Emulated,
    EmulationFailed,
    Order,
    Sanitizer,
    SanitizerReport,
    available,
    emulate,
)

__all__ = [
    "ORDERS",
    "Divergence",
    "Emulated",
    "EmulationFailed",
    "Order",
    "Sanitizer",
    "SanitizerReport",
    "available",
    "emulate",
]
