"""`verify` accepts the code as generated and refuses planted bugs, each by a named tier."""

import pytest

pytest.importorskip("numpy")
from codegen_layers import EXTRA

import numeric
from dsf_sym import KernelLayer, catalogue
from dsf_sym.codegen import free_gates, generate
from dsf_sym.errors import DsfError, UnknownName

LAYERS = {**catalogue(), **EXTRA}


@pytest.mark.parametrize("name", list(LAYERS))
def test_every_layer_is_verified(name):
    report = numeric.verify(LAYERS[name])
    assert report.passed, str(report)
    tiers = {row.tier for row in report.rows}
    want = {"exact", "float64", "float32", "hand-over"}
    if report.skipped:
        # An exponential of a query and a key together is no signal that could be free.
        assert isinstance(LAYERS[name], KernelLayer) and "is not rational" in report.skipped[0]
        assert want - tiers == {"exact"}
        return
    assert want <= tiers
    exact = {row.schedule for row in report.rows if row.tier == "exact"}
    assert exact == {row.schedule for row in report.rows if row.tier == "float64"} - {"convolution"}


# (what is wrong, layer, target, right text, wrong text, schedule, tiers that must see it)
PLANTED = [
    (
        "off-by-one decay",
        "scalar_gated",
        "numpy",
        "np.tri(decay.shape[-1], k=-1, dtype=bool)",
        "np.tri(decay.shape[-1], k=0, dtype=bool)",
        "chunkwise",
        {"exact", "float64", "float32"},
    ),
    (
        "off-by-one decay to the chunk's end",
        "gla",
        "numpy",
        "after = np.concat([decay[1:], np.full_like(decay[:1], 1)])",
        "after = decay",
        "chunkwise",
        {"exact", "float64", "float32"},
    ),
    (
        "dropped gate",
        "scalar_gated",
        "numpy",
        "S = alpha_i[..., None, None] * S",
        "S = S",
        "recurrent",
        {"exact", "float64", "float32"},
    ),
    (
        "dropped gate between chunks",
        "gla",
        "torch",
        "S = total_c[..., :, None] * S",
        "S = S",
        "chunkwise",
        {"float64", "float32", "hand-over"},
    ),
    (
        "transposed C",
        "linear_attention",
        "numpy",
        'np.einsum("...a,...ab->...b", q_i, S)',
        'np.einsum("...a,...ba->...b", q_i, S)',
        "recurrent",
        {"exact", "float64"},
    ),
    (
        "reset state",
        "gla",
        "torch",
        "if state is None else state",
        "if True else state",
        "chunkwise",
        {"float64", "float32", "hand-over"},
    ),
    (
        "reset state at every chunk",
        "deltanet",
        "numpy",
        "S = S + cols_c.mT @ x",
        "S = cols_c.mT @ x",
        "chunkwise",
        {"exact", "float64", "float32", "hand-over"},
    ),
    (
        "state of the chunk's end read at its start",
        "scalar_gated",
        "numpy",
        "        starts.append(S)\n        S = total_c[..., None, None] * S + added_c\n",
        "        S = total_c[..., None, None] * S + added_c\n        starts.append(S)\n",
        "chunkwise",
        {"exact", "float64", "float32"},
    ),
    (
        "correction reads its own token",
        "gated_deltanet",
        "numpy",
        "mixed = reads @ cols.mT * ratio_before",
        "mixed = reads @ cols.mT * ratio",
        "chunkwise",
        {"exact", "float64", "float32"},
    ),
    (
        "tree joins the wrong neighbours",
        "s6",
        "exact",
        "factor[:, :, 2::2] * odd[:, :, :-1]",
        "factor[:, :, 1:-1:2] * odd[:, :, :-1]",
        "associative_scan",
        {"exact"},
    ),
    (
        "filled-up positions forget",
        "scalar_gated",
        "torch",
        "_chunks(alpha, chunk, 1)",
        "_chunks(alpha, chunk, 0)",
        "chunkwise",
        {"float64", "float32", "hand-over"},
    ),
    (
        "gradient cut between tokens",
        "scalar_gated",
        "torch",
        "S = alpha_i[..., None, None] * S",
        "S = alpha_i[..., None, None] * S.detach()",
        "recurrent",
        {"gradient"},
    ),
    (
        "scan begins from zero",
        "s6",
        "torch",
        "h, states = start, torch.empty_like(term)",
        "h, states = torch.zeros_like(start), torch.empty_like(term)",
        "associative_scan",
        {"float64", "float32", "hand-over"},
    ),
    (
        "adjoint of the scan a step too early",
        "s6",
        "torch",
        "torch.addcmul(b, after, g, out=out), a",
        "torch.addcmul(b, a, g, out=out), a",
        "associative_scan",
        {"gradient"},
    ),
    (
        "convolution wraps around",
        "s4d",
        "torch",
        "size = 1 << (2 * L - 1).bit_length()",
        "size = L",
        "convolution",
        {"float64", "float32"},
    ),
    (
        "start not moved by the first token",
        "lru",
        "numpy",
        "first = [sum(x[:, :, 0] * h for x, h in zip(row, starts, strict=True)) for row in power]",
        "first = starts",
        "convolution",
        {"float64", "float32", "hand-over"},
    ),
    (
        "running sum in half the digits",
        "ssd",
        "torch",
        "torch.cumsum(decay, axis)",
        "torch.cumsum(decay.half(), axis).to(decay.dtype)",
        "chunkwise",
        {"float64", "float32"},
    ),
]


