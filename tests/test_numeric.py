"""Generated code computes the definition: every layer, schedule and backend by properties."""

from functools import cache

import numpy as np
import pytest

pytest.importorskip("numpy")
from codegen_layers import EXTRA

import numeric
from dsf_sym import KernelLayer, catalogue, derive
from dsf_sym.codegen import program
from dsf_sym.errors import NotAffine
from dsf_sym.language.graph import reading
from dsf_sym.language.tensor import Function
from numeric import samples
from numeric.budgets import BUDGETS, budget
from numeric.oracle import condition, definition
from numeric.run import schedules
from numeric.verify import difference, errors, sizes_of

LAYERS = {**catalogue(), **EXTRA}
try:
    import torch
except ModuleNotFoundError:
    torch = None
else:
    # Small arrays: threads would only wait for each other, and for those of other workers.
    torch.set_num_threads(1)
BACKENDS = ["numpy"] + (["torch"] if torch else [])
KERNELS = [
    (name, function.schedule) for name, x in LAYERS.items() for function in program(x).functions
]
CUT = [
    (name, function.schedule)
    for name, x in LAYERS.items()
    for function in program(x).functions
    if function.chunk and not function.calls
]
CASES = [(name, schedule, backend) for name, schedule in KERNELS for backend in BACKENDS]
cases = pytest.mark.parametrize(("name", "schedule", "backend"), CASES)
need_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")


@cache
def reference(name, length):
    """Signals, a state, and the definition's outputs and last state in float64."""
    layer, sizes = LAYERS[name], sizes_of(LAYERS[name])
    given = samples.signals(layer, sizes, (2, 2, length), seed=length)
    state = samples.state(layer, sizes, (2, 2), seed=length + 1)
    return given, state, definition(layer, given, state)


def arrays(x, backend, dtype="float64"):
    if isinstance(x, dict):
        return {name: arrays(value, backend, dtype) for name, value in x.items()}
    if isinstance(x, tuple):
        return tuple(arrays(value, backend, dtype) for value in x)
    x = x.astype(dtype)
    return torch.from_numpy(np.ascontiguousarray(x)) if backend == "torch" else x


def plain(x):
    if isinstance(x, tuple):
        return tuple(plain(part) for part in x)
    return x.detach().numpy() if hasattr(x, "detach") else x


def compute(name, schedule, backend, given, state=None, **options):
    got = numeric.run(
        LAYERS[name],
        backend,
        schedule,
        None if state is None else arrays(state, backend),
        **options,
        **arrays(given, backend),
    )
    return plain(got)


def part(name, given, at):
    tokens = {s.name for s in LAYERS[name].of_kind("token")}
    return {n: x[:, :, at] if n in tokens else x for n, x in given.items()}


@cases
@pytest.mark.parametrize("length", [1, 63, 64, 65])
def test_values_and_final_state(name, schedule, backend, length):
    given, state, want = reference(name, length)
    got = compute(name, schedule, backend, given, state)
    assert errors(got, want) <= 2 * budget(schedule, "float64")


@cases
def test_from_the_layers_own_start(name, schedule, backend):
    given, _, _ = reference(name, 1)
    want = definition(LAYERS[name], given)
    assert errors(compute(name, schedule, backend, given), want) <= budget(schedule, "float64")


@pytest.mark.parametrize(("name", "schedule"), [k for k in KERNELS if k[1] != "recurrent"])
def test_a_thousand_tokens_agree_with_the_recurrence(name, schedule):
    layer, backend = LAYERS[name], BACKENDS[-1]
    given = samples.signals(layer, sizes_of(layer), (1, 1, 1000), seed=5)
    want = compute(name, "recurrent", backend, given)
    allowed = 2 * budget(schedule, "float64", condition(layer, given))
    assert errors(compute(name, schedule, backend, given), want) <= allowed


@cases
def test_hand_over_at_every_split(name, schedule, backend):
    given, state, _ = reference(name, 9)
    chunk = {"chunk": 4}
    want = compute(name, schedule, backend, given, state, **chunk)
    for at in range(1, 9):
        first = compute(name, schedule, backend, part(name, given, slice(at)), state, **chunk)
        rest = part(name, given, slice(at, None))
        y, end = compute(name, schedule, backend, rest, first[1], **chunk)
        got = np.concatenate([first[0], y], 2), end
        assert errors(got, want) <= budget(schedule, "float64"), at


