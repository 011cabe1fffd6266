"""`numeric.run` and `numeric.module`: what they accept, what they refuse and how they say it."""

import numpy as np
import pytest

pytest.importorskip("numpy")
from codegen_layers import EXTRA

import numeric
from dsf_sym import find
from dsf_sym.errors import UnknownName
from numeric import ContractViolation, samples
from numeric.oracle import definition
from numeric.verify import difference

SIZES = {"n": 3, "d": 2}


@pytest.fixture(name="given")
def signals_of_gla():
    return samples.signals(find("gla"), SIZES, (2, 3, 5))


def test_a_layer_by_name_and_by_value(given):
    y, end = numeric.run("gla", **given)
    want = definition(find("gla"), given)
    assert y.shape == (2, 3, 5, 2) and end.shape == (2, 3, 3, 2)
    assert difference(y, want[0]) < 1e-14
    z, _ = numeric.run(find("gla"), "numpy", "recurrent", **given)
    assert difference(z, y) < 1e-14


def test_a_layer_that_is_not_in_the_catalogue(given):
    tied = find("gla").given(k="1 - alpha")
    given.pop("k")
    y, _ = numeric.run(tied, **given)
    assert difference(y, definition(tied, given)[0]) < 1e-14


def test_a_renamed_layer_does_not_take_the_code_of_its_namesake(given):
    other = find("gla").given(name="gla", alpha="alpha * alpha", k="k")
    y, _ = numeric.run(other, **given)
    assert difference(y, definition(other, given)[0]) < 1e-14


BAD = {
    "missing": (lambda g: g.pop("k"), r"k is missing; expected \[B, H, L, n\]"),
    "length": (
        lambda g: g.update(k=g["k"][:, :, :4]),
        r"k: expected \[B, H, L, n\] = \[2, 3, 5, 3\], given \[2, 3, 4, 3\]",
    ),
    "rank": (
        lambda g: g.update(alpha=g["alpha"][..., 0]),
        r"alpha: expected \[B, H, L, n\] = \[2, 3, 5, 3\], given \[2, 3, 5\]",
    ),
    "list": (lambda g: g.update(v=[1.0]), "v: expected a NumPy array, given list"),
    "integers": (
        lambda g: g.update(v=np.ones((2, 3, 5, 2), int)),
        "v: expected floating point numbers, given int64",
    ),
    "types": (
        lambda g: g.update(v=g["v"].astype("float32")),
        "v: expected float64 as q has, given float32",
    ),
    "empty": (
        lambda g: g.update({n: x[:, :, :0] for n, x in g.items()}),
        "expected at least one token, given L = 0",
    ),
}


@pytest.mark.parametrize("what", list(BAD))
def test_arguments_that_do_not_fit(what, given):
    change, message = BAD[what]
    change(given)
    with pytest.raises(ContractViolation, match=message):
        numeric.run("gla", **given)


def test_unknown_names(given):
    with pytest.raises(UnknownName, match=r"no signal 'beta'; (did you mean|it has q, k)"):
        numeric.run("gla", beta=given["v"], **given)
    with pytest.raises(UnknownName, match="there is numpy, torch"):
        numeric.run("gla", "jax", **given)
    with pytest.raises(UnknownName, match="the layer has recurrent, parallel"):
        numeric.run("gla", schedule="fft", **given)
    given = samples.signals(find("s6"), SIZES, (1, 1, 4))
    with pytest.raises(UnknownName, match="has recurrent, associative_scan"):
        numeric.run("s6", schedule="chunkwise", **given)


def test_the_state_of_another_layer(given):
    s6 = samples.signals(find("s6"), SIZES, (2, 3, 5))
    _, state = numeric.run("s6", **s6)
    message = r"S: expected \[B, H, n, d\] = \[2, 3, 3, 2\], given \[2, 3, 2, 3\]"
    with pytest.raises(ContractViolation, match=message):
        numeric.run("gla", state=state, **given)
    two = samples.signals(EXTRA["two_states"], SIZES, (1, 1, 4))
    with pytest.raises(ContractViolation, match=r"expected a tuple \(S, z\), given ndarray"):
        numeric.run(EXTRA["two_states"], state=np.zeros((1, 1, 3, 2)), **two)


def test_domains_are_looked_at_on_request(given):
    given["alpha"][1, 2, 3, 0] = 1.5
    numeric.run("gla", **given)
    message = r"alpha\[1, 2, 3, 0\]: expected a value in \(0, 1\], given 1.5"
    with pytest.raises(ContractViolation, match=message):
        numeric.run("gla", check_domains=True, **given)


def test_torch_in_torch_out(given):
    torch = pytest.importorskip("torch")
    tensors = {n: torch.from_numpy(x) for n, x in given.items()}
    y, end = numeric.run("gla", **tensors)
    assert isinstance(y, torch.Tensor) and y.dtype == torch.float64
    with pytest.raises(ContractViolation, match="q: expected a NumPy array, given Tensor"):
        numeric.run("gla", "numpy", **tensors)
    half = {n: x.bfloat16() for n, x in tensors.items()}
    y, end = numeric.run("gla", **half)
    assert y.dtype == torch.bfloat16 and end.dtype == torch.float32
    y, _ = numeric.run("gla", state=end, **half)
    assert y.dtype == torch.bfloat16


