"""The ``blurdata`` command: thin. One file a command, each listed once in ``_COMMANDS``; imports happen inside the commands."""

import errno
import inspect
import io
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module

import typer

from blurdata.cli._help import Command, Group
from blurdata.errors import BlurDataError
from blurdata.interrupt import STOPPED, check, end_stopped, was_stopped

# name on the command line -> module whose function `run` is the command, or whose `app` holds sub-commands; the order is that of the help
_COMMANDS: dict[str, str] = {
    "demo": "blurdata.cli.demo",
    "synthesize": "blurdata.cli.synthesize",
    "align": "blurdata.cli.align",
    "calibrate-lens": "blurdata.cli.calibrate_lens",
    "blur": "blurdata.cli.blur",
    "deblur": "blurdata.cli.deblur",
    "pack": "blurdata.cli.pack",
    "verify": "blurdata.cli.verify",
    "info": "blurdata.cli.info",
    "clean": "blurdata.cli.clean",
    "convert": "blurdata.cli.convert",
    "report": "blurdata.cli.report",
    "evaluate": "blurdata.cli.evaluate",
    "audit": "blurdata.cli.audit",
    "export": "blurdata.cli.export",
    "reproduce": "blurdata.cli.reproduce",
    "calibrate-response": "blurdata.cli.calibrate_response",
    "recipe": "blurdata.cli.recipe",
    "doctor": "blurdata.cli.doctor",
}


def build_app() -> typer.Typer:
    """The typer application with every command."""
    app = typer.Typer(
        name="blurdata",
        cls=Group,
        help="Make, store, check and use image-blur data.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version)
    for name, module in _COMMANDS.items():
        part = import_module(module)
        if hasattr(part, "app"):
            app.add_typer(part.app, name=name)
        else:
            app.command(name, cls=Command, no_args_is_help=_needs_arguments(part.run))(part.run)
    return app


def _needs_arguments(run: Callable[..., None]) -> bool:
    """Whether a command cannot run without arguments; then none at all asks for its help."""
    return any(parameter.default is inspect.Parameter.empty for parameter in inspect.signature(run).parameters.values())


def _print_version(wanted: bool) -> None:
    if wanted:
        from blurdata import __version__

        typer.echo(__version__)
        raise typer.Exit


def _version(
    version: bool = typer.Option(False, "--version", callback=_print_version, help="Print the version and stop.", is_eager=True),
) -> None:
    """Options of the command itself; --version ends in its own callback."""


def main() -> None:
    """Run the command line; data errors become one sentence on stderr and exit code 1, never a traceback."""
    _hush()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: names of files may hold what no encoding does
    try:
        app = build_app()
        check()
        app(prog_name="blurdata")  # also where it runs as `python -m blurdata`: completion goes by the name
    except BlurDataError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        end_stopped()
    except SystemExit as end:
        if end.code == STOPPED:  # what newer typers make of Ctrl-C, without a word
            end_stopped()
        raise
    except MemoryError:
        _fail("not enough memory; use smaller pictures or fewer workers.")
    except Exception as error:  # nobody should meet a traceback; who wants to mend it asks for one
        if was_stopped(error):
            end_stopped()
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            _fail(f"'{str(error.filename)[:60]}…' is no path: it, or a name in it, is too long.")
        if os.environ.get("BLURDATA_TRACEBACK", "0") not in ("", "0"):
            raise
        if isinstance(error, ImportError):
            _fail(f"a package that is needed cannot be imported ({error}); reinstall blurdata with pip, `blurdata doctor` tells more.")
        _fail(f"{type(error).__name__}: {error} (this is a fault of blurdata; BLURDATA_TRACEBACK=1 shows where).")


def _hush() -> None:
    """What OpenCV and Pillow would say of a damaged picture, beside the one sentence that names it; worker processes inherit it."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _fail(sentence: str) -> None:
    check()  # what failed may have failed for that
    print(f"blurdata: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
