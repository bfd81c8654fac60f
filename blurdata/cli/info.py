"""``blurdata info``: what is in shards or a source, and where it came from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from blurdata.cli._next import say_next, say_pack
from blurdata.errors import command

if TYPE_CHECKING:
    from blurdata.pairs import PairSource


def run(
    source: Annotated[str, typer.Argument(help="A folder of shards, or KIND:PATH?option=value.", metavar="SOURCE|SHARDS")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what is inside shards, or any source of pairs, and where it came from.

    Examples:
      blurdata info shards
      blurdata info 'gopro:GOPRO_Large?split=test&variant=blur_gamma' --json
    """
    import json

    from blurdata.layouts import is_shards
    from blurdata.paths import user_path
    from blurdata.shards import describe

    folder = user_path(source.removeprefix("shards:"))
    shards = is_shards(folder) or (source.startswith("shards:") and "?" not in source)
    told = describe(folder) if shards else _describe_source(source)
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        for name, value in told.items():
            _tell(name, _shown(name, value))
    if not shards:
        say_pack(source)
    elif told["complete"]:
        say_next("verify", folder)
    else:
        typer.echo(f"Next: the same blurdata pack again, which finishes it, or {command('verify', '--repair', folder)}", err=True)


def _shown(name: str, value: Any) -> Any:
    """A value of :func:`describe` as a person reads it."""
    from blurdata.naming import counted

    if name == "missing_shards":
        return [f"shard-{index:05d}.h5" for index in value]
    if name == "written_with":
        return [f"{libraries} ({counted(count, 'shard')})" for libraries, count in value.items()]
    return value


def _describe_source(source: str) -> dict[str, Any]:
    from blurdata.recipe import recipe_id
    from blurdata.shards import open_input

    opened = open_input(source)
    first = opened[0]
    return {
        "source": opened.text,
        **opened.summary(),
        "first_key": first.key,
        "first_size": f"{first.size[1]}x{first.size[0]} {first.sharp.dtype}",
        "raw_bytes": _raw_bytes(opened),
        "first_meta": dict(first.meta),
        "extras": sorted(first.extras),
        "recipe_id": recipe_id(opened.recipe),
        "recipe": dict(opened.recipe),
    }


def _raw_bytes(source: "PairSource") -> int | None:
    """Bytes of all pictures in memory, from headers; None where only making every pair would tell."""
    from blurdata.pairs import PairSource

    if type(source).nbytes is PairSource.nbytes:
        return None
    return sum(source.nbytes(index) for index in range(len(source)))


def _tell(name: str, value: Any) -> None:
    """One line, or a name and indented lines for what has parts; empty things are left out."""
    label = name.replace("_", " ")
    if isinstance(value, dict) and value:
        typer.echo(f"{label}:")
        _tell_parts(value, "    ")
    elif isinstance(value, list) and value:
        typer.echo(f"{label:<26} {', '.join(map(str, value))}")
    elif value not in ({}, [], "", None):
        typer.echo(f"{label:<26} {value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{label:<26} {value}")


def _tell_parts(parts: dict[str, Any], indent: str) -> None:
    for field, one in parts.items():
        if isinstance(one, dict) and one:
            typer.echo(f"{indent}{field}:")
            _tell_parts(one, indent + "    ")
        else:
            typer.echo(f"{indent}{field:<{26 - len(indent)}} {one}")
