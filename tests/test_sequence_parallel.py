"""One sequence over several processes: values, gradients, equal bits, and what goes wrong."""

import time

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
import torch
import torch.distributed as dist

import numeric
from dsf_sym import find
from dsf_sym.errors import DsfError, UnknownName
from numeric import ContractViolation, native, samples, sequence_parallel
from numeric.sequence_parallel import WorkerLost, launch
from numeric.sequence_parallel.__main__ import main
from numeric.sequence_parallel.job import SPANS, spans
from numeric.sequence_parallel.transitions import linear, product

B, H, L = 2, 2, 40
LAYERS = ("scalar_gated", "gla", "deltanet", "s6", "lru", "linear_attention_normalised", "mlstm")
"""Scalar, key-diagonal, rank one, entry by entry, a complex pair, ratios."""
ENDS = (0, 16, 24, L)


def tuple_of(x):
    return x if isinstance(x, tuple) else (x,)


def drawn(name, length=L, seed=0, lead=(B, H), sizes=None):
    layer = find(name)
    sizes = sizes or {n: 2 + i for i, n in enumerate(layer.sizes)}
    given = samples.signals(layer, sizes, (*lead, length), seed=seed)
    state = tuple_of(samples.state(layer, sizes, lead, seed=seed + 1))
    return {n: torch.from_numpy(x) for n, x in given.items()}, tuple(map(torch.from_numpy, state))


def one(xs):
    return tuple(xs) if len(xs) > 1 else xs[0]


def part_of(layer, given, first, last):
    tokens = {s.name for s in layer.of_kind("token")}
    return {n: x[:, :, first:last] if n in tokens else x for n, x in given.items()}


@pytest.mark.parametrize("name", [*LAYERS, "rwkv4", "s4", "longhorn", "dplr", "retnet"])
def test_the_end_is_the_product_times_the_start_plus_the_end_from_zero(name):
    layer = find(name)
    given, start = drawn(name, 11)
    sizes = {n: 2 + i for i, n in enumerate(layer.sizes)} | {"B": B, "H": H, "L": 11}

    def run(layer, state, **signals):
        return numeric.run(layer, "torch", "recurrent", state, **signals)

    def end(state):
        return tuple_of(run(layer, one(state), **given)[1])

    phi = product(layer, run, given, sizes, 4)
    difference = [a - b for a, b in zip(end(start), end([x * 0 for x in start]), strict=True)]
    for got, want in zip(phi(*start), difference, strict=True):
        assert torch.allclose(got, want, atol=1e-12)
    # ⟨Φ x, y⟩ = ⟨x, Φᵀ y⟩
    other = [torch.randn(x.shape, dtype=x.dtype, generator=GENERATOR) for x in start]
    left = sum((a * b).sum() for a, b in zip(phi(*start), other, strict=True))
    right = sum((a * b).sum() for a, b in zip(start, phi.transposed(*other), strict=True))
    assert torch.allclose(left, right)


GENERATOR = torch.Generator().manual_seed(0)


def test_a_product_that_vanishes_is_not_run_on():
    layer, spans = find("scalar_gated"), []
    given, _ = drawn("scalar_gated", 12)
    given["alpha"][:, :, 5] = 0

    def run(layer, state, **signals):
        spans.append(signals["alpha"].shape[2])
        return numeric.run(layer, "torch", "recurrent", state, **signals)

    phi = product(layer, run, given, {"n": 2, "d": 3, "B": B, "H": H, "L": 12}, 4)
    assert spans == [4, 4] and not phi.columns["S"].any()
    assert phi.columns["S"].shape == (1, B, H, 1, 1)


def test_spans_double_up_to_a_longest_one():
    assert spans(0, 4) == []
    assert spans(3, 4) == [3]
    assert spans(11, 4) == [4, 4, 3]
    assert spans(300, 4) == [4, 4, 8, 16, 32, *[4 * SPANS] * 3, 44]


def test_a_step_that_is_not_affine_has_no_product():
    from dsf_sym import State, Vec, layer, tanh

    @layer
    def bounded(h: State["d"], x: Vec["d"]):
        h = tanh(h + x)
        return h, h

    with pytest.raises(ContractViolation, match=r"not affine in its state.*use variant='relay'"):
        linear(bounded)


