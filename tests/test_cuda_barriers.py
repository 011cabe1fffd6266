"""Barriers of CUDA kernels: where threads need one, and each of them a race if it is left out."""

import re
from functools import partial

import pytest

pytest.importorskip("numpy")
from emulated import emulated, with_text
from kernel_checks import LAYERS, drawn, gradients
from test_cuda_wy import SOLVED

from dsf_sym.codegen.cuda.barriers import BARRIER, with_barriers
from numeric.emulation import SanitizerReport

KERNEL = """
extern "C" __global__ void forward(
    T* y) {{
    ARRAY(0, a, 64)
    ARRAY(1, b, 64)
{}
}}
"""
EACH = "    for (int e = thread; e < (64); e += THREADS) "
FILLED = f"{EACH}a[e] = 1;"
OTHERS = {
    "another's entry": (f"{EACH}b[e] = a[63 - e];", 1),
    "its own entry": (f"{EACH}b[e] = a[e];", 0),
    "another share of the entries": (f"{EACH.replace('64', '32')}b[e] = a[e];", 1),
    "a sum of all": (f"{EACH}for (int j = 0; j < 64; ++j) b[e] += a[j];", 1),
    "another array": (f"{EACH}b[e] = y[63 - e];", 0),
    "two that need the same": (f"{EACH}b[e] = a[63 - e];\n{EACH}y[e] = a[32 ^ e];", 1),
    "a write after it was read": (f"{EACH}y[e] = a[63 - e];\n{FILLED}", 2),
    "what one thread writes": ("    if (thread == 0) b[0] = a[0];", 1),
}


def placed(body):
    return list(with_barriers(KERNEL.format(body).strip("\n").split("\n")))


@pytest.mark.parametrize("what", list(OTHERS))
def test_a_barrier_stands_where_a_thread_needs_what_another_did(what):
    body, many = OTHERS[what]
    body = f"{FILLED}\n{body}"
    made = placed(body)
    assert "\n".join(x for x in made if x.strip() != BARRIER) == KERNEL.format(body).strip()
    assert sum(x.strip() == BARRIER for x in made) == many


def test_through_a_loop_the_end_comes_before_the_start():
    body = f"    for (; t < L; ++t) {{\n    {EACH}a[e] = t;\n    {EACH}y[e] = a[63 - e];\n    }}"
    made = [x.strip() for x in placed(body)]
    head = made.index("for (; t < L; ++t) {")
    assert made[head + 1] == BARRIER == made[head + 3] and made.count(BARRIER) == 2


def test_entries_of_two_copies_are_two():
    body = "\n".join(
        [
            "    for (t = from; t < upto; ++t) {",
            f"    {EACH}a[(t + 1) * (64) + e] = a[(t) * (64) + e];",
            "    }",
        ]
    )
    assert not any(x.strip() == BARRIER for x in placed(body))


@pytest.mark.parametrize(("columns", "many"), [("lanes", 0), ("steps", 1)])
def test_a_product_of_fewer_tokens_is_shared_out_in_another_way(columns, many):
    result = "[&](int i, int j, T sum) { a[i * PITCH + j] = sum; });"
    body = f"    for (; t0 < L; t0 += TOKENS) {{\n        multiplied<T>(steps, {columns}, N,\n"
    made = placed(f"{body}            {result}\n    }}")
    assert sum(x.strip() == BARRIER for x in made) == many


FAMILIES = {
    "gla": "whole",
    "scalar_gated": "whole",
    "deltanet": "whole",
    "gated_deltanet": "whole",
    "another_column": "whole",
    "lru": "whole",
    "s6": "whole",
    "mlstm": "split",
    "s4d": "split",
}
"""By rows and lanes, by chunks, with a system for both directions and for one, by blocks; scans."""
SWITCH = '#include <cstdlib>\nstatic bool stands(int n) { return n != atoi(getenv("LEFT_OUT")); }\n'


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_loss_of_any_barrier_is_a_race(name, monkeypatch):
    pytest.importorskip("torch")
    layer, time = {**LAYERS, **SOLVED}[name], FAMILIES[name]
    made = emulated(layer, "races", time=time)
    whole, scan, end = made.source.text.partition("#else\n\n")
    numbers = iter(range(1000))
    text = re.sub(
        re.escape(BARRIER), lambda _: f"if (stands({next(numbers)})) {BARRIER}", whole + scan + end
    )
    many = {"whole": whole, "split": end}[time].count(BARRIER)
    first = 0 if time == "whole" else whole.count(BARRIER)
    made = with_text(made, SWITCH + text)
    run = gradients if time == "whole" else lambda made, given, state: made(**given, state=state)
    unseen = list(range(first, first + many))
    # Of doubles, threads have the same entries in products as in loops; of floats, more tokens at a
    # time fit in shared memory, here all between two states that are kept.
    for dtype in ("float64", "float32"):
        given, state = drawn(layer, 40, dtype, n=9, d=37, lead=(1, 1))
        monkeypatch.setenv("LEFT_OUT", "-1")
        run(made, given, state)
        unseen = [
            n for n in unseen if not is_seen(partial(run, made, given, state), n, monkeypatch)
        ]
        if not unseen:
            break
    assert many and not unseen


def is_seen(call, number, monkeypatch):
    """Whether a call without one barrier is a race."""
    monkeypatch.setenv("LEFT_OUT", str(number))
    try:
        call()
    except SanitizerReport as report:
        return "data race" in str(report)
    return False