@cases
def test_causality(name, schedule, backend):
    given, state, _ = reference(name, 9)
    other = samples.signals(LAYERS[name], sizes_of(LAYERS[name]), (2, 2, 9), seed=77)
    tokens = {s.name for s in LAYERS[name].of_kind("token")}
    for at in (1, 4, 8):
        changed = {
            n: np.concatenate([x[:, :, :at], other[n][:, :, at:]], 2) if n in tokens else x
            for n, x in given.items()
        }
        before = compute(name, schedule, backend, given, state, chunk=4)[0]
        after = compute(name, schedule, backend, changed, state, chunk=4)[0]
        # A Fourier transform mixes all tokens of a chunk, and rounds there.
        allowed = budget(schedule, "float64") if schedule == "convolution" else 1e-15
        assert difference(after[:, :, :at], before[:, :, :at]) <= allowed
        assert difference(after, before) > 1e-3


LINEAR = {}
for _name, _layer in LAYERS.items():
    try:
        _space = derive(_layer)
    except NotAffine:
        continue
    _whole = _space.free_output if _space.free_output is not None else _space.free_old
    if (
        _space.carried is not None
        and _space.denominator is None
        and not _whole
        and not any(_space.free.values())
    ):
        LINEAR[_name] = _space.carried


@pytest.mark.parametrize(("name", "schedule", "backend"), [c for c in CASES if c[0] in LINEAR])
def test_superposition_in_the_carried_input(name, schedule, backend):
    given, state, _ = reference(name, 9)
    u = LINEAR[name]
    other = samples.signals(LAYERS[name], sizes_of(LAYERS[name]), (2, 2, 9), seed=3)
    second = samples.state(LAYERS[name], sizes_of(LAYERS[name]), (2, 2), seed=4)
    both = {**given, u: given[u] + 2 * other[u]}
    y = compute(name, schedule, backend, given, state, chunk=4)
    z = compute(name, schedule, backend, {**given, u: other[u]}, second, chunk=4)
    got = compute(name, schedule, backend, both, added(state, second), chunk=4)
    want = added(y, z)
    assert errors(got, want) <= budget(schedule, "float64")


def added(a, b):
    """A + 2 b, for arrays and tuples of them."""
    if isinstance(a, tuple):
        return tuple(added(x, y) for x, y in zip(a, b, strict=True))
    return a + 2 * b


def test_most_layers_are_linear_in_their_input():
    finite = {n: x for n, x in catalogue().items() if not isinstance(x, KernelLayer)}
    divides = {n for n, x in finite.items() if _divides_by_the_state(x)}
    assert set(finite) - set(LINEAR) <= divides


def _divides_by_the_state(layer):
    reads = reading(layer.step, layer.output)
    return any(isinstance(x, Function) and x.name == "inverse" for x in reads)


@pytest.mark.parametrize(("name", "schedule"), CUT)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_chunk_length_changes_nothing(name, schedule, backend):
    given, state, want = reference(name, 13)
    for chunk in (1, 2, 3, 5, 8, 12, 13, 64):
        got = compute(name, schedule, backend, given, state, chunk=chunk)
        assert errors(got, want) <= budget(schedule, "float64"), chunk


@need_torch
@pytest.mark.parametrize(
    ("name", "schedule"), [k for k in KERNELS if k[0] in LINEAR and not LAYERS[k[0]].start]
)
def test_adjoint(name, schedule):
    given, _, _ = reference(name, 9)
    inputs = arrays(given, "torch")
    u = inputs[LINEAR[name]].requires_grad_()
    y, _ = numeric.run(LAYERS[name], "torch", schedule, chunk=4, **inputs)
    w = torch.from_numpy(np.random.default_rng(0).standard_normal(y.shape))
    (back,) = torch.autograd.grad((y * w).sum(), u)
    other = samples.signals(LAYERS[name], sizes_of(LAYERS[name]), (2, 2, 9), seed=8)[LINEAR[name]]
    image, _ = numeric.run(
        LAYERS[name], "torch", schedule, **{**inputs, LINEAR[name]: torch.from_numpy(other)}
    )
    left, right = float((image * w).sum()), float((back * torch.from_numpy(other)).sum())
    assert left == pytest.approx(right, rel=1e-11, abs=1e-11)


