"""The first experiment: its figures and tables, from the records of `numeric.experiments`."""

from __future__ import annotations

from typing import Any

from dsf_sym import find
from numeric.experiments import recall
from numeric.experiments.records import Record, read_all
from numeric.experiments.summary import (
    MARGIN,
    Alike,
    Cell,
    Higher,
    Runs,
    Solves,
    accuracies,
    cells,
    judge,
    solved,
)

from .drawing import COLOURS, INK, axes_of, save
from .folders import EXPERIMENT
from .text import layer_link, plain, table

INKS = (INK, *COLOURS, "#a8862a")
# A space at which no line ends.
GLUE = "\u00a0"
RULES = f"""\
- *more*: yes if the interval lies above 0, no if it lies below;
- *about as much*: yes if it lies within ±{MARGIN:g}, no if it lies beyond;
- *perfectly*: yes if every run solves the task, no if fewer than half of them do;
- where both layers solve the task in every run, it cannot tell them apart."""
LAYERS = tuple(mixer.layer for mixer in recall.MIXERS)


def write() -> None:
    """Write the figures and the tables."""
    made = read_all()
    runs = cells(made, recall.SEEDS)
    save("recall-accuracy", accuracy(runs))
    save("recall-curves", curves(runs))
    parts = {"setting": setting(), "done": done(runs, made), "results": results(runs)}
    parts |= {"rules": RULES, "statements": statements(runs)}
    for name, text in parts.items():
        (EXPERIMENT / f"{name}.md").write_text(f"{text}\n", encoding="utf-8")


def accuracy(runs: Runs) -> Any:
    """The mean accuracy of each layer with its interval, a panel for each expansion."""
    figure, axes = axes_of(6.6, 2.5, len(recall.EXPANSIONS), sharey=True, squeeze=False)
    for ax, n in zip(axes[0], recall.EXPANSIONS, strict=True):
        ax.axvline(recall.whole().base.task.guess, color=INK, lw=1, ls=":")
        for row, (colour, layer) in enumerate(zip(INKS, LAYERS, strict=True)):
            found = accuracies(runs, (layer, n))
            if found is not None:
                ax.errorbar(found.value, row, xerr=found.half, color=colour, marker="o", capsize=3)
        ax.set_title(f"n = {n}", fontsize=9)
        ax.set_xlabel("share of queries answered right")
        ax.set_xlim(0, 1.05)
    axes[0][0].set_yticks(range(len(LAYERS)), [_title(layer) for layer in LAYERS])
    axes[0][0].set_ylim(len(LAYERS) - 0.5, -0.5)
    return figure


def curves(runs: Runs) -> Any:
    """The accuracy of every run while it is trained, a panel for each expansion."""
    figure, axes = axes_of(6.6, 3.2, len(recall.EXPANSIONS), sharey=True, squeeze=False)
    for ax, n in zip(axes[0], recall.EXPANSIONS, strict=True):
        ax.axhline(recall.whole().base.task.guess, color=INK, lw=1, ls=":")
        for colour, layer in zip(INKS, LAYERS, strict=True):
            for record in runs.get((layer, n), {}).values():
                points = record.outcome.curve
                steps, values = [p.step for p in points], [p.accuracy for p in points]
                ax.plot(steps, values, color=colour, lw=0.9, alpha=0.8)
        ax.set_title(f"n = {n}", fontsize=9)
        ax.set_xlabel("steps")
        ax.set_xlim(0, recall.whole().base.steps)
        ax.set_ylim(0, 1.02)
    axes[0][0].set_ylabel("validation accuracy")
    for colour, layer in zip(INKS, LAYERS, strict=True):
        axes[0][0].plot([], [], color=colour, label=_title(layer))
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def setting() -> str:
    """What all runs have in common."""
    base = recall.whole().base
    task, sizes = base.task, base.sizes
    rates = ", ".join(f"{rate:g}" for rate in recall.RATES)
    compiled = [plain(_title(m.layer)) for m in recall.MIXERS if m.backend == "cpp"]
    unit = [
        f"{' and '.join(f'${name}$' for name in m.unit)} of {plain(_title(m.layer))}"
        for m in recall.MIXERS
        if m.unit
    ]
    rows = [
        ("Sequences", f"{task.length} tokens, {task.pairs} pairs, a vocabulary of "
                      f"{task.vocabulary}; drawn afresh at every step"),
        ("Model", f"width $d = {sizes.width}$, {sizes.blocks} blocks, one head, a convolution of "
                  f"{sizes.taps} tokens in each block"),
        ("State expansion", " and ".join(f"$n = {n}$" for n in recall.EXPANSIONS)),
        ("Norm 1", f"{'; '.join(unit)}, as their authors have it"),
        ("Code", f"generated for torch; compiled kernels for {' and '.join(compiled)}, whose scan "
                 "takes the longest"),
        ("Training", f"at most {base.steps} steps of {base.batch} sequences; AdamW, weight decay "
                     f"{base.decay:g}, gradients clipped to norm {base.clip:g}; the rate rises "
                     "over a twentieth of the steps and falls as a cosine"),
        ("Rates", f"{rates}; for each layer and $n$ the better one on a seed of its own, "
                  f"{recall.CHOOSING}, which is not counted after that"),
        ("Seeds", f"{', '.join(map(str, recall.SEEDS))}; the seed sets the weights and the "
                  "sequences"),
        ("Solved", f"a run ends when its accuracy on {base.validation} validation sequences is "
                   f"over {base.enough:.0%}; it is then tested on {base.test} others"),
    ]  # fmt: skip
    return table(["What", "How"], [(f"**{name}**", text) for name, text in rows])


