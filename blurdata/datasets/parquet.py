"""Export of any source as a Hugging Face set: Parquet files with Image features, and a card."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from blurdata.datasets.base import FilePairs
from blurdata.errors import OutputError, output_error
from blurdata.files import encode_png, make_folder, sync, write_atomic
from blurdata.locks import leftovers, sweep, temporary
from blurdata.naming import without_folders
from blurdata.pairs import Pair, PairSource
from blurdata.progress import SILENT, Advance
from blurdata.recipe import recipe_id

_ROW_GROUP = 32  # rows read together: few, because pictures are large
_SPLIT_LENGTH = 50
_KEPT = (".png", ".jpg", ".jpeg")  # files that go in as they are
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


class _Size(NamedTuple):
    """Of one file or one split: pairs, bytes in memory, bytes on disk."""

    pairs: int = 0
    memory: int = 0
    disk: int = 0

    def plus(self, other: "_Size") -> "_Size":
        return _Size(*(a + b for a, b in zip(self, other, strict=True)))


def export_parquet(
    source: PairSource, out: Path | str, *, license_id: str | None = None, name: str = "", file_mb: int = 500, advance: Advance = SILENT
) -> list[Path]:
    """Write a source as ``out/data/<split>-00000-of-0000N.parquet`` and ``out/README.md``; ``load_dataset(out)`` opens it.

    Columns: ``key``, ``blurry`` and ``sharp`` (Image), ``meta`` (JSON). PNG and JPEG files go in byte for byte, anything else as PNG.

    Args:
        source: The pairs; ``split`` in their meta decides the file, ``train`` where there is none.
        out: A folder without Parquet files.
        license_id: Licence for the card, such as ``"cc-by-4.0"``; the licence of data is never guessed.
        name: Title of the card.
        file_mb: A new file begins beyond this size.
        advance: Called once a pair.

    Returns:
        The Parquet files.

    Raises:
        OutputError: If ``out`` holds Parquet files or cannot be written.
        SourceError: If a pair cannot be read; nothing half-written is left.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.datasets import open_folders
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for half in ("blurry", "sharp"):
        ...     write_png(root / "set" / half / "a.png", np.zeros((4, 6, 3), np.uint8))
        >>> [path.name for path in export_parquet(open_folders(root / "set"), root / "out")]
        ['train-00000-of-00001.parquet']
    """
    folder = make_folder(Path(out) / "data")
    if any(folder.glob("*.parquet")):
        msg = f"{folder}: already holds Parquet files; choose another --out or remove them."
        raise OutputError(msg)
    sweep(leftovers(folder))
    parts: dict[str, list[Path]] = {}
    sizes: dict[str, _Size] = {}
    with ExitStack() as held:  # how many files a split has is part of their names, so all wait under others
        for split, rows in _files(source, file_mb * 1_000_000, advance):
            target = folder / f"{split}-{len(parts.get(split, [])):05d}.parquet"
            path, size = _write(target, rows, held)
            parts.setdefault(split, []).append(path)
            sizes[split] = sizes.get(split, _Size()).plus(size)
        write_atomic(Path(out) / "README.md", _card(source, sizes, license_id, name))
        return _publish(folder, parts)


def _files(source: PairSource, limit: int, advance: Advance) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(split, rows) of one file after the other; splits may come mixed."""
    open_rows: dict[str, list[dict[str, Any]]] = {}
    sizes: dict[str, int] = {}
    for index, pair in enumerate(source):
        split = _split_name(pair.meta.get("split"))
        row = _row(source, index, pair)
        open_rows.setdefault(split, []).append(row)
        sizes[split] = sizes.get(split, 0) + len(row["blurry"]["bytes"]) + len(row["sharp"]["bytes"])
        advance()
        if sizes[split] > limit:
            yield split, open_rows.pop(split)
            sizes[split] = 0
    yield from open_rows.items()


def _split_name(told: Any) -> str:
    """A split as ``datasets`` takes one: letters, digits and underscores. It is part of a file's name, and may be a stranger's."""
    return re.sub(r"\W+", "_", str(told or ""))[:_SPLIT_LENGTH].strip("_") or "train"


