"""The small JSON files beside the shards: the plan, a sidecar a shard, the index.

A shard counts once its sidecar is there (the commit mark); a set is whole once its index is there.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from blurdata.errors import ShardCorrupt, command
from blurdata.layouts import INDEX, PLAN, is_shards
from blurdata.naming import some
from blurdata.paths import too_long
from blurdata.recipe import Recipe
from blurdata.shards.plan import Plan
from blurdata.shards.publish import HASH

_MAX_BYTES = 1 << 30
Record = TypeVar("Record", bound=BaseModel)
Digest = Annotated[str, Field(pattern=r"^(blake3|blake2b):[0-9a-f]{64}$")]


class _Hashed(Recipe):
    """What names a shard's hash."""

    bytes: int = Field(ge=1)
    hash: Digest

    @property
    def kind(self) -> str:
        """The kind of hash."""
        return self.hash.partition(":")[0]

    @model_validator(mode="before")
    @classmethod
    def _as_now(cls, data: Any) -> Any:
        """Sets of before have the BLAKE2b of a shard under that name."""
        if not isinstance(data, dict) or "blake2b" not in data or "hash" in data:
            return data
        return {name: value for name, value in data.items() if name != "blake2b"} | {"hash": f"blake2b:{data['blake2b']}"}


class Sidecar(_Hashed):
    """What a finished shard is; its presence says that the shard is finished."""

    format: Literal["blurdata-sidecar"] = "blurdata-sidecar"
    version: Literal[1] = 1
    plan_id: str
    recipe_id: str
    index: int = Field(ge=0)
    keys: tuple[str, ...] = Field(min_length=1)
    libraries: dict[str, str]


class ShardEntry(_Hashed):
    """One shard in the index."""

    pairs: int = Field(ge=1)


class Index(Recipe):
    """All shards of a finished set and their totals."""

    format: Literal["blurdata-index"] = "blurdata-index"
    version: Literal[1] = 1
    plan_id: str
    recipe_id: str
    pairs: int
    bytes: int
    shards: tuple[ShardEntry, ...] = Field(min_length=1)


def shard_folders(folder: Path) -> list[str]:
    """Names of the folders of shards in a folder that is none itself."""
    if too_long(folder) or not folder.is_dir() or is_shards(folder):
        return []
    return sorted(child.name for child in folder.iterdir() if is_shards(child))


def no_plan(folder: Path) -> str:
    """What to say of a folder that should hold shards and has no plan."""
    if is_shards(folder):
        repairing = command("verify", "--repair", "--source", "SOURCE", folder)
        return f"{folder}: its {PLAN} is lost; `{repairing}` makes it again from what was packed."
    if children := shard_folders(folder):
        return f"{folder}: holds no shards itself, but {some(children)} in it {'does' if len(children) == 1 else 'do'}; give one folder."
    return f"{folder}: holds no shards (there is no {PLAN}); give the folder that `blurdata pack` wrote."


def shard_path(folder: Path, index: int) -> Path:
    """A shard's file."""
    return folder / f"shard-{index:05d}.h5"


def sidecar_path(folder: Path, index: int) -> Path:
    """A shard's sidecar."""
    return folder / f"shard-{index:05d}.json"


def to_json(record: BaseModel) -> bytes:
    """Bytes of a record: the same for equal records."""
    return (json.dumps(record.model_dump(mode="json"), indent=1) + "\n").encode()


def read_record(path: Path, model: type[Record]) -> Record:
    """Read and check one of the JSON files.

    Raises:
        FileNotFoundError: If there is none, or not even a folder.
        ShardCorrupt: If it is damaged, cannot be read, or is of another format or version.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ShardCorrupt(path, None, "is larger than such a file can be")
        return model.model_validate_json(path.read_bytes())
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ShardCorrupt(path, None, f"cannot be read ({error.strerror})") from error
    except (ValidationError, RecursionError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "too deeply nested"}
        field = ".".join(str(part) for part in first["loc"])
        raise ShardCorrupt(path, None, f"is damaged or of another format ({field + ': ' if field else ''}{first['msg']})") from None


def sidecars_in(folder: Path) -> Iterator[tuple[Path, Sidecar]]:
    """The sidecars that can be read, in order, and their files."""
    for path in sorted(folder.glob("shard-*.json")):
        with suppress(FileNotFoundError, ShardCorrupt):
            yield path, read_record(path, Sidecar)


def plan_ids(folder: Path) -> set[str]:
    """Ids of the plans that a folder's sidecars and index say they are of; the plan's own file is not looked at."""
    found = {sidecar.plan_id for _, sidecar in sidecars_in(folder)}
    with suppress(FileNotFoundError, ShardCorrupt):
        found.add(read_record(folder / INDEX, Index).plan_id)
    return found


def hash_kind(folder: Path) -> str:
    """The kind of hash that a folder's shards are told by: that of those which are there, so that a set keeps its fingerprint."""
    for _, sidecar in sidecars_in(folder):
        return sidecar.kind
    with suppress(FileNotFoundError, ShardCorrupt):
        return read_record(folder / INDEX, Index).shards[0].kind
    return HASH


def finished(folder: Path, plan: Plan, index: int) -> Sidecar | None:
    """The sidecar of a shard that needs no more work, or None; a shard of the plan is skipped on resume if this is not None."""
    try:
        sidecar = read_record(sidecar_path(folder, index), Sidecar)
        size = shard_path(folder, index).stat().st_size
    except (OSError, ShardCorrupt):
        return None
    right = (sidecar.plan_id, sidecar.recipe_id, sidecar.index) == (plan.id, plan.recipe_id, index)
    return sidecar if right and sidecar.bytes == size and sidecar.keys == plan.shard_keys(index) else None


def make_index(plan: Plan, sidecars: list[Sidecar]) -> Index:
    """The index over all sidecars of a plan."""
    entries = tuple(ShardEntry(pairs=len(one.keys), bytes=one.bytes, hash=one.hash) for one in sidecars)
    return Index(
        plan_id=plan.id,
        recipe_id=plan.recipe_id,
        pairs=len(plan.keys),
        bytes=sum(entry.bytes for entry in entries),
        shards=entries,
    )
