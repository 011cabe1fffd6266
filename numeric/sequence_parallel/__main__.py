"""`python -m numeric.sequence_parallel`: a sequence on one process beside several, here."""

from __future__ import annotations

import sys

import click

from dsf_sym.errors import DsfError

from ..bench import long_signals
from .local import compare
from .run import VARIANTS

BAD_INPUT = 2
BACKENDS = ("auto", "torch", "cpp")


@click.command()
@click.argument("layer")
@click.option("--length", type=click.IntRange(2), default=100_000, show_default=True)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option("--variant", type=click.Choice(list(VARIANTS)), default="relay", show_default=True)
@click.option("--backend", type=click.Choice(BACKENDS), default="auto", show_default=True)
@click.option("--backward", is_flag=True, help="Outputs and gradients.")
@click.option(
    "--collective",
    type=click.Choice(["gloo", "nccl"]),
    default="gloo",
    show_default=True,
    help="How states are sent: gloo between CPUs, nccl between GPUs, one for each process.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
def main(
    layer: str,
    length: int,
    processes: int,
    variant: str,
    backend: str,
    backward: bool,
    collective: str,
    rounds: int,
) -> None:
    """Run LAYER on one process and on several of one thread each, and compare."""
    try:
        found = compare(
            layer,
            length,
            processes=processes,
            variant=variant,
            backend=backend,
            backward=backward,
            rounds=rounds,
            collective=collective,
            signals=long_signals,
        )
    except DsfError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
    several = f"{processes} processes"
    click.echo(f"{layer}, L = {length}, {variant}, backend {backend}, one thread each\n")
    click.echo(f"{'':<14} {'seconds':>9} {'processor, busiest':>19}")
    click.echo(f"{'one process':<14} {found.one:>9.4f} {found.one_work:>19.4f}")
    click.echo(f"{several:<14} {found.several:>9.4f} {found.several_work:>19.4f}")
    click.echo(f"{'ratio':<14} {found.ratio:>9.2f} {found.one_work / found.several_work:>19.2f}\n")
    same = "equal, bit for bit" if found.equal else f"at most {found.error:.1e} apart"
    click.echo(f"outputs: {same}")


if __name__ == "__main__":
    main()
