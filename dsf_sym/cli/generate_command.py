"""`dsf generate`."""

from __future__ import annotations

from pathlib import Path

import click

from .common import Ended, emit_json, find_layer, json_option, numeric_part

DRIFTED = 1


@click.command(
    "generate",
    short_help="Write NumPy and torch code of a layer.",
    epilog="Example: dsf generate gla --print numpy",
)
@click.argument("layer", metavar="[LAYER]", required=False)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write LAYER_numpy.py and LAYER_torch.py to this folder.",
)
@click.option(
    "--print",
    "shown",
    type=click.Choice(["numpy", "torch", "cpp", "cuda"]),
    help="Print the code instead of writing it.",
)
@click.option("--check", is_flag=True, help="Compare the checked-in files instead of writing.")
@click.option("--hash-only", is_flag=True, help="With --check: compare hashes only, which is fast.")
@json_option
def command(
    layer: str | None,
    to: Path | None,
    shown: str | None,
    check: bool,
    hash_only: bool,
    as_json: bool,
) -> None:
    """Write NumPy and torch code of a layer.

    One file for each library, with every schedule that the structure of Λ allows. Without LAYER,
    the checked-in files of the whole catalogue are written, or compared with --check.

    Exit code: 0 done, 1 --check found drift, 2 bad input.
    """
    if layer is None:
        if to is not None or shown is not None:
            raise click.UsageError("--to and --print need a LAYER")
        _catalogue(check, hash_only, as_json)
        return
    if check:
        raise click.UsageError("--check is for the whole catalogue: leave LAYER out")
    found = find_layer(layer)
    from ..codegen import generate, generate_cpp, generate_cuda, program, write

    if shown is not None:
        kernels = {"cpp": generate_cpp, "cuda": generate_cuda}
        text = kernels[shown](found) if shown in kernels else generate(found, shown)
        click.echo(text, nl=False)
        return
    if to is None:
        raise click.UsageError(
            f"say where the code of {found.name} goes: --to DIR, or --print numpy"
        )
    paths = [str(path) for path in write(found, to)]
    made = program(found)
    names = [function.schedule for function in made.functions]
    if as_json:
        without = [{"schedule": s, "reason": why} for s, why in made.skipped]
        data = {"layer": found.name, "files": paths, "schedules": names, "without": without}
        emit_json("generate", data)
        return
    from ..rendering.report import fields
    from .terminal import width

    rows = [("wrote", path) for path in paths] + [("schedules", ", ".join(names))]
    rows += [(f"no {schedule}", why) for schedule, why in made.skipped]
    click.echo("\n".join(fields(rows, width(), indent="")))


def _catalogue(check: bool, hash_only: bool, as_json: bool) -> None:
    from ..codegen import check_generated, regenerate

    folder = Path(numeric_part("generated").__path__[0])
    if not check:
        paths = [str(path) for path in regenerate(folder)]
        if as_json:
            emit_json("generate", {"files": paths})
        else:
            click.echo(f"wrote {len(paths)} files to {folder}")
        return
    drifts = check_generated(folder, hash_only=hash_only)
    if as_json:
        rows = [{"file": str(d.path), "kind": d.kind, "diff": d.diff} for d in drifts]
        emit_json("generate", {"drift": rows})
    else:
        for drift in drifts:
            click.echo(f"{drift}\n{drift.diff}".rstrip())
        click.echo(
            f"{len(drifts)} of the generated files differ; dsf generate writes them anew"
            if drifts
            else "the generated files are what the generator writes"
        )
    if drifts:
        raise Ended(DRIFTED)
