"""Run layers on NumPy and torch: generated code, the oracle it is held against, and the runtimes.

`run` and `module` execute a layer; `verify` shows that its code computes its definition; `doctor`
says what is installed.
"""

from .contract import ContractViolation
from .doctor import doctor
from .oracle import definition
from .run import run, schedules
from .verify import verify

__all__ = ["ContractViolation", "definition", "doctor", "module", "run", "schedules", "verify"]


def __getattr__(name: str) -> object:
    # torch takes seconds to import: only `module` needs it.
    if name != "module":
        raise AttributeError(f"module 'numeric' has no attribute {name!r}")
    from .torch_module import module

    return module
