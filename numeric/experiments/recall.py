"""`python -m numeric.experiments.recall`: layers that recall values by their keys, compared.

Every layer is trained in the same block at each state expansion. Its rate is the better of RATES
on a seed of its own; then the run is repeated for each of SEEDS. A run whose record is there is
not made again, so that the experiment goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from .block import Mixer, Sizes
from .recall_task import Task
from .records import FOLDER, Record, path_of, read, record, write
from .training import Config, train

MIXERS = (
    Mixer("softmax_attention"),
    Mixer("deltanet", unit=("q", "k")),
    Mixer("ssd"),
    Mixer("s6", backend="cpp"),
    Mixer("normalised_attention_exp"),
    Mixer("linear_attention_normalised"),
)
EXPANSIONS = (8, 32)
RATES = (2e-3, 5e-3)
SEEDS = (0, 1, 2, 3, 4)
CHOOSING = 100


@dataclass(frozen=True)
class Plan:
    """The runs of an experiment: trials of all rates in every cell, then the seeds.

    A cell is a layer at a state expansion; `base` is what all runs have in common.
    """

    base: Config
    mixers: tuple[Mixer, ...] = MIXERS
    expansions: tuple[int, ...] = EXPANSIONS
    rates: tuple[float, ...] = RATES
    seeds: tuple[int, ...] = SEEDS

    def cells(self) -> list[Config]:
        """One configuration for each layer and expansion."""
        sizes = [replace(self.base.sizes, expansion=n) for n in self.expansions]
        return [replace(self.base, mixer=m, sizes=size) for size in sizes for m in self.mixers]

    def trials(self, cell: Config) -> list[Config]:
        """The runs that the rate of a cell is chosen by."""
        return [replace(cell, seed=CHOOSING, rate=rate) for rate in self.rates]


def whole() -> Plan:
    """The experiment."""
    return Plan(Config(MIXERS[0]))


def smoke() -> Plan:
    """The same in a few seconds, which shows that it runs and nothing else."""
    task, sizes = Task(length=16, pairs=2, vocabulary=16), Sizes(width=8)
    tiny = Config(MIXERS[0], sizes, task, steps=4, batch=8, every=2, validation=20, test=20)
    # Kernels would be compiled for longer than they run.
    mixers = tuple(replace(mixer, backend="torch") for mixer in MIXERS)
    return Plan(tiny, mixers, expansions=(2,), rates=RATES[:1], seeds=SEEDS[:1])


def better(made: Sequence[Record]) -> Record:
    """The trial that solved the task first; else the one of the highest validation accuracy."""

    def value(each: Record) -> tuple[bool, float]:
        last = each.outcome.curve[-1]
        solved = last.accuracy > each.config.enough
        return solved, -last.step if solved else last.accuracy

    return max(made, key=value)


def chosen(plan: Plan, cell: Config, folder: Path) -> float:
    """The rate of a cell, by the records of its trials."""
    return better([read(path_of(folder, trial)) for trial in plan.trials(cell)]).config.rate


def execute(plan: Plan, folder: Path, *, workers: int = 1) -> None:
    """Make every run whose record is missing, and say so line by line.

    Raises
    ------
    ValueError
        A record in the folder has another configuration than the plan, or is none.
    """
    trials = [trial for cell in plan.cells() for trial in plan.trials(cell)]
    total = len(trials) + len(plan.cells()) * len(plan.seeds)
    _make(trials, folder, workers, (0, total))
    rates = [chosen(plan, cell, folder) for cell in plan.cells()]
    measured = [
        replace(cell, seed=seed, rate=rate)
        for seed in plan.seeds
        for cell, rate in zip(plan.cells(), rates, strict=True)
    ]
    _make(measured, folder, workers, (len(trials), total))


def _make(configs: Sequence[Config], folder: Path, workers: int, place: tuple[int, int]) -> None:
    done, total = place
    missing = [config for config in configs if not _there(config, folder)]
    done += len(configs) - len(missing)
    for made in _each(missing, workers):
        done += 1
        write(folder, made)
        print(f"[{done}/{total}] {_line(made)}", flush=True)


def _each(configs: Sequence[Config], workers: int) -> Iterator[Record]:
    """Records as they are made, one run a worker and one thread a run."""
    if workers == 1:
        yield from map(_run, configs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for finished in as_completed([pool.submit(_run, config) for config in configs]):
            yield finished.result()


def _there(config: Config, folder: Path) -> bool:
    path = path_of(folder, config)
    if not path.is_file():
        return False
    if read(path).config != config:
        raise ValueError(
            f"{path.name}: its record is of another configuration than the plan; move the records "
            "of the former plan away, or name another --folder"
        )
    return True


def _run(config: Config) -> Record:
    return record(config, train(config))


def _line(made: Record) -> str:
    config, outcome = made.config, made.outcome
    return (
        f"{config.mixer.layer} n={config.sizes.expansion} seed={config.seed} "
        f"rate={config.rate:g}: {outcome.accuracy:.1%} after {outcome.steps} steps, "
        f"{outcome.seconds:.0f} s"
    )


def main(words: Sequence[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m numeric.experiments.recall")
    parser.add_argument("--folder", type=Path, help="where the records are (default: beside this)")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("--smoke", action="store_true", help="a tiny version, in a few seconds")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    if given.smoke:
        with TemporaryDirectory() as folder:
            execute(smoke(), given.folder or Path(folder), workers=given.workers)
    else:
        execute(whole(), given.folder or FOLDER, workers=given.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
