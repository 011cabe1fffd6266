"""Compiled C++ kernels: values, gradients, hand-over, planted bugs, and what surrounds them."""

import re
from functools import cache

import numpy as np
import pytest

pytest.importorskip("numpy")
from codegen_layers import EXTRA
from kernel_checks import error, gradients, tuple_of

import numeric
from dsf_sym import Const, KernelLayer, Positive, State, Vec, exp, find, layer, outer, scale
from dsf_sym.codegen import generate_cpp
from dsf_sym.errors import NotAffine, UnknownName
from dsf_sym.language.loading import catalogue
from numeric import ContractViolation, choice, native, plans, samples
from numeric.budgets import budget
from numeric.oracle import definition

try:
    native.compiler()
except native.NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)

QUICK = ("-O0", "-march=native", "-fopenmp", "-fno-math-errno")
LAYERS = {n: x for n, x in {**catalogue(), **EXTRA}.items() if not isinstance(x, KernelLayer)}
KINDS = ("gla", "scalar_gated", "gated_deltanet", "s6", "rwkv4", "mlstm", "learned_start", "lru")
"""Rows apart, rows coupled, constants of rows by lanes, no rows, ratios, a start, a plain loop."""
SIZES = {"n": 5, "d": 19, "m": 3, "h": 2}


