"""The experiments: what the task asks, what a record holds, and that runs repeat bit by bit."""

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")
import torch

from numeric import native
from numeric.experiments import recall, records, summary
from numeric.experiments.block import Block, Mixer, Sizes
from numeric.experiments.recall_task import Task, batch
from numeric.experiments.training import Config, Outcome, Point, schedule, train

SMALL = Task(length=16, pairs=3, vocabulary=20)
SIZES = Sizes(width=8, expansion=4)
TINY = Config(
    Mixer("ssd"), SIZES, SMALL, steps=4, batch=8, every=3, validation=20, test=20, rate=1e-2
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(task, size, seed=0):
    return batch(task, size, torch.Generator().manual_seed(seed))


def test_every_query_asks_for_the_value_that_stands_after_its_key():
    made = drawn(SMALL, 50)
    assert made.tokens.shape == (50, 16)
    for tokens, places, values in zip(made.tokens, made.places, made.values, strict=True):
        pairs = dict(tokens[:6].reshape(3, 2).tolist())
        assert len(pairs) == len(set(pairs.values())) == 3
        assert all(1 <= key < 10 <= value < 20 for key, value in pairs.items())
        assert [pairs[int(tokens[i])] for i in places] == values.tolist()
        assert len(set(places.tolist())) == 3 and all(i >= 6 and i % 2 == 0 for i in places)
        assert tokens.count_nonzero() == 9


def test_queries_follow_soon_more_often_than_late():
    places = drawn(Task(), 2000).places
    near, far = (places < 12).float().mean(), (places >= 52).float().mean()
    assert near > 3 * far


def test_the_first_place_is_drawn_with_the_weights_of_the_power_law():
    # One pair: the weights are those of a single draw.
    task = Task(length=8, pairs=1, vocabulary=8)
    places = drawn(task, 20000).places.flatten()
    weights = torch.arange(1.0, 4) ** -0.99
    shares = torch.stack([(places == i).float().mean() for i in (2, 4, 6)])
    assert torch.allclose(shares, weights / weights.sum(), atol=0.012)


@pytest.mark.parametrize("sizes", [(15, 2, 16), (16, 5, 16), (64, 16, 32)])
def test_a_task_that_does_not_fit_is_refused(sizes):
    with pytest.raises(ValueError, match="needs an even length"):
        Task(*sizes)


@pytest.mark.parametrize("mixer", recall.MIXERS, ids=lambda mixer: mixer.layer)
def test_every_layer_is_causal_in_the_block_and_trains(mixer):
    torch.manual_seed(0)
    block = Block(replace(mixer, backend="torch"), SIZES)
    x = torch.randn(2, 6, 8, requires_grad=True)
    y = block(x)
    assert y.shape == x.shape
    y[:, 3].sum().backward()
    assert x.grad[:, :4].abs().sum(-1).min() > 0
    assert x.grad[:, 4:].abs().max() == 0
    block(x).square().sum().backward()
    assert all(p.grad is not None for p in block.parameters())


def test_signals_are_in_their_domains():
    torch.manual_seed(0)
    for mixer in (Mixer("deltanet", unit=("k",)), Mixer("s6")):
        signals = Block(mixer, SIZES).signals
        values = signals(10 * torch.randn(2, 6, 8))
        if mixer.unit:
            assert torch.allclose(values["k"].norm(dim=-1), torch.ones(2, 1, 6))
        for signal in signals.signals:
            interval, x = signal.domain.interval, values[signal.name]
            assert interval.low is None or x.min() >= float(interval.low)
            assert interval.high is None or x.max() <= float(interval.high)


def test_step_sizes_start_where_the_code_of_mamba_starts_them():
    torch.manual_seed(0)
    steps = Block(Mixer("s6"), replace(SIZES, width=64)).signals(torch.zeros(1, 1, 64))["Delta"]
    assert 1e-3 <= steps.min() < 3e-3 and 3e-2 < steps.max() <= 1.001e-1


def test_a_run_repeats_bit_by_bit_and_leaves_the_generator_alone():
    before = torch.random.get_rng_state()
    first, again = train(TINY), train(TINY)
    other = train(replace(TINY, seed=1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert replace(first, seconds=0) == replace(again, seconds=0)
    assert first.curve != other.curve
    assert [point.step for point in first.curve] == [3, 4]


def test_a_run_ends_early_when_the_accuracy_is_enough():
    assert train(replace(TINY, enough=-1.0)).steps == 3


def test_the_rate_rises_and_then_falls_to_nothing():
    factors = [schedule(step, 100) for step in range(1, 101)]
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert 3 <= top <= 5 and factors[-1] == 0


def made(config, accuracy, step):
    return records.record(config, Outcome((Point(step, 0.5, accuracy),), accuracy, 1, 0.1))


def test_the_rate_that_solves_the_task_first_is_chosen_and_else_the_better_one():
    runs = [made(replace(TINY, rate=rate), a, s) for rate, a, s in [(1, 0.5, 4), (2, 0.6, 4)]]
    assert recall.better(runs).config.rate == 2
    solved = [made(replace(TINY, rate=rate), a, s) for rate, a, s in [(3, 0.999, 4), (4, 0.992, 3)]]
    assert recall.better([*runs, *solved]).config.rate == 4


def test_a_record_is_read_as_it_was_written(tmp_path):
    run = made(TINY, 0.25, 4)
    assert records.read(records.write(tmp_path, run)) == run
    assert records.read_all(tmp_path) == [run]


def test_a_file_that_is_no_record_is_named(tmp_path):
    path = records.write(tmp_path, made(TINY, 0.25, 4))
    data = json.loads(path.read_text())
    del data["outcome"]["curve"]
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"ssd-n4-seed0-rate0.01.json\): not a record: 'curve'"):
        records.read(path)


@pytest.fixture
def smallest():
    mixers = (Mixer("linear_attention"),)
    tiny = replace(TINY, steps=2)
    return recall.Plan(tiny, mixers, expansions=(2,), rates=(1e-3, 1e-2), seeds=(0, 1))


def test_an_experiment_goes_on_where_it_stopped(smallest, tmp_path, capsys):
    recall.execute(smallest, tmp_path)
    assert "[4/4]" in capsys.readouterr().out
    kept = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert len(kept) == 4
    name = sorted(kept)[0]
    (tmp_path / name).unlink()
    recall.execute(smallest, tmp_path)
    assert capsys.readouterr().out.count("\n") == 1
    again, before = json.loads((tmp_path / name).read_text()), json.loads(kept[name])
    del again["outcome"]["seconds"], before["outcome"]["seconds"]
    assert again == before
    assert all((tmp_path / other).read_text() == kept[other] for other in kept if other != name)


def test_the_smoke_version_runs_every_layer(capsys):
    assert recall.main(["--smoke"]) == 0
    shown = capsys.readouterr().out
    assert "[12/12]" in shown
    assert all(shown.count(mixer.layer + " ") == 2 for mixer in recall.MIXERS)


def test_a_record_never_names_kernels_that_were_not_run(monkeypatch):
    def missing():
        raise native.NoCompiler("none")

    monkeypatch.setattr(native, "compiler", missing)
    with pytest.raises(native.NoCompiler):
        train(replace(TINY, mixer=Mixer("ssd", backend="cpp")))


def test_records_of_another_plan_are_not_mixed_with_this_one(smallest, tmp_path):
    recall.execute(smallest, tmp_path)
    longer = replace(smallest, base=replace(smallest.base, steps=3))
    with pytest.raises(ValueError, match="of another configuration"):
        recall.execute(longer, tmp_path)


def test_the_records_that_are_checked_in_belong_to_the_experiment():
    plan = recall.whole()
    cells = {(c.mixer.layer, c.sizes.expansion): c for c in plan.cells()}
    for each in records.read_all():
        cell = cells[each.config.mixer.layer, each.config.sizes.expansion]
        assert each.config == replace(cell, seed=each.config.seed, rate=each.config.rate)
        assert each.config.rate in plan.rates
        assert each.config.seed in (*plan.seeds, recall.CHOOSING)
        assert 0 <= each.outcome.accuracy <= 1
        assert each.outcome.steps == each.config.steps or (
            each.outcome.curve[-1].accuracy > each.config.enough
        )


def test_quantiles_of_student_s_distribution():
    # Tables of the distribution, to the digits that they print.
    printed = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 30: 2.042}
    for freedom, value in printed.items():
        assert summary.quantile(freedom) == pytest.approx(value, abs=5e-4)
    assert summary.quantile(9, 0.9) == pytest.approx(1.833, abs=5e-4)


def test_a_mean_and_its_interval():
    # s = 1 and t = 3.182 for three degrees of freedom: 3.182 / √4.
    found = summary.mean([1.0, 1.0, 1.0, 3.0])
    assert (found.value, found.count) == (1.5, 4)
    assert found.half == pytest.approx(3.182 / 2, abs=1e-3)
    assert summary.mean([0.5]).half is None


def table(**accuracies):
    runs = {}
    for layer, values in accuracies.items():
        config = replace(TINY, mixer=Mixer(layer))
        runs[layer, 8] = {seed: made(config, a, 4) for seed, a in enumerate(values)}
    return runs


def cell(layer):
    return (layer, 8)


RUNS = table(
    s6=[0.995, 0.996, 0.997],
    ssd=[0.998, 0.992, 0.999],
    gla=[0.50, 0.52, 0.51],
    retnet=[0.51, 0.53, 0.50],
    lru=[0.4, 0.9, 0.999],
    mingru=[0.3],
)


@pytest.mark.parametrize(
    ("statement", "agree"),
    [
        (summary.Solves(cell("s6")), "yes"),
        (summary.Solves(cell("gla")), "no"),
        (summary.Solves(cell("kda")), "cannot tell"),
        (summary.Higher(cell("s6"), cell("gla")), "yes"),
        (summary.Higher(cell("gla"), cell("s6")), "no"),
        (summary.Higher(cell("gla"), cell("retnet")), "cannot tell"),
        (summary.Higher(cell("ssd"), cell("s6")), "cannot tell"),
        (summary.Higher(cell("gla"), cell("mingru")), "cannot tell"),
        (summary.Alike(cell("gla"), cell("retnet")), "yes"),
        (summary.Alike(cell("gla"), cell("s6")), "no"),
        (summary.Alike(cell("gla"), cell("lru")), "cannot tell"),
        (summary.Alike(cell("ssd"), cell("s6")), "cannot tell"),
    ],
)
def test_statements_are_judged_by_the_intervals(statement, agree):
    assert summary.judge(statement, RUNS).agree == agree


def test_trials_are_no_part_of_what_is_measured():
    trial = made(replace(TINY, seed=recall.CHOOSING), 0.9, 4)
    run = made(TINY, 0.3, 4)
    assert summary.cells([trial, run], recall.SEEDS) == {("ssd", 4): {0: run}}


@pytest.mark.parametrize("seeds", [0, 1, 3])
def test_the_page_tells_what_there_is(seeds):
    pytest.importorskip("matplotlib")
    from book.facts import experiment

    plan = recall.whole()
    records = [
        made(replace(cell, seed=seed), 0.3 + seed / 10, 1500)
        for cell in plan.cells()[:3]
        for seed in range(seeds)
    ]
    runs = summary.cells(records, recall.SEEDS)
    for text in (experiment.setting(), experiment.results(runs), experiment.statements(runs)):
        assert len({line.replace(r"\|", "").count("|") for line in text.splitlines()}) == 1
    assert f"hold {f'0 to {seeds}' if seeds else 0} of 5 seeds" in experiment.done(runs, records)
    assert experiment.results(runs).count("not run yet") == (9 if seeds else 12)
    assert ("0.400\u00a0±\u00a00.248" in experiment.results(runs)) == (seeds == 3)
    for figure in (experiment.accuracy(runs), experiment.curves(runs)):
        assert len(figure.axes) == len(recall.EXPANSIONS)
