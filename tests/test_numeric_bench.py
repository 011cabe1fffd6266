"""The benchmark of generated code: what it loads, refuses, times, and fits."""

import sys
import time

import pytest

pytest.importorskip("torch")
import torch

import numeric
from dsf_sym import costs, find
from dsf_sym.cli import run
from dsf_sym.errors import DsfError
from numeric import bench, growth, limits, native, samples
from numeric.limits import Machine
from numeric.peers import PEERS, Peer, arguments, inputs

FILE = """
from __future__ import annotations

import torch
import triton_that_is_not_there
from .kernels import fused

@fused
class Unused(triton_that_is_not_there.Function):
    pass

@fused
def right(q, k, v, scale=1.0):
    return (q @ k.mT).tril() @ v * SCALE

def wrong(q, k, v):
    return 2 * right(q, k, v)

def late(q, k, v):
    y = right(q, k, v)
    return torch.cat([y[:, :, :-1], 2 * y[:, :, -1:]], 2)

def forward_only(q, k, v):
    y = torch.zeros_like(v)
    scores = (q @ k.mT).tril().exp()
    y += scores.log_() @ v
    return y.nan_to_num()

def refuses(q, k, v):
    assert q.shape[2] % 16 == 0, "whole chunks"
    return right(q, k, v)

SCALE = 1
"""


def fake(function):
    def call(f):
        def right(q, k, v):
            return f(q, k, v)

        return right

    return Peer("linear_attention", "fake-peer", "fake_peer/deep/naive.py", function, call)


@pytest.fixture(autouse=True)
def a_package_that_cannot_be_imported(tmp_path, monkeypatch):
    (tmp_path / "fake_peer" / "deep").mkdir(parents=True)
    (tmp_path / "fake_peer" / "__init__.py").write_text("raise ImportError('needs CUDA')\n")
    (tmp_path / "fake_peer" / "deep" / "naive.py").write_text(FILE)
    info = tmp_path / "fake_peer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-peer\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])


def test_one_function_of_a_package_that_cannot_be_imported():
    call = fake("right").load()
    assert arguments(call) == ("q", "k", "v")
    given = bench.signals(find("linear_attention"), 8)
    y, _ = numeric.run("linear_attention", **given)
    assert torch.allclose(call(*inputs(given, arguments(call))), y, atol=1e-5)
    with pytest.raises(DsfError, match="does not define it"):
        fake("absent").load()
    missing = Peer("gla", "no-such-peer", "no_such/naive.py", "f", lambda f: f)
    with pytest.raises(DsfError, match="no-such-peer is not installed"):
        missing.load()


MACHINE = Machine(threads=1, bandwidth=1e9, peak=1e9)
"""A machine on which every limit is easily computed."""


class Still(limits.Probes):
    """A machine whose rates need not be measured."""

    def __init__(self):
        self.calls = {}

    def machine(self, seconds):
        return MACHINE


STILL = Still()


def race(*arguments, probes=STILL, **options):
    return list(bench.compare(*arguments, probes=probes, **options))


def test_what_agrees_is_timed_and_what_does_not_is_named(monkeypatch):
    missing = Peer("linear_attention", "no-such-peer", "no_such/naive.py", "f", lambda f: f)
    monkeypatch.setattr(bench, "PEERS", (fake("right"), fake("wrong"), missing))
    monkeypatch.setattr(bench, "OURS", ("torch", "numpy"))
    rows = race(["linear_attention"], [8, 16], [1, 2], rounds=1)
    timed = [row for row in rows if isinstance(row, bench.Timing)]
    names = ["torch", "numpy", "fake-peer right", bench.SOFTMAX]
    both = [name for name in names if name != "numpy"]
    assert [row.contender for row in timed] == (names + both) * 4
    assert [(row.length, row.batch) for row in timed][::7] == [(8, 1), (8, 2), (16, 1), (16, 2)]
    assert [row.backward for row in timed] == ([False] * 4 + [True] * 3) * 4
    assert all(row.milliseconds > 0 and row.error < 4e-6 for row in timed)
    assert all(row.times_limit == row.milliseconds / row.limit for row in timed)
    assert {row.ratio for row in timed if row.contender == "torch"} == {1.0}
    reasons = {row.contender: row.reason for row in rows if isinstance(row, bench.Absent)}
    assert reasons["no-such-peer f"] == "no-such-peer is not installed"
    assert "from the definition at L = 8" in reasons["fake-peer wrong"]