@cache
def kernel(name, threads=1):
    layer = LAYERS[name]
    return native.Kernel(layer, generate_cpp(layer), native.Builder(flags=QUICK), threads)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Outputs hold NaN before a kernel writes them, and no sequence is too small for threads."""
    empty = plans.empty

    def filled(like, shape):
        x = empty(like, shape)
        x[...] = float("nan")
        return x

    monkeypatch.setattr(plans, "empty", filled)
    monkeypatch.setattr(native, "SMALL", 0)


def sizes_of(layer):
    return {name: SIZES.get(name, 4) for name in layer.sizes}


def drawn(name, length, dtype="float64", lead=(2, 2), seed=0):
    layer = LAYERS[name]
    given = samples.signals(layer, sizes_of(layer), (*lead, length), seed=seed)
    state = tuple_of(samples.state(layer, sizes_of(layer), lead, seed=seed + 1))
    given = {n: x.astype(dtype) for n, x in given.items()}
    state = tuple(x.astype(dtype) for x in state)
    return given, state if len(state) > 1 else state[0]


@pytest.mark.parametrize("name", list(LAYERS))
def test_kernels_compute_the_definition(name):
    # The text is the same for both types: compiling it for one is enough for most.
    for dtype in ("float64", "float32") if name in KINDS else ("float64",):
        for length in (1, 63, 64, 65):
            given, state = drawn(name, length, dtype, lead=(1, 2))
            first = state if length > 63 else None
            want = definition(LAYERS[name], given, first)
            got = kernel(name)(**given, state=first)
            assert {str(x.dtype) for x in (got[0], *tuple_of(got[1]))} == {dtype}
            assert error(got, want) <= budget("recurrent", dtype), (dtype, length)


@pytest.mark.parametrize("name", KINDS)
def test_long_sequences_and_lanes_of_every_width(name):
    layer = LAYERS[name]
    for width, length in ((1, 1000), (8, 40), (37, 40), (70, 40)):
        sizes = {**sizes_of(layer), "d": width, "n": 9}
        sizes = {n: x for n, x in sizes.items() if n in layer.sizes}
        for dtype in ("float64", "float32"):
            given = samples.signals(layer, sizes, (1, 1, length), seed=3)
            given = {n: x.astype(dtype) for n, x in given.items()}
            got = kernel(name, 3)(**given)
            assert error(got, definition(layer, given)) <= budget("recurrent", dtype), width


@pytest.mark.parametrize("name", KINDS)
def test_two_calls_that_hand_the_state_on_are_one(name):
    given, state = drawn(name, 70)
    tokens = {s.name for s in LAYERS[name].of_kind("token")}
    whole = kernel(name)(**given, state=state)
    for at in (1, 31, 32, 50):
        before = {n: x[:, :, :at] if n in tokens else x for n, x in given.items()}
        after = {n: x[:, :, at:] if n in tokens else x for n, x in given.items()}
        y, middle = kernel(name)(**before, state=state)
        z, end = kernel(name)(**after, state=middle)
        assert error((np.concatenate([y, z], 2), end), whole) < 1e-14


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "joined_keys"])
def test_the_adjoint_kernel_is_what_autograd_finds(name):
    pytest.importorskip("torch")
    reference = numeric.schedules(LAYERS[name], "torch")
    reference = reference.get("chunkwise", reference["recurrent"])
    for length, threads in ((1, 1), (37, 1), (37, 3)):
        given, state = drawn(name, length, lead=(2, 1))
        state = None if state is not None and threads == 1 and length == 37 else state
        want = gradients(reference, given, state)
        got = gradients(kernel(name, threads), given, state)
        for a, b in zip(got, want, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= 1e-11 * max(1, np.abs(b).max()), (length, threads)


@pytest.mark.parametrize("name", KINDS)
def test_the_adjoint_kernel_is_the_limit_of_differences(name):
    torch = pytest.importorskip("torch")
    given, state = drawn(name, 34, lead=(1, 1))
    starts = tuple_of(state)
    leaves = [torch.from_numpy(x).requires_grad_() for x in (*given.values(), *starts)]

    def whole(*xs):
        first = xs[len(given) :]
        named = dict(zip(given, xs, strict=False))
        y, ends = kernel(name)(**named, state=first if len(first) > 1 else first[0])
        return y, *tuple_of(ends)

    torch.manual_seed(0)
    assert torch.autograd.gradcheck(whole, leaves, fast_mode=True, atol=1e-6, rtol=1e-5)


def test_a_step_without_a_backward_kernel_says_so():
    pytest.importorskip("torch")
    given, state = drawn("joined_keys", 5)
    with pytest.raises(native.NoBackward, match=r"joined_keys.* use backend='torch'"):
        gradients(kernel("joined_keys"), given, state)


def test_only_what_is_asked_for_is_differentiated():
    torch = pytest.importorskip("torch")
    given, _ = drawn("gla", 40)
    want = gradients(kernel("gla"), given, None)
    leaves = {n: torch.from_numpy(x) for n, x in given.items()}
    leaves["k"].requires_grad_()
    torch.manual_seed(0)
    y, end = kernel("gla")(**leaves)
    total = (y * torch.randn(y.shape, dtype=y.dtype)).sum() + (
        end * torch.randn(end.shape, dtype=end.dtype)
    ).sum()
    total.backward()
    assert np.abs(leaves["k"].grad.numpy() - want[list(given).index("k")]).max() < 1e-14
    assert leaves["q"].grad is None


PLANTED = {
    "off-by-one decay": ("at_gate1[t * (size.n) + i]", "at_gate1[(t ? t - 1 : t) * (size.n) + i]"),
    "dropped gate": ("before[i] * b.at_gate1[t * (size.n) + i]", "before[i]"),
    "transposed C": (
        "b.at_factor3[t * size.n + r0 + r]",
        "b.at_factor3[t * size.n + size.n - 1 - r0 - r]",
    ),
    "decay not handed on": (" * b.decay1[(b.steps - 1) * size.n + r0 + r]", ""),
    "reset state": ("keeps = true", "keeps = false"),
}
PLANTED_PLAIN = {
    "off-by-one decay": ("b.at_alpha[t * size.n", "b.at_alpha[(t ? t - 1 : t) * size.n"),
    "dropped gate": ("(alpha_i * S_i)", "S_i"),
    "transposed C": ("b.at_q[t * size.n + r0 + r]", "b.at_q[t * size.n + size.n - 1 - r0 - r]"),
    "range forgotten": ("within &= after[i] >= LEAST_DECAY", "within &= after[i] >= 0"),
}
BUGS = [*((name, x, 1) for name, x in PLANTED.items())]
BUGS += [(f"{name}, gates near 0", x, 1e-250) for name, x in PLANTED_PLAIN.items()]


def shrunk(given, factor):
    """The signals with every third gate multiplied by a factor: too small to be folded."""
    given = dict(given, alpha=given["alpha"].copy())
    given["alpha"][:, :, ::3] *= factor
    return given


def altered(old, new):
    """GLA's kernels with a part of the text replaced."""
    text = generate_cpp(LAYERS["gla"])
    assert old in text
    return native.Kernel(LAYERS["gla"], text.replace(old, new), native.Builder(flags=QUICK))


