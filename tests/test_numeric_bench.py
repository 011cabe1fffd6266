"""The benchmark of generated code: what it loads, refuses, times, and fits."""

import sys

import pytest

pytest.importorskip("torch")
import torch

import numeric
from dsf_sym import find
from dsf_sym.errors import DsfError
from numeric import bench, samples
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


def test_what_agrees_is_timed_and_what_does_not_is_named(monkeypatch):
    missing = Peer("linear_attention", "no-such-peer", "no_such/naive.py", "f", lambda f: f)
    monkeypatch.setattr(bench, "PEERS", (fake("right"), fake("wrong"), missing))
    rows = list(bench.compare(["linear_attention"], [8, 16], rounds=1))
    timed = [row for row in rows if isinstance(row, bench.Timing)]
    names = ["generated", "fake-peer right"]
    assert [row.contender for row in timed] == names * 4
    assert [row.backward for row in timed] == [False, False, True, True] * 2
    assert all(row.milliseconds > 0 and row.error < 4e-6 for row in timed)
    assert [row.ratio for row in timed if row.contender == "generated"] == [1.0] * 4
    reasons = {row.contender: row.reason for row in rows if isinstance(row, bench.Absent)}
    assert reasons["no-such-peer f"] == "no-such-peer is not installed"
    assert "from the definition at L = 16" in reasons["fake-peer wrong"]


def test_generated_code_that_is_wrong_is_not_timed(monkeypatch):
    right = bench.generated(find("linear_attention"))

    def wrong(q, k, v):
        return right(q, k, v) + 1e-3

    monkeypatch.setattr(bench, "generated", lambda layer: wrong)
    with pytest.raises(DsfError, match=r"linear_attention at L = 8 is not timed: .* is allowed"):
        list(bench.compare(["linear_attention"], [8], rounds=1))
    with pytest.raises(DsfError, match="retnet has no peer; there are linear_attention"):
        list(bench.compare(["retnet"]))


def test_contenders_take_turns_and_a_slow_one_has_none_after_the_first(monkeypatch):
    turns = []
    clock = iter(range(0, 10**6))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(bench, "LONGEST", 1.0)

    def slow():
        turns.append("slow")
        next(clock)

    taken = bench.interleaved({"quick": lambda: turns.append("quick"), "slow": slow}, 2)
    assert turns == ["quick", "slow", "quick", "quick"]
    assert taken == {"quick": 1, "slow": 2}


def test_the_peak_counts_what_is_alive_at_one_time():
    assert bench.peak(lambda: torch.ones(1000).add(1).sum()) == 2 * 4000
    x = torch.ones(1000, requires_grad=True)
    assert bench.peak(lambda: torch.autograd.grad((x * x).sum(), x)) >= 2 * 4000


def test_the_power_of_the_length():
    row = bench.Growth("gla", True, (1, 2, 4), (3.0, 6.0, 12.0), (1.0, 4.0, 16.0))
    assert row.power_of_time == pytest.approx(1) and row.power_of_memory == pytest.approx(2)


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

        return bench.peak(both)

    assert bytes_of(256) <= 2.2 * bytes_of(128)
