"""Code of sums over the past: against torch's attention, caches, blocks, and planted bugs."""

import numpy as np
import pytest

pytest.importorskip("numpy")
from codegen_layers import EXTRA

import numeric
from dsf_sym import Vec, attention, exp, find
from dsf_sym.codegen import generate
from dsf_sym.codegen.attention import factors
from dsf_sym.language.tensor import lift, text
from numeric import ContractViolation, samples
from numeric.oracle import definition
from numeric.verify import difference

SIZES = {"n": 3, "d": 2}
SOFTMAX = find("softmax_attention")


@pytest.fixture(name="given")
def signals_of_softmax():
    return samples.signals(SOFTMAX, SIZES, (2, 3, 9), seed=1)


@pytest.mark.parametrize("schedule", ["parallel", "recurrent"])
def test_it_is_torchs_attention(schedule):
    torch = pytest.importorskip("torch")
    x = samples.signals(SOFTMAX, {"n": 16, "d": 8}, (2, 3, 150), seed=2)
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in x.items()}
    want = torch.nn.functional.scaled_dot_product_attention(**_named(leaves), is_causal=True)
    y, cache = numeric.run(SOFTMAX, schedule=schedule, **leaves)
    assert torch.allclose(y, want, rtol=0, atol=1e-14)
    assert torch.equal(cache[0], leaves["k"]) and torch.equal(cache[1], leaves["v"])
    weights = torch.from_numpy(np.random.default_rng(0).standard_normal(y.shape))
    got = torch.autograd.grad((y * weights).sum(), list(leaves.values()))
    right = torch.autograd.grad((want * weights).sum(), list(leaves.values()))
    assert all(torch.allclose(a, b, rtol=0, atol=1e-13) for a, b in zip(got, right, strict=True))


def _named(x):
    return {"query": x["q"], "key": x["k"], "value": x["v"]}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_large_exponents_do_not_overflow(backend, given):
    torch = pytest.importorskip("torch") if backend == "torch" else None
    given = {**given, "q": 1e3 * given["q"], "k": 1e3 * given["k"]}
    want = definition(SOFTMAX, given, scalars="digits")[0]
    if torch:
        given = {n: torch.from_numpy(x).requires_grad_() for n, x in given.items()}
    for schedule in ("parallel", "recurrent"):
        y, _ = numeric.run(SOFTMAX, schedule=schedule, **given)
        if torch:
            grads = torch.autograd.grad(y.sum(), list(given.values()))
            assert all(torch.isfinite(g).all() for g in grads)
            y = y.detach().numpy()
        assert difference(y, want) < 1e-11


def test_a_later_entry_with_the_largest_exponent_leaves_no_trace(given):
    given["k"][:, :, 5:] = 1e6 * given["q"][:, :, :1]
    y, _ = numeric.run(SOFTMAX, **given)
    first = {n: x[:, :, :5] for n, x in given.items()}
    assert np.array_equal(y[:, :, :5], numeric.run(SOFTMAX, **first)[0])


def test_the_exponent_is_found_through_products_and_quotients():
    layer = EXTRA["weighted_exponential"]
    exponent, rest = factors(layer.kernel)
    assert text(exponent) == "(q @ k_j) / tau - (k_j @ k_j - g_j)"
    assert "exp" not in text(rest) and "w * g_j + " in text(rest)
    assert factors(EXTRA["cauchy"].kernel)[0] is None
    assert factors(exp(lift(2)))[1] is None


def test_without_the_division_no_factor_may_be_left_out():
    assert "_below_largest" not in generate(EXTRA["unnormalised_sum"], "torch")
    assert "_below_largest" in generate(SOFTMAX, "torch")


def test_a_module_decodes_with_its_cache():
    torch = pytest.importorskip("torch")
    mixer = numeric.module(SOFTMAX)
    given = samples.signals(SOFTMAX, SIZES, (2, 3, 6))
    given = {n: torch.from_numpy(x) for n, x in given.items()}
    whole, last = mixer(**given)
    state, ys = None, []
    for i in range(6):
        y, state = mixer.step(state, **{n: x[:, :, i] for n, x in given.items()})
        ys.append(y)
        assert state[0].shape == (2, 3, i + 1, 3)
    assert torch.allclose(torch.stack(ys, 2), whole)
    assert all(torch.equal(a, b) for a, b in zip(state, last, strict=True))


