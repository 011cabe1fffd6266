"""The entry point: commands found by name, and every way a command can end as an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from ..errors import DsfError
from .common import Ended, Session, fail
from .terminal import error_text

COMMANDS = (
    "bench",
    "check",
    "claims",
    "compare",
    "conditions",
    "doctor",
    "explain",
    "generate",
    "list",
    "minimal",
    "new",
    "recheck",
    "relations",
    "show",
    "taylor",
    "verify",
)
BAD_INPUT, INTERRUPTED, FAULT = 2, 130, 70

EPILOG = """\b
A LAYER is a name from `dsf list`, a file my_layer.py, or my_layer.py:NAME.
NO_COLOR=1 turns colour off; COLUMNS sets the width, 80 at most.
"""


class Commands(click.Group):
    """The commands, each in a module of its own that is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dsf_sym.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a usage error gives the nearest names."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from ..certificates.certificate import library_version

        click.echo(f"dsf {library_version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@click.pass_context
def application(ctx: click.Context) -> None:
    """Derive what a sequence layer is, and prove or refute what it equals."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(BAD_INPUT)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; `arguments` are the process's own by default."""
    session = Session(list(sys.argv[1:] if arguments is None else arguments))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with application.make_context("dsf", list(session.arguments), obj=session) as ctx:
            application.invoke(ctx)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as left:
        return left.exit_code
    except Ended as ended:
        return ended.code
    except DsfError as error:
        return fail(session, type(error).__name__, str(error), BAD_INPUT)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "dsf"
        message = error.format_message()
        message = message[:1].lower() + message[1:].rstrip(".")
        return fail(session, "Usage", f"{message}\nsee: {where} --help", BAD_INPUT)
    except click.ClickException as error:
        return fail(session, "Usage", error.format_message(), BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has left; what the interpreter flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        message = "there is not enough memory for this; take smaller sizes (--sizes)"
        return fail(session, "SizeError", message, BAD_INPUT)
    except Exception as error:
        import traceback

        traceback.print_exc()
        apology = "this is a fault of dsf, not of what you typed; please report the lines above"
        click.echo(error_text(f"{type(error).__name__}: {apology}"), err=True)
        return FAULT


def main() -> NoReturn:
    """The entry point of `dsf`."""
    sys.exit(run())
