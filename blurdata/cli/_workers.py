"""How many processes a command uses: all cores that it may, unless told otherwise."""

from typing import Annotated

import typer

Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; by default all cores.", show_default=False)]