def test_packed_sequences_have_caches_of_their_own_lengths():
    lengths = [3, 1, 4, 3]
    given = samples.signals(SOFTMAX, SIZES, (1, 2, sum(lengths)))
    caches = [
        tuple(x[:, :, :past] for x in samples.state(SOFTMAX, SIZES, (1, 2), seed=i))
        for i, past in enumerate((3, 1, 2, 3))
    ]
    y, ends = numeric.run(SOFTMAX, lengths=lengths, state=caches, **given)
    at = 0
    for length, cache, end in zip(lengths, caches, ends, strict=True):
        own = {n: x[:, :, at : at + length] for n, x in given.items()}
        want, last = numeric.run(SOFTMAX, state=cache, **own)
        assert difference(y[:, :, at : at + length], want) < 1e-15
        assert all(np.array_equal(a, b) for a, b in zip(end, last, strict=True))
        at += length
    for wrong, said in ((caches[:3], "3"), (caches[0], "a tuple")):
        with pytest.raises(ContractViolation, match=f"a list of 4 caches, given {said}"):
            numeric.run(SOFTMAX, lengths=lengths, state=wrong, **given)


def test_grouped_heads_share_keys_and_values(given):
    few = samples.signals(SOFTMAX, SIZES, (2, 1, 9), seed=3)
    mixed = {**given, "k": few["k"], "v": few["v"]}
    full = {n: np.repeat(x, 3 // x.shape[1], 1) for n, x in mixed.items()}
    y, _ = numeric.run(SOFTMAX, heads=3, **mixed)
    assert difference(y, definition(SOFTMAX, full)[0]) < 1e-14


def test_a_cache_that_does_not_fit(given):
    _, cache = numeric.run(SOFTMAX, **given)
    message = r"v_j: expected \[B, H, P, d\] = \[2, 3, 9, 2\], given \[2, 3, 8, 2\]"
    with pytest.raises(ContractViolation, match=message):
        numeric.run(SOFTMAX, state=(cache[0], cache[1][:, :, 1:]), **given)
    with pytest.raises(ContractViolation, match=r"expected a tuple \(k_j, v_j\), given ndarray"):
        numeric.run(SOFTMAX, state=cache[0], **given)


def test_the_header_gives_the_cache_and_says_why_there_is_no_other_schedule():
    text = generate(SOFTMAX, "numpy")
    assert "cache of P tokens, in and out: k_j: [B, H, P, n], real" in text
    assert "no chunkwise: there is no finite state" in text


def test_names_of_the_code_may_be_names_of_signals():
    @attention
    def clash(weights: Vec["n"], exponents: Vec["n"]):
        return exp(weights @ exponents)

    report = numeric.verify(clash)
    assert report.passed, str(report)


PLANTED = [
    ("softmax_attention", "torch", ".tril(entries - count)", ".tril()"),
    ("softmax_attention", "numpy", "entries, entries - count", "entries, entries"),
    ("softmax_attention", "numpy", "[state[1], v]", "[v, state[1]]"),
    ("softmax_attention", "torch", 'torch.einsum("...ab->...a", weights)', "weights.amax(-1)"),
    ("cauchy", "numpy", "_seen(factors, -2, 0)", "factors"),
]


@pytest.mark.parametrize(("name", "target", "right", "wrong"), PLANTED)
def test_planted_bugs_are_seen(name, target, right, wrong):
    if target == "torch":
        pytest.importorskip("torch")
    layer = EXTRA.get(name, SOFTMAX)
    source = generate(layer, target)
    assert right in source
    report = numeric.verify(layer, texts={target: source.replace(right, wrong)})
    failed = {(row.tier, row.schedule) for row in report.rows if not row.passed}
    assert {("float64", "parallel")} <= failed, str(report)
    if name == "cauchy":
        assert ("exact", "parallel") in failed