def done(runs: Runs, made: list[Record]) -> str:
    """How much of the experiment the records hold, and where it was run."""
    plan = recall.whole()
    per_cell = [len(runs.get(_cell(cell), {})) for cell in plan.cells()]
    low, high, wanted = min(per_cell), max(per_cell), len(plan.seeds)
    seeds = f"{low}" if low == high else f"{low} to {high}"
    text = f"The records hold {seeds} of {wanted} seeds for each layer and $n$"
    if not made:
        return text + "."
    hours = sum(each.outcome.seconds for each in made) / 3600
    devices = "; ".join(sorted({each.device for each in made}))
    torch = ", ".join(sorted({each.versions["torch"] for each in made}))
    return (
        f"{text}, and the trials of the rates: {len(made)} runs, {hours:.1f} hours of processor "
        f"time ({plain(devices)}; torch {plain(torch)})."
    )


def results(runs: Runs) -> str:
    """One line a layer and expansion."""
    head = ["Layer", "$n$", "Accuracy", "Solved", "Steps", "Rate", "Parameters"]
    rows = []
    for cell in map(_cell, recall.whole().cells()):
        found, made = accuracies(runs, cell), list(runs.get(cell, {}).values())
        if found is None:
            rows.append(
                [layer_link(cell[0], _title(cell[0])), f"{cell[1]}", "not run yet", "", "", "", ""]
            )
            continue
        steps = sorted(each.outcome.steps for each in made)
        half = "" if found.half is None else f"{GLUE}±{GLUE}{found.half:.3f}"
        rows.append(
            [
                layer_link(cell[0], _title(cell[0])),
                f"{cell[1]}",
                f"{found.value:.3f}{half}",
                f"{sum(map(solved, made))} of {len(made)}",
                f"{steps[0]}" if steps[0] == steps[-1] else f"{steps[0]}{GLUE}to{GLUE}{steps[-1]}",
                ", ".join(sorted({f"{each.config.rate:g}" for each in made})),
                f"{made[0].outcome.parameters}",
            ]
        )
    return table(head, rows)


def statements(runs: Runs) -> str:
    """What the paper says and what the runs say, one line a statement."""
    rows = []
    for said, statement in _said():
        finding = judge(statement, runs)
        rows.append([said, finding.found, f"**{finding.agree}**"])
    return table(["The paper says", "We found", "Agree?"], rows)


def _said() -> list[tuple[str, Solves | Higher | Alike]]:
    softmax, linear = "softmax_attention", "linear_attention_normalised"
    normalised, s6, ssd = "normalised_attention_exp", "s6", "ssd"
    low, high = min(recall.EXPANSIONS), max(recall.EXPANSIONS)
    rows: list[tuple[str, Solves | Higher | Alike]] = [
        (f"Softmax attention recalls perfectly, at $n = {n}$", Solves((softmax, n)))
        for n in recall.EXPANSIONS
    ]
    rows += [
        (f"{plain(_title(layer))}: more states recall more", Higher((layer, high), (layer, low)))
        for layer in (linear, normalised, s6, ssd)
    ]
    for n in recall.EXPANSIONS:
        at = f"at $n = {n}$"
        rows += [
            (
                f"Normalised attention recalls more than linear attention, {at}",
                Higher((normalised, n), (linear, n)),
            ),
            (f"SSD recalls more than S6, {at}", Higher((ssd, n), (s6, n))),
            (
                f"Normalised attention recalls about as much as S6, {at}",
                Alike((normalised, n), (s6, n)),
            ),
        ]
    return rows


def _cell(config: Any) -> Cell:
    return config.mixer.layer, config.sizes.expansion


def _title(layer: str) -> str:
    return find(layer).title