@pytest.mark.parametrize(("bug", "texts", "factor"), BUGS, ids=[x[0] for x in BUGS])
def test_planted_bugs_are_caught(bug, texts, factor):
    given, state = drawn("gla", 65)
    given = shrunk(given, factor)
    want = definition(LAYERS["gla"], given, state)
    assert error(kernel("gla")(**given, state=state), want) <= budget("recurrent", "float64")
    got = altered(*texts)(**given, state=state)
    assert not np.isfinite(got[0]).all() or error(got, want) > 1e-3


WRONG_GRADIENTS = {
    "decay's adjoint not handed on": (
        "carried_gate1[i] = a * b.at_gate1",
        "carried_gate1[i] = 0 * b.at_gate1",
    ),
    "state after the block forgotten": ("+= adjoint[r] * state[r];", "+= 0;"),
    "forward in time": (
        "for (long t = b.steps - 1; t >= 0; --t) {",
        "for (long t = 0; t < b.steps; ++t) {",
    ),
    "adjoint not handed on": ("b.lambda_S[(r) * pitch + c];", "T(0);"),
}
WRONG_GRADIENTS_PLAIN = {
    "adjoint without decay": ("(r3 * alpha_i)", "r3"),
    "old and new state exchanged": ("b.past_S[(t + 1) *", "b.past_S[t *"),
}
WRONG = [*((name, x, 1) for name, x in WRONG_GRADIENTS.items())]
WRONG += [(f"{name}, gates near 0", x, 1e-250) for name, x in WRONG_GRADIENTS_PLAIN.items()]


@pytest.mark.parametrize(("bug", "texts", "factor"), WRONG, ids=[x[0] for x in WRONG])
def test_planted_bugs_in_the_adjoint_are_caught(bug, texts, factor):
    pytest.importorskip("torch")
    given, state = drawn("gla", 37)
    given = shrunk(given, factor)
    want = gradients(numeric.schedules(LAYERS["gla"], "torch")["recurrent"], given, state)
    right = gradients(kernel("gla"), given, state)
    assert max(np.abs(a - b).max() for a, b in zip(right, want, strict=True)) < 1e-11
    got = gradients(altered(*texts), given, state)
    assert max(np.abs(a - b).max() for a, b in zip(got, want, strict=True)) > 1e-3


FOLDED = ("scalar_gated", "gla", "retnet", "rwkv6", "mlstm", "ssd")
"""One gate and one for each row, constant ones, a state read before the token, two states, exp."""


@pytest.mark.parametrize("name", FOLDED)
def test_gates_of_any_size(name):
    layer = LAYERS[name]
    gate = "alpha" if "alpha" in {s.name for s in layer.signals} else "Delta"
    for value in (0.0, 1e-300, 0.02, 1.0, 3.0):
        given, state = drawn(name, 41, lead=(1, 1))
        at = (0,) if layer.signal(gate).kind == "constant" else (0, 0, slice(0, 41, 7))
        given[gate][at] = value
        want = definition(layer, given, state)
        assert error(kernel(name)(**given, state=state), want) <= 1e-14, value


