"""``blurdata verify``: is a set of shards what was written?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def run(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    repair: Annotated[bool, typer.Option("--repair", help="Build again what is broken or missing, and only that.")] = False,
    source: Annotated[str | None, typer.Option(help="With --repair: what the shards were packed from, if it has moved.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="With --repair: processes to build with.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the faults as JSON.")] = False,
) -> None:
    """Check hashes, checksums, counts, keys and sizes of all shards; lists every fault and exits 1 if there is one.

    Examples:
      blurdata verify shards

      blurdata verify shards --repair
    """
    import json

    from blurdata.progress import progress
    from blurdata.shards import repair as repair_shards
    from blurdata.shards import verify

    with progress("checking", _count(shards)) as advance:
        faults = repair_shards(shards, source, workers=workers, advance=advance) if repair else verify(shards, advance=advance)
    left = verify(shards) if repair and faults else faults
    if as_json:
        typer.echo(json.dumps({"shards": str(shards), "faults": [asdict(fault) for fault in left]}, indent=1))
    else:
        _tell(shards, [str(fault) for fault in faults], [str(fault) for fault in left])
    if left:
        hint = "blurdata verify --repair" if not repair else "remove what is not in the plan, or the same blurdata pack again for"
        typer.echo(f"Next: {hint} {shards}", err=True)
        raise typer.Exit(1)
    typer.echo(f"Next: blurdata report {shards} --out report.html", err=True)


def _count(shards: Path) -> int:
    from blurdata.errors import ShardCorrupt
    from blurdata.shards import Plan
    from blurdata.shards.records import PLAN, read_record

    try:
        return len(read_record(shards / PLAN, Plan).keys)
    except (OSError, ShardCorrupt):
        return 0


def _tell(shards: Path, faults: list[str], left: list[str]) -> None:
    for fault in faults:
        typer.echo(fault if fault in left else f"{fault} (repaired)")
    typer.echo(f"{shards}: {'sound' if not left else f'{len(left)} faults'}")
