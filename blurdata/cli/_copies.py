"""What ``blurdata blur`` and ``blurdata deblur`` say of the pictures they made."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blurdata.errors import SourceError

if TYPE_CHECKING:
    from blurdata.transforms.copies import Outcome


def say_outcome(outcome: "Outcome", out: Path, *, done: str, record: Path, as_json: bool) -> None:
    """Counts on stdout, as text or JSON; ``done`` is what happened to the pictures, such as "blurred", ``record`` the file that says how.

    Raises:
        SourceError: If pictures failed.
    """
    from blurdata.naming import counted

    failed = list(outcome.failed)
    if as_json:
        typer.echo(json.dumps({done: outcome.made, "kept": outcome.kept, "failed": failed, "out": str(out)}))
    else:
        kept = f", {outcome.kept} were there already" if outcome.kept else ""
        typer.echo(f"{counted(outcome.made, 'picture')} {done}{kept}; {record} says how")
    if failed:
        total = outcome.made + outcome.kept + len(failed)
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        msg = f"{len(failed)} of {counted(total, 'picture')} could not be {done}: {failed[0].rstrip('.')}{more}."
        raise SourceError(msg)
