"""How many processes a command uses: all cores that it may, unless told otherwise."""

import os
from typing import Annotated

import typer

Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; by default all cores.", show_default=False)]


def available_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