def test_blocks_with_and_without_folded_decays_hand_the_adjoint_on():
    pytest.importorskip("torch")
    given, state = drawn("gla", 130, lead=(1, 1))
    given["alpha"][:, :, 70] = 1e-250
    want = gradients(numeric.schedules(LAYERS["gla"], "torch")["recurrent"], given, state)

    def wrong(made):
        found = gradients(made, given, state)
        return max(np.abs(a - b).max() for a, b in zip(found, want, strict=True))

    assert wrong(kernel("gla")) < 1e-11
    back = "backward_block(b);\n            f.turned = false;"
    assert wrong(altered(back, "backward_block(b);")) > 1e-3


@pytest.mark.parametrize("name", ["gla", "ssd", "normalised_attention"])
def test_sweeps_over_states_of_several_tiles(name):
    pytest.importorskip("torch")
    layer = LAYERS[name]
    sizes = {"n": 19, "d": 37}
    for threads in (1, 3):
        given = samples.signals(layer, sizes, (1, 1, 67), seed=2)
        state = samples.state(layer, sizes, (1, 1), seed=4)[0]
        want = gradients(numeric.schedules(layer, "torch")["recurrent"], given, state)
        got = gradients(kernel(name, threads), given, state)
        for a, b in zip(got, want, strict=True):
            assert np.abs(a - b).max() <= 1e-11 * max(1, np.abs(b).max())


def test_the_structure_chooses_the_kernel():
    def said(name):
        lines = generate_cpp(LAYERS[name]).split("\n\n")[0].splitlines()
        at = next(i for i, x in enumerate(lines) if x.startswith("// Kernel"))
        return " ".join(x.removeprefix("//").strip() for x in lines[at : lines.index("//", at)])

    folded = "; decays folded within a block"
    swept = "; backward in 3 sweeps"
    apart = "Kernel: rows n, lanes d; rows apart, in registers"
    assert said("gla") == f"{apart}{folded}{swept}."
    assert said("mlstm") == f"{apart}{folded}."
    assert said("linear_attention") == f"{apart}{swept}."
    assert said("s6") == f"{apart}."
    assert said("gated_deltanet") == "Kernel: rows n, lanes d; rows coupled, in memory."
    assert said("mingru") == "Kernel: lanes d."
    assert said("lru") == "Kernel: a plain loop over tokens: no state has the output's axis d."
    renamed = LAYERS["gla"].given(name="mine", k="1 - alpha")
    assert "rows apart" in generate_cpp(renamed)


@layer
def falling(
    S: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    eta: Positive["d"],
    a: Const[Positive["d", "n"]],
):
    """The decay is e to a product of what changes and what does not, with a sign."""
    return exp(-scale(eta, a, axis="d")) * S + outer(eta * v, k), S @ q


def test_the_exponential_of_a_product_is_given_what_does_not_change_last():
    assert "exp_(Delta_i[c], A_i) * h_i" in generate_cpp(LAYERS["s6"])
    text = generate_cpp(falling)
    assert "exp_(eta_i[c], -a_i) * S_i" in text
    given = samples.signals(falling, SIZES, (1, 2, 37), seed=0)
    made = native.Kernel(falling, text, native.Builder(flags=QUICK))
    assert error(made(**given), definition(falling, given)) <= budget("recurrent", "float64")


def test_one_product_of_two_signals_along_the_lanes_is_not_kept():
    def kept(name):
        return set(re.findall(r"T\* at_(factor\d+);", generate_cpp(LAYERS[name])))

    assert kept("s6") == set()
    assert len(kept("s6_softplus")) == 1
    assert kept("gla") != set()


def test_text_is_the_same_every_time_and_a_sum_over_the_past_has_none():
    assert generate_cpp(LAYERS["s6"]) == generate_cpp(LAYERS["s6"])
    with pytest.raises(NotAffine, match="no C\\+\\+ is generated"):
        generate_cpp(find("softmax_attention"))


@pytest.fixture(name="quick")
def quickly_compiled(monkeypatch):
    for module in (numeric.run.__globals__, vars(choice)):
        monkeypatch.setitem(module, "kernel", lambda layer: kernel(layer.name))