def test_long_outputs_are_held_against_float64_code_that_agrees_on_a_prefix(monkeypatch):
    monkeypatch.setattr(bench, "PEERS", (fake("late"), fake("right")))
    monkeypatch.setattr(bench, "OURS", ("torch",))
    monkeypatch.setattr(bench, "PREFIX", 16)
    rows = race(["linear_attention"], [32], [1], rounds=1)
    assert [x.contender for x in rows if isinstance(x, bench.Absent)] == ["fake-peer late"]
    right = bench._in_spans
    monkeypatch.setattr(bench, "_in_spans", lambda layer, given: -right(layer, given))
    with pytest.raises(DsfError, match=r"torch code in float64 is .* from the definition"):
        bench._definition(find("linear_attention"), bench.signals(find("linear_attention"), 32))


@pytest.mark.parametrize("name", ["s6", "linear_attention_normalised"])
def test_spans_of_tokens_make_up_the_whole(name, monkeypatch):
    monkeypatch.setattr(bench, "PREFIX", 16)
    layer = find(name)
    drawn = samples.signals(layer, {"n": 2, "d": 3}, (1, 2, 40), seed=1)
    given = {n: torch.from_numpy(x) for n, x in drawn.items()}
    y, _ = numeric.run(layer, "torch", **given)
    assert torch.allclose(bench._in_spans(layer, given), y, rtol=1e-12)


def test_generated_code_that_is_wrong_is_not_timed(monkeypatch):
    right = bench.generated(find("linear_attention"))

    def wrong(q, k, v):
        return right(q, k, v) + 1e-3

    monkeypatch.setattr(bench, "generated", lambda layer, backend: wrong)
    with pytest.raises(DsfError, match=r"linear_attention is not timed: its cpp code .* allowed"):
        race(["linear_attention"], [8], rounds=1)
    with pytest.raises(DsfError, match="retnet has no peer; there are linear_attention"):
        race(["retnet"])


def test_what_would_take_longer_than_the_limit_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(bench, "PEERS", (fake("right"),))
    monkeypatch.setattr(bench, "OURS", ("torch",))
    taken = {"torch": 0.1, "fake-peer right": 0.4, bench.SOFTMAX: 0.1}
    monkeypatch.setattr(
        bench, "interleaved", lambda calls, rounds, longest: {name: taken[name] for name in calls}
    )
    rows = race(["linear_attention"], [8, 16, 32], [1], rounds=1, limit=1.0)
    absent = [(row.contender, row.reason) for row in rows if isinstance(row, bench.Absent)]
    assert absent == []
    rows = race(["linear_attention"], [8, 16, 32], [1], rounds=1, limit=0.7)
    (row,) = [row for row in rows if isinstance(row, bench.Absent)]
    assert row.contender == "fake-peer right"
    assert row.reason == "forward of 16 tokens would take 0.8 s or more"
    timed = [row for row in rows if isinstance(row, bench.Timing)]
    assert {row.length for row in timed if row.contender == "fake-peer right"} == {8}


def test_a_pass_of_a_peer_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(bench, "PEERS", (fake("refuses"), fake("forward_only")))
    monkeypatch.setattr(bench, "OURS", ("torch",))
    rows = race(["linear_attention"], [8, 16], [1], rounds=1)
    reasons = {row.contender: row.reason for row in rows if isinstance(row, bench.Absent)}
    assert reasons["fake-peer refuses"] == "AssertionError: whole chunks"
    assert reasons["fake-peer forward_only"].startswith("with backward: RuntimeError: one of")
    timed = [row for row in rows if isinstance(row, bench.Timing)]
    ways = [(row.length, row.backward) for row in timed if "forward_only" in row.contender]
    assert ways == [(8, False), (16, False)]
    with pytest.raises(ZeroDivisionError):
        bench._attempt("torch", lambda: 1 / 0)