def _row(source: PairSource, index: int, pair: Pair) -> dict[str, Any]:
    stem = pair.key.replace("/", "-")
    cells = {}
    for half, picture in (("blurry", pair.blurry), ("sharp", pair.sharp)):
        path = getattr(source.entries[index], half) if isinstance(source, FilePairs) else None
        if path is not None and path.suffix.lower() in _KEPT:
            cells[half] = {"bytes": path.read_bytes(), "path": f"{stem}-{half}{path.suffix.lower()}"}
        else:
            cells[half] = {"bytes": encode_png(picture, level=4), "path": f"{stem}-{half}.png"}
    return {"key": pair.key, **cells, "meta": json.dumps(dict(pair.meta), sort_keys=True)}


def _features() -> Any:
    import datasets

    return datasets.Features(
        {"key": datasets.Value("string"), "blurry": datasets.Image(), "sharp": datasets.Image(), "meta": datasets.Value("string")}
    )


def _write(target: Path, rows: list[dict[str, Any]], held: ExitStack) -> tuple[Path, _Size]:
    """Write rows to a temporary file beside ``target``, which ``held`` keeps from being swept and removes unless it is renamed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows, schema=_features().arrow_schema)
    try:
        path, _ = held.enter_context(temporary(target))
        pq.write_table(table, path, row_group_size=_ROW_GROUP, compression="none")  # pictures are compressed already
        sync(path)
        return path, _Size(len(rows), table.nbytes, path.stat().st_size)
    except OSError as error:
        raise output_error(target, error) from error


def _publish(folder: Path, parts: Mapping[str, list[Path]]) -> list[Path]:
    """The files under their final names, which hold their number."""
    published = []
    for split, paths in parts.items():
        for number, path in enumerate(paths):
            published.append(path.rename(folder / f"{split}-{number:05d}-of-{len(paths):05d}.parquet"))
    sync(folder)
    return published


def _card(source: PairSource, sizes: Mapping[str, _Size], license_id: str | None, name: str) -> str:
    total = sum(size.pairs for size in sizes.values())
    title = name or without_folders(source.text) or "Blurry and sharp pairs"
    front = {
        **({"license": license_id} if license_id else {}),
        "pretty_name": title,
        "task_categories": ["image-to-image"],
        "tags": ["deblurring", "motion-blur", "image-restoration"],
        "size_categories": [next((label for limit, label in _SIZES if total < limit), "n>1M")],
        "configs": [{"config_name": "default", "data_files": [{"split": s, "path": f"data/{s}-*"} for s in sizes]}],
        "dataset_info": {
            "features": [{"name": column, "dtype": kind} for column, kind in (("key", "string"), ("blurry", "image"), ("sharp", "image"))]
            + [{"name": "meta", "dtype": "string"}],
            "splits": [{"name": split, "num_bytes": size.memory, "num_examples": size.pairs} for split, size in sizes.items()],
            "download_size": sum(size.disk for size in sizes.values()),
            "dataset_size": sum(size.memory for size in sizes.values()),
        },
    }
    recipe = dict(source.recipe)
    rows = "\n".join(f"| {split} | {size.pairs} |" for split, size in sizes.items())
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---

# {title}

Pairs of one blurry picture and its sharp ground truth, of one size.

| split | pairs |
|---|---|
{rows}

`key` is the pair's full name; `blurry` and `sharp` are pictures; `meta` is JSON that says how the pair was made.

## Origin

- source: `{without_folders(source.text) or "made in memory"}`
- recipe `{recipe_id(recipe)}`: `{json.dumps(recipe, sort_keys=True)}`
- fingerprint of the content: `{source.fingerprint()}`
- licence: {license_id or "not stated; ask the authors of the source before you publish it"}

```python
from datasets import load_dataset
pairs = load_dataset("THIS_FOLDER_OR_NAME", split="{next(iter(sizes))}")
```
"""
