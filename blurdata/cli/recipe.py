"""``blurdata recipe``: the recipes that ship, to list, to read and to copy for editing."""

import itertools
import re
import shlex
import shutil
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._help import Command, Group
from blurdata.cli._next import say_next

app = typer.Typer(cls=Group, help="List, show and copy the recipes that ship.", no_args_is_help=True)


@app.command("list", cls=Command)
def list_recipes(as_json: Annotated[bool, typer.Option("--json", help="Print names and purposes as JSON.")] = False) -> None:
    """List the recipes that ship, each with its purpose.

    Examples:
      blurdata recipe list
    """
    import json

    from blurdata.recipe import find_recipe, recipe_names

    purposes = {name: _purpose(find_recipe(name)) for name in recipe_names()}
    if as_json:
        typer.echo(json.dumps([{"name": name, "purpose": purpose} for name, purpose in purposes.items()], indent=1, ensure_ascii=False))
        return
    width = max((len(name) for name in purposes), default=0)
    for name, purpose in purposes.items():
        lines = textwrap.wrap(purpose, max(shutil.get_terminal_size((100, 20)).columns - width - 2, 40))
        typer.echo(f"{name:<{width}}  " + f"\n{'':<{width}}  ".join(lines))
    say_next("recipe", "show", "NAME")


@app.command("show", cls=Command, no_args_is_help=True)
def show(name: Annotated[str, typer.Argument(help="Name of a recipe that ships, or the path of one.")]) -> None:
    """Print a recipe as it stands in its file.

    Examples:
      blurdata recipe show gopro
    """
    from blurdata.recipe import find_recipe

    typer.echo(_read(find_recipe(name)).rstrip())
    say_next("recipe", "copy", name, "--out", "my_recipe.yaml")


@app.command("copy", cls=Command, no_args_is_help=True)
def copy(
    name: Annotated[str, typer.Argument(help="Name of a recipe that ships, or the path of one.")],
    out: Annotated[Path | None, typer.Option(help="The copy; by default NAME.yaml in this folder.", metavar="FILE.yaml")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Copy a recipe to edit; commands take the path of the copy where they take a name.

    Examples:
      blurdata recipe copy gopro --out my_recipe.yaml
    """
    from blurdata.errors import OutputError
    from blurdata.files import write_atomic
    from blurdata.recipe import find_recipe

    path = find_recipe(name)
    target = out if out is not None else Path(path.name)
    if target.is_dir():
        msg = f"{target}: is a folder; give the name of a file, such as {target / path.name}."
        raise OutputError(msg)
    if target.exists() and not overwrite:
        msg = f"{target}: is there already; choose another --out, or give --overwrite."
        raise OutputError(msg)
    write_atomic(target, _read(path))
    typer.echo(target)
    typer.echo(f"Next: edit {target} and give it with {shlex.join(['--recipe', str(target)])}", err=True)


def _read(path: Path) -> str:
    from blurdata.errors import RecipeError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read ({error})."
        raise RecipeError(msg) from error


def _purpose(path: Path) -> str:
    """The first sentence of a recipe's opening comment, however many lines it takes."""
    opening = itertools.takewhile(lambda line: line.startswith("#"), _read(path).splitlines())
    text = " ".join(line.lstrip("# ").strip() for line in opening)
    return re.split(r"(?<=[a-z0-9)]{2}[.]) (?=[A-Z])", text, maxsplit=1)[0].rstrip(".") + "."