def differences(names):
    """On each of three ranks: the largest differences from one process, by layer and variant."""
    rank = dist.get_rank()
    torch.manual_seed(rank)
    found = {}
    for name in names:
        layer = find(name)
        given, start = drawn(name)
        first, last = ENDS[rank], ENDS[rank + 1]
        leaves = [x.clone().requires_grad_() for x in (*given.values(), *start)]
        whole = dict(zip(given, leaves, strict=False))
        y, end = numeric.run(layer, "torch", state=one(leaves[len(given) :]), **whole)
        weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
        loss = (y * weights).sum() + sum((x * x).sum() for x in tuple_of(end))
        want = torch.autograd.grad(loss, leaves)
        for variant in ("relay", "associative"):
            own = [x.detach().clone().requires_grad_() for x in leaves]
            state = one(own[len(given) :]) if rank == 0 else None
            mine = part_of(layer, dict(zip(given, own, strict=False)), first, last)
            options = {"variant": variant, "span": 4, "timeout": 60}
            z, last_state = sequence_parallel.run(layer, "torch", state=state, **options, **mine)
            loss = (z * weights[:, :, first:last]).sum()
            if rank == 2:
                loss = loss + sum((x * x).sum() for x in tuple_of(last_state))
                pairs = zip(tuple_of(last_state), tuple_of(end), strict=True)
                found[name, variant, "state"] = max(float((a - b).abs().max()) for a, b in pairs)
            got = list(torch.autograd.grad(loss, own, allow_unused=True))
            found[name, variant, "outputs"] = float((z - y[:, :, first:last]).abs().max())
            worst = 0.0
            for i, (s, b) in enumerate(zip([*given, *["state"] * len(start)], want, strict=True)):
                if s == "state":
                    if rank:
                        assert got[i] is None
                        continue
                    a = got[i]
                elif layer.signal(s).kind == "constant":
                    a = got[i].clone()
                    dist.all_reduce(a)
                else:
                    a, b = got[i][:, :, first:last], b[:, :, first:last]
                worst = max(worst, float((a - b).abs().max() / b.abs().max().clamp(min=1)))
            found[name, variant, "gradients"] = worst
    return found


def test_three_processes_compute_what_one_does_forward_and_backward():
    for found in launch(differences, 3, LAYERS):
        assert {name for name, _, _ in found} == set(LAYERS)
        bad = {key: x for key, x in found.items() if not x < 1e-11}
        assert not bad


def bits():
    """Compiled kernels on each of two ranks: what is not equal, bit for bit, to one process."""
    rank = dist.get_rank()
    wrong = []
    for name, sizes, lead in (
        ("scalar_gated", {"n": 4, "d": 64}, (1, 1)),
        ("scalar_gated", {"n": 4, "d": 5}, (2, 3)),
    ):
        given, start = drawn(name, 200, lead=lead, sizes=sizes)
        given = {n: x.float() for n, x in given.items()}
        leaves = {n: x.clone().requires_grad_() for n, x in given.items()}
        y, end = numeric.run(name, "cpp", state=start[0].float(), **leaves)
        want = torch.autograd.grad(y.sum(), list(leaves.values()))
        own = slice(0, 128) if rank == 0 else slice(128, 200)
        for variant, pieces in (("relay", None), ("relay", 1), ("associative", None)):
            mine = {n: x.detach()[:, :, own].requires_grad_() for n, x in leaves.items()}
            state = start[0].float() if rank == 0 else None
            options = {"variant": variant, "pieces": pieces, "span": 64}
            z, last = sequence_parallel.run(name, "cpp", state=state, **options, **mine)
            got = torch.autograd.grad(z.sum(), list(mine.values()))
            pairs = [(z, y[:, :, own])] + ([(last, end)] if rank else [])
            if variant == "relay" and (pieces == 1 or lead != (1, 1)):
                pairs += [(a, b[:, :, own]) for a, b in zip(got, want, strict=True)]
            wrong += [(name, variant, pieces)] * (not all(torch.equal(a, b) for a, b in pairs))
            # Of the others the gradients are sums in another order.
            pairs = [(a, b[:, :, own]) for a, b in zip(got, want, strict=True)]
            near = (torch.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in pairs)
            wrong += [(name, variant, pieces, "gradients")] * (not all(near))
    return wrong


def test_compiled_kernels_give_the_bits_of_one_process():
    try:
        native.compiler()
    except native.NoCompiler as missing:
        pytest.skip(str(missing))
    assert launch(bits, 2) == [[], []]


def failures():
    """On each of two ranks: what is said to calls that cannot be answered."""
    rank = dist.get_rank()
    given, state = drawn("scalar_gated", 8)
    told = []

    def attempt(**options):
        started = time.monotonic()
        try:
            sequence_parallel.run("scalar_gated", "torch", **{**given, **options})
        except DsfError as error:
            told.append((type(error).__name__, str(error), time.monotonic() - started))

    attempt(pieces=1 + rank)
    attempt(v=given["v"][..., : 1 + rank])
    if rank == 1:
        attempt(state=state[0])
        return told
    attempt(timeout=20)
    return told


