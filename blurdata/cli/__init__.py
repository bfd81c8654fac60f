"""The ``blurdata`` command: thin. One file a command, each listed once in ``_COMMANDS``; imports happen inside the commands."""

import os
import sys
from importlib import import_module

import typer

from blurdata.errors import BlurDataError

# name on the command line -> module whose function `run` is the command; the order is the order of the help page
_COMMANDS: dict[str, str] = {
    "demo": "blurdata.cli.demo",
    "synthesize": "blurdata.cli.synthesize",
    "blur": "blurdata.cli.blur",
    "pack": "blurdata.cli.pack",
    "verify": "blurdata.cli.verify",
    "info": "blurdata.cli.info",
    "clean": "blurdata.cli.clean",
    "convert": "blurdata.cli.convert",
    "report": "blurdata.cli.report",
    "evaluate": "blurdata.cli.evaluate",
    "audit": "blurdata.cli.audit",
    "export": "blurdata.cli.export",
    "calibrate-response": "blurdata.cli.calibrate_response",
}


def build_app() -> typer.Typer:
    """The typer application with every command."""
    app = typer.Typer(
        name="blurdata",
        help="Make, store, check and use image-blur data.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version)
    for name, module in _COMMANDS.items():
        app.command(name, no_args_is_help=name != "demo")(import_module(module).run)
    return app


def _version(version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True)) -> None:
    if version:
        from blurdata import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; data errors become one sentence on stderr and exit code 1, never a traceback."""
    try:
        build_app()()
    except BlurDataError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print("blurdata: stopped; the same command again carries on.", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except MemoryError:
        _fail("not enough memory; use smaller pictures or fewer workers.")


def _fail(sentence: str) -> None:
    print(f"blurdata: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