@pytest.mark.parametrize(
    ("layer", "target", "right", "wrong", "schedule", "tiers"),
    [row[1:] for row in PLANTED],
    ids=[row[0] for row in PLANTED],
)
def test_planted_bugs_are_seen_by_the_tiers_that_claim_to(
    layer, target, right, wrong, schedule, tiers
):
    if target == "torch":
        pytest.importorskip("torch")
    source = LAYERS[layer]
    text = generate(free_gates(source), "numpy") if target == "exact" else generate(source, target)
    assert right in text
    report = numeric.verify(source, texts={target: text.replace(right, wrong)})
    assert not report.passed
    saw = {row.tier for row in report.rows if not row.passed and row.schedule == schedule}
    assert tiers <= saw, str(report)


def test_a_report_reads_as_lines():
    report = numeric.verify("gla")
    text = str(report)
    assert text.startswith("gla: verified") and "exact" in text
    assert "no associative_scan: Λ is" in str(numeric.verify("deltanet"))


def test_doctor_names_what_is_missing(monkeypatch):
    import importlib.util

    parts = {p.name: p for p in numeric.doctor()}
    assert parts["numpy"].version
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    parts = {p.name: p for p in numeric.doctor()}
    assert "not installed; skipped: generated torch code" in str(parts["torch"])
    with pytest.raises(DsfError, match=r"torch: not installed.*required"):
        numeric.doctor(["torch"])
    with pytest.raises(UnknownName, match="none of numpy"):
        numeric.doctor(["tensorflow"])


def test_without_torch_numpy_is_still_verified(monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    report = numeric.verify("linear_attention")
    assert report.passed and report.skipped == ("torch: not installed",)


def test_code_without_its_schedules_is_not_verified():
    text = generate(LAYERS["retnet"], "numpy") + "SCHEDULES.pop('parallel')\n"
    report = numeric.verify("retnet", texts={"numpy": text}, backends=["numpy"])
    failed = {(row.tier, row.schedule) for row in report.rows if not row.passed}
    assert failed == {("exact", "parallel"), ("float64", "parallel")} and not report.passed
    assert not numeric.verify("softmax_attention", backends=[]).passed


def test_a_start_that_no_state_gives_is_verified():
    text = generate(LAYERS["retnet"], "numpy")
    wrong = text.replace("np.zeros((B, H, n, d), v.dtype) if", "np.ones((B, H, n, d), v.dtype) if")
    report = numeric.verify("retnet", texts={"numpy": wrong}, backends=["numpy"])
    assert wrong != text and {row.tier for row in report.rows if not row.passed} == {"start"}