def test_contenders_take_turns_until_the_limit(monkeypatch):
    turns = []
    clock = iter(range(0, 10**6))
    monkeypatch.setattr(bench, "clock", lambda: next(clock))

    def slow():
        turns.append("slow")
        next(clock)

    taken = bench.interleaved({"quick": lambda: turns.append("quick"), "slow": slow}, 3, 3.0)
    assert turns == ["quick", "slow", "quick", "quick"]
    assert taken == {"quick": 1, "slow": 2}


def test_the_limit_is_the_larger_of_bytes_and_operations():
    layer = find("scalar_gated")
    sizes = {"n": 3, "d": 5, "B": 2, "H": 1, "L": 7}
    found = limits.work(layer, sizes)
    tokens = 2 * 7
    assert found.bytes == 4 * tokens * (3 + 3 + 5 + 1 + 5)
    assert found.operations == tokens * costs(layer).flops.at(sizes)
    both = limits.work(layer, sizes, backward=True)
    assert both.bytes == 4 * tokens * (3 * (3 + 3 + 5 + 1) + 2 * 5)
    assert both.operations == 3 * found.operations
    s6 = limits.work(find("s6"), {"n": 3, "d": 5, "B": 1, "H": 1, "L": 1})
    flops = costs(find("s6")).flops.at({"n": 3, "d": 5})
    assert s6.operations == flops + limits.FUNCTION * 3 * 5
    slow_memory, slow_sums = Machine(1, 1.0, 1e9), Machine(1, 1e9, 1.0)
    assert (found.seconds(slow_memory), found.bound(slow_memory)) == (found.bytes, "memory")
    assert found.seconds(slow_sums) == found.operations
    assert found.bound(slow_sums) == "arithmetic"


def test_the_rates_are_measured():
    probes = limits.Probes(size=1 << 12, side=32)
    machine = limits.measure(probes, rounds=2)
    assert machine.bandwidth > 0 and machine.peak > 0
    assert machine.threads == torch.get_num_threads() and "GFLOP/s, measured on" in str(machine)
    found = probes.machine({"bandwidth": 0.5, "peak": 0.25})
    assert found.bandwidth == 2 * 3 * 4 * (1 << 12) and found.peak == 4 * 2 * 32**3


def test_the_time_of_one_thread_is_that_of_the_processor():
    threads = torch.get_num_threads()
    try:
        for count, waits in ((1, False), (2, True)):
            torch.set_num_threads(count)
            began = limits.clock()
            time.sleep(0.2)
            assert (limits.clock() - began > 0.1) == waits
    finally:
        torch.set_num_threads(threads)


def test_the_rates_have_their_turns_among_the_contenders(monkeypatch):
    monkeypatch.setattr(bench, "PEERS", ())
    monkeypatch.setattr(bench, "OURS", ("torch",))
    turns = []

    def interleaved(calls, rounds, longest):
        turns.append(list(calls))
        return dict.fromkeys(calls, 0.5)

    monkeypatch.setattr(bench, "interleaved", interleaved)
    rows = race(["scalar_gated"], [8], [1], probes=limits.Probes(size=16, side=2), rounds=1)
    timed = [row for row in rows if isinstance(row, bench.Timing)]
    assert turns == [["torch", bench.SOFTMAX, "bandwidth", "peak"]] * 2
    assert {row.contender for row in timed} == {"torch", bench.SOFTMAX}
    assert {(row.machine.bandwidth, row.machine.peak) for row in timed} == {(384.0, 32.0)}
    assert all(row.limit == max(row.bytes / 384, row.operations / 32) * 1e3 for row in timed)