def gates_of(name):
    return [s.name for s in LAYERS[name].of_kind("token") if s.domain.interval.high == 1]


@need_torch
@pytest.mark.parametrize(("name", "schedule"), [k for k in KERNELS if gates_of(k[0])])
def test_gradients_at_a_decay_of_zero(name, schedule):
    gates = gates_of(name)
    given, _, _ = reference(name, 9)
    zeroed = {n: np.where(np.arange(x.size).reshape(x.shape) % 3 == 0, 0, x) if n in gates else x
              for n, x in given.items()}  # fmt: skip

    def gradients(schedule):
        inputs = {n: x.requires_grad_() for n, x in arrays(zeroed, "torch").items()}
        y, _ = numeric.run(LAYERS[name], "torch", schedule, chunk=4, **inputs)
        return torch.autograd.grad((y**2).sum(), list(inputs.values()))

    got, want = gradients(schedule), gradients("recurrent")
    for a, b in zip(got, want, strict=True):
        assert difference(a.numpy(), b.numpy()) <= 1e-12


def low_precision(name, schedule, dtype):
    layer = LAYERS[name]
    given = samples.signals(layer, sizes_of(layer), (1, 1, 80), seed=1)
    inputs = {n: torch.from_numpy(x).to(dtype) for n, x in given.items()}
    rounded = {n: x.double().numpy() for n, x in inputs.items()}
    return inputs, definition(layer, rounded)[0]


@need_torch
@pytest.mark.parametrize(("name", "schedule"), KERNELS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_low_precision_stays_in_its_budget(name, schedule, dtype):
    inputs, want = low_precision(name, schedule, getattr(torch, dtype))
    y, _ = numeric.run(LAYERS[name], "torch", schedule, **inputs)
    assert y.dtype == getattr(torch, dtype)
    assert difference(y.double().numpy(), want) <= budget(schedule, dtype)


def extreme(name, length, seed=0):
    """Signals with decays of e^-20 and 0 among others near 1, and keys of norm 10."""
    layer = LAYERS[name]
    given = samples.signals(layer, sizes_of(layer), (1, 1, length), seed=seed)
    rng = np.random.default_rng(seed)
    given["alpha"] = rng.choice([0.0, np.exp(-20), 0.99, 1.0], given["alpha"].shape)
    for key in ("q", "k"):
        given[key] *= 10 / np.sqrt((given[key] ** 2).sum(-1, keepdims=True))
    if "beta" in given:
        # A delta rule grows without bound where β ‖k‖² > 2, whatever computes it.
        given["beta"] = given["beta"] / 100
    return given


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "schedule"),
    [k for k in KERNELS if k[0] in ("scalar_gated", "gla", "gated_deltanet", "decay_then_correct")],
)
def test_extreme_decays_and_keys(name, schedule, dtype):
    given = {n: x.astype(dtype) for n, x in extreme(name, 130).items()}
    want = definition(LAYERS[name], given, scalars="digits")
    for backend in BACKENDS:
        got = plain(numeric.run(LAYERS[name], backend, schedule, **arrays(given, backend, dtype)))
        assert errors(got, want) <= budget(schedule, dtype), backend


@pytest.mark.parametrize("name", ["ssd", "s6"])
def test_long_forgetting_in_log_space(name):
    layer = LAYERS[name]
    given = samples.signals(layer, sizes_of(layer), (1, 1, 300), seed=2)
    for schedule in schedules(layer):
        for size in (20.0, 1e-3):
            inputs = {**given, "Delta": np.full_like(given["Delta"], size)}
            inputs["Delta"][:, :, ::7] = 20.0
            inputs = {n: x.astype("float32") for n, x in inputs.items()}
            want = definition(layer, inputs, scalars="float64")
            got = numeric.run(layer, "numpy", schedule, **inputs)
            assert errors(got, want) <= budget(schedule, "float32")


