"""Training of one model on the task: everything is drawn from the seed of its configuration."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from numeric import native

from .block import Mixer, Model, Sizes
from .recall_task import Batch, Task, batch


@dataclass(frozen=True)
class Config:
    """All that the outcome of a run depends on, but for versions and the machine.

    A run has `steps` steps of AdamW on fresh sequences, `batch` each, its rate rising over the
    first twentieth and then falling as a cosine. Every `every` steps the accuracy on the
    validation sequences is noted; the run ends early when that exceeds `enough`.
    """

    mixer: Mixer
    sizes: Sizes = field(default_factory=Sizes)
    task: Task = field(default_factory=Task)
    seed: int = 0
    rate: float = 3e-3
    steps: int = 1500
    batch: int = 64
    decay: float = 0.1
    clip: float = 1.0
    every: int = 50
    enough: float = 0.99
    validation: int = 500
    test: int = 2000


@dataclass(frozen=True)
class Point:
    """The mean training loss since the last point, and the accuracy on validation sequences."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Outcome:
    """What a run gave: its curve, the accuracy on the test sequences, and what it cost."""

    curve: tuple[Point, ...]
    accuracy: float
    parameters: int
    seconds: float

    @property
    def steps(self) -> int:
        """The number of steps that were made."""
        return self.curve[-1].step


VALIDATION, TEST = 1, 2
"""The generators of the sequences that every run is judged by; those of training are drawn with
the seed of the run, after its weights."""


def train(config: Config) -> Outcome:
    """Train a model and test it; torch's own generator is left as it was.

    Raises
    ------
    NoCompiler
        The mixer asks for compiled kernels, and there is no compiler.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return _train(config)


def _train(config: Config) -> Outcome:
    if config.mixer.backend == "cpp":
        # Without a compiler the layer would run, on torch, and the record would not say so.
        native.compiler()
    began, task = time.process_time(), config.task
    model = Model(config.mixer, config.sizes, vocabulary=task.vocabulary)
    validation = batch(task, config.validation, torch.Generator().manual_seed(VALIDATION))
    test = batch(task, config.test, torch.Generator().manual_seed(TEST))
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.decay)
    curve: list[Point] = []
    total = 0.0
    for step in range(1, config.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = config.rate * schedule(step, config.steps)
        total += _step(model, optimiser, batch(task, config.batch, torch.default_generator), config)
        if step % config.every and step != config.steps:
            continue
        since = step - (curve[-1].step if curve else 0)
        curve.append(Point(step, total / since, accuracy(model, validation)))
        total = 0.0
        if curve[-1].accuracy > config.enough:
            break
    count = sum(p.numel() for p in model.parameters())
    return Outcome(tuple(curve), accuracy(model, test), count, time.process_time() - began)


def schedule(step: int, steps: int) -> float:
    """The factor of the rate at a step, from 1: it rises to 1, then falls as a cosine to 0."""
    rise = max(1, steps // 20)
    return min(step / rise, (1 + math.cos(math.pi * step / steps)) / 2)


def _step(model: Model, optimiser: torch.optim.Optimizer, drawn: Batch, config: Config) -> float:
    loss = _loss(model(drawn.tokens, drawn.places), drawn.values)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    optimiser.step()
    return loss.item()


def _loss(scores: Tensor, values: Tensor) -> Tensor:
    return nn.functional.cross_entropy(scores.flatten(0, 1), values.flatten())


@torch.no_grad()
def accuracy(model: Model, asked: Batch) -> float:
    """The share of queries that are answered right."""
    right = 0
    for tokens, places, values in zip(
        asked.tokens.split(250), asked.places.split(250), asked.values.split(250), strict=True
    ):
        right += int((model(tokens, places).argmax(-1) == values).sum())
    return right / asked.values.numel()