def test_the_peak_counts_what_is_alive_at_one_time():
    assert growth.peak(lambda: torch.ones(1000).add(1).sum()) == 2 * 4000
    x = torch.ones(1000, requires_grad=True)
    assert growth.peak(lambda: torch.autograd.grad((x * x).sum(), x)) >= 2 * 4000


def test_the_fitted_line():
    row = growth.Growth("gla", True, (1, 2, 4), (3.0, 6.0, 12.0), (None, None, None))
    assert row.fit == pytest.approx((3, 1))
    assert growth.Growth("gla", True, (1, 2), (1.0, 4.0), (None, None)).fit[1] == pytest.approx(2)


def test_memory_beyond_what_is_returned_is_seen():
    if growth.beyond(lambda: [torch.ones(1)]) is None:
        pytest.skip("this system does not tell how much memory was held")
    size = 1 << 24

    def wasteful():
        held = torch.ones(2 * size)
        return [held[:size].clone()]

    assert growth.beyond(lambda: [torch.ones(size)]) < 16
    assert growth.beyond(wasteful) == pytest.approx(2 * size * 4 / 2**20, rel=0.2)


def test_growth_and_decoding_of_compiled_kernels():
    try:
        native.compiler()
    except native.NoCompiler as missing:
        pytest.skip(str(missing))
    rows = list(growth.growth(["scalar_gated"], (64, 128), rounds=1))
    assert [row.backward for row in rows] == [False, True]
    assert all(len(row.seconds) == len(row.mebibytes) == 2 for row in rows)
    (row,) = growth.decoding(["scalar_gated"], rounds=2)
    assert 0 < row.kernel < row.run


def test_a_picture_has_every_layer(tmp_path):
    pytest.importorskip("matplotlib")
    from numeric.bench_plot import plot

    rows = [
        bench.Timing("gla", 1, n, way, name, 2.0 * n, 1.0, 1, 1, 1.0 * n, MACHINE, 0.0)
        for n in (8, 16)
        for way in (False, True)
        for name in ("cpp", "other")
    ]
    plot(rows, tmp_path / "times.svg")
    assert "<svg" in (tmp_path / "times.svg").read_text()
    with pytest.raises(DsfError, match="cannot be written"):
        plot(rows, tmp_path / "nowhere" / "times.svg")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.layer}-{peer.name}")
def test_every_peer_that_is_installed_computes_the_layer(peer):
    try:
        call = peer.load()
    except DsfError as error:
        pytest.skip(str(error))
    layer = find(peer.layer)
    given = bench.signals(layer, 64)
    y, _ = numeric.run(layer, "torch", "recurrent", **given)
    got = call(*inputs(given, arguments(call)))
    assert got.shape == y.shape and float((got - y).abs().max()) <= 1e-5 * float(y.abs().max())


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("scalar_gated", "recurrent"),
        ("scalar_gated", "chunkwise"),
        ("gla", "chunkwise"),
        ("deltanet", "chunkwise"),
        ("s6", "associative_scan"),
        ("s4d", "convolution"),
    ],
)
def test_memory_is_linear_in_the_length(name, schedule):
    layer = find(name)
    sizes = {"n": 8, "d": 8}

    def bytes_of(length):
        drawn = samples.signals(layer, sizes, (1, 1, length))
        leaves = {n: torch.from_numpy(x).requires_grad_() for n, x in drawn.items()}

        def both():
            y, _ = numeric.run(layer, "torch", schedule, chunk=16, **leaves)
            torch.autograd.grad(y.sum(), list(leaves.values()), allow_unused=True)

        return growth.peak(both)

    assert bytes_of(256) <= 2.2 * bytes_of(128)


def test_a_layer_without_a_peer_is_refused_before_anything_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(limits, "measure", lambda probes: pytest.fail("something was timed"))
    assert run(["bench", "code", "--layer", "gla", "--layer", "glaa"]) == 2
    assert "glaa has no peer" in capsys.readouterr().err
