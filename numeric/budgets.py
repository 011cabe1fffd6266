"""The error that generated code may make: one table, per schedule and type, never relaxed.

An error is the largest difference from 50 digits, over the largest output of the sequence. Where
the output is a ratio of sums, it may be as many times the budget as rounding in these sums is made
larger by the division (`oracle.condition`, 1 where there is no cancellation).
Products of rounded factors have a bound of their own, derived from the rounding.
"""

from __future__ import annotations

BUDGETS: dict[tuple[str, str], float] = {
    ("recurrent", "float64"): 1e-14,
    ("parallel", "float64"): 1e-14,
    ("chunkwise", "float64"): 1e-14,
    ("associative_scan", "float64"): 1e-14,
    ("convolution", "float64"): 1e-14,
    ("recurrent", "float32"): 4e-6,
    ("parallel", "float32"): 4e-6,
    ("chunkwise", "float32"): 4e-6,
    ("associative_scan", "float32"): 4e-6,
    ("convolution", "float32"): 4e-6,
    ("recurrent", "bfloat16"): 8e-3,
    ("parallel", "bfloat16"): 8e-3,
    ("chunkwise", "bfloat16"): 8e-3,
    ("associative_scan", "bfloat16"): 8e-3,
    ("convolution", "bfloat16"): 8e-3,
}


def budget(schedule: str, dtype: str, condition: float = 1.0) -> float:
    """The relative error allowed."""
    return BUDGETS[schedule, dtype] * condition


BITS: dict[str, int] = {"tf32": 11, "bfloat16": 8}
"""The significant bits of the types to which tensor cores round the factors of a product."""


def rounded(products: str) -> float:
    """The error allowed, beside float32's, of chunks whose products are of rounded factors.

    `(1 + 2^-bits)^4 - 1` of the sum of absolute values: the same outputs, states or gradients, with
    the absolute value of every factor and seed. In a term of it four factors are rounded, each by
    a relative error of at most 2^-bits: key and query, their product times a decay, and the value;
    or key and value in the state, and that state and the query. Of an adjoint it is the same.
    """
    return (1 + 2.0 ** -BITS[products]) ** 4 - 1
