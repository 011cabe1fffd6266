"""Multi-query associative recall: pairs of a key and a value, then the keys again as queries.

A sequence of L tokens starts with P pairs k_1 v_1 ... k_P v_P of different keys and different
values. Then each key stands once more, at a distance of a multiple of two from the last pair; all
other tokens are 0. At these P queries the value of the key is asked for. Keys are 1 ... V/2 - 1,
values V/2 ... V - 1. The places g = 1, 2, ... of the queries are drawn without replacement, with
weights g^(a - 1), a = 0.01, so that most queries follow soon and some late.

S. Arora, S. Eyuboglu, A. Timalsina, I. Johnson, M. Poli, J. Zou, A. Rudra, C. Ré. Zoology:
Measuring and Improving Recall in Efficient Language Models. ICLR 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

POWER = 0.01


@dataclass(frozen=True)
class Task:
    """The sizes of the task: tokens, pairs and vocabulary."""

    length: int = 64
    pairs: int = 4
    vocabulary: int = 64

    def __post_init__(self) -> None:
        keys = self.vocabulary // 2 - 1
        if self.length % 2 or self.length < 4 * self.pairs or self.pairs > keys:
            raise ValueError(
                f"{self}: needs an even length of at least 4 tokens a pair, and at most "
                f"{keys} pairs, which is the number of keys"
            )

    @property
    def guess(self) -> float:
        """The accuracy of an answer drawn from the values of the sequence."""
        return 1 / self.pairs


@dataclass(frozen=True)
class Batch:
    """Sequences [B, L]; the places [B, P] of their queries, and the values asked for [B, P]."""

    tokens: Tensor
    places: Tensor
    values: Tensor


def batch(task: Task, size: int, generator: torch.Generator) -> Batch:
    """Sequences drawn at random.

    Parameters
    ----------
    task
        The sizes.
    size
        The number of sequences.
    generator
        What they are drawn with: the same one in the same state gives the same sequences.
    """
    half, context = task.vocabulary // 2, 2 * task.pairs
    keys = 1 + _distinct(torch.zeros(half - 1), size, task.pairs, generator)
    values = half + _distinct(torch.zeros(task.vocabulary - half), size, task.pairs, generator)
    gaps = torch.arange(1, (task.length - context) // 2 + 1)
    drawn = _distinct((POWER - 1) * gaps.log(), size, task.pairs, generator)
    places = context + 2 * drawn
    tokens = torch.zeros(size, task.length, dtype=torch.long)
    tokens[:, 0:context:2] = keys
    tokens[:, 1:context:2] = values
    tokens.scatter_(1, places, keys)
    return Batch(tokens, places, values)


def _distinct(log_weights: Tensor, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Indices [size, count], each row drawn one after the other without replacement.

    The largest of the log-weights plus Gumbel noise are such a draw.
    """
    noise = torch.empty(size, len(log_weights)).exponential_(generator=generator)
    return (log_weights - noise.log()).topk(count, dim=1).indices
