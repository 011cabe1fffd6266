"""Code of other people for the same layers, in pure torch: what the benchmark compares with.

Each peer is one function of an installed package. Where importing the package would need CUDA or
Triton, the definitions of that one file are taken without the imports that fail. Nothing here is
needed by anything but the benchmark, and the packages are the extra `peers`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from dsf_sym.errors import DsfError


@dataclass(frozen=True)
class Peer:
    """One function of a package, and `call`, by which it computes a layer's output.

    call: from the function to one of tensors named like the layer's signals, or `log_alpha`. It
    passes them on as views in the package's layout, and returns the output [B, H, L, ...].
    """

    layer: str
    distribution: str
    file: str
    function: str
    call: Callable[[Callable[..., Any]], Callable[..., Any]]

    @property
    def name(self) -> str:
        """The package and the function."""
        return f"{self.distribution} {self.function}"

    @property
    def package(self) -> str:
        """The name under which the package is imported."""
        return self.file.partition("/")[0]

    def load(self) -> Callable[..., Any]:
        """The function that computes the layer's output; DsfError where it is not to be had."""
        try:
            version(self.distribution)
        except PackageNotFoundError:
            raise DsfError(f"{self.name}: {self.distribution} is not installed") from None
        found = importlib.util.find_spec(self.package)
        folders = list(found.submodule_search_locations or []) if found else []
        if not folders:
            raise DsfError(f"{self.name}: {self.distribution} has no package {self.package}")
        file = Path(folders[0]) / self.file.partition("/")[2]
        if not file.is_file():
            raise DsfError(f"{self.name}: this version has no file {self.file}")
        function = getattr(_definitions(file), self.function, None)
        if function is None:
            raise DsfError(f"{self.name}: {self.file} does not define it, or needs what is missing")
        return self.call(function)


def arguments(call: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a peer's arguments."""
    return tuple(inspect.signature(call).parameters)


def _definitions(file: Path) -> ModuleType:
    """A file's functions and classes without decorators; imports that fail are passed over."""
    module = ModuleType(file.stem)
    # What transformers asks while a model is exported, which is never so here.
    module.__dict__["is_torchdynamo_exporting"] = lambda: False
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.ImportFrom) and node.level:
                continue
            wanted = True
        else:
            wanted = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                node.decorator_list = []
        if wanted:
            try:
                exec(compile(ast.Module([node], []), str(file), "exec"), module.__dict__)
            except (ImportError, NameError, AttributeError, RuntimeError):
                continue
    return module


def _time_first(*xs: Any) -> list[Any]:
    return [x.transpose(1, 2) for x in xs]


def _scaled(q: Any) -> Any:
    """The query times what a peer without a scale argument divides it by."""
    return q * q.shape[-1] ** 0.5


def _scalar_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, log_alpha: Any) -> Any:
        return f(*_time_first(q, k, v, log_alpha), scale=1.0)[0].transpose(1, 2)

    return call


def _scalar_mamba(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, log_alpha: Any) -> Any:
        return f(*_time_first(v, log_alpha, k, q), 64)[0].transpose(1, 2)

    return call


def _ssd_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, Delta: Any, A: Any, D: Any) -> Any:
        log_alpha, scaled = Delta * A[:, None], Delta[..., None] * k
        y = f(*_time_first(q, scaled, v, log_alpha), scale=1.0)[0].transpose(1, 2)
        return y + D[:, None, None] * v

    return call


def _ssd_mamba(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, Delta: Any, A: Any, D: Any) -> Any:
        log_alpha, scaled = Delta * A[:, None], Delta[..., None] * v
        y = f(*_time_first(scaled, log_alpha, k, q), 64)[0].transpose(1, 2)
        return y + D[:, None, None] * v

    return call


def _linear_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any) -> Any:
        return f(*_time_first(q, k, v), scale=1.0).transpose(1, 2)

    return call


def _gla_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, log_alpha: Any) -> Any:
        return f(*_time_first(_scaled(q), k, v, log_alpha))[0].transpose(1, 2)

    return call


def _gla_gdn2(f: Any) -> Any:
    """Gated DeltaNet-2 with gates that erase nothing and write all is GLA."""

    def call(q: Any, k: Any, v: Any, log_alpha: Any) -> Any:
        given = _time_first(q, k, v, log_alpha, k.new_zeros(k.shape), v.new_ones(v.shape))
        return f(*given, scale=1.0, chunk_size=16)[0].transpose(1, 2)

    return call


