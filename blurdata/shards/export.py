"""Pairs out of any source as two plain folders of PNGs that every other tool reads."""

import io
import json
from pathlib import Path

import numpy as np

from blurdata.errors import OutputError
from blurdata.files import make_folder, write_atomic, write_png
from blurdata.pairs import PairSource
from blurdata.progress import SILENT, Advance
from blurdata.shards.plan import HALVES

_LIST = "pairs.jsonl"


def export_folders(source: PairSource, out: Path | str, *, extras: bool = True, advance: Advance = SILENT) -> int:
    """Write ``OUT/{blurry,sharp}/<key>.png``, ``OUT/extras/<name>/<key>.npy`` and ``OUT/pairs.jsonl`` (keys and meta data).

    PNG keeps every bit, 8 or 16. The list is written last, so a folder without it is not finished; the same call writes all
    again. ``pairs:OUT`` reads the folder back: the same keys, pictures, meta data and extras.

    Args:
        source: The pairs.
        out: The folder; it must be empty, or an earlier export.
        extras: Whether extra arrays are written too.
        advance: Told of each pair.

    Returns:
        Number of pairs.

    Raises:
        OutputError: If the folder holds something else, or is full or read-only.

    Example:
        >>> import tempfile
        >>> from blurdata.pairs import Pair, PairList
        >>> grey = np.full((4, 6, 3), 128, np.uint8)
        >>> export_folders(PairList([Pair("a/0", grey, grey)]), Path(tempfile.mkdtemp()) / "out")
        1
    """
    folder = make_folder(Path(out))
    strange = sorted(
        path.name for path in folder.iterdir() if path.name not in (*HALVES, "extras", _LIST) and not path.name.startswith(".")
    )
    if strange:
        msg = f"{folder}: holds something else ({strange[0]}); choose an empty --out."
        raise OutputError(msg)
    (folder / _LIST).unlink(missing_ok=True)
    lines = []
    for pair in source:
        for half in HALVES:
            write_png(folder / half / f"{pair.key}.png", getattr(pair, half))
        for name, array in pair.extras.items() if extras else ():
            data = io.BytesIO()
            np.save(data, array, allow_pickle=False)
            write_atomic(folder / "extras" / name / f"{pair.key}.npy", data.getvalue())
        lines.append(json.dumps({"key": pair.key, "meta": dict(pair.meta)}, sort_keys=True))
        advance()
    write_atomic(folder / _LIST, "\n".join(lines) + "\n")
    return len(lines)