@pytest.mark.slow
@need_torch
@pytest.mark.parametrize(
    ("name", "schedule"),
    [k for k in KERNELS if k[1] != "parallel" and not isinstance(LAYERS[k[0]], KernelLayer)],
)
def test_a_hundred_thousand_tokens(name, schedule):
    layer = LAYERS[name]
    given = samples.signals(layer, sizes_of(layer), (1, 1, 100_000), seed=4)
    inputs = {n: torch.from_numpy(x).float() for n, x in given.items()}
    y, _ = numeric.run(layer, "torch", schedule, **inputs)
    exact = {n: x.double() for n, x in inputs.items()}
    want, _ = numeric.run(layer, "torch", "recurrent", **exact)
    assert torch.isfinite(y).all()
    scale = float(want.abs().max())
    assert float((y - want).abs().max()) <= 5 * budget(schedule, "float32") * scale


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_propagates(backend):
    given, _, _ = reference("ssd", 9)
    given = {**given, "v": given["v"].copy()}
    given["v"][:, :, 4] = np.nan
    for schedule in schedules(LAYERS["ssd"], backend):
        y, end = compute("ssd", schedule, backend, given)
        assert np.isnan(y[:, :, 4:]).all() and np.isnan(end).all()


@pytest.fixture(name="poisoned")
def uninitialised_memory_is_nan():
    if torch is None:
        yield
        return
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory and torch.empty(1).isnan()
    yield
    torch.use_deterministic_algorithms(False)


def among_nan(x):
    """The same values inside an array that is NaN all around them."""
    if isinstance(x, tuple):
        return tuple(among_nan(part) for part in x)
    around = np.full([n + 4 for n in x.shape], np.nan)
    inside = tuple(slice(2, 2 + n) for n in x.shape)
    around[inside] = x
    return around[inside]


@cases
def test_neither_empty_memory_nor_surroundings_are_read(name, schedule, backend, poisoned):
    given, state, want = reference(name, 9)
    given = {n: among_nan(x) for n, x in given.items()}
    state = among_nan(state)
    if backend == "torch":
        # Views of one tensor, with its strides.
        given = {n: torch.as_tensor(x).requires_grad_() for n, x in given.items()}
        state = tuple(map(torch.as_tensor, state)) if isinstance(state, tuple) else (
            torch.as_tensor(state))  # fmt: skip
    y, end = numeric.run(LAYERS[name], backend, schedule, state, **given)
    assert errors((plain(y), plain(end)), want) <= budget(schedule, "float64")
    if backend == "torch":
        for gradient in torch.autograd.grad(y.sum(), list(given.values()), allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()


def test_non_contiguous_and_reversed_arrays():
    given, state, _ = reference("gla", 9)
    backwards = {n: x[:, :, ::-1] for n, x in given.items()}
    copies = {n: x.copy() for n, x in backwards.items()}
    for schedule in schedules(LAYERS["gla"]):
        got = numeric.run("gla", "numpy", schedule, state, **backwards)
        want = numeric.run("gla", "numpy", schedule, state, **copies)
        assert all((a == b).all() for a, b in zip(got, want, strict=True))


@need_torch
def test_backward_is_linear_in_length():
    # Doubling L must not make backward more than three times as slow; quadratic would be four,
    # eight times from one length to the next but one.
    import time

    layer = LAYERS["scalar_gated"]

    def seconds(length):
        given = samples.signals(layer, {"n": 16, "d": 16}, (1, 1, length), seed=0)
        inputs = {n: torch.from_numpy(x).float().requires_grad_() for n, x in given.items()}
        best = float("inf")
        for _ in range(3):
            y, _ = numeric.run(layer, "torch", "recurrent", **inputs)
            began = time.perf_counter()
            torch.autograd.grad(y.sum(), list(inputs.values()))
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(2000) < 10 * seconds(500)


def test_every_kernel_and_type_has_one_budget():
    kinds = {"float64", "float32", "bfloat16"}
    assert set(BUDGETS) == {(s, t) for _, s in KERNELS for t in kinds}


def test_the_oracle_agrees_with_the_interpreter_of_the_proofs():
    from fractions import Fraction

    from dsf_sym.arithmetic.scalars import Rationals
    from dsf_sym.automata.run import run

    layer, sizes = LAYERS["gated_deltanet"], {"n": 2, "d": 3}
    given = samples.signals(layer, sizes, (1, 1, 5), seed=9, exact=True)
    y, _ = definition(layer, given, scalars="fraction")
    tokens = [{n: list(x[0, 0, i].flat) if x[0, 0, i:].ndim > 1 else [x[0, 0, i]]
               for n, x in given.items()} for i in range(5)]  # fmt: skip
    want = run(layer, tokens, {}, sizes, Rationals())
    assert [list(row.flat) for row in y[0, 0]] == want
    assert all(isinstance(x, Fraction | int) for x in y.flat)