def test_devices_may_not_be_mixed(given):
    torch = pytest.importorskip("torch")
    tensors = {n: torch.from_numpy(x) for n, x in given.items()}
    elsewhere = {**tensors, "k": tensors["k"].to("meta")}
    with pytest.raises(ContractViolation, match="k: expected device cpu as q has, given meta"):
        numeric.run("gla", **elsewhere)
    state = torch.zeros(2, 3, 3, 2, dtype=torch.float64, device="meta")
    with pytest.raises(ContractViolation, match="state S: expected device cpu as q has, given me"):
        numeric.run("gla", state=state, **tensors)


def test_a_module_decodes_what_it_computes_at_once():
    torch = pytest.importorskip("torch")
    layer = find("ssd")
    given = {n: torch.from_numpy(x) for n, x in samples.signals(layer, SIZES, (2, 3, 6)).items()}
    weights = {n: given.pop(n) for n in ("A", "D")}
    mixer = numeric.module("ssd", **weights)
    assert {n for n, _ in mixer.named_parameters()} == {"constant_A", "constant_D"}
    whole, last = mixer(**given)
    state, ys = None, []
    for i in range(6):
        y, state = mixer.step(state, **{n: x[:, :, i] for n, x in given.items()})
        ys.append(y)
    assert torch.allclose(torch.stack(ys, 2), whole) and torch.allclose(state, last)
    whole.sum().backward()
    assert all(p.grad is not None for p in mixer.parameters())
    with pytest.raises(UnknownName, match="no constant 'B'; it has A, D"):
        numeric.module("ssd", B=weights["A"])
    copied = numeric.module("ssd", **{n: torch.zeros_like(x) for n, x in weights.items()})
    copied.load_state_dict(mixer.state_dict())
    assert torch.equal(copied(**given)[0], whole)
    free = numeric.module("ssd", A=weights["A"])
    assert torch.allclose(free(D=weights["D"], **given)[0], whole)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", ["gla", "s6", "two_states"])
def test_packed_sequences_equal_separate_ones(name, backend):
    torch = pytest.importorskip("torch") if backend == "torch" else None
    layer = EXTRA.get(name) or find(name)
    lengths = [3, 1, 5, 3]
    given = samples.signals(layer, SIZES, (1, 2, sum(lengths)))
    state = samples.state(layer, SIZES, (len(lengths), 2))
    parts = state if isinstance(state, tuple) else (state,)
    if torch:
        given = {n: torch.from_numpy(x) for n, x in given.items()}
        parts = tuple(torch.from_numpy(x) for x in parts)
    state = parts if len(parts) > 1 else parts[0]
    y, end = numeric.run(layer, lengths=lengths, state=state, **given)
    ends = end if isinstance(end, tuple) else (end,)
    tokens = {s.name for s in layer.of_kind("token")}
    at = 0
    for i, length in enumerate(lengths):
        own = {n: x[:, :, at : at + length] if n in tokens else x for n, x in given.items()}
        first = tuple(x[i : i + 1] for x in parts)
        want, last = numeric.run(layer, state=first if len(first) > 1 else first[0], **own)
        assert difference(y[:, :, at : at + length], want) < 1e-14
        for a, b in zip(ends, last if isinstance(last, tuple) else (last,), strict=True):
            assert difference(a[i : i + 1], b) < 1e-14
        at += length


def test_lengths_that_do_not_fit():
    given = samples.signals(find("gla"), SIZES, (1, 2, 5))
    with pytest.raises(ContractViolation, match=r"q: expected a batch of 1 and L = 4, given"):
        numeric.run("gla", lengths=[3, 1], **given)
    with pytest.raises(ContractViolation, match="whole numbers of at least 1"):
        numeric.run("gla", lengths=[5, 0], **given)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_heads_may_share_keys_and_values(backend, given):
    torch = pytest.importorskip("torch") if backend == "torch" else None
    few = samples.signals(find("gla"), SIZES, (2, 1, 5), seed=3)
    mixed = {**given, "k": few["k"], "v": few["v"]}
    full = {n: np.repeat(x, 3 // x.shape[1], 1) for n, x in mixed.items()}
    want = definition(find("gla"), full)[0]
    if torch:
        mixed = {n: torch.from_numpy(x) for n, x in mixed.items()}
    y, _ = numeric.run("gla", heads=3, **mixed)
    assert difference(y, want) < 1e-14
    with pytest.raises(ContractViolation, match="k: expected"):
        numeric.run("gla", **mixed)
    with pytest.raises(ContractViolation, match="q: expected a number of heads that divides 4"):
        numeric.run("gla", heads=4, **mixed)


@pytest.mark.parametrize(
    "schedule", ["recurrent", "parallel", "chunkwise", "associative_scan", "convolution"]
)
def test_single_precision_stays_single(schedule):
    for name in ("gla", "ssd", "retnet", "linear_attention_normalised", "deltanet"):
        layer = find(name)
        if schedule not in numeric.schedules(layer):
            continue
        given = samples.signals(layer, SIZES, (1, 1, 5))
        given = {n: x.astype("float32") for n, x in given.items()}
        y, end = numeric.run(layer, "numpy", schedule, **given)
        ends = end if isinstance(end, tuple) else (end,)
        assert {str(x.dtype) for x in (y, *ends)} == {"float32"}, name