def test_run_takes_arrays_of_either_library(quick):
    torch = pytest.importorskip("torch")
    given, state = drawn("gla", 40)
    want = definition(LAYERS["gla"], given, state)
    got = numeric.run("gla", "cpp", state=state, **given)
    assert error(got, want) < 1e-14
    tensors = {n: torch.from_numpy(x) for n, x in given.items()}
    y, end = numeric.run("gla", "cpp", state=torch.from_numpy(state), **tensors)
    assert error((y.numpy(), end.numpy()), want) < 1e-14
    half = {n: x.bfloat16() for n, x in tensors.items()}
    y, end = numeric.run("gla", "cpp", state=end, **half)
    assert y.dtype == torch.bfloat16 and end.dtype == torch.float32
    turned = {n: np.asfortranarray(x) for n, x in given.items()}
    assert error(numeric.run("gla", "cpp", state=state, **turned), want) < 1e-14
    mixer = numeric.module("s6", "cpp")
    given, _ = drawn("s6", 7)
    leaves = {n: torch.from_numpy(x).requires_grad_() for n, x in given.items()}
    mixer(**leaves)[0].sum().backward()
    assert all(x.grad is not None for x in leaves.values())


def test_a_call_made_again_has_the_gradients_of_the_first(quick, monkeypatch):
    torch = pytest.importorskip("torch")
    plans.plans.cache_clear()
    given, _ = drawn("gla", 40)
    leaves = {n: torch.from_numpy(x).requires_grad_() for n, x in given.items()}

    def found(**options):
        y, end = numeric.run("gla", "cpp", **leaves)
        return torch.autograd.grad(y.sin().sum() + end.sum(), list(leaves.values()), **options)

    first = found()
    monkeypatch.setattr(native.Kernel, "forward", None)
    assert all((a == b).all() for a, b in zip(found(), first, strict=True))
    again = found(create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        again[0].sum().backward()
    asked = []
    monkeypatch.setattr(plans.Plan, "forward", lambda *a, keep=False: asked.append(keep) or 1 / 0)
    with torch.no_grad(), pytest.raises(ZeroDivisionError):
        numeric.run("gla", "cpp", **leaves)
    assert asked == [False]


def test_packed_sequences_and_shared_heads(quick):
    lengths = [3, 1, 65]
    given = samples.signals(LAYERS["gla"], SIZES | {"n": 3}, (1, 2, sum(lengths)))
    y, ends = numeric.run("gla", "cpp", lengths=lengths, **given)
    want, last = numeric.run("gla", "numpy", lengths=lengths, **given)
    assert error((y, ends), (want, last)) < 1e-14
    given["k"], given["v"] = given["k"][:, :1], given["v"][:, :1]
    y, _ = numeric.run("gla", "cpp", heads=2, **given)
    want, _ = numeric.run("gla", "numpy", heads=2, **given)
    assert np.abs(y - want).max() < 1e-14


def test_arguments_that_do_not_fit(quick):
    given, _ = drawn("gla", 5)
    with pytest.raises(ContractViolation, match=r"k: expected \[B, H, L, n\] = "):
        numeric.run("gla", "cpp", **{**given, "k": given["k"][:, :, :4]})
    with pytest.raises(ContractViolation, match=r"q: expected float32 or float64, given object"):
        numeric.run("gla", "cpp", **{n: x.astype(object) for n, x in given.items()})
    with pytest.raises(ContractViolation, match="expected at least one token"):
        numeric.run("gla", "cpp", **{n: x[:, :, :0] for n, x in given.items()})
    with pytest.raises(UnknownName, match=r"schedule='chunkwise'\): the layer has recurrent"):
        numeric.run("gla", "cpp", "chunkwise", **given)
    torch = pytest.importorskip("torch")
    far = {n: torch.from_numpy(x).to("meta") for n, x in given.items()}
    with pytest.raises(ContractViolation, match=r"backend='cpp'\): C\+\+ runs on the CPU only"):
        numeric.run("gla", "cpp", **far)