def _gla_rwkv6(f: Any) -> Any:
    """RWKV-6 reads the state before its decay and the token's write, which are put in here."""

    def call(q: Any, k: Any, v: Any, log_alpha: Any) -> Any:
        bonus = q.new_zeros(q.shape[1], q.shape[-1])
        before = f(q * log_alpha.exp(), k, v, log_alpha, bonus, 16)
        return before + (q * k).sum(-1, keepdim=True) * v

    return call


def _delta_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, beta: Any) -> Any:
        return f(_scaled(q), k, v, beta)[0]

    return call


def _gated_fla(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, log_alpha: Any, beta: Any) -> Any:
        return f(*_time_first(q, k, v, log_alpha, beta), scale=1.0)[0].transpose(1, 2)

    return call


def _gated_transformers(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, log_alpha: Any, beta: Any) -> Any:
        return f(*_time_first(_scaled(q), k, v, log_alpha, beta))[0].transpose(1, 2)

    return call


def _s6_mambapy(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, Delta: Any, A: Any, D: Any) -> Any:
        q, k, v, Delta = (x[:, 0] for x in (q, k, v, Delta))
        written = Delta[..., None] * k[:, :, None] * v[..., None]
        states = f.apply((Delta[..., None] * A[0]).exp(), written)
        return ((states @ q[..., None]).squeeze(-1) + D[0] * v)[:, None]

    return call


def _s6_mamba(f: Any) -> Any:
    def call(q: Any, k: Any, v: Any, Delta: Any, A: Any, D: Any) -> Any:
        q, k, v, Delta = (x[:, 0].mT for x in (q, k, v, Delta))
        return f(v, Delta, A[0], k, q, D[0]).mT[:, None]

    return call


def causal_softmax(q: Any, k: Any, v: Any) -> Any:
    """Causal softmax attention of torch: another layer than those that it is put beside."""
    import torch

    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


_FLA = "fla/ops/"
PEERS: tuple[Peer, ...] = (
    Peer(
        "linear_attention",
        "fla-core",
        _FLA + "linear_attn/naive.py",
        "naive_chunk_linear_attn",
        _linear_fla,
    ),
    Peer(
        "scalar_gated",
        "fla-core",
        _FLA + "simple_gla/naive.py",
        "naive_chunk_simple_gla",
        _scalar_fla,
    ),
    Peer(
        "scalar_gated",
        "mamba-ssm",
        "mamba_ssm/modules/ssd_minimal.py",
        "ssd_minimal_discrete",
        _scalar_mamba,
    ),
    Peer("ssd", "fla-core", _FLA + "simple_gla/naive.py", "naive_chunk_simple_gla", _ssd_fla),
    Peer(
        "ssd",
        "mamba-ssm",
        "mamba_ssm/modules/ssd_minimal.py",
        "ssd_minimal_discrete",
        _ssd_mamba,
    ),
    Peer("gla", "fla-core", _FLA + "gla/naive.py", "naive_recurrent_gla", _gla_fla),
    Peer("gla", "fla-core", _FLA + "gdn2/naive.py", "naive_chunk_gdn2", _gla_gdn2),
    Peer("gla", "fla-core", _FLA + "rwkv6/chunk_naive.py", "naive_chunk_rwkv6", _gla_rwkv6),
    Peer("deltanet", "fla-core", _FLA + "delta_rule/naive.py", "delta_rule_chunkwise", _delta_fla),
    Peer(
        "gated_deltanet",
        "fla-core",
        _FLA + "gated_delta_rule/naive.py",
        "naive_chunk_gated_delta_rule",
        _gated_fla,
    ),
    Peer(
        "gated_deltanet",
        "transformers",
        "transformers/models/qwen3_next/modeling_qwen3_next.py",
        "torch_chunk_gated_delta_rule",
        _gated_transformers,
    ),
    Peer("kda", "fla-core", _FLA + "kda/naive.py", "naive_chunk_kda", _gated_fla),
    Peer("s6", "mambapy", "mambapy/pscan.py", "PScan", _s6_mambapy),
    Peer(
        "s6",
        "mamba-ssm",
        "mamba_ssm/ops/selective_scan_interface.py",
        "selective_scan_ref",
        _s6_mamba,
    ),
)


def inputs(signals: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
    """A peer's arguments out of a layer's signals; the log of the decay is taken beforehand."""
    return [signals["alpha"].log() if n == "log_alpha" else signals[n] for n in names]
