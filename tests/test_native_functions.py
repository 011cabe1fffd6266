"""The exponential of compiled kernels, in vectors of every width that is compiled for."""

import ctypes
import platform

import numpy as np
import pytest

from dsf_sym.codegen.cpp.runtime import RUNTIME
from numeric import native

try:
    native.compiler()
except native.NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)

ENTRIES = """
extern "C" void of_one(const T* x, const T*, T* to, long n) {
    for (long i = 0; i < n; i += W) store(to + i, exp_(load(x + i)));
}
extern "C" void of_product(const T* x, const T* y, T* to, long n) {
    for (long i = 0; i < n; i += W) store(to + i, exp_(load(x + i), load(y + i)));
}
"""
WIDTHS = {"native": ("-march=native",)}
if platform.machine() in ("x86_64", "AMD64"):
    WIDTHS |= {"half": ("-march=native", "-mno-avx512f"), "least": ("-march=x86-64",)}
COUNT = 4096


def computed(dtype, width, entry, x, y, text=RUNTIME):
    flags = ("-O2", "-fopenmp", "-fno-math-errno", *WIDTHS[width])
    library = native.Builder(flags=flags).library(text + ENTRIES, dtype)
    to = np.empty_like(x)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (x, y, to)]
    getattr(library, entry)(*pointers, ctypes.c_long(len(x)))
    return to


def drawn(dtype):
    """Exponents from underflow to overflow, half of them of size 1, as products."""
    random = np.random.default_rng(0)
    most = 87.0 if dtype == "float32" else 708.0
    total = np.concatenate(
        [random.uniform(-most, most, COUNT // 2), random.normal(size=COUNT // 2)]
    )
    y = random.choice([-1.0, 1.0], COUNT) * random.uniform(0.01, 20, COUNT)
    return (total / y).astype(dtype), y.astype(dtype)


def worst(got, exponent):
    """The largest relative error, in units of rounding of the result and of the exponent."""
    unit = np.finfo(got.dtype).eps / 2
    want = np.exp(exponent)
    return float(np.max(np.abs(got / want - 1) / (unit * (2 + np.abs(exponent)))))


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_are_rounded_as_their_exponents_are(dtype, width):
    x, y = drawn(dtype)
    exact = x.astype("longdouble") * y.astype("longdouble")
    assert worst(computed(dtype, width, "of_product", x, y), exact) < 2
    z = x * y
    assert worst(computed(dtype, width, "of_one", z, z), z.astype("longdouble")) < 2


def test_a_coefficient_that_is_off_is_seen():
    x, y = drawn("float32")
    assert "0.0555041086648215800" in RUNTIME
    wrong = RUNTIME.replace("0.0555041086648215800", "0.0555")
    exact = x.astype("longdouble") * y.astype("longdouble")
    assert worst(computed("float32", "native", "of_product", x, y, wrong), exact) > 2


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponents_out_of_range(dtype, width):
    inf, nan, large = np.inf, np.nan, float(np.finfo(dtype).max) / 2
    cases = [(-inf, 1, 0), (inf, 1, inf), (-inf, -inf, inf), (nan, 1, nan), (0, 5, 1), (-0.0, 5, 1)]
    cases += [(large, 1, inf), (large, -1, 0), (large, -large, 0), (large, large, inf)]
    for power in (12, 22, 23, 24, 47, 53, 90):
        cases += [(2.0**power, 1, inf), (2.0**power, -1, 0)]
    cases += [(1, 1, np.e)] * (-len(cases) % 16)
    x, y, want = np.array(cases, dtype).T.copy()
    with np.errstate(over="ignore"):
        z = x * y
    for got in (computed(dtype, width, "of_product", x, y), computed(dtype, width, "of_one", z, z)):
        assert np.allclose(got, want, rtol=1e-6, atol=0, equal_nan=True)