def test_disagreement_and_a_lost_process_are_told():
    first, second = launch(failures, 2)
    for rank, told in enumerate((first, second)):
        assert [kind for kind, _, _ in told[:2]] == ["ContractViolation"] * 2
        assert f"rank {1 - rank} was called with another pieces" in told[0][1]
        assert f"rank {1 - rank} was called with another d" in told[1][1]
    assert "rank 1 was given a state; rank 0 alone has one" in second[2][1]
    kind, text, seconds = first[2]
    assert kind == "WorkerLost" and "rank 0 waited" in text and "A process was lost" in text
    assert seconds < 25


def silent():
    """Rank 1 does not answer in time."""
    if dist.get_rank():
        time.sleep(4)
        return None
    given, _ = drawn("scalar_gated", 8)
    started = time.monotonic()
    try:
        sequence_parallel.run("scalar_gated", "torch", timeout=0.5, **given)
    except WorkerLost as error:
        return str(error), time.monotonic() - started
    return None


def dying():
    """Rank 1 ends without a result."""
    if dist.get_rank():
        raise SystemExit(3)
    time.sleep(60)


def test_nothing_waits_for_ever():
    text, seconds = launch(silent, 2)[0]
    assert "waited up to 0.5 s" in text and seconds < 4
    with pytest.raises(WorkerLost, match=r"launch\(dying, 2\): .*[Pp]rocess 1"):
        launch(dying, 2)


def refused():
    """Rank 1 is given a layer that cannot be handed on; rank 0 waits for it."""
    given, _ = drawn("scalar_gated", 8)
    if dist.get_rank():
        sequence_parallel.run("softmax_attention", **{n: given[n] for n in ("q", "k", "v")})
    sequence_parallel.run("scalar_gated", **given)


def elsewhere():
    """A group that sends from GPUs only, as one of nccl does, and signals on the CPU."""
    dist.destroy_process_group()
    store = dist.HashStore()
    dist.init_process_group("cuda:gloo", store=store, rank=0, world_size=1)
    sequence_parallel.run("scalar_gated", **drawn("scalar_gated", 8)[0])


def test_what_a_process_raises_comes_back_as_it_is():
    with pytest.raises(ContractViolation, match=r"^run\(softmax_attention, .* is not handed on$"):
        launch(refused, 2)
    with pytest.raises(
        ContractViolation, match=r"signals are on cpu, .* sends from cuda:gloo; move"
    ):
        launch(elsewhere, 1)


def test_a_gpu_for_each_process_is_asked_for_before_any_starts(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ContractViolation, match=r"'nccl' for 2 processes: .* sees 1; with 'gloo'"):
        launch(silent, 2, collective="nccl")
    words = ["gla", "--length", "300", "--collective", "nccl"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert done.stderr.startswith(
        "error: collective 'nccl' for 2 processes: each needs its own GPU"
    )


def test_a_call_that_cannot_be_made_says_why():
    given, _ = drawn("scalar_gated", 8)
    with pytest.raises(ContractViolation, match=r"no process group; call .*init_process_group"):
        sequence_parallel.run("scalar_gated", **given)
    with pytest.raises(UnknownName, match="there is relay, associative"):
        sequence_parallel.run("scalar_gated", variant="ring", **given)
    with pytest.raises(ContractViolation, match="q: expected a torch tensor, given ndarray"):
        sequence_parallel.run("gla", q=given["q"].numpy())
    with pytest.raises(ContractViolation, match="grows with the sequence"):
        sequence_parallel.run("softmax_attention", **given)


BOUNDED = """
from dsf_sym import State, Vec, layer, tanh

@layer
def bounded(h: State["d"], x: Vec["d"]):
    h = tanh(h + x)
    return h, h
"""


def test_the_command_says_what_a_process_says_and_no_more(tmp_path, capfd):
    file = tmp_path / "bounded.py"
    file.write_text(BOUNDED)
    words = f"{file} --length 300 --variant associative --backend torch"
    done = CliRunner().invoke(main, words.split())
    assert (done.exit_code, done.stdout, capfd.readouterr()) == (2, "", ("", ""))
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: run(bounded, variant='associative'): ")
    assert line.endswith("tanh(h + x) reads the state; use variant='relay'")


def test_the_command_compares_one_process_with_several():
    words = "scalar_gated --length 300 --rounds 1 --backend torch"
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "scalar_gated, L = 300, relay, backend torch, one thread each"
    assert [line.split("  ")[0] for line in lines[3:6]] == ["one process", "2 processes", "ratio"]
    assert lines[-1].startswith("outputs: ")
