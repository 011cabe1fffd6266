"""One block for all layers, in which only the mixer and the signals that it reads differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import numeric
from dsf_sym import find
from dsf_sym.language.layer import Signal

STEPS = (1e-3, 1e-1)
"""Positive signals, which are step sizes, start between these, as in the code of Mamba."""


@dataclass(frozen=True)
class Mixer:
    """A layer of the catalogue as a mixer.

    unit: the vectors that are divided by their norm, where a layer asks for it but does not do it.
    backend: "torch", or "cpp" for compiled kernels of the same layer.
    """

    layer: str
    unit: tuple[str, ...] = ()
    backend: str = "torch"


@dataclass(frozen=True)
class Sizes:
    """Width d of tokens and values, state expansion n, blocks, and taps of the convolution."""

    width: int = 64
    expansion: int = 8
    blocks: int = 2
    taps: int = 2

    def of(self, signal: Signal) -> tuple[int, ...]:
        """The shape of a signal at one token, or of a constant."""
        sizes = {"d": self.width, "n": self.expansion}
        return tuple(sizes[str(dim)] for dim in signal.dims)


class Signals(nn.Module):
    """The signals of a layer from tokens: a linear map each, then a function into its domain.

    Real signals are W x + b, positive ones softplus(W x + b), gates sigmoid(W x + b).
    """

    def __init__(self, mixer: Mixer, sizes: Sizes) -> None:
        super().__init__()
        self.signals, self.unit = find(mixer.layer).of_kind("token"), mixer.unit
        self.maps = nn.ModuleDict()
        for signal in self.signals:
            count = math.prod(sizes.of(signal))
            self.maps[signal.name] = linear = nn.Linear(sizes.width, count)
            nn.init.zeros_(linear.bias)
            if _positive(signal):
                low, high = (math.log(end) for end in STEPS)
                start = nn.init.uniform_(torch.empty(count), low, high).exp()
                linear.bias.data = torch.expm1(start).log()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Signals [B, 1, L, ...], for one head, of tokens [B, L, d]."""
        return {s.name: self._within(s, self.maps[s.name](x))[:, None] for s in self.signals}

    def _within(self, signal: Signal, x: Tensor) -> Tensor:
        if not signal.dims:
            x = x.squeeze(-1)
        if signal.name in self.unit:
            return nn.functional.normalize(x, dim=-1)
        if _positive(signal):
            return nn.functional.softplus(x)
        return x.sigmoid() if signal.domain.interval.high == 1 else x


def _positive(signal: Signal) -> bool:
    return signal.domain.interval.low == 0 and signal.domain.interval.high is None


class Block(nn.Module):
    """x + W mixer(signals(convolution(norm(x)))).

    Negative constants are -e^p, and start at -1, -2, ..., -n along the state; others start at 1.
    """

    def __init__(self, mixer: Mixer, sizes: Sizes) -> None:
        super().__init__()
        layer, width = find(mixer.layer), sizes.width
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, sizes.taps, groups=width, padding=sizes.taps - 1)
        self.signals = Signals(mixer, sizes)
        self.logarithms, plain = nn.ParameterDict(), {}
        for constant in layer.of_kind("constant"):
            value = torch.ones(1, *sizes.of(constant))
            if constant.domain.interval.high != 0:
                plain[constant.name] = value
                continue
            if constant.dims and str(constant.dims[-1]) == "n":
                value = value * torch.arange(1.0, sizes.expansion + 1)
            self.logarithms[constant.name] = nn.Parameter(value.log())
        self.mixer = numeric.module(layer, mixer.backend, **plain)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [B, L, d] to tokens [B, L, d]."""
        seen = self.convolution(self.norm(x).mT)[..., : x.shape[1]].mT
        negative = {name: -p.exp() for name, p in self.logarithms.items()}
        y, _ = self.mixer(**self.signals(seen), **negative)
        return x + self.out(y[:, 0])


class Model(nn.Module):
    """Embeddings of tokens, blocks, and scores for the vocabulary; none of places."""

    def __init__(self, mixer: Mixer, sizes: Sizes, *, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, sizes.width)
        self.blocks = nn.ModuleList(Block(mixer, sizes) for _ in range(sizes.blocks))
        self.norm = nn.LayerNorm(sizes.width)
        self.scores = nn.Linear(sizes.width, vocabulary)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Scores [B, P, V] at places [B, P] of sequences [B, L]."""
        x = self.tokens(tokens)
        for block in self.blocks:
            x = block(x)
        asked = x.gather(1, places[..., None].expand(-1, -1, x.shape[-1]))
        return self.scores(self.norm(asked))
